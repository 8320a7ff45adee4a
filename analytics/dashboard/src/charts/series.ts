import { dimensionsIn } from '../behind'
import { exact, isRatio, numberOf, short, timeText, unitText } from '../format'
import { english, t } from '../i18n'
import type { Asked } from '../question'
import { addDays, bucketEnd, dayOf, millisOf, startOf } from '../time'
import type { Answer, CellValue, Column, Grain } from '../types'
import type { Namer } from './codes'

// From an answer to what is drawn: steps along an axis and lines over them. A bucket of
// which the hub said nothing stays a gap.

/** One of the eight colours, moved towards the text (above 0) or the surface (below 0). */
export interface Colour {
  c: number
  tone: number
}

export interface Line {
  id: string
  label: string
  at: number // of its metric among the answer's columns
  before: number // of what it is compared with, or -1
  limit: boolean // a limit to the others, drawn as a marked line
  colour: Colour
  rows: number[] // the answer's row at each step, -1 for none
}

export interface Course {
  time: boolean
  steps: string[] // bucket starts as the hub writes them, or names
  lines: Line[]
  unit: string
  ratio: boolean
}

export interface Measure {
  at: number
  column: Column
  before: number
  change: number
}

/** The asked metrics in the answer, with the columns they are compared with. */
export function measuresOf(asked: Asked, answer: Answer): Measure[] {
  const at = (name: string) => answer.columns.findIndex((c) => c.name === name)
  return (asked.query?.metrics ?? []).flatMap((name) => {
    const i = at(name)
    return i < 0 ? [] : [{ at: i, column: answer.columns[i]!, before: at(name + '_previous'), change: at(name + '_change') }]
  })
}

export interface Named {
  column: Column
  at: number
  shown: number // the column with its name, or itself
}

/** The dimensions, each with the column that says what its codes are called. */
export function namedDimensions(asked: Asked, answer: Answer): Named[] {
  const all = dimensionsIn(asked, answer)
  const nameFor = new Map<number, number>()
  const names = new Set<number>()
  for (const d of all) {
    const stem = d.column.name.replace(/_(id|code)$/, '')
    const named = all.find((o) => o.at !== d.at && o.column.name === stem + '_name')
    if (named && !d.column.name.endsWith('_name')) {
      nameFor.set(d.at, named.at)
      names.add(named.at)
    }
  }
  return all.filter((d) => !names.has(d.at)).map((d) => ({ ...d, shown: nameFor.get(d.at) ?? d.at }))
}

/** What a row's values of dimensions are called, side by side. */
export function labelsOf(dims: readonly Named[], answer: Answer, row: CellValue[], name: Namer): string {
  return dims.map((d) => calledIn(d, answer, row, name)).join(' · ')
}

export function calledIn(d: Named, answer: Answer, row: CellValue[], name: Namer): string {
  const shown = row[d.shown]
  return d.shown !== d.at && shown != null && shown !== '' ? name(answer.columns[d.shown]!, shown) : name(answer.columns[d.at]!, row[d.at] ?? null)
}

// --- colours ---------------------------------------------------------------

/** The two sides keep their colours wherever they are drawn; 资阳's counties are tones of it. */
export function colourFor(column: Column, value: CellValue): Colour | null {
  const v = String(value)
  if (/(^|_)side$/.test(column.name)) return v === '大足' ? { c: 1, tone: 0 } : v === '资阳' ? { c: 2, tone: 0 } : null
  if (!/(^|_)region$|^origin$/.test(column.name)) return null
  if (v === '500111') return { c: 1, tone: 0 }
  if (!v.startsWith('512')) return null
  return { c: 2, tone: { '512021': 0.45, '512022': -0.35, '512000': 0.75 }[v] ?? 0 }
}

/** Colours of what is neither side; the first two are theirs. */
const others = [7, 4, 3, 5, 6, 8]
const tones = [0, 0.45, -0.35, 0.75]

// --- steps -----------------------------------------------------------------

const mostSteps = 120_000
const stepMillis: Partial<Record<Grain, number>> = { '5min': 300_000, hour: 3600_000 }

export function timeKey(time: CellValue): number {
  const s = String(time)
  return s.length === 10 ? millisOf(s) : Date.parse(s)
}

function instant(at: number): string {
  return new Date(at + 8 * 3600_000).toISOString().slice(0, 19) + '+08:00'
}

/**
 * Every bucket from the first to the last: those of the range that have begun when the
 * answer was given (all of a day's hours), and those with figures beyond it.
 */
