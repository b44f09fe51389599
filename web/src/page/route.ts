/** The routes of the page; `src/http/ui.rs` serves the same. */
import { useSyncExternalStore } from 'react'

export type Route =
  | { readonly name: 'create' }
  | { readonly name: 'history'; readonly query: URLSearchParams }
  | { readonly name: 'session'; readonly sessionId: string; readonly lesson: string | undefined }
  /** What stands where a session's id does is none. */
  | { readonly name: 'no-session' }
  | { readonly name: 'nowhere' }

const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

export function parseRoute(href: string): Route {
  const url = new URL(href, 'http://page.invalid')
  if (url.pathname === '/') return { name: 'create' }
  const [first, second = '', ...rest] = url.pathname.replace(/(?<=[^/])\/$/, '').split('/').slice(1)
  if (first !== 'sessions' || rest.length > 0) return { name: 'nowhere' }
  if (second === '') return { name: 'history', query: url.searchParams }
  if (!UUID.test(second)) return { name: 'no-session' }
  const [, lesson] = /^#lesson-(\d+\.\d+)$/.exec(url.hash) ?? []
  return { name: 'session', sessionId: second, lesson }
}

export const paths = {
  create: '/',
  history: '/sessions',
  session: (sessionId: string) => `/sessions/${encodeURIComponent(sessionId)}`,
  lesson: (key: string | undefined) => (key === undefined ? '#overview' : `#lesson-${key}`),
}

const CHANGED = 'coursestream:navigated'

function subscribe(listener: () => void): () => void {
  const controller = new AbortController()
  for (const name of ['popstate', 'hashchange', CHANGED]) {
    window.addEventListener(name, listener, { signal: controller.signal })
  }
  return () => {
    controller.abort()
  }
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(subscribe, () => window.location.href))
}

export function navigate(to: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') window.history.pushState(null, '', to)
  else window.history.replaceState(window.history.state, '', to)
  window.dispatchEvent(new Event(CHANGED))
}
