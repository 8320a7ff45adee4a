import { afterEach, describe, expect, it } from 'vitest'
import { change, compact, exact, moment, plain, short, timeText, unitText } from '../../src/format'
import { lang } from '../../src/i18n'

afterEach(() => (lang.value = 'zh'))
const yuan = { type: 'decimal', unit: '元', scale: 2 } as const

describe('figures', () => {
  it('are exact where they are shown exactly, beyond what a binary number holds', () => {
    expect(exact('12345678901234567890.12')).toBe('12,345,678,901,234,567,890.12')
    expect(exact('-1234.5')).toBe('-1,234.5')
    expect(exact(0)).toBe('0')
    expect(exact(null)).toBe('—')
  })
  it('are short in 万 and 亿 for a Chinese reader, in m and bn for an English one', () => {
    expect(short('10164056660.00', yuan)).toBe('101.64亿')
    expect(compact(12_345)).toBe('1.23万')
    expect(compact(9_999)).toBe('9,999')
    expect(compact(-250_000)).toBe('-25万')
    lang.value = 'en'
    expect(short('10164056660.00', yuan)).toBe('10.16bn')
  })
  it('of a ratio are per cent', () => {
    expect(short(0.8312, { type: 'number', unit: '' })).toBe('83.1%')
    expect(short(0.00721, { type: 'number', unit: '' })).toBe('0.72%')
    expect(change(0.1234)).toBe('+12.3%')
    expect(change(-0.05)).toBe('−5.0%')
    expect(change(null)).toBe('—')
  })
  it('lose the zeros of their scale where they are read beside words', () => {
    expect(plain('1.0000')).toBe('1')
    expect(plain('1200.5000')).toBe('1,200.5')
    expect(plain('1000')).toBe('1,000')
    expect(plain(null)).toBe('—')
  })
  it('have their unit in the reader\'s language, or as it is', () => {
    expect(unitText('万元')).toBe('万元')
    lang.value = 'en'
    expect(unitText('万元')).toBe('10k yuan')
    expect(unitText('%')).toBe('%')
    expect(unitText(undefined)).toBe('')
  })
  it('keep their time in Shanghai', () => {
    expect(moment('2026-11-25T16:00:01Z')).toBe('2026-11-26 00:00:01')
    expect(timeText('2026-10-01', 'quarter')).toBe('2026 Q4')
  })
})
