/** Pauses between tries: they double up to a bound, and are jittered so that clients of a restarted server do not return at once. */
const FIRST_MS = 250
const MAX_MS = 15_000

/** The pause before a try; `attempt` counts from 1, `random` is in [0, 1). */
export function retryAfterMs(attempt: number, random: number): number {
  const full = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 16))
  return Math.round(full / 2 + (full / 2) * random)
}
