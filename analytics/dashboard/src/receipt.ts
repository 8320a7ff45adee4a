import * as ed25519 from '@noble/ed25519'
import { sha256, sha512 } from '@noble/hashes/sha2.js'

// A receipt checked in the browser, with the hub's public keys and nothing else of the hub:
// the same rules as schemas.VerifyReceipt and schemas.ParseReceipt. crypto.subtle is not
// there on plain http, so the hashes and the curve are those of a library.

ed25519.hashes.sha512 = sha512

export interface Receipt {
  submission: string
  dataset: string
  agency: string
  received: number
  accepted: number
  rejected: number
  superseded: number
  sequence: number
  sha256: string
  received_at: string
  kid: string
  signature: string
  path: string[]
}

export type KeySet = Map<string, Uint8Array>

/** Why a receipt does not verify, in both languages. */
export class ReceiptError extends Error {
  constructor(
    readonly reason: 'malformed' | 'key' | 'signature',
    readonly zh: string,
    readonly en: string,
    /** The member that is at fault, where one can be named. */
    readonly field?: keyof Receipt | 'errors',
  ) {
    super(en)
  }
}

const malformed = (zh: string, en: string, field?: keyof Receipt | 'errors') => new ReceiptError('malformed', zh, en, field)

const texts = ['submission', 'dataset', 'agency', 'sha256', 'received_at', 'kid', 'signature'] as const
const counts = ['received', 'accepted', 'rejected', 'superseded', 'sequence'] as const
const members: readonly string[] = [...texts, ...counts, 'path', 'errors']
const mostPath = 40

/**
 * Reads a receipt as the hub wrote it: each member once, spelt exactly, and nothing else.
 * JSON.parse would keep the last of two members in silence, and so say one thing to the
 * one who verifies and another to the one who reads.
 */
export function parseReceipt(text: string): Receipt {
  try {
    JSON.parse(text)
  } catch {
    throw malformed('文件不是完整的 JSON，可能被截断或多出了内容。', 'The file is not JSON: it is cut short, or there is more after it.')
  }
  if (!/^[ \t\r\n]*\{/.test(text)) throw malformed('文件不是一份回执：最外层不是 JSON 对象。', 'This is no receipt: it is not a JSON object.')
  const raw = membersOf(text)
  for (const name of members) {
    if (name !== 'errors' && !raw.has(name)) throw malformed(`缺少 ${name}。`, `${name} is missing.`, name as keyof Receipt)
  }
  const out: Partial<Record<keyof Receipt, unknown>> = {}
  for (const name of texts) {
    const value: unknown = JSON.parse(raw.get(name)!)
    if (typeof value !== 'string') throw malformed(`${name} 应为文本。`, `${name} must be a text.`, name)
    out[name] = value
  }
  for (const name of counts) {
    // 1.0 and 1e0 are the same number but not the same receipt: the text itself is looked at.
    const value = raw.get(name)!
    if (!/^-?(?:0|[1-9][0-9]*)$/.test(value) || !Number.isSafeInteger(Number(value)) || (name === 'sequence' && Number(value) < 0)) {
      throw malformed(`${name} 应为整数，却是 ${value.slice(0, 40)}。`, `${name} must be a whole number, but is ${value.slice(0, 40)}.`, name)
    }
    out[name] = Number(value)
  }
  const path: unknown = JSON.parse(raw.get('path')!)
  if (!Array.isArray(path) || path.some((p) => typeof p !== 'string')) throw malformed('path 应为文本的数组。', 'path must be an array of texts.', 'path')
  out.path = path as string[]
  const errors: unknown = raw.has('errors') ? JSON.parse(raw.get('errors')!) : []
  if (errors !== null && (!Array.isArray(errors) || errors.some((e) => typeof e !== 'object' || e === null || Array.isArray(e)))) {
    throw malformed('errors 应为对象的数组。', 'errors must be an array of objects.', 'errors')
  }
  momentOf(out.received_at as string)
  return out as Receipt
}

/** The members of an object's text with the text of each value; the whole is known to be JSON. */
function membersOf(text: string): Map<string, string> {
  const found = new Map<string, string>()
  let depth = 0
  let name: string | undefined // of the member whose value is being read
  let start = 0
  const end = (at: number) => {
    if (name !== undefined) found.set(name, text.slice(start, at).trim())
    name = undefined
  }
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '"') {
      const from = i
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++
      if (depth === 1 && name === undefined) {
        const read = JSON.parse(text.slice(from, i + 1)) as string
        if (found.has(read) || !members.includes(read)) {
          throw malformed(`“${read.slice(0, 60)}”出现了两次，或不属于回执。`, `"${read.slice(0, 60)}" is there twice, or does not belong to a receipt.`)
        }
        name = read
        start = text.indexOf(':', i) + 1
        i = start - 1
      }
    } else if (c === '{' || c === '[') depth++
    else if (c === '}' || c === ']') {
      if (--depth === 0) end(i)
    } else if (c === ',' && depth === 1) end(i)
  }
  return found
}

