import type { Property } from './contract'

// What a push is made of: files and their text, and a record that was typed.

export type FileKind = 'xlsx' | 'csv' | 'json' | 'ndjson'
export type Charset = 'utf-8' | 'gb18030'

/** The kind of a file by its name, and how it is packed. */
export function kindOf(name: string): { kind: FileKind; packed?: 'gzip' | 'zstd' } | null {
  const m = /\.(xlsx|csv|json|ndjson|jsonl)(?:\.(gz|zst))?$/i.exec(name)
  if (!m) return null
  const kind = m[1]!.toLowerCase()
  if (kind === 'xlsx' && m[2]) return null
  return { kind: kind === 'jsonl' ? 'ndjson' : (kind as FileKind), ...(m[2] ? { packed: m[2].toLowerCase() === 'gz' ? 'gzip' : 'zstd' } : {}) }
}

/** Looks at a file's beginning: text that is no UTF-8 is GB18030 in the offices that use this. */
export async function guessCharset(file: Blob): Promise<Charset> {
  const head = new Uint8Array(await file.slice(0, 1 << 20).arrayBuffer())
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true }) // its last character may be cut
    return 'utf-8'
  } catch {
    return 'gb18030'
  }
}

/** The file's text in UTF-8, which is what the hub takes and what the receipt's digest is of. */
export function toUTF8(file: Blob): ReadableStream<Uint8Array<ArrayBuffer>> {
  return file.stream().pipeThrough(new TextDecoderStream('gb18030', { fatal: true })).pipeThrough(new TextEncoderStream())
}

const jsonNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/

/** One record from a form. Numbers go as they were typed: none is rounded on the way. */
export function recordText(form: Record<string, string>, properties: Property[]): string {
  const out: string[] = []
  for (const p of properties) {
    const value = (form[p.name] ?? '').trim()
    if (value === '') continue
    let text = JSON.stringify(value)
    if ((p.type === 'integer' || p.type === 'number') && jsonNumber.test(value)) text = value
    else if (p.type === 'boolean' && (value === 'true' || value === 'false')) text = value
    else if (p.type === 'timestamp' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(value)) text = JSON.stringify(value + (value.length === 16 ? ':00' : '') + '+08:00')
    out.push(JSON.stringify(p.name) + ':' + text)
  }
  return '{' + out.join(',') + '}'
}
