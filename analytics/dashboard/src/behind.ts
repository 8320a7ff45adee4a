import type { Asked } from './question'
import type { Behind } from './figure'
import { bucketEnd } from './time'
import type { Answer, CellValue, Column, Filter } from './types'

// From a cell of an answer to what stands behind it.

const comparedSuffix = /_(previous|change)$/

export function isMetric(asked: Asked, column: Column): boolean {
  const base = column.name.replace(comparedSuffix, '')
  return asked.query?.metrics.includes(base) ?? false
}

export function dimensionsIn(asked: Asked, answer: Answer): { column: Column; at: number }[] {
  return answer.columns.flatMap((column, at) => (asked.query?.dimensions?.includes(column.name) ? [{ column, at }] : []))
}

export function behindCell(asked: Asked, answer: Answer, row: CellValue[], at: number): Behind {
  const column = answer.columns[at]!
  const b: Behind = { column, value: row[at] ?? null, asOf: answer.as_of, watermark: answer.watermark, filters: [] }
  // What a figure is compared with lies in another time, and a change is of two figures:
  // only the figure itself leads to its submissions.
  if (!asked.query || comparedSuffix.test(column.name)) return b
  b.query = asked.query
  for (const d of dimensionsIn(asked, answer)) b.filters.push(equals(d.column.name, row[d.at] ?? null))
  const t = answer.columns.findIndex((c) => c.name === 'time')
  if (t >= 0 && asked.grain && row[t] != null) {
    const from = String(row[t])
    b.time = { from, to: bucketEnd(from, asked.grain) }
  }
  return b
}

export function equals(dimension: string, value: CellValue): Filter {
  return value === null ? { dimension, op: 'is_null', values: [] } : { dimension, op: 'eq', values: [String(value)] }
}