/** The milliseconds of an RFC 3339 time; anything finer is not a receipt's. */
function momentOf(text: string): number {
  const wrong = malformed(`received_at 不是有效的时刻：${text.slice(0, 60)}。`, `received_at is not a time: ${text.slice(0, 60)}.`, 'received_at')
  const m = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/.exec(text)
  if (!m) throw wrong
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const fraction = m[7] ?? ''
  if (/[1-9]/.test(fraction.slice(3))) throw malformed('received_at 精确到毫秒以下，不是中心写出的时刻。', 'received_at is finer than a millisecond, which no hub writes.', 'received_at')
  const at = new Date(0)
  at.setUTCFullYear(year, month - 1, day)
  at.setUTCHours(hour, minute, second, Number(fraction.slice(0, 3).padEnd(3, '0')))
  const same = at.getUTCFullYear() === year && at.getUTCMonth() === month - 1 && at.getUTCDate() === day && at.getUTCHours() === hour && at.getUTCMinutes() === minute && at.getUTCSeconds() === second
  const offset = m[8] === undefined ? 0 : (Number(m[9]) * 60 + Number(m[10])) * (m[8] === '-' ? -1 : 1)
  if (!same || Number(m[9] ?? 0) > 23 || Number(m[10] ?? 0) > 59) throw wrong
  const millis = at.getTime() - offset * 60_000
  if (!/^\d{4}-/.test(new Date(millis).toISOString())) throw wrong
  return millis
}

const utf8 = new TextEncoder()

/** The text whose hash is the receipt's leaf; see AppendCanonical in schemas/receipt.go. */
export function canonical(r: Receipt): string {
  return ['zida-receipt-v1', r.submission, r.dataset, r.agency, r.received, r.accepted, r.rejected, r.superseded, r.sequence, r.sha256, new Date(momentOf(r.received_at)).toISOString(), ''].join('\n')
}

export function leaf(r: Receipt): Uint8Array {
  return sha256(joined(Uint8Array.of(0), utf8.encode(canonical(r))))
}

function node(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(joined(Uint8Array.of(1), left, right))
}

export function signedBlock(sequence: number, root: Uint8Array): string {
  return `zida-block-v1\n${sequence}\n${toBase64(root)}\n`
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

/** base64 of RFC 4648 §4 with its padding; null for any other way of writing the bytes. */
function fromBase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return null
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  return toBase64(bytes) === text ? bytes : null
}

/** The Ed25519 keys of a JSON Web Key Set, by key id; keys of other kinds are left out. */
export function parseKeySet(text: string): KeySet {
  const failed = (zh: string, en: string) => new ReceiptError('key', '公钥集无法使用：' + zh, 'The key set cannot be used: ' + en)
  let list: unknown
  try {
    list = (JSON.parse(text) as { keys?: unknown }).keys
  } catch {
    throw failed('不是 JSON。', 'it is not JSON.')
  }
  const keys: KeySet = new Map()
  for (const k of (Array.isArray(list) ? list : []) as Record<string, unknown>[]) {
    if (k.d !== undefined && k.d !== '') throw failed('其中有私钥。', 'it holds a private key.')
    if (k.kty !== 'OKP' || k.crv !== 'Ed25519' || ![undefined, '', 'sig'].includes(k.use as string | undefined) || ![undefined, '', 'EdDSA', 'Ed25519'].includes(k.alg as string | undefined)) continue
    const kid = typeof k.kid === 'string' ? k.kid : ''
    const x = typeof k.x === 'string' && /^[A-Za-z0-9_-]{43}$/.test(k.x) ? fromBase64(k.x.replace(/-/g, '+').replace(/_/g, '/') + '=') : null
    if (kid === '' || x === null) throw failed('有一个公钥不完整。', 'a key is not whole.')
    if (keys.has(kid)) throw failed(`kid ${kid} 对应两个公钥。`, `the kid ${kid} names two keys.`)
    keys.set(kid, x)
  }
  if (keys.size === 0) throw failed('其中没有 Ed25519 公钥。', 'it holds no Ed25519 key.')
  return keys
}

