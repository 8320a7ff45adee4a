import { lang, t } from './i18n'
import type { Problem, Question, Reply, Session } from './types'

// The page's only way to the hub: the same /v1 that everyone uses, with the session's
// cookie in the place of a token.

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title)
  }
}

/** Told when the hub says that nobody is logged in any more. */
let onSignedOut: () => void = () => undefined
export function whenSignedOut(f: () => void): void {
  onSignedOut = f
}

/** A wall's token, where this page runs on one; null: the session's cookie does. */
let bearer: ((anew: boolean) => Promise<string>) | null = null
export function useBearer(f: typeof bearer): void {
  bearer = f
}

/** The header of a wall's token, for calls that do not go through call. */
export async function authorization(anew = false): Promise<Record<string, string>> {
  return bearer ? { Authorization: 'Bearer ' + (await bearer(anew)) } : {}
}

export interface CallOptions {
  method?: string
  body?: BodyInit | undefined
  json?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  quiet401?: boolean
}

/** Calls the hub and answers the response, or throws a ProblemError. */
export async function call(path: string, o: CallOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { 'Accept-Language': lang.value === 'en' ? 'en' : 'zh-CN', ...o.headers }
  const init: RequestInit = { method: o.method ?? 'GET', headers, credentials: 'same-origin', cache: 'no-store' }
  if (o.json !== undefined) {
    headers['Content-Type'] = 'application/json'
    init.body = JSON.stringify(o.json)
  } else if (o.body !== undefined) init.body = o.body
  if (o.signal) init.signal = o.signal
  let response: Response
  try {
    Object.assign(headers, await authorization())
    response = await fetch(path, init)
    if (response.status === 401 && bearer) {
      Object.assign(headers, await authorization(true)) // the hub may have changed its keys
      response = await fetch(path, init)
    }
  } catch (cause) {
    if (o.signal?.aborted) throw cause
    throw new ProblemError({
      type: 'unreachable',
      status: 0,
      title: t('连不上数据交换中心', 'The hub cannot be reached'),
      detail: t('网络中断，或中心正在重启。', 'The network is down, or the hub is restarting.'),
      remedy: t('会自动重试；若持续如此请告知运维。', 'It is tried again by itself; if it lasts, tell the operator.'),
    })
  }
  if (response.ok) return response
  const problem = await problemOf(response)
  if (response.status === 401 && !o.quiet401) onSignedOut()
  throw new ProblemError(problem)
}

export async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Problem
    if (typeof body.title === 'string') return { ...body, status: response.status }
  } catch {
    // No problem document: something between the page and the hub has answered.
  }
  return { type: 'unknown', status: response.status, title: t(`应答异常（${response.status}）`, `Unexpected answer (${response.status})`) }
}

export async function get<T>(path: string, o: CallOptions = {}): Promise<T> {
  return (await (await call(path, { headers: { Accept: 'application/json' }, ...o })).json()) as T
}

export async function send<T>(method: string, path: string, json?: unknown, o: CallOptions = {}): Promise<T> {
  const response = await call(path, { method, json, ...o })
  return (response.status === 204 ? undefined : await response.json()) as T
}

export function problemFrom(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  return { type: 'page-error', status: 0, title: t('页面出错', 'The page failed'), detail: error instanceof Error ? error.message : String(error) }
}

// --- calls by name ---------------------------------------------------------

export const login = (user: string, password: string) => send<Session>('POST', '/v1/session', { user, password }, { quiet401: true })
export const whoAmI = () => get<Session>('/v1/session', { quiet401: true })
export const logout = () => send<void>('DELETE', '/v1/session', undefined, { quiet401: true })
export const changePassword = (current: string, next: string) => send<void>('PUT', '/v1/session/password', { current, new: next }, { quiet401: true })

/** Asks all questions of a view in one request. */
export async function ask(questions: Question[], signal?: AbortSignal, asOf?: string): Promise<Map<string, Reply>> {
  if (questions.length === 0) return new Map()
  const { answers } = await send<{ answers: Reply[] }>('POST', `/v1/queries?lang=${lang.value}`, { queries: questions, ...(asOf !== undefined ? { as_of: asOf } : {}) }, { signal })
  return new Map(answers.map((a) => [a.id, a]))
}

/** Fetches a file and hands it to the reader's downloads, under the name the hub gave it. */
export async function download(path: string, o: CallOptions, fallback: string): Promise<void> {
  const response = await call(path, o)
  save(await response.blob(), nameOf(response) ?? fallback)
}

function nameOf(response: Response): string | undefined {
  const text = response.headers.get('Content-Disposition') ?? ''
  const coded = /filename\*=UTF-8''([^;]+)/i.exec(text)
  if (coded) return decodeURIComponent(coded[1]!)
  return /filename="([^"]+)"/.exec(text)?.[1]
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
