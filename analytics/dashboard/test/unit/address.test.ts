import { describe, expect, it } from 'vitest'

declare const process: { env: Record<string, string | undefined> }
import { type Address, decode, decodeFilter, emptyAddress, encode, encodeFilter, toggleFilter } from '../../src/address'

// A small generator with a seed that is printed when a case fails, so that it can be run again.
function random(seed: number): () => number {
  let s = seed
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return s / 2 ** 32
  }
}
const texts = ['500111', '大足石刻·宝顶山', 'a,b', 'back\\slash', 'a:b', '&=?#%+ ', '', '"quoted"', '512021-S01', '<b>']

function anyAddress(next: () => number): Address {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  const a = emptyAddress()
  a.view = pick(['overview', 'tourism', 'explore', 'data_x9'])
  if (next() < 0.4) a.range = pick(['30d', '12m', 'plan', 'all', 'year', '2q'])
  else if (next() < 0.5) Object.assign(a, { from: '2026-01-31', to: '2026-03-01' })
  if (next() < 0.5) a.grain = pick(['hour', 'day', 'month', 'year'] as const)
  if (next() < 0.5) a.compare = pick(['none', 'previous_period', 'previous_year'] as const)
  for (let n = Math.floor(next() * 4); n > 0; n--) {
    a.filters.push(next() < 0.15 ? { dimension: 'spot_id', op: 'is_null', values: [] } : { dimension: pick(['region', 'spot_id', 'side']), op: pick(['in', 'eq', 'not_in']), values: Array.from({ length: 1 + Math.floor(next() * 3) }, () => pick(texts)) })
  }
  if (next() < 0.4) a.asOf = pick(['2026-11-01', '2026-11-01T08:00:00+08:00', '2026-11-01T00:00:00Z'])
  if (next() < 0.4) a.sort = [{ by: 'visitors', dir: 'desc' }, { by: 'region', dir: 'asc' }]
  if (next() < 0.3) a.metrics = ['visitors', 'load_ratio']
  if (next() < 0.3) a.dims = ['spot_id']
  if (next() < 0.3) a.chart = 'line'
  if (next() < 0.3) a.id = '42-7'
  if (next() < 0.3) a.panel = 'load'
  a.lang = pick(['zh', 'en'] as const)
  a.theme = pick(['auto', 'light', 'dark'] as const)
  a.mode = pick(['desk', 'wall', 'print'] as const)
  return a
}

describe('the address', () => {
  it('comes back as it went, whatever it holds', () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e9)
    const next = random(seed)
    for (let i = 0; i < 2000; i++) {
      const a = anyAddress(next)
      expect(decode(encode(a)), `SEED=${seed} case ${i}: ${encode(a)}`).toEqual(a)
    }
  })
  it('leaves out what is the default', () => {
    expect(encode(emptyAddress())).toBe('?view=overview')
  })
  it('drops what cannot be read and keeps the rest', () => {
    const a = decode('?view=../etc&range=40x&from=2026-02-30&to=2026-03-01&grain=fortnight&compare=luck&f=nonsense&f=region:in:500111&f=r:drop%20table:1&as_of=tomorrow&sort=-a,;b&lang=fr&theme=pink&mode=fly&id=%3Cscript%3E')
    expect(a).toEqual({ ...emptyAddress(), filters: [{ dimension: 'region', op: 'in', values: ['500111'] }], sort: [{ by: 'a', dir: 'desc' }] })
  })
  it('reads a filter as the hub does', () => {
    expect(decodeFilter('region:in:500111,512021')).toEqual({ dimension: 'region', op: 'in', values: ['500111', '512021'] })
    expect(decodeFilter('name:eq:a\\,b')).toEqual({ dimension: 'name', op: 'eq', values: ['a,b'] })
    expect(encodeFilter({ dimension: 'name', op: 'eq', values: ['a,b\\c'] })).toBe('name:eq:a\\,b\\\\c')
  })
  it('takes a value in by one click and out by the next', () => {
    const once = toggleFilter([], 'spot_id', 'a')
    expect(once).toEqual([{ dimension: 'spot_id', op: 'in', values: ['a'] }])
    expect(toggleFilter(toggleFilter(once, 'spot_id', 'b'), 'spot_id', 'a')).toEqual([{ dimension: 'spot_id', op: 'in', values: ['b'] }])
    expect(toggleFilter(once, 'spot_id', 'a')).toEqual([])
  })
})
