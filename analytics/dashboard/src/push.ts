import { markRaw, reactive, watch } from 'vue'
import { call } from './api'
import { lang, t } from './i18n'
import { type Charset, guessCharset, kindOf, recordText, toUTF8 } from './body'
import type { Property } from './contract'
import { session } from './store'
import type { Problem, RowError } from './types'

// What is about to be pushed, kept while the reader looks at other pages: a file that was
// chosen and not sent is not lost by a look at the catalogue, nor by a session that ends.

export const mediaXLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

export interface DryRun {
  dry_run: true
  received: number
  accepted: number
  rejected: number
  superseded: number
  error_count: number
  errors: RowError[]
  sheet?: string
  notes?: string[]
}

export interface Draft {
  dataset: string
  way: 'file' | 'form'
  file: File | null
  charset: Charset
  sheet: string
  mode: 'atomic' | 'partial'
  mends: string
  form: Record<string, string>
  /** The attempt's Idempotency-Key; it stays while it is not known whether the hub took it. */
  key: string
  busy: '' | 'check' | 'send' | 'mark'
  /** Share of the body that has been sent, 0 to 1. */
  progress: number
  checked: DryRun | null
  problem: Problem | null
  /** The receipt as the hub wrote it. */
  receipt: string | null
}

const drafts = reactive(new Map<string, Draft>())

// Who logs in next at the same machine has no business with them.
let owner: string | undefined
watch(session, (s) => {
  if (s === null || s.user === owner) return
  if (owner !== undefined) drafts.clear()
  owner = s.user
}, { immediate: true })

export function draftOf(dataset: string): Draft {
  let d = drafts.get(dataset)
  if (!d) {
    drafts.set(dataset, { dataset, way: 'file', file: null, charset: 'utf-8', sheet: '', mode: 'atomic', mends: '', form: {}, key: '', busy: '', progress: 0, checked: null, problem: null, receipt: null })
    d = drafts.get(dataset)!
  }
  return d
}

/** Another body or another way of taking it: what was said of the last one holds no more. */
export function changed(d: Draft): void {
  d.key = ''
  d.checked = null
  d.problem = null
  d.receipt = null
  d.progress = 0
}

export const unsent = (d: Draft): boolean => d.receipt === null && (d.way === 'file' ? d.file !== null : Object.values(d.form).some((v) => v !== ''))

window.addEventListener('beforeunload', (e) => {
  if ([...drafts.values()].some(unsent)) e.preventDefault()
})

export async function choose(d: Draft, file: File | null): Promise<void> {
  changed(d)
  d.file = file ? markRaw(file) : null
  d.charset = 'utf-8'
  d.sheet = ''
  if (!file) return
  const k = kindOf(file.name)
  if (k && k.kind !== 'xlsx' && !k.packed) {
    const found = await guessCharset(file)
    if (d.file === file) d.charset = found
  }
}

export interface Body {
  path: string
  type: string
  body: Blob
  headers: Record<string, string>
}

/** What would be sent now; throws a text where that cannot be. */
export async function bodyOf(d: Draft, properties: Property[]): Promise<Body> {
  const at = '/v1/datasets/' + encodeURIComponent(d.dataset)
  if (d.way === 'form') return { path: at + '/records', type: 'application/json', body: new Blob([recordText(d.form, properties)]), headers: {} }
  const file = d.file!
  const k = kindOf(file.name)
  if (!k) throw new Error(t('只接收 .xlsx、.csv、.json、.ndjson；旧版 .xls 或 .et 请先另存为 .xlsx。', 'Files are .xlsx, .csv, .json or .ndjson; save an old .xls or .et as .xlsx first.'))
  if (k.kind === 'xlsx') return { path: at + '/workbooks', type: mediaXLSX, body: file, headers: {} }
  const type = { csv: 'text/csv', json: 'application/json', ndjson: 'application/x-ndjson' }[k.kind]
  if (k.packed) return { path: at + '/records', type, body: file, headers: { 'Content-Encoding': k.packed } }
  if (d.charset === 'utf-8') return { path: at + '/records', type, body: file, headers: {} }
  try {
    return { path: at + '/records', type, body: await new Response(toUTF8(file)).blob(), headers: {} }
  } catch {
    throw new Error(t('文件不是 GB18030 编码，请核对“编码”一项，或另存为 UTF-8。', 'The file is not GB18030: look at its encoding, or save it as UTF-8.'))
  }
}

