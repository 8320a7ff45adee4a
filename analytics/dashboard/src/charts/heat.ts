import { numberOf } from '../format'
import type { Asked } from '../question'
import type { Answer } from '../types'
import type { Namer } from './codes'
import { calledIn, type Measure, namedDimensions, timeKey, timeSteps } from './series'

// One figure over time (or a second dimension) and a dimension, as a grid of shades.

export interface Heat {
  time: boolean
  across: string[] // bucket starts, or names
  down: string[]
  cells: { x: number; y: number; row: number; value: number }[]
  least: number
  most: number
}

export function heatOf(asked: Asked, answer: Answer, m: Measure, name: Namer): Heat {
  const timeAt = answer.columns.findIndex((c) => c.name === 'time')
  const time = timeAt >= 0 && asked.grain !== undefined
  const dims = namedDimensions(asked, answer)
  const down = dims[0]
  const beside = time ? undefined : dims[1]
  const across = time ? timeSteps(answer.rows.map((r) => r[timeAt] ?? null), asked.grain!, asked.range, answer.as_of) : []
  const xs = new Map<string | number, number>(across.map((s, i) => [timeKey(s), i]))
  const ys = new Map<string, number>()
  const downNames: string[] = []
  const cells: Heat['cells'] = []
  let least = Infinity
  let most = -Infinity
  // Hours and weekdays stand in their own order, whatever that of the answer is.
  if (beside) {
    const numeric = beside.column.type === 'integer'
    const seen = new Map(answer.rows.map((r) => [String(r[beside.at]), r]))
    for (const [key, row] of [...seen].sort(([a], [b]) => (numeric ? Number(a) - Number(b) : a.localeCompare(b)))) {
      xs.set(key, across.length)
      across.push(calledIn(beside, answer, row, name))
    }
  } else if (!time) {
    xs.set('', 0)
    across.push('')
  }
  answer.rows.forEach((row, i) => {
    const x = xs.get(time ? (row[timeAt] == null ? '' : timeKey(row[timeAt])) : beside ? String(row[beside.at]) : '')
    const key = down ? String(row[down.at]) : ''
    let y = ys.get(key)
    if (y === undefined) {
      ys.set(key, (y = downNames.length))
      downNames.push(down ? calledIn(down, answer, row, name) : m.column.label)
    }
    const value = numberOf(row[m.at] ?? null)
    if (x === undefined || value === null) return
    least = Math.min(least, value)
    most = Math.max(most, value)
    cells.push({ x, y, row: i, value })
  })
  return { time, across, down: downNames, cells, least: cells.length ? least : 0, most: cells.length ? most : 0 }
}
