// A real browser on the page, with an eye on what no page of ours may do: ask another host,
// break its own policy, fail in a script, or be unreadable to somebody.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const require = createRequire(import.meta.url)
const axeSource = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8')

export const sizes = {
  desk: { width: 1440, height: 900 },
  phone: { width: 360, height: 740 },
  wall: { width: 1920, height: 1080 },
}

export async function startBrowser() {
  const name = process.env.BROWSER ?? 'chromium'
  const executablePath = name.includes('/') ? name : execFileSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).trim()
  const profile = await mkdtemp(join(tmpdir(), 'zida-browser-'))
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--force-color-profile=srgb', `--disk-cache-dir=${profile}`],
  })
  return {
    browser,
    async stop() {
      await browser.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

/** A fresh context of one reader; faults collects everything that must not happen. */
export async function open(browser, demo, { user, size = 'desk', lang = 'zh', theme = 'light', clock } = {}) {
  const context = await browser.newContext({
    viewport: sizes[size],
    locale: lang === 'en' ? 'en-GB' : 'zh-CN',
    timezoneId: 'America/New_York', // the page's days are Shanghai's wherever it is opened
    colorScheme: theme,
    reducedMotion: 'reduce',
    acceptDownloads: true,
  })
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', (e) => faults.push('script: ' + e.message))
  page.on('console', (m) => {
    if (m.type() !== 'error') return
    const text = m.text()
    if (/Failed to load resource|net::ERR_|ERR_INCOMPLETE_CHUNKED/.test(text)) return // refusals are tested where they belong
    faults.push('console: ' + text)
  })
  page.on('request', (r) => {
    const u = r.url()
    if (!u.startsWith(demo.url + '/') && !u.startsWith('data:') && !u.startsWith('blob:')) faults.push('another origin: ' + u)
  })
  await page.addInitScript(() => {
    window.__violations = []
    document.addEventListener('securitypolicyviolation', (e) => window.__violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`))
  })
  if (clock) await page.clock.install({ time: clock })
  if (user) await logIn(page, demo, user)
  return { page, context, faults, close: () => context.close() }
}

/** The cookie of a session, without the form: the form has a test of its own. */
export async function logIn(page, demo, user) {
  const r = await page.request.post(demo.url + '/v1/session', { data: { user, password: demo.users[user].password } })
  assert.equal(r.status(), 201, `log-in of ${user}: ${await r.text()}`)
}

/** Opens an address of the page and waits until every panel has said what it is. */
export async function show(page, demo, address) {
  await page.goto(demo.url + '/' + address, { waitUntil: 'domcontentloaded' })
  await settled(page)
}

export async function settled(page) {
  await page.waitForFunction(() => {
    // A page's own module may still be on its way: then there is a heading and nothing else.
    if (!document.querySelector('main > :not(h1)')) return false
    if (document.querySelector('.state-loading')) return false
    return [...document.querySelectorAll('[data-panel]')].every((p) => p.dataset.state !== 'loading' && !p.classList.contains('panel-old'))
  }, null, { timeout: 60_000 })
  // Charts are drawn in the frames that follow.
  await page.waitForFunction(() => [...document.querySelectorAll('.echart')].every((e) => e.dataset.drawn === 'yes'), null, { timeout: 30_000 })
}

/** What holds of every page, in every language, theme and size. All that is wrong is said at once. */
export async function sound(page, faults, where, { axe = true } = {}) {
  const wrong = [...(await page.evaluate(() => window.__violations.map((v) => 'policy: ' + v))), ...faults, ...(await page.evaluate(layoutFaults)), ...(await blankCharts(page))]
  if (axe) wrong.push(...(await axeFaults(page)))
  assert.deepEqual(wrong, [], where)
}

/** In the page: what is wider than the window, and text that is cut off. */
function layoutFaults() {
  const root = document.documentElement
  const name = (e) => `${e.closest('[data-panel]')?.dataset.panel ?? ''} ${e.tagName.toLowerCase()}.${String(e.className).replaceAll(' ', '.')} "${e.textContent.trim().slice(0, 40)}"`
  const out = []
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.closest('.table-wrap, .scroll-x'))
    out.push(`wider than the window: ${root.scrollWidth} of ${root.clientWidth}`, ...wide.slice(0, 5).map((e) => `wide: ${name(e)} to ${Math.round(e.getBoundingClientRect().right)}`))
  }
  for (const e of document.querySelectorAll('.panel h2, .figure-text, .chip, .tool, button, th, .kpi-label')) {
    if (e.offsetParent !== null && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible') out.push(`cut off: ${name(e)}`)
  }
  // A figure outside of what clips it cannot be read, unless it can be scrolled to; a wall
  // cannot be scrolled, and what its boards hold beyond the edge is counted in their headings.
  const wall = root.dataset.mode === 'wall'
  const clips = (e) => ['hidden', 'clip'].includes(getComputedStyle(e).overflowX) || ['hidden', 'clip'].includes(getComputedStyle(e).overflowY)
  for (const e of document.querySelectorAll('main [data-figure]')) {
    const box = e.getBoundingClientRect()
    if (box.width === 0 || (wall && e.closest('.board'))) continue
    for (let up = e.parentElement; up && up.tagName !== 'MAIN'; up = up.parentElement) {
      const scrolls = /auto|scroll/.test(getComputedStyle(up).overflowY + getComputedStyle(up).overflowX)
      if (scrolls && !wall) break
      if (!scrolls && !clips(up)) continue
      const frame = up.getBoundingClientRect()
      if (box.right > frame.right + 1 || box.left < frame.left - 1 || box.bottom > frame.bottom + 1 || box.top < frame.top - 1) {
        out.push(`a figure is cut off: ${name(e)} by ${up.className}`)
        break
      }
    }
  }
  return out
}

async function axeFaults(page) {
  await page.evaluate(axeSource + ';0')
  return page.evaluate(async () => {
    // Nobody points at a wall.
    const rules = document.documentElement.dataset.mode === 'wall' ? { 'target-size': { enabled: false } } : {}
    const r = await window.axe.run(document, { rules, resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    return r.violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map((v) => `${v.id}: ${v.help} — ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`)
  })
}

/** Canvases whose points are all of one colour: a chart that says it has data and shows none. */
async function blankCharts(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll('[data-state="data"] canvas')].flatMap((c) => {
      if (c.width === 0 || c.height === 0) return [`blank: ${c.closest("[data-panel]")?.dataset.panel} has no size`]
      const pixels = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
      const seen = new Set()
      for (let i = 0; i < pixels.length && seen.size < 4; i += 4 * 7) if (pixels[i + 3] > 40) seen.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2])
      return seen.size < 3 ? [`blank: ${c.closest('[data-panel]')?.dataset.panel}: ${seen.size} colours`] : []
    }),
  )
}

/** Every figure on screen as the page holds it: { panel, figure, exact }. */
export function figuresOn(page) {
  return page.evaluate(() => [...document.querySelectorAll('[data-figure]')].map((e) => ({ panel: e.closest('[data-panel]')?.dataset.panel ?? '', figure: e.dataset.figure, exact: e.dataset.exact })))
}
