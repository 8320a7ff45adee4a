import { computed, ref, shallowRef } from 'vue'
import { type Address, decode, emptyAddress, encode } from './address'
import { get, problemFrom, whenSignedOut, whoAmI } from './api'
import { lang } from './i18n'
import type { Dataset, Metric, Problem, Session, View } from './types'

// What the whole page shares: the address, who is looking, and what there is to look at.

/** The picture's state; changed by go alone, so that the address bar is never behind. */
export const address = shallowRef<Address>(emptyAddress())

export function go(change: Partial<Record<keyof Address, unknown>>, how: 'push' | 'replace' = 'push'): void {
  const next = { ...address.value, ...change } as Address
  for (const key of Object.keys(next) as (keyof Address)[]) if (next[key] === undefined) delete next[key]
  const search = encode(next)
  if (search === encode(address.value)) return
  address.value = next
  if (how === 'push') history.pushState(null, '', search)
  else history.replaceState(null, '', search)
}

/** Another view keeps the reader's range, filters and as-of where it can: nothing is lost between boards. */
export function goView(view: string, change: Partial<Record<keyof Address, unknown>> = {}): void {
  go({ view, grain: undefined, sort: [], metrics: [], dims: [], chart: undefined, limit: undefined, id: undefined, panel: undefined, ...change })
  window.scrollTo({ top: 0 })
}

/** The address of another state, for links that can be opened elsewhere. */
export function linkTo(change: Partial<Record<keyof Address, unknown>>): string {
  const next = { ...address.value, ...change } as Address
  for (const key of Object.keys(next) as (keyof Address)[]) if (next[key] === undefined) delete next[key]
  return encode(next)
}

export function readAddress(): void {
  address.value = decode(location.search)
}

// --- theme -----------------------------------------------------------------

const prefersDark = matchMedia('(prefers-color-scheme: dark)')
const systemDark = ref(prefersDark.matches)
prefersDark.addEventListener('change', (e) => (systemDark.value = e.matches))

export const dark = computed(() => {
  const theme = address.value.theme
  // A wall is dark unless its address says otherwise: it hangs in a dim room.
  if (theme === 'auto') return address.value.mode === 'wall' ? true : address.value.mode === 'print' ? false : systemDark.value
  return theme === 'dark'
})

export const wall = computed(() => address.value.mode === 'wall')

// --- who is looking --------------------------------------------------------

export const session = shallowRef<Session | null>(null)
/** unknown until the hub has been asked. */
export const signedIn = ref<'unknown' | 'yes' | 'no'>('unknown')
/** Set when a session that was there has ended: the page says so and keeps its last picture behind the log-in. */
export const ended = ref(false)

export function setSession(s: Session | null): void {
  session.value = s
  signedIn.value = s ? 'yes' : 'no'
  if (s) ended.value = false
}

whenSignedOut(() => {
  if (signedIn.value === 'yes') ended.value = true
  setSession(null)
})

export const can = {
  push: (dataset?: string) => has('push:*') || (dataset !== undefined ? has('push:' + dataset) : (session.value?.scopes ?? []).some((s) => s.startsWith('push:'))),
  read: (dataset: string) => has('read:*') || has('read:' + dataset),
  query: () => has('query'),
  audit: () => has('audit') || has('admin'),
  admin: () => has('admin'),
  explore: () => session.value !== null && session.value.role !== 'viewer',
}

function has(scope: string): boolean {
  return session.value?.scopes.includes(scope) ?? false
}

export async function findSession(): Promise<void> {
  try {
    setSession(await whoAmI())
  } catch (e) {
    if (problemFrom(e).status === 401) setSession(null)
    else throw e
  }
}

// --- what there is ---------------------------------------------------------

export const views = shallowRef<View[]>([])
export const metrics = shallowRef<Map<string, Metric>>(new Map())
export const datasets = shallowRef<Map<string, Dataset>>(new Map())
export const agencies = shallowRef<Map<string, string>>(new Map())
/** When the hub first received anything: how far back "as it was known" can go. */
export const firstReceived = ref<string | null>(null)
export const catalogProblem = shallowRef<Problem | null>(null)

export async function loadCatalog(): Promise<void> {
  try {
    const [v, m, d] = await Promise.all([
      get<{ views: View[]; first_received_at?: string; agencies?: { id: string; name: string }[] }>('/v1/views'),
      get<{ metrics: Metric[] }>('/v1/metrics'),
      get<{ datasets: Dataset[] }>('/v1/datasets'),
    ])
    views.value = [...v.views].sort((a, b) => a.order - b.order)
    firstReceived.value = v.first_received_at ?? null
    agencies.value = new Map((v.agencies ?? []).map((a) => [a.id, a.name]))
    metrics.value = new Map(m.metrics.map((x) => [x.name, x]))
    datasets.value = new Map(d.datasets.map((x) => [x.id, x]))
    catalogProblem.value = null
  } catch (e) {
    catalogProblem.value = problemFrom(e)
  }
}

export function agencyName(id: string): string {
  return agencies.value.get(id) ?? id
}

export const language = computed({
  get: () => lang.value,
  set: (l) => go({ lang: l }, 'replace'),
})
