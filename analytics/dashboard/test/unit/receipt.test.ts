import { describe, expect, it } from 'vitest'
import goldenKeys from '../../../../schemas/testdata/receipt/keys.json?raw'
import golden from '../../../../schemas/testdata/receipt/receipt.json?raw'
import { canonical, differences, digest, parseKeySet, parseReceipt, type Receipt, ReceiptError, signedBlock, verifyReceipt } from '../../src/receipt'
import fixture from './receipts.json?raw'

// Receipts that a hub wrote, of blocks with one submission and with sixteen.
const { keys: jwks, receipts } = JSON.parse(fixture) as { keys: unknown; receipts: Receipt[] }
const keys = parseKeySet(JSON.stringify(jwks))
const deep = receipts.find((r) => r.path.length > 1 && r.rejected > 0)!
/** A second key that the set knows, but not the receipts'. */
const withOther = new Map([...keys, ...[...parseKeySet(goldenKeys)].map(([, x]) => ['other', x] as const)])

function reasonOf(f: () => void): string {
  try {
    f()
  } catch (e) {
    if (e instanceof ReceiptError) return e.reason
    throw e
  }
  return 'verifies'
}
const altered = (change: (r: Receipt) => void, from: Receipt = deep) => {
  const r = structuredClone(from)
  change(r)
  return reasonOf(() => verifyReceipt(r, withOther))
}

describe('receipts of a hub', () => {
  it('verify, each by itself', () => {
    for (const r of receipts) verifyReceipt(parseReceipt(JSON.stringify(r)), keys)
    expect(receipts.some((r) => r.path.length === 0)).toBe(true)
    expect(receipts.some((r) => r.path.length > 3)).toBe(true)
  })

  it('verify as the Go package wrote them down', () => {
    verifyReceipt(parseReceipt(golden), parseKeySet(goldenKeys))
  })

  it('verify when the moment is written in another zone', () => {
    const r = structuredClone(deep)
    const east = new Date(Date.parse(r.received_at) + 8 * 3600_000).toISOString().replace('Z', '+08:00')
    r.received_at = east
    verifyReceipt(parseReceipt(JSON.stringify(r)), keys)
  })

  it('have this canonical form and this signed text', () => {
    const r: Receipt = { submission: '42-0', dataset: 'tourism_flow', agency: 'dazu-wlj', received: 10, accepted: 8, rejected: 2, superseded: 1, sequence: 42, sha256: 'f1f8', received_at: '2025-10-01T17:05:00.123+08:00', kid: 'r1', signature: '', path: [] }
    expect(canonical(r)).toBe('zida-receipt-v1\n42-0\ntourism_flow\ndazu-wlj\n10\n8\n2\n1\n42\nf1f8\n2025-10-01T09:05:00.123Z\n')
    expect(signedBlock(42, Uint8Array.of(1, ...new Array<number>(31).fill(0)))).toBe('zida-block-v1\n42\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n')
  })
})

describe('a receipt with one field altered', () => {
  const ways: Record<keyof Receipt, (r: Receipt) => void> = {
    submission: (r) => (r.submission = '42-9'),
    dataset: (r) => (r.dataset = 'tourism_flow'),
    agency: (r) => (r.agency = 'ziyang-wglj'),
    received: (r) => r.received++,
    accepted: (r) => r.accepted--,
    rejected: (r) => (r.rejected = -r.rejected),
    superseded: (r) => r.superseded++,
    sequence: (r) => r.sequence++,
    sha256: (r) => (r.sha256 = '0'.repeat(64)),
    received_at: (r) => (r.received_at = new Date(Date.parse(r.received_at) + 1).toISOString()),
    kid: (r) => (r.kid = 'other'),
    signature: (r) => (r.signature = btoa('\0'.repeat(64))),
    path: (r) => r.path.shift(),
  }
  it('has a way of altering every field', () => {
    expect(Object.keys(ways).sort()).toEqual(Object.keys(deep).filter((f) => f !== 'errors').sort())
  })
  it.each(Object.entries(ways))('fails: %s', (_, change) => {
    expect(altered(change)).toBe('signature')
  })
  it('fails when a step changes its side, or two change places', () => {
    expect(altered((r) => (r.path[0] = (r.path[0]!.startsWith('l') ? 'r' : 'l') + r.path[0]!.slice(1)))).toBe('signature')
    expect(altered((r) => ([r.path[0], r.path[1]] = [r.path[1]!, r.path[0]!]))).toBe('signature')
  })
  it('says which fields differ from the hub’s own', () => {
    const forged = { ...deep, accepted: 999, agency: 'ziyang-wglj' }
    expect(differences(forged, deep)).toEqual([
      { field: 'accepted', given: '999', own: String(deep.accepted) },
      { field: 'agency', given: 'ziyang-wglj', own: deep.agency },
    ])
    expect(differences(deep, deep)).toEqual([])
  })
})

