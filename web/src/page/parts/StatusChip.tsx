import type { SessionStatus } from '../../client/index.ts'

const WORDS: Readonly<Record<SessionStatus, string>> = {
  queued: 'Queued',
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  expired: 'Archived',
}

export function StatusChip({ status }: { status: SessionStatus }) {
  return <span className={`chip status-${status}`}>{WORDS[status]}</span>
}
