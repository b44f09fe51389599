import { useRef } from 'react'
import type { CourseStreamClient } from '../../client/index.ts'
import { ActivityPanel } from '../parts/ActivityPanel.tsx'
import { HistoryTools } from '../parts/HistoryTools.tsx'
import { ListFoot } from '../parts/ListFoot.tsx'
import { ListTroubles } from '../parts/ListTroubles.tsx'
import { SteadySessionList } from '../parts/SteadySessionList.tsx'
import { keptPlace } from '../places.ts'
import { readSearch, toQuery } from '../search.ts'
import { hasMore } from '../sessionPages.ts'
import { useFocusHeld } from '../useFocusHeld.ts'
import { useKeptPlace } from '../useKeptPlace.ts'
import { useSessionPages } from '../useSessionPages.ts'
import { useTitle } from '../useTitle.ts'

const PAGE = 25

/** All sessions, or those that are searched for. */
export function HistoryView({ client, user, query }: { client: CourseStreamClient; user: string; query: URLSearchParams }) {
  useTitle('History')
  const search = readSearch(query)
  const wanted = toQuery(search, user)
  const key = JSON.stringify(wanted)
  const pages = useSessionPages(client, wanted, PAGE, keptPlace()?.rows)
  const { shown, request, failure } = pages
  const list = useRef<HTMLDivElement>(null)
  // A row that goes, or a button.
  const found = useFocusHeld<HTMLDivElement>()
  useKeptPlace(list, key, shown?.items.length)
  return (
    <div className="history">
      <h1>History</h1>
      <p className="lead">Every run, newest first. Open one to read its course and replay its log; runs that have left the live service are read from the archive.</p>
      <ActivityPanel client={client} news={shown?.items.map(({ sessionId, status }) => `${sessionId} ${status}`).join()} />
      <HistoryTools search={search} address={query.toString()} />
      <p className="visually-hidden" role="status">
        {shown ? `${shown.items.length} sessions shown${hasMore(pages) ? ', there are more' : ''}` : 'Searching'}
      </p>
      <div ref={found} className="found">
        <ListTroubles shownAtMs={shown?.readAtMs} failure={failure?.kind === 'refresh' ? failure : undefined} onRetry={pages.again} />
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
    </div>
  )
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
