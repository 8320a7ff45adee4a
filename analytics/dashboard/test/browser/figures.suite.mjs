// Every figure on screen is held against what the hub answers to the same question asked by
// itself: through POST /v1/query, beside the browser, as the same user.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { open, show } from './browser.mjs'
import { apiSession } from './hub.mjs'

const user = 'dazu.analyst'
const numeric = ['integer', 'number', 'decimal']
const written = (v) => (v === null || v === undefined ? '' : String(v))

export async function suite({ demo, browser }) {
  const api = await apiSession(demo, user)
  const { views } = await api('/v1/views')
  const declared = views.filter((v) => !v.generated)
  let reader
  before(async () => (reader = await open(browser, demo, { user })))
  after(() => reader?.close())

  for (const [view, lang] of [...declared.map((v) => [v, 'zh']), [declared.find((v) => v.view === 'overview'), 'en']]) {
    test(`${view.view} ${lang}`, async () => {
      const { page } = reader
      const said = new Map()
      const hear = async (response) => {
        if (!response.url().includes('/v1/queries') || response.status() !== 200) return
        const { queries } = response.request().postDataJSON()
        const { answers } = await response.json()
        for (const q of queries) said.set(q.id, { ...q, reply: answers.find((a) => a.id === q.id) })
      }
      page.on('response', hear)
      await show(page, demo, `?view=${view.view}&lang=${lang}&theme=light`)
      page.off('response', hear)
      assert.deepEqual([...said.keys()], view.panels.filter((p) => p.readable !== false).map((p) => p.id), 'the page asks for each of its panels')
      for (const panel of view.panels) {
        const one = said.get(panel.id)
        if (!one) continue
        const at = `${view.view}.${panel.id}`
        const { answer } = one.reply
        assert.ok(answer, `${at}: ${JSON.stringify(one.reply.problem)}`)
        const alone = await askAlone(api, one)
        assert.deepEqual(named(answer), named(alone), `${at}: asked by itself, the hub answers otherwise`)
        await panelShows(page, panel, one, answer, at, lang)
      }
    })
  }
}

/** The same question without the page: POST /v1/query, and what has a call of its own by that. */
async function askAlone(api, one) {
  if (one.query) return api('/v1/query', { json: one.query })
  if (one.records) return records(api, one.records)
  const { answers } = await api('/v1/queries', { json: { queries: [{ id: one.id, freshness: {} }] } })
  return answers[0].answer
}

/** Rows by their columns' names; ages grow from one question to the next. */
function named({ columns, rows }) {
  return rows.map((r) => Object.fromEntries(columns.map((c, i) => [c.name, r[i] ?? null]).filter(([name, v]) => v !== null && name !== 'age_hours')))
}

/** The page's question for records, as GET /v1/datasets/{id}/records. */
async function records(api, q) {
  const search = new URLSearchParams({ limit: String(q.limit ?? 200) })
  if (q.fields) search.set('fields', q.fields.join(','))
  for (const f of q.filters ?? []) search.append('filter', `${f.dimension}:${f.op}:${f.values.join(',')}`)
  for (const name of ['from', 'to', 'as_of']) if (q[name]) search.set(name, q[name])
  const { records: rows } = await api(`/v1/datasets/${q.dataset}/records?${search}`)
  const names = [...new Set(rows.flatMap((r) => Object.keys(r)))]
  return { columns: names.map((name) => ({ name })), rows: rows.map((r) => names.map((n) => r[n] ?? null)) }
}

