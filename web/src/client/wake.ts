/** What the browser tells about the network and the page. */
export interface WakeSignals {
  /** Reports until the returned function is called. */
  listen(report: (signal: 'wake' | 'sleep' | 'offline') => void): () => void
  /** Whether there is known to be no network. */
  isOffline?(): boolean
}

/** Whether the browser says that there is no network. */
export function isOffline(): boolean {
  return typeof navigator !== 'undefined' && navigator.onLine === false
}

/** Outside a browser there is nothing to hear. */
export const browserSignals: WakeSignals = {
  isOffline,
  listen(report) {
    if (typeof window === 'undefined' || typeof document === 'undefined') return () => undefined
    const controller = new AbortController()
    const { signal } = controller
    const wake = () => {
      report('wake')
    }
    window.addEventListener('online', wake, { signal })
    window.addEventListener('offline', () => { report('offline') }, { signal })
    // A page with an open connection cannot go into the back/forward cache: it lets go and comes back.
    window.addEventListener('pagehide', () => { report('sleep') }, { signal })
    window.addEventListener('pageshow', wake, { signal })
    document.addEventListener('resume', wake, { signal })
    document.addEventListener(
      'visibilitychange',
      () => {
        if (document.visibilityState === 'visible') wake()
      },
      { signal },
    )
    return () => {
      controller.abort()
    }
  },
}
