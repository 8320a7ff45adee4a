import { t } from './i18n'

// A submission as GET /v1/submissions gives it.

export interface Submission {
  submission: string
  dataset: string
  contract_version: string
  agency: string
  client: string
  kind: 'push' | 'retraction'
  mode: 'atomic' | 'partial'
  state: 'received' | 'visible' | 'held'
  received: number
  accepted: number
  rejected: number
  superseded: number
  sequence: number
  sha256: string
  bytes: number
  received_at: string
  reason?: string
  held_reason?: string
  mends?: string
  mended_by?: string[]
}

export const stateLabel = (s: Submission['state']): string => ({ received: t('已收到', 'received'), visible: t('可查询', 'queryable'), held: t('暂扣', 'held') })[s]
export const stateMark = (s: Submission['state']): string => ({ received: '◔', visible: '✓', held: '!' })[s]
export const stateChip = (s: Submission['state']): string => ({ received: 'chip-quiet', visible: 'chip-good', held: 'chip-bad' })[s]
export const stateText = (s: Submission['state']): string =>
  ({
    received: t('已落盘，数秒内即可查询。', 'It is durable, and answers within seconds.'),
    visible: t('全部接收的记录都可查询。', 'Every record that was accepted answers.'),
    held: t('已落盘且不会丢失，但入库时出错，等待运维处理；在此之前查询中没有这些记录。', 'It is durable and cannot be lost, but the tables refused it; until the operator has mended that, queries do not see it.'),
  })[s]
export const kindLabel = (k: Submission['kind']): string => ({ push: t('报送', 'push'), retraction: t('撤回', 'retraction') })[k]
export const modeLabel = (m: Submission['mode']): string => ({ atomic: t('整体', 'atomic'), partial: t('部分接收', 'partial') })[m]

/** One line of CSV; a text that a spreadsheet would take for a formula, and that is no number, gets an apostrophe, as in the hub's own exports. */
export function csvLine(cells: (string | number | undefined)[]): string {
  return cells.map((c) => '"' + String(c ?? '').replace(/^(?=[=+\-@\t\r\n])(?!-?\d+(?:\.\d+)?$)/, "'").replace(/"/g, '""') + '"').join(',') + '\r\n'
}

export function size(bytes: number): string {
  if (bytes < 1024) return bytes + ' B'
  return bytes < 1 << 20 ? (bytes / 1024).toFixed(1) + ' KiB' : (bytes / (1 << 20)).toFixed(1) + ' MiB'
}
