import type { Column } from './types'

// What GET /v1/quality says, and which of it is worst.

export interface Quality {
  dataset: string
  agency: string
  newest: string | null
  age_hours: number | null
  promised_hours: number | null
  fresh: boolean | null
  records: number
  completeness: number | null
  fields: Record<string, number>
  submissions: number
  received: number
  rejected: number
  rejected_share: number | null
  duplicates: number
  duplicate_share: number | null
  retractions: number
  new: number
  revised: number
  late: number
  late_share: number | null
}

export interface QualityAnswer {
  quality: Quality[]
  from: string
  to: string
  watermark: number
}

export type QualityKey = 'age_hours' | 'promised_hours' | 'records' | 'completeness' | 'submissions' | 'received' | 'rejected' | 'rejected_share' | 'duplicates' | 'duplicate_share' | 'retractions' | 'new' | 'revised' | 'late' | 'late_share'

/** A share has no unit and is read as per cent; what is counted is whole. */
export function columnOf(name: string, label: string, unit: string | undefined, definition: string): Column {
  return { name, label, definition, type: unit === undefined || name.endsWith('_hours') ? 'number' : 'integer', ...(unit !== undefined ? { unit } : {}) }
}

/** How bad a line is: what breaks its promise first, by how much; then what is rejected, late, missing. */
export function badness(q: Quality): number {
  const over = q.fresh === false && q.age_hours !== null && q.promised_hours ? Math.min(50, q.age_hours / q.promised_hours) + 10 : 0
  return over + (q.rejected_share ?? 0) * 5 + (q.late_share ?? 0) * 3 + (q.duplicate_share ?? 0) * 3 + (1 - (q.completeness ?? 1))
}

/** A length of time as people say it; beside a promise only so round that it still keeps or breaks it. */
export function age(hours: number, say: (zh: string, en: string) => string, promised: number | null = null): string {
  const side = (h: number) => (promised === null ? 0 : Math.sign(h - promised))
  const rounded = (step: number) => Math.round(hours / step) * step
  const step = [...(hours < 72 ? [] : [24, 2.4]), 1, 0.1].find((s) => side(rounded(s)) === side(hours)) ?? 0.01
  const h = rounded(step)
  if (h < 1) return say('不到1小时', 'under an hour')
  const n = String(Number((step >= 2.4 ? h / 24 : h).toFixed(2)))
  return step >= 2.4 ? say(`${n}天`, `${n} days`) : say(`${n}小时`, `${n} h`)
}
