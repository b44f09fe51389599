import { retryAfterMs } from './backoff.ts'
import { pause, systemClock } from './clock.ts'
import { browserSignals, onWake } from './wake.ts'

/** The first pause is the third of `retryAfterMs`: what has failed here was tried more than once, or is not urgent. */
const PAUSES_BEFORE = 2

/**
 * Repeats what fails until it does not, or nobody waits for it any more; at once when the network is back. `failed` hears of each
 * failure, and ends it by throwing.
 */
export async function persistently<T>(task: () => Promise<T>, signal?: AbortSignal, failed?: (error: unknown) => void): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await task()
    } catch (error) {
      if (signal?.aborted) throw error
      failed?.(error)
    }
    await pause(systemClock, retryAfterMs(tries + PAUSES_BEFORE, systemClock.random()), signal, (end) => onWake(browserSignals, end))
  }
}