async function panelShows(page, panel, asked, answer, at, lang) {
  const root = page.locator(`[data-panel="${panel.id}"]`)
  const state = await root.getAttribute('data-state')
  const measured = answer.columns.map((c, i) => [c, i]).filter(([c]) => isMetric(asked, c))
  const nothing = answer.rows.length === 0 || (asked.query && measured.every(([c, i]) => c.masked === undefined && answer.rows.every((r) => r[i] === null)))
  assert.equal(state, nothing ? 'empty' : 'data', at)
  if (nothing) return

  // What is drawn by elements: no figure that the hub did not give, and none lost or doubled.
  const longer = root.locator('.ranking > button.link')
  if (await longer.count()) await longer.click()
  const shown = await root.evaluate((e) => [...e.querySelectorAll('.panel-body [data-figure]')].map((f) => ({ name: f.dataset.figure, exact: f.dataset.exact, total: f.closest('.matrix-total') !== null })))
  const cells = shown.filter((f) => !f.total).map((f) => `${f.name}=${f.exact}`)
  const expected = figuresOf(panel, asked, answer, measured)
  // Records are ordered and cut by the page.
  const cut = asked.records && panel.limit !== undefined && answer.rows.length > panel.limit
  if (cut) for (const c of cells) assert.ok(expected.splice(expected.indexOf(c), 1)[0] === c, `${at}: ${c} is not among the answer's`)
  else if (expected) assert.deepEqual(cells.sort(), expected.sort(), `${at}: figures on screen`)
  else assert.deepEqual(cells, [], `${at}: figures beside a canvas`)
  if (panel.chart === 'matrix') assert.deepEqual(shown.filter((f) => f.total).map((f) => f.exact), totalsOf(asked, answer, measured, shown), `${at}: totals`)

  // What is drawn on a canvas says its extremes in words, and all of it in its table.
  if (['line', 'bar', 'stacked'].includes(panel.chart)) {
    const labels = await root.locator('.echart').evaluateAll((list) => list.map((e) => e.getAttribute('aria-label')))
    for (const [i, words] of extremes(asked, answer, measured).entries()) {
      assert.ok(labels.some((l) => words.every((w) => l.includes(w))), `${at}: line ${i} ${words.join(' ')} in ${labels.join(' / ')}`)
    }
  }
  const twin = root.locator('.panel-tools button[aria-pressed]')
  if ((await twin.count()) === 0) return
  await twin.click()
  const table = await root.locator('table.data-table').evaluate((t) => ({
    head: [...t.tHead.rows[0].cells].length,
    rows: [...t.tBodies[0].rows].map((r) => [...r.cells].map((c) => ({ text: c.textContent.trim(), figure: c.querySelector('[data-figure]')?.dataset.figure, exact: c.querySelector('[data-figure]')?.dataset.exact }))),
  }))
  await twin.click()
  assert.equal(table.head, answer.columns.length, `${at}: columns of the table`)
  assert.equal(table.rows.length, answer.rows.length, `${at}: rows of the table`)
  for (const [i, c] of answer.columns.entries()) {
    const column = table.rows.map((r) => r[i])
    const values = answer.rows.map((r) => r[i])
    if (isMetric(asked, c)) {
      assert.deepEqual(column.map((x) => [x.figure, x.exact]), values.map((v) => [c.name, written(v)]), `${at}: table, ${c.name}`)
      if (c.type !== 'number' && !c.masked) assert.deepEqual(column.map((x) => x.text), values.map((v) => separated(v)), `${at}: table, ${c.name} as it is read`)
    } else {
      assert.deepEqual(column.map((x) => x.text === '—'), values.map((v) => v === null || v === ''), `${at}: table, ${c.name}`)
      assert.equal(new Set(column.map((x) => x.text)).size, new Set(values.map(written)).size, `${at}: table, names of ${c.name} in ${lang}`)
    }
  }
}

function isMetric(asked, column) {
  return asked.query?.metrics.includes(column.name.replace(/_(previous|change)$/, '')) ?? false
}

