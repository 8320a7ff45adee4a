import { describe, expect, it } from 'vitest'
import type { Asked } from '../../src/question'
import type { Answer, CellValue, Column, Grain, Panel } from '../../src/types'
import { bulletColumns, expectedOf, paceOf, progressOf } from '../../src/charts/bullet'
import { boardOf, dueOf, fieldsOf, orderedRows } from '../../src/charts/cards'
import { flowsOf } from '../../src/charts/flow'
import { heatOf } from '../../src/charts/heat'
import { matrixOf, shade } from '../../src/charts/matrix'
import { notesByStep } from '../../src/charts/notes'
import { colourFor, coursesOf, drillValue, farFromZero, measuresOf, namedDimensions, sentence, timeSteps, valuesOf } from '../../src/charts/series'
import { loadState, tileLayout } from '../../src/charts/tiles'
import { sum } from '../../src/charts/totals'

const asOf = '2026-11-26T09:00:00+08:00'
const types: Record<string, Column['type']> = { time: 'date', visitors: 'integer', tax: 'decimal', load: 'number' }
const column = (name: string, over: Partial<Column> = {}): Column => ({
  name,
  type: types[name] ?? types[name.replace(/_previous$/, '')] ?? (name.endsWith('_change') ? 'number' : 'string'),
  unit: { visitors: '人次', visitors_previous: '人次', tax: '元' }[name] ?? '',
  label: name,
  ...over,
})
const answerOf = (names: (string | Column)[], rows: CellValue[][]): Answer => ({ columns: names.map((n) => (typeof n === 'string' ? column(n) : n)), rows, as_of: asOf, watermark: 9 })
function askedOf(panel: Partial<Panel>, o: { grain?: Grain; range?: Asked['range'] } = {}): Asked {
  const whole: Panel = { id: 'p', title: '图', title_en: 'Chart', chart: 'line', ...panel }
  return { id: 'p', title: '图', panel: whole, grain: o.grain, range: o.range ?? null, ignored: [], query: { metrics: whole.metrics ?? [], dimensions: whole.dimensions ?? [] } }
}
const code = (_: Column, v: CellValue) => String(v)

describe('sums', () => {
  it('are exact for decimals of different scales and for figures no float can hold', () => {
    expect(sum(['0.10', '0.2'])).toBe('0.30')
    expect(sum(['266732643.84', '212651844.35', '-0.01'])).toBe('479384488.18')
    expect(sum(['9007199254740993.01', '0.02'])).toBe('9007199254740993.03')
    expect(sum(['-0.05', '0.01'])).toBe('-0.04')
    expect(sum([3, 4, null])).toBe('7')
  })
  it('are none where nothing is known, or where a cell is no plain figure', () => {
    expect(sum([null, null])).toBeNull()
    expect(sum([])).toBeNull()
    expect(sum(['1e-7', '1'])).toBeNull()
  })
})

describe('steps of time', () => {
  it('fill every missing bucket of the range that has begun, and none after it', () => {
    expect(timeSteps(['2026-11-20', '2026-11-23'], 'day', { from: '2026-11-19', to: '2026-12-01' }, asOf)).toEqual(['2026-11-19', '2026-11-20', '2026-11-21', '2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26'])
    expect(timeSteps(['2026-01-01'], 'month', { from: '2025-12-01', to: '2026-04-01' }, asOf)).toEqual(['2025-12-01', '2026-01-01', '2026-02-01', '2026-03-01'])
    expect(timeSteps(['2025-10-01', '2026-04-01'], 'quarter', null, asOf)).toEqual(['2025-10-01', '2026-01-01', '2026-04-01'])
  })
  it('begin weeks on Mondays', () => {
    expect(timeSteps(['2026-11-16'], 'week', { from: '2026-11-09', to: '2026-11-30' }, asOf)).toEqual(['2026-11-09', '2026-11-16', '2026-11-23'])
  })
  it('show all hours of the running day, in Shanghai, whatever zone they are written in', () => {
    const hours = timeSteps(['2026-11-26T01:00:00Z'], 'hour', { from: '2026-11-26', to: '2026-11-27' }, asOf)
    expect(hours).toHaveLength(24)
    expect(hours[0]).toBe('2026-11-26T00:00:00+08:00')
    expect(hours[23]).toBe('2026-11-26T23:00:00+08:00')
  })
  it('are none without figures or a range', () => expect(timeSteps([], 'day', null, asOf)).toEqual([]))
})

