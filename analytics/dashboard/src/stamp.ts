import { valueText } from './format'
import type { Answer } from './types'

// A picture of a chart, with what it shows printed under it: a picture that is passed on
// must still say what it is of, as of when, and who took it.

const lineHeight = 20
const edge = 16

/** The canvas of a chart, or (for figures and tables of the page) what its text says, as a PNG. */
export function stamped(canvas: HTMLCanvasElement | null, root: HTMLElement, lines: string[]): Promise<Blob> {
  const style = getComputedStyle(root)
  const ratio = canvas ? canvas.width / Math.max(1, canvas.clientWidth || canvas.width) : 2
  const width = canvas ? canvas.width / ratio : 720
  const text = canvas ? [] : rowsOf(root)
  const notes = lines.filter((l) => l.trim() !== '')
  const height = edge * 2 + lineHeight * (1 + notes.length) + (canvas ? canvas.height / ratio : text.length * lineHeight)
  const out = document.createElement('canvas')
  out.width = Math.round(width * ratio)
  out.height = Math.round(height * ratio)
  const c = out.getContext('2d')!
  c.scale(ratio, ratio)
  c.fillStyle = style.backgroundColor
  c.fillRect(0, 0, width, height)
  c.fillStyle = style.color
  let y = edge + 12
  const write = (line: string, bold = false) => {
    c.font = `${bold ? '600 15px' : '12px'} ${style.fontFamily}`
    c.fillText(line, edge, y, width - 2 * edge)
    y += lineHeight
  }
  write(notes[0] ?? '', true)
  if (canvas) {
    c.drawImage(canvas, 0, y - 8, width, canvas.height / ratio)
    y += canvas.height / ratio
  }
  for (const row of text) write(row)
  c.globalAlpha = 0.75
  for (const note of notes.slice(1)) write(note)
  return new Promise((resolve, reject) => {
    out.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('canvas'))), 'image/png')
  })
}

function rowsOf(root: HTMLElement): string[] {
  const rows = [...root.querySelectorAll<HTMLElement>('tr, [data-row]')]
  return rows.slice(0, 60).map((r) => [...r.querySelectorAll<HTMLElement>('th, td, [data-cell]')].map((x) => x.innerText.replace(/\s+/g, ' ').trim()).join('    '))
}

/** An answer that the hub has no CSV of, with its notes under it as the hub writes them. */
export function csvOf(answer: Answer, notes: string[]): Blob {
  // Text that a spreadsheet would run as a formula is written so that none does.
  const field = (v: string) => {
    const safe = /^[=+\-@\t\r]/.test(v) && Number.isNaN(Number(v)) ? "'" + v : v
    return /[",\n\r]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe
  }
  const lines = [answer.columns.map((c) => field(c.label + (c.unit ? `（${c.unit}）` : ''))), ...answer.rows.map((r) => r.map((v, i) => (v === null ? '' : field(answer.columns[i]!.type === 'string' ? valueText(v, answer.columns[i]!) : String(v)))))]
  return new Blob(['\ufeff' + [...lines.map((l) => l.join(',')), '', ...notes].join('\r\n') + '\r\n'], { type: 'text/csv;charset=utf-8' })
}
