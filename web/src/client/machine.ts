/**
 * How one session is followed, as a pure state machine: a state and an input give the next state and what is to be done.
 * No sockets, timers or clocks in here; `follower.ts` has those.
 *
 * Two things make a duplicate or a hole impossible, whatever the network does:
 * - an event is delivered if and only if its offset is the cursor + 1, and the cursor moves with it;
 * - every join names the cursor, so the server goes on exactly there (rule 1 of the contract).
 *
 * There is one timer; what it means depends on the state: an answer that is overdue, a connection that has been
 * silent, a retry that is due. Beside it runs that of the way back: server-sent events are what is left where no WebSocket gets
 * through, or when none got through, as with a server that was away. So from time to time it is tried again.
 */
import { type Outcome, type ServerEvent, type SessionStatus, isEnded } from './wire.ts'

export type TransportKind = 'websocket' | 'sse'

/** Why following has failed for good. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

interface Following {
  /** Offset of the last event that was delivered; 0 = none. */
  readonly cursor: number
  readonly transport: TransportKind
  /** Connections in a row that this transport never got to an answered join. */
  readonly refusals: number
  /** Connections in a row that ended before anything new came through. */
  readonly attempt: number
  /** Events that the last join found waiting. */
  readonly replayed: number
  /** Times in a row that the WebSocket was tried again from the event stream, in vain so far. */
  readonly returns: number
}

export interface Connecting extends Following {
  readonly phase: 'connecting'
}

interface Joined extends Following {
  /** A join or probe is unanswered. */
  readonly awaiting: 'nothing' | 'probe' | 'repair'
  /** Re-joins since the last event was delivered. */
  readonly repairs: number
}

export interface Replaying extends Joined {
  readonly phase: 'replaying'
  /** The log is known to reach this far. */
  readonly target: number
}

export interface Live extends Joined {
  readonly phase: 'live'
}

export interface Reconnecting extends Following {
  readonly phase: 'reconnecting'
  /** `asleep`: the page is put away; no timer runs until it comes back. */
  readonly step: 'waiting' | 'opening' | 'asleep'
}

export interface Ended {
  readonly phase: 'ended'
  readonly cursor: number
  readonly outcome: Outcome
}

/** Ended longer ago than the session TTL: the log is in the history. */
export interface Expired {
  readonly phase: 'expired'
  readonly cursor: number
}

export interface Failed {
  readonly phase: 'failed'
  readonly cursor: number
  readonly refusal: Refusal
}

/** Nobody wants to follow any more. */
export interface Stopped {
  readonly phase: 'stopped'
  readonly cursor: number
}

export type State = Connecting | Replaying | Live | Reconnecting | Ended | Expired | Failed | Stopped
export type Phase = State['phase']
type StateOf<P extends Phase> = Extract<State, { phase: P }>

/** A `course_generation_update` or `course_generation_complete`. */
export type LogEvent = Extract<ServerEvent, { kind: 'update' | 'complete' }>

export type Input =
  /** The connection is up. */
  | { readonly kind: 'opened' }
  | { readonly kind: 'status'; readonly status: SessionStatus; readonly lastOffset: number }
  | { readonly kind: 'event'; readonly event: LogEvent }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Something came that says no more than that the connection lives. */
  | { readonly kind: 'heartbeat' }
  /** The connection is gone or useless. */
  | { readonly kind: 'lost' }
  /** The timer fired. */
  | { readonly kind: 'timeout' }
  /** It is time to try the WebSocket again. */
  | { readonly kind: 'return' }
  /** The network or the page is back. */
  | { readonly kind: 'wake' }
  /** The page is put away and may come back. */
  | { readonly kind: 'sleep' }
  | { readonly kind: 'stop' }
export type InputKind = Input['kind']
type InputOf<K extends InputKind> = Extract<Input, { kind: K }>

