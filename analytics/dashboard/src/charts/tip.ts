import { change, exact, isRatio, moment, numberOf, unitText } from '../format'
import { t } from '../i18n'
import type { Answer, CellValue, Column } from '../types'

// The tooltip of a canvas, built of elements with classes: the page's policy lets no
// style attribute in.

export interface TipRow {
  label: string
  column: Column
  value: CellValue
  before?: { value: CellValue; change: CellValue }
  colour?: string
  dash?: boolean
}

function element(name: string, className: string, text?: string): HTMLElement {
  const e = document.createElement(name)
  e.className = className
  if (text !== undefined) e.textContent = text
  return e
}

function swatch(colour: string, dash: boolean): SVGElement {
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  svg.setAttribute('viewBox', '0 0 14 8')
  const line = document.createElementNS(ns, 'line')
  for (const [k, v] of Object.entries({ x1: '0', x2: '14', y1: '4', y2: '4', stroke: colour, 'stroke-width': dash ? '2' : '6', 'stroke-dasharray': dash ? '3 2' : 'none' })) line.setAttribute(k, v)
  svg.append(line)
  return svg
}

/** The figure in full, with its unit; a ratio as per cent. */
export function figureText(value: CellValue, column: Column): string {
  if (column.masked) return t('无权', 'hidden')
  if (value === null) return '—'
  const n = numberOf(value)
  if (isRatio(column) && n !== null) return (n * 100).toFixed(2).replace(/\.?0+$/, '') + '%'
  return exact(value) + (column.unit ? ' ' + unitText(column.unit) : '')
}

const mostRows = 12

export function tip(head: string, rows: readonly TipRow[], notes: readonly string[], answer: Answer, hints: readonly string[]): HTMLElement {
  const root = element('div', 'chart-tip-body')
  root.append(element('div', 'chart-tip-head', head))
  for (const r of rows.slice(0, mostRows)) {
    const row = element('div', 'chart-tip-row')
    row.append(r.colour ? swatch(r.colour, r.dash ?? false) : element('span', ''))
    row.append(element('span', '', r.label))
    const figure = element('span', 'chart-tip-figure', figureText(r.value, r.column))
    figure.dataset.figure = r.column.name
    figure.dataset.exact = r.value === null ? '' : String(r.value)
    row.append(figure)
    if (r.before) {
      const was = r.before.value === null ? '—' : figureText(r.before.value, r.column)
      row.append(element('span', 'chart-tip-more', `${t('对比', 'was')} ${was}${r.before.change === null ? '' : ' · ' + change(r.before.change)}`))
    }
    root.append(row)
  }
  if (rows.length > mostRows) root.append(element('div', 'chart-tip-note', t(`另有 ${rows.length - mostRows} 项，见表`, `${rows.length - mostRows} more, see the table`)))
  for (const n of notes) root.append(element('div', 'chart-tip-note', '◆ ' + n))
  root.append(element('div', 'chart-tip-note', `${t('截至', 'as of')} ${moment(answer.as_of)} · #${answer.watermark}`))
  if (hints.length) root.append(element('div', 'chart-tip-note', hints.join(' · ')))
  return root
}

