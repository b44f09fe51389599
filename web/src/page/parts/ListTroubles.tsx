import { clockTime } from '../format.ts'
import type { Failure } from '../sessionPages.ts'
import { useIsOffline } from '../useIsOffline.ts'

/** One may be a restart, which is over before anybody has read of it. */
const FAILURES_TOLD = 2

interface TroublesProps {
  readonly shownAtMs: number | undefined
  readonly failure: Failure | undefined
  readonly onRetry: () => void
}

/** Why the list is not there, or is not as it is now. */
export function ListTroubles({ shownAtMs, failure, onRetry }: TroublesProps) {
  const isOffline = useIsOffline()
  if (isOffline) {
    return (
      <p role="status" className="notice calm">
        You are offline. {shownAtMs === undefined ? 'The history is read as soon as the network is back.' : `Last read at ${timeOf(shownAtMs)}.`}
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
