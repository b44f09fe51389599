/**
 * One generation at a time, as a store that a page can subscribe to. The hook is a thin layer over it; it works without
 * React as well.
 */
import {
  type CourseStreamClient,
  CourseStreamError,
  type Envelope,
  OffsetAheadError,
  type Outcome,
  type SessionStatus,
  type SessionSummary,
  type StreamStatus,
  isAbort,
  isEnded,
  randomId,
} from '../client/index.ts'
import { persistently } from '../client/persistently.ts'
import { isOffline } from '../client/wake.ts'
import type { Course } from '../course/course.ts'
import { type Progress, type Run, applyAll, emptyRun } from '../course/run.ts'

/** How often at most subscribers are told of new events: often enough for the eye, and 10,000 events do not mean 10,000 renders. */
const TELL_EVERY_MS = 50
/** Sessions that one has left and may come back to, perhaps while there is no network. */
const KEPT_MAX = 4

export interface Connection {
  /** `idle`: nothing is followed. `archive`: the log came from the history. */
  readonly phase: 'idle' | 'archive' | StreamStatus['phase']
  readonly transport?: StreamStatus['transport']
  /** Events that were missed and made up for at the last connection. */
  readonly replayed: number
  readonly attempt: number
}

export interface Generation {
  /** From the request to start until the session has ended. */
  readonly isGenerating: boolean
  readonly isStopping: boolean
  readonly sessionId: string | undefined
  readonly status: SessionStatus | undefined
  readonly progress: Progress
  readonly logs: readonly Envelope[]
  readonly course: Course | undefined
  readonly connection: Connection
  /** Everything that the log tells; `status`, `progress` and `course` are taken from it. */
  readonly run: Run
  /** What was asked for, as the history has it. */
  readonly summary: SessionSummary | undefined
  readonly error: CourseStreamError | undefined
}

export const idle: Generation = {
  isGenerating: false,
  isStopping: false,
  sessionId: undefined,
  status: undefined,
  progress: emptyRun.progress,
  logs: [],
  course: undefined,
  connection: { phase: 'idle', replayed: 0, attempt: 0 },
  run: emptyRun,
  summary: undefined,
  error: undefined,
}

export interface GenerationOptions {
  readonly client: CourseStreamClient
  readonly onCourseGenerated?: (course: Course, sessionId: string) => void
}

export class GenerationStore {
  readonly #client: CourseStreamClient
  readonly #listeners = new Set<() => void>()
  #snapshot: Generation = idle
  #waiting: Envelope[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #following: AbortController | undefined
  /** The start that is under way. */
  #starting: Starting | undefined
  /** Those that were shown last, by their id, the latest at the end. */
  readonly #kept = new Map<string, Generation>()
  /** Called with each course that a followed run brings; what a replay shows again is no news. */
  onCourseGenerated: ((course: Course, sessionId: string) => void) | undefined

  constructor(options: GenerationOptions) {
    this.#client = options.client
    this.onCourseGenerated = options.onCourseGenerated
  }

  readonly getSnapshot = (): Generation => this.#snapshot

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * Starts a run and follows it, however long the server is away; `error` says meanwhile why it has not been started. Returns its
   * session, or `undefined` where it is not to be started.
   */
  async start(topic: string, userId: string, options: { searchWeb?: boolean } = {}): Promise<string | undefined> {
    this.#keep()
    const { signal } = this.#renew({ ...idle, isGenerating: true, run: { ...emptyRun, topic } })
    const starting = { isGivenUp: false, controller: new AbortController() }
    this.#starting = starting
    const request = { topic, userId, searchWeb: options.searchWeb ?? false, idempotencyKey: randomId() }
    try {
      const sessionId = await persistently(() => this.#client.start(request, starting.controller.signal), starting.controller.signal, (error) => {
        if (starting.isGivenUp || signal.aborted) throw error
        this.#set({ error: passing(error) })
      })
      if (starting.isGivenUp) await this.#client.cancel(sessionId).catch(() => undefined)
      // Another session is shown by now.
      if (signal.aborted) return undefined
      this.#set({ sessionId, error: undefined })
      void this.#follow(sessionId, signal)
      return sessionId
    } catch (error) {
      if (!signal.aborted) this.#set({ isGenerating: false, error: asError(error) })
      return undefined
    } finally {
      if (this.#starting === starting) this.#starting = undefined
    }
  }

