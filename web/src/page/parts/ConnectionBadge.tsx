import { type Connection } from '../../react/generation.ts'
import { count } from '../format.ts'
import { useIsOffline } from '../useIsOffline.ts'

/** How the page is connected, in a word or two. */
export function ConnectionBadge({ connection, isWhole }: { connection: Connection; isWhole: boolean }) {
  const isOffline = useIsOffline()
  const words = connection.phase === 'ended' && !isWhole ? 'Reading the end' : wordsFor(connection, isOffline)
  if (!words) return null
  return (
    <span className={`connection ${connection.phase}`} role="status" data-testid="connection">
      <span className="dot" aria-hidden="true" />
      {words}
    </span>
  )
}

export function wordsFor(connection: Connection, isOffline = false): string | undefined {
  const { phase, replayed, transport } = connection
  switch (phase) {
    case 'idle':
    case 'stopped':
      return undefined
    case 'connecting':
      return isOffline ? 'Offline' : 'Connecting'
    case 'replaying':
      return `Replaying ${count(replayed, 'event')}`
    case 'live':
      return `Live${transport === 'sse' ? ' (SSE)' : ''}${replayed > 0 ? ` · replayed ${count(replayed, 'event')}` : ''}`
    case 'reconnecting':
      return isOffline ? 'Offline' : 'Reconnecting'
    case 'ended':
      return 'Complete log'
    case 'expired':
    case 'archive':
      return 'From the archive'
    case 'failed':
      return 'Not connected'
  }
}