describe('courses', () => {
  const asked = askedOf({ metrics: ['visitors'], dimensions: ['side'], drill: 'side' }, { grain: 'day', range: { from: '2026-11-20', to: '2026-11-24' } })
  const answer = answerOf(['time', 'side', 'visitors', 'visitors_previous', 'visitors_change'], [
    ['2026-11-20', '大足', 10, 8, 0.25],
    ['2026-11-20', '资阳', 7, null, null],
    ['2026-11-22', '大足', 12, 9, 0.33],
    ['2026-11-23', '资阳', 0, 5, -1],
  ])
  it('are a line for each side with gaps where the hub said nothing, and zero where it said zero', () => {
    const [c, ...rest] = coursesOf(asked, answer, code)
    expect(rest).toEqual([])
    expect(c!.lines.map((l) => l.label)).toEqual(['大足', '资阳'])
    expect(valuesOf(answer, c!.lines[0]!.rows, c!.lines[0]!.at)).toEqual([10, null, 12, null])
    expect(valuesOf(answer, c!.lines[1]!.rows, c!.lines[1]!.at)).toEqual([7, null, null, 0])
    expect(valuesOf(answer, c!.lines[0]!.rows, c!.lines[0]!.before)).toEqual([8, null, 9, null])
    expect(c!.lines.map((l) => l.colour.c)).toEqual([1, 2])
  })
  it('filter by the value of their line even where there is no figure', () => {
    const [c] = coursesOf(asked, answer, code)
    expect(drillValue(asked, answer, c!.lines[1]!, 1)).toBe('资阳')
    expect(drillValue(askedOf({ metrics: ['visitors'], dimensions: ['side'] }), answer, c!.lines[1]!, 0)).toBeUndefined()
  })
  it('say in a sentence what is first, last, lowest and highest', () => {
    const [c] = coursesOf(asked, answer, code)
    expect(sentence(c!, asked, answer, '折线图')).toBe('折线图，2026-11-20 至 2026-11-23，单位人次。大足：最先 10（2026-11-20），最后 12（2026-11-22），最低 10（2026-11-20），最高 12（2026-11-22）；资阳：最先 7（2026-11-20），最后 0（2026-11-23），最低 0（2026-11-23），最高 7（2026-11-20）')
  })
  it('are two charts for two units, never two axes, and leave out what may not be seen', () => {
    const a = askedOf({ metrics: ['visitors', 'tax', 'load'] }, { grain: 'day' })
    const both = coursesOf(a, answerOf(['time', 'visitors', 'tax', column('load', { masked: true })], [['2026-11-20', 1, '2.50', null]]), code)
    expect(both.map((c) => c.unit)).toEqual(['人次', '元'])
  })
  it('draw a limiting metric as a limit to the other, in one chart', () => {
    const a = askedOf({ metrics: ['visitors', 'capacity'], limit_metric: 'capacity' }, { grain: 'day' })
    const [c] = coursesOf(a, answerOf(['time', 'visitors', column('capacity', { type: 'integer', unit: '人次' })], [['2026-11-20', 1, 5]]), code)
    expect(c!.lines.map((l) => [l.label, l.limit])).toEqual([['visitors', false], ['capacity', true]])
  })
  it('without time stand over the first dimension, under its name and in the order of its enumeration', () => {
    const a = askedOf({ chart: 'stacked', metrics: ['visitors'], dimensions: ['stage', 'side'] })
    const [c] = coursesOf(a, answerOf(['stage', 'side', 'visitors'], [['done', '大足', 1], ['task', '大足', 2], ['task', '资阳', 3]]), (_, v) => ({ done: '办结', task: '任务' })[String(v)] ?? String(v), (col) => (col.name === 'stage' ? ['task', 'done'] : undefined))
    expect(c!.steps).toEqual(['任务', '办结'])
    expect(c!.lines.map((l) => [l.label, l.rows])).toEqual([['大足', [1, 0]], ['资阳', [2, -1]]])
  })
  it('call a code by the column that names it', () => {
    const a = askedOf({ metrics: ['visitors'], dimensions: ['spot_id', 'spot_name', 'region'] })
    const dims = namedDimensions(a, answerOf(['spot_id', 'spot_name', 'region', 'visitors'], []))
    expect(dims.map((d) => [d.column.name, d.shown])).toEqual([['spot_id', 1], ['region', 2]])
  })
  it('keep up with fifty thousand points and keep the gaps between them', () => {
    const start = Date.parse('2026-01-01T00:00:00+08:00')
    const rows: CellValue[][] = []
    for (let i = 0; i < 50_000; i++) if (i % 1000 !== 500) rows.push([new Date(start + i * 300_000).toISOString(), i])
    const many = answerOf([column('time', { type: 'timestamp' }), 'visitors'], rows)
    const [c] = coursesOf(askedOf({ metrics: ['visitors'] }, { grain: '5min' }), many, code)
    expect(c!.steps).toHaveLength(50_000)
    expect(c!.lines[0]!.rows.filter((r) => r < 0)).toHaveLength(50)
  })
})

