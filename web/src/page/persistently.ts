import { retryAfterMs } from '../client/backoff.ts'
import { pause, systemClock } from '../client/clock.ts'
import { browserSignals } from '../client/wake.ts'

/** The first pause is the third of `retryAfterMs`: nothing that is asked for so is urgent. */
const PAUSES_BEFORE = 2

/** Repeats what fails until it does not, or nobody waits for it any more; at once when the network is back. */
export async function persistently<T>(task: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await task(signal)
    } catch {
      signal.throwIfAborted()
      await pause(systemClock, retryAfterMs(tries + PAUSES_BEFORE, Math.random()), signal, (end) =>
        browserSignals.listen((heard) => {
          if (heard === 'wake') end()
        }),
      )
    }
  }
}
