import { useMemo } from 'react'
import type { SessionSummary } from '../../client/index.ts'
import { ago, count, duration, momentOf } from '../format.ts'
import { paths } from '../route.ts'
import { Icon } from './Icon.tsx'
import { Link } from './Link.tsx'
import { StatusChip } from './StatusChip.tsx'

export function SessionList({ sessions }: { sessions: readonly SessionSummary[] }) {
  const now = useMemo(() => Date.now(), [sessions])
  return (
    <ul className="sessions">
      {sessions.map((session) => (
        <li key={session.sessionId}>
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
}
