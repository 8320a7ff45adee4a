/** Canvases of one panel, one above the other. */
export function join(parts: HTMLCanvasElement[]): HTMLCanvasElement | null {
  if (parts.length < 2) return parts[0] ?? null
  const out = document.createElement('canvas')
  out.width = Math.max(...parts.map((p) => p.width))
  out.height = parts.reduce((n, p) => n + p.height, 0)
  const c = out.getContext('2d')!
  let y = 0
  for (const p of parts) {
    c.drawImage(p, 0, y)
    y += p.height
  }
  return out
}