describe('colours and axes', () => {
  it('of the two sides are fixed, and 资阳 and its counties are tones of one', () => {
    expect(colourFor(column('side'), '大足')).toEqual({ c: 1, tone: 0 })
    expect(colourFor(column('region'), '500111')).toEqual({ c: 1, tone: 0 })
    const counties = ['512000', '512002', '512021', '512022'].map((v) => colourFor(column('issuer_region'), v)!)
    expect(counties.every((c) => c.c === 2)).toBe(true)
    expect(new Set(counties.map((c) => c.tone)).size).toBe(4)
    expect(colourFor(column('kind'), '500111')).toBeNull()
  })
  it('leave zero out only where all is far from it', () => {
    expect(farFromZero([60, 100])).toBe(true)
    expect(farFromZero([50, 100])).toBe(false)
    expect(farFromZero([-60, -100])).toBe(false)
    expect(farFromZero([null])).toBe(false)
    expect(farFromZero([7, 7])).toBe(false)
  })
})

describe('matrices', () => {
  const a = askedOf({ chart: 'matrix', metrics: ['tax'], dimensions: ['issuer_region', 'region'] })
  const answer = answerOf(['issuer_region', 'region', 'tax'], [['512000', '500111', '0.10'], ['500111', '512021', '0.20'], ['512000', '512021', null], ['500111', '500111', '9007199254740993.00']])
  const build = (adds: boolean, over: Partial<Answer> = {}) => {
    const whole = { ...answer, ...over }
    const [down, across] = namedDimensions(a, whole)
    return matrixOf(a, whole, measuresOf(a, whole)[0]!, down!, across!, code, adds)
  }
  it('total exactly, and each total is asked for by its own filters', () => {
    const m = build(true)
    expect(m.columns.map((c) => c.key)).toEqual(['500111', '512021'])
    expect(m.rows.map((r) => r.total?.value)).toEqual(['9007199254740993.20', '0.10'])
    expect(m.totals.map((b) => b?.value)).toEqual(['9007199254740993.10', '0.20'])
    expect(m.total?.value).toBe('9007199254740993.30')
    expect(m.rows[1]!.total?.filters).toEqual([{ dimension: 'issuer_region', op: 'eq', values: ['512000'] }])
    expect(m.totals[0]?.filters).toEqual([{ dimension: 'region', op: 'eq', values: ['500111'] }])
  })
  it('have no totals of what does not add up, or of an answer cut short', () => {
    expect(build(false).total).toBeNull()
    expect(build(true, { truncated: true }).total).toBeNull()
  })
  it('shade by value, never so much that text is hard to read', () => {
    expect(shade('50', 100)).toBe(15)
    expect(shade('100', 100)).toBe(30)
    expect(shade(null, 100)).toBe(0)
  })
})

describe('tiles', () => {
  it('lie in two blocks by county, in the order of their ids whatever their figures', () => {
    const rows: CellValue[][] = [['512021-S02', '512021', 0.9], ['500111-S02', '500111', 0.1], ['512002-S01', '512002', null], ['512021-S01', '512021', 1.2], ['500111-S01', '500111', 0.7], ['512022-S01', '512022', 0.7]]
    const blocks = tileLayout(rows, 0, 1)
    expect(blocks.map((b) => [b.side, b.counties.map((c) => [c.region, c.tiles.map((x) => x.id)])])).toEqual([
      ['大足', [['500111', ['500111-S01', '500111-S02']]]],
      ['资阳', [['512002', ['512002-S01']], ['512022', ['512022-S01']], ['512021', ['512021-S01', '512021-S02']]]],
    ])
    expect(tileLayout([...rows].reverse(), 0, -1)).toEqual(blocks)
  })
  it('change their state at 70, 90 and 100 per cent of the limit', () => {
    expect([0.699, 0.7, 0.9, 1, null].map((v) => loadState(v, 1))).toEqual(['normal', 'busy', 'near', 'over', 'unknown'])
    expect(loadState(85, 100)).toBe('busy')
  })
})