export function timeSteps(times: readonly CellValue[], grain: Grain, range: { from: string; to: string } | null, asOf: string): string[] {
  const keys = [...new Set(times.filter((v) => v !== null).map(timeKey))].sort((a, b) => a - b)
  const width = stepMillis[grain]
  const given = keys.map((k) => (width ? instant(k) : dayOf(k)))
  const tomorrow = addDays(dayOf(Date.parse(asOf)), 1)
  const last = given.at(-1)
  let from = given[0]?.slice(0, 10)
  let to = last !== undefined ? bucketEnd(last, grain) : undefined
  if (range) {
    const begun = range.to < tomorrow ? range.to : tomorrow
    if (from === undefined || range.from < from) from = range.from
    if (to === undefined || millisOf(begun) > timeKey(to)) to = begun
  }
  if (from === undefined || to === undefined) return []
  const out: string[] = []
  if (width) {
    const end = timeKey(to)
    const start = range ? millisOf(from) : keys[0]!
    if ((end - start) / width > mostSteps) return given
    for (let at = start; at < end; at += width) out.push(instant(at))
    return out
  }
  for (let day = startOf(from, grain); day < to && out.length < mostSteps; day = bucketEnd(day, grain)) out.push(day)
  return out
}

// --- lines -----------------------------------------------------------------

/**
 * What is drawn of an answer: one course a unit, since one axis has one unit. order is that of
 * an enumeration, such as a project's stages, where the panel asks for none.
 */
export function coursesOf(asked: Asked, answer: Answer, name: Namer, order: (column: Column) => readonly string[] | undefined = () => undefined): Course[] {
  const timeAt = answer.columns.findIndex((c) => c.name === 'time')
  const dims = namedDimensions(asked, answer)
  const time = timeAt >= 0 && asked.grain !== undefined
  const first = time ? undefined : dims[0]
  const along = time ? dims : dims.slice(1)

  const keyOf = (row: CellValue[]): string | number => (time ? (row[timeAt] === null ? '' : timeKey(row[timeAt]!)) : first ? String(row[first.at]) : '')
  const index = new Map<string | number, number>()
  let steps: string[]
  if (time) {
    steps = timeSteps(answer.rows.map((r) => r[timeAt] ?? null), asked.grain!, asked.range, answer.as_of)
    steps.forEach((s, i) => index.set(timeKey(s), i))
  } else {
    steps = []
    const inOrder = first && !asked.panel.order?.length ? order(first.column) : undefined
    const rank = (r: CellValue[]) => {
      const i = inOrder!.indexOf(String(r[first!.at]))
      return i < 0 ? inOrder!.length : i
    }
    for (const r of inOrder ? [...answer.rows].sort((a, b) => rank(a) - rank(b)) : answer.rows) {
      if (index.has(keyOf(r))) continue
      index.set(keyOf(r), steps.length)
      steps.push(first ? calledIn(first, answer, r, name) : '')
    }
  }

  const groups = new Map<string, { label: string; colour: Colour | null; rows: number[] }>()
  answer.rows.forEach((row, i) => {
    const step = index.get(keyOf(row))
    if (step === undefined) return
    const key = along.map((d) => String(row[d.at])).join('\u0000')
    let g = groups.get(key)
    if (!g) {
      const colour = along.map((d) => colourFor(d.column, row[d.at] ?? null)).find((c) => c !== null) ?? null
      g = { label: labelsOf(along, answer, row, name), colour, rows: new Array<number>(steps.length).fill(-1) }
      groups.set(key, g)
    }
    g.rows[step] = i
  })

  const measures = measuresOf(asked, answer).filter((m) => !m.column.masked)
  const limits = (m: Measure) => m.column.name === asked.panel.limit_metric
  const courses = new Map<string, Course>()
  let free = 0
  const coloured = new Map<string, Colour>()
  const plain = measures.filter((m) => !limits(m))
  for (const m of [...plain, ...measures.filter(limits)]) {
    const ratio = isRatio(m.column)
    const unit = (m.column.unit ?? '') + (ratio ? '%' : '')
    let course = courses.get(unit)
    if (!course) courses.set(unit, (course = { time, steps, lines: [], unit: m.column.unit ?? '', ratio }))
    const several = plain.filter((o) => (o.column.unit ?? '') + (isRatio(o.column) ? '%' : '') === unit).length > 1 || limits(m)
    const nth = plain.indexOf(m)
    for (const [key, g] of groups) {
      let colour: Colour
      if (g.colour) colour = { c: g.colour.c, tone: g.colour.tone + (limits(m) || !several ? 0 : tones[nth % tones.length]!) }
      else {
        // A limit has the colour of what it limits.
        const of = limits(m) ? coloured.get(key) : undefined
        colour = of ?? { c: others[free % others.length]!, tone: tones[Math.floor(free / others.length) % tones.length]! }
        if (!of) free++
        if (!coloured.has(key)) coloured.set(key, colour)
      }
      const label = g.label === '' ? m.column.label : several ? `${g.label} · ${m.column.label}` : g.label
      course.lines.push({ id: m.column.name + '\u0000' + key, label, at: m.at, before: m.before, limit: limits(m), colour, rows: g.rows })
    }
  }
  // A line that has no figure at all is not drawn.
  for (const c of courses.values()) c.lines = c.lines.filter((l) => l.rows.some((r) => r >= 0 && answer.rows[r]![l.at] != null) || l.rows.some((r) => r >= 0 && l.before >= 0 && answer.rows[r]![l.before] != null))
  return [...courses.values()].filter((c) => c.lines.length > 0)
}