  /** Shows a session: follows it, from the history up to what this tab saw before and live from there. */
  open(sessionId: string): void {
    if (sessionId === this.#snapshot.sessionId && this.#following) return
    this.#keep()
    const kept = this.#kept.get(sessionId)
    if (kept?.run.endedAt !== undefined) {
      // All of it is here, and nothing comes after it.
      this.#renew(kept)
      return
    }
    const { signal } = this.#renew({ ...(kept ?? { ...idle, sessionId }), connection: { phase: 'connecting', replayed: 0, attempt: 0 } })
    void this.#follow(sessionId, signal)
  }

  /** Cancels the run, however long the server is away; `error` says meanwhile why it has not been done. */
  async stop(): Promise<void> {
    const { sessionId } = this.#snapshot
    if (sessionId === undefined) {
      this.#giveUpStart()
      this.close()
      return
    }
    const tell = (change: Partial<Generation>) => {
      if (this.#snapshot.sessionId === sessionId) this.#set(change)
    }
    tell({ isStopping: true, error: undefined })
    try {
      await persistently(() => this.#client.cancel(sessionId), undefined, (error) => { tell({ error: passing(error) }) })
      tell({ isStopping: false, error: undefined })
    } catch (error) {
      tell({ isStopping: false, error: asError(error) })
    }
  }

  /** What the server may have been asked for already is cancelled as soon as it says which session it is. */
  #giveUpStart(): void {
    if (!this.#starting) return
    this.#starting.isGivenUp = true
    // Without a network it has not been asked, and is not to be asked later.
    if (isOffline()) this.#starting.controller.abort()
  }

  /** Empties the log that is shown; nothing is lost on the server. */
  clear(): void {
    this.#flush()
    this.#set({ logs: [] })
  }

  /** Lets go of the session; the run goes on. */
  close(): void {
    this.#keep()
    this.#renew(idle)
    this.#following = undefined
  }

  /** Remembers what is shown, where it is a log without a hole. */
  #keep(): void {
    this.#flush()
    const { sessionId, run, logs } = this.#snapshot
    if (sessionId === undefined || run.lastOffset === 0 || logs.length !== run.lastOffset) return
    this.#kept.delete(sessionId)
    this.#kept.set(sessionId, { ...this.#snapshot, isStopping: false, error: undefined })
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest)
  }

  #renew(snapshot: Generation): AbortController {
    this.#following?.abort()
    this.#following = new AbortController()
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#waiting = []
    this.#set(snapshot)
    return this.#following
  }

  async #follow(sessionId: string, signal: AbortSignal): Promise<void> {
    try {
      const lastSeen = this.#client.lastSeenOffset(sessionId)
      if (lastSeen > 0) await this.#readLog(sessionId, lastSeen, signal).catch(passing)
      if (signal.aborted) return
      this.#flush()
      const after = this.#snapshot.run.lastOffset
      let joins = 0
      this.#client.follow(sessionId, {
        after,
        signal,
        onConnect: () => {
          joins += 1
          // Not before it is known that there is such a session.
          if (joins === 1) void this.#readSummary(sessionId, signal)
        },
        onUpdate: (event) => { this.#add([event], true) },
        // What the first join brings has not been missed.
        onStatusChange: (status) => { this.#moved(sessionId, status.phase === 'live' && joins <= 1 ? { ...status, replayed: 0 } : status, signal) },
        onComplete: (outcome) => { void this.#completed(sessionId, outcome, signal) },
      })
    } catch (error) {
      if (signal.aborted || isAbort(error)) return
      this.#set({ error: asError(error), isGenerating: false, connection: { ...this.#snapshot.connection, phase: 'failed' } })
    }
  }

