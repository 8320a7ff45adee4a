import { ref } from 'vue'
import type { Grain } from './types'

// Days, weeks, months and years are Chinese ones: Asia/Shanghai has had no summer time
// since 1991, so the zone is eight hours ahead all through the years that matter here.

const zone = 8 * 3600_000
const dayMillis = 86_400_000

/** A day as the hub writes it: 2026-11-26. */
export type Day = string

export function dayOf(moment: number): Day {
  return new Date(moment + zone).toISOString().slice(0, 10)
}

export function millisOf(day: Day): number {
  return Date.parse(day + 'T00:00:00+08:00')
}

export function addDays(day: Day, n: number): Day {
  return dayOf(millisOf(day) + n * dayMillis)
}

export function addMonths(day: Day, n: number): Day {
  const [y, m] = parts(day)
  const at = y * 12 + (m - 1) + n
  return text(Math.floor(at / 12), (at % 12) + 1, 1)
}

function parts(day: Day): [number, number, number] {
  return [Number(day.slice(0, 4)), Number(day.slice(5, 7)), Number(day.slice(8, 10))]
}

function text(y: number, m: number, d: number): Day {
  return `${String(y).padStart(4, '0')}-${String(m).padStart(2, '0')}-${String(d).padStart(2, '0')}`
}

/** The first day of the period of a grain that a day lies in; weeks begin on Monday. */
export function startOf(day: Day, grain: Grain | 'half'): Day {
  const [y, m] = parts(day)
  switch (grain) {
    case 'week': {
      const weekday = (new Date(millisOf(day) + zone).getUTCDay() + 6) % 7
      return addDays(day, -weekday)
    }
    case 'month':
      return text(y, m, 1)
    case 'quarter':
      return text(y, m - ((m - 1) % 3), 1)
    case 'half':
      return text(y, m <= 6 ? 1 : 7, 1)
    case 'year':
      return text(y, 1, 1)
    default:
      return day
  }
}

/** The first day after the period of a grain that a day lies in. */
export function endOf(day: Day, grain: Grain | 'half'): Day {
  const from = startOf(day, grain)
  switch (grain) {
    case 'week':
      return addDays(from, 7)
    case 'month':
      return addMonths(from, 1)
    case 'quarter':
      return addMonths(from, 3)
    case 'half':
      return addMonths(from, 6)
    case 'year':
      return addMonths(from, 12)
    default:
      return addDays(from, 1)
  }
}

/** The half-year of a day as contracts write it: 2026-H2. */
export function halfOf(day: Day): string {
  return `${day.slice(0, 4)}-H${Number(day.slice(5, 7)) <= 6 ? 1 : 2}`
}

/** From the first instant of from up to that of to, which is not part of it. */
export interface Range {
  from: Day
  to: Day
}

const units: Record<string, Grain> = { d: 'day', w: 'week', m: 'month', q: 'quarter', y: 'year' }
const monthsIn: Partial<Record<Grain, number>> = { month: 1, quarter: 3, year: 12 }

/** The days the plan covers (大足府发〔2023〕8号: 2023 to 2027). */
export const planRange: Range = { from: '2023-01-01', to: '2028-01-01' }

/**
 * What a range's short name means on a day: 30d, 12m … end with the period that is running;
 * month, quarter and year are the running one; plan is the plan's; all is no bound.
 */
export function resolveRange(name: string, today: Day): Range | null {
  const relative = /^([1-9][0-9]{0,3})([dwmqy])$/.exec(name)
  if (relative) {
    const n = Number(relative[1])
    const grain = units[relative[2]!]!
    const to = endOf(today, grain)
    if (grain === 'day') return { from: addDays(today, 1 - n), to }
    if (grain === 'week') return { from: addDays(to, -7 * n), to }
    return { from: addMonths(startOf(to, 'month'), -n * monthsIn[grain]!), to }
  }
  switch (name) {
    case 'month':
    case 'quarter':
    case 'half':
    case 'year':
      return { from: startOf(today, name), to: endOf(today, name) }
    case 'plan':
      return planRange
    default:
      return null
  }
}

/** Widens a range to whole periods of a grain: buckets are then never cut in half. */
export function align(range: Range, grain: Grain): Range {
  const last = addDays(range.to, -1)
  return { from: startOf(range.from, grain), to: endOf(last < range.from ? range.from : last, grain) }
}

export function daysIn(range: Range): number {
  return Math.round((millisOf(range.to) - millisOf(range.from)) / dayMillis)
}

/** The same range one length, or one year, earlier: as the hub compares. */
export function isDay(value: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(value) && dayOf(millisOf(value)) === value
}

/** The end of a bucket that begins at a time as answers write it. */
export function bucketEnd(time: string, grain: Grain): string {
  if (grain === 'hour' || grain === '5min') {
    return new Date(Date.parse(time) + (grain === 'hour' ? 3600_000 : 300_000)).toISOString()
  }
  return endOf(time.slice(0, 10), grain)
}

/** Today, which moves on at midnight in Shanghai while the page stays open. */
export const today = ref<Day>(dayOf(Date.now()))

/** Looks at the clock every few seconds: a timer set for midnight would sleep with the machine. */
export function keepToday(): () => void {
  const look = () => {
    const now = dayOf(Date.now())
    if (now !== today.value) today.value = now
  }
  const timer = setInterval(look, 5_000)
  document.addEventListener('visibilitychange', look)
  return () => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', look)
  }
}
