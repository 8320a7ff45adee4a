import { describe, expect, it } from 'vitest'
import { guessCharset, kindOf, recordText, toUTF8 } from '../../src/body'
import type { Property } from '../../src/contract'
import { csvLine } from '../../src/submission'

const of = (name: string, type: Property['type']): Property => ({ name, type, required: false, classification: 'public' })

describe('one record from a form', () => {
  const properties = [of('code', 'string'), of('n', 'integer'), of('x', 'number'), of('b', 'boolean'), of('at', 'timestamp'), of('day', 'date')]
  it('keeps numbers as they were typed, and codes as texts', () => {
    expect(recordText({ code: '500111', n: '12', x: '9007199254740993.10', b: 'true', at: '2026-11-01T10:00', day: '2026-11-01' }, properties)).toBe(
      '{"code":"500111","n":12,"x":9007199254740993.10,"b":true,"at":"2026-11-01T10:00:00+08:00","day":"2026-11-01"}',
    )
  })
  it('leaves out what is empty, and sends what is no number for the hub to refuse', () => {
    expect(recordText({ code: ' ', n: '1,2', x: '007', b: '', at: '昨天' }, properties)).toBe('{"n":"1,2","x":"007","at":"昨天"}')
  })
})

describe('a file', () => {
  it.each([
    ['a.xlsx', { kind: 'xlsx' }],
    ['a.b.CSV', { kind: 'csv' }],
    ['a.jsonl', { kind: 'ndjson' }],
    ['a.csv.gz', { kind: 'csv', packed: 'gzip' }],
    ['a.json.zst', { kind: 'json', packed: 'zstd' }],
    ['a.xls', null],
    ['a.xlsx.gz', null],
    ['csv', null],
  ])('%s is known by its name', (name, want) => {
    expect(kindOf(name)).toEqual(want)
  })

  const gb = Uint8Array.of(0xd4, 0xb0, 0xc7, 0xf8, 0x2c, 0x31, 0x0a) // 园区,1
  it('is GB18030 where it is no UTF-8, and is read as such', async () => {
    expect(await guessCharset(new Blob(['园区,1\n']))).toBe('utf-8')
    expect(await guessCharset(new Blob([gb]))).toBe('gb18030')
    expect(await new Response(toUTF8(new Blob([gb]))).text()).toBe('园区,1\n')
  })
  it('is no GB18030 where a byte says so', async () => {
    await expect(new Response(toUTF8(new Blob([Uint8Array.of(0x31, 0xff, 0xff)]))).text()).rejects.toThrow()
  })
  it('may be cut in a character where its beginning ends', async () => {
    expect(await guessCharset(new Blob(['a', '园'.repeat(400_000)]))).toBe('utf-8')
  })
})

it('a line of CSV holds no formula', () => {
  expect(csvLine(['=1+1', '-3', '-3+1', '+86', '@a', 'a"b', undefined, 7])).toBe('"\'=1+1","-3","\'-3+1","\'+86","\'@a","a""b","","7"\r\n')
})