/** What a panel of elements shows of an answer; null for what is drawn on a canvas. */
function figuresOf(panel, asked, answer, measured) {
  const all = (columns) => answer.rows.flatMap((r) => columns.filter(([c, i]) => !c.name.endsWith('_change') || r[i] !== null).map(([c, i]) => `${c.name}=${written(r[i])}`))
  const own = measured.filter(([c]) => asked.query.metrics.includes(c.name))
  const dims = asked.query?.dimensions?.length ?? 0
  switch (panel.chart) {
    case 'kpi':
      return all(measured.filter(([c]) => c.name !== panel.limit_metric))
    case 'table':
      return all(measured)
    case 'ranking':
    case 'matrix':
      return all(own)
    case 'bullet':
    case 'tiles': // what is not reported is said in words
      return all(own).filter((x) => !x.endsWith('='))
    case 'flow': {
      // Nothing went between two places: that is no exchange. Within one place, none is shown either.
      const [from, to] = asked.query.dimensions.map((d) => answer.columns.findIndex((c) => c.name === d))
      const pair = (r) => [r[from], r[to]].sort().join()
      const size = new Map()
      for (const r of answer.rows) size.set(pair(r), (size.get(pair(r)) ?? 0) + Math.abs(Number(r[own[0][1]] ?? 0)))
      return answer.rows.filter((r) => size.get(pair(r)) > 0).flatMap((r) => own.map(([c, i]) => `${c.name}=${written(r[i])}`))
    }
    case 'freshness': {
      const age = answer.columns.findIndex((c) => c.name === 'age_hours')
      return answer.rows.map((r) => `age_hours=${written(r[age])}`)
    }
    case 'board':
    case 'list':
      return answer.rows.flatMap((r) => answer.columns.flatMap((c, i) => (isMetric(asked, c) || (numeric.includes(c.type) && r[i] !== null) ? [`${c.name}=${written(r[i])}`] : [])))
    case 'line':
    case 'bar':
    case 'stacked':
      return dims > 0 || asked.query.time?.grain ? null : all(measured)
    default:
      return null
  }
}

/** Sums of a matrix's rows and columns, worked out in whole cents, in the order they are shown in. */
function totalsOf(asked, answer, measured, shown) {
  if (!shown.some((f) => f.total)) return []
  const [down, across] = asked.query.dimensions.filter((d) => !d.endsWith('_name')).map((d) => answer.columns.findIndex((c) => c.name === d))
  return measured.filter(([c]) => asked.query.metrics.includes(c.name)).flatMap(([column, at]) => {
    const keys = (i) => [...new Set(answer.rows.map((r) => written(r[i])))].sort((a, b) => a.localeCompare(b))
    const total = (fits) => sum(answer.rows.filter(fits).map((r) => r[at]).filter((v) => v !== null), column.scale ?? 0)
    const rows = keys(down).map((k) => total((r) => written(r[down]) === k))
    const columns = keys(across).map((k) => total((r) => written(r[across]) === k))
    return [...rows, ...columns, total(() => true)].filter((t) => t !== null) // nothing known, no total
  })
}

function sum(values, scale) {
  if (values.length === 0) return null
  let cents = 0n
  for (const v of values) {
    const [whole, part = ''] = String(v).replace('-', '').split('.')
    const n = BigInt(whole + part.padEnd(scale, '0'))
    cents += String(v).startsWith('-') ? -n : n
  }
  const digits = String(cents < 0n ? -cents : cents).padStart(scale + 1, '0')
  return (cents < 0n ? '-' : '') + (scale ? digits.slice(0, -scale) + '.' + digits.slice(-scale) : digits)
}

function separated(v) {
  if (v === null) return '—'
  const [, sign, whole, part = ''] = /^(-?)(\d+)(\.\d+)?$/.exec(String(v))
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, ',') + part
}

/** First, last, least and most of the first lines, as their chart's words must hold them. */
function extremes(asked, answer, measured) {
  const first = measured.find(([c]) => asked.query.metrics.includes(c.name) && !c.masked)
  if (!first || first[0].type === 'number') return []
  const [, at] = first
  const time = answer.columns.findIndex((c) => c.name === 'time')
  const dims = asked.query.dimensions?.map((d) => answer.columns.findIndex((c) => c.name === d)) ?? []
  if (time < 0) return []
  const lines = new Map()
  for (const r of answer.rows) {
    const key = dims.map((d) => written(r[d])).join('|')
    if (!lines.has(key)) lines.set(key, [])
    if (r[at] !== null) lines.get(key).push([written(r[time]), r[at]])
  }
  return [...lines.values()].filter((l) => l.length > 0).slice(0, 4).map((l) => {
    const inTime = [...l].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, v]) => v)
    const inSize = [...inTime].sort((a, b) => Number(a) - Number(b))
    return [inTime[0], inTime.at(-1), inSize[0], inSize.at(-1)].map(separated)
  })
}
