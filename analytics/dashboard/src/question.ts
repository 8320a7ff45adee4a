import type { Address } from './address'
import { align, halfOf, type Day, type Range, resolveRange } from './time'
import type { Comparison, Filter, Grain, Metric, Panel, Query, Question, View } from './types'

// From a panel and the address to the question that the hub is asked. Every figure on the
// page comes from one of these, so any of them can be checked with POST /v1/query.

export interface Asked extends Question {
  panel: Panel
  grain: Grain | undefined
  range: Range | null
  /** Filters of the reader that do not apply, since the panel's metrics have no such dimension. */
  ignored: Filter[]
}

/** The range in force: the reader's, else the view's own. */
export function rangeOf(view: Pick<View, 'range'>, a: Address, today: Day): Range | null {
  if (a.from !== undefined && a.to !== undefined) return { from: a.from, to: a.to }
  return resolveRange(a.range ?? view.range, today)
}

export function grainOf(view: View, a: Address): Grain {
  return a.grain ?? view.grains?.[0] ?? 'day'
}

export function compareOf(view: Pick<View, 'compare'>, a: Address): Comparison {
  return a.compare ?? view.compare ?? 'none'
}

const levels = ['public', 'internal', 'sensitive', 'core']

/** Of the records that a board or list is made of. */
export const mostRecords = 1000

/** Charts over time follow the view's grain unless the panel says otherwise. */
const overTime = new Set(['line', 'stacked', 'bar', 'heat'])

function panelGrain(view: View, panel: Panel, a: Address): Grain | undefined {
  const said = panel.grain ?? (overTime.has(panel.chart) ? 'view' : 'none')
  if (said === 'none') return undefined
  return said === 'view' ? grainOf(view, a) : said
}

/** Every dimension that all of the panel's metrics have; null when it is not known. */
function dimensionsOf(panel: Panel, metrics: Map<string, Metric>): Set<string> | null {
  const lists = (panel.metrics ?? []).flatMap((name) => {
    const m = metrics.get(name)
    return m ? [m.dimensions.map((d) => d.name)] : []
  })
  const [first, ...rest] = lists
  return first ? new Set(first.filter((d) => rest.every((l) => l.includes(d)))) : null
}

export function questionOf(view: View, panel: Panel, a: Address, today: Day, metrics: Map<string, Metric>, clearance = 'core'): Asked {
  const now = a.asOf !== undefined ? dayAsOf(a.asOf) : today
  const title = a.lang === 'en' ? panel.title_en : panel.title
  const fixed = (panel.filters ?? []).map((f) => ({ ...f, values: f.values.map((v) => (v === '$half' ? halfOf(now) : v)) }))
  if (panel.chart === 'freshness') return { id: panel.id, title, freshness: {}, panel, grain: undefined, range: null, ignored: a.filters }
  if (panel.records) {
    const own = new Set(panel.records.fields ?? [])
    const usable = a.filters.filter((f) => own.has(f.dimension))
    const records = {
      dataset: panel.records.dataset,
      ...(panel.records.fields ? { fields: panel.records.fields } : {}),
      filters: [...fixed, ...(panel.records.filters ?? []).map((f) => ({ ...f, values: f.values.map((v) => (v === '$half' ? halfOf(now) : v)) })), ...usable].map((f) => ({
        dimension: f.dimension,
        op: f.op,
        values: f.values,
      })),
      limit: mostRecords, // they come by version: the panel orders them and cuts
      ...(panel.range !== undefined && panel.range !== 'all' ? bounds(resolveRange(panel.range, now)) : {}),
      ...(a.asOf !== undefined ? { as_of: a.asOf } : {}),
    }
    return { id: panel.id, title, records, panel, grain: undefined, range: null, ignored: a.filters.filter((f) => !own.has(f.dimension)) }
  }
  const grain = panelGrain(view, panel, a)
  let range = panel.range !== undefined ? resolveRange(panel.range, now) : rangeOf(view, a, now)
  const compare = panel.compare === undefined || panel.compare === 'view' ? compareOf(view, a) : panel.compare
  if (range && grain) range = align(range, grain)
  const known = dimensionsOf(panel, metrics)
  const ignored = known === null ? [] : a.filters.filter((f) => !known.has(f.dimension))
  const query: Query = { metrics: panel.metrics ?? [] }
  if (panel.dimensions?.length) query.dimensions = panel.dimensions
  if (range || grain) query.time = { ...bounds(range), ...(grain ? { grain } : {}) }
  const filters = [...fixed, ...a.filters.filter((f) => known === null || known.has(f.dimension))]
  if (filters.length) query.filters = filters
  // What is above the reader's clearance cannot be ordered by: it comes masked, in the hub's own order.
  const order = panel.order?.filter((o) => levels.indexOf(metrics.get(o.by.replace(/_(previous|change)$/, ''))?.classification ?? '') <= levels.indexOf(clearance))
  if (order?.length) query.order = order
  if (panel.limit !== undefined) query.limit = panel.limit
  if (a.asOf !== undefined) query.as_of = a.asOf
  // A comparison needs both ends; a week must be compared with a week, not with a year ago.
  if (compare !== 'none' && range && !(grain === 'week' && compare === 'previous_year')) query.compare = compare
  return { id: panel.id, title, query, panel, grain, range, ignored }
}

function bounds(range: Range | null): { from?: string; to?: string } {
  return range ? { from: range.from, to: range.to } : {}
}

function dayAsOf(asOf: string): Day {
  return new Date(Date.parse(asOf) + 8 * 3600_000).toISOString().slice(0, 10)
}

/** The question without what only the page needs: what is sent. */
export function sent(q: Asked): Question {
  return { id: q.id, ...(q.title !== undefined ? { title: q.title } : {}), ...(q.query ? { query: q.query } : {}), ...(q.records ? { records: q.records } : {}), ...(q.freshness ? { freshness: q.freshness } : {}) }
}

/** The datasets that a panel's figures come from. */
export function datasetsOf(panel: Panel, metrics: Map<string, Metric>): string[] {
  const names = new Set<string>(panel.datasets ?? [])
  if (panel.records) names.add(panel.records.dataset)
  for (const name of panel.metrics ?? []) {
    const m = metrics.get(name)
    if (m) for (const d of sources(m.dataset)) names.add(d)
  }
  return [...names]
}

/** Booked figures are worked out of two datasets. */
export function sources(dataset: string): string[] {
  return dataset === 'park_booking' ? ['park_monthly', 'economic_split'] : [dataset]
}
