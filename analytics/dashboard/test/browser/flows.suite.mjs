// What people do on the page, from end to end, on the hub's own answers. What restarts the
// hub comes last.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figuresOn, open, settled, show } from './browser.mjs'
import { apiSession } from './hub.mjs'
import { dayOf, daySerial, eventually, kept, logInByForm, moreOf, panelOf, pressUntil, revealed, search, spot } from './steps.mjs'
import { filled, sheetsOf } from './xlsx.mjs'

export function suite({ demo, browser }) {
  const sessions = new Map()
  /** The API as one of the demo's users; a user logs in once. */
  async function as(user) {
    if (!sessions.has(user)) sessions.set(user, await apiSession(demo, user))
    return sessions.get(user)
  }
  /** A day's figure of a spot, newer than what was known; answers the receipt once it is on the charts. */
  let told = 4000 + (Date.now() % 1000)
  async function report(day, people = ++told, user = 'dazu.steward') {
    const api = await as(user)
    return { people, receipt: await api('/v1/datasets/tourism_flow/records?wait=visible', { json: [{ spot_id: spot, observed_at: day, interval_minutes: 1440, entries: people }] }) }
  }
  async function reader(options, body) {
    const r = await open(browser, demo, options)
    try {
      await body(r.page, r)
      assert.deepEqual(r.faults, [])
    } finally {
      await r.close()
    }
  }
  const today = () => dayOf(Date.now())

  test('a wrong password is refused in words, the right one shows what was asked for, and logging out ends the session on the hub', () =>
    reader({}, async (page, { context }) => {
      const address = '?view=tourism&range=7d&f=region:in:500111&lang=en'
      await page.goto(demo.url + '/' + address)
      await logInByForm(page, 'dazu.analyst', 'not the password 1')
      await page.getByRole('alert').filter({ hasText: /password/i }).waitFor()
      assert.equal(await page.locator('input[name=password]').inputValue(), '', 'a wrong password is not kept')
      await logInByForm(page, 'dazu.analyst', demo.users['dazu.analyst'].password)
      await panelOf(page, 'visitors').waitFor()
      await settled(page)
      assert.equal(search(page), address)
      const [cookie] = (await context.cookies()).filter((c) => c.name === 'zida_session')
      assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict')
      const whoIs = () => fetch(demo.url + '/v1/session', { headers: { Cookie: `zida_session=${cookie.value}` } }).then((r) => r.status)
      assert.equal(await whoIs(), 200)
      await page.locator('.account button').first().click()
      await page.getByRole('button', { name: 'Log out' }).click()
      await page.locator('input[name=user]').waitFor()
      assert.equal(await whoIs(), 401)
    }))

  test('an admin makes a user whose password is shown once and must be changed; ended sessions come back to the same picture', () =>
    reader({ user: 'dazu.admin' }, async (page) => {
      const user = `dazu.new-${Date.now().toString(36)}`
      await show(page, demo, '?view=admin&id=users')
      await page.getByRole('button', { name: '开立账号' }).click()
      const form = page.getByRole('dialog')
      await form.getByLabel('账号（', { exact: false }).fill(user)
      await form.getByLabel('姓名').fill('演示新人')
      await form.getByLabel('事由', { exact: false }).fill('新到岗')
      await form.getByRole('button', { name: '保存' }).click()
      const secret = page.getByRole('dialog').filter({ hasText: '只显示这一次' })
      const password = (await secret.locator('pre').nth(1).textContent()).trim()
      await page.keyboard.press('Escape')
      assert.ok(await secret.isVisible(), 'it goes only when it is said to be kept')
      await secret.getByRole('checkbox').check()
      await secret.locator('.form-actions button').click()
      await secret.waitFor({ state: 'detached' })
      assert.ok(!(await page.content()).includes(password), 'it is not shown again')

      await reader({}, async (theirs) => {
        const address = '?view=tourism&range=7d&f=spot_id:in:' + spot
        await theirs.goto(demo.url + '/' + address)
        await logInByForm(theirs, user, password)
        await theirs.getByRole('heading', { name: '请设置新密码' }).waitFor()
        const refused = await theirs.request.post(demo.url + '/v1/queries', { data: { queries: [{ id: 'x', query: { metrics: ['visitors'] } }] } })
        assert.equal(refused.status(), 403, 'nothing else is answered before')
        const chosen = 'correct horse battery ' + Date.now()
        await theirs.locator('input[name=next]').fill(chosen)
        await theirs.locator('input[name=again]').fill(chosen + 'x')
        await theirs.locator('button[type=submit]').click()
        await theirs.getByRole('alert').filter({ hasText: '不一致' }).waitFor()
        await theirs.locator('input[name=again]').fill(chosen)
        await theirs.locator('button[type=submit]').click()
        await panelOf(theirs, 'spots').waitFor()
        await settled(theirs)
        const before = (await figuresOn(theirs)).filter((f) => f.panel === 'spots')

        await page.getByRole('button', { name: '结束会话 ' + user }).click()
        await page.getByRole('dialog').getByLabel('事由', { exact: false }).fill('演练')
        await page.getByRole('dialog').getByRole('button', { name: '结束', exact: true }).click()
        await page.getByRole('dialog').waitFor({ state: 'detached' })
        await theirs.getByLabel('粒度').selectOption('week').catch(() => undefined) // unless the feed has told the page already
        await theirs.getByText('您所看的页面会原样回来').waitFor()
        const left = search(theirs)
        await logInByForm(theirs, user, chosen)
        await panelOf(theirs, 'spots').waitFor()
        await settled(theirs)
        assert.equal(search(theirs), left)
        assert.ok(left.includes('range=7d') && left.endsWith('f=spot_id:in:' + spot), left)
        assert.deepEqual((await figuresOn(theirs)).filter((f) => f.panel === 'spots'), before)
      })
    }))

  test('a viewer finds no way to push or to administer, and the hub refuses both', () =>
    reader({ user: 'dazu.viewer' }, async (page) => {
      await show(page, demo, '')
      const names = await page.locator('nav.side a').allTextContents()
      assert.ok(names.includes('总览') && !names.includes('管理'), names.join())
      await show(page, demo, '?view=admin')
      await page.locator('main .state-forbidden').waitFor()
      await show(page, demo, '?view=admin&id=users')
      await page.locator('main .state-forbidden').waitFor()
      await show(page, demo, '?view=catalogue&id=tourism_flow&panel=push')
      await page.getByText('没有报送“景区客流”的权限').waitFor()
      assert.equal(await page.locator('main input[type=file]').count(), 0)
      const api = await as('dazu.viewer')
      for (const [path, json] of [
        ['/v1/datasets/tourism_flow/records', [{ spot_id: spot, observed_at: today(), entries: 1 }]],
        ['/v1/admin/users', { id: 'dazu.none', agency: 'dazu-wlj', name: 'x', role: 'viewer' }],
        ['/v1/admin/users', undefined],
        ['/v1/admin/clients', undefined],
        ['/v1/admin/acts', undefined],
      ]) {
        const { status, text } = await api(path, { json, any: true, raw: true })
        assert.equal(status, 403, `${path}: ${text}`)
      }
    }))

  test("an agency's admin sees nothing to press beside the other side's users, and the hub refuses every verb", () =>
    reader({ user: 'dazu.admin' }, async (page) => {
      await show(page, demo, '?view=admin&id=users')
      await page.locator('main .data-table').waitFor()
      assert.ok((await page.locator('main tbody button').count()) > 0, 'there are buttons for its own')
      assert.equal(await page.locator('main tbody tr', { hasText: 'ziyang.' }).locator('button').count(), 0)
      const api = await as('dazu.admin')
      const at = '/v1/admin/users/ziyang.viewer'
      for (const [method, path, json] of [
        ['PATCH', at, { name: 'x', expect: 1 }],
        ['POST', at + '/disable', {}],
        ['POST', at + '/enable', {}],
        ['POST', at + '/password', {}],
        ['POST', at + '/end-sessions', {}],
        ['POST', '/v1/admin/users', { id: 'ziyang.none', agency: demo.users['ziyang.viewer'].agency, name: 'x', role: 'viewer' }],
      ]) {
        const { status, text } = await api(path + '?reason=' + encodeURIComponent('演练'), { method, json, any: true, raw: true })
        assert.equal(status, 403, `${method} ${path}: ${text}`)
      }
      assert.equal((await (await as('ziyang.viewer'))('/v1/session')).user, 'ziyang.viewer', 'and nothing has happened to them')
    }))

  test('a figure above the clearance is shown as hidden, and is null on the wire', () =>
    reader({ user: 'dazu.viewer' }, async (page) => {
      const answered = page.waitForResponse((r) => r.url().includes('/v1/queries'))
      await show(page, demo, '?view=parks')
      const figures = (await (await answered).json()).answers.find((a) => a.id === 'figures').answer
      const at = figures.columns.findIndex((c) => c.name === 'revenue')
      assert.equal(figures.columns[at].masked, true)
      assert.ok(figures.rows.length > 0 && figures.rows.every((r) => r[at] === null))
      const shown = panelOf(page, 'figures').locator('[data-figure=revenue]').first()
      assert.equal((await shown.textContent()).trim(), '无权')
      assert.equal(await shown.getAttribute('data-exact'), '')
      assert.notEqual(await panelOf(page, 'figures').locator('[data-figure=output_value]').first().getAttribute('data-exact'), '')
      const direct = await (await as('dazu.viewer'))('/v1/query', { json: { metrics: ['revenue'] } })
      assert.ok(direct.rows.every((r) => r[0] === null))
    }))

  test('a push arrives on the open page by itself: filter and place stay, the panel flashes, and nothing vanishes meanwhile', () =>
    reader({ user: 'ziyang.viewer' }, async (page) => {
      await show(page, demo, `?view=tourism&f=region:in:500111`)
      await page.locator('.fresh[data-status=live]').waitFor()
      await page.evaluate(() => {
        window.scrollTo({ top: 500 })
        window.__seen = { states: [], fresh: [], marked: true }
        new MutationObserver((list) => {
          for (const m of list) {
            if (m.attributeName === 'data-state' && m.target.dataset.state !== m.oldValue) window.__seen.states.push(`${m.target.dataset.panel}: ${m.oldValue} → ${m.target.dataset.state}`)
            if (m.attributeName === 'class' && m.target.classList.contains('panel-fresh')) window.__seen.fresh.push(m.target.dataset.panel)
          }
        }).observe(document.querySelector('.grid'), { subtree: true, attributeFilter: ['data-state', 'class'], attributeOldValue: true })
        document.querySelector('.grid').dataset.same = 'yes' // gone after a reload
      })
      const place = await page.evaluate(() => scrollY)
      assert.ok(place > 100, 'the page is long enough to be scrolled')
      const before = search(page)
      await report(today())
      const range = { from: dayOf(Date.now() - 29 * 86_400_000), to: dayOf(Date.now() + 86_400_000) }
      const answer = await (await as('ziyang.viewer'))('/v1/query', { json: { metrics: ['visitors'], dimensions: ['spot_id'], time: range, filters: [{ dimension: 'spot_id', op: 'eq', values: [spot] }] } })
      const sum = String(answer.rows[0][answer.columns.findIndex((c) => c.name === 'visitors')])
      await panelOf(page, 'spots').locator(`[data-figure=visitors][data-exact="${sum}"]`).first().waitFor()
      await eventually(async () => (await page.evaluate(() => window.__seen.fresh)).includes('spots'), 'the panel flashes')
      const seen = await page.evaluate(() => window.__seen)
      assert.deepEqual(seen.states, [], 'no panel went through another state')
      assert.equal(await page.locator('.grid').getAttribute('data-same'), 'yes')
      assert.equal(search(page), before)
      assert.equal(await page.evaluate(() => scrollY), place)
    }))

  test('as it was known then: the figures are those of the API, the address carries it, others see the same, and nothing new disturbs it', () =>
    reader({ user: 'dazu.analyst' }, async (page) => {
      await show(page, demo, '?view=parks&from=2024-01-01&to=2025-01-01&f=region:in:500111')
      const now = await figuresOn(page)
      const then = dayOf(Date.parse(demo.firstUntil), 19)
      await page.getByRole('button', { name: '当时所知' }).click()
      await page.getByLabel('精确时刻', { exact: false }).fill(then)
      await settled(page)
      const asOf = then + '+08:00'
      assert.equal(new URL(page.url()).searchParams.get('as_of'), asOf)
      const past = await figuresOn(page)
      assert.notDeepEqual(past, now, 'the revisions are not in it')
      const answer = await (await as('dazu.analyst'))('/v1/query', { json: { metrics: ['output_per_mu'], dimensions: ['park_id'], time: { from: '2024-01-01', to: '2025-01-01' }, filters: [{ dimension: 'region', op: 'in', values: ['500111'] }], order: [{ by: 'output_per_mu', dir: 'desc' }], as_of: asOf } })
      assert.deepEqual(past.filter((f) => f.panel === 'per_mu').map((f) => f.exact), answer.rows.map((r) => String(r[1])))
      const link = page.url()
      await reader({ user: 'ziyang.analyst' }, async (theirs) => {
        await theirs.goto(link)
        await settled(theirs)
        assert.deepEqual(await figuresOn(theirs), past)
        assert.deepEqual(await theirs.locator('.chip-filter').allTextContents(), await page.locator('.chip-filter').allTextContents())
      })
      await page.goBack()
      await settled(page)
      assert.deepEqual(await figuresOn(page), now)

      // Until new answers come the old ones stand, under the question that they answer.
      let release
      const held = new Promise((resolve) => (release = resolve))
      await page.route('**/v1/queries*', async (r) => {
        await held
        await r.continue()
      }, { times: 1 })
      await page.goForward()
      await panelOf(page, 'per_mu').locator('.chip', { hasText: '更新中' }).waitFor()
      const traced = page.waitForRequest((r) => r.url().endsWith('/v1/query') && r.postDataJSON().dimensions.includes('submission'))
      await panelOf(page, 'per_mu').locator('[data-figure=output_per_mu]').first().click()
      assert.equal((await traced).postDataJSON().as_of, undefined)
      await page.keyboard.press('Escape')
      release()
      await settled(page)
      assert.deepEqual(await figuresOn(page), past)
      await page.goBack()
      await settled(page)
      await page.goForward()
      await settled(page)
      assert.deepEqual(await figuresOn(page), past)

      await page.getByRole('slider').focus()
      await page.getByRole('slider').press('End')
      assert.equal(new URL(page.url()).searchParams.get('as_of'), null, 'the right end is now')
      await page.getByRole('slider').press('ArrowLeft')
      assert.match(new URL(page.url()).searchParams.get('as_of'), /\+08:00$/)

      // The present of another page moves on, the past of this one does not.
      await show(page, demo, '?view=tourism&range=7d&as_of=' + encodeURIComponent(asOf))
      const still = await figuresOn(page)
      await reader({ user: 'dazu.viewer' }, async (live) => {
        await show(live, demo, '?view=tourism&range=7d')
        await live.locator('.fresh[data-status=live]').waitFor()
        const was = JSON.stringify(await figuresOn(live))
        await report(today())
        await eventually(async () => JSON.stringify(await figuresOn(live)) !== was, 'the live page shows it')
      })
      assert.deepEqual(await figuresOn(page), still)
    }))

  test('two clicks lead from a figure to the submission that pushed it, and on to a receipt that verifies', () =>
    reader({ user: 'dazu.steward' }, async (page) => {
      const day = today()
      const { people, receipt } = await report(day)
      await show(page, demo, `?view=tourism&from=${day}&to=${dayOf(Date.now() + 86_400_000)}&f=spot_id:in:${spot}`)
      await panelOf(page, 'spots').locator(`[data-figure=visitors][data-exact="${people}"]`).first().click()
      await page.getByRole('dialog', { name: '溯源' }).locator(`[data-submission="${receipt.submission}"]`).click()
      await page.getByRole('heading', { name: `提交 ${receipt.submission}` }).waitFor()
      assert.equal(new URL(page.url()).searchParams.get('id'), receipt.submission)
      await page.getByRole('button', { name: '验证回执' }).click()
      await page.getByText('验证通过').waitFor()
      await page.goBack()
      await panelOf(page, 'spots').waitFor()
    }))

  test('a click on a mark filters by it, a second one takes the filter away, and filters go along to other views', () =>
    reader({ user: 'dazu.viewer' }, async (page) => {
      const filters = () => new URL(page.url()).searchParams.getAll('f')
      /** Presses a mark twice, and looks at the address each time. */
      async function twice(what, press, filter) {
        await press()
        await eventually(() => filters().includes(filter), `${what}: ${filter}`)
        await settled(page)
        await page.locator('.chip-filter').waitFor()
        await press()
        await eventually(() => filters().length === 0, `${what}: taken away again`)
        await settled(page)
      }
      await show(page, demo, '?view=overview')
      const tile = panelOf(page, 'load').locator('.tile', { has: page.locator(`.tile-name`) }).first().locator('.tile-name')
      const named = (await tile.textContent()).trim()
      await tile.click()
      await eventually(() => filters().length === 1, 'a tile filters')
      assert.match(filters()[0], /^spot_id:in:\d{6}-S\d\d$/)
      await settled(page)
      await panelOf(page, 'load').locator('.tile-name', { hasText: named }).click()
      await eventually(() => filters().length === 0, 'and the same tile once more takes it away')
      await settled(page)
      await twice('the name over a figure', () => panelOf(page, 'today').locator('.kpi-name', { hasText: '大足' }).first().click(), 'side:in:大足')
      await twice('a bar of a chart', () => clickColour(panelOf(page, 'visitors'), '--c1'), 'side:in:大足')
      await twice('a bar by the keys', async () => {
        await panelOf(page, 'visitors').locator('.chart-canvas').focus()
        await page.keyboard.press('ArrowRight')
        await page.keyboard.press('Enter')
      }, 'side:in:大足')
      await show(page, demo, '?view=tourism')
      await twice('a bar of a ranking', () => panelOf(page, 'spots').locator('.ranking-list li', { hasText: '宝顶山' }).locator('.ranking-fill').first().click(), 'spot_id:in:' + spot)
      await panelOf(page, 'spots').locator('.ranking-name', { hasText: '宝顶山' }).click()
      await page.locator('nav.side a', { hasText: '总览' }).click()
      await settled(page)
      assert.deepEqual(filters(), ['spot_id:in:' + spot])
      assert.equal(new URL(page.url()).searchParams.get('view'), 'overview')
      await page.locator('.chip-filter').click()
      await eventually(() => filters().length === 0, 'the chip takes it away')
    }))

  test("a filled template is checked in the sheet's own terms, comes back mended and is accepted; its receipt verifies, a forged one does not", () =>
    reader({ user: 'dazu.steward' }, async (page) => {
      await show(page, demo, '?view=catalogue')
      await page.locator('[data-dataset=tourism_flow] a').click()
      const template = await kept(page, () => page.getByRole('button', { name: '下载 Excel 模板' }).click())
      const sheet = '景区客流'
      assert.equal(sheetsOf(template).get(sheet)[0][0], '景区编号')
      const days = [3, 2, 1].map((n) => dayOf(Date.now() - n * 86_400_000))
      const rows = (middle) => days.map((d, i) => [spot, daySerial(d), 1440, '', i === 1 ? middle : 3000 + i])
      await page.locator('.desk-tabs a', { hasText: '报送' }).click()
      const choose = (name, buffer) => page.locator('.try-push .drop-file-input').setInputFiles({ name, mimeType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', buffer })
      await choose('客流.xlsx', filled(template, rows('二千人')))
      await page.getByRole('button', { name: '只检查，不提交' }).click()
      const errors = page.locator('.error-table tbody tr')
      await errors.first().waitFor()
      assert.equal(await errors.count(), 1)
      const told = await errors.first().textContent()
      for (const word of [sheet, 'E3', '入园人数', '二千人']) assert.ok(told.includes(word), told)
      const marked = await kept(page, () => page.getByRole('button', { name: '下载标好错误的工作簿' }).click())
      const [head, ...body] = sheetsOf(marked).get(sheet)
      const why = head.indexOf('错误原因')
      assert.ok(why > 0, head.join())
      assert.ok(body[1][why] && !body[0][why] && !body[2][why], 'beside the row that is wrong')
      await choose('客流-改正.xlsx', filled(template, rows(3001)))
      await page.getByRole('button', { name: '只检查，不提交' }).click()
      await page.getByText('检查通过，可以正式提交').waitFor()
      await page.getByRole('button', { name: '正式提交' }).click()
      await page.getByRole('button', { name: '验证回执' }).click()
      await page.locator('.receipt-card').getByText('验证通过').waitFor()
      const receipt = await kept(page, () => page.getByRole('button', { name: '下载回执' }).click())
      const own = JSON.parse(receipt)
      assert.equal(own.accepted, 3)

      await page.getByRole('link', { name: '打开这次提交' }).click()
      await page.getByRole('heading', { name: `提交 ${own.submission}` }).waitFor()
      await page.getByRole('link', { name: '全部提交' }).click()
      await page.locator(`[data-submission="${own.submission}"]`).waitFor()
      await page.getByText('验证别处收到的回执').click()
      const hand = (name, text) => page.locator('.submissions-check .drop-file-input').first().setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) })
      const verdict = page.locator('.submissions-check .verdict')
      await hand('forged.receipt.json', receipt.toString().replace(/"accepted":\s*3/, '"accepted":4').replace(/"received":\s*3/, '"received":4'))
      await verdict.filter({ hasText: '验证不通过' }).waitFor()
      assert.match(await verdict.textContent(), /接收|收到/)
      await hand('own.receipt.json', receipt.toString())
      await verdict.filter({ hasText: '验证通过' }).waitFor()
      const others = await (await as('ziyang.steward'))('/v1/submissions?limit=50')
      const foreign = others.submissions.find((s) => s.agency === demo.users['ziyang.steward'].agency)
      const { text } = await (await as('ziyang.steward'))(`/v1/submissions/${foreign.submission}/proof`, { raw: true })
      await hand('ziyang.receipt.json', text)
      await verdict.filter({ hasText: foreign.submission }).filter({ hasText: '验证通过' }).waitFor()
    }))

  test('the top bar says as of when the picture is, up to which submission, and who reported last', () =>
    reader({ user: 'dazu.viewer' }, async (page) => {
      await show(page, demo, '?view=tourism&panel=spots')
      await page.locator('.fresh[data-status=live]').waitFor()
      const { receipt } = await report(today())
      const bar = page.locator('.fresh')
      await eventually(async () => Number(/#(\d+)/.exec(await bar.innerText())?.[1] ?? 0) >= receipt.sequence, 'the bar has come up to the push')
      assert.match(await bar.innerText(), /截至 \d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}/)
      assert.match(await bar.innerText(), /最近：大足区文化和旅游发展委员会/)
    }))

  test('what a figure is compared with is the same question of the year, or of the period, before', () =>
    reader({ user: 'dazu.analyst' }, async (page) => {
      const api = await as('dazu.analyst')
      for (const [compare, from, to] of [['previous_year', '2025-10-01', '2025-10-08'], ['previous_period', '2026-09-24', '2026-10-01']]) {
        await show(page, demo, `?view=tourism&panel=spots&from=2026-10-01&to=2026-10-08&compare=${compare}`)
        await panelOf(page, 'spots').getByRole('button', { name: '表', exact: true }).click()
        const shown = (await figuresOn(page)).filter((f) => f.figure === 'visitors_previous').map((f) => f.exact)
        const before = await api('/v1/query', { json: { metrics: ['visitors'], dimensions: ['spot_id'], time: { from, to } } })
        assert.ok(shown.length > 10, `${shown.length} figures`)
        assert.deepEqual([...shown].sort(), before.rows.map((r) => String(r[1])).sort(), compare)
      }
    }))

  test('a note on a date is taken from the page, stands on the charts at its day, and is retracted with a reason', () =>
    reader({ user: 'dazu.steward' }, async (page) => {
      const text = '龙舟表演' + (Date.now() % 100_000)
      const day = dayOf(Date.now() - 2 * 86_400_000)
      await show(page, demo, '?view=tourism&panel=visitors&range=7d&compare=none')
      await page.getByRole('button', { name: '备注' }).click()
      await page.getByLabel('日期', { exact: true }).fill(day)
      await page.getByLabel('内容', { exact: false }).fill(text)
      await page.getByRole('button', { name: '添加', exact: true }).click()
      await page.locator('.notes li', { hasText: text }).waitFor()
      await page.keyboard.press('Escape')
      await settled(page)
      const chart = panelOf(page, 'visitors').locator('.echart')
      const told = async () => (await page.locator('.chart-tip').allInnerTexts()).join(' ')
      await eventually(async () => {
        await chart.focus()
        await chart.press('ArrowRight')
        return (await told()).includes(text)
      }, 'the note is told at its day')
      assert.ok((await told()).includes(day.slice(5)), await told())
      await page.getByRole('button', { name: '备注' }).click()
      await page.locator('.notes li', { hasText: text }).getByRole('button', { name: '撤回' }).click()
      await page.getByLabel('事由', { exact: true }).fill('写错了日期')
      await page.getByRole('button', { name: '撤回', exact: true }).click()
      await eventually(async () => (await page.locator('.notes li', { hasText: text }).count()) === 0, 'it is gone')
      const ask = await as('dazu.steward')
      await eventually(async () => (await ask('/v1/datasets/date_note/records?history=true&limit=1000')).records.some((r) => r.text === text), 'nothing is erased; the history follows within seconds')
    }))

  test('exports say what they are of, as of when and for whom, and hold the values of the API', () =>
    reader({ user: 'dazu.analyst' }, async (page) => {
      await page.addInitScript(() => {
        window.__written = []
        const write = CanvasRenderingContext2D.prototype.fillText
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
          window.__written.push(String(text))
          return write.call(this, text, ...rest)
        }
      })
      const asOf = dayOf(Date.parse(demo.firstUntil), 19) + '+08:00'
      const asked = page.waitForRequest((r) => r.url().includes('/v1/queries'))
      await show(page, demo, `?view=tourism&range=7d&f=region:in:500111&as_of=${encodeURIComponent(asOf)}`)
      const { queries } = (await asked).postDataJSON()
      const query = queries.find((q) => q.id === 'spots').query
      assert.equal(query.as_of, asOf)
      const answer = await (await as('dazu.analyst'))('/v1/query', { json: query })
      const visitors = answer.columns.findIndex((c) => c.name === 'visitors')
      const values = answer.rows.map((r) => String(r[visitors]))
      assert.ok(values.length > 2)
      const who = (text) => {
        for (const word of ['500111', 'dazu.analyst', asOf.slice(0, 10)]) assert.ok(text.includes(word), `${word} is not in ${text.slice(0, 1500)}`)
      }

      const csv = (await kept(page, () => moreOf(page, 'spots', 'CSV'))).toString('utf8')
      who(csv)
      for (const [i, r] of answer.rows.entries()) assert.ok(csv.split('\n').some((l) => l.includes(String(r[0])) && l.includes(values[i])), csv)

      const book = sheetsOf(await kept(page, () => moreOf(page, 'spots', 'Excel')))
      who([...book.values()].flat(2).join(' '))
      const [names, ...rows] = [...book.values()][0]
      assert.equal(rows.length, values.length)
      const column = names.findIndex((n) => n.includes('客流') || n.includes('人次'))
      assert.deepEqual(rows.map((r) => String(Number(r[column]))), values.map((v) => String(Number(v))), names.join())

      await page.evaluate(() => (window.__written.length = 0))
      const png = await kept(page, () => moreOf(page, 'visitors', 'PNG'))
      assert.equal(png.toString('latin1', 1, 4), 'PNG')
      assert.ok(png.readUInt32BE(16) > 300 && png.readUInt32BE(20) > 200)
      who((await page.evaluate(() => window.__written)).join(' '))

      const whole = sheetsOf(await kept(page, () => page.getByRole('button', { name: '导出本页 Excel' }).click()))
      assert.equal(whole.size, queries.length + 1, [...whole.keys()].join())
      const notes = whole.get('说明')
      who(notes.flat().join(' '))
      const ranking = [...whole].find(([name]) => name.includes('排行'))[1]
      assert.deepEqual(ranking.slice(1).map((r) => String(Number(r[column]))), values.map((v) => String(Number(v))))
    }))

  test('a long table prints over pages under its header, with range, filters, moment and reader on it', () =>
    reader({ user: 'dazu.analyst' }, async (page) => {
      await show(page, demo, '?view=explore&metrics=visitors,peak_in_park&dims=spot_id,spot_name&grain=day&range=30d&chart=table&f=region:in:500111&mode=print')
      await page.locator('main .data-table').waitFor()
      await page.emulateMedia({ media: 'print' })
      const head = await page.locator('.print-head').textContent()
      for (const word of [today(), '行政区划', '500111', '截至', '#', 'dazu.analyst']) assert.ok(head.includes(word), `${word}: ${head}`)
      const style = await page.evaluate(() => ({ head: getComputedStyle(document.querySelector('main thead')).display, row: getComputedStyle(document.querySelector('main tbody tr')).breakInside, wrap: getComputedStyle(document.querySelector('main .table-wrap')).maxHeight, buttons: [...document.querySelectorAll('.no-print, .panel-tools')].filter((e) => e.offsetParent !== null).length }))
      assert.deepEqual(style, { head: 'table-header-group', row: 'avoid', wrap: 'none', buttons: 0 })
      const pdf = (await page.pdf({ format: 'A4' })).toString('latin1')
      assert.ok((pdf.match(/\/Type\s*\/Page\b(?!s)/g) ?? []).length >= 2, 'it goes over pages')
    }))

  test('the keys alone do it all: log in, a chart as a table, a filter, an export, 溯源 and back; the focus is always seen', () =>
    reader({}, async (page) => {
      await page.goto(demo.url + '/?view=tourism&range=7d')
      await page.locator('input[name=user]').waitFor()
      await page.keyboard.type('dazu.steward')
      await page.keyboard.press('Tab')
      await page.keyboard.type(demo.users['dazu.steward'].password)
      await page.keyboard.press('Enter')
      await panelOf(page, 'spots').waitFor()
      await settled(page)
      const focus = (selector) => pressUntil(page, 'Tab', selector)

      await focus('.bar-pick button')
      await page.keyboard.press('Enter')
      await page.locator('.menu-choices [role=option]').first().waitFor()
      await focus('.menu-choices [role=option]')
      await page.keyboard.press('Enter')
      await eventually(() => new URL(page.url()).searchParams.getAll('f').length === 1, 'Enter chooses')
      await page.keyboard.press('Escape')
      assert.equal(await page.locator('.menu-choices').count(), 0)
      assert.equal(await revealed(page, '.bar-pick button'), true, 'the focus is back on what opened the list')
      await settled(page)

      await focus('[data-panel=visitors] .panel-tools [aria-pressed]')
      await page.keyboard.press('Enter')
      await panelOf(page, 'visitors').locator('.data-table').waitFor()
      await focus('[data-panel=visitors] [aria-haspopup]')
      await page.keyboard.press('Enter')
      await focus('[data-panel=visitors] .menu li:nth-child(2) button')
      const csv = await kept(page, () => page.keyboard.press('Enter'))
      assert.ok(csv.length > 100)
      assert.equal(await revealed(page, '[data-panel=visitors] [aria-haspopup]'), true)
      await page.keyboard.press('Enter')
      await panelOf(page, 'visitors').locator('.menu').waitFor()
      await page.keyboard.press('Escape')
      assert.equal(await panelOf(page, 'visitors').locator('.menu').count(), 0)
      assert.equal(await revealed(page, '[data-panel=visitors] [aria-haspopup]'), true)

      await focus('[data-panel=visitors] td .figure:not(.figure-still)')
      await page.keyboard.press('Enter')
      const drawer = page.getByRole('dialog', { name: '溯源' })
      await drawer.locator('[data-submission]').first().waitFor()
      await focus('.drawer [data-submission]')
      for (let i = 0; i < 30; i++) await page.keyboard.press('Tab')
      assert.ok(await page.evaluate(() => document.activeElement.closest('.drawer') !== null), 'the focus stays in the drawer')
      await page.keyboard.press('Escape')
      await drawer.waitFor({ state: 'detached' })
      assert.equal(await revealed(page, '[data-panel=visitors] td .figure'), true, 'and is back on the figure')
      await page.keyboard.press('Enter')
      await focus('.drawer [data-submission]')
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: '验证回执' }).waitFor()
      await page.goBack() // a browser without a window has no key for it
      await panelOf(page, 'visitors').waitFor()
      await settled(page)
      await focus('[data-panel=visitors] .chart-canvas')
      await page.keyboard.press('ArrowRight')
      await eventually(async () => /\d/.test(await panelOf(page, 'visitors').locator('.chart-spoken').textContent()), 'the chart is walked over by the arrows')
    }))

  test('answers that fail once leave the old picture, marked, and come back; a first load that fails says so and can be tried again', () =>
    reader({ user: 'dazu.viewer' }, async (page) => {
      await show(page, demo, '?view=overview')
      const before = (await figuresOn(page)).filter((f) => f.panel === 'visitors' || f.panel === 'load')
      const unwell = { status: 503, contentType: 'application/problem+json', headers: { 'Retry-After': '1' }, body: JSON.stringify({ type: 'https://zida.invalid/problems/overloaded', title: '繁忙', status: 503, detail: '请稍后重试' }) }
      await page.route('**/v1/queries*', (r) => r.fulfill(unwell), { times: 1 })
      await report(dayOf(Date.now() - 40 * 86_400_000)) // makes the page ask again
      await panelOf(page, 'load').locator('.chip-warn', { hasText: '未能更新' }).waitFor()
      assert.deepEqual((await figuresOn(page)).filter((f) => f.panel === 'visitors' || f.panel === 'load'), before, 'the old figures stay')
      assert.ok(await panelOf(page, 'load').evaluate((e) => e.classList.contains('panel-old')))
      await settled(page)
      assert.equal(await page.locator('.chip-warn', { hasText: '未能更新' }).count(), 0)

      let failing = true
      await page.route('**/v1/queries*', (r) => (failing ? r.fulfill({ status: 500, contentType: 'text/plain', body: 'no' }) : r.continue()))
      await page.goto(demo.url + '/?view=tourism')
      const panel = panelOf(page, 'spots')
      await panel.locator('.state-error').waitFor()
      assert.equal(await panel.getAttribute('data-state'), 'error')
      failing = false
      await panel.getByRole('button', { name: '重试' }).click()
      await page.locator('[data-panel=spots][data-state=data]').waitFor()
    }))

  test('a wall left open asks for the new day at midnight, and for the new month, without a reload', () =>
    reader({ user: 'dazu.viewer', size: 'wall', clock: lastEvenings()[0] }, async (page) => {
      const asked = []
      page.on('request', (r) => r.url().includes('/v1/queries') && asked.push(...r.postDataJSON().queries))
      await show(page, demo, '?view=overview&mode=wall')
      await page.evaluate(() => (document.documentElement.dataset.same = 'yes'))
      for (const evening of lastEvenings()) {
        await page.clock.setSystemTime(evening)
        const day = dayOf(evening)
        const next = dayOf(evening + 86_400_000)
        asked.length = 0
        await page.clock.fastForward(70_000)
        const time = await eventually(() => asked.findLast((q) => q.id === 'today' && q.query.time.from === next)?.query.time, `the day after ${day} is asked for`)
        assert.equal(time.to, dayOf(evening + 2 * 86_400_000))
        assert.ok(asked.some((q) => q.id === 'visitors' && q.query.time.to === time.to), 'and so do the thirty days')
        await settled(page)
        await eventually(async () => (await page.locator('.wall-clock').textContent()).startsWith(next), 'the clock of the wall')
      }
      assert.equal(await page.evaluate(() => document.documentElement.dataset.same), 'yes')
      // The month's panel of the wall's view, alone.
      const evening = lastEvenings()[1]
      await page.clock.setSystemTime(evening)
      await show(page, demo, '?view=overview&mode=wall&panel=net')
      asked.length = 0
      await page.clock.fastForward(70_000)
      const time = await eventually(() => asked.findLast((q) => q.id === 'net' && q.query.time.from === dayOf(evening + 86_400_000))?.query.time, 'the new month is asked for')
      assert.match(time.from, /-01$/)
      assert.match(time.to, /-01$/)
    }))

  test("a machine that an admin registers as a wall looks on with its own right when the person's session is over", () =>
    reader({ user: 'dazu.admin', size: 'wall' }, async (page, { context }) => {
      await show(page, demo, '?view=overview')
      await page.locator('.account button').first().click()
      await page.getByRole('button', { name: '登记本机为大屏' }).click()
      await page.getByText('已登记：本机的大屏').waitFor()
      await page.getByRole('button', { name: '大屏', exact: true }).click()
      await page.locator('.wall-head').waitFor()
      await settled(page)
      const [cookie] = (await context.cookies()).filter((c) => c.name === 'zida_session')
      const ended = await fetch(demo.url + '/v1/session', { method: 'DELETE', headers: { Cookie: `zida_session=${cookie.value}` } })
      assert.equal(ended.status, 204)
      await context.clearCookies()
      const { people } = await report(today())
      await eventually(async () => (await figuresOn(page)).some((f) => f.figure === 'visitors' && Number(f.exact) >= people), 'it is live')
      await page.reload()
      await page.locator('.wall-head').waitFor()
      await settled(page)
      assert.ok((await page.locator('[data-panel][data-state=data]').count()) > 2)
      const wall = (await (await as('dazu.admin'))('/v1/admin/clients')).clients.findLast((c) => c.name === '大屏')
      assert.deepEqual([...wall.scopes].sort(), ['query', 'read:*'])
      await page.getByRole('button', { name: '退出大屏' }).click()
      await page.locator('input[name=user]').waitFor() // nobody is logged in on it
    }))

  test('a wall keeps its picture, marked, while the hub is away, and is live again by itself', () =>
    reader({ user: 'ziyang.viewer', size: 'wall' }, async (page) => {
      await show(page, demo, '?view=tourism&mode=wall')
      await page.evaluate(() => (document.documentElement.dataset.same = 'yes'))
      const before = await figuresOn(page)
      await demo.halt()
      await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
      await page.locator('.wall-head [data-status=stale]').waitFor()
      assert.deepEqual(await figuresOn(page), before, 'the old picture stays')
      await demo.resume()
      await page.locator('.wall-head [data-status=live]').waitFor({ timeout: 60_000 })
      sessions.clear()
      const was = JSON.stringify(await figuresOn(page))
      await report(today())
      await eventually(async () => JSON.stringify(await figuresOn(page)) !== was, 'what is pushed then arrives')
      await settled(page)
      assert.equal(await page.evaluate(() => document.documentElement.dataset.same), 'yes', 'without a reload')
    }))
}

