/** Starts, follows, resumes and cancels runs. One instance serves any number of sessions. */
import { retryAfterMs } from './backoff.ts'
import { type Clock, pause, systemClock } from './clock.ts'
import { CourseStreamError, OffsetAheadError, RefusedError, RequestError, SessionNotFoundError, UnreachableError } from './errors.ts'
import { Follower } from './follower.ts'
import { type EventsPage, Http, type SessionsPage, type SessionsQuery, type StartRequest } from './http.ts'
import { type Refusal, type State, type TransportKind, isOver } from './machine.ts'
import { type Positions, storedPositions, tabStorage } from './positions.ts'
import { openSse } from './sse.ts'
import type { OpenTransport, TokenSource } from './transport.ts'
import { type WakeSignals, browserSignals, onWake } from './wake.ts'
import { openWebSocket } from './websocket.ts'
import type { Envelope, Outcome, SessionStatus, SessionSummary } from './wire.ts'

export type { StartRequest, SessionsQuery, SessionsPage, EventsPage } from './http.ts'

const PAGE_EVENTS = 1_000
/** Tries of a request that fails for reasons that pass. */
const TRIES_MAX = 5

export interface ClientOptions {
  /** Where the service is; without it, where the page came from. */
  readonly baseUrl?: string
  /** Where last-seen offsets are kept; without it, the tab's session storage. */
  readonly positions?: Positions
  /** Who asks, where the server wants to know: a JWT or an API key. */
  readonly token?: TokenSource
  readonly fetch?: typeof globalThis.fetch
  readonly openTransport?: OpenTransport
  readonly clock?: Clock
  readonly signals?: WakeSignals
}

/** Where following a session stands. */
export interface StreamStatus {
  readonly phase: State['phase']
  readonly transport?: TransportKind
  /** What the server last said of the session. */
  readonly session?: SessionStatus
  readonly lastSeenOffset: number
  /** Events that waited at the last join. */
  readonly replayed: number
  /** Failed connections in a row. */
  readonly attempt: number
  /** Why it has failed for good. */
  readonly error?: CourseStreamError
}

export interface FollowCallbacks {
  /** Joined, for the first time or again. */
  onConnect?(status: StreamStatus): void
  /** Every event of the log except the terminal one: once, in order, without a hole. */
  onUpdate?(event: Envelope): void
  /** The session has ended. */
  onComplete?(outcome: Outcome): void
  /** The connection or the session changed its state; also when following has failed or the session has expired. */
  onStatusChange?(status: StreamStatus): void
  /** The connection was lost; it comes back by itself. */
  onDisconnect?(reason: string): void
}

export interface FollowOptions extends FollowCallbacks {
  /** Begin behind this offset instead of at the start. */
  readonly after?: number
  /** Stops following; the run itself goes on. */
  readonly signal?: AbortSignal
}

/** A session that is followed. */
export interface Followed {
  readonly sessionId: string
  readonly status: StreamStatus
  /** Stops following; the run itself goes on. */
  stop(): void
}

export class CourseStreamClient {
  readonly #baseUrl: string
  readonly #positions: Positions
  readonly #clock: Clock
  readonly #signals: WakeSignals
  readonly #open: OpenTransport
  readonly #http: Http

  constructor(options: ClientOptions = {}) {
    const fetch = options.fetch ?? ((...request) => globalThis.fetch(...request))
    const { token } = options
    const base = options.baseUrl ?? new URL('/', globalThis.location.href).href
    this.#baseUrl = base.endsWith('/') ? base : `${base}/`
    this.#positions = options.positions ?? storedPositions(tabStorage())
    this.#clock = options.clock ?? systemClock
    this.#signals = options.signals ?? browserSignals
    this.#open =
      options.openTransport ??
      ((kind, target, events) => (kind === 'websocket' ? openWebSocket(target, events, token) : openSse(target, events, fetch, token)))
    this.#http = new Http(this.#baseUrl, fetch, token)
  }

  /**
   * Starts a run and returns its session. Waits for the network, and is retried while the server is away; an idempotency key sees to
   * it that one call starts one run.
   */
  async start(request: StartRequest & { readonly idempotencyKey?: string }, signal?: AbortSignal): Promise<string> {
    const key = request.idempotencyKey ?? randomId()
    return this.#patiently(() => this.#http.start(request, key, signal), signal)
  }

