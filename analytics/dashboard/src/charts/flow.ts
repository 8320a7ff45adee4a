import { numberOf } from '../format'
import type { Answer, CellValue } from '../types'

// Exchange between places: for each pair, what went one way and what came back.

export interface FlowPair {
  a: string
  b: string
  there: CellValue[] | null // the answer's row from a to b
  back: CellValue[] | null
}

export interface Flows {
  pairs: FlowPair[]
  within: CellValue[][] // from a place to itself
  most: number
}

/** 大足 stands on the left of its pairs, then by code: a pair looks the same whichever way is stronger. */
function before(a: string, b: string): boolean {
  const rank = (v: string) => (v === '500111' || v === '大足' ? 0 : v === '资阳' || v.startsWith('512') ? 1 : 2)
  return rank(a) !== rank(b) ? rank(a) < rank(b) : a < b
}

export function flowsOf(answer: Answer, from: number, to: number, at: number): Flows {
  const pairs = new Map<string, FlowPair>()
  const within: CellValue[][] = []
  let most = 0
  for (const row of answer.rows) {
    if (row[from] == null || row[to] == null) continue
    const x = String(row[from])
    const y = String(row[to])
    const n = numberOf(row[at] ?? null)
    if (x === y) {
      if (n !== null && n !== 0) within.push(row)
      continue
    }
    most = Math.max(most, Math.abs(n ?? 0))
    const [a, b] = before(x, y) ? [x, y] : [y, x]
    const key = a + '\u0000' + b
    let p = pairs.get(key)
    if (!p) pairs.set(key, (p = { a, b, there: null, back: null }))
    if (a === x) p.there = row
    else p.back = row
  }
  const size = (p: FlowPair) => [p.there, p.back].reduce((s, r) => s + Math.abs(numberOf(r?.[at] ?? null) ?? 0), 0)
  // Metrics of exchange answer 0 for pairs on one side; those are not exchange.
  return { pairs: [...pairs.values()].filter((p) => size(p) > 0).sort((p, q) => size(q) - size(p)), within, most }
}
