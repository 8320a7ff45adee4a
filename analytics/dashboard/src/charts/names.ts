import { shallowRef } from 'vue'
import { get } from '../api'
import { english } from '../i18n'
import { metrics } from '../store'
import type { Asked } from '../question'
import type { CellValue, Column } from '../types'

// What codes are called. Regions have a list of their own; the words of an enumeration
// stand in its contract's description, as "task 任务、assigned 分办".

interface Region {
  region: string
  name: string
  name_en: string | null
}
interface SchemaProperty {
  description?: string
  enum?: unknown[]
}
interface Words {
  values: string[] // of an enumeration, in the contract's order
  description: string
  names: Map<string, string | undefined> // looked for as they are needed
}

const regions = shallowRef<Map<string, Region> | null>(null)
const words = shallowRef<Map<string, Map<string, Words>>>(new Map())
const asking = new Set<string>()

/** Asks once; where the list cannot be read the codes are shown as they are. */
function once(key: string, ask: () => Promise<void>): void {
  if (asking.has(key)) return
  asking.add(key)
  ask().catch(() => setTimeout(() => asking.delete(key), 30_000))
}

function loadRegions(): void {
  once('region', async () => {
    const { records } = await get<{ records: Region[] }>('/v1/datasets/region/records?limit=1000')
    regions.value = new Map(records.map((r) => [r.region, r]))
  })
}

function loadWords(dataset: string): void {
  once('words ' + dataset, async () => {
    const { properties } = await get<{ properties: Record<string, SchemaProperty> }>('/v1/datasets/' + dataset, { headers: { Accept: 'application/schema+json' } })
    const found = new Map<string, Words>()
    for (const [name, p] of Object.entries(properties)) {
      found.set(name, { values: (p.enum ?? []).filter((v): v is string => typeof v === 'string'), description: p.description ?? '', names: new Map() })
    }
    words.value = new Map(words.value).set(dataset, found)
  })
}

/** The Chinese words that a description gives to a code, after it or before it. */
export function nameIn(description: string, code: string): string | undefined {
  const escaped = code.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const after = new RegExp(`(?:^|[^A-Za-z0-9_])${escaped} ([^、。；，,;（(]*[\\u4e00-\\u9fff][^、。；，,;（(]*)`).exec(description)
  const before = new RegExp(`([\\u4e00-\\u9fff]+) ${escaped}(?![A-Za-z0-9_ ])`).exec(description)
  return (after ?? before)?.[1]?.trim()
}

function wordsOf(dataset: string, field: string): Words | undefined {
  loadWords(dataset)
  return words.value.get(dataset)?.get(field)
}

/** The values of a field's enumeration in the contract's order; none until it is known. */
export function valuesIn(dataset: string, field: string): readonly string[] {
  return wordsOf(dataset, field)?.values ?? []
}

function calledIn(known: Words, code: string): string | undefined {
  if (!known.names.has(code)) known.names.set(code, nameIn(known.description, code))
  return known.names.get(code)
}

/** Provinces of GB/T 2260, which visitors come from and which are in no list of ours. */
const provinces =
  '11 北京 Beijing;12 天津 Tianjin;13 河北 Hebei;14 山西 Shanxi;15 内蒙古 Inner Mongolia;21 辽宁 Liaoning;22 吉林 Jilin;23 黑龙江 Heilongjiang;31 上海 Shanghai;32 江苏 Jiangsu;33 浙江 Zhejiang;34 安徽 Anhui;35 福建 Fujian;36 江西 Jiangxi;37 山东 Shandong;41 河南 Henan;42 湖北 Hubei;43 湖南 Hunan;44 广东 Guangdong;45 广西 Guangxi;46 海南 Hainan;50 重庆 Chongqing;51 四川 Sichuan;52 贵州 Guizhou;53 云南 Yunnan;54 西藏 Xizang;61 陕西 Shaanxi;62 甘肃 Gansu;63 青海 Qinghai;64 宁夏 Ningxia;65 新疆 Xinjiang;71 台湾 Taiwan;81 香港 Hong Kong;82 澳门 Macao'

function provinceOf(code: string): string | undefined {
  const p = code.endsWith('0000') ? provinces.split(';').find((s) => s.startsWith(code.slice(0, 2))) : undefined
  return p?.slice(3).split(/ (.*)/)[english.value ? 1 : 0]
}

/** Origins leave out what has a code of its own: 500000 is the rest of Chongqing. */
const restOf: Record<string, [string, string]> = {
  '500000': ['重庆其他区县', 'elsewhere in Chongqing'],
  '510000': ['四川其他市州', 'elsewhere in Sichuan'],
  '512000': ['资阳（未分区县）', 'Ziyang, county unknown'],
  unknown: ['不明', 'unknown'],
  overseas: ['境外', 'overseas'],
}

const regionCode = /^[1-9]\d{5}$/
const wordCode = /^[a-z][a-z0-9_]*$/

function datasetOf(asked: Asked, column: Column): string | undefined {
  return asked.records?.dataset ?? column.dataset ?? metrics.value.get(asked.query?.metrics[0] ?? '')?.dataset
}

/** The codes of a column in the order of its contract; undefined where it names none. */
export function orderOf(asked: Asked, column: Column): readonly string[] | undefined {
  const dataset = datasetOf(asked, column)
  const values = column.type === 'string' && dataset !== undefined ? valuesIn(dataset, column.name) : []
  return values.length ? values : undefined
}

/** How a cell of a dimension or a record is called. */
export function nameOf(asked: Asked, column: Column, value: CellValue): string {
  if (value === null || value === '') return english.value ? '(none)' : '（空）'
  const code = String(value)
  if (column.type !== 'string') return code
  if (column.name === 'origin' && restOf[code]) return restOf[code][english.value ? 1 : 0]
  if (regionCode.test(code)) {
    loadRegions()
    const r = regions.value?.get(code)
    return r ? (english.value ? (r.name_en ?? r.name) : r.name) : (provinceOf(code) ?? code)
  }
  if (!wordCode.test(code)) return code === '大足' && english.value ? 'Dazu' : code === '资阳' && english.value ? 'Ziyang' : code
  const dataset = datasetOf(asked, column)
  if (english.value) return code.replaceAll('_', ' ')
  const known = dataset !== undefined ? wordsOf(dataset, column.name) : undefined
  return (known && calledIn(known, code)) ?? code
}

/** Named as such for those who build series: what a column's cell is called. */
export type Namer = (column: Column, value: CellValue) => string
