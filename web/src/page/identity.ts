/**
 * Who uses the page. Where the server wants to know, a token that the user has entered is kept for as long as the tab is open; who it
 * is for stands in it. Where the server is open, each browser is somebody.
 */
import { attempt } from '../client/attempt.ts'
import { useSyncExternalStore } from 'react'
import { asFields } from '../course/course.ts'
import { userId } from './settings.ts'

const TOKEN = 'coursestream:token'

const listeners = new Set<() => void>()
let token = attempt(() => sessionStorage.getItem(TOKEN)) ?? undefined
let isRefused = false

export function readToken(): string | undefined {
  return token
}

/** The token's own user, or this browser's. */
export function currentUser(): string {
  return subjectOf(token ?? '') ?? userId()
}

export function signIn(entered: string): void {
  token = entered
  attempt(() => { sessionStorage.setItem(TOKEN, entered) })
  tell(false)
}

export function signOut(): void {
  token = undefined
  attempt(() => { sessionStorage.removeItem(TOKEN) })
  tell(false)
}

/** The server has said that it wants another token, or one at all. */
export function useIsRefused(): boolean {
  return useSyncExternalStore(subscribe, () => isRefused)
}

/** `fetch`, which notices when the server does not know who asks. */
export const watchedFetch: typeof globalThis.fetch = async (input, init) => {
  const response = await globalThis.fetch(input, init)
  if (response.status === 401) tell(true)
  return response
}

/** `fetch` with the token. */
export function authorizedFetch(path: string, signal?: AbortSignal): Promise<Response> {
  return watchedFetch(path, {
    ...(signal && { signal }),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  })
}

/** The `sub` of a JWT (RFC 7519), unchecked: that is the server's business. */
export function subjectOf(jwt: string): string | undefined {
  const [, claims = ''] = jwt.split('.')
  const subject = attempt(() => asFields(JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))))?.['sub'])
  return typeof subject === 'string' && /^[0-9a-f-]{36}$/i.test(subject) ? subject : undefined
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

function tell(refused: boolean): void {
  if (refused === isRefused) return
  isRefused = refused
  for (const listener of listeners) listener()
}
