// Starts the shipped program's demo for the page's tests: the real hub, journal and
// ClickHouse, on a free loopback port, in a directory that is removed afterwards.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
export const binary = process.env.ZIDA ?? join(root, 'bin', 'zida')
const patience = 240_000

/** Runs `zida demo`; resolves once it answers. stop ends it, restart ends and starts it on the same port and data. */
export async function startDemo() {
  const given = process.env.ZIDA_DEMO_DIR // a directory that is kept, for those who run one test again and again
  const dir = given ?? (await mkdtemp(join(tmpdir(), 'zida-page-')))
  const demo = { dir, url: '', users: {}, logins: [], firstUntil: '', child: null }
  // A run that is broken off leaves no hub behind.
  process.once('exit', () => demo.child?.kill('SIGKILL'))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  await run(demo, '127.0.0.1:0')
  // The moment of the first reports is told by the start that makes them alone.
  const moment = join(dir, 'first_reports_until')
  if (demo.firstUntil === '') demo.firstUntil = await readFile(moment, 'utf8')
  else await writeFile(moment, demo.firstUntil)
  demo.restart = async () => {
    await end(demo)
    await run(demo, new URL(demo.url).host)
  }
  demo.halt = () => end(demo)
  demo.resume = () => run(demo, new URL(demo.url).host)
  demo.stop = async () => {
    await end(demo)
    if (!given) await rm(dir, { recursive: true, force: true })
  }
  return demo
}

function run(demo, listen) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, ['demo', '--json', '--data', demo.dir, '--listen', listen], { stdio: ['ignore', 'pipe', 'pipe'], detached: false })
    demo.child = child
    let out = ''
    let err = ''
    const late = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the demo did not answer within ${patience / 1000} s:\n${err.slice(-2000)}`))
    }, patience)
    child.stderr.on('data', (d) => (err += d))
    child.stdout.on('data', (d) => {
      out += d
      if (!out.includes('\n')) return
      clearTimeout(late)
      let doc
      try {
        doc = JSON.parse(out.slice(0, out.indexOf('\n')))
      } catch {
        return
      }
      demo.url = doc.url
      demo.logins = doc.logins
      demo.firstUntil = doc.first_reports_until ?? demo.firstUntil
      demo.users = Object.fromEntries((doc.users ?? []).map((u) => [u.user, u]))
      resolve(demo)
    })
    child.on('exit', (code) => {
      clearTimeout(late)
      reject(new Error(`the demo ended with ${code}:\n${err.slice(-2000)}`))
    })
  })
}

function end(demo) {
  const child = demo.child
  demo.child = null
  if (!child || child.exitCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const hard = setTimeout(() => child.kill('SIGKILL'), 30_000)
    child.on('exit', () => {
      clearTimeout(hard)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

/** A session of the API beside the browser, for what the page shows to be held against. */
export async function apiSession(demo, user) {
  const response = await fetch(demo.url + '/v1/session', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user, password: demo.users[user].password }) })
  if (response.status !== 201) throw new Error(`log-in of ${user}: ${response.status} ${await response.text()}`)
  const cookie = response.headers.get('Set-Cookie').split(';')[0]
  return async (path, options = {}) => {
    const headers = { Cookie: cookie, 'Accept-Language': 'zh-CN', ...(options.json !== undefined ? { 'Content-Type': 'application/json' } : {}), ...options.headers }
    const r = await fetch(demo.url + path, { method: options.method ?? (options.json !== undefined ? 'POST' : 'GET'), headers, body: options.json !== undefined ? JSON.stringify(options.json) : options.body })
    const text = await r.text()
    if (!r.ok && !options.any) throw new Error(`${path}: ${r.status} ${text.slice(0, 500)}`)
    return options.raw ? { status: r.status, text, headers: r.headers } : JSON.parse(text)
  }
}
