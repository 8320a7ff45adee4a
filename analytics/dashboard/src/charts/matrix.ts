import { behindCell, equals } from '../behind'
import type { Behind } from '../figure'
import { numberOf } from '../format'
import type { Asked } from '../question'
import type { Answer, CellValue, Filter } from '../types'
import type { Namer } from './codes'
import { calledIn, type Measure, type Named } from './series'
import { sum } from './totals'

// One figure by two dimensions. Totals are exact, and each of them is a figure of its own
// that leads to the submissions behind it.

export interface Matrix {
  columns: { key: string; label: string; value: CellValue }[]
  rows: { key: string; label: string; value: CellValue; cells: (Behind | null)[]; total: Behind | null }[]
  totals: (Behind | null)[]
  total: Behind | null
  most: number
}

export function matrixOf(asked: Asked, answer: Answer, m: Measure, down: Named, across: Named, name: Namer, adds: boolean): Matrix {
  const columns = new Map<string, { key: string; label: string; value: CellValue }>()
  const rows = new Map<string, { key: string; label: string; value: CellValue; cells: Map<string, CellValue[]> }>()
  let most = 0
  for (const row of answer.rows) {
    const d = String(row[down.at])
    const a = String(row[across.at])
    if (!columns.has(a)) columns.set(a, { key: a, label: calledIn(across, answer, row, name), value: row[across.at] ?? null })
    let r = rows.get(d)
    if (!r) rows.set(d, (r = { key: d, label: calledIn(down, answer, row, name), value: row[down.at] ?? null, cells: new Map() }))
    r.cells.set(a, row)
    most = Math.max(most, Math.abs(numberOf(row[m.at] ?? null) ?? 0))
  }
  const order = [...columns.values()].sort((a, b) => a.key.localeCompare(b.key))
  const lines = [...rows.values()].sort((a, b) => a.key.localeCompare(b.key))
  const values = (cells: (CellValue[] | undefined)[]) => cells.map((c) => c?.[m.at] ?? null)
  // A sum over an answer that was cut short would be less than the truth.
  const can = adds && !answer.truncated && !m.column.masked
  const totalOf = (cells: (CellValue[] | undefined)[], filters: Filter[]): Behind | null => {
    const value = can ? sum(values(cells)) : null
    if (value === null) return null
    return { column: m.column, value: m.column.type === 'decimal' ? value : Number(value), asOf: answer.as_of, watermark: answer.watermark, filters, ...(asked.query ? { query: asked.query } : {}) }
  }
  return {
    columns: order,
    rows: lines.map((r) => {
      const cells = order.map((c) => r.cells.get(c.key))
      return { key: r.key, label: r.label, value: r.value, cells: cells.map((c) => (c ? behindCell(asked, answer, c, m.at) : null)), total: totalOf(cells, [equals(down.column.name, r.value)]) }
    }),
    totals: order.map((c) => totalOf(lines.map((r) => r.cells.get(c.key)), [equals(across.column.name, c.value)])),
    total: totalOf(lines.flatMap((r) => order.map((c) => r.cells.get(c.key))), []),
    most,
  }
}

/** How much of the shade a cell gets, in per cent; never so much that its text is hard to read. */
export function shade(value: CellValue, most: number): number {
  const n = numberOf(value)
  return n === null || most === 0 ? 0 : Math.round((Math.abs(n) / most) * 30)
}