export type Effect =
  /** Open a connection; one that is open is closed first. */
  | { readonly do: 'open'; readonly transport: TransportKind }
  | { readonly do: 'close' }
  /** Ask for everything behind an offset. */
  | { readonly do: 'join'; readonly after: number }
  /** Ask for a sign of life; `after` is for transports that can only join. */
  | { readonly do: 'probe'; readonly after: number }
  | { readonly do: 'deliver'; readonly event: LogEvent }
  /** Set the one timer, in place of what it was set to. */
  | { readonly do: 'arm'; readonly timer: 'answer' | 'silence' }
  | { readonly do: 'arm'; readonly timer: 'retry'; readonly attempt: number }
  /** Give the input `return` after a while, the longer the more `returns` there were; where that is under way, it stays so. */
  | { readonly do: 'plan-return'; readonly returns: number }
  /** None is planned any more. */
  | { readonly do: 'drop-return' }
  /** No timer is set any more. */
  | { readonly do: 'disarm' }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

/** A transport that fails this often without an answered join gives way to the other. */
const REFUSALS_MAX = 2
/** Re-joins that bring nothing; after them the connection is given up. */
const REPAIRS_MAX = 3

/** Every state knows what to do with every input: a missing cell does not compile. */
export const transitions: {
  readonly [P in Phase]: { readonly [K in InputKind]: (state: StateOf<P>, input: InputOf<K>) => Step }
} = {
  connecting: {
    opened: (state) => step(state, { do: 'join', after: state.cursor }),
    status: (state, input) => joined(state, input),
    event: stay,
    refused: (state, input) => refused(state, input.refusal),
    heartbeat: stay,
    lost: (state) => retry(state),
    timeout: (state) => retry(state),
    return: stay,
    wake: stay,
    sleep: (state) => asleep(state),
    stop,
  },
  replaying: {
    opened: stay,
    status: (state, input) => told(state, input),
    event: (state, input) => receive(state, input.event),
    refused: (state, input) => disturbed(state, input.refusal),
    heartbeat: (state) => step({ ...state, awaiting: 'nothing', attempt: 0 }, { do: 'arm', timer: 'silence' }),
    lost: (state) => retry(state),
    // The log reaches further than what has come: a live connection is not enough, the events are wanted.
    timeout: (state) => (state.awaiting === 'nothing' ? repair(state, state.target) : retry(state)),
    // Not now: much is under way.
    return: (state) => planned(stay(state)),
    wake: (state) => probe(state),
    sleep: (state) => asleep(state),
    stop,
  },
  live: {
    opened: stay,
    status: (state, input) => told(state, input),
    event: (state, input) => receive(state, input.event),
    refused: (state, input) => disturbed(state, input.refusal),
    heartbeat: (state) => step({ ...state, awaiting: 'nothing', attempt: 0 }, { do: 'arm', timer: 'silence' }),
    lost: (state) => retry(state),
    timeout: (state) => (state.awaiting === 'nothing' ? probe(state) : retry(state)),
    return: (state) => back(state),
    wake: (state) => probe(state),
    sleep: (state) => asleep(state),
    stop,
  },
  reconnecting: {
    opened: (state) => (state.step === 'opening' ? step(state, { do: 'join', after: state.cursor }) : stay(state)),
    status: (state, input) => (state.step === 'opening' ? joined(state, input) : stay(state)),
    event: stay,
    refused: (state, input) => (state.step === 'opening' ? refused(state, input.refusal) : stay(state)),
    heartbeat: stay,
    lost: (state) => (state.step === 'opening' ? retry(state) : stay(state)),
    timeout: (state) => {
      switch (state.step) {
        case 'waiting':
          return open(state)
        case 'opening':
          return retry(state)
        case 'asleep':
          return stay(state)
      }
    },
    // The next join plans it anew.
    return: stay,
    wake: (state) => (state.step === 'opening' ? stay(state) : open(state)),
    sleep: (state) => asleep(state),
    stop,
  },
  ended: settled<Ended>(),
  expired: settled<Expired>(),
  failed: settled<Failed>(),
  stopped: settled<Stopped>(),
}

/** The first step: begins to follow behind `cursor`. */
export function begin(cursor: number, transport: TransportKind = 'websocket'): Step {
  const state: Connecting = { phase: 'connecting', cursor, transport, refusals: 0, attempt: 0, replayed: 0, returns: 0 }
  return step(state, { do: 'open', transport }, { do: 'arm', timer: 'answer' })
}

