/** Carries out what the state machine asks for: connections, one timer, callbacks. */
import { retryAfterMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import { type Effect, type Input, type Live, type LogEvent, type Replaying, type State, begin, isOver, transition } from './machine.ts'
import type { OpenTransport, Target, Transport } from './transport.ts'
import type { WakeSignals } from './wake.ts'
import type { ServerEvent, SessionStatus } from './wire.ts'

/** A connection or a join that is not answered for so long is useless. */
const ANSWER_MAX_MS = 10_000
/** A connection that brings nothing for so long is asked whether it lives. */
const SILENCE_MAX_MS = 30_000
/** Pauses before the WebSocket is tried again: they double, from the first to the last. */
const RETURN_FIRST_MS = 60_000
const RETURN_MAX_MS = 30 * 60_000
/**
 * A page that nobody looks at lets go of its event stream after so long, and goes on where it was when somebody does: of HTTP/1.1
 * connections to one host, browsers give all their tabs together no more than six.
 */
const HIDDEN_STREAM_MAX_MS = 15_000

export interface FollowerEvents {
  /** After every step that changed something. */
  moved(state: State, session: SessionStatus | undefined): void
  event(event: LogEvent): void
  disconnected(reason: string): void
}

export interface FollowerOptions {
  readonly target: Target
  readonly after: number
  readonly open: OpenTransport
  readonly clock: Clock
  readonly signals: WakeSignals
  readonly events: FollowerEvents
}

export class Follower {
  readonly #options: FollowerOptions
  #state: State
  #session: SessionStatus | undefined
  #transport: Transport | undefined
  #inputs: Input[] = []
  #isBusy = false
  #lastHeardMs = 0
  #reason = ''
  #timer: { readonly isSilence: boolean; readonly disarm: () => void } | undefined
  #disarmReturn: (() => void) | undefined
  #isHidden: boolean
  #disarmHidden: (() => void) | undefined
  #unlisten: () => void

  constructor(options: FollowerOptions) {
    this.#options = options
    const first = begin(options.after)
    this.#state = first.state
    this.#isHidden = options.signals.isHidden?.() === true
    this.#unlisten = options.signals.listen((signal) => {
      // The network may come back to a page that nobody looks at.
      this.#isHidden = signal === 'hide' || options.signals.isHidden?.() === true
      if (signal === 'offline') this.#lose('the network is gone')
      else if (signal === 'hide') this.#watchHidden()
      else this.#put({ kind: signal })
    })
    this.#isBusy = true
    for (const effect of first.effects) this.#carryOut(effect)
    this.#isBusy = false
    this.#drain()
  }

  get state(): State {
    return this.#state
  }

  stop(): void {
    this.#put({ kind: 'stop' })
  }

  /** Inputs that a step brings about, such as a callback that stops, wait until the step is done. */
  #put(input: Input): void {
    this.#inputs.push(input)
    this.#drain()
  }

  #drain(): void {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) this.#step(input)
    } finally {
      this.#isBusy = false
    }
  }

  #step(input: Input): void {
    const { state, effects } = transition(this.#state, input)
    const before = this.#state
    this.#state = state
    const { events } = this.#options
    const sessionBefore = this.#session
    if (input.kind === 'status') this.#session = input.status
    if (state.phase === 'ended') this.#session = state.outcome.status
    if (state.phase === 'expired') this.#session = 'expired'
    for (const effect of effects) this.#carryOut(effect)
    this.#watchHidden()
    if (isOver(state) && !isOver(before)) this.#unlisten()
    if (isJoined(before) && state.phase === 'reconnecting' && state.step === 'waiting') {
      const reason = input.kind === 'lost' ? this.#reason : 'the server does not answer'
      guard(() => { events.disconnected(reason) })
    }
    if (state !== before || this.#session !== sessionBefore) guard(() => { events.moved(state, this.#session) })
  }

  #carryOut(effect: Effect): void {
    switch (effect.do) {
      case 'open': {
        this.#transport?.close()
        this.#transport = this.#connect(effect.transport)
        return
      }
      case 'close':
        this.#transport?.close()
        this.#transport = undefined
        return
      case 'join':
        this.#transport?.join(effect.after)
        return
      case 'probe':
        this.#transport?.probe(effect.after)
        return
      case 'deliver':
        guard(() => { this.#options.events.event(effect.event) })
        return
      case 'arm':
        switch (effect.timer) {
          case 'silence':
            this.#armSilence()
            return
          case 'answer':
            this.#arm(ANSWER_MAX_MS)
            return
          case 'retry':
            this.#arm(retryAfterMs(effect.attempt, this.#options.clock.random()))
            return
        }
        return
      case 'plan-return':
        this.#planReturn(effect.returns)
        return
      case 'drop-return':
        this.#dropReturn()
        return
      case 'disarm':
        this.#timer?.disarm()
        this.#timer = undefined
        this.#dropReturn()
        return
    }
  }

  #connect(kind: Parameters<OpenTransport>[0]): Transport {
    const transport: Transport = this.#options.open(kind, this.#options.target, {
      opened: () => { this.#hear(transport, { kind: 'opened' }) },
      heartbeat: () => { this.#hear(transport, { kind: 'heartbeat' }) },
      received: (event) => { this.#hear(transport, toInput(event)) },
      lost: (reason) => {
        if (transport === this.#transport) this.#lose(reason)
      },
    })
    return transport
  }

  /** A connection that was given up has nothing more to say. */
  #hear(transport: Transport, input: Input): void {
    if (transport !== this.#transport) return
    this.#lastHeardMs = this.#options.clock.nowMs()
    this.#put(input)
  }

  #lose(reason: string): void {
    this.#reason = reason
    this.#put({ kind: 'lost' })
  }

  #arm(ms: number, isSilence = false): void {
    this.#timer?.disarm()
    const disarm = this.#options.clock.after(ms, () => { this.#fire() })
    this.#timer = { isSilence, disarm }
  }

  #planReturn(returns: number): void {
    this.#disarmReturn ??= this.#options.clock.after(Math.min(RETURN_MAX_MS, RETURN_FIRST_MS * 2 ** Math.min(returns, 16)), () => {
      this.#disarmReturn = undefined
      this.#put({ kind: 'return' })
    })
  }

  #dropReturn(): void {
    this.#disarmReturn?.()
    this.#disarmReturn = undefined
  }

  #watchHidden(): void {
    const isWaste = this.#isHidden && isJoined(this.#state) && this.#state.transport === 'sse'
    if (!isWaste) {
      this.#disarmHidden?.()
      this.#disarmHidden = undefined
      return
    }
    this.#disarmHidden ??= this.#options.clock.after(HIDDEN_STREAM_MAX_MS, () => {
      this.#disarmHidden = undefined
      this.#put({ kind: 'sleep' })
    })
  }

  /** A timer for every event of a long log would be a waste: one that fires too early is set again. */
  #armSilence(): void {
    if (!this.#timer?.isSilence) this.#arm(SILENCE_MAX_MS, true)
  }

  #fire(): void {
    const isSilence = this.#timer?.isSilence ?? false
    this.#timer = undefined
    const quietMs = this.#options.clock.nowMs() - this.#lastHeardMs
    if (isSilence && quietMs < SILENCE_MAX_MS) {
      this.#arm(SILENCE_MAX_MS - quietMs, true)
      return
    }
    this.#put({ kind: 'timeout' })
  }
}

function isJoined(state: State): state is Replaying | Live {
  return state.phase === 'replaying' || state.phase === 'live'
}

/** A caller's callback that throws is the caller's business: it is reported, and following goes on. */
function guard(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

function toInput(event: ServerEvent): Input {
  switch (event.kind) {
    case 'status':
      return { kind: 'status', status: event.status, lastOffset: event.lastOffset }
    case 'update':
    case 'complete':
      return { kind: 'event', event }
    case 'other':
      return { kind: 'heartbeat' }
    case 'error':
      return { kind: 'refused', refusal: { code: event.code, message: event.message } }
  }
}
