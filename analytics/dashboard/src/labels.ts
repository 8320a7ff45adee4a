import { t } from './i18n'
import type { Grain } from './types'

// What ranges and grains are called where they are chosen.

export function rangeLabel(r: string): string {
  return { month: t('本月', 'this month'), quarter: t('本季', 'this quarter'), half: t('本半年', 'this half-year'), year: t('今年', 'this year'), plan: t('规划期', 'the plan'), all: t('全部', 'everything') }[r] ?? relative(r)
}

function relative(r: string): string {
  const n = r.slice(0, -1)
  return { d: t(`近${n}天`, `${n} days`), w: t(`近${n}周`, `${n} weeks`), m: t(`近${n}个月`, `${n} months`), q: t(`近${n}季`, `${n} quarters`), y: t(`近${n}年`, `${n} years`) }[r.slice(-1)] ?? r
}

export const grainLabel = (g: Grain): string =>
  ({ '5min': t('5分钟', '5 min'), hour: t('时', 'hour'), day: t('日', 'day'), week: t('周', 'week'), month: t('月', 'month'), quarter: t('季', 'quarter'), year: t('年', 'year') })[g]
