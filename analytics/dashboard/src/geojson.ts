// What a map that is about to be uploaded holds, so that its sender sees it before it is sent.
// The hub checks it in full.

export interface MapCount {
  features: number
  kinds: Record<string, number>
  names: string[]
  nameless: number
}

/** Counts a FeatureCollection; null when the text is none. */
export function countMap(text: string): MapCount | null {
  let doc: unknown
  try {
    doc = JSON.parse(text)
  } catch {
    return null
  }
  const { type, features } = (doc ?? {}) as { type?: unknown; features?: unknown }
  if (type !== 'FeatureCollection' || !Array.isArray(features)) return null
  const out: MapCount = { features: features.length, kinds: {}, names: [], nameless: 0 }
  for (const f of features as { geometry?: { type?: string } | null; properties?: { name?: unknown } | null }[]) {
    const kind = f?.geometry?.type ?? '?'
    out.kinds[kind] = (out.kinds[kind] ?? 0) + 1
    const name = f?.properties?.name
    if (typeof name === 'string' && name !== '') out.names.push(name)
    else out.nameless++
  }
  return out
}

export const mostMapBytes = 512 * 1024
