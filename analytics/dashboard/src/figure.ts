import { shallowRef } from 'vue'
import { english } from './i18n'
import type { CellValue, Column, Filter, Query } from './types'

// What stands behind one figure: shown on hover or focus, and opened by a click as 溯源.

export interface Behind {
  column: Column
  value: CellValue
  asOf: string
  watermark: number
  /** The question that gave it, without the groups: with these filters it is this figure alone. */
  query?: Query
  filters: Filter[] // of its row, added to the question's own
  time?: { from: string; to: string }
}

/** The figure that the reader points at, with where it stands; null for none. */
export const pointed = shallowRef<{ behind: Behind; at: DOMRect } | null>(null)

/** The figure whose submissions are being shown; null for none. */
export const traced = shallowRef<Behind | null>(null)

/** The question that counts the records behind a figure, by submission and agency. */
export function traceQuery(b: Behind, dataset: string): Query {
  const q: Query = { metrics: [dataset + '_records'], dimensions: ['submission', 'agency'], limit: 500 }
  const filters = [...(b.query?.filters ?? []), ...b.filters]
  if (filters.length) q.filters = filters
  const time = b.time ?? (b.query?.time ? { from: b.query.time.from, to: b.query.time.to } : undefined)
  if (time?.from !== undefined && time.to !== undefined) q.time = { from: time.from, to: time.to }
  if (b.query?.as_of !== undefined) q.as_of = b.query.as_of
  return q
}

export const classLabel = (c: string | undefined): string =>
  ({ public: english.value ? 'public' : '公开', internal: english.value ? 'internal' : '内部', sensitive: english.value ? 'sensitive' : '敏感', core: english.value ? 'core' : '核心' })[c ?? ''] ?? (c ?? '')
