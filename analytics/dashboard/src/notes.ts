import { computed, type ComputedRef, onUnmounted, provide, shallowRef, watch } from 'vue'
import { get, problemFrom, send } from './api'
import { english } from './i18n'
import { everything, onChange } from './live'
import { regions } from './names'
import { address, can, datasets, session } from './store'
import type { Day, Range } from './time'

// Notes on days (holidays, events, weather, changes in how something is counted) that charts
// over time mark. They are records of the dataset date_note, pushed and retracted as any others.

export interface DateNote {
  day: Day
  text: string
  kind: string
  region: string
  dataset: string | undefined
}

/** A note as it is kept, with what retracting it takes. */
export interface KeptNote extends DateNote {
  text_en: string | undefined
  note_id: string
  agency: string
}

const dataset = 'date_note'
export const noteKinds = ['节假日', '活动', '天气', '口径', '其他'] as const
export const kindLabel = (kind: string): string => (english.value ? ({ 节假日: 'holiday', 活动: 'event', 天气: 'weather', 口径: 'definition', 其他: 'other' }[kind] ?? kind) : kind)

/** The notes of the range shown; one page shows one range. */
const kept = shallowRef<KeptNote[]>([])
export const keptNotes: ComputedRef<KeptNote[]> = computed(() => kept.value.map((n) => (english.value && n.text_en ? { ...n, text: n.text_en } : n)))

const key = 'dateNotes'

/** Whether this hub has notes that the reader may see, or add to. */
export const notesReadable = computed(() => datasets.value.has(dataset) && session.value !== null && can.read(dataset))
export const notesWritable = computed(() => datasets.value.has(dataset) && session.value !== null && can.push(dataset))

interface NoteRecord {
  region: string
  day: string
  note_id: string
  text: string | null
  text_en: string | null
  kind: string
  dataset: string | null
  _agency: string
}

async function fetchNotes(range: Range | null, asOf: string | undefined): Promise<KeptNote[]> {
  const q = new URLSearchParams({ fields: 'region,day,note_id,text,text_en,kind,dataset,_agency', limit: '1000' })
  if (range) {
    q.set('from', range.from)
    q.set('to', range.to)
  }
  if (asOf !== undefined) q.set('as_of', asOf)
  const { records } = await get<{ records: NoteRecord[] }>(`/v1/datasets/${dataset}/records?${q.toString()}`)
  return records
    .map((r) => ({ day: r.day.slice(0, 10), text: r.text ?? '', text_en: r.text_en ?? undefined, kind: r.kind, region: r.region, dataset: r.dataset ?? undefined, note_id: r.note_id, agency: r._agency }))
    .sort((a, b) => a.day.localeCompare(b.day) || a.note_id.localeCompare(b.note_id))
}

let shown: { range: Range | null } = { range: null }
let latest = 0

/** Reads the notes of the range in force again. */
export async function loadNotes(): Promise<void> {
  const mine = ++latest
  if (!notesReadable.value) {
    kept.value = []
    return
  }
  try {
    const found = await fetchNotes(shown.range, address.value.asOf)
    if (mine === latest) kept.value = found
  } catch (e) {
    // A hub without the dataset has no notes; what else fails leaves those that are there.
    if (mine === latest && [403, 404].includes(problemFrom(e).status)) kept.value = []
  }
}

/** Keeps the notes of a range for the charts below, which inject them. */
export function provideDateNotes(range: () => Range | null): void {
  provide(key, keptNotes)
  watch(
    () => JSON.stringify([range(), address.value.asOf, notesReadable.value]),
    () => {
      shown = { range: range() }
      void loadNotes()
    },
    { immediate: true },
  )
  onUnmounted(
    onChange((changed) => {
      if (address.value.asOf === undefined && (changed.has(dataset) || changed.has(everything))) void loadNotes()
    }),
  )
}

export interface NewNote {
  region: string
  day: Day
  text: string
  text_en: string
  kind: string
  dataset: string
}

export async function addNote(n: NewNote): Promise<void> {
  const id = 'n' + crypto.getRandomValues(new Uint32Array(2)).join('')
  const record = { region: n.region, day: n.day, note_id: id, text: n.text, kind: n.kind, ...(n.text_en ? { text_en: n.text_en } : {}), ...(n.dataset ? { dataset: n.dataset } : {}) }
  await send('POST', `/v1/datasets/${dataset}/records?wait=visible`, [record], { headers: { 'Idempotency-Key': 'note-' + id } })
  await loadNotes()
}

export async function retractNote(n: KeptNote, reason: string): Promise<void> {
  await send('POST', `/v1/datasets/${dataset}/retractions?wait=visible`, { reason, keys: [{ region: n.region, day: n.day, note_id: n.note_id }] })
  await loadNotes()
}

/** Whether a GB/T 2260 code lies under one that an agency has: itself, its prefecture or its province. */
export function covers(regions: string[], code: string): boolean {
  return regions.some((r) => r === code || (r.endsWith('0000') && r.slice(0, 2) === code.slice(0, 2)) || (r.endsWith('00') && r.slice(2, 4) !== '00' && r.slice(0, 4) === code.slice(0, 4)))
}

/** The places that the reader's agency may write about. */
export const ownRegions = computed(() => {
  const own = session.value?.regions ?? []
  const listed = [...regions.value.keys()].filter((code) => covers(own, code))
  return listed.length ? listed : own
})