  /** Follows a session from its start, or behind `after`, and comes back by itself whenever the connection is lost. */
  follow(sessionId: string, options: FollowOptions = {}): Followed {
    const { signal } = options
    let phase: State['phase'] = 'connecting'
    let status: StreamStatus = { phase, lastSeenOffset: options.after ?? 0, replayed: 0, attempt: 0 }
    let outcome: Outcome | undefined
    const follower = new Follower({
      target: { baseUrl: this.#baseUrl, sessionId },
      after: options.after ?? 0,
      open: this.#open,
      clock: this.#clock,
      signals: this.#signals,
      events: {
        event: (event) => {
          if (event.kind === 'update') {
            options.onUpdate?.(event.envelope)
            this.#positions.set(sessionId, event.envelope.offset)
          } else {
            outcome = event.outcome
            this.#positions.set(sessionId, event.offset)
          }
        },
        moved: (state, session) => {
          const before = status
          const isNewlyJoined = isJoined(state.phase) && !isJoined(phase)
          const isNewlyOver = isOver(state) && phase !== state.phase
          phase = state.phase
          status = describe(state, session)
          if (isNewlyJoined) options.onConnect?.(status)
          if (isNews(before, status)) options.onStatusChange?.(status)
          if (isNewlyOver && state.phase === 'ended') options.onComplete?.(outcome ?? state.outcome)
        },
        disconnected: (reason) => options.onDisconnect?.(reason),
      },
    })
    const stop = () => { follower.stop() }
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    return {
      sessionId,
      get status() {
        return status
      },
      stop,
    }
  }

  /** Follows a session behind the offset that this tab saw last, before a reload perhaps. */
  resume(sessionId: string, options: Omit<FollowOptions, 'after'> = {}): Followed {
    return this.follow(sessionId, { ...options, after: this.lastSeenOffset(sessionId) })
  }

  /** The offset that this tab saw last; 0 = none. */
  lastSeenOffset(sessionId: string): number {
    return this.#positions.get(sessionId)
  }

  /** Forgets the last-seen offset: the next `resume` begins at the start. */
  forget(sessionId: string): void {
    this.#positions.delete(sessionId)
  }

  /** Cancels the run, once there is a network. One that had ended before stays as it is. */
  async cancel(sessionId: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#patiently(() => this.#http.cancel(sessionId, signal), signal)
    } catch (error) {
      if (!(error instanceof RequestError && error.status === 409)) throw error
    }
  }

  /** A session's summary. */
  session(sessionId: string, signal?: AbortSignal): Promise<SessionSummary> {
    return this.#patiently(() => this.#http.session(sessionId, signal), signal)
  }

  /** A page of the history, newest first. */
  sessions(query: SessionsQuery = {}, signal?: AbortSignal): Promise<SessionsPage> {
    return this.#http.sessions(query, signal)
  }

  /** A page of a session's log, expired or not. */
  events(sessionId: string, query: { after?: number; limit?: number } = {}, signal?: AbortSignal): Promise<EventsPage> {
    const { after = 0, limit = PAGE_EVENTS } = query
    return this.#patiently(() => this.#http.events(sessionId, { after, limit }, signal), signal)
  }

  /** A session's log as far as it reaches now, behind `after` and up to `until`, page by page. */
  async *log(sessionId: string, query: { after?: number; until?: number } = {}, signal?: AbortSignal): AsyncGenerator<readonly Envelope[]> {
    const { until = Number.POSITIVE_INFINITY } = query
    let { after = 0 } = query
    while (after < until) {
      const limit = Math.min(PAGE_EVENTS, until - after)
      const page = await this.events(sessionId, { after, limit }, signal)
      yield page.items
      if (page.nextAfter === undefined) return
      after = page.nextAfter
    }
  }

  /** A saved course as JSON. */
  course(courseId: string, signal?: AbortSignal): Promise<unknown> {
    return this.#patiently(() => this.#http.course(courseId, signal), signal)
  }

  /**
   * Repeats a request that is safe to repeat while it fails for reasons that pass. Without a network that may last: tries are counted
   * from when it is back, and then there is one at once.
   */
  async #patiently<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    let tries = 0
    for (let pauses = 1; ; pauses += 1) {
      try {
        return await request()
      } catch (error) {
        if (!(error instanceof CourseStreamError && error.isTransient)) throw error
        const isOffline = error instanceof UnreachableError && this.#signals.isOffline?.() === true
        tries = isOffline ? 0 : tries + 1
        if (tries >= TRIES_MAX) throw error
        await pause(this.#clock, retryAfterMs(isOffline ? pauses : tries, this.#clock.random()), signal, (end) => onWake(this.#signals, end))
      }
    }
  }
}

function isJoined(phase: State['phase']): boolean {
  return phase === 'replaying' || phase === 'live'
}

/** Offsets move with every event; that alone is told by `onUpdate`. */
function isNews(before: StreamStatus, after: StreamStatus): boolean {
  return before.phase !== after.phase || before.session !== after.session || before.attempt !== after.attempt || before.replayed !== after.replayed
}

function describe(state: State, session: SessionStatus | undefined): StreamStatus {
  const about = { phase: state.phase, lastSeenOffset: state.cursor, ...(session && { session }) }
  switch (state.phase) {
    case 'connecting':
    case 'replaying':
    case 'live':
    case 'reconnecting':
      return { ...about, transport: state.transport, replayed: state.replayed, attempt: state.attempt }
    case 'failed':
      return { ...about, replayed: 0, attempt: 0, error: toError(state.refusal) }
    case 'ended':
    case 'expired':
    case 'stopped':
      return { ...about, replayed: 0, attempt: 0 }
  }
}

function toError(refusal: Refusal): CourseStreamError {
  switch (refusal.code) {
    case 'session_not_found':
      return new SessionNotFoundError(refusal.message)
    case 'offset_ahead':
      return new OffsetAheadError(refusal.message)
    default:
      return new RefusedError(refusal.code, refusal.message)
  }
}

/** A random UUID. Why not `crypto.randomUUID`: pages that came over plain HTTP do not have it. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
