import { send } from './api'
import { lang } from './i18n'
import { regions } from './names'
import type { Answer, Metric } from './types'

export interface Choice {
  value: string
  text: string
}

/** The values that a dimension of a metric's dataset has now, with their names where a list gives one. */
export async function choicesOf(dimension: string, metric: Metric, all: Map<string, Metric>): Promise<Choice[]> {
  const stem = dimension.replace(/_(id|region)$/, '')
  const named = dimension === 'region' ? 'region_name' : `${stem}_name`
  const count = all.get(metric.dataset + '_records') ?? metric
  const dims = [dimension, ...(named !== dimension && count.dimensions.some((d) => d.name === named) ? [named] : [])]
  for (const d of count.requires ?? []) if (!dims.includes(d)) dims.push(d)
  const a = await send<Answer>('POST', `/v1/query?lang=${lang.value}`, { metrics: [count.name], dimensions: dims, limit: 1000 })
  const label = a.columns.findIndex((c) => c.name === named && named !== dimension)
  const found = new Map<string, string>()
  for (const r of a.rows) {
    const value = String(r[0] ?? '')
    if (value === '' || found.has(value)) continue
    const name = (label > 0 ? r[label] : null) ?? a.columns[0]?.labels?.[value] ?? regions.value.get(value)?.[lang.value]
    found.set(value, name != null && name !== '' ? `${String(name)} ${value}` : value)
  }
  return [...found].map(([value, text]) => ({ value, text }))
}
