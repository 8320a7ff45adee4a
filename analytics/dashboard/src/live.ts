import { ref } from 'vue'
import { go } from './store'
import type { ChangeEvent } from './types'

// The feed of changes over one connection. The browser connects again by itself with
// Last-Event-ID, so nothing that came in between is missed; where it gives up (the hub was
// away for long, or the session ended) the page tries again and then asks anew.

type Listener = (datasets: Set<string>) => void

export const connection = ref<'off' | 'live' | 'waiting'>('off')
/** When the last change of each dataset arrived, for the flash beside its panels. */
export const lastChange = ref<ChangeEvent | null>(null)

const listeners = new Set<Listener>()
let source: EventSource | null = null
let pending = new Set<string>()
let timer: ReturnType<typeof setTimeout> | undefined
let retry: ReturnType<typeof setTimeout> | undefined
let wasDown = false

/** Changes within so many milliseconds are told together: a busy hub must not redraw the page all the time. */
const gather = 700
const again = 3_000

export function onChange(f: Listener): () => void {
  listeners.add(f)
  return () => listeners.delete(f)
}

function tell(): void {
  timer = undefined
  const seen = pending
  pending = new Set()
  for (const f of listeners) f(seen)
}

function changed(dataset: string): void {
  pending.add(dataset)
  timer ??= setTimeout(tell, gather)
}

/** Every listener asks again: what was missed cannot be known. */
export const everything = '*'

export function connect(): void {
  disconnect()
  const s = new EventSource('/v1/changes')
  source = s
  connection.value = 'waiting'
  s.onopen = () => {
    connection.value = 'live'
    if (wasDown) changed(everything)
    wasDown = false
  }
  s.addEventListener('submission', (e) => {
    const event = JSON.parse((e as MessageEvent<string>).data) as ChangeEvent
    lastChange.value = event
    changed(event.dataset)
  })
  s.onerror = () => {
    connection.value = 'waiting'
    wasDown = true
    if (s.readyState === EventSource.CLOSED) {
      retry = setTimeout(connect, again)
    }
  }
}

export function disconnect(): void {
  clearTimeout(retry)
  source?.close()
  source = null
  connection.value = 'off'
}

/** What clears as-of: the picture is live again. */
export function goLive(): void {
  go({ asOf: undefined })
}
