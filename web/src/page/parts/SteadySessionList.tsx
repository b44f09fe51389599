import { type PointerEvent, useMemo, useState } from 'react'
import type { SessionSummary } from '../../client/index.ts'
import { count } from '../format.ts'
import { SessionList } from './SessionList.tsx'

/** A list that lets nothing in above what a mouse points at: it might be clicked at this moment. */
export function SteadySessionList({ sessions }: { sessions: readonly SessionSummary[] }) {
  const [newest, setNewest] = useState<string>()
  const known = useMemo(() => {
    const known = newest === undefined ? sessions : sessions.filter(({ sessionId }) => sessionId <= newest)
    return known.length > 0 ? known : sessions
  }, [sessions, newest])
  const waiting = sessions.length - known.length
  const hold = ({ pointerType }: PointerEvent) => {
    if (pointerType === 'mouse') setNewest(sessions[0]?.sessionId)
  }
  return (
    <div className="steady" onPointerEnter={hold} onPointerLeave={() => { setNewest(undefined) }}>
      {waiting > 0 && <p className="waiting">{count(waiting, 'new session')}</p>}
      <SessionList sessions={known} />
    </div>
  )
}
