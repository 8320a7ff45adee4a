import { defineAsyncComponent, type Component } from 'vue'
import { can } from '../store'

// The pages that are more than a declared view, each loaded when it is first opened. order
// places them among the views.

export interface Page {
  view: string
  order: number
  title: string
  title_en: string
  component: Component
  allowed: () => boolean
  range?: string // where the address says none, of pages that have one
}

export const pages: Page[] = [
  { view: 'explore', order: 70, title: '探索', title_en: 'Explorer', component: defineAsyncComponent(() => import('./Explore.vue')), allowed: can.query, range: '30d' },
  { view: 'submissions', order: 80, title: '提交记录', title_en: 'Submissions', component: defineAsyncComponent(() => import('./Submissions.vue')), allowed: () => true },
  { view: 'catalogue', order: 90, title: '目录', title_en: 'Catalogue', component: defineAsyncComponent(() => import('./Catalogue.vue')), allowed: () => true },
  { view: 'quality', order: 100, title: '数据质量', title_en: 'Data quality', component: defineAsyncComponent(() => import('./Quality.vue')), allowed: can.query },
  { view: 'admin', order: 900, title: '管理', title_en: 'Administration', component: defineAsyncComponent(() => import('./Admin.vue')), allowed: can.audit },
]
