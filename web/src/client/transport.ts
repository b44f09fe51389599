import type { TransportKind } from './machine.ts'
import type { ServerEvent } from './wire.ts'

/** A connection that serves one session. */
export interface Transport {
  /** Asks for everything behind an offset; answered by a status or an error. */
  join(after: number): void
  /** Asks for a sign of life; answered by a status. */
  probe(after: number): void
  /** Nothing is reported any more. */
  close(): void
}

export interface TransportEvents {
  opened(): void
  received(event: ServerEvent): void
  heartbeat(): void
  /** Once, and the last. */
  lost(reason: string): void
}

export interface Target {
  readonly baseUrl: string
  readonly sessionId: string
}

/** A bearer token, asked for before each connection and request; `undefined` where the server is open. */
export type TokenSource = () => string | undefined | Promise<string | undefined>

export type OpenTransport = (kind: TransportKind, target: Target, events: TransportEvents) => Transport
