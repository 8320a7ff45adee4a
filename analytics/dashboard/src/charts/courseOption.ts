import type { EChartsCoreOption } from 'echarts/core'
import { compact, timeText } from '../format'
import { t } from '../i18n'
import { regionName } from '../names'
import { kindLabel } from '../notes'
import type { Asked } from '../question'
import type { Answer, Grain } from '../types'
import { type DateNote, notesByStep } from './notes'
import { type Course, farFromZero, limitWord, stepText, valuesOf } from './series'
import { clear, type Look, pale, paint } from './theme'
import { tip, type TipRow } from './tip'

// A course as the chart library draws it. Bars begin at zero; a line may leave zero out
// when it is far from it, and says so. Nothing is smoothed, and gaps stay open.

export type CourseKind = 'line' | 'bar' | 'stacked'

const symbols = ['circle', 'triangle', 'rect', 'diamond', 'emptyCircle', 'emptyTriangle', 'emptyRect', 'emptyDiamond']
const dashes: ('solid' | number[])[] = ['solid', [8, 3], [2, 2], [10, 3, 2, 3]]
/** Patterns on bars beside each other: colour alone tells nobody which is which. */
const decals = [
  null,
  { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4 },
  { symbol: 'circle', dashArrayX: [[8, 8], [0, 8, 8, 0]], dashArrayY: [6, 0], symbolSize: 0.6 },
  { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: Math.PI / 4 },
  { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [3, 4], rotation: 0 },
  { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [3, 4], rotation: Math.PI / 2 },
]

export const manyPoints = 60
const still = 2000 // points above which nothing is animated

/** Names along the bottom would run into each other: then the bars lie on their side. */
export function sideways(course: Course): boolean {
  if (course.time) return false
  const longest = Math.max(0, ...course.steps.map((s) => s.length))
  return course.steps.length * longest > 40
}

