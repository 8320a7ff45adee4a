import { describe, expect, test } from 'vitest'
import { emptyAddress } from '../../src/address'
import { autoChart, chosenOf, commandText, curlText, exploreView, finestOf, grainsOf, quote, sharedDimensions, unmet, whyNot } from '../../src/explore'
import { questionOf } from '../../src/question'
import type { Dimension, Metric } from '../../src/types'

const dim = (name: string): Dimension => ({ name, label: name + '名', label_en: name.toUpperCase(), type: 'string' })
function metric(name: string, dataset: string, dims: string[], more: Partial<Metric> = {}): Metric {
  return { name, label: name, label_en: name, unit: '', type: 'integer', dataset, aggregation: 'additive', classification: 'internal', description: '', description_en: '', dimensions: dims.map(dim), ...more }
}
const timed = ['year', 'month', 'day', 'hour']
const visitors = metric('visitors', 'tourism_flow', ['spot_id', 'region', 'side', ...timed])
const load = metric('load_ratio', 'tourism_flow', ['spot_id', 'region', 'side', ...timed])
const output = metric('output', 'park_monthly', ['park_id', 'region', 'side', 'year', 'month'])
const spots = metric('scenic_spot_records', 'scenic_spot', ['spot_id', 'region', 'side'])
const indicator = metric('indicator_value', 'indicator_value', ['indicator', 'region', 'side', 'year', 'month'], { requires: ['indicator'] })
const all = new Map([visitors, load, output, spots, indicator].map((m) => [m.name, m]))

describe('which metrics can be asked together', () => {
  test('any of one dataset', () => expect(whyNot(load, [visitors], ['spot_id'], [], 'day')).toBeNull())
  test('of two datasets, while both have the chosen dimensions', () => {
    expect(whyNot(output, [visitors], ['region'], [], 'month')).toBeNull()
    expect(whyNot(output, [visitors], ['region', 'spot_id'], [], 'month')?.en).toBe('lacks the chosen dimension: SPOT_ID')
    expect(whyNot(output, [visitors], ['spot_id'], [], 'month')?.zh).toBe('没有所选的维度：spot_id名')
  })
  test('not when a filter in force would fall away', () => {
    expect(whyNot(output, [visitors], [], [{ dimension: 'spot_id', op: 'eq', values: ['a'] }], undefined)?.en).toContain('SPOT_ID')
    // A filter that never applied does not hold anything back.
    expect(whyNot(output, [visitors], [], [{ dimension: 'stage', op: 'eq', values: ['a'] }], undefined)).toBeNull()
  })
  test('not at a grain finer than its time', () => {
    expect(whyNot(output, [visitors], [], [], 'day')?.en).toContain('not that fine')
    expect(whyNot(spots, [visitors], [], [], undefined)?.en).toContain('without time')
  })
  test('not where one must be told apart by what the other lacks', () => {
    expect(whyNot(indicator, [visitors], [], [], undefined)?.en).toBe('must be told apart by what the chosen ones lack: INDICATOR')
    expect(whyNot(visitors, [indicator], [], [], undefined)?.en).toBe('the chosen ones must be told apart by what it lacks: INDICATOR')
  })
  test('no more than the hub takes', () => {
    expect(whyNot(load, Array.from({ length: 20 }, (_, i) => metric('m' + i, 'tourism_flow', ['spot_id', ...timed])), [], [], undefined)?.en).toBe('at most 20 metrics at once')
  })
  test('the first is always free', () => expect(whyNot(indicator, [], ['spot_id'], [], 'hour')).toBeNull())
})

test('what all metrics share is offered', () => {
  expect(sharedDimensions([visitors, output]).map((d) => d.name)).toEqual(['region', 'side', 'year', 'month'])
  expect(sharedDimensions([])).toEqual([])
  expect(finestOf(output)).toBe('month')
  expect(grainsOf([visitors, output])).toEqual(['month', 'quarter', 'year'])
  expect(grainsOf([spots])).toEqual([])
})

test('what a metric cannot be summed over is asked for', () => {
  expect(unmet([indicator], [], []).map((u) => u.dimension)).toEqual(['indicator'])
  expect(unmet([indicator], ['indicator'], [])).toEqual([])
  expect(unmet([indicator], [], [{ dimension: 'indicator', op: 'in', values: ['x'] }])).toEqual([])
  expect(unmet([indicator], [], [{ dimension: 'indicator', op: 'in', values: ['x', 'y'] }])).toHaveLength(1)
})

test('the chart follows from the question', () => {
  expect(autoChart(1, [], undefined)).toBe('kpi')
  expect(autoChart(1, ['region'], 'day')).toBe('line')
  expect(autoChart(2, ['spot_id', 'spot_name'], undefined)).toBe('ranking')
  expect(autoChart(1, ['issuer_region', 'region'], undefined)).toBe('matrix')
  expect(autoChart(2, ['issuer_region', 'region'], undefined)).toBe('table')
})

