import { useSyncExternalStore } from 'react'
import { isOffline } from '../client/wake.ts'

function subscribe(listener: () => void): () => void {
  const controller = new AbortController()
  for (const name of ['online', 'offline']) window.addEventListener(name, listener, { signal: controller.signal })
  return () => {
    controller.abort()
  }
}

/** Whether the browser says that there is no network. */
export function useIsOffline(): boolean {
  return useSyncExternalStore(subscribe, isOffline)
}
