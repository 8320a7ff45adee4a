// A wall screen outlives any person's session. It is a client of its agency, like any
// program: an admin registers the public half of a key that this browser made and that
// cannot leave it, and the page then logs in by itself (private_key_jwt, RFC 7523) with
// the right to look and nothing else. The admin ends it like any client.

interface WallKey {
  client: string
  kid: string
  agency: string
  agencyName: string
  side: string
  regions: string[]
  clearance: string
  private: CryptoKey
}

const database = 'zida-wall'
const table = 'keys'

function db(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const open = indexedDB.open(database, 1)
    open.onupgradeneeded = () => open.result.createObjectStore(table)
    open.onsuccess = () => resolve(open.result)
    open.onerror = () => reject(open.error ?? new Error('IndexedDB'))
  })
}

async function store<T>(mode: IDBTransactionMode, act: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const d = await db()
  try {
    return await new Promise<T>((resolve, reject) => {
      const request = act(d.transaction(table, mode).objectStore(table))
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error ?? new Error('IndexedDB'))
    })
  } finally {
    d.close()
  }
}

/** The browser offers keys to pages that came over https, or from this machine. */
export const possible = (): boolean => isSecureContext && 'subtle' in crypto && 'indexedDB' in window

export async function wallKey(): Promise<WallKey | null> {
  if (!possible()) return null
  try {
    return ((await store('readonly', (s) => s.get('wall'))) as WallKey | undefined) ?? null
  } catch {
    return null // a browser that keeps nothing has no key
  }
}

export async function forgetWall(): Promise<void> {
  await store('readwrite', (s) => s.delete('wall'))
}

/** Makes a key; register gives its public half to the hub and answers the client's id. */
export async function makeWall(about: Omit<WallKey, 'client' | 'kid' | 'private'>, register: (jwk: JsonWebKey & { kid: string }) => Promise<string>): Promise<void> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  const kid = 'wall-' + hex(crypto.getRandomValues(new Uint8Array(8)))
  const client = await register({ kty: kty!, crv: crv!, x: x!, y: y!, alg: 'ES256', use: 'sig', kid } as JsonWebKey & { kid: string })
  await store('readwrite', (s) => s.put({ ...about, client, kid, private: pair.privateKey }, 'wall'))
}

const hex = (b: Uint8Array) => [...b].map((x) => x.toString(16).padStart(2, '0')).join('')

function base64url(b: Uint8Array): string {
  return btoa(String.fromCharCode(...b)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}

let token = ''
let until = 0

/** An access token of the wall's client, renewed a minute before it ends. */
export async function wallToken(key: WallKey, anew = false): Promise<string> {
  if (!anew && token !== '' && Date.now() < until) return token
  const metadata = (await (await fetch('/.well-known/oauth-authorization-server')).json()) as { issuer: string }
  const now = Math.floor(Date.now() / 1000)
  const part = (o: unknown) => base64url(new TextEncoder().encode(JSON.stringify(o)))
  const head = part({ alg: 'ES256', typ: 'JWT', kid: key.kid }) + '.' + part({ iss: key.client, sub: key.client, aud: metadata.issuer, iat: now, exp: now + 120, jti: hex(crypto.getRandomValues(new Uint8Array(16))) })
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.private, new TextEncoder().encode(head))
  const response = await fetch('/oauth2/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: head + '.' + base64url(new Uint8Array(signature)),
    }),
  })
  if (!response.ok) {
    token = ''
    throw Object.assign(new Error('token'), { status: response.status })
  }
  const answer = (await response.json()) as { access_token: string; expires_in: number }
  token = answer.access_token
  until = Date.now() + Math.max(5, answer.expires_in - 60) * 1000
  return token
}

export type { WallKey }
