// Screenshots as PNGs of at most 256 colours, which are less than half of the size: pages
// are made of few colours, and of the edges of letters.
import { crc32, deflateSync, inflateSync } from 'node:zlib'

/** Width and height, pixels. */
export const pixels = (png) => [png.readUInt32BE(16), png.readUInt32BE(20)]

export function palette(png) {
  const [width, height] = pixels(png)
  const channels = { 2: 3, 6: 4 }[png[25]]
  if (png[24] !== 8 || channels === undefined || png[28] !== 0) throw new Error('not a screenshot')
  const rows = plain(png, width * channels, height, channels)
  const colours = new Uint32Array(width * height)
  for (let i = 0, at = 0; i < colours.length; i++, at += channels) colours[i] = (rows[at] << 16) | (rows[at + 1] << 8) | rows[at + 2]
  const chosen = choose(colours)
  const nearest = new Map(chosen.map((c, i) => [c, i]))
  const out = Buffer.alloc((width + 1) * height)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      let index = nearest.get(colours[i])
      if (index === undefined) nearest.set(colours[i], (index = near(chosen, colours[i])))
      out[y * (width + 1) + 1 + x] = index
    }
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 3], 8) // eight bits that are indexes
  const list = Buffer.from(chosen.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]))
  return Buffer.concat([png.subarray(0, 8), chunk('IHDR', head), chunk('PLTE', list), chunk('IDAT', deflateSync(out, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0))])
}

/** The samples without the filters of their rows (PNG, 9.2). */
function plain(png, stride, height, channels) {
  const parts = []
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)))
  }
  const data = inflateSync(Buffer.concat(parts))
  const out = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = data[y * (stride + 1)]
    for (let x = 0; x < stride; x++) {
      const left = x < channels ? 0 : out[y * stride + x - channels]
      const up = y === 0 ? 0 : out[(y - 1) * stride + x]
      const corner = y === 0 || x < channels ? 0 : out[(y - 1) * stride + x - channels]
      out[y * stride + x] = data[y * (stride + 1) + 1 + x] + [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]
    }
  }
  return out
}

function paeth(left, up, corner) {
  const p = left + up - corner
  const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/** Half of them as they are, the most frequent ones; half for all others, by their first bits. */
function choose(colours) {
  const counts = new Map()
  for (const c of colours) counts.set(c, (counts.get(c) ?? 0) + 1)
  const sorted = [...counts].sort((a, b) => b[1] - a[1])
  const exact = sorted.slice(0, 128).map(([c]) => c)
  const rough = new Map()
  for (const [c, n] of sorted.slice(128)) {
    const key = c & 0xf0f0f0
    const r = rough.get(key)
    if (r) r[1] += n
    else rough.set(key, [c, n]) // its most frequent colour stands for it
  }
  return [...exact, ...[...rough.values()].sort((a, b) => b[1] - a[1]).slice(0, 128).map(([c]) => c)]
}

function near(chosen, colour) {
  let best = 0
  let least = Infinity
  for (let i = 0; i < chosen.length; i++) {
    const far = [16, 8, 0].reduce((sum, s) => sum + (((chosen[i] >> s) & 255) - ((colour >> s) & 255)) ** 2, 0)
    if (far < least) [best, least] = [i, far]
  }
  return best
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const out = Buffer.alloc(8 + body.length)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), 4 + body.length)
  return out
}
