import { type Connection } from '../../react/generation.ts'
import { count } from '../format.ts'

/** How the page is connected, in a word or two. */
export function ConnectionBadge({ connection }: { connection: Connection }) {
  const words = wordsFor(connection)
  if (!words) return null
  return (
    <span className={`connection ${connection.phase}`} role="status" data-testid="connection">
      <span className="dot" aria-hidden="true" />
      {words}
    </span>
  )
}

export function wordsFor(connection: Connection): string | undefined {
  const { phase, replayed, transport } = connection
  switch (phase) {
    case 'idle':
    case 'stopped':
      return undefined
    case 'connecting':
      return 'Connecting'
    case 'replaying':
      return `Replaying ${count(replayed, 'event')}`
    case 'live':
      return `Live${transport === 'sse' ? ' (SSE)' : ''}${replayed > 0 ? ` · replayed ${count(replayed, 'event')}` : ''}`
    case 'reconnecting':
      return 'Reconnecting'
    case 'ended':
      return 'Complete log'
    case 'expired':
    case 'archive':
      return 'From the archive'
    case 'failed':
      return 'Not connected'
  }
}