  #moved(sessionId: string, stream: StreamStatus, signal: AbortSignal): void {
    if (signal.aborted) return
    if (stream.phase === 'expired') {
      void this.#archive(sessionId, signal)
      return
    }
    if (stream.error instanceof OffsetAheadError && this.#client.lastSeenOffset(sessionId) > 0) {
      // The log is not the one that this tab saw: begin again.
      this.#client.forget(sessionId)
      this.#snapshot = idle
      this.#kept.delete(sessionId)
      this.#following = undefined
      this.open(sessionId)
      return
    }
    const { phase, transport, replayed, attempt, session } = stream
    const isGenerating = session === undefined ? this.#snapshot.isGenerating : !isEnded(session)
    this.#set({
      connection: { phase, replayed, attempt, ...(transport && { transport }) },
      status: session ?? this.#snapshot.status,
      isGenerating: isGenerating && stream.error === undefined,
      error: stream.error ?? this.#snapshot.error,
    })
  }

  async #completed(sessionId: string, outcome: Outcome, signal: AbortSignal): Promise<void> {
    this.#set({ status: outcome.status, isGenerating: false })
    try {
      // The terminal event travels as an outcome; the log shows it as it stands in the log.
      await this.#readToTheEnd(sessionId, signal)
    } catch {
      // What was shown stays; only the last line is missing.
    }
    if (!signal.aborted) await this.#readSummary(sessionId, signal)
  }

  async #archive(sessionId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#readToTheEnd(sessionId, signal)
      this.#flush()
      this.#set({ connection: { phase: 'archive', replayed: 0, attempt: 0 }, status: 'expired', isGenerating: false })
      await this.#readSummary(sessionId, signal)
    } catch (error) {
      if (!signal.aborted) this.#set({ error: asError(error), isGenerating: false })
    }
  }

  /** Adds what the history has behind the events that are here. */
  async #readLog(sessionId: string, until: number, signal: AbortSignal): Promise<void> {
    this.#flush()
    const after = this.#snapshot.run.lastOffset
    for await (const events of this.#client.log(sessionId, { after, until }, signal)) {
      if (signal.aborted) return
      this.#add(events, false)
    }
    this.#flush()
  }

  /** The same up to the end of an ended session's log, however long the server or the network is away. */
  async #readToTheEnd(sessionId: string, signal: AbortSignal): Promise<void> {
    await persistently(() => this.#readLog(sessionId, Number.POSITIVE_INFINITY, signal), signal, passing)
  }

  async #readSummary(sessionId: string, signal: AbortSignal): Promise<void> {
    try {
      const summary = await this.#client.session(sessionId, signal)
      if (!signal.aborted) this.#set({ summary })
    } catch {
      // The log itself tells nearly everything.
    }
  }

  #add(events: readonly Envelope[], isNews: boolean): void {
    this.#waiting.push(...events)
    for (const event of events) {
      if (event.type !== 'course_generated' || !isNews) continue
      this.#flush()
      const { course, sessionId } = this.#snapshot
      if (course && sessionId !== undefined) this.onCourseGenerated?.(course, sessionId)
    }
    this.#timer ??= setTimeout(() => { this.#flush() }, TELL_EVERY_MS)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { run, logs } = this.#snapshot
    const events = this.#waiting.filter((event) => event.offset > run.lastOffset)
    this.#waiting = []
    if (events.length === 0) return
    const next = applyAll(run, events)
    this.#set({ run: next, logs: [...logs, ...events], progress: next.progress, course: next.course })
  }

  #set(change: Partial<Generation>): void {
    this.#snapshot = { ...this.#snapshot, ...change }
    for (const listener of this.#listeners) listener()
  }
}

interface Starting {
  isGivenUp: boolean
  readonly controller: AbortController
}

/** Trouble that passes is no trouble: what cannot be had now comes later. */
function passing(error: unknown): CourseStreamError {
  if (error instanceof CourseStreamError && error.isTransient) return error
  throw error
}

function asError(error: unknown): CourseStreamError {
  if (error instanceof CourseStreamError) return error
  throw error
}
