/**
 * Last-seen offsets that outlive the page. Each tab has its own: what one tab has handled, another has not.
 */
import { attempt } from './attempt.ts'

export interface Positions {
  get(sessionId: string): number
  set(sessionId: string, offset: number): void
  delete(sessionId: string): void
}

const PREFIX = 'coursestream:last-seen:'

/** In the tab's session storage, or wherever else; a storage that refuses is as good as none. */
export function storedPositions(storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | undefined): Positions {
  const memory = new Map<string, number>()
  return {
    get(sessionId) {
      const known = memory.get(sessionId)
      if (known !== undefined) return known
      const stored = Number(attempt(() => storage?.getItem(PREFIX + sessionId)) ?? 0)
      return Number.isSafeInteger(stored) && stored > 0 ? stored : 0
    },
    set(sessionId, offset) {
      memory.set(sessionId, offset)
      attempt(() => storage?.setItem(PREFIX + sessionId, String(offset)))
    },
    delete(sessionId) {
      memory.delete(sessionId)
      attempt(() => storage?.removeItem(PREFIX + sessionId))
    },
  }
}

/** The tab's session storage; merely to look at it throws where it is forbidden. */
export function tabStorage(): Storage | undefined {
  return attempt(() => globalThis.sessionStorage)
}
