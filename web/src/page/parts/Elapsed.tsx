import { useEffect, useState } from 'react'
import { duration } from '../format.ts'

const TICK_MS = 1_000

/** For how long something has been going on, by this machine's clock. */
export function Elapsed({ since }: { since: string }) {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => { setNow(Date.now()) }, TICK_MS)
    return () => { clearInterval(timer) }
  }, [])
  const ms = now - new Date(since).getTime()
  // Clocks differ; what cannot be is not told.
  return ms >= TICK_MS ? <span className="numbers">running for {duration(Math.floor(ms / TICK_MS) * TICK_MS)}</span> : null
}