export function transition(state: State, input: Input): Step {
  // TypeScript cannot see that a state's phase and an input's kind choose the very cell that takes both.
  const cell = transitions[state.phase][input.kind] as (state: State, input: Input) => Step
  return cell(state, input)
}

export function isOver(state: State): state is Ended | Expired | Failed | Stopped {
  switch (state.phase) {
    case 'connecting':
    case 'replaying':
    case 'live':
    case 'reconnecting':
      return false
    case 'ended':
    case 'expired':
    case 'failed':
    case 'stopped':
      return true
  }
}

function step(state: State, ...effects: Effect[]): Step {
  return { state, effects }
}

function stay(state: State): Step {
  return { state, effects: [] }
}

/** The first answer on a connection: what waits is replayed, then it is live. */
function joined(state: Connecting | Reconnecting, input: InputOf<'status'>): Step {
  const replayed = Math.max(0, input.lastOffset - state.cursor)
  const { cursor, transport, attempt } = state
  const returns = transport === 'websocket' ? 0 : state.returns
  const base = { cursor, transport, attempt, refusals: 0, replayed, returns, awaiting: 'nothing', repairs: 0 } as const
  return planned(told({ phase: 'live', ...base }, input))
}

/** On the event stream the way back is planned, on the WebSocket there is none. */
function planned({ state, effects }: Step): Step {
  if (state.phase !== 'live' && state.phase !== 'replaying') return { state, effects }
  const plan = state.transport === 'sse' ? ({ do: 'plan-return', returns: state.returns } as const) : ({ do: 'drop-return' } as const)
  return { state, effects: [...effects, plan] }
}

/** Gives the WebSocket a chance, and one only: what does not get through leads to the event stream again. */
function back(state: Live): Step {
  if (state.transport === 'websocket') return stay(state)
  if (state.awaiting !== 'nothing') return planned(stay(state))
  const { cursor, attempt, returns } = state
  const refusals = REFUSALS_MAX - 1
  return open({ phase: 'reconnecting', step: 'waiting', cursor, transport: 'websocket', refusals, attempt, replayed: 0, returns: returns + 1 })
}

/** A status, on a connection that is joined. */
function told(state: Replaying | Live, input: InputOf<'status'>): Step {
  const { status, lastOffset } = input
  const isWhole = lastOffset <= state.cursor
  if (status === 'expired') return over(state, { phase: 'expired', cursor: state.cursor })
  if (isEnded(status) && isWhole) {
    // The terminal event was delivered in an earlier life; what it said beside the status is in the session's summary.
    return step({ phase: 'ended', cursor: state.cursor, outcome: outcomeOf(status) }, { do: 'close' }, { do: 'disarm' })
  }
  const { cursor, transport, refusals, replayed, repairs, returns } = state
  // An answered probe proves that the connection works; the answer to a re-join proves it once events follow.
  const attempt = state.awaiting === 'probe' ? 0 : state.attempt
  const next = { cursor, transport, refusals, attempt, replayed, returns, repairs, awaiting: 'nothing' } as const
  const arm = { do: 'arm', timer: 'silence' } as const
  if (isWhole) return step({ phase: 'live', ...next }, arm)
  return step({ phase: 'replaying', target: lastOffset, ...next }, arm)
}

function receive(state: Replaying | Live, event: LogEvent): Step {
  const offset = event.kind === 'update' ? event.envelope.offset : event.offset
  if (offset <= state.cursor) return state.awaiting === 'nothing' ? step(state, { do: 'arm', timer: 'silence' }) : stay(state)
  if (offset > state.cursor + 1) {
    // What follows a hole comes again after the re-join; it is not kept.
    return state.awaiting === 'repair' ? stay(state) : repair(state, offset)
  }
  const deliver = { do: 'deliver', event } as const
  if (event.kind === 'complete') {
    return step({ phase: 'ended', cursor: offset, outcome: event.outcome }, deliver, { do: 'close' }, { do: 'disarm' })
  }
  const arm = { do: 'arm', timer: 'silence' } as const
  const { transport, replayed, returns } = state
  const next = { cursor: offset, transport, refusals: 0, attempt: 0, replayed, returns, awaiting: 'nothing', repairs: 0 } as const
  if (state.phase === 'replaying' && offset < state.target) {
    return step({ phase: 'replaying', target: state.target, ...next }, deliver, arm)
  }
  return step({ phase: 'live', ...next }, deliver, arm)
}

