import { english } from './i18n'
import { agencyName, regionName, withoutMark } from './names'
import type { CellValue, Column } from './types'

// How figures are written: 万 and 亿 where a Chinese reader expects them, with the exact
// figure on hover. Decimals come as text and stay text when they are shown exactly.

/** The figure as the hub gave it, with separators: nothing rounded. */
export function exact(value: CellValue): string {
  if (value === null) return '—'
  if (typeof value === 'boolean') return value ? '✓' : '✗'
  const s = String(value)
  const m = /^(-?)(\d+)(\.\d+)?$/.exec(s)
  if (!m) return s
  return m[1] + m[2]!.replace(/\B(?=(\d{3})+$)/g, ',') + (m[3] ?? '')
}

export function numberOf(value: CellValue): number | null {
  if (value === null || value === '' || typeof value === 'boolean') return null
  const n = Number(value)
  return Number.isFinite(n) ? n : null
}

/** A ratio's metrics have no unit and a binary number: they are read as per cent. */
export function isRatio(column: Pick<Column, 'type' | 'unit'>): boolean {
  return column.type === 'number' && (column.unit === undefined || column.unit === '')
}

/** The figure as people read it, without its unit. */
export function short(value: CellValue, column: Pick<Column, 'type' | 'unit' | 'scale'>): string {
  const n = numberOf(value)
  if (n === null) return value === null ? '—' : String(value)
  if (isRatio(column)) return trim((n * 100).toFixed(Math.abs(n) < 0.1 ? 2 : 1)) + '%'
  return compact(n)
}

export function compact(n: number): string {
  const size = Math.abs(n)
  if (english.value) {
    if (size >= 1e9) return trim((n / 1e9).toFixed(2)) + 'bn'
    if (size >= 1e6) return trim((n / 1e6).toFixed(2)) + 'm'
  } else {
    if (size >= 1e8) return trim((n / 1e8).toFixed(2)) + '亿'
    if (size >= 1e4) return trim((n / 1e4).toFixed(size >= 1e6 ? 1 : 2)) + '万'
  }
  return exact(trim(n.toFixed(size >= 1000 ? 0 : size >= 10 ? 1 : 2)))
}

const unitsInEnglish: Record<string, string> = {
  人次: 'visits', 人: 'people', '人/班': 'people a trip', 元: 'yuan', 万元: '10k yuan', 亿元: '100m yuan', '元/亩': 'yuan a mu', 件: 'cases', 个: 'items', 项: 'items', 份: 'documents', 场: 'events', 家: 'companies',
  座: 'sites', 张: 'tickets', 笔: 'redemptions', 条: 'records', 班: 'trips', 断面次: 'section readings', 吨: 't', 吨标准煤: 'tce', 亩: 'mu', 万亩: '10k mu', 立方米: 'm³', 万立方米: '10k m³', '立方米/秒': 'm³/s',
  天: 'days', 小时: 'h', 分钟: 'min', 年: 'years', 米: 'm', 毫米: 'mm', 公里: 'km', 度: 'deg', '毫克/升': 'mg/L', '毫克/立方米': 'mg/m³', '微克/立方米': 'µg/m³', 万人次: '10k visits', 万人: '10k people', 次: 'times',
}

/** A unit in the reader's language; the hub has the metrics' in Chinese alone. */
export function unitText(unit: string | undefined): string {
  return (english.value && unit !== undefined ? unitsInEnglish[unit] : undefined) ?? unit ?? ''
}

/** The exact figure without the zeros that its scale adds. */
export function plain(value: CellValue): string {
  return trim(exact(value))
}

function trim(s: string): string {
  return s.includes('.') ? s.replace(/\.?0+$/, '') : s
}

/** A change against what it is compared with: +12.3%. */
export function change(value: CellValue): string {
  const n = numberOf(value)
  if (n === null) return '—'
  return (n > 0 ? '+' : n < 0 ? '−' : '±') + Math.abs(n * 100).toFixed(1) + '%'
}

/** A moment in Shanghai, to the second. */
export function moment(value: string | number | Date): string {
  const at = new Date(value)
  return Number.isNaN(at.getTime()) ? String(value) : new Date(at.getTime() + 8 * 3600_000).toISOString().slice(0, 19).replace('T', ' ')
}

/** Time's cell as the axis and tables show it. */
export function timeText(value: CellValue, grain: string | undefined): string {
  if (value === null) return '—'
  const s = String(value)
  switch (grain) {
    case 'year':
      return s.slice(0, 4)
    case 'quarter':
      return s.slice(0, 4) + ' Q' + Math.ceil(Number(s.slice(5, 7)) / 3)
    case 'month':
      return s.slice(0, 7)
    case 'hour':
    case '5min':
      return moment(s).slice(5, 16)
    default:
      return s.slice(0, 10)
  }
}

/** A cell of any column as text for people. */
export function cellText(value: CellValue, column: Column, grain?: string): string {
  if (value === null) return '—'
  switch (column.type) {
    case 'integer':
    case 'decimal':
      return exact(value)
    case 'number':
      return short(value, column)
    case 'timestamp':
      return column.name === 'time' ? timeText(value, grain) : moment(String(value))
    case 'date':
      return column.name === 'time' ? timeText(value, grain) : String(value).slice(0, 10)
    case 'boolean':
      return value ? (english.value ? 'yes' : '是') : english.value ? 'no' : '否'
    default:
      return valueText(value, column)
  }
}

/** A code as people call it: by its contract's label, or by its list's name. */
export function valueText(value: CellValue, column: Column): string {
  if (value === null || value === '') return '—'
  const s = String(value)
  if (column.labels?.[s] !== undefined) return column.labels[s]
  if (column.code_list === 'region') return regionName(s)
  return column.name === 'agency' ? agencyName(s) : withoutMark(s)
}

/** How long ago, in words. */
export function ago(millis: number): string {
  const s = Math.max(0, Math.round(millis / 1000))
  const say = (n: number, zh: string, en: string) => (english.value ? `${n} ${en}${n === 1 ? '' : 's'} ago` : `${n} ${zh}前`)
  if (s < 60) return english.value ? 'just now' : '刚刚'
  if (s < 3600) return say(Math.floor(s / 60), '分钟', 'minute')
  if (s < 86_400) return say(Math.floor(s / 3600), '小时', 'hour')
  return say(Math.floor(s / 86_400), '天', 'day')
}
