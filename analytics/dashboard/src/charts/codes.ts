import { shallowRef } from 'vue'
import { get } from '../api'
import { valueText } from '../format'
import { english } from '../i18n'
import type { Asked } from '../question'
import { metrics } from '../store'
import type { CellValue, Column } from '../types'

// What codes are called in charts, and in which order an enumeration's stand.

/** What a column's cell is called. */
export type Namer = (column: Column, value: CellValue) => string

export function nameOf(column: Column, value: CellValue): string {
  if (value === null || value === '') return english.value ? '(none)' : '（空）'
  if (column.type !== 'string') return String(value)
  if (english.value && /(^|_)side$/.test(column.name)) return { 大足: 'Dazu', 资阳: 'Ziyang' }[String(value)] ?? String(value)
  return valueText(value, column)
}

const enumerations = shallowRef<Map<string, Map<string, string[]>>>(new Map())
const asking = new Set<string>()

async function load(dataset: string): Promise<void> {
  const { properties } = await get<{ properties: Record<string, { enum?: unknown[] }> }>('/v1/datasets/' + dataset, { headers: { Accept: 'application/schema+json' } })
  const found = Object.entries(properties).flatMap(([name, p]): [string, string[]][] => (p.enum ? [[name, p.enum.filter((v) => typeof v === 'string')]] : []))
  enumerations.value = new Map(enumerations.value).set(dataset, new Map(found))
}

/** The values of a field's enumeration in the contract's order; none where it has none, or until it is known. */
export function valuesIn(dataset: string, field: string): readonly string[] {
  if (!asking.has(dataset)) {
    asking.add(dataset)
    // Without the contract the values stand as they come; another chart asks again later.
    load(dataset).catch(() => setTimeout(() => asking.delete(dataset), 30_000))
  }
  return enumerations.value.get(dataset)?.get(field) ?? []
}

/** The order of a coded column's values; undefined where its contract gives none. */
export function orderOf(asked: Asked, column: Column): readonly string[] | undefined {
  if (column.labels === undefined) return undefined
  const dataset = asked.records?.dataset ?? column.dataset ?? metrics.value.get(asked.query?.metrics[0] ?? '')?.dataset
  const values = dataset !== undefined ? valuesIn(dataset, column.name) : []
  return values.length ? values : undefined
}
