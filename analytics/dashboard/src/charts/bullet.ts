import { numberOf } from '../format'
import type { Asked } from '../question'
import type { Answer, CellValue } from '../types'
import { measuresOf } from './series'

// Targets: how far a value has come, and where it should be by now.

export interface BulletColumns {
  value: number
  target: number
  progress: number
  pace: number
  unit: number
  direction: number
}

export function bulletColumns(asked: Asked, answer: Answer): BulletColumns {
  const metrics = measuresOf(asked, answer)
  const metric = (end: string) => metrics.find((m) => m.column.name.endsWith(end))?.at ?? -1
  const dimension = (end: string) => answer.columns.findIndex((c) => asked.query?.dimensions?.includes(c.name) && c.name.endsWith(end))
  return {
    value: metrics[0]?.at ?? -1,
    target: answer.columns.findIndex((c) => c.name === asked.panel.target),
    progress: metric('_progress'),
    pace: metric('_pace'),
    unit: dimension('_unit'),
    direction: dimension('_direction'),
  }
}

/** How far, as a share of the target: what the hub says, else value ÷ target. */
export function progressOf(row: CellValue[], c: BulletColumns): number | null {
  const said = c.progress < 0 ? null : numberOf(row[c.progress] ?? null)
  if (said !== null) return said
  const value = numberOf(row[c.value] ?? null)
  const target = numberOf(row[c.target] ?? null)
  return value === null || target === null || target === 0 ? null : value / target
}

/** Where the progress should be by now: a pace of 1 keeps up with time. */
export function expectedOf(row: CellValue[], c: BulletColumns): number | null {
  const progress = progressOf(row, c)
  const pace = c.pace < 0 ? null : numberOf(row[c.pace] ?? null)
  return progress === null || pace === null || pace <= 0 ? null : progress / pace
}

export type Pace = 'ahead' | 'level' | 'behind' | 'unknown'

export function paceOf(row: CellValue[], c: BulletColumns): Pace {
  const pace = c.pace < 0 ? null : numberOf(row[c.pace] ?? null)
  return pace === null ? 'unknown' : pace >= 1.005 ? 'ahead' : pace > 0.995 ? 'level' : 'behind'
}
