// How fast the page is, measured on the shipped program's demo in a real browser: what the
// first load weighs, when the page can be used on a slow machine, whether a chart of many
// points follows the pointer, and how often a view asks. `node speed.mjs [--json FILE]`.
import { writeFile } from 'node:fs/promises'
import { open, settled, show, startBrowser } from './browser/browser.mjs'
import { startDemo } from './browser/hub.mjs'

const user = 'dazu.analyst'
const runs = 5
const slower = 4
const budget = 350 * 1024
const hoverMillis = 3000
const manyPoints = 50_000
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]

const demo = await startDemo()
const { browser, stop } = await startBrowser()
let result
try {
  result = { first_load: await firstLoad(), interactive_ms: await interactive(), hover: await hover(), queries_per_view: await asks() }
} finally {
  await stop()
  await demo.stop()
}
print(result)
const at = process.argv.indexOf('--json')
if (at > 0) await writeFile(process.argv[at + 1], JSON.stringify(result, null, 2) + '\n')

/** Bytes over the wire with an empty cache, until every panel shows what it has. */
async function firstLoad() {
  const { page, context, close } = await open(browser, demo, { user })
  const cdp = await context.newCDPSession(page)
  await cdp.send('Network.enable')
  const loads = new Map()
  cdp.on('Network.requestWillBeSent', (e) => loads.set(e.requestId, { url: e.request.url, kind: e.type, bytes: 0 }))
  cdp.on('Network.loadingFinished', (e) => loads.has(e.requestId) && (loads.get(e.requestId).bytes = e.encodedDataLength))
  await show(page, demo, '?view=overview&theme=light')
  await close()
  const total = { page: 0, charts: 0, data: 0 }
  for (const l of loads.values()) {
    const path = new URL(l.url).pathname
    if (!l.url.startsWith(demo.url)) continue
    total[path.startsWith('/v1/') ? 'data' : /\/echarts-[^/]*\.js$/.test(path) ? 'charts' : 'page'] += l.bytes
  }
  return { requests: loads.size, page_bytes: total.page, data_bytes: total.data, charts_bytes: total.charts, budget_bytes: budget, within: total.page <= budget }
}

/** From navigation until a click on another view is answered by the page, with a slowed processor. */
async function interactive() {
  const times = { cold: [], warm: [] }
  const { page, context, close } = await open(browser, demo, { user })
  await page.addInitScript(() => {
    let clicked = false
    const look = () => {
      const link = document.querySelector('.top ~ .under .side a[href*="view=projects"]')
      if (link?.getAttribute('aria-current') === 'page') {
        window.__usable = performance.now()
        return
      }
      if (link && !clicked) {
        clicked = true
        link.click()
      }
      requestAnimationFrame(look)
    }
    requestAnimationFrame(look)
  })
  const cdp = await context.newCDPSession(page)
  await cdp.send('Network.enable')
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: slower })
  for (const cache of ['cold', 'warm']) {
    for (let i = 0; i < runs; i++) {
      if (cache === 'cold') await cdp.send('Network.clearBrowserCache')
      await page.goto(demo.url + '/?view=overview', { waitUntil: 'commit' })
      await page.waitForFunction(() => window.__usable, null, { timeout: 60_000 })
      times[cache].push(Math.round(await page.evaluate(() => window.__usable)))
      await settled(page)
    }
  }
  await close()
  return { slower, cold: median(times.cold), warm: median(times.warm), runs: times }
}

/** Frames while the pointer moves over a line chart of many points. */
async function hover() {
  const { page, close } = await open(browser, demo, { user })
  let points = 0
  // The demo has some months of hours; the hub's answer is repeated in earlier months until
  // there are as many points as a chart should bear.
  await page.route('**/v1/queries*', async (route) => {
    const response = await route.fetch()
    const said = await response.json()
    const { columns, rows } = said.answers[0].answer
    const time = columns.findIndex((c) => c.name === 'time')
    const at = rows.map((r) => Date.parse(r[time]))
    const span = at.reduce((m, n) => Math.max(m, n)) - at.reduce((m, n) => Math.min(m, n)) + 3_600_000
    const given = [...rows]
    for (let back = 1; rows.length < manyPoints; back++) given.forEach((r, i) => rows.push(r.with(time, new Date(at[i] - back * span + 8 * 3_600_000).toISOString().slice(0, 19) + '+08:00')))
    points = rows.length
    await route.fulfill({ response, json: said })
  })
  await show(page, demo, '?view=explore&metrics=visitors&dims=spot_id&grain=hour&range=all&limit=50000&chart=line&theme=light')
  const chart = page.locator('.echart').first()
  await chart.scrollIntoViewIfNeeded()
  const box = await chart.boundingBox()
  await page.evaluate(() => {
    window.__frames = []
    const frame = (t) => {
      window.__frames.push(t)
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })
  const end = Date.now() + hoverMillis
  for (let i = 0; Date.now() < end; i++) {
    const way = (i % 400) / 200
    await page.mouse.move(box.x + box.width * (0.1 + 0.8 * (way < 1 ? way : 2 - way)), box.y + box.height * (0.4 + 0.1 * Math.sin(i / 15)))
  }
  const frames = await page.evaluate(() => window.__frames)
  await close()
  const gaps = frames.slice(1).map((t, i) => t - frames[i]).sort((a, b) => a - b)
  const round = (n) => Math.round(n * 100) / 100
  return { points, frames: gaps.length, share_within_17_5_ms: round(gaps.filter((g) => g <= 17.5).length / gaps.length), p95_ms: round(gaps[Math.floor(gaps.length * 0.95)]), worst_ms: round(gaps.at(-1)) }
}

/** How many times each view asks until it is there. */
async function asks() {
  const { page, close } = await open(browser, demo, { user })
  const { views } = await (await page.request.get(demo.url + '/v1/views')).json()
  const counts = {}
  for (const v of views.filter((x) => !x.generated)) {
    counts[v.view] = 0
    const count = (r) => r.method() === 'POST' && r.url().includes('/v1/queries') && counts[v.view]++
    page.on('request', count)
    await show(page, demo, `?view=${v.view}`)
    page.off('request', count)
  }
  await close()
  return counts
}

function print(r) {
  const kib = (n) => (n / 1024).toFixed(1) + ' KiB'
  const rows = [
    ['first load, without the chart library', kib(r.first_load.page_bytes), `at most ${kib(budget)}: ${r.first_load.within ? 'yes' : 'NO'}`],
    ['the chart library, when first needed', kib(r.first_load.charts_bytes), ''],
    ['answers of the overview', kib(r.first_load.data_bytes), `${r.first_load.requests} requests in all`],
    [`usable, processor ${slower}x slower, empty cache`, r.interactive_ms.cold + ' ms', r.interactive_ms.runs.cold.join(' ')],
    [`usable, processor ${slower}x slower, filled cache`, r.interactive_ms.warm + ' ms', r.interactive_ms.runs.warm.join(' ')],
    [`pointer over ${r.hover.points} points, frames within 17.5 ms`, (r.hover.share_within_17_5_ms * 100).toFixed(0) + ' %', `p95 ${r.hover.p95_ms} ms, worst ${r.hover.worst_ms} ms, ${r.hover.frames} frames`],
    ['POST /v1/queries a view', String(Math.max(...Object.values(r.queries_per_view))), Object.entries(r.queries_per_view).map(([v, n]) => `${v} ${n}`).join(', ')],
  ]
  for (const [what, figure, more] of rows) console.log(what.padEnd(58) + figure.padStart(12) + '   ' + more)
}
