import { nextTick, onBeforeUnmount, onMounted, type Ref, watch } from 'vue'

// A wall is looked at from afar and has no pointer: nothing on it can be scrolled to. What
// is larger than its place is made smaller until it fits, down to half its size.

const smallest = 0.5
const tries = 6

/** Keeps what stands in place within it, as long as on is true. */
export function useFit(place: Ref<HTMLElement | null>, on: () => boolean, content: () => unknown): void {
  let seen: Element | null = null
  const observer = new ResizeObserver(fit)

  function fit(): void {
    const box = place.value
    const inner = box?.firstElementChild
    if (!box || !(inner instanceof HTMLElement)) return
    const fits = () => box.scrollHeight <= box.clientHeight + 1 && box.scrollWidth <= box.clientWidth + 1
    inner.style.zoom = ''
    if (!on() || fits()) return
    let small = smallest
    let large = 1
    for (let i = 0; i < tries; i++) {
      const middle = (small + large) / 2
      inner.style.zoom = String(middle)
      if (fits()) small = middle
      else large = middle
    }
    inner.style.zoom = String(small)
  }

  async function renew(): Promise<void> {
    await nextTick()
    const inner = place.value?.firstElementChild ?? null
    if (inner !== seen) {
      if (seen) observer.unobserve(seen)
      if (inner) observer.observe(inner)
      seen = inner
    }
    fit()
  }

  onMounted(() => {
    if (place.value) observer.observe(place.value)
    void renew()
  })
  watch([on, content], renew, { flush: 'post' })
  onBeforeUnmount(() => observer.disconnect())
}