/** Events up to `target` are missing: they are asked for again. */
function repair(state: Replaying | Live, target: number): Step {
  if (state.repairs >= REPAIRS_MAX) return retry(state)
  const { cursor, transport, refusals, attempt, replayed, returns, repairs } = state
  const next = { cursor, transport, refusals, attempt, replayed, returns, repairs: repairs + 1, awaiting: 'repair' } as const
  return step({ phase: 'replaying', target, ...next }, { do: 'join', after: cursor }, { do: 'arm', timer: 'answer' })
}

function probe(state: Replaying | Live): Step {
  if (state.awaiting !== 'nothing') return stay(state)
  return step({ ...state, awaiting: 'probe' }, { do: 'probe', after: state.cursor }, { do: 'arm', timer: 'answer' })
}

function retry(state: Connecting | Replaying | Live | Reconnecting): Step {
  const isJoined = state.phase === 'replaying' || state.phase === 'live'
  const refusals = isJoined ? 0 : state.refusals + 1
  const isToChange = refusals >= REFUSALS_MAX
  const next: Reconnecting = {
    phase: 'reconnecting',
    step: 'waiting',
    cursor: state.cursor,
    transport: isToChange ? other(state.transport) : state.transport,
    refusals: isToChange ? 0 : refusals,
    attempt: state.attempt + 1,
    replayed: 0,
    returns: state.returns,
  }
  return step(next, { do: 'close' }, { do: 'arm', timer: 'retry', attempt: next.attempt })
}

function open(state: Reconnecting): Step {
  const { transport } = state
  return step({ ...state, step: 'opening' }, { do: 'open', transport }, { do: 'arm', timer: 'answer' })
}

function asleep(state: Connecting | Replaying | Live | Reconnecting): Step {
  const { cursor, transport, refusals, attempt, returns } = state
  const next: Reconnecting = { phase: 'reconnecting', step: 'asleep', cursor, transport, refusals, attempt, replayed: 0, returns }
  return step(next, { do: 'close' }, { do: 'disarm' })
}

function refused(state: Connecting | Replaying | Live | Reconnecting, refusal: Refusal): Step {
  switch (refusal.code) {
    case 'session_expired':
      return over(state, { phase: 'expired', cursor: state.cursor })
    case 'internal':
    case 'unavailable':
    case 'too_many_sessions':
      return retry(state)
    default:
      return over(state, { phase: 'failed', cursor: state.cursor, refusal })
  }
}

/** On a connection that was let in before, a token has expired: the next connection brings a fresh one. */
function disturbed(state: Replaying | Live, refusal: Refusal): Step {
  return refusal.code === 'unauthorized' ? retry(state) : refused(state, refusal)
}

function stop(state: Connecting | Replaying | Live | Reconnecting): Step {
  return over(state, { phase: 'stopped', cursor: state.cursor })
}

function over(_from: Connecting | Replaying | Live | Reconnecting, next: Ended | Expired | Failed | Stopped): Step {
  return step(next, { do: 'close' }, { do: 'disarm' })
}

/** Nothing moves a state that is over. */
function settled<S extends Ended | Expired | Failed | Stopped>(): { readonly [K in InputKind]: (state: S, input: InputOf<K>) => Step } {
  return {
    opened: stay,
    status: stay,
    event: stay,
    refused: stay,
    heartbeat: stay,
    lost: stay,
    timeout: stay,
    return: stay,
    wake: stay,
    sleep: stay,
    stop: stay,
  }
}

function other(transport: TransportKind): TransportKind {
  return transport === 'websocket' ? 'sse' : 'websocket'
}

function outcomeOf(status: SessionStatus): Outcome {
  switch (status) {
    case 'failed':
      return { status: 'failed', error: 'the run failed' }
    case 'cancelled':
      return { status: 'cancelled', error: 'the run was cancelled' }
    case 'queued':
    case 'running':
    case 'completed':
    case 'expired':
      return { status: 'completed' }
  }
}
