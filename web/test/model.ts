/**
 * A server's log and a network that drops, delays, reorders connections and repeats frames, as a model for property tests. Time is
 * moved by hand.
 */
import type { Clock } from '../src/client/clock.ts'
import type { TransportKind } from '../src/client/machine.ts'
import type { OpenTransport, TransportEvents } from '../src/client/transport.ts'
import type { ServerEvent } from '../src/client/wire.ts'

export class FakeClock implements Clock {
  #nowMs = 0
  #timers: { at: number; callback: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#nowMs + ms, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer)
    }
  }

  random(): number {
    return 0.5
  }

  get timers(): number {
    return this.#timers.length
  }

  advance(ms: number): void {
    const end = this.#nowMs + ms
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#nowMs = Math.max(this.#nowMs, next.at)
      next.callback()
    }
    this.#nowMs = end
  }
}

/** One connection: what the server has sent on it and the network has not delivered yet. */
class Connection {
  readonly #world: World
  readonly #events: TransportEvents
  queue: ServerEvent[] = []
  isOpen = false
  isGone = false
  isJoined = false
  #sent = 0

  constructor(world: World, events: TransportEvents) {
    this.#world = world
    this.#events = events
  }

  join(after: number | undefined): void {
    if (!this.isOpen || this.isGone) return
    const { length, isEnded } = this.#world
    if (after !== undefined && after > length) {
      this.queue.push({ kind: 'error', sessionId: 's', code: 'offset_ahead', message: '' })
      return
    }
    this.queue.push({ kind: 'status', sessionId: 's', status: isEnded ? 'completed' : 'running', lastOffset: length })
    if (after !== undefined || !this.isJoined) this.#sent = after ?? 0
    this.isJoined = true
    this.pump()
  }

  /** The server sends what it has. */
  pump(): void {
    if (!this.isJoined) return
    while (this.#sent < this.#world.length) {
      this.#sent += 1
      this.queue.push(this.#world.eventAt(this.#sent))
    }
  }

  open(): void {
    if (this.isGone || this.isOpen) return
    this.isOpen = true
    this.#events.opened()
  }

  deliver(count: number): void {
    for (let left = count; left > 0 && !this.isGone; left -= 1) {
      const event = this.queue.shift()
      if (!event) return
      this.#events.received(event)
    }
  }

  repeat(): void {
    const [first] = this.queue
    if (first) this.queue.splice(1, 0, first)
  }

  /** The network swallows a frame: TCP does not, but a broken proxy may. */
  swallow(): void {
    this.queue.shift()
  }

  swap(): void {
    const [first, second] = this.queue
    if (first && second) this.queue.splice(0, 2, second, first)
  }

  /** Gone, with everything under way on it. */
  break(): void {
    if (this.isGone) return
    this.isGone = true
    this.#events.lost('broken')
  }
}

export class World {
  length = 0
  isEnded = false
  /** Those that the client has given up stay: what is still under way on them may arrive late. */
  readonly connections: Connection[] = []

  /** What each connection was opened as. */
  readonly kinds: TransportKind[] = []

  readonly open: OpenTransport = (kind, _target, events) => {
    this.kinds.push(kind)
    const connection = new Connection(this, events)
    this.connections.push(connection)
    return {
      join: (after) => { connection.join(after) },
      probe: () => { connection.join(undefined) },
      close: () => undefined,
    }
  }

  append(count: number): void {
    if (this.isEnded) return
    this.length += count
    for (const connection of this.connections) connection.pump()
  }

  end(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.length += 1
    for (const connection of this.connections) connection.pump()
  }

  eventAt(offset: number): ServerEvent {
    if (this.isEnded && offset === this.length) {
      return { kind: 'complete', sessionId: 's', offset, outcome: { status: 'completed' } }
    }
    return {
      kind: 'update',
      envelope: { sessionId: 's', offset, type: 'log', message: `line ${offset}`, timestamp: '2026-01-31T12:00:00.000Z' },
    }
  }
}
