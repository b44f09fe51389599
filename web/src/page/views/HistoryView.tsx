import { useEffect, useId, useRef, useState } from 'react'
import type { CourseStreamClient, SessionStatus, SessionsQuery } from '../../client/index.ts'
import { clockTime } from '../format.ts'
import { ActivityPanel } from '../parts/ActivityPanel.tsx'
import { Icon } from '../parts/Icon.tsx'
import { ListFoot } from '../parts/ListFoot.tsx'
import { SteadySessionList } from '../parts/SteadySessionList.tsx'
import { keptPlace } from '../places.ts'
import { navigate, paths } from '../route.ts'
import { hasMore } from '../sessionPages.ts'
import { useIsOffline } from '../useIsOffline.ts'
import { useKeptPlace } from '../useKeptPlace.ts'
import { useSessionPages } from '../useSessionPages.ts'
import { useTitle } from '../useTitle.ts'

const PAGE = 25
/** A pause in typing that means: search now. */
const TYPING_PAUSE_MS = 250
/** One more may be a restart, which is over before anybody has read of it. */
const FAILURES_TOLD = 2
const TOPIC_CHARACTERS_MAX = 500

const FILTERS: readonly { readonly name: string; readonly label: string; readonly statuses?: readonly SessionStatus[] }[] = [
  { name: 'all', label: 'All' },
  { name: 'running', label: 'Running', statuses: ['queued', 'running'] },
  { name: 'completed', label: 'Completed', statuses: ['completed'] },
  { name: 'failed', label: 'Failed', statuses: ['failed'] },
  { name: 'cancelled', label: 'Cancelled', statuses: ['cancelled'] },
  { name: 'expired', label: 'Archived', statuses: ['expired'] },
]

/**
 * All sessions. Search and filters stand in the address, so that they can be shared; each filter can be gone back from, letters that are
 * typed are one step.
 */
export function HistoryView({ client, user, query }: { client: CourseStreamClient; user: string; query: URLSearchParams }) {
  useTitle('History')
  const topic = (query.get('topic') ?? '').trim()
  const isMine = query.get('mine') === 'yes'
  const filter = FILTERS.find((filter) => filter.name === query.get('status')) ?? FILTERS[0]
  const wanted: SessionsQuery = {
    ...(filter?.statuses && { status: filter.statuses }),
    ...(topic !== '' && { topic }),
    ...(isMine && { userId: user }),
  }
  const key = JSON.stringify(wanted)
  const pages = useSessionPages(client, wanted, PAGE, keptPlace()?.rows)
  const { shown, request, failure } = pages
  const list = useRef<HTMLDivElement>(null)
  useKeptPlace(list, key, shown?.items.length)
  return (
    <div className="history">
      <h1>History</h1>
      <p className="lead">Every run, newest first. Open one to read its course and replay its log; runs that have left the live service are read from the archive.</p>
      <ActivityPanel client={client} news={shown?.items.map(({ sessionId, status }) => `${sessionId} ${status}`).join()} />
      <HistoryTools query={query} topic={topic} isMine={isMine} status={filter?.name} />
      <p className="visually-hidden" role="status">
        {shown ? `${shown.items.length} sessions shown${hasMore(pages) ? ', there are more' : ''}` : 'Searching'}
      </p>
      <Troubles shownAtMs={shown?.readAtMs} failure={failure?.kind === 'refresh' ? failure : undefined} onRetry={pages.again} />
      {!shown && !failure && <Placeholders />}
      {shown && shown.items.length === 0 && <Nothing isSearch={key !== '{}'} />}
      {shown && shown.items.length > 0 && (
        <div key={key} ref={list} className="history-list">
          <SteadySessionList sessions={shown.items} />
          {failure?.kind === 'more' && (
            <p role="alert" className="notice bad">
              More cannot be read: {failure.message}.
            </p>
          )}
          <ListFoot shown={shown.items.length} hasMore={hasMore(pages)} isBusy={request?.kind === 'more'} onMore={pages.more} />
        </div>
      )}
    </div>
  )
}