/** Half a minute before midnight in Shanghai: of the last but one day of this month, and of the last. */
function lastEvenings() {
  const [y, m] = dayOf(Date.now()).split('-').map(Number)
  const first = Date.UTC(y, m, 1) - 8 * 3_600_000 // of the next month
  return [first - 86_400_000 - 30_000, first - 30_000]
}

/** Clicks in the middle of what a chart has drawn in a colour of the page. */
async function clickColour(panel, name) {
  const at = await panel.locator('canvas').first().evaluate((canvas, name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim()
    const want = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))
    const { width, height } = canvas
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height)
    // The tallest run of the colour is a bar, and not its mark in the legend.
    let best = { size: 0 }
    for (let x = 0; x < width; x += 2) {
      for (let y = 0, run = 0; y < height; y++) {
        const i = (y * width + x) * 4
        run = want.every((v, c) => Math.abs(data[i + c] - v) < 8) ? run + 1 : 0
        if (run > best.size) best = { size: run, x, y: y - run / 2 }
      }
    }
    const box = canvas.getBoundingClientRect()
    return best.size < 4 ? null : { x: (best.x / width) * box.width, y: (best.y / height) * box.height }
  }, name)
  assert.ok(at, `nothing is drawn in ${name}`)
  await panel.locator('canvas').first().click({ position: at })
}