/** A random key; crypto.randomUUID is not there on plain http. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return 'page-' + [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('')
}

export interface Replied {
  status: number // 0: nobody answered
  type: string
  body: Blob
  header: (name: string) => string | null
}

/** Sends a body and tells how much of it has gone; fetch cannot. */
export function upload(path: string, b: Body, more: Record<string, string>, progress: (share: number) => void): Promise<Replied> {
  return new Promise((resolve) => {
    const x = new XMLHttpRequest()
    x.open('POST', path)
    x.responseType = 'blob'
    for (const [name, value] of Object.entries({ 'Content-Type': b.type, 'Accept-Language': lang.value === 'en' ? 'en' : 'zh-CN', ...b.headers, ...more })) x.setRequestHeader(name, value)
    x.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total)
    const end = () => resolve({ status: x.status, type: x.getResponseHeader('Content-Type') ?? '', body: (x.response as Blob | null) ?? new Blob(), header: (name) => x.getResponseHeader(name) })
    x.onload = end
    x.onerror = end
    x.ontimeout = end
    x.onabort = end
    x.send(b.body)
  })
}

async function problemIn(r: Replied): Promise<Problem> {
  if (r.status === 0) {
    return {
      type: 'unreachable',
      status: 0,
      title: t('没有收到应答', 'No answer came'),
      detail: t('网络中断，中心是否已接收尚不可知。', 'The network is down; whether the hub took it is not known.'),
      remedy: t('请再按一次提交：沿用同一 Idempotency-Key，不会重复入库。', 'Press the button again: under the same Idempotency-Key nothing counts twice.'),
    }
  }
  // The page must notice that the session has ended, as it does with every other call.
  if (r.status === 401) call('/v1/session').catch(() => undefined)
  try {
    const p = JSON.parse(await r.body.text()) as Problem
    if (typeof p.title === 'string') return { ...p, status: r.status }
  } catch {
    // No problem document.
  }
  return { type: 'unknown', status: r.status, title: t(`应答异常（${r.status}）`, `Unexpected answer (${r.status})`) }
}

function parameters(d: Draft, dry: boolean): string {
  const q = new URLSearchParams({ mode: d.way === 'form' ? 'atomic' : d.mode })
  if (dry) q.set('dry_run', 'true')
  if (d.way === 'file' && d.sheet.trim() !== '') q.set('sheet', d.sheet.trim())
  if (d.mends !== '') q.set('mends', d.mends)
  return '?' + q.toString()
}

function pageProblem(e: unknown): Problem {
  return { type: 'page-error', status: 0, title: t('文件无法提交', 'The file cannot be pushed'), detail: e instanceof Error ? e.message : String(e) }
}

/** Asks the hub what it would say, and takes nothing. */
export async function check(d: Draft, properties: Property[]): Promise<void> {
  d.busy = 'check'
  d.problem = null
  d.checked = null
  d.receipt = null
  d.progress = 0
  try {
    const b = await bodyOf(d, properties)
    const r = await upload(b.path + parameters(d, true), b, { Accept: 'application/json' }, (share) => (d.progress = share))
    if (r.status === 200) d.checked = JSON.parse(await r.body.text()) as DryRun
    else d.problem = await problemIn(r)
  } catch (e) {
    d.problem = pageProblem(e)
  } finally {
    d.busy = ''
  }
}

/** Pushes. The key outlives an attempt whose outcome is not known, so that a second one cannot count twice. */
export async function send(d: Draft, properties: Property[]): Promise<void> {
  d.busy = 'send'
  d.problem = null
  d.progress = 0
  d.key ||= newKey()
  try {
    const b = await bodyOf(d, properties)
    const r = await upload(b.path + parameters(d, false), b, { Accept: 'application/json', 'Idempotency-Key': d.key }, (share) => (d.progress = share))
    if (r.status === 200 || r.status === 202) {
      d.receipt = await r.body.text()
      d.checked = null
    } else {
      d.problem = await problemIn(r)
      const open = r.status === 0 || r.status >= 500 || r.status === 401 || r.status === 408 || r.status === 429
      if (!open) d.key = ''
    }
  } catch (e) {
    d.problem = pageProblem(e)
  } finally {
    d.busy = ''
  }
}

/** The workbook with what is wrong marked in it; null where the hub could not mark it. */
export async function marked(d: Draft, properties: Property[]): Promise<Blob | null> {
  d.busy = 'mark'
  try {
    const b = await bodyOf(d, properties)
    const r = await upload(b.path + parameters(d, true), b, { Accept: mediaXLSX }, (share) => (d.progress = share))
    if ((r.status === 200 || r.status === 422) && r.type.startsWith(mediaXLSX)) return r.body
    if (r.status !== 200) d.problem = await problemIn(r)
    return null
  } catch (e) {
    d.problem = pageProblem(e)
    return null
  } finally {
    d.busy = ''
  }
}
