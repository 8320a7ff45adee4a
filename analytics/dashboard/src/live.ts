import { ref } from 'vue'
import { authorization, call } from './api'
import type { ChangeEvent } from './types'

// The feed of changes over one connection, read by fetch and not by EventSource: a wall
// sends its token in a header, which EventSource cannot. After a break it goes on with the
// last id it saw, so nothing that came in between is missed.

type Listener = (datasets: Set<string>) => void

export const connection = ref<'off' | 'live' | 'waiting'>('off')
/** When the last change of each dataset arrived, for the flash beside its panels. */
export const lastChange = ref<ChangeEvent | null>(null)

/** The first submission that the feed tells of: what an answer of before may lack. */
export const feedFrom = ref(0)

const listeners = new Set<Listener>()
let running: AbortController | null = null
let lastId = ''
let pending = new Set<string>()
let timer: ReturnType<typeof setTimeout> | undefined
let retry: ReturnType<typeof setTimeout> | undefined

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
  const mine = new AbortController()
  running = mine
  connection.value = 'waiting'
  void follow(mine)
}

async function follow(mine: AbortController): Promise<void> {
  try {
    const headers = { Accept: 'text/event-stream', ...(await authorization()), ...(lastId !== '' ? { 'Last-Event-ID': lastId } : {}) }
    const response = await fetch('/v1/changes', { headers, signal: mine.signal, cache: 'no-store' })
    if (response.status === 410 || response.status === 400) {
      lastId = '' // the hub no longer knows where we stood: everything is asked anew
      changed(everything)
    } else if (response.status === 401) {
      void call('/v1/session').catch(() => undefined) // tells the page that the session is over
    }
    if (!response.ok || !response.body) throw new Error(String(response.status))
    connection.value = 'live'
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    // A feed that says nothing for three heartbeats is dead, whatever the network thinks.
    for (;;) {
      const { done, value } = await within(reader.read(), 50_000)
      if (done) break
      text += value
      const events = text.split('\n\n')
      text = events.pop()!
      for (const e of events) take(e)
    }
  } catch {
    // Told by the dot beside the freshness; the next try follows.
  }
  if (mine.signal.aborted) return
  mine.abort()
  connection.value = 'waiting'
  retry = setTimeout(connect, again)
}

function within<T>(work: Promise<T>, millis: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('silent')), millis)
    work.then(resolve, reject).finally(() => clearTimeout(late))
  })
}

function take(event: string): void {
  let name = ''
  let data = ''
  for (const line of event.split('\n')) {
    if (line.startsWith(': from ')) {
      feedFrom.value = Number(line.slice(7))
      if (lastId === '') lastId = String(feedFrom.value - 1)
    } else if (line.startsWith('id: ')) lastId = line.slice(4)
    else if (line.startsWith('event: ')) name = line.slice(7)
    else if (line.startsWith('data: ')) data += line.slice(6)
  }
  if (name !== 'submission') return
  const change = JSON.parse(data) as ChangeEvent
  lastChange.value = change
  changed(change.dataset)
}

export function disconnect(): void {
  clearTimeout(retry)
  running?.abort()
  running = null
  connection.value = 'off'
}