/** Checks a receipt offline against the hub's public keys; throws a ReceiptError. */
export function verifyReceipt(r: Receipt, keys: KeySet): void {
  for (const name of ['submission', 'dataset', 'agency', 'kid'] as const) {
    // A line break could move text from one canonical line into the next.
    if (r[name] === '' || /[\u0000-\u001f\u007f]/.test(r[name])) throw malformed(`${name} 为空或含控制字符。`, `${name} is empty or holds a control character.`, name)
  }
  if (!/^[0-9a-f]{64}$/.test(r.sha256)) throw malformed('sha256 须为 64 位小写十六进制数字。', 'sha256 must be 64 lower-case hexadecimal digits.', 'sha256')
  momentOf(r.received_at)
  if (r.path.length > mostPath) throw malformed(`path 有 ${r.path.length} 步，不可能这么长。`, `path has ${r.path.length} entries; none is that long.`, 'path')
  const key = keys.get(r.kid)
  if (key === undefined) {
    throw new ReceiptError('key', `签名密钥 ${r.kid} 不在本中心公布的公钥之中：回执不是本中心签发的，或编号被改过。`, `The signing key ${r.kid} is not among this hub's public keys: the receipt is of another hub, or its kid was altered.`, 'kid')
  }
  let hash = leaf(r)
  r.path.forEach((entry, i) => {
    const side = entry.slice(0, 2)
    const sibling = fromBase64(entry.slice(2))
    if ((side !== 'l:' && side !== 'r:') || sibling === null || sibling.length !== 32) {
      throw malformed(`证明路径第 ${i + 1} 步有误：须为 l: 或 r: 加 32 字节的 base64。`, `Step ${i + 1} of the path is wrong: it must be l: or r: and 32 bytes in base64.`, 'path')
    }
    hash = side === 'l:' ? node(sibling, hash) : node(hash, sibling)
  })
  const signature = fromBase64(r.signature)
  if (signature === null || signature.length !== 64) throw malformed('签名须为 64 字节的 base64。', 'The signature must be 64 bytes in base64.', 'signature')
  let good = false
  try {
    good = ed25519.verify(signature, utf8.encode(signedBlock(r.sequence, hash)), key, { zip215: false })
  } catch {
    // Bytes that are no point of the curve are no signature either.
  }
  if (!good) {
    throw new ReceiptError('signature', '签名与回执内容不符：至少有一项被改过，或它不是本中心签发的。', 'The signature does not cover this receipt: something in it was altered, or it is not this hub’s.')
  }
}

/** What two receipts of one submission say differently. */
export function differences(given: Receipt, own: Receipt): { field: keyof Receipt; given: string; own: string }[] {
  const say = (r: Receipt, f: keyof Receipt) => (f === 'received_at' ? new Date(momentOf(r.received_at)).toISOString() : f === 'path' ? r.path.join(' ') : String(r[f]))
  return ([...counts, ...texts, 'path'] as const).flatMap((field) => (say(given, field) === say(own, field) ? [] : [{ field, given: say(given, field), own: say(own, field) }]))
}

/** The SHA-256 of a stream in hexadecimal, read piece by piece: the file may be larger than memory. */
export async function digest(stream: ReadableStream<Uint8Array>, progress?: (bytes: number) => void): Promise<string> {
  const hash = sha256.create()
  const reader = stream.getReader()
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    hash.update(value)
    bytes += value.length
    progress?.(bytes)
  }
  return [...hash.digest()].map((b) => b.toString(16).padStart(2, '0')).join('')
}
