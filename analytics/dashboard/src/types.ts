// What the hub's /v1 answers hold, as far as the page reads it.

export type CellValue = string | number | boolean | null

export interface Column {
  name: string
  type: 'string' | 'integer' | 'number' | 'decimal' | 'boolean' | 'date' | 'timestamp'
  unit?: string
  label: string
  scale?: number
  definition?: string
  masked?: boolean // above the reader's clearance: every value is null
  dataset?: string
  classification?: string
  labels?: Record<string, string> // of values, in the reader's language
  code_list?: string // the reference list that values come from
}

export interface Answer {
  columns: Column[]
  rows: CellValue[][]
  as_of: string
  watermark: number
  truncated?: boolean
  stats?: { rows_read: number; elapsed_ms: number }
}

export interface Problem {
  type: string
  title: string
  status: number
  detail?: string
  remedy?: string
  errors?: RowError[]
  [member: string]: unknown
}

export interface RowError {
  row?: number
  field?: string
  code: string
  message: string
  value?: string
  line?: number
  sheet?: string
  cell?: string
  column?: string // the heading over the cell
  record?: string // as it came, of quarantined records
  masked?: boolean // the record, and perhaps the value, are above the reader's clearance
}

export type Grain = '5min' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year'
export type Comparison = 'none' | 'previous_period' | 'previous_year'
export interface Filter {
  dimension: string
  op: string
  values: string[]
}
export interface Order {
  by: string
  dir?: 'asc' | 'desc'
}

export interface Query {
  metrics: string[]
  dimensions?: string[]
  time?: { from?: string; to?: string; grain?: Grain }
  filters?: Filter[]
  order?: Order[]
  limit?: number
  as_of?: string
  compare?: 'previous_period' | 'previous_year'
}

export interface RecordsQuery {
  dataset: string
  fields?: string[]
  filters?: { field?: string; dimension?: string; op: string; values: string[] }[]
  from?: string
  to?: string
  as_of?: string
  limit?: number
}

export interface Question {
  id: string
  title?: string
  query?: Query
  records?: RecordsQuery
  freshness?: Record<string, never>
}

export interface Reply {
  id: string
  answer?: Answer
  problem?: Problem
}

export type ChartKind =
  | 'kpi'
  | 'line'
  | 'bar'
  | 'stacked'
  | 'ranking'
  | 'matrix'
  | 'flow'
  | 'tiles'
  | 'bullet'
  | 'table'
  | 'heat'
  | 'board'
  | 'list'
  | 'freshness'

export interface Panel {
  id: string
  title: string
  title_en: string
  text?: string
  text_en?: string
  chart: ChartKind
  span?: number
  wall?: boolean
  readable?: boolean
  datasets?: string[]
  metrics?: string[]
  dimensions?: string[]
  grain?: 'view' | 'none' | Grain
  range?: string
  compare?: 'view' | Comparison
  filters?: Filter[]
  order?: Order[]
  limit?: number
  drill?: string
  target?: string
  limit_line?: number
  limit_metric?: string
  records?: { dataset: string; fields?: string[]; board_by?: string; due?: string; filters?: Filter[]; order?: Order[] }
}

export interface View {
  view: string
  order: number
  title: string
  title_en: string
  text?: string
  text_en?: string
  range: string
  grains?: Grain[]
  compare?: Comparison
  filters?: string[]
  panels: Panel[]
  generated?: boolean
}

export interface Dimension {
  name: string
  label: string
  label_en: string
  type: Column['type']
}

export interface Metric {
  name: string
  label: string
  label_en: string
  unit: string
  type: Column['type']
  dataset: string
  aggregation: 'additive' | 'semi_additive' | 'ratio'
  classification: string
  description: string
  description_en: string
  requires?: string[]
  dimensions: Dimension[]
}

export interface Dataset {
  id: string
  name: string
  name_en: string
  version: string
  status: string
  domain: string
  reference: boolean
  classification: string
  key: string[]
}

export type Role = 'viewer' | 'analyst' | 'steward' | 'admin'

export interface Session {
  user: string
  name: string
  agency: string
  agency_name: string
  side: string
  regions: string[]
  role: Role
  scopes: string[]
  clearance: string
  must_change: boolean
  expires_at: string
}

export interface ChangeEvent {
  submission: string
  dataset: string
  sequence: number
  agency: string
  kind: string
  accepted: number
  state: string
  received_at: string
}