describe('a malformed receipt', () => {
  it.each<[string, (r: Receipt) => void]>([
    ['no agency', (r) => (r.agency = '')],
    ['a line moved', (r) => ([r.dataset, r.agency] = [r.dataset + '\ndazu', 'wlj'])],
    ['capital hex', (r) => (r.sha256 = r.sha256.toUpperCase())],
    ['too fine a moment', (r) => (r.received_at = r.received_at.replace('Z', '001Z'))],
    ['a day that is not', (r) => (r.received_at = '2026-02-30T00:00:00.000Z')],
    ['no signature', (r) => (r.signature = '')],
    ['more padding', (r) => (r.signature += '=')],
    ['bits behind the end', (r) => (r.signature = r.signature.replace(/.==$/, 'B=='))],
    ['no side', (r) => (r.path[0] = r.path[0]!.slice(2))],
    ['another side', (r) => (r.path[0] = 'x:' + r.path[0]!.slice(2))],
    ['a short sibling', (r) => (r.path[0] = 'l:AAAA')],
    ['too long a path', (r) => (r.path = new Array<string>(41).fill(r.path[0]!))],
  ])('is refused: %s', (_, change) => {
    expect(altered(change)).toBe('malformed')
  })
  it('names a key that nobody knows', () => {
    expect(altered((r) => (r.kid = 'unknown'))).toBe('key')
  })
})

describe('reading a receipt', () => {
  const good = JSON.stringify(deep)
  const bad: [string, string][] = [
    ['a member twice', good.replace('{', '{"accepted":999,')],
    ['a member twice, in escapes', good.replace('{', '{"\\u0061ccepted":999,')],
    ['another case', good.replace('{', '{"Accepted":999,')],
    ['an unknown member', good.replace('{', '{"note":"forged",')],
    ['a member missing', good.replace(/"rejected":\d+,/, '')],
    ['more after it', good + '{}'],
    ['cut short', good.slice(0, -1)],
    ['no object', '[]'],
    ['a text for a number', good.replace(/"accepted":(\d+)/, '"accepted":"$1"')],
    ['a number with a point', good.replace(/"accepted":(\d+)/, '"accepted":$1.0')],
    ['a number for a text', good.replace(/"agency":"[^"]+"/, '"agency":7')],
    ['a path that is none', good.replace(/"path":\[[^\]]*\]/, '"path":"l:"')],
    ['errors that are none', good.replace(/"errors":\[\]/, '"errors":[1]')],
  ]
  it('takes it with its members in any order, and names inside texts', () => {
    const turned = JSON.stringify(Object.fromEntries(Object.entries({ ...deep, errors: [{ row: 1, code: 'range', message: '{"accepted":1}, "]' }] }).reverse()), null, 2)
    verifyReceipt(parseReceipt(turned), keys)
  })
  it.each(bad)('refuses %s', (_, text) => {
    expect(text).not.toBe(good)
    expect(reasonOf(() => parseReceipt(text))).toBe('malformed')
  })
})

describe('a key set', () => {
  const x = [...(jwks as { keys: { x: string }[] }).keys][0]!.x
  const okp = (kid: string, more: object = {}) => ({ kty: 'OKP', crv: 'Ed25519', kid, x, ...more })
  const read = (...list: object[]) => parseKeySet(JSON.stringify({ keys: list }))
  it('holds its Ed25519 keys', () => {
    expect(read(okp('r1')).size).toBe(1)
    expect(read(okp('r1', { use: 'sig', alg: 'EdDSA' }), okp('r2', { status: 'retired' })).size).toBe(2)
    expect(read(okp('r1'), { kty: 'EC', crv: 'P-256', kid: 'e', x: 'AA', y: 'AA' }).size).toBe(1)
  })
  it.each<[string, object[]]>([
    ['nothing', []],
    ['only another use', [okp('r1', { use: 'enc' })]],
    ['only another algorithm', [okp('r1', { alg: 'ES256' })]],
    ['a private key', [okp('r1', { d: 'AAAA' })]],
    ['no kid', [okp('')]],
    ['one kid twice', [okp('r1'), okp('r1')]],
    ['a short key', [{ ...okp('r1'), x: 'AAAA' }]],
  ])('is refused with %s', (_, list) => {
    expect(() => read(...list)).toThrow(ReceiptError)
  })
})

describe('the digest of a file', () => {
  it('is that of its bytes, however they arrive', async () => {
    const bytes = new TextEncoder().encode('abc')
    const pieces = new ReadableStream<Uint8Array>({
      start(c) {
        for (const b of bytes) c.enqueue(Uint8Array.of(b))
        c.close()
      },
    })
    expect(await digest(pieces)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