export function courseOption(
  course: Course,
  asked: Asked,
  answer: Answer,
  kind: CourseKind,
  stack: boolean,
  notes: readonly DateNote[],
  limit: number | undefined,
  caption: string,
  look: Look,
  width: number,
): EChartsCoreOption {
  const n = course.steps.length
  const points = n * course.lines.length
  const long = n > manyPoints
  const flat = sideways(course)
  const lying = kind !== 'line'
  const text = { color: look.text2, fontSize: look.size, fontFamily: look.font }
  const values = course.lines.map((l) => valuesOf(answer, l.rows, l.at))
  const befores = course.lines.map((l) => (l.before < 0 ? null : valuesOf(answer, l.rows, l.before)))
  const far = !lying && farFromZero([...values.flat(), ...befores.flatMap((b) => b ?? []), ...(limit === undefined ? [] : [limit])])
  const names = uniqueNames(course)
  const axisText = (v: number) => (course.ratio ? percent(v) : compact(v))

  const series: Record<string, unknown>[] = course.lines.map((line, i) => {
    const data = values[i]!
    const color = paint(look, line.colour)
    const common = { id: 'v' + i, name: names[i], animation: points <= still, emphasis: { focus: 'none' } }
    if (lying && !line.limit) {
      const decal = decals[i % decals.length]
      return {
        ...common,
        type: 'bar',
        data,
        stack: stack ? 'now' : undefined,
        barMaxWidth: flat ? 16 : 36,
        large: points > still,
        progressive: 4000,
        itemStyle: { color, ...(decal && course.lines.length > 1 ? { decal: { ...decal, color: clear(look.surface, 0.5) } } : {}) },
      }
    }
    return {
      ...common,
      type: 'line',
      data: long && !line.limit ? lonely(data) : data,
      connectNulls: false,
      smooth: false,
      step: line.limit ? 'middle' : undefined,
      sampling: 'lttb',
      progressive: 4000,
      triggerLineEvent: true,
      symbol: line.limit || long ? 'none' : symbols[i % symbols.length],
      symbolSize: 6,
      showAllSymbol: true,
      lineStyle: { width: line.limit ? 1.5 : 2, color: line.limit ? look.bad : color, type: line.limit ? [4, 4] : dashes[long ? Math.floor(i / 2) % dashes.length : 0] },
      itemStyle: { color: line.limit ? look.bad : color },
      ...(line.limit ? { endLabel: { show: course.lines.length <= 4, formatter: names[i], color: look.bad, align: 'right', offset: [0, -10], fontSize: look.size, fontFamily: look.font } } : {}),
    }
  })

  if (lying && stack) {
    const totals = totalsOf(befores, n)
    if (totals) series.push(beforeLine('b', t('对比（合计）', 'compared, in all'), totals, look.text2, points))
  } else {
    course.lines.forEach((line, i) => {
      const data = befores[i]
      if (!data || line.limit || data.every((v) => v === null)) return
      const name = names[i]! + t('（对比）', ' (compared)')
      if (lying && !course.time) series.push({ id: 'b' + i, name, type: 'bar', data, barMaxWidth: flat ? 8 : 18, itemStyle: { color: 'transparent', borderColor: pale(look, line.colour), borderWidth: 1.5, borderType: 'dashed' } })
      else series.push(beforeLine('b' + i, name, data, pale(look, line.colour), points))
    })
  }

  const byStep = notesByStep(course.time ? notes : [], asked.grain)
  const marks: Record<string, unknown>[] = course.steps.flatMap((s, i) =>
    byStep.has(s) ? [{ xAxis: i, symbol: 'diamond', symbolSize: 9, lineStyle: { color: look.text2, type: 'dotted', width: 1, opacity: 0.5 }, itemStyle: { color: look.warn }, label: { show: false } }] : [],
  )
  if (limit !== undefined) {
    marks.push({
      [flat ? 'xAxis' : 'yAxis']: limit,
      lineStyle: { color: look.bad, type: 'dashed', width: 1.5 },
      label: { show: true, formatter: `${limitWord(answer.columns[course.lines[0]!.at]!)} ${axisText(limit)}`, position: 'insideEndTop', color: look.bad, fontSize: look.size, fontFamily: look.font },
    })
  }
  if (series[0] && marks.length) series[0].markLine = { silent: true, animation: false, symbol: ['none', 'none'], data: marks }

  const legend = series.length > 1
  const zoom = long && !flat
  const legendNames = series.map((s) => String(s.name))
  const category = {
    type: 'category',
    data: course.steps,
    inverse: flat,
    boundaryGap: lying,
    axisLine: { lineStyle: { color: look.text2 } },
    axisTick: { show: false },
    axisLabel: {
      ...text,
      hideOverlap: true,
      ...(flat ? { width: Math.min(180, width * 0.36), overflow: 'truncate', interval: 0 } : {}),
      formatter: (s: string) => (course.time ? axisTime(s, asked.grain, n) : s),
    },
  }
  const value = {
    type: 'value',
    scale: far,
    ...(course.lines.every((l) => answer.columns[l.at]!.type === 'integer') ? { minInterval: 1 } : {}),
    splitLine: { lineStyle: { color: look.line } },
    axisLabel: { ...text, hideOverlap: true, formatter: axisText },
    // The limit must be seen even where no figure comes near it.
    ...(limit === undefined ? {} : { max: (v: { max: number }) => (v.max < limit ? limit * 1.05 : null), min: (v: { min: number }) => (v.min > limit && far ? limit : null) }),
  }

  let told: { step: number; tip: HTMLElement | string } = { step: -1, tip: '' }
  return {
    animation: points <= still && !matchMedia('(prefers-reduced-motion: reduce)').matches,
    animationDuration: 250,
    animationDurationUpdate: 250,
    textStyle: { fontFamily: look.font, color: look.text },
    aria: { enabled: true, label: { enabled: false } },
    title: { show: caption !== '', text: caption, left: 0, top: 0, padding: [0, 4], textStyle: { ...text, fontWeight: 'normal' } },
    grid: { left: 6, right: 14, top: (legend ? 34 : 14) + (caption ? 20 : 0), bottom: zoom ? 34 : 6, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    legend: legend
      ? {
          type: 'scroll',
          top: caption ? 20 : 0,
          left: 0,
          right: 0,
          data: legendNames,
          itemWidth: 18,
          itemHeight: 9,
          textStyle: { ...text, color: look.text },
          pageTextStyle: text,
          pageIconColor: look.text,
          pageIconInactiveColor: look.line,
        }
      : { show: false },
    xAxis: flat ? value : category,
    yAxis: flat ? category : value,
    dataZoom: zoom
      ? [
          { type: 'inside', zoomOnMouseWheel: true, moveOnMouseMove: true },
          { type: 'slider', height: 16, bottom: 4, borderColor: look.line, textStyle: text, showDetail: false, showDataShadow: false, brushSelect: false, backgroundColor: look.surface2, fillerColor: clear(look.c[7]!, 0.2), handleStyle: { color: look.text2 } },
        ]
      : [],
    tooltip: {
      trigger: 'axis',
      renderMode: 'html',
      confine: true,
      transitionDuration: 0,
      className: 'chart-tip',
      backgroundColor: look.surface,
      borderColor: look.line,
      textStyle: { color: look.text, fontFamily: look.font, fontSize: look.size },
      axisPointer: { type: lying ? 'shadow' : 'line', animation: false, lineStyle: { color: look.text2 } },
      formatter: (given: unknown) => {
        const first = (Array.isArray(given) ? given[0] : given) as { dataIndex: number } | undefined
        if (!first) return ''
        // The pointer moves many times over one step: its tip is built once.
        if (first.dataIndex !== told.step) told = { step: first.dataIndex, tip: tipAt(course, asked, answer, first.dataIndex, look, byStep) }
        return told.tip
      },
    },
    series,
  }
}

/** The year stands at its first day alone, the day at its first hour. */
function axisTime(s: string, grain: Grain | undefined, steps: number): string {
  if ((grain === 'hour' || grain === '5min') && steps <= 48) return s.slice(11, 16) === '00:00' ? s.slice(5, 10) : s.slice(11, 16)
  return grain === 'day' || grain === 'week' ? (s.slice(5, 10) === '01-01' ? s : s.slice(5, 10)) : timeText(s, grain)
}

function percent(v: number): string {
  return String(Math.round(v * 1e6) / 1e4) + '%'
}

function beforeLine(id: string, name: string, data: (number | null)[], color: string, points: number): Record<string, unknown> {
  return { id, name, type: 'line', data, connectNulls: false, sampling: 'lttb', symbol: 'none', animation: points <= still, lineStyle: { width: 1.5, type: [5, 4], color }, itemStyle: { color }, silent: true, z: 3 }
}

/** What the bars of a stack come to in the time compared with; for drawing alone. */
function totalsOf(befores: ((number | null)[] | null)[], n: number): (number | null)[] | null {
  const out = Array.from({ length: n }, (_, i) => {
    let sum: number | null = null
    for (const b of befores) if (b && b[i] != null) sum = (sum ?? 0) + b[i]
    return sum
  })
  return out.some((v) => v !== null) ? out : null
}

/** A figure between two gaps has no line to it, so it is drawn as a dot. */
function lonely(data: (number | null)[]): unknown[] {
  return data.map((v, i) => (v !== null && (data[i - 1] ?? null) === null && (data[i + 1] ?? null) === null ? { value: v, symbol: 'circle', symbolSize: 5 } : v))
}

function uniqueNames(course: Course): string[] {
  const seen = new Map<string, number>()
  return course.lines.map((l) => {
    const k = (seen.get(l.label) ?? 0) + 1
    seen.set(l.label, k)
    return k === 1 ? l.label : `${l.label} (${k})`
  })
}

function tipAt(course: Course, asked: Asked, answer: Answer, step: number, look: Look, byStep: Map<string, DateNote[]>): HTMLElement {
  const rows = course.lines.flatMap((line): TipRow[] => {
    const r = line.rows[step] ?? -1
    if (r < 0) return []
    const row = answer.rows[r]!
    const column = answer.columns[line.at]!
    const compared = line.before >= 0 ? { before: { value: row[line.before] ?? null, change: row[line.before + 1] ?? null } } : {}
    return [{ label: line.label, column, value: row[line.at] ?? null, colour: line.limit ? look.bad : paint(look, line.colour), dash: line.limit, ...compared }]
  })
  const notes = (byStep.get(course.steps[step] ?? '') ?? []).map((n) => [kindLabel(n.kind), n.day, n.region ? regionName(n.region) : '', n.text].filter((s) => s !== '').join(' '))
  if (rows.length === 0) notes.unshift(t('此处没有数据', 'no data here'))
  const hints = [...(asked.panel.drill !== undefined ? [t('点击筛选', 'click: filter')] : []), t('右键或长按：固定并溯源', 'right-click or hold: pin and trace')]
  return tip(stepText(course, step, asked.grain), rows, notes, answer, hints)
}

