import type { CellValue } from '../types'

// Sums of figures as the hub writes them. Money comes as text and is added as whole
// numbers of its smallest part, so that a total is exact to the cent.

const figure = /^(-?)(\d+)(?:\.(\d+))?$/

/** The sum of the cells that hold a figure; null when none does, or one is not plain digits. */
export function sum(cells: readonly CellValue[]): string | null {
  let total = 0n
  let scale = 0
  let any = false
  for (const cell of cells) {
    if (cell === null || cell === '') continue
    const m = figure.exec(String(cell))
    if (!m) return null
    const decimals = m[3] ?? ''
    if (decimals.length > scale) {
      total *= 10n ** BigInt(decimals.length - scale)
      scale = decimals.length
    }
    const part = BigInt(m[2]! + decimals.padEnd(scale, '0'))
    total += m[1] === '-' ? -part : part
    any = true
  }
  return any ? withScale(total, scale) : null
}

function withScale(n: bigint, scale: number): string {
  if (scale === 0) return String(n)
  const digits = String(n < 0n ? -n : n).padStart(scale + 1, '0')
  return (n < 0n ? '-' : '') + digits.slice(0, -scale) + '.' + digits.slice(-scale)
}
