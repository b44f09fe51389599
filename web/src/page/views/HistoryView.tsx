import { useEffect, useId, useState } from 'react'
import { type CourseStreamClient, type SessionStatus, type SessionSummary, type SessionsPage, isAbort, isEnded } from '../../client/index.ts'
import { ACTIVITY_PATH } from '../activity.ts'
import { useOffer } from '../offers.ts'
import { ActivityPanel } from '../parts/ActivityPanel.tsx'
import { Icon } from '../parts/Icon.tsx'
import { SessionList } from '../parts/SessionList.tsx'
import { navigate, paths } from '../route.ts'
import { useIsOffline } from '../useIsOffline.ts'
import { useTitle } from '../useTitle.ts'

const PAGE = 25
/** A pause in typing that means: search now. */
const TYPING_PAUSE_MS = 250
/** While a session that is shown goes on, the list is asked for again so often; and otherwise, for those that others start. */
const REFRESH_MS = 4_000
const REFRESH_QUIET_MS = 20_000

const FILTERS: readonly { readonly name: string; readonly label: string; readonly statuses?: readonly SessionStatus[] }[] = [
  { name: 'all', label: 'All' },
  { name: 'running', label: 'Running', statuses: ['queued', 'running'] },
  { name: 'completed', label: 'Completed', statuses: ['completed'] },
  { name: 'failed', label: 'Failed', statuses: ['failed'] },
  { name: 'cancelled', label: 'Cancelled', statuses: ['cancelled'] },
  { name: 'expired', label: 'Archived', statuses: ['expired'] },
]

interface Found {
  readonly key: string
  readonly sessions: readonly SessionSummary[]
  readonly nextCursor?: string
}

/**
 * All sessions. Search and filters stand in the address, so that they can be shared; each filter can be gone back from, letters that are
 * typed are one step.
 */
