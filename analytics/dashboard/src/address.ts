import type { Comparison, Filter, Grain, Order } from './types'
import { isDay } from './time'

// The whole state of the picture is its address, so that a link shows the same picture:
//
//   view=tourism            which view
//   range=30d               or from=2026-01-01&to=2026-02-01 (to is not part of it)
//   grain=day               width of time's buckets
//   compare=previous_year   none, previous_period or previous_year
//   f=region:in:500111,512021   a filter; may be repeated; "\" goes before a comma of a value
//   as_of=2026-11-01T00:00:00+08:00   as it was known then
//   sort=-visitors          order of tables
//   metrics=a,b  dims=x,y  chart=line  limit=20   what the explorer asks
//   id=42-7                 the submission, dataset or tab that a page shows
//   panel=load              the panel that fills the page
//   lang=en theme=dark mode=wall   how it is shown; mode is wall or print
//
// What is left out is the view's own default. What cannot be read is dropped: an address
// typed by hand still shows something.

export type Mode = 'desk' | 'wall' | 'print'
export type Theme = 'auto' | 'light' | 'dark'

export interface Address {
  view: string
  range?: string
  from?: string
  to?: string
  grain?: Grain
  compare?: Comparison
  filters: Filter[]
  asOf?: string
  sort: Order[]
  metrics: string[]
  dims: string[]
  chart?: string
  limit?: number
  id?: string
  panel?: string
  lang: 'zh' | 'en'
  theme: Theme
  mode: Mode
}

export const home = 'overview'

export function emptyAddress(): Address {
  return { view: home, filters: [], sort: [], metrics: [], dims: [], lang: 'zh', theme: 'auto', mode: 'desk' }
}

const grains: readonly string[] = ['5min', 'hour', 'day', 'week', 'month', 'quarter', 'year']
const comparisons: readonly string[] = ['none', 'previous_period', 'previous_year']
const word = /^[a-z][a-z0-9_]{0,63}$/
const rangeName = /^(?:[1-9][0-9]{0,3}[dwmqy]|month|quarter|half|year|plan|all)$/
const ops: readonly string[] = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'not_in', 'starts_with', 'is_null', 'not_null']
const mostFilters = 20

export function encodeFilter(f: Filter): string {
  const values = f.values.map((v) => v.replace(/[\\,]/g, '\\$&')).join(',')
  return values === '' && f.values.length === 0 ? `${f.dimension}:${f.op}` : `${f.dimension}:${f.op}:${values}`
}

export function decodeFilter(text: string): Filter | null {
  const first = text.indexOf(':')
  if (first < 0) return null
  const second = text.indexOf(':', first + 1)
  const dimension = text.slice(0, first)
  const op = second < 0 ? text.slice(first + 1) : text.slice(first + 1, second)
  if (!word.test(dimension) || !ops.includes(op)) return null
  if (second < 0) return op === 'is_null' || op === 'not_null' ? { dimension, op, values: [] } : null
  const values: string[] = []
  let value = ''
  const rest = text.slice(second + 1)
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] === '\\' && i + 1 < rest.length) value += rest[++i]
    else if (rest[i] === ',') {
      values.push(value)
      value = ''
    } else value += rest[i]
  }
  values.push(value)
  return { dimension, op, values }
}

export function encode(a: Address): string {
  const out: [string, string][] = [['view', a.view]]
  const put = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== '') out.push([name, value])
  }
  put('range', a.range)
  put('from', a.from)
  put('to', a.to)
  put('grain', a.grain)
  put('compare', a.compare)
  for (const f of a.filters) put('f', encodeFilter(f))
  put('as_of', a.asOf)
  put('sort', a.sort.map((o) => (o.dir === 'desc' ? '-' : '') + o.by).join(','))
  put('metrics', a.metrics.join(','))
  put('dims', a.dims.join(','))
  put('chart', a.chart)
  if (a.limit !== undefined) put('limit', String(a.limit))
  put('id', a.id)
  put('panel', a.panel)
  if (a.lang !== 'zh') put('lang', a.lang)
  if (a.theme !== 'auto') put('theme', a.theme)
  if (a.mode !== 'desk') put('mode', a.mode)
  // URLSearchParams would write %3A and %2C for what an address may hold as it is.
  return '?' + out.map(([n, v]) => n + '=' + encodeURIComponent(v).replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2B/g, '%2B')).join('&')
}

export function decode(search: string): Address {
  const a = emptyAddress()
  const given = new URLSearchParams(search)
  const read = (name: string, fits: (v: string) => boolean): string | undefined => {
    const v = given.get(name)
    return v !== null && v !== '' && fits(v) ? v : undefined
  }
  const set = <K extends keyof Address>(key: K, value: Address[K] | undefined) => {
    if (value !== undefined) a[key] = value
  }
  set('view', read('view', (v) => word.test(v)))
  set('range', read('range', (v) => rangeName.test(v)))
  if (a.range === undefined) {
    const from = read('from', isDay)
    const to = read('to', isDay)
    if (from !== undefined && to !== undefined && from < to) {
      a.from = from
      a.to = to
    }
  }
  set('grain', read('grain', (v) => grains.includes(v)) as Grain | undefined)
  set('compare', read('compare', (v) => comparisons.includes(v)) as Comparison | undefined)
  a.filters = given
    .getAll('f')
    .map(decodeFilter)
    .filter((f) => f !== null)
    .slice(0, mostFilters)
  set('asOf', read('as_of', (v) => v.length <= 40 && /^\d{4}-\d{2}-\d{2}/.test(v) && !Number.isNaN(Date.parse(v))))
  a.sort = names(given.get('sort')).flatMap((name): Order[] => {
    const by = name.replace(/^-/, '')
    return /^[a-z_][a-z0-9_]{0,80}$/.test(by) ? [{ by, dir: name.startsWith('-') ? 'desc' : 'asc' }] : []
  })
  a.metrics = names(given.get('metrics')).filter((v) => word.test(v)).slice(0, 20)
  a.dims = names(given.get('dims')).filter((v) => word.test(v)).slice(0, 10)
  set('chart', read('chart', (v) => word.test(v)))
  const limit = read('limit', (v) => /^[1-9][0-9]{0,4}$/.test(v))
  if (limit !== undefined) a.limit = Number(limit)
  set('id', read('id', (v) => /^[A-Za-z0-9_.-]{1,80}$/.test(v)))
  set('panel', read('panel', (v) => word.test(v)))
  set('lang', read('lang', (v) => v === 'zh' || v === 'en') as Address['lang'] | undefined)
  set('theme', read('theme', (v) => v === 'light' || v === 'dark') as Theme | undefined)
  set('mode', read('mode', (v) => v === 'wall' || v === 'print') as Mode | undefined)
  return a
}

function names(text: string | null): string[] {
  return (text ?? '')
    .split(',')
    .map((v) => v.trim())
    .filter((v) => v !== '')
}

/** Adds or takes away one value of an "in" filter: what a click on a mark does. */
export function toggleFilter(filters: Filter[], dimension: string, value: string): Filter[] {
  const rest = filters.filter((f) => !(f.dimension === dimension && f.op === 'in'))
  const had = filters.find((f) => f.dimension === dimension && f.op === 'in')?.values ?? []
  const values = had.includes(value) ? had.filter((v) => v !== value) : [...had, value]
  return values.length === 0 ? rest : [...rest, { dimension, op: 'in', values }]
}
