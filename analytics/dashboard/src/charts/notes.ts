import { inject, toValue, type MaybeRefOrGetter } from 'vue'
import { startOf } from '../time'
import type { Grain } from '../types'

// Notes on days, given by the page that shows the view.

export interface DateNote {
  day: string
  text: string
  kind: string
  region?: string
  dataset?: string | undefined // none: it is of everything
}

export function useNotes(): () => DateNote[] {
  const given = inject<MaybeRefOrGetter<DateNote[]>>('dateNotes', [])
  return () => toValue(given)
}

/** The notes in each bucket, by the bucket's first day. */
export function notesByStep(notes: readonly DateNote[], grain: Grain | undefined): Map<string, DateNote[]> {
  const by = new Map<string, DateNote[]>()
  if (grain === undefined) return by
  for (const n of notes) {
    const day = grain === 'hour' || grain === '5min' ? n.day + 'T00:00:00+08:00' : startOf(n.day, grain)
    by.set(day, [...(by.get(day) ?? []), n])
  }
  return by
}
