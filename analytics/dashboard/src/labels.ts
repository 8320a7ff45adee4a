import { labelOf, t } from './i18n'
import { regionName } from './names'
import type { Dimension, Filter, Grain, Metric } from './types'

// What ranges, grains and filters are called where they are chosen, and where they are printed.

export function rangeLabel(r: string): string {
  return { month: t('本月', 'this month'), quarter: t('本季', 'this quarter'), half: t('本半年', 'this half-year'), year: t('今年', 'this year'), plan: t('规划期', 'the plan'), all: t('全部', 'everything') }[r] ?? relative(r)
}

function relative(r: string): string {
  const n = r.slice(0, -1)
  return { d: t(`近${n}天`, `${n} days`), w: t(`近${n}周`, `${n} weeks`), m: t(`近${n}个月`, `${n} months`), q: t(`近${n}季`, `${n} quarters`), y: t(`近${n}年`, `${n} years`) }[r.slice(-1)] ?? r
}

export const grainLabel = (g: Grain): string =>
  ({ '5min': t('5分钟', '5 min'), hour: t('时', 'hour'), day: t('日', 'day'), week: t('周', 'week'), month: t('月', 'month'), quarter: t('季', 'quarter'), year: t('年', 'year') })[g]

const opText = (op: string) => ({ in: '=', eq: '=', ne: '≠', not_in: '≠', gt: '>', gte: '≥', lt: '<', lte: '≤', starts_with: '^', is_null: '∅', not_null: '!∅' })[op] ?? op

/** A filter in words; first are the dimensions whose labels are taken before those of any metric. */
export function filterText(f: Filter, metrics: Map<string, Metric>, first: Dimension[] = []): string {
  const own = first.find((d) => d.name === f.dimension) ?? [...metrics.values()].flatMap((m) => m.dimensions).find((d) => d.name === f.dimension)
  const value = (v: string) => (f.dimension === 'region' && regionName(v) !== v ? `${regionName(v)} ${v}` : v)
  return `${own ? labelOf(own) : f.dimension} ${opText(f.op)} ${f.values.map(value).join(t('、', ', '))}`.trim()
}
