import { numberOf } from '../format'
import { t } from '../i18n'
import type { CellValue } from '../types'

// Where each spot stands on the schematic map. It claims no borders: counties are blocks,
// spots are tiles in the order of their ids, so that a tile never moves with its figures.

export type LoadState = 'normal' | 'busy' | 'near' | 'over' | 'unknown'

export function loadState(value: CellValue, limit: number): LoadState {
  const n = numberOf(value)
  if (n === null) return 'unknown'
  const share = n / limit
  return share >= 1 ? 'over' : share >= 0.9 ? 'near' : share >= 0.7 ? 'busy' : 'normal'
}

export const stateIcon: Record<LoadState, string> = { normal: '●', busy: '◐', near: '▲', over: '✖', unknown: '?' }

export function stateText(s: LoadState): string {
  return { normal: t('正常', 'normal'), busy: t('较忙', 'busy'), near: t('近上限', 'near the limit'), over: t('超上限', 'over the limit'), unknown: t('未报承载量', 'capacity not reported') }[s]
}

export interface Tile {
  id: string
  row: CellValue[]
}
export interface County {
  region: string
  tiles: Tile[]
}
export interface Block {
  side: '大足' | '资阳' | ''
  counties: County[]
}

/** 大足 lies in the east: it has a block of its own, and the counties of 资阳 follow each other. */
const countyOrder = ['500111', '512002', '512022', '512021', '512000']

export function tileLayout(rows: readonly CellValue[][], id: number, region: number): Block[] {
  const counties = new Map<string, Tile[]>()
  for (const row of rows) {
    const spot = String(row[id])
    const code = region >= 0 && row[region] != null ? String(row[region]) : (/^(\d{6})-/.exec(spot)?.[1] ?? '')
    counties.set(code, [...(counties.get(code) ?? []), { id: spot, row }])
  }
  const sideOf = (code: string): Block['side'] => (code.startsWith('50') ? '大足' : code.startsWith('512') ? '资阳' : '')
  const rank = (code: string) => {
    const i = countyOrder.indexOf(code)
    return i < 0 ? countyOrder.length : i
  }
  const sorted = [...counties].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
  return (['大足', '资阳', ''] as const).flatMap((side) => {
    const own = sorted.filter(([code]) => sideOf(code) === side).map(([code, tiles]) => ({ region: code, tiles: [...tiles].sort((a, b) => a.id.localeCompare(b.id)) }))
    return own.length ? [{ side, counties: own }] : []
  })
}
