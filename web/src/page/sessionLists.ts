/** Lists of sessions that renew themselves while somebody looks at them, and are kept for when one comes back. */
import { retryAfterMs } from '../client/backoff.ts'
import { type Clock, systemClock } from '../client/clock.ts'
import { CourseStreamError, type SessionsPage, type SessionsQuery, UnreachableError, isEnded } from '../client/index.ts'
import { type WakeSignals, browserSignals, onWake } from '../client/wake.ts'
import { LIMIT_MAX, type Request, type SessionPages, answered, failed, idle, more, nothingRead, refresh } from './sessionPages.ts'

/** While a session that is shown goes on, the list is read again so often; and otherwise, for those that others start. */
const REFRESH_MS = 4_000
const REFRESH_QUIET_MS = 20_000
/** An answer that takes longer does not come. */
const ANSWER_MS = 20_000
const KEPT_MAX = 20

type Read = (query: SessionsQuery, signal: AbortSignal) => Promise<SessionsPage>

export interface World {
  readonly read: Read
  readonly clock: Clock
  readonly signals: WakeSignals
}

/** One list: it asks for what its state says, as long as it has a listener. */
export class SessionList {
  readonly #world: World
  readonly #query: SessionsQuery
  readonly #listeners = new Set<() => void>()
  #state: SessionPages
  #sent: { readonly request: Request; readonly controller: AbortController } | undefined
  #letGo: (() => void) | undefined
  #preventNext: (() => void) | undefined

  constructor(world: World, query: SessionsQuery, wanted: number) {
    this.#world = world
    this.#query = query
    this.#state = nothingRead(wanted)
  }

  get isLookedAt(): boolean {
    return this.#listeners.size > 0
  }

  readonly snapshot = (): SessionPages => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#begin()
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#rest()
    }
  }

  readonly more = (): void => { this.#move(more(this.#state)) }

  /** At once; what is under way may never be answered. */
  readonly again = (): void => {
    if (!this.isLookedAt) return
    const { request } = this.#state
    this.#send(undefined)
    this.#move(request?.kind === 'more' ? more(idle(this.#state)) : refresh(idle(this.#state)))
  }

  #begin(): void {
    this.#letGo = onWake(this.#world.signals, this.again)
    this.#move(refresh(this.#state))
  }

  #rest(): void {
    this.#letGo?.()
    this.#state = idle(this.#state)
    this.#send(undefined)
    this.#preventNext?.()
  }

  #move(state: SessionPages): void {
    if (state === this.#state || !this.isLookedAt) return
    this.#state = state
    this.#preventNext?.()
    if (state.request !== this.#sent?.request) this.#send(state.request)
    if (!state.request) this.#planNext(state)
    for (const listener of this.#listeners) listener()
  }

  #send(request: Request | undefined): void {
    this.#sent?.controller.abort()
    this.#sent = undefined
    if (!request) return
    const controller = new AbortController()
    this.#sent = { request, controller }
    const { limit, cursor } = request
    const giveUp = this.#world.clock.after(ANSWER_MS, () => { controller.abort(new UnreachableError('the server does not answer')) })
    this.#world
      .read({ ...this.#query, limit, ...(cursor !== undefined && { cursor }) }, controller.signal)
      .then(
        (page) => { this.#move(answered(this.#state, request, page, Date.now())) },
        (error: unknown) => { this.#move(failed(this.#state, request, describe(error))) },
      )
      .finally(giveUp)
  }

  #planNext({ shown, failure }: SessionPages): void {
    if (failure && !failure.isTransient) return
    const { clock, signals } = this.#world
    const sessions = shown?.items ?? []
    const pauseMs = sessions.some(({ status }) => !isEnded(status)) ? REFRESH_MS : REFRESH_QUIET_MS
    // A list that takes several requests is read the less often.
    const delayMs = failure ? retryAfterMs(failure.count + 2, clock.random()) : pauseMs * Math.max(1, Math.ceil(sessions.length / LIMIT_MAX))
    this.#preventNext = clock.after(delayMs, () => {
      // Who looks again is heard of.
      if (!signals.isHidden?.()) this.#move(refresh(this.#state))
    })
  }
}

/** The lists of one user, the latest of them, each for what is asked for. */
export class SessionLists {
  readonly #world: World
  readonly #kept = new Map<string, SessionList>()

  constructor(read: Read, world: Partial<World> = {}) {
    this.#world = { read, clock: systemClock, signals: browserSignals, ...world }
  }

  /** The list whose pages are so long; `wanted` sessions at once where it is not kept yet. */
  of(query: SessionsQuery, page: number, wanted = page): SessionList {
    const key = JSON.stringify([page, query])
    const list = this.#kept.get(key) ?? new SessionList(this.#world, query, Math.max(page, wanted))
    this.#kept.delete(key)
    this.#kept.set(key, list)
    const [oldest] = this.#kept
    if (this.#kept.size > KEPT_MAX && oldest && !oldest[1].isLookedAt) this.#kept.delete(oldest[0])
    return list
  }
}

function describe(error: unknown): { message: string; isTransient: boolean } {
  if (error instanceof CourseStreamError) return { message: error.message, isTransient: error.isTransient }
  return { message: error instanceof Error ? error.message : 'unknown', isTransient: true }
}
