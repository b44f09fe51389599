import { useSyncExternalStore } from 'react'
import type { CourseStreamClient, SessionsQuery } from '../client/index.ts'
import { type SessionList, SessionLists } from './sessionLists.ts'
import type { SessionPages } from './sessionPages.ts'

/** Another user has another client, and sees nothing of these. */
const kept = new WeakMap<CourseStreamClient, SessionLists>()

function listsOf(client: CourseStreamClient): SessionLists {
  const lists = kept.get(client) ?? new SessionLists((query, signal) => client.sessions(query, signal))
  kept.set(client, lists)
  return lists
}

/** A part of the history, which renews itself; as it was left, where one comes back to it. */
export function useSessionPages(client: CourseStreamClient, query: SessionsQuery, page: number, wanted?: number): SessionPages & Pick<SessionList, 'more' | 'again'> {
  const list = listsOf(client).of(query, page, wanted)
  const state = useSyncExternalStore(list.subscribe, list.snapshot)
  return { ...state, more: list.more, again: list.again }
}
