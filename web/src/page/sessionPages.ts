/**
 * The history page by page, while it changes: what is shown of it, and what is asked for. Pure; one request is under way at a time, and
 * an answer to any other changes nothing.
 */
import type { SessionSummary, SessionsPage } from '../client/index.ts'

/** The API gives no more sessions at once. */
export const LIMIT_MAX = 200
/** Nor does a reader want to wait for more. */
const MORE_MAX = 100

export interface Request {
  readonly kind: 'refresh' | 'more'
  readonly limit: number
  readonly cursor?: string
  /** What a refresh has read before this page. */
  readonly read: readonly SessionSummary[]
}

export interface Failure {
  readonly kind: Request['kind']
  readonly message: string
  /** Whether the same may succeed later. */
  readonly isTransient: boolean
  /** In a row, up to this one. */
  readonly count: number
}

export interface SessionPages {
  /** So many sessions the reader has asked for. With those that begin meanwhile, up to twice as many are shown. */
  readonly wanted: number
  /** Absent until the first of it is read. */
  readonly shown?: SessionsPage & { readonly readAtMs: number }
  readonly request?: Request
  readonly failure?: Failure
}

export function nothingRead(wanted: number): SessionPages {
  return { wanted }
}

export function hasMore({ shown }: SessionPages): boolean {
  return shown?.nextCursor !== undefined
}

/** Reads again all that is shown; what is under way already goes first. */
export function refresh(state: SessionPages): SessionPages {
  if (state.request) return state
  const limit = Math.max(state.wanted, Math.min(state.shown?.items.length ?? 0, roomFor(state)))
  return { ...state, request: { kind: 'refresh', limit: Math.min(limit, LIMIT_MAX), read: [] } }
}

/** Reads on behind what is shown, as much again; a refresh can wait. */
export function more(state: SessionPages): SessionPages {
  const { shown, request, wanted } = state
  if (shown?.nextCursor === undefined || request?.kind === 'more') return state
  return { ...state, request: { kind: 'more', limit: Math.min(wanted, MORE_MAX), cursor: shown.nextCursor, read: [] } }
}

export function answered(state: SessionPages, request: Request, page: SessionsPage, readAtMs: number): SessionPages {
  if (state.request !== request) return state
  const { wanted, shown } = state
  const { nextCursor } = page
  const rest = nextCursor === undefined ? {} : { nextCursor }
  if (request.kind === 'more') {
    const items = [...(shown?.items ?? []), ...page.items]
    return { wanted: Math.max(wanted, items.length), shown: { items, ...rest, readAtMs } }
  }
  const read = [...request.read, ...page.items]
  const left = missing(state, read)
  if (left > 0 && nextCursor !== undefined) {
    return { ...state, request: { kind: 'refresh', limit: Math.min(left, LIMIT_MAX), cursor: nextCursor, read } }
  }
  return { wanted, shown: { items: read, ...rest, readAtMs } }
}

/** What is shown stays. */
export function failed(state: SessionPages, request: Request, { message, isTransient }: Pick<Failure, 'message' | 'isTransient'>): SessionPages {
  if (state.request !== request) return state
  const failure = { kind: request.kind, message, isTransient, count: (state.failure?.count ?? 0) + 1 }
  return { ...idle(state), failure }
}

/** Nobody waits for an answer any more. */
export function idle({ request: _, ...state }: SessionPages): SessionPages {
  return state
}

/** A list that others add to does not grow without end. */
function roomFor({ wanted }: SessionPages): number {
  return 2 * wanted
}

/** How many sessions are still to be read until none that is shown is left out. */
function missing(state: SessionPages, read: readonly SessionSummary[]): number {
  const oldest = read.at(-1)
  if (!state.shown || !oldest) return state.wanted - read.length
  // Ids are UUIDv7, and the history is in their order; `startedAt` is another clock's.
  const older = state.shown.items.filter(({ sessionId }) => sessionId < oldest.sessionId).length
  return Math.min(Math.max(older, state.wanted - read.length), roomFor(state) - read.length)
}
