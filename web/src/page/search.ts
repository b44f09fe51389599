/** What of the history is asked for: it stands in the address, so that it can be shared. */
import type { SessionStatus, SessionsQuery } from '../client/index.ts'
import { paths } from './route.ts'

export const FILTERS: readonly { readonly name: string; readonly label: string; readonly statuses?: readonly SessionStatus[] }[] = [
  { name: 'all', label: 'All' },
  { name: 'running', label: 'Running', statuses: ['queued', 'running'] },
  { name: 'completed', label: 'Completed', statuses: ['completed'] },
  { name: 'failed', label: 'Failed', statuses: ['failed'] },
  { name: 'cancelled', label: 'Cancelled', statuses: ['cancelled'] },
  { name: 'expired', label: 'Archived', statuses: ['expired'] },
]

export interface Search {
  readonly topic: string
  readonly isMine: boolean
  /** The name of one of `FILTERS`. */
  readonly status: string
}

export function readSearch(query: URLSearchParams): Search {
  const status = query.get('status')
  return {
    topic: (query.get('topic') ?? '').trim(),
    isMine: query.get('mine') === 'yes',
    status: FILTERS.find(({ name }) => name === status)?.name ?? 'all',
  }
}

export function toQuery({ topic, isMine, status }: Search, user: string): SessionsQuery {
  const statuses = FILTERS.find(({ name }) => name === status)?.statuses
  return { ...(statuses && { status: statuses }), ...(topic !== '' && { topic }), ...(isMine && { userId: user }) }
}

/** The address that the browser shows, with these changes; what is empty is left out. Not that of a render, which may be over. */
export function historyWith(changes: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(window.location.search)
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') query.delete(name)
    else query.set(name, value)
  }
  const search = query.toString()
  return search === '' ? paths.history : `${paths.history}?${search}`
}
