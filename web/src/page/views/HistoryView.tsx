import { useEffect, useId, useState } from 'react'
import { type CourseStreamClient, type SessionStatus, type SessionSummary, type SessionsPage, isAbort, isEnded } from '../../client/index.ts'
import { ACTIVITY_PATH } from '../activity.ts'
import { useOffer } from '../offers.ts'
import { ActivityPanel } from '../parts/ActivityPanel.tsx'
import { Icon } from '../parts/Icon.tsx'
import { SessionList } from '../parts/SessionList.tsx'
import { navigate, paths } from '../route.ts'
import { useTitle } from '../useTitle.ts'

const PAGE = 25
/** A pause in typing that means: search now. */
const TYPING_PAUSE_MS = 250
/** While a session that is shown goes on, the list is asked for again so often. */
const REFRESH_MS = 4_000

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

/** All sessions; search and filters stand in the address, so that they can be shared and gone back to. */
export function HistoryView({ client, user, query }: { client: CourseStreamClient; user: string; query: URLSearchParams }) {
  useTitle('History')
  const ids = useId()
  const hasActivity = useOffer(ACTIVITY_PATH)
  const topic = query.get('topic') ?? ''
  const isMine = query.get('mine') === 'yes'
  const filter = FILTERS.find((filter) => filter.name === query.get('status')) ?? FILTERS[0]
  const [typed, setTyped] = useState(topic)
  const [found, setFound] = useState<Found>()
  const [error, setError] = useState<string>()
  const [tries, setTries] = useState(0)
  const key = [filter?.name, topic, isMine, tries].join('\n')

  const change = (name: string, value: string) => {
    const next = new URLSearchParams(query)
    if (value === '' || value === 'all') next.delete(name)
    else next.set(name, value)
    const search = next.toString()
    navigate(search === '' ? paths.history : `${paths.history}?${search}`, 'replace')
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

  useEffect(() => {
    if (typed === topic) return
    const timer = setTimeout(() => { change('topic', typed) }, TYPING_PAUSE_MS)
    return () => { clearTimeout(timer) }
  }, [typed, topic])

  const isMoving = found?.key === key && found.sessions.some((session) => !isEnded(session.status))
  useEffect(() => {
    if (!isMoving) return
    const controller = new AbortController()
    const timer = setInterval(() => {
      if (document.visibilityState === 'hidden') return
      ask(undefined, controller.signal).then(
        (page) => { setFound((before) => (before?.key === key ? { ...before, sessions: merge(page, before.sessions) } : before)) },
        // What is shown stays; the next try may do better.
        () => undefined,
      )
    }, REFRESH_MS)
    return () => {
      clearInterval(timer)
      controller.abort()
    }
    // Everything that `ask` depends on is in the key.
  }, [key, isMoving])

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
      {hasActivity && <ActivityPanel />}
      <div className="history-tools" role="search">
        <label className="search" htmlFor={`${ids}search`}>
          <Icon name="search" />
          <span className="visually-hidden">Search topics</span>
          <input id={`${ids}search`} type="search" value={typed} placeholder="Search topics" onChange={(event) => { setTyped(event.target.value) }} />
        </label>
        <div className="pills" role="group" aria-label="Status">
          {FILTERS.map(({ name, label }) => (
            <button key={name} type="button" className="pill" aria-pressed={filter?.name === name} onClick={() => { change('status', name) }}>
              {label}
            </button>
          ))}
        </div>
        <label className="switch">
          <input type="checkbox" role="switch" checked={isMine} onChange={(event) => { change('mine', event.target.checked ? 'yes' : '') }} />
          <span className="track" aria-hidden="true" />
          <span>Only mine</span>
        </label>
      </div>
      <p className="visually-hidden" role="status">
        {found?.key === key ? `${found.sessions.length} sessions shown` : 'Searching'}
      </p>
      {error !== undefined && (
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

/** The newest page, and behind it what was read before. */
function merge({ items, nextCursor }: SessionsPage, before: readonly SessionSummary[]): readonly SessionSummary[] {
  const oldest = items.at(-1)
  if (nextCursor === undefined || !oldest) return items
  const known = new Set(items.map(({ sessionId }) => sessionId))
  return [...items, ...before.filter(({ sessionId, startedAt }) => startedAt <= oldest.startedAt && !known.has(sessionId))]
}
