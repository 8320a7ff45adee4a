// As much of zip and of .xlsx as the tests need to fill a template and to read an export:
// the parts of a workbook, its sheets as rows of texts, and a workbook with rows added.
import { crc32, inflateRawSync } from 'node:zlib'

/** The files of a zip archive, by name. */
export function unzip(bytes) {
  const files = new Map()
  const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1')
  if (end < 0) throw new Error('no zip archive')
  let at = bytes.readUInt32LE(end + 16)
  for (let n = bytes.readUInt16LE(end + 10); n > 0; n--) {
    const method = bytes.readUInt16LE(at + 10)
    const size = bytes.readUInt32LE(at + 20)
    const [nameSize, extra, comment] = [28, 30, 32].map((o) => bytes.readUInt16LE(at + o))
    const local = bytes.readUInt32LE(at + 42)
    const name = bytes.toString('utf8', at + 46, at + 46 + nameSize)
    const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
    const data = bytes.subarray(from, from + size)
    files.set(name, method === 8 ? inflateRawSync(data) : data)
    at += 46 + nameSize + extra + comment
  }
  return files
}

/** An archive of files that are stored as they are. */
export function zip(files) {
  const parts = []
  const heads = []
  let at = 0
  for (const [name, data] of files) {
    const file = Buffer.from(name)
    const head = Buffer.alloc(46)
    head.write('PK\x01\x02', 'latin1')
    head.writeUInt16LE(20, 4)
    head.writeUInt16LE(20, 6)
    head.writeUInt16LE(0x800, 8) // names are UTF-8
    head.writeUInt16LE(0x21, 14) // 1980-01-01
    head.writeUInt32LE(crc32(data), 16)
    head.writeUInt32LE(data.length, 20)
    head.writeUInt32LE(data.length, 24)
    head.writeUInt16LE(file.length, 28)
    head.writeUInt32LE(at, 42)
    const local = Buffer.alloc(30)
    local.write('PK\x03\x04', 'latin1')
    head.copy(local, 4, 6, 32)
    parts.push(local, file, data)
    heads.push(head, file)
    at += 30 + file.length + data.length
  }
  const list = Buffer.concat(heads)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(files.size, 8)
  end.writeUInt16LE(files.size, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, list, end])
}

const plain = (s) => s.replace(/&(lt|gt|quot|apos|amp|#x?[0-9A-Fa-f]+);/g, (_, e) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[e] ?? String.fromCodePoint(e[1] === 'x' ? parseInt(e.slice(2), 16) : Number(e.slice(1))))
const textsOf = (xml) => plain([...xml.matchAll(/<t(?:\s[^>]*)?>([\s\S]*?)<\/t>/g)].map((m) => m[1]).join(''))
const columnOf = (ref) => [.../^[A-Z]+/.exec(ref)[0]].reduce((n, c) => n * 26 + c.charCodeAt(0) - 64, 0) - 1

/** Sheets by name, each as rows of texts as they are stored: numbers, and days as serials. */
export function sheetsOf(bytes) {
  const files = unzip(bytes)
  const part = (name) => files.get(name)?.toString('utf8') ?? ''
  const shared = [...part('xl/sharedStrings.xml').matchAll(/<si>([\s\S]*?)<\/si>/g)].map((m) => textsOf(m[1]))
  const targets = new Map([...part('xl/_rels/workbook.xml.rels').matchAll(/<Relationship\s[^>]*>/g)].map(([tag]) => [/\sId="([^"]+)"/.exec(tag)[1], /\sTarget="([^"]+)"/.exec(tag)[1]]))
  const sheets = new Map()
  for (const [tag] of part('xl/workbook.xml').matchAll(/<sheet\s[^>]*>/g)) {
    const xml = part('xl/' + targets.get(/r:id="([^"]+)"/.exec(tag)[1]).replace(/^\/xl\//, ''))
    const rows = [...xml.matchAll(/<row[\s>][\s\S]*?<\/row>/g)].map(([row]) => {
      const cells = []
      for (const [, attributes, body] of row.matchAll(/<c\s([^>]*?)(?:\/>|>([\s\S]*?)<\/c>)/g)) {
        const value = /<v>([\s\S]*?)<\/v>/.exec(body ?? '')?.[1] ?? ''
        const type = /\bt="([^"]+)"/.exec(attributes)?.[1]
        cells[columnOf(/\br="([^"]+)"/.exec(attributes)[1])] = type === 's' ? shared[Number(value)] : type === 'inlineStr' ? textsOf(body) : plain(value)
      }
      return Array.from(cells, (c) => c ?? '')
    })
    sheets.set(plain(/\sname="([^"]*)"/.exec(tag)[1]), rows)
  }
  return sheets
}

/** The workbook with rows put below the heading of its first sheet; a text or a number a cell. */
export function filled(bytes, rows) {
  const files = unzip(bytes)
  const name = 'xl/worksheets/sheet1.xml'
  const escaped = (s) => s.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])
  const sheet = files.get(name).toString('utf8')
  // A new cell has its column's style, as in Excel: a day is a number that is shown as one.
  const styles = [...sheet.matchAll(/<col\s[^>]*>/g)].flatMap(([tag]) => {
    const of = (attribute) => Number(new RegExp(`\\s${attribute}="(\\d+)"`).exec(tag)[1])
    return Array(of('max') - of('min') + 1).fill(of('style'))
  })
  const cell = (v, row, j) => `<c r="${String.fromCharCode(65 + j)}${row}" s="${styles[j]}"${typeof v === 'number' ? `><v>${v}</v>` : ` t="inlineStr"><is><t>${escaped(v)}</t></is>`}</c>`
  const xml = rows.map((cells, i) => `<row r="${i + 2}">${cells.map((v, j) => (v === '' ? '' : cell(v, i + 2, j))).join('')}</row>`).join('')
  files.set(name, Buffer.from(sheet.replace('</sheetData>', xml + '</sheetData>')))
  return zip(files)
}