interface ToolsProps {
  readonly query: URLSearchParams
  readonly topic: string
  readonly isMine: boolean
  readonly status: string | undefined
}

function HistoryTools({ query, topic, isMine, status }: ToolsProps) {
  const ids = useId()
  const address = query.toString()
  const [typed, setTyped] = useState(topic)
  const [addressBefore, setAddressBefore] = useState(address)
  if (address !== addressBefore) {
    // By the way back, perhaps: the field follows it.
    setAddressBefore(address)
    if (typed.trim() !== topic) setTyped(topic)
  }

  useEffect(() => {
    if (typed.trim() === topic) return
    const { href } = window.location
    const timer = setTimeout(() => {
      // What was typed belongs to that address, and to no other.
      if (window.location.href === href) navigate(historyWith({ topic: typed.trim() }), 'replace')
    }, TYPING_PAUSE_MS)
    return () => { clearTimeout(timer) }
  }, [typed, topic, address])

  const filterBy = (name: string, value: string) => {
    // What was typed up to now belongs to it.
    const to = historyWith({ topic: typed.trim(), [name]: value })
    if (to !== window.location.pathname + window.location.search) navigate(to)
  }

  return (
    <div className="history-tools" role="search">
      <label className="search" htmlFor={`${ids}search`}>
        <Icon name="search" />
        <span className="visually-hidden">Search topics</span>
        <input
          id={`${ids}search`}
          type="search"
          dir="auto"
          value={typed}
          maxLength={TOPIC_CHARACTERS_MAX}
          placeholder="Search topics"
          onChange={(event) => { setTyped(event.target.value) }}
        />
      </label>
      <div className="pills" role="group" aria-label="Status">
        {FILTERS.map(({ name, label }) => (
          <button key={name} type="button" className="pill" aria-pressed={status === name} onClick={() => { filterBy('status', name === 'all' ? '' : name) }}>
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
  )
}

interface TroublesProps {
  readonly shownAtMs: number | undefined
  readonly failure: { readonly message: string; readonly count: number; readonly isTransient: boolean } | undefined
  readonly onRetry: () => void
}

/** Why the list is not there, or is not as it is now. */
function Troubles({ shownAtMs, failure, onRetry }: TroublesProps) {
  const isOffline = useIsOffline()
  if (isOffline) {
    return (
      <p role="status" className="notice calm">
        You are offline. {shownAtMs === undefined ? 'The history is read as soon as the network is back.' : `This is as it was at ${timeOf(shownAtMs)}.`}
      </p>
    )
  }
  if (!failure || (shownAtMs !== undefined && failure.isTransient && failure.count < FAILURES_TOLD)) return null
  const retry = (
    <button type="button" className="link" onClick={onRetry}>
      Try again
    </button>
  )
  return shownAtMs === undefined ? (
    <p role="alert" className="notice bad">
      The history cannot be read: {failure.message}. {retry}
    </p>
  ) : (
    <p role="status" className="notice calm">
      Not up to date since {timeOf(shownAtMs)}: {failure.message}. {retry}
    </p>
  )
}

function timeOf(ms: number): string {
  return clockTime(new Date(ms).toISOString())
}

function Nothing({ isSearch }: { isSearch: boolean }) {
  return (
    <div className="empty">
      <h2>{isSearch ? 'Nothing matches' : 'No sessions yet'}</h2>
      <p>{isSearch ? 'Try another topic or status.' : 'What you generate is kept here.'}</p>
    </div>
  )
}

/** In the place of rows that are being read; to be seen where that takes long. */
function Placeholders() {
  return (
    <ul className="sessions placeholders" aria-hidden="true">
      {['a', 'b', 'c', 'd', 'e', 'f'].map((row) => (
        <li key={row}>
          <span className="bone" />
          <span className="bone" />
        </li>
      ))}
    </ul>
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
