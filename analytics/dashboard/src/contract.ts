import { get } from './api'
import { english, t } from './i18n'
import { session } from './store'
import type { Column, Dataset } from './types'

// A dataset with its contract, as GET /v1/datasets/{id} gives it.

export interface Property {
  name: string
  label?: string
  label_en?: string
  description?: string
  description_en?: string
  type: 'string' | 'integer' | 'number' | 'boolean' | 'timestamp' | 'date'
  unit?: string
  unit_en?: string
  required: boolean
  key?: number
  unique?: boolean
  classification: string
  code_list?: string
  list_attribute?: string
  enum?: string[]
  period?: 'month' | 'quarter' | 'half' | 'year' | 'period'
  pattern?: string
  min_length?: number
  max_length?: number
  minimum?: string
  maximum?: string
  exclusive_minimum?: boolean
  exclusive_maximum?: boolean
  precision?: number
  scale?: number
  default?: string
  examples?: string[]
}

export interface ListedDataset extends Dataset {
  description?: string
  description_en?: string
  tags?: string[]
  sla?: { freshness_hours: number }
}

export interface Contract extends ListedDataset {
  properties: Property[]
  rules?: { name: string; cel: string; message: string; message_en: string; fields: string[] }[]
  versions?: { version: string; retires_at?: string }[]
}

export const contractOf = (id: string, signal?: AbortSignal) => get<Contract>('/v1/datasets/' + encodeURIComponent(id), { signal })

export const nameOf = (d: { id: string; name: string; name_en: string }): string => (english.value && d.name_en ? d.name_en : d.name)
export const labelOfProperty = (p: Property): string => (english.value ? p.label_en : p.label) ?? p.name
export const unitOf = (p: Property): string => (english.value ? (p.unit_en ?? p.unit) : p.unit) ?? ''
export const describe = (p: { description?: string; description_en?: string }): string => (english.value && p.description_en ? p.description_en : p.description) ?? ''

export const typeLabel = (p: Property): string => {
  if (p.period) return { month: t('月份', 'month'), quarter: t('季度', 'quarter'), half: t('半年', 'half-year'), year: t('年份', 'year'), period: t('时期', 'period') }[p.period]
  if (p.type === 'number' && p.precision) return t('定点小数', 'exact decimal') + `（${p.precision},${p.scale ?? 0}）`
  return {
    string: t('文本', 'text'),
    integer: t('整数', 'whole number'),
    number: t('小数', 'number'),
    boolean: t('是/否', 'yes or no'),
    timestamp: t('时刻', 'moment'),
    date: t('日期', 'day'),
  }[p.type]
}

/** What values a property takes, in words. */
export function limits(p: Property): string {
  const out: string[] = []
  if (p.minimum !== undefined) out.push((p.exclusive_minimum ? '> ' : '≥ ') + p.minimum)
  if (p.maximum !== undefined) out.push((p.exclusive_maximum ? '< ' : '≤ ') + p.maximum)
  if (p.min_length !== undefined || p.max_length !== undefined) {
    const [a, b] = [p.min_length ?? 0, p.max_length]
    out.push(a === b ? t(`${a} 个字符`, `${a} characters`) : b === undefined ? t(`至少 ${a} 个字符`, `${a} characters or more`) : t(`${a} 至 ${b} 个字符`, `${a} to ${b} characters`))
  }
  if (p.pattern !== undefined) out.push(t('格式 ', 'pattern ') + p.pattern)
  if (p.unique) out.push(t('提交内不得重复', 'unique in a submission'))
  if (p.list_attribute !== undefined) out.push(t('列表条目须有 ', 'the entry must have ') + p.list_attribute)
  if (p.default !== undefined) out.push(t('缺省为 ', 'default ') + p.default)
  return out.join(t('；', '; '))
}

const levels = ['public', 'internal', 'sensitive', 'core']

/** Above the reader's clearance: the hub answers null in its place. */
export const hidden = (p: Property): boolean => levels.indexOf(p.classification) > levels.indexOf(session.value?.clearance ?? 'internal')

/** The property as a column of an answer. */
export function columnOf(p: Property, dataset: string): Column {
  const type = p.type === 'number' && p.precision ? 'decimal' : p.type
  const column: Column = { name: p.name, type, label: labelOfProperty(p), definition: describe(p), dataset, classification: p.classification, masked: hidden(p) }
  if (unitOf(p)) column.unit = unitOf(p)
  if (p.scale !== undefined) column.scale = p.scale
  return column
}

export function hoursText(hours: number): string {
  if (hours < 1) return t(`${Math.round(hours * 60)} 分钟`, `${Math.round(hours * 60)} minutes`)
  return hours >= 48 && hours % 24 === 0 ? t(`${hours / 24} 天`, `${hours / 24} days`) : t(`${hours} 小时`, `${hours} hours`)
}

export const statusLabel = (s: string): string =>
  ({ draft: t('草案', 'draft'), active: t('现行', 'active'), deprecated: t('将停用', 'deprecated'), retired: t('已停用', 'retired') })[s] ?? s

const domains: Record<string, [string, string]> = {
  plan: ['行动计划', 'The plan'],
  tourism: ['文化旅游', 'Culture and tourism'],
  industry: ['产业园区', 'Industry'],
  economy: ['经济运行', 'Economy'],
  environment: ['生态环境', 'Environment'],
  service: ['政务服务', 'Public services'],
  governance: ['社会治理', 'Governance'],
  reference: ['名录与代码', 'Lists and codes'],
}
const domainOrder = Object.keys(domains)

export const domainLabel = (d: string): string => {
  const words = domains[d]
  return words ? t(...words) : d || t('其他', 'Other')
}

export function byDomain(list: ListedDataset[]): { domain: string; datasets: ListedDataset[] }[] {
  const groups = new Map<string, ListedDataset[]>()
  for (const d of list) groups.set(d.domain ?? '', [...(groups.get(d.domain ?? '') ?? []), d])
  const place = (d: string) => (domainOrder.includes(d) ? domainOrder.indexOf(d) - (d === 'reference' ? 0 : 100) : -50)
  return [...groups].sort(([a], [b]) => place(a) - place(b)).map(([domain, datasets]) => ({ domain, datasets: datasets.sort((a, b) => a.id.localeCompare(b.id)) }))
}
