// The page in a real browser. Starting a demo takes longer than many of these tests, so one
// demo and one browser serve every suite: each `NAME.suite.mjs` exports `suite({ demo, browser })`,
// which registers its tests with node:test. ZIDA_SUITE=sound,flows runs some of them only.
import { existsSync } from 'node:fs'
import { after, describe } from 'node:test'
import { startBrowser } from './browser.mjs'
import { startDemo } from './hub.mjs'

// Flows push, restart and write: they come last, so that figures are compared on what the demo began with.
const names = ['sound', 'figures', 'walk', 'flows']
const wanted = process.env.ZIDA_SUITE?.split(',') ?? names
const suites = []
for (const name of names) {
  const file = new URL(`./${name}.suite.mjs`, import.meta.url)
  if (wanted.includes(name) && existsSync(file)) suites.push([name, (await import(file)).suite])
}

const demo = await startDemo()
let browser
try {
  browser = await startBrowser()
} catch (e) {
  await demo.stop()
  throw e
}

describe('the page', { concurrency: 1 }, () => {
  for (const [name, suite] of suites) describe(name, { concurrency: 1 }, () => suite({ demo, browser: browser.browser }))
  after(async () => {
    await browser.stop()
    await demo.stop()
  })
})
