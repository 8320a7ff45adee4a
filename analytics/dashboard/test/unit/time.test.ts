import { describe, expect, it } from 'vitest'
import { addDays, addMonths, align, bucketEnd, dayOf, endOf, halfOf, isDay, resolveRange, startOf } from '../../src/time'

describe('time in Shanghai', () => {
  it('changes the day at its own midnight', () => {
    expect(dayOf(Date.parse('2026-11-25T15:59:59Z'))).toBe('2026-11-25')
    expect(dayOf(Date.parse('2026-11-25T16:00:00Z'))).toBe('2026-11-26')
  })
  it('knows the ends of months and leap years', () => {
    expect(addDays('2028-02-28', 1)).toBe('2028-02-29')
    expect(addDays('2026-12-31', 1)).toBe('2027-01-01')
    expect(addMonths('2026-01-31', -1)).toBe('2025-12-01')
    expect(isDay('2026-02-29')).toBe(false)
    expect(isDay('2028-02-29')).toBe(true)
  })
  it('begins weeks on Monday, quarters and halves with their months', () => {
    expect(startOf('2026-11-26', 'week')).toBe('2026-11-23')
    expect(startOf('2026-11-29', 'week')).toBe('2026-11-23')
    expect(endOf('2026-11-26', 'quarter')).toBe('2027-01-01')
    expect(startOf('2026-06-30', 'half')).toBe('2026-01-01')
    expect(halfOf('2026-07-01')).toBe('2026-H2')
  })
  it('resolves a range by the day that is today', () => {
    expect(resolveRange('30d', '2026-11-26')).toEqual({ from: '2026-10-28', to: '2026-11-27' })
    expect(resolveRange('1d', '2026-11-26')).toEqual({ from: '2026-11-26', to: '2026-11-27' })
    expect(resolveRange('12m', '2026-11-26')).toEqual({ from: '2025-12-01', to: '2026-12-01' })
    expect(resolveRange('2q', '2026-11-26')).toEqual({ from: '2026-07-01', to: '2027-01-01' })
    expect(resolveRange('3y', '2026-11-26')).toEqual({ from: '2024-01-01', to: '2027-01-01' })
    expect(resolveRange('month', '2026-12-31')).toEqual({ from: '2026-12-01', to: '2027-01-01' })
    expect(resolveRange('all', '2026-12-31')).toBeNull()
  })
  it('widens a range to whole buckets, once', () => {
    const r = align({ from: '2026-10-28', to: '2026-11-27' }, 'month')
    expect(r).toEqual({ from: '2026-10-01', to: '2026-12-01' })
    expect(align(r, 'month')).toEqual(r)
    expect(align({ from: '2026-10-28', to: '2026-11-27' }, 'day')).toEqual({ from: '2026-10-28', to: '2026-11-27' })
  })
  it('ends a bucket where the next begins', () => {
    expect(bucketEnd('2026-12-01', 'month')).toBe('2027-01-01')
    expect(bucketEnd('2026-11-26T03:00:00Z', 'hour')).toBe('2026-11-26T04:00:00.000Z')
  })
})
