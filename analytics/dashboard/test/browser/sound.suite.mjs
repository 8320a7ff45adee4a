// Every view in every language, theme and size and with every role's eyes: nothing cut off,
// nothing blank, nothing that somebody cannot read, no request elsewhere. By default a
// covering set of pairs; ZIDA_UI=all takes every view in every language, theme and size, the
// eight readers in turn, so that every view is also seen by every one of them.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { open, show, sizes, sound } from './browser.mjs'
import { apiSession } from './hub.mjs'
import { allPairs, product } from './pairs.mjs'

const classes = ['public', 'internal', 'sensitive', 'core']
const all = process.env.ZIDA_UI === 'all'

export async function suite({ demo, browser }) {
  const { views } = await (await apiSession(demo, 'dazu.admin'))('/v1/views')
  const byName = new Map(views.map((v) => [v.view, v]))
  const declared = views.filter((v) => !v.generated).map((v) => v.view)
  const generated = views.find((v) => v.generated)
  assert.ok(declared.length > 0 && generated, 'the demo has declared views and a generated one')

  // What the address holds beside language and theme.
  const addresses = {
    ...Object.fromEntries([...declared, generated.view].map((v) => [v, `view=${v}`])),
    'explore from the start': 'view=explore',
    explore: 'view=explore&metrics=visitors&dims=spot_id&grain=day&range=30d&chart=line',
    submissions: 'view=submissions',
    catalogue: 'view=catalogue',
    dataset: 'view=catalogue&id=tourism_flow',
    quality: 'view=quality',
    admin: 'view=admin',
  }
  const looks = { view: Object.keys(addresses), lang: ['zh', 'en'], theme: ['light', 'dark'], size: Object.keys(sizes) }
  const readers = { side: ['dazu', 'ziyang'], role: ['viewer', 'analyst', 'steward', 'admin'] }
  const cases = all ? inTurn(product(looks), product(readers)) : allPairs({ view: looks.view, role: readers.role, size: looks.size, side: readers.side, lang: looks.lang, theme: looks.theme })
  // One context a reader, whose window and address change.
  cases.sort((a, b) => (a.side + a.role).localeCompare(b.side + b.role))
  const audited = new Set()
  let reader = null
  after(() => reader?.close())

  for (const c of cases) {
    const user = `${c.side}.${c.role}`
    const wall = c.size === 'wall' && byName.get(c.view)?.panels.some((p) => p.wall)
    const where = [c.view, c.lang, c.theme, wall ? 'wall' : c.size, user].join(' ')
    test(where, async () => {
      if (reader?.user !== user) {
        await reader?.close()
        reader = null
        reader = { ...(await open(browser, demo, { user })), user }
        reader.may = await rightsOf(reader.page, demo)
      }
      const { page, faults } = reader
      faults.length = 0
      await page.setViewportSize(sizes[c.size])
      await show(page, demo, `?${addresses[c.view]}&lang=${c.lang}&theme=${c.theme}${wall ? '&mode=wall' : ''}`)
      // The checker looks at colours, names and structure, which a role does not change.
      const seen = [c.view, c.theme, c.size, ...(all ? [c.lang] : [])].join(' ')
      await sound(page, faults, where, { axe: !audited.has(seen) })
      audited.add(seen)

      const found = await page.evaluate(() => ({
        lang: document.documentElement.lang,
        dark: document.documentElement.classList.contains('dark'),
        heading: document.querySelector('h1')?.textContent.trim() ?? '',
        failed: [...document.querySelectorAll('.state-error')].map((e) => e.textContent.trim()),
        forbidden: document.querySelector('main > .state-forbidden') !== null,
        panels: [...document.querySelectorAll('[data-panel]')].map((p) => ({
          id: p.dataset.panel,
          state: p.dataset.state,
          figures: [...p.querySelectorAll('[data-figure]')].filter((f) => f.dataset.exact !== '').length + p.querySelectorAll('.echart').length,
          words: p.textContent,
        })),
      }))
      assert.equal(found.lang, c.lang === 'en' ? 'en' : 'zh-CN')
      assert.equal(found.dark, c.theme === 'dark')
      assert.notEqual(found.heading, '')
      assert.deepEqual(found.failed, [])
      // Administration is for stewards, who see the audit, and admins.
      assert.equal(found.forbidden, c.view === 'admin' && (c.role === 'viewer' || c.role === 'analyst'))
      const view = reader.may.views.get(c.view)
      if (view) {
        const wanted = view.panels.filter((p) => !wall || p.wall).map((p) => p.id)
        assert.deepEqual(found.panels.map((p) => p.id), wanted)
        for (const { id, state, figures, words } of found.panels) {
          if (reader.may.see(view.panels.find((p) => p.id === id))) assert.ok(state === 'data' || state === 'empty', `${id}: ${state}`)
          else {
            assert.equal(figures, 0, `${id} shows what ${user} may not see`)
            assert.match(words, c.lang === 'en' ? /hidden|may not see/i : /无权|没有权限/, id)
          }
        }
      }
      if (c.view === 'explore') assert.deepEqual(found.panels.map((p) => p.state), ['data'])
    })
  }
}

/** Gives every look a reader, each view's in their turn. */
function inTurn(looks, readers) {
  const given = new Map()
  return looks.map((look) => {
    const n = given.get(look.view) ?? 0
    given.set(look.view, n + 1)
    return { ...look, ...readers[n % readers.length] }
  })
}

/** What a reader may see of each panel: its dataset, and at least one figure within the clearance. */
async function rightsOf(page, demo) {
  const get = async (path) => (await page.request.get(demo.url + path)).json()
  const [{ views }, { metrics }, { clearance }] = await Promise.all(['/v1/views', '/v1/metrics', '/v1/session'].map(get))
  const classOf = new Map(metrics.map((m) => [m.name, m.classification]))
  const clear = (name) => classes.indexOf(classOf.get(name)) <= classes.indexOf(clearance)
  return {
    views: new Map(views.map((v) => [v.view, v])),
    see: (panel) => panel.readable !== false && (!panel.metrics?.length || panel.metrics.some(clear)),
  }
}
