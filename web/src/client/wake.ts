/** What the browser tells about the network and the page. */
export interface WakeSignals {
  /** Reports until the returned function is called. `hide`: nobody looks at the page; `sleep`: it is put away. */
  listen(report: (signal: 'wake' | 'hide' | 'sleep' | 'offline') => void): () => void
  /** Whether there is known to be no network. */
  isOffline?(): boolean
  /** Whether nobody looks at the page. */
  isHidden?(): boolean
}

/** Calls back whenever the network or the page is back, until the returned function is called. */
export function onWake(signals: WakeSignals, wake: () => void): () => void {
  return signals.listen((heard) => {
    if (heard === 'wake') wake()
  })
}

/** Whether the browser says that there is no network. */
export function isOffline(): boolean {
  return typeof navigator !== 'undefined' && navigator.onLine === false
}

function isHidden(): boolean {
  return typeof document !== 'undefined' && document.visibilityState === 'hidden'
}

/** Outside a browser there is nothing to hear. */
export const browserSignals: WakeSignals = {
  isOffline,
  isHidden,
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
        if (isHidden()) report('hide')
        else wake()
      },
      { signal },
    )
    return () => {
      controller.abort()
    }
  },
}
