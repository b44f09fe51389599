/**
 * What travels between client and server, parsed where it enters. Behind this file everything is trusted to have its type.
 */
import { ProtocolError } from './errors.ts'
import type { components } from './openapi.gen.ts'

type Schemas = components['schemas']

export const SESSION_STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled', 'expired'] as const
export type SessionStatus = (typeof SESSION_STATUSES)[number]

export const EVENT_TYPES = [
  'log',
  'progress',
  'success',
  'error',
  'course_generated',
  'session_started',
  'session_completed',
  'session_failed',
  'session_cancelled',
] as const
export type EventType = (typeof EVENT_TYPES)[number]

/** One event of a session's log. */
export type Envelope = Omit<Schemas['Event'], 'type'> & { readonly type: EventType }

/** A session of the history. */
export type SessionSummary = Omit<Schemas['SessionSummary'], 'status'> & { readonly status: SessionStatus }

/** How a session ended. */
export type Outcome =
  | { readonly status: 'completed'; readonly courseId?: string }
  | { readonly status: 'failed' | 'cancelled'; readonly error: string }

/** A real-time event from the server. */
export type ServerEvent =
  | { readonly kind: 'status'; readonly sessionId: string; readonly status: SessionStatus; readonly lastOffset: number }
  | { readonly kind: 'update'; readonly envelope: Envelope }
  | { readonly kind: 'complete'; readonly sessionId: string; readonly offset: number; readonly outcome: Outcome }
  | { readonly kind: 'error'; readonly sessionId?: string; readonly code: string; readonly message: string }
  /** `authenticated`, or what a later server may send: it says no more than that the connection lives. */
  | { readonly kind: 'other' }

export function isEnded(status: SessionStatus): boolean {
  return status !== 'queued' && status !== 'running'
}

/** Reads a text frame of the WebSocket. */
export function parseFrame(text: string): ServerEvent {
  const frame = record(parseJson(text), 'a frame')
  return parseServerEvent(string(frame, 'event'), frame['data'])
}

/** Reads a real-time event by its name. */
export function parseServerEvent(name: string, payload: unknown): ServerEvent {
  const data = record(payload, name)
  switch (name) {
    case 'session_status':
      return {
        kind: 'status',
        sessionId: string(data, 'sessionId'),
        status: sessionStatus(data['status']),
        lastOffset: offset(data, 'lastOffset'),
      }
    case 'course_generation_update':
      return { kind: 'update', envelope: parseEnvelope(data) }
    case 'course_generation_complete':
      return { kind: 'complete', sessionId: string(data, 'sessionId'), offset: offset(data, 'offset'), outcome: outcome(data) }
    case 'session_error': {
      const error = { kind: 'error', code: string(data, 'code'), message: string(data, 'message') } as const
      return typeof data['sessionId'] === 'string' ? { ...error, sessionId: data['sessionId'] } : error
    }
    default:
      return { kind: 'other' }
  }
}

export function parseEnvelope(value: unknown): Envelope {
  const data = record(value, 'an event')
  const type = data['type']
  const envelope = {
    sessionId: string(data, 'sessionId'),
    offset: offset(data, 'offset'),
    type: oneOf(EVENT_TYPES, type, 'type'),
    message: string(data, 'message'),
    timestamp: string(data, 'timestamp'),
  }
  return 'data' in data ? { ...envelope, data: data['data'] } : envelope
}

/** How the session ended, where the event is its last one. */
export function outcomeOf(envelope: Envelope): Outcome | undefined {
  const data = isRecord(envelope.data) ? envelope.data : {}
  const error = typeof data['error'] === 'string' ? data['error'] : envelope.message
  switch (envelope.type) {
    case 'session_completed':
      return typeof data['courseId'] === 'string'
        ? { status: 'completed', courseId: data['courseId'] }
        : { status: 'completed' }
    case 'session_failed':
      return { status: 'failed', error }
    case 'session_cancelled':
      return { status: 'cancelled', error }
    case 'log':
    case 'progress':
    case 'success':
    case 'error':
    case 'course_generated':
    case 'session_started':
      return undefined
  }
}

export function parseSummary(value: unknown): SessionSummary {
  const summary = record(value, 'a session') as Schemas['SessionSummary'] & Record<string, unknown>
  string(summary, 'sessionId')
  string(summary, 'topic')
  return { ...summary, status: sessionStatus(summary.status) }
}

function outcome(data: Record<string, unknown>): Outcome {
  if (data['success'] === true) {
    return typeof data['courseId'] === 'string' ? { status: 'completed', courseId: data['courseId'] } : { status: 'completed' }
  }
  const error = typeof data['error'] === 'string' ? data['error'] : 'the run failed'
  return { status: data['cancelled'] === true ? 'cancelled' : 'failed', error }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new ProtocolError('the server sent what is not JSON', { cause })
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function record(value: unknown, what: string): Record<string, unknown> {
  if (!isRecord(value)) throw new ProtocolError(`${what} must be an object`)
  return value
}

function string(fields: Record<string, unknown>, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new ProtocolError(`${name} must be a string`)
  return value
}

function offset(fields: Record<string, unknown>, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ProtocolError(`${name} must be a whole number from 0`)
  }
  return value
}

function sessionStatus(value: unknown): SessionStatus {
  return oneOf(SESSION_STATUSES, value, 'status')
}

function oneOf<T extends string>(all: readonly T[], value: unknown, name: string): T {
  const found = all.find((one) => one === value)
  if (found === undefined) throw new ProtocolError(`${name} must be one of ${all.join(', ')}`)
  return found
}
