import { computed } from 'vue'
import { english, t } from './i18n'
import { can, session } from './store'
import type { Role } from './types'

// What the administration's calls answer, and who may do what. The hub decides; the page
// only leaves out what it would refuse.

export interface Agency {
  id: string
  name: string
  regions: string[]
  scopes: string[]
  clearance: string
  disabled: boolean
  created_at: string
  updated_at: string
  revision: number
}

export interface User {
  id: string
  agency: string
  name: string
  role: Role
  clearance: string
  disabled: boolean
  must_change: boolean
  created_at: string
  updated_at: string
  revision: number
}

export interface PublicKey {
  kid: string
  kty: string
  crv: string
  alg?: string
  x: string
  added_at?: string
}

export interface Client {
  id: string
  agency: string
  name: string
  scopes: string[]
  clearance: string
  secrets?: { id: string; created_at: string; expires_at?: string }[]
  keys?: PublicKey[]
  disabled: boolean
  not_before?: string
  created_at: string
  updated_at: string
  revision: number
}

export interface Act {
  sequence: number
  actor: string
  actor_agency: string
  action: string
  object: string
  agency?: string
  at: string
  request_id?: string
  reason?: string
  changes?: { field: string; from?: string; to?: string }[]
}

export const operatorAgency = 'zida'
/** Acts for the hub itself: every agency, its keys, its map. */
export const operator = computed(() => session.value !== null && can.admin() && session.value.agency === operatorAgency)
export const mayManage = (agency: string): boolean => can.admin() && (operator.value || session.value?.agency === agency)

export const clearances = ['public', 'internal', 'sensitive', 'core']
export const roles: Role[] = ['viewer', 'analyst', 'steward', 'admin']
export const roleLabel = (r: Role): string => ({ viewer: t('查看', 'viewer'), analyst: t('分析', 'analyst'), steward: t('报送与审计', 'steward'), admin: t('管理', 'admin') })[r]

/** The address of an act, with the reason that both sides can read. */
export function withReason(path: string, reason: string, more: Record<string, string> = {}): string {
  return `${path}?${new URLSearchParams({ ...more, reason }).toString()}`
}

/** Words that someone typed, however they are set apart. */
export function wordsOf(text: string): string[] {
  return [...new Set(text.split(/[\s,，、;；]+/).filter((w) => w !== ''))]
}

const things: Record<string, [string, string]> = { agency: ['机构', 'agency'], client: ['客户端', 'client'], user: ['账号', 'user'], key: ['签名密钥', 'signing key'], token: ['令牌', 'token'], contract: ['数据契约', 'contract'], map: ['地图', 'map'], held: ['搁置的提交', 'held submission'], session: ['会话', 'session'] }
const deeds: Record<string, [string, string]> = {
  create: ['新建', 'made'], update: ['修改', 'changed'], disable: ['停用', 'disabled'], enable: ['启用', 'enabled'], rotate: ['轮换', 'rotated'], revoke: ['吊销', 'revoked'], publish: ['发布', 'published'], remove: ['移除', 'removed'],
  revoke_tokens: ['吊销全部令牌', 'tokens ended'], rotate_secret: ['更换密钥', 'new secret'], remove_secret: ['删除密钥', 'secret removed'], add_key: ['登记公钥', 'public key added'], remove_key: ['删除公钥', 'public key removed'],
  reset_admin: ['重置管理员', 'admin reset'], password: ['重置密码', 'new password'], end_sessions: ['结束会话', 'sessions ended'], release: ['放行', 'released'],
}

/** An action's code in words; one that is not known stays as it is. */
export function actionLabel(action: string): string {
  const [thing = '', deed = ''] = action.split('.')
  const [a, b] = [things[thing], deeds[deed]]
  if (!a || !b) return action
  return english.value ? `${a[1]} ${b[1]}` : `${a[0]}${b[0]}`
}
