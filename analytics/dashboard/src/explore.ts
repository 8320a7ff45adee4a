import type { Address } from './address'
import { labelOf } from './i18n'
import type { ChartKind, Dimension, Filter, Grain, Metric, Order, Panel, Query, View } from './types'

// What the explorer may ask, and how the same question is put from a shell. All of it is
// worked out of the address and the list of metrics, so that a link asks the same again.

/** The hub's own bound on one query. */
export const mostMetrics = 20
export const mostDimensions = 10

/** Grains the explorer offers, finest first. */
export const grains: Grain[] = ['hour', 'day', 'week', 'month', 'quarter', 'year']

export const limits = [10, 20, 50, 100, 500, 1000, 5000]
/** More rows than this are for a file, not for a page. */
export const defaultLimit = 500

/** In a sentence the texts of both languages are needed, whichever is being shown. */
export interface Words {
  zh: string
  en: string
}

const has = (m: Metric, dimension: string) => m.dimensions.some((d) => d.name === dimension)

/** The dimensions that all of the metrics have, in the order of the first. */
export function sharedDimensions(metrics: Metric[]): Dimension[] {
  const [first, ...rest] = metrics
  return first ? first.dimensions.filter((d) => rest.every((m) => has(m, d.name))) : []
}

/** The finest grain that a metric's time can be told apart by; null where it has no time. */
export function finestOf(m: Metric): Grain | null {
  return has(m, 'hour') ? 'hour' : has(m, 'day') ? 'day' : has(m, 'month') ? 'month' : null
}

export function grainsOf(metrics: Metric[]): Grain[] {
  const from = Math.max(0, ...metrics.map((m) => {
    const g = finestOf(m)
    return g === null ? grains.length : grains.indexOf(g)
  }))
  return grains.slice(from)
}

/** Whether a filter leaves one value of its dimension. */
const fixesOne = (f: Filter) => (f.op === 'eq' || f.op === 'in') && f.values.length === 1

export interface Unmet {
  metric: Metric
  dimension: string
}

/** What the metrics cannot be summed over and is neither a dimension nor held to one value. */
export function unmet(metrics: Metric[], dims: string[], filters: Filter[]): Unmet[] {
  return metrics.flatMap((metric) =>
    (metric.requires ?? []).filter((d) => !dims.includes(d) && !filters.some((f) => f.dimension === d && fixesOne(f))).map((dimension) => ({ metric, dimension })),
  )
}

/** The name of a dimension as people read it. */
export function dimensionLabel(name: string, metrics: Iterable<Metric>): string {
  for (const m of metrics) {
    const d = m.dimensions.find((x) => x.name === name)
    if (d) return labelOf(d)
  }
  return name
}

/** Why a metric cannot join those that are chosen; null when it can. */
export function whyNot(m: Metric, chosen: Metric[], dims: string[], filters: Filter[], grain: Grain | undefined): Words | null {
  if (chosen.length === 0) return null
  if (chosen.length >= mostMetrics) return { zh: `一次最多 ${mostMetrics} 个指标`, en: `at most ${mostMetrics} metrics at once` }
  const shared = new Set(sharedDimensions(chosen).map((d) => d.name))
  const name = (d: string, en: boolean) => {
    const found = [...chosen, m].flatMap((x) => x.dimensions).find((x) => x.name === d)
    return (en ? found?.label_en : found?.label) ?? d
  }
  const say = (list: string[], zh: string, en: string): Words => ({ zh: zh + list.map((d) => name(d, false)).join('、'), en: en + list.map((d) => name(d, true)).join(', ') })
  const missing = dims.filter((d) => shared.has(d) && !has(m, d))
  if (missing.length) return say(missing, '没有所选的维度：', 'lacks the chosen dimension: ')
  const unfiltered = [...new Set(filters.map((f) => f.dimension))].filter((d) => shared.has(d) && !has(m, d))
  if (unfiltered.length) return say(unfiltered, '没有筛选用到的维度：', 'lacks the dimension filtered by: ')
  if (grain !== undefined && !grainsOf([m]).includes(grain)) {
    return finestOf(m) === null ? { zh: '没有时间，不能按时间划分', en: 'has no time to be told apart by' } : { zh: '时间没有这么细的粒度', en: 'its time is not that fine' }
  }
  if ((finestOf(m) === null) !== chosen.every((c) => finestOf(c) === null)) return { zh: '有时间与没有时间的指标不能同查', en: 'metrics with and without time cannot be asked together' }
  const theirs = [...new Set(chosen.flatMap((c) => c.requires ?? []))].filter((d) => !has(m, d))
  if (theirs.length) return say(theirs, '已选指标须划分、而它没有：', 'the chosen ones must be told apart by what it lacks: ')
  const own = (m.requires ?? []).filter((d) => !shared.has(d))
  if (own.length) return say(own, '它须划分、而已选指标没有：', 'must be told apart by what the chosen ones lack: ')
  return null
}

// --- the picture -----------------------------------------------------------

export const chartKinds = ['line', 'bar', 'stacked', 'ranking', 'matrix', 'table'] as const

/** An id and its name say one thing twice: they count as one. */
function breadth(dims: string[]): number {
  return dims.filter((d) => !(d.endsWith('_name') && dims.some((o) => o === d.slice(0, -5) || o === d.slice(0, -5) + '_id' || o === d.slice(0, -5) + '_code'))).length
}

