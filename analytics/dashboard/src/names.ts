import { shallowRef } from 'vue'
import { lang } from './i18n'

// What codes are called, as the hub's lists have it; read once, with the catalogue.

export interface Party {
  id: string
  name: string
  side: string
  regions: string[]
}
export const agencies = shallowRef<Map<string, Party>>(new Map())
export const regions = shallowRef<Map<string, { zh: string; en: string }>>(new Map())
export function agencyName(id: string): string {
  return agencies.value.get(id)?.name ?? id
}

/** A region's name as the list has it; the code itself where it has none. */
export function regionName(code: string): string {
  const r = regions.value.get(code)
  return (lang.value === 'en' ? r?.en || r?.zh : r?.zh) || code
}