export function valuesOf(answer: Answer, rows: readonly number[], at: number): (number | null)[] {
  return rows.map((r) => (r < 0 || at < 0 ? null : numberOf(answer.rows[r]![at] ?? null)))
}

/** What a line across the chart is to its figures: most are limits, but progress has a goal. */
export function limitWord(column: Column): string {
  return /_(progress|pace)$/.test(column.name) ? t('目标', 'target') : t('上限', 'limit')
}

/** Whether an axis may leave zero out: a course far from it would be a flat line. */
export function farFromZero(values: readonly (number | null)[]): boolean {
  let least = Infinity
  let most = -Infinity
  for (const v of values) {
    if (v === null) continue
    if (v < least) least = v
    if (v > most) most = v
  }
  return least !== Infinity && least > 0.5 * most && least > 0 && most > least
}

/** The value that a click on a mark filters by; undefined where a click means nothing. */
export function drillValue(asked: Asked, answer: Answer, line: Line, step: number | undefined): string | undefined {
  const at = asked.panel.drill === undefined ? -1 : answer.columns.findIndex((c) => c.name === asked.panel.drill)
  if (at < 0) return undefined
  const row = step !== undefined && (line.rows[step] ?? -1) >= 0 ? line.rows[step]! : line.rows.find((r) => r >= 0)
  const v = row === undefined ? null : answer.rows[row]![at]
  return v == null || v === '' ? undefined : String(v)
}

export function stepText(course: Course, step: number, grain: Grain | undefined): string {
  const s = course.steps[step] ?? ''
  return course.time ? timeText(s, grain) : s
}

/** The chart in a sentence or two, for those who do not see it. */
export function sentence(course: Course, asked: Asked, answer: Answer, kind: string): string {
  const last = course.steps.length - 1
  const span = course.time && last >= 0 ? `${stepText(course, 0, asked.grain)} ${t('至', 'to')} ${stepText(course, last, asked.grain)}` : t(`${last + 1} 项`, `${last + 1} items`)
  const parts = course.lines.slice(0, 4).flatMap((line) => {
    const column = answer.columns[line.at]!
    const has = line.rows.flatMap((r, step) => (r >= 0 && answer.rows[r]![line.at] != null ? [{ step, value: answer.rows[r]![line.at]! }] : []))
    if (has.length === 0) return []
    const by = (better: (a: number, b: number) => boolean) => has.reduce((a, b) => (better(Number(b.value), Number(a.value)) ? b : a))
    const low = by((a, b) => a < b)
    const high = by((a, b) => a > b)
    const say = (p: { step: number; value: CellValue }) => `${shortOrExact(p.value, column)}${english.value ? ' (' : '（'}${stepText(course, p.step, asked.grain)}${english.value ? ')' : '）'}`
    return [
      line.label +
        t(
          `：最先 ${say(has[0]!)}，最后 ${say(has.at(-1)!)}，最低 ${say(low)}，最高 ${say(high)}`,
          `: first ${say(has[0]!)}, last ${say(has.at(-1)!)}, lowest ${say(low)}, highest ${say(high)}`,
        ),
    ]
  })
  const more = course.lines.length > 4 ? t(`；另有 ${course.lines.length - 4} 条`, `; ${course.lines.length - 4} more`) : ''
  const unit = course.unit ? t(`，单位${course.unit}`, `, in ${unitText(course.unit)}`) : ''
  return `${kind}${english.value ? ', ' : '，'}${span}${unit}${english.value ? '. ' : '。'}${parts.join(english.value ? '; ' : '；')}${more}`
}

export function shortOrExact(value: CellValue, column: Column): string {
  return column.type === 'number' ? short(value, column) : exact(value)
}
