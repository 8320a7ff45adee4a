import { numberOf } from '../format'
import type { Asked } from '../question'
import { dayOf } from '../time'
import type { Answer, CellValue, Column } from '../types'

// Records (or rows of figures) as cards: in a list, or in the columns of a board.

/** The rows in the panel's order; records come in that of their key. */
export function orderedRows(asked: Asked, answer: Answer): CellValue[][] {
  if (!asked.records) return answer.rows
  const order = (asked.panel.records?.order ?? asked.panel.order ?? []).flatMap((o) => {
    const at = answer.columns.findIndex((c) => c.name === o.by)
    return at < 0 ? [] : [{ at, way: o.dir === 'desc' ? -1 : 1, numeric: ['integer', 'number', 'decimal'].includes(answer.columns[at]!.type) }]
  })
  const most = asked.panel.limit ?? answer.rows.length
  if (order.length === 0) return answer.rows.slice(0, most)
  const sorted = [...answer.rows].sort((a, b) => {
    for (const o of order) {
      const x = a[o.at] ?? null
      const y = b[o.at] ?? null
      if (x === y) continue
      if (x === null || y === null) return x === null ? 1 : -1
      const d = o.numeric ? numberOf(x)! - numberOf(y)! : String(x).localeCompare(String(y), 'zh')
      if (d !== 0) return o.way * d
    }
    return 0
  })
  return sorted.slice(0, most)
}

const lineage = /^_?submission$/

export interface Fields {
  title: number
  submission: number
  rest: number[]
}

/** The name stands as the title where there is one, else the first field. */
export function fieldsOf(answer: Answer, without: readonly number[] = []): Fields {
  const at = (test: (c: Column) => boolean) => answer.columns.findIndex(test)
  const named = at((c) => c.name === 'name' || c.name === 'title' || c.name.endsWith('_name'))
  const title = named >= 0 ? named : 0
  const submission = at((c) => lineage.test(c.name))
  return { title, submission, rest: answer.columns.flatMap((_, i) => (i === title || i === submission || without.includes(i) ? [] : [i])) }
}

export interface BoardColumn {
  key: string
  rows: CellValue[][]
}

/** Every stage has its column, in the contract's order, and those that no contract names come last. */
export function boardOf(rows: readonly CellValue[][], at: number, order: readonly string[]): BoardColumn[] {
  const columns = new Map<string, BoardColumn>(order.map((key) => [key, { key, rows: [] }]))
  for (const row of rows) {
    const key = row[at] == null ? '' : String(row[at])
    let c = columns.get(key)
    if (!c) columns.set(key, (c = { key, rows: [] }))
    c.rows.push(row)
  }
  return [...columns.values()]
}

export type Due = 'late' | 'soon' | 'open' | 'done' | 'none'

const soonDays = 7

/** How a record stands against its day, on the day the answer is of. */
export function dueOf(row: CellValue[], answer: Answer, due: number): Due {
  if (due < 0 || row[due] == null) return 'none'
  if (answer.columns.some((c, i) => /^(done|finished|completed|closed)_(on|at)$/.test(c.name) && row[i] != null)) return 'done'
  const today = dayOf(Date.parse(answer.as_of))
  const day = String(row[due]).slice(0, 10)
  if (day < today) return 'late'
  return (Date.parse(day) - Date.parse(today)) / 86_400_000 <= soonDays ? 'soon' : 'open'
}
