import { computed, shallowRef } from 'vue'
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

/** What `zida demo` puts behind every name that it makes up. */
const demoMark = '（演示数据 generated）'

/** Whether this hub's data are made up: the page then says so once, at its top, in its pictures and prints, and not behind every name. */
export const generated = computed(() => [...agencies.value.values()].some((a) => a.name.includes('（演示）')))

export function withoutMark(text: string): string {
  return generated.value && text.endsWith(demoMark) ? text.slice(0, -demoMark.length) : text
}
