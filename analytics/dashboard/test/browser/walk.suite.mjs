// The walk of docs/walk.md, step by step: a clerk's first hour and an analyst's. With
// ZIDA_PICTURES=write the pictures of the document are taken anew; otherwise each step has to
// work, and its picture to be there in the size that it would have.
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { after, test } from 'node:test'
import { open, settled, show } from './browser.mjs'
import { apiSession } from './hub.mjs'
import { palette, pixels } from './png.mjs'
import { dayOf, daySerial, eventually, kept, logInByForm, moreOf, panelOf, spot } from './steps.mjs'
import { filled } from './xlsx.mjs'

const docs = new URL('../../../../docs/', import.meta.url)
const write = process.env.ZIDA_PICTURES === 'write'
const size = { width: 1120, height: 700 }
const most = 120 << 10 // of one picture, bytes

export function suite({ demo, browser }) {
  const taken = []

  async function picture(page, name, { height = size.height } = {}) {
    await page.mouse.move(0, 0)
    await keep(name, await page.screenshot({ clip: { x: 0, y: 0, width: size.width, height }, animations: 'disabled', caret: 'hide' }))
  }
  async function keep(name, png) {
    taken.push(name)
    const file = fileURLToPath(new URL(`pictures/${name}.png`, docs))
    if (write) {
      const small = palette(png)
      assert.ok(small.length <= most, `${name}: ${small.length} bytes`)
      await mkdir(new URL('pictures/', docs), { recursive: true })
      await writeFile(file, small)
    } else assert.deepEqual(pixels(await readFile(file)), pixels(png), `${name}: take the pictures anew with make pictures`)
  }
  async function reader(user, body) {
    const r = await open(browser, demo, { user })
    try {
      await r.page.setViewportSize(size)
      await body(r.page)
      assert.deepEqual(r.faults, [])
    } finally {
      await r.close()
    }
  }
  /** An account as an admin makes it: with a password to be changed. */
  async function clerk() {
    const admin = await apiSession(demo, 'dazu.admin')
    const reason = '?reason=' + encodeURIComponent('新到岗')
    const spec = { id: 'dazu.clerk', agency: demo.users['dazu.admin'].agency, name: '演示填报员', role: 'steward' }
    const made = await admin('/v1/admin/users' + reason, { json: spec, raw: true, any: true })
    const answer = made.status === 201 ? JSON.parse(made.text) : await admin(`/v1/admin/users/${spec.id}/password${reason}`, { json: {} })
    return { user: spec.id, password: answer.password }
  }

  test("a clerk's first hour", async () => {
    const { user, password } = await clerk()
    await reader(undefined, async (page) => {
      await page.goto(demo.url + '/')
      await page.locator('input[name=user]').fill(user)
      await picture(page, 'clerk-1-login', { height: 480 })
      await logInByForm(page, user, password)

      const chosen = '资大 clerk ' + Date.now()
      await page.locator('input[name=next]').fill(chosen)
      await page.locator('input[name=again]').fill(chosen)
      await picture(page, 'clerk-2-password', { height: 480 })
      await page.locator('button[type=submit]').click()
      await page.locator('nav.side a', { hasText: '目录' }).click()

      await page.getByLabel('查找').fill('客流')
      await eventually(async () => (await page.locator('[data-dataset]').count()) < 6, 'the list is narrowed down')
      await page.locator('.catalogue-fresh').first().waitFor()
      await picture(page, 'clerk-3-catalogue', { height: 420 })
      await page.locator('[data-dataset=tourism_flow] a').click()
      await page.locator('.dataset-fields tbody tr').first().waitFor()
      await picture(page, 'clerk-4-dataset')
      const template = await kept(page, () => page.getByRole('button', { name: '下载 Excel 模板' }).click())

      const days = [4, 3, 2].map((n) => dayOf(Date.now() - n * 86_400_000))
      const rows = (middle) => days.map((d, i) => [spot, daySerial(d), 1440, '', i === 1 ? middle : 5200 + i])
      const choose = (name, buffer) => page.locator('.try-push .drop-file-input').setInputFiles({ name, mimeType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', buffer })
      await page.locator('.desk-tabs a', { hasText: '报送' }).click()
      await choose('宝顶山客流.xlsx', filled(template, rows('五千二')))
      await page.getByRole('button', { name: '只检查，不提交' }).click()
      await page.locator('.error-table tbody tr').first().waitFor()
      await page.locator('.error-table').evaluate((e) => e.scrollIntoView({ block: 'end' }))
      await page.evaluate(() => window.scrollBy(0, 20))
      await picture(page, 'clerk-5-errors')
      await kept(page, () => page.getByRole('button', { name: '下载标好错误的工作簿' }).click())

      await choose('宝顶山客流-改正.xlsx', filled(template, rows(5201)))
      await page.getByRole('button', { name: '只检查，不提交' }).click()
      await page.getByText('检查通过，可以正式提交').waitFor()
      await page.getByRole('button', { name: '正式提交' }).click()
      await page.getByRole('button', { name: '验证回执' }).click()
      await page.locator('.receipt-card .verdict').waitFor()
      await page.locator('.try-push-done').evaluate((e) => e.scrollIntoView())
      await page.evaluate(() => window.scrollBy(0, -70))
      await picture(page, 'clerk-6-receipt')

      await page.locator('nav.side a', { hasText: '提交记录' }).click()
      await page.locator('.submissions-list tbody tr').first().waitFor()
      await picture(page, 'clerk-7-submissions', { height: 520 })

      await show(page, demo, `?view=tourism&range=7d&f=spot_id:in:${spot}&panel=visitors`)
      await panelOf(page, 'visitors').getByRole('button', { name: '表', exact: true }).click()
      await page.locator('[data-figure=visitors][data-exact="5201"]').first().waitFor()
      await panelOf(page, 'visitors').getByRole('button', { name: '图', exact: true }).click()
      await settled(page)
      await picture(page, 'clerk-8-chart')
    })
  })

  test("an analyst's first hour", () =>
    reader('ziyang.analyst', async (page) => {
      await show(page, demo, '')
      await picture(page, 'analyst-1-overview')

      await page.locator('nav.side a', { hasText: '文旅客流' }).click()
      await settled(page)
      await page.locator('.bar-pick button', { hasText: '行政区划' }).click()
      await page.locator('.menu-choices [role=option]', { hasText: '安岳' }).click()
      await page.keyboard.press('Escape')
      await page.getByLabel('对比').selectOption('previous_year')
      await page.getByLabel('时间').selectOption('12m')
      await page.getByLabel('粒度').selectOption('month')
      await settled(page)
      await moreOf(page, 'visitors', '放大')
      await settled(page)
      await page.evaluate(() => window.scrollTo(0, 0))
      await picture(page, 'analyst-2-compare')

      await show(page, demo, '?view=parks&from=2024-01-01&to=2025-01-01')
      await page.getByRole('button', { name: '当时所知' }).click()
      await page.getByLabel('精确时刻', { exact: false }).fill(dayOf(Date.parse(demo.firstUntil), 19))
      await page.locator('.fresh[data-status=past]').waitFor()
      await settled(page)
      await picture(page, 'analyst-3-as-of')
      await page.getByRole('button', { name: '回到现在' }).click()
      await page.locator('.fresh[data-status=live]').waitFor()
      await settled(page)

      await panelOf(page, 'per_mu').locator('[data-figure=output_per_mu]').first().click()
      await page.getByRole('dialog', { name: '溯源' }).locator('[data-submission]').first().waitFor()
      await picture(page, 'analyst-4-provenance')
      await page.keyboard.press('Escape')

      await show(page, demo, '?view=explore&metrics=visitors&dims=side&grain=month&range=12m&chart=stacked')
      await page.locator('[data-panel]').waitFor()
      await settled(page)
      await picture(page, 'analyst-5-explore')
      await page.getByRole('heading', { name: '带走这个问题' }).evaluate((e) => e.scrollIntoView())
      await page.evaluate(() => window.scrollBy(0, -60))
      await picture(page, 'analyst-6-share', { height: 460 })

      await show(page, demo, '?view=tourism&range=7d&f=region:in:512021')
      await panelOf(page, 'load').locator('[aria-haspopup]').click()
      await picture(page, 'analyst-7-export', { height: 520 })
      await page.keyboard.press('Escape')
      await kept(page, () => moreOf(page, 'load', 'CSV'))
      await kept(page, () => page.getByRole('button', { name: '导出本页 Excel' }).click())

      await page.locator('.account button').first().click()
      await page.getByRole('button', { name: '打印版' }).click()
      await page.locator('.print-head').waitFor()
      await settled(page)
      await picture(page, 'analyst-8-print', { height: 560 })
      await page.getByRole('button', { name: '返回' }).click()

      await show(page, demo, '?view=tourism&mode=wall')
      // A wall is larger than the document: the same picture on fewer pixels.
      const wall = { width: 1920, height: 1080 }
      await page.setViewportSize(wall)
      await settled(page)
      const devtools = await page.context().newCDPSession(page)
      const { data } = await devtools.send('Page.captureScreenshot', { format: 'png', clip: { x: 0, y: 0, ...wall, scale: 0.6 } })
      await keep('analyst-9-wall', Buffer.from(data, 'base64'))
    }))

  after(async () => {
    const text = await readFile(new URL('walk.md', docs), 'utf8')
    const named = [...text.matchAll(/\(pictures\/([a-z0-9-]+)\.png\)/g)].map((m) => m[1])
    assert.deepEqual(taken, named, 'docs/walk.md shows these pictures, in this order')
  })
}
