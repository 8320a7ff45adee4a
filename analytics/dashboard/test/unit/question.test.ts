import { describe, expect, it } from 'vitest'
import { emptyAddress } from '../../src/address'
import { behindCell } from '../../src/behind'
import { traceQuery } from '../../src/figure'
import { questionOf } from '../../src/question'
import type { Metric, Panel, View } from '../../src/types'

const dims = (...names: string[]) => names.map((name) => ({ name, label: name, label_en: name, type: 'string' as const }))
const metrics = new Map<string, Metric>([
  ['visitors', { name: 'visitors', label: '', label_en: '', unit: '人次', type: 'integer', dataset: 'tourism_flow', aggregation: 'additive', classification: 'internal', description: '', description_en: '', dimensions: dims('spot_id', 'region', 'side') }],
])
const panel: Panel = { id: 'p', title: '客流', title_en: 'Flow', chart: 'line', metrics: ['visitors'], dimensions: ['region'] }
const view: View = { view: 'v', order: 1, title: '', title_en: '', range: '30d', grains: ['day', 'month'], compare: 'previous_year', panels: [panel] }

describe('a question', () => {
  it('is the panel with the reader\'s range, grain, comparison and filters', () => {
    const a = { ...emptyAddress(), grain: 'month' as const, filters: [{ dimension: 'side', op: 'in', values: ['大足'] }] }
    expect(questionOf(view, panel, a, '2026-11-26', metrics).query).toEqual({
      metrics: ['visitors'],
      dimensions: ['region'],
      time: { from: '2026-10-01', to: '2026-12-01', grain: 'month' },
      filters: [{ dimension: 'side', op: 'in', values: ['大足'] }],
      compare: 'previous_year',
    })
  })
  it('says which filters cannot apply, and leaves them out', () => {
    const a = { ...emptyAddress(), filters: [{ dimension: 'park_id', op: 'in', values: ['x'] }] }
    const q = questionOf(view, panel, a, '2026-11-26', metrics)
    expect(q.ignored).toEqual(a.filters)
    expect(q.query?.filters).toBeUndefined()
  })
  it('as of a day in the past ends with that day', () => {
    const q = questionOf(view, panel, { ...emptyAddress(), asOf: '2026-03-01T00:30:00+08:00' }, '2026-11-26', metrics)
    expect(q.query?.time).toEqual({ from: '2026-01-31', to: '2026-03-02', grain: 'day' })
    expect(q.query?.as_of).toBe('2026-03-01T00:30:00+08:00')
  })
  it('puts the running half-year in the place of $half', () => {
    const p: Panel = { ...panel, chart: 'kpi', filters: [{ dimension: 'region', op: 'eq', values: ['$half'] }] }
    expect(questionOf(view, p, emptyAddress(), '2026-11-26', metrics).query?.filters?.[0]?.values).toEqual(['2026-H2'])
  })
  it('is not ordered by what is above the reader\'s clearance', () => {
    const p: Panel = { ...panel, order: [{ by: 'visitors', dir: 'desc' }, { by: 'region', dir: 'asc' }] }
    expect(questionOf(view, p, emptyAddress(), '2026-11-26', metrics, 'public').query?.order).toEqual([{ by: 'region', dir: 'asc' }])
    expect(questionOf(view, p, emptyAddress(), '2026-11-26', metrics, 'internal').query?.order).toEqual(p.order)
    expect(questionOf(view, { ...p, order: [{ by: 'visitors_change', dir: 'asc' }] }, emptyAddress(), '2026-11-26', metrics, 'public').query?.order).toBeUndefined()
  })
  it('leads from a cell to the records behind it alone', () => {
    const asked = questionOf(view, panel, { ...emptyAddress(), filters: [{ dimension: 'side', op: 'in', values: ['大足'] }] }, '2026-11-26', metrics)
    const answer = {
      columns: [
        { name: 'time', type: 'date' as const, label: '时间' },
        { name: 'region', type: 'string' as const, label: '区划' },
        { name: 'visitors', type: 'integer' as const, label: '人次', dataset: 'tourism_flow' },
        { name: 'visitors_previous', type: 'integer' as const, label: '去年' },
      ],
      rows: [['2026-11-20', '500111', 42, 40]],
      as_of: '2026-11-26T00:00:00Z',
      watermark: 7,
    }
    expect(traceQuery(behindCell(asked, answer, answer.rows[0]!, 2), 'tourism_flow')).toEqual({
      metrics: ['tourism_flow_records'],
      dimensions: ['submission', 'agency'],
      filters: [
        { dimension: 'side', op: 'in', values: ['大足'] },
        { dimension: 'region', op: 'eq', values: ['500111'] },
      ],
      time: { from: '2026-11-20', to: '2026-11-21' },
      limit: 500,
    })
    expect(behindCell(asked, answer, answer.rows[0]!, 3).query).toBeUndefined()
  })
})
