import { computed, ref, shallowRef } from 'vue'
import { type Address, decode, emptyAddress, encode } from './address'
import { get, problemFrom, send, useBearer, whenSignedOut, whoAmI } from './api'
import { lang } from './i18n'
import { agencies, type Party, regions } from './names'
import type { Dataset, Metric, Problem, Session, View } from './types'
import { forgetWall, makeWall, wallKey, wallToken } from './wallkey'

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
    if (wall.value && (await enterAsWall())) return
    setSession(await whoAmI())
  } catch (e) {
    if (problemFrom(e).status === 401) setSession(null)
    else throw e
  }
}

/** This machine's own right to look, where an admin has registered it as a wall screen. */
export const wallClient = ref<string | null>(null)

async function enterAsWall(): Promise<boolean> {
  const key = await wallKey()
  if (!key) return false
  try {
    await wallToken(key)
  } catch (e) {
    const status = (e as { status?: number }).status ?? 0
    if (status === 400 || status === 401) return false // it was ended: a person may still log in
    throw e
  }
  useBearer((anew) => wallToken(key, anew))
  wallClient.value = key.client
  setSession({
    user: key.client, name: key.client, agency: key.agency, agency_name: key.agencyName, side: key.side, regions: key.regions,
    role: 'viewer', scopes: ['query', 'read:*'], clearance: key.clearance, must_change: false, expires_at: '',
  })
  return true
}

/** On a machine that is registered the wall's picture has its own right to look: it outlives whoever opened it. */
export async function enterWall(): Promise<void> {
  go({ mode: 'wall' })
  if ((await wallKey()) !== null) signedIn.value = 'unknown' // the page finds out anew who is looking
}

/** Leaving the wall's picture leaves its right to look behind: a person sees with their own. */
export function leaveWall(): void {
  go({ mode: 'desk' })
  if (wallClient.value === null) return
  useBearer(null)
  wallClient.value = null
  signedIn.value = 'unknown'
}

export async function registerWall(): Promise<void> {
  const s = session.value
  if (!s) return
  const clearance = s.clearance === 'public' ? 'public' : 'internal'
  await makeWall({ agency: s.agency, agencyName: s.agency_name, side: s.side, regions: s.regions, clearance }, async (jwk) => {
    const made = await send<{ client_id: string }>('POST', '/v1/admin/clients?reason=' + encodeURIComponent('登记大屏 wall screen'), {
      agency: s.agency, name: '大屏', scopes: ['query', 'read:*'], clearance, public_key: jwk,
    })
    return made.client_id
  })
}

export { forgetWall, wallKey }
export { possible as wallPossible } from './wallkey'
export { agencies, agencyName, type Party, regionName } from './names'

// --- what there is ---------------------------------------------------------

export const views = shallowRef<View[]>([])
export const metrics = shallowRef<Map<string, Metric>>(new Map())
export const datasets = shallowRef<Map<string, Dataset>>(new Map())
/** When the hub first received anything: how far back "as it was known" can go. */
export const firstReceived = ref<string | null>(null)
export const catalogProblem = shallowRef<Problem | null>(null)

/** Views can be asked for once the metrics are known: which filters apply depends on them. */
export const ready = ref(false)

export async function loadCatalog(): Promise<void> {
  try {
    const rest = Promise.all([
      get<{ metrics: Metric[] }>('/v1/metrics'),
      get<{ datasets: Dataset[] }>('/v1/datasets'),
      get<{ agencies: Party[]; first_received_at?: string }>('/v1/parties'),
      can.read('region') ? get<{ records: Record<string, string>[] }>('/v1/datasets/region/records?limit=1000') : { records: [] },
    ])
    rest.catch(() => undefined) // told below, unless the views fail first
    // The list of views is small and comes first: the way about the page does not wait for the rest.
    const v = await get<{ views: View[] }>('/v1/views')
    views.value = [...v.views].sort((a, b) => a.order - b.order)
    const [m, d, p, r] = await rest
    firstReceived.value = p.first_received_at ?? null
    agencies.value = new Map(p.agencies.map((a) => [a.id, a]))
    regions.value = new Map(r.records.map((x) => [x.region ?? '', { zh: x.name ?? '', en: x.name_en ?? '' }]))
    metrics.value = new Map(m.metrics.map((x) => [x.name, x]))
    datasets.value = new Map(d.datasets.map((x) => [x.id, x]))
    catalogProblem.value = null
    ready.value = true
  } catch (e) {
    catalogProblem.value = problemFrom(e)
  }
}

export const language = computed({
  get: () => lang.value,
  set: (l) => go({ lang: l }, 'replace'),
})
