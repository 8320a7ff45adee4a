import { describe, expect, test } from 'vitest'
import { countMap } from '../../src/geojson'
import { age, badness, columnOf, type Quality } from '../../src/quality'

const line = (more: Partial<Quality>): Quality => ({ dataset: 'd', agency: 'a', newest: null, age_hours: null, promised_hours: null, fresh: null, records: 0, completeness: null, fields: {}, submissions: 0, received: 0, rejected: 0, rejected_share: null, duplicates: 0, duplicate_share: null, retractions: 0, new: 0, revised: 0, late: 0, late_share: null, ...more })

describe('which quality is worst', () => {
  test('what breaks its promise comes before all else, by how much', () => {
    const late = line({ fresh: false, age_hours: 30, promised_hours: 24 })
    const later = line({ fresh: false, age_hours: 300, promised_hours: 24 })
    const rejected = line({ fresh: true, rejected_share: 1, late_share: 1, completeness: 0 })
    expect(badness(later)).toBeGreaterThan(badness(late))
    expect(badness(late)).toBeGreaterThan(badness(rejected))
    expect(badness(rejected)).toBeGreaterThan(badness(line({})))
  })
  test('a share is read as per cent, hours as a number', () => {
    expect(columnOf('completeness', '', undefined, '').type).toBe('number')
    expect(columnOf('age_hours', '', 'h', '')).toMatchObject({ type: 'number', unit: 'h' })
    expect(columnOf('records', '', 'records', '').type).toBe('integer')
  })
  test('lengths of time in words', () => {
    const en = (_: string, e: string) => e
    expect(age(0.2, en)).toBe('under an hour')
    expect(age(26, en)).toBe('26 h')
    expect(age(480, en)).toBe('20 days')
    // Beside a promise it is never so round that a late one looks kept.
    expect(age(76, en, 72)).toBe('3.2 days')
    expect(age(72.3, en, 72)).toBe('72.3 h')
    expect(age(71.8, en, 72)).toBe('71.8 h')
    expect(age(480, en, 72)).toBe('20 days')
    expect(age(72, en, 72)).toBe('3 days')
  })
})

describe('a map before it is sent', () => {
  test('is counted', () => {
    const text = JSON.stringify({ type: 'FeatureCollection', features: [{ type: 'Feature', properties: { name: '大足区' }, geometry: { type: 'Polygon' } }, { type: 'Feature', properties: null, geometry: null }] })
    expect(countMap(text)).toEqual({ features: 2, kinds: { Polygon: 1, '?': 1 }, names: ['大足区'], nameless: 1 })
  })
  test('or is none', () => {
    for (const text of ['', '[]', 'null', '{"type":"Feature"}', '{"type":"FeatureCollection"}']) expect(countMap(text)).toBeNull()
  })
})