describe('the view that is asked', () => {
  const view = (change: object) => exploreView({ ...emptyAddress(), view: 'explore', ...change }, all, 'internal')
  test('nothing while nothing is chosen, or while a requirement is open', () => {
    expect(view({}).panels).toEqual([])
    expect(view({ metrics: ['indicator_value'] }).panels).toEqual([])
    expect(view({ metrics: ['indicator_value'], dims: ['indicator'] }).panels).toHaveLength(1)
  })
  test('leaves out what does not exist or is not shared', () => {
    const a = { ...emptyAddress(), metrics: ['visitors', 'output', 'nothing'], dims: ['region', 'spot_id'] }
    expect(chosenOf(a, all).strange).toEqual(['nothing', 'spot_id'])
    expect(exploreView(a, all, 'internal').panels[0]).toMatchObject({ metrics: ['visitors', 'output'], dimensions: ['region'], grain: 'none', order: [{ by: 'visitors', dir: 'desc' }] })
  })
  test('asks what the address says', () => {
    const a = { ...emptyAddress(), view: 'explore', metrics: ['visitors'], dims: ['region'], grain: 'month' as const, from: '2026-01-15', to: '2026-03-01', sort: [{ by: 'visitors', dir: 'desc' as const }, { by: 'gone' }], limit: 20 }
    const v = exploreView(a, all, 'internal')
    expect(questionOf(v, v.panels[0]!, a, '2026-11-26', all).query).toEqual({ metrics: ['visitors'], dimensions: ['region'], time: { from: '2026-01-01', to: '2026-03-01', grain: 'month' }, order: [{ by: 'visitors', dir: 'desc' }], limit: 20 })
  })
  test('asks for no time where there is none', () => {
    const a = { ...emptyAddress(), metrics: ['scenic_spot_records'], dims: ['region'], compare: 'previous_year' as const, grain: 'day' as const }
    const v = exploreView(a, all, 'internal')
    const q = questionOf(v, v.panels[0]!, a, '2026-11-26', all).query!
    expect(q.time).toBeUndefined()
    expect(q.compare).toBeUndefined()
  })
  test('does not order by what is above the clearance', () => {
    const secret = new Map([['tax', metric('tax', 'park_monthly', ['region'], { classification: 'core' })]])
    expect(exploreView({ ...emptyAddress(), metrics: ['tax'], dims: ['region'] }, secret, 'internal').panels[0]!.order).toBeUndefined()
  })
})

describe('the same from a shell', () => {
  test('as options', () => {
    expect(commandText({ metrics: ['visitors'], dimensions: ['region', 'day'], time: { from: '2026-01-01', to: '2026-02-01', grain: 'month' }, filters: [{ dimension: 'side', op: 'in', values: ['大足', '资阳'] }], order: [{ by: 'visitors', dir: 'desc' }, { by: 'region' }], limit: 20, compare: 'previous_year', as_of: '2026-11-01T00:00:00+08:00' })).toBe(
      [
        'zida query visitors',
        '--by region,day',
        '--from 2026-01-01',
        '--to 2026-02-01',
        '--grain month',
        `--filter 'side=大足,资阳'`,
        '--order=-visitors,region',
        '--limit 20',
        '--compare previous_year',
        '--as-of 2026-11-01T00:00:00+08:00',
      ].join(' \\\n  '),
    )
  })
  test('as a body where options cannot say it', () => {
    for (const q of [
      { metrics: ['visitors'], filters: [{ dimension: 'spot_name', op: 'eq', values: ['a,b'] }] },
      { metrics: ['visitors'], filters: [{ dimension: 'spot_name', op: 'ne', values: ['a'] }] },
      { metrics: ['visitors'], filters: [{ dimension: 'spot_name', op: 'is_null', values: [] }] },
      { metrics: ['visitors'], dimensions: ['hour'] }, // --by hour alone would set the grain
    ]) {
      const text = commandText(q)
      expect(text.startsWith(`zida query --body - <<'JSON'\n`)).toBe(true)
      expect(JSON.parse(text.split('\n').slice(1, -1).join('\n'))).toEqual(q)
    }
  })
  test('quotes what a shell would read', () => {
    expect(quote('region')).toBe('region')
    expect(quote('')).toBe(`''`)
    expect(quote('$(id)')).toBe(`'$(id)'`)
    expect(quote(`it's`)).toBe(`'it'\\''s'`)
    expect(quote('a b')).toBe(`'a b'`)
  })
  test('as an HTTP call whose body stays one word', () => {
    const q = { metrics: ['visitors'], filters: [{ dimension: 'spot_name', op: 'eq', values: [`'; rm -rf ~ #`] }] }
    const text = curlText(q, 'https://hub.example')
    expect(text).toContain(`curl -sS https://hub.example/v1/query`)
    expect(text).toContain(`-H "Authorization: Bearer $(zida token)"`)
    const body = /--data '(.*)'$/s.exec(text)![1]!.replaceAll(`'\\''`, `'`)
    expect(JSON.parse(body)).toEqual(q)
  })
})