export function autoChart(metrics: number, dims: string[], grain: Grain | undefined): ChartKind {
  const n = breadth(dims)
  if (grain !== undefined) return n <= 1 ? 'line' : 'table'
  if (n === 0) return 'kpi'
  if (n === 1) return 'ranking'
  return n === 2 && metrics === 1 ? 'matrix' : 'table'
}

const clearances = ['public', 'internal', 'sensitive', 'core']

/** What the address asks, of what there is: names that are not known are left out. */
export function chosenOf(a: Address, all: Map<string, Metric>): { metrics: Metric[]; dims: string[]; strange: string[] } {
  const metrics = a.metrics.flatMap((n) => all.get(n) ?? [])
  const shared = new Set(sharedDimensions(metrics).map((d) => d.name))
  return { metrics, dims: a.dims.filter((d) => shared.has(d)), strange: [...a.metrics.filter((n) => !all.has(n)), ...(metrics.length ? a.dims.filter((d) => !shared.has(d)) : [])] }
}

/** The explorer's question as a view of one panel, so that it is shown and exported as any other. */
export function exploreView(a: Address, all: Map<string, Metric>, clearance: string): View {
  const view: View = { view: 'explore', order: 0, title: '探索', title_en: 'Explorer', range: '30d', compare: 'none', panels: [] }
  const { metrics, dims } = chosenOf(a, all)
  if (metrics.length === 0 || unmet(metrics, dims, a.filters).length > 0) return view
  const grain = a.grain !== undefined && grainsOf(metrics).includes(a.grain) ? a.grain : undefined
  const timeless = metrics.every((m) => finestOf(m) === null)
  // As questionOf has it: without both ends, or of weeks a year ago, nothing is compared.
  const compared = a.compare !== undefined && a.compare !== 'none' && !timeless && a.range !== 'all' && !(grain === 'week' && a.compare === 'previous_year')
  const names = metrics.map((m) => m.name)
  const columns = new Set([...(grain ? ['time'] : []), ...dims, ...names.flatMap((n) => (compared ? [n, n + '_previous', n + '_change'] : [n]))])
  const chart = chartKinds.find((k) => k === a.chart) ?? autoChart(metrics.length, dims, grain)
  let order: Order[] = a.sort.filter((o) => columns.has(o.by))
  // The most come first; what is above the reader's clearance cannot be ordered by.
  if (order.length === 0 && grain === undefined && dims.length > 0 && clearances.indexOf(metrics[0]!.classification) <= clearances.indexOf(clearance)) order = [{ by: names[0]!, dir: 'desc' }]
  const words = (en: boolean) => {
    const label = (x: { label: string; label_en: string }) => (en ? x.label_en : x.label)
    const by = dims.map((d) => label(metrics[0]!.dimensions.find((x) => x.name === d)!))
    return metrics.map(label).join(en ? ', ' : '、') + (by.length ? (en ? ' by ' : ' · 按') + by.join(' × ') : '')
  }
  const panel: Panel = { id: 'explore', title: words(false), title_en: words(true), chart, span: 12, metrics: names, dimensions: dims, grain: grain ?? 'none', ...(order.length ? { order } : {}), limit: a.limit ?? defaultLimit }
  if (timeless) panel.range = 'all'
  view.panels.push(panel)
  return view
}

// --- the same from a shell -------------------------------------------------

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/

/** A word as a POSIX shell takes it. */
export function quote(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** Words that --by takes for the grain when none is given. */
const grainWords = new Set<string>(grains)

/** The command's options can say less than a query's body: "is one of", and no commas in values. */
function fitsOptions(q: Query): boolean {
  return (
    (q.filters ?? []).every((f) => (f.op === 'in' || f.op === 'eq') && f.values.length > 0 && f.values.every((v) => v !== '' && !v.includes(','))) &&
    (q.time?.grain !== undefined || !(q.dimensions ?? []).some((d) => grainWords.has(d)))
  )
}

/** The question as `zida query …`. */
export function commandText(q: Query): string {
  if (!fitsOptions(q)) return `zida query --body - <<'JSON'\n${JSON.stringify(q, null, 2)}\nJSON`
  const options: string[] = []
  const put = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== '') options.push(`--${name} ${quote(value)}`)
  }
  put('by', q.dimensions?.join(','))
  put('from', q.time?.from)
  put('to', q.time?.to)
  put('grain', q.time?.grain)
  for (const f of q.filters ?? []) put('filter', `${f.dimension}=${f.values.join(',')}`)
  const order = (q.order ?? []).map((o) => (o.dir === 'desc' ? '-' : '') + o.by).join(',')
  if (order) options.push('--order=' + quote(order)) // a value that begins with a minus is no option of its own
  if (q.limit !== undefined) put('limit', String(q.limit))
  put('compare', q.compare)
  put('as-of', q.as_of)
  return ['zida query ' + q.metrics.map(quote).join(' '), ...options].join(' \\\n  ')
}

/** The question as an HTTP call. */
export function curlText(q: Query, origin: string): string {
  return [`curl -sS ${quote(origin + '/v1/query')}`, `-H "Authorization: Bearer $(zida token)"`, `-H 'Content-Type: application/json'`, `--data ${quote(JSON.stringify(q))}`].join(' \\\n  ')
}
