import { shallowRef } from 'vue'
import type { Colour } from './series'

// The page's colours for what is drawn on a canvas, read from its CSS variables and read
// again when the page turns dark, light, into a wall or a print.

export interface Look {
  text: string
  text2: string
  line: string
  surface: string
  surface2: string
  warn: string
  bad: string
  c: string[] // from 1
  font: string
  size: number // of text, in pixels
}

export const look = shallowRef<Look | null>(null)

function read(): Look {
  const style = getComputedStyle(document.documentElement)
  const v = (name: string) => {
    const s = style.getPropertyValue(name).trim()
    // The built style sheet writes #fff for #ffffff.
    return /^#[0-9a-f]{3}$/i.test(s) ? '#' + [...s.slice(1)].map((d) => d + d).join('') : s
  }
  return {
    text: v('--text'),
    text2: v('--text-2'),
    line: v('--line'),
    surface: v('--surface'),
    surface2: v('--surface-2'),
    warn: v('--warn'),
    bad: v('--bad'),
    c: ['', ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => v(`--c${n}`))],
    font: style.fontFamily,
    size: Number.parseFloat(style.fontSize) * 0.86,
  }
}

let watched = false

export function watchLook(): void {
  if (watched) return
  watched = true
  look.value = read()
  new MutationObserver(() => (look.value = read())).observe(document.documentElement, { attributes: true, attributeFilter: ['class', 'data-mode'] })
}

function channels(hex: string): [number, number, number] {
  const n = Number.parseInt(hex.slice(1), 16)
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255]
}

/** a with so much of b in it, both written #rrggbb. */
export function mix(a: string, b: string, share: number): string {
  const x = channels(a)
  const y = channels(b)
  return '#' + x.map((v, i) => Math.round(v + (y[i]! - v) * share).toString(16).padStart(2, '0')).join('')
}

export function paint(l: Look, colour: Colour): string {
  const base = l.c[colour.c] ?? l.c[7]!
  const tone = Math.max(-0.6, Math.min(0.8, colour.tone))
  return tone > 0 ? mix(base, l.text, tone) : tone < 0 ? mix(base, l.surface, -tone) : base
}

/** A colour that lets so much through. */
export function clear(hex: string, share: number): string {
  return `rgba(${channels(hex).join(',')},${share})`
}

/** The same colour for what a figure is compared with. */
export function pale(l: Look, colour: Colour): string {
  return mix(paint(l, colour), l.surface, 0.4)
}

/** A colour in CSS, for what is drawn by elements. */
export function css(colour: Colour): string {
  const base = `var(--c${colour.c})`
  const share = Math.round(Math.abs(colour.tone) * 100)
  if (share === 0) return base
  return `color-mix(in srgb, ${base} ${100 - Math.min(share, 80)}%, var(${colour.tone > 0 ? '--text' : '--surface'}))`
}
