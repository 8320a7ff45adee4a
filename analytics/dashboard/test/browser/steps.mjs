// Steps that several flows take.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'

/** 大足石刻·宝顶山 of the list of spots. */
export const spot = '500111-S01'

/** A moment's day in Shanghai, or more of it: 19 characters are its seconds. */
export function dayOf(millis, length = 10) {
  return new Date(millis + 8 * 3_600_000).toISOString().slice(0, length)
}

/** A day as a spreadsheet counts it. */
export function daySerial(day) {
  return Date.parse(day + 'T00:00:00Z') / 86_400_000 + 25_569
}

/** What look answers once it is something; fails with words when that takes too long. */
export async function eventually(look, what, patience = 30_000) {
  const until = Date.now() + patience
  for (;;) {
    const found = await look()
    if (found) return found
    assert.ok(Date.now() < until, `within ${patience / 1000} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const search = (page) => decodeURIComponent(new URL(page.url()).search)
export const panelOf = (page, id) => page.locator(`[data-panel="${id}"]`)

export async function logInByForm(page, user, password) {
  await page.locator('input[name=user]').fill(user)
  await page.locator('input[name=password]').fill(password)
  await page.locator('button[type=submit]').click()
}

/** The bytes of the file that an act makes the page hand over. */
export async function kept(page, act) {
  const [download] = await Promise.all([page.waitForEvent('download'), act()])
  return readFile(await download.path())
}

/** Chooses from a panel's menu. */
export async function moreOf(page, panel, entry) {
  await panelOf(page, panel).locator('[aria-haspopup]').click()
  await panelOf(page, panel).locator('.menu').getByText(entry, { exact: false }).click()
}

/** Whether the focus is on such an element, is drawn, and lies in the window. */
export function revealed(page, selector) {
  return page.evaluate((selector) => {
    const e = document.activeElement
    if (!e?.matches(selector)) return false
    const style = getComputedStyle(e)
    const box = e.getBoundingClientRect()
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 && box.bottom > 0 && box.top < innerHeight && box.width > 0
  }, selector)
}

/** Presses a key until the focus is on what is looked for; wherever it comes by it must be seen. */
export async function pressUntil(page, key, selector, most = 250) {
  for (let n = 0; n < most; n++) {
    await page.keyboard.press(key)
    const at = await page.evaluate((selector) => {
      const e = document.activeElement
      if (!e || e === document.body) return { unseen: '', found: false }
      const style = getComputedStyle(e)
      const box = e.getBoundingClientRect()
      const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 && box.bottom > 0 && box.top < innerHeight && box.width > 0
      return { unseen: seen ? '' : `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 30)}`, found: e.matches(selector) }
    }, selector)
    assert.equal(at.unseen, '', 'the focus is not seen on it')
    if (at.found) return
  }
  assert.fail(`${most} times ${key} do not lead to ${selector}`)
}
