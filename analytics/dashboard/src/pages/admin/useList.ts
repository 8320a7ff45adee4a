import { onMounted, ref, type Ref, shallowRef, type ShallowRef } from 'vue'
import { get, problemFrom } from '../../api'
import type { Problem } from '../../types'

/** A list of the administration, read when its tab opens and again after each act. */
export function useList<T>(path: string, member: string): { list: ShallowRef<T[] | null>; problem: Ref<Problem | null>; load: () => Promise<void> } {
  const list = shallowRef<T[] | null>(null)
  const problem = ref<Problem | null>(null)
  async function load(): Promise<void> {
    try {
      list.value = (await get<Record<string, T[]>>(path))[member] ?? []
      problem.value = null
    } catch (e) {
      problem.value = problemFrom(e)
    }
  }
  onMounted(load)
  return { list, problem, load }
}

/** An act to be confirmed: what its dialog says, and what it does. */
export interface Pending {
  title: string
  text?: string
  confirm?: string
  verb?: string
  run: (reason: string) => Promise<void>
}
