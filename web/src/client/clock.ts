/** Time and chance, so that tests can move them by hand. */
export interface Clock {
  nowMs(): number
  /** Calls back once after a delay; the returned function prevents it. */
  after(ms: number, callback: () => void): () => void
  /** In [0, 1). */
  random(): number
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    return () => {
      clearTimeout(timer)
    }
  },
  random: () => Math.random(),
}

/**
 * Waits; rejects with the signal's reason when it is aborted. `hurry` is handed what ends the pause early, and returns what lets go of
 * it.
 */
export function pause(clock: Clock, ms: number, signal?: AbortSignal, hurry?: (end: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error)
      return
    }
    let isOver = false
    const finish = (then: () => void) => {
      if (isOver) return
      isOver = true
      prevent()
      letGo?.()
      signal?.removeEventListener('abort', abort)
      then()
    }
    const abort = () => { finish(() => { reject(signal?.reason as Error) }) }
    const end = () => { finish(resolve) }
    const prevent = clock.after(ms, end)
    const letGo = hurry?.(end)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