export function HistoryView({ client, user, query }: { client: CourseStreamClient; user: string; query: URLSearchParams }) {
  useTitle('History')
  const ids = useId()
  const hasActivity = useOffer(ACTIVITY_PATH)
  const isOffline = useIsOffline()
  const topic = query.get('topic') ?? ''
  const isMine = query.get('mine') === 'yes'
  const filter = FILTERS.find((filter) => filter.name === query.get('status')) ?? FILTERS[0]
  const [typed, setTyped] = useState(topic)
  const [topicBefore, setTopicBefore] = useState(topic)
  if (topic !== topicBefore) {
    // The address has moved, by the way back perhaps: the field follows it.
    setTopicBefore(topic)
    setTyped(topic)
  }
  const [found, setFound] = useState<Found>()
  const [error, setError] = useState<string>()
  const [tries, setTries] = useState(0)
  const key = [filter?.name, topic, isMine, tries].join('\n')

  const filterBy = (name: string, value: string) => {
    // What was typed up to now belongs to it.
    const to = historyWith({ topic: typed, [name]: value })
    if (to !== window.location.pathname + window.location.search) navigate(to)
  }

  const ask = (cursor: string | undefined, signal?: AbortSignal) =>
    client.sessions(
      {
        limit: PAGE,
        ...(filter?.statuses && { status: filter.statuses }),
        ...(topic !== '' && { topic }),
        ...(isMine && { userId: user }),
        ...(cursor !== undefined && { cursor }),
      },
      signal,
    )

  useEffect(() => {
    const controller = new AbortController()
    ask(undefined, controller.signal).then(
      (page) => {
        setError(undefined)
        setFound({ key, sessions: page.items, ...(page.nextCursor !== undefined && { nextCursor: page.nextCursor }) })
      },
      (error: unknown) => {
        if (!isAbort(error) && !controller.signal.aborted) setError(error instanceof Error ? error.message : 'unknown')
      },
    )
    return () => { controller.abort() }
    // Everything that `ask` depends on is in the key.
  }, [key])

  const hasFailed = error !== undefined
  useEffect(() => {
    if (!hasFailed) return
    const again = () => { setTries((before) => before + 1) }
    window.addEventListener('online', again)
    return () => { window.removeEventListener('online', again) }
  }, [hasFailed])

  useEffect(() => {
    if (typed === topic) return
    const timer = setTimeout(() => { navigate(historyWith({ topic: typed }), 'replace') }, TYPING_PAUSE_MS)
    return () => { clearTimeout(timer) }
  }, [typed, topic])

  const isShown = found?.key === key
  const isMoving = isShown && found.sessions.some((session) => !isEnded(session.status))
  useEffect(() => {
    if (!isShown) return
    const controller = new AbortController()
    const refresh = () => {
      if (document.visibilityState === 'hidden') return
      ask(undefined, controller.signal).then(
        (page) => { setFound((before) => (before?.key === key ? { ...before, sessions: merge(page, before.sessions) } : before)) },
        // What is shown stays; the next try may do better.
        () => undefined,
      )
    }
    const timer = setInterval(refresh, isMoving ? REFRESH_MS : REFRESH_QUIET_MS)
    document.addEventListener('visibilitychange', refresh, { signal: controller.signal })
    return () => {
      clearInterval(timer)
      controller.abort()
    }
    // Everything that `ask` depends on is in the key.
  }, [key, isShown, isMoving])

  const more = async () => {
    if (found?.nextCursor === undefined) return
    try {
      const page = await ask(found.nextCursor)
      setFound((before) =>
        before?.key === found.key
          ? { key: found.key, sessions: [...before.sessions, ...page.items], ...(page.nextCursor !== undefined && { nextCursor: page.nextCursor }) }
          : before,
      )
    } catch (error) {
      setError(error instanceof Error ? error.message : 'unknown')
    }
  }

  return (
    <div className="history">
      <h1>History</h1>
      <p className="lead">Every run, newest first. Open one to read its course and replay its log; runs that have left the live service are read from the archive.</p>
      {hasActivity && <ActivityPanel news={found ? found.sessions.map(({ sessionId, status }) => `${sessionId} ${status}`).join() : ''} />}
      <div className="history-tools" role="search">
        <label className="search" htmlFor={`${ids}search`}>
          <Icon name="search" />
          <span className="visually-hidden">Search topics</span>
          <input id={`${ids}search`} type="search" value={typed} placeholder="Search topics" onChange={(event) => { setTyped(event.target.value) }} />
        </label>
        <div className="pills" role="group" aria-label="Status">
          {FILTERS.map(({ name, label }) => (
            <button key={name} type="button" className="pill" aria-pressed={filter?.name === name} onClick={() => { filterBy('status', name === 'all' ? '' : name) }}>
              {label}
            </button>
          ))}
        </div>
        <label className="switch">
          <input type="checkbox" role="switch" checked={isMine} onChange={(event) => { filterBy('mine', event.target.checked ? 'yes' : '') }} />
          <span className="track" aria-hidden="true" />
          <span>Only mine</span>
        </label>
      </div>
      <p className="visually-hidden" role="status">
        {found?.key === key ? `${found.sessions.length} sessions shown` : 'Searching'}
      </p>
      {error !== undefined && isOffline && (
        <p role="status" className="notice calm">
          You are offline. The history is read as soon as the network is back.
        </p>
      )}
      {error !== undefined && !isOffline && (
        <p role="alert" className="notice bad">
          The history cannot be read: {error}.{' '}
          <button type="button" className="link" onClick={() => { setTries(tries + 1) }}>
            Try again
          </button>
        </p>
      )}
      {found && found.sessions.length === 0 && (
        <div className="empty">
          <h2>{topic === '' && filter?.name === 'all' ? 'No sessions yet' : 'Nothing matches'}</h2>
          <p>{topic === '' && filter?.name === 'all' ? 'What you generate is kept here.' : 'Try another topic or status.'}</p>
        </div>
      )}
      {found && found.sessions.length > 0 && <SessionList key={found.key} sessions={found.sessions} />}
      {found?.nextCursor !== undefined && (
        <button type="button" className="button" onClick={() => { void more() }}>
          Show more
        </button>
      )}
    </div>
  )
}

/** The address that the browser shows, with these changes; what is empty is left out. Not that of a render, which may be over. */
function historyWith(changes: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(window.location.search)
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') query.delete(name)
    else query.set(name, value)
  }
  const search = query.toString()
  return search === '' ? paths.history : `${paths.history}?${search}`
}

/** The newest page, and behind it what was read before. */
function merge({ items, nextCursor }: SessionsPage, before: readonly SessionSummary[]): readonly SessionSummary[] {
  const oldest = items.at(-1)
  if (nextCursor === undefined || !oldest) return items
  const known = new Set(items.map(({ sessionId }) => sessionId))
  return [...items, ...before.filter(({ sessionId, startedAt }) => startedAt <= oldest.startedAt && !known.has(sessionId))]
}