describe('exchange', () => {
  it('pairs what went each way, 大足 on the left, and keeps what stays within apart', () => {
    const f = flowsOf(answerOf(['origin', 'region', 'visitors'], [['512021', '500111', 3], ['500111', '512021', 5], ['500111', '500111', 9], ['512002', '500111', 2], ['512021', '512002', 0]]), 0, 1, 2)
    expect(f.pairs.map((p) => [p.a, p.b, p.there?.[2], p.back?.[2]])).toEqual([['500111', '512021', 5, 3], ['500111', '512002', undefined, 2]])
    expect(f.within).toEqual([['500111', '500111', 9]])
    expect(f.most).toBe(5)
  })
})

describe('targets', () => {
  const a = askedOf({ chart: 'bullet', metrics: ['x_value', 'x_target', 'x_progress', 'x_pace'], dimensions: ['x', 'x_unit', 'x_direction'], target: 'x_target' })
  const names = ['x', 'x_unit', 'x_direction', 'x_value', 'x_target', 'x_progress', 'x_pace'].map((n, i) => column(n, { type: i < 3 ? 'string' : i < 5 ? 'decimal' : 'number' }))
  const c = bulletColumns(a, answerOf(names, []))
  it('stand where the hub says, and where they should be by their pace', () => {
    const row = ['01', '亿元', 'up', '80', '100', 0.8, 1.25]
    expect(progressOf(row, c)).toBe(0.8)
    expect(expectedOf(row, c)).toBeCloseTo(0.64)
    expect(paceOf(row, c)).toBe('ahead')
    expect(paceOf(['', '', '', '', '', 0.5, 0.8], c)).toBe('behind')
    expect(c.unit).toBe(1)
    expect(c.direction).toBe(2)
  })
  it('without a value are nowhere', () => {
    expect(progressOf(['01', '亿元', 'up', null, '100', null, null], c)).toBeNull()
    expect(paceOf(['01', '亿元', 'up', null, '100', null, null], c)).toBe('unknown')
  })
})

describe('heat', () => {
  it('puts hours in their own order and leaves empty what nobody reported', () => {
    const a = askedOf({ chart: 'heat', metrics: ['visitors'], dimensions: ['weekday', 'hour'] })
    const answer = answerOf([column('weekday', { type: 'integer' }), column('hour', { type: 'integer' }), 'visitors'], [[1, 10, 5], [1, 9, 3], [2, 9, null]])
    const h = heatOf(a, answer, measuresOf(a, answer)[0]!, code)
    expect(h.across).toEqual(['9', '10'])
    expect(h.down).toEqual(['1', '2'])
    expect(h.cells.map((x) => [x.x, x.y, x.value])).toEqual([[1, 0, 5], [0, 0, 3]])
  })
})

describe('records', () => {
  const names = ['project_id', 'name', 'stage', 'due_date', 'done_on', '_submission'].map((n) => column(n))
  const rows: CellValue[][] = [['1', '甲', 'tracking', '2026-11-25', null, '4-0'], ['2', '乙', 'task', '2026-11-26', null, '4-0'], ['3', '丙', 'tracking', '2026-10-01', '2026-10-02', '5-0'], ['4', '丁', 'new', null, null, '5-0']]
  const answer = answerOf(names, rows)
  it('stand in columns in the contract’s order, empty ones too, unknown ones last', () => {
    expect(boardOf(rows, 2, ['task', 'assigned', 'tracking']).map((c) => [c.key, c.rows.map((r) => r[0])])).toEqual([['task', ['2']], ['assigned', []], ['tracking', ['1', '3']], ['new', ['4']]])
  })
  it('are late the day after they were due unless they are done', () => {
    expect(rows.map((r) => dueOf(r, answer, 3))).toEqual(['late', 'soon', 'done', 'none'])
  })
  it('are called by their name, and lead to their submission', () => {
    expect(fieldsOf(answer, [2])).toEqual({ title: 1, submission: 5, rest: [0, 3, 4] })
  })
  it('come in the panel’s order, the unknown last', () => {
    const a: Asked = { ...askedOf({ chart: 'board', order: [{ by: 'due_date', dir: 'asc' }] }), records: { dataset: 'd' } }
    expect(orderedRows(a, answer).map((r) => r[0])).toEqual(['3', '1', '2', '4'])
  })
})

describe('notes on days', () => {
  it('stand at the bucket that holds their day', () => {
    const notes = [{ day: '2026-10-01', kind: '节假日', text: '国庆' }]
    expect([...notesByStep(notes, 'month').keys()]).toEqual(['2026-10-01'])
    expect([...notesByStep(notes, 'week').keys()]).toEqual(['2026-09-28'])
    expect([...notesByStep(notes, 'hour').keys()]).toEqual(['2026-10-01T00:00:00+08:00'])
  })
})
