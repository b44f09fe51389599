import { memo, useEffect, useState } from 'react'
import type { SessionSummary } from '../../client/index.ts'
import { ago, count, duration, momentOf } from '../format.ts'
import { paths } from '../route.ts'
import { Icon } from './Icon.tsx'
import { Link } from './Link.tsx'
import { StatusChip } from './StatusChip.tsx'

const TICK_MS = 30_000

export const SessionList = memo(function SessionList({ sessions }: { sessions: readonly SessionSummary[] }) {
  const now = useNow(sessions)
  return (
    <ul className="sessions">
      {sessions.map((session) => (
        <li key={session.sessionId} data-row={session.sessionId}>
          <Link href={paths.session(session.sessionId)} className="session-row">
            <span className="session-topic" dir="auto">
              {session.topic}
            </span>
            <span className="session-meta">
              <time dateTime={session.startedAt} title={momentOf(session.startedAt)}>
                {ago(session.startedAt, now)}
              </time>
              {session.durationMs !== undefined && <span>{duration(session.durationMs)}</span>}
              <span>{count(session.lastOffset, 'event')}</span>
              {session.provider !== '' && <span className="wide-only">{session.provider}</span>}
              {session.error !== undefined && session.error !== null && <bdi className="session-error">{session.error}</bdi>}
            </span>
            <StatusChip status={session.status} />
            <Icon name="next" />
          </Link>
        </li>
      ))}
    </ul>
  )
})

/** The time when `news` came, and every half a minute after it. */
function useNow(news: unknown): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const tick = () => { setNow(Date.now()) }
    tick()
    const timer = setInterval(tick, TICK_MS)
    return () => { clearInterval(timer) }
  }, [news])
  return now
}
