import { computed, ref } from 'vue'

// Both texts stand side by side where they are used, as in the rest of the project:
// no keys to look up, and none that is missing in one language.

export type Lang = 'zh' | 'en'

export const lang = ref<Lang>('zh')
export const english = computed(() => lang.value === 'en')

export function t(zh: string, en: string): string {
  return english.value ? en : zh
}

/** The label of a thing that carries both, such as a metric or a view. */
export function labelOf(thing: { label?: string; label_en?: string; title?: string; title_en?: string; name?: string; name_en?: string }): string {
  const zh = thing.label ?? thing.title ?? thing.name ?? ''
  const en = thing.label_en ?? thing.title_en ?? thing.name_en ?? ''
  return english.value && en !== '' ? en : zh
}
