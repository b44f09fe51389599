/** The HTTP endpoints that a client needs, typed by the OpenAPI document. */
import { RequestError, UnreachableError, isAbort } from './errors.ts'
import type { components, operations } from './openapi.gen.ts'
import type { TokenSource } from './transport.ts'
import { type Envelope, type SessionStatus, type SessionSummary, isRecord, parseEnvelope, parseJson, parseSummary, record } from './wire.ts'

type Schemas = components['schemas']

export interface StartRequest {
  readonly topic: string
  readonly userId: string
  readonly searchWeb?: boolean
}

export interface SessionsQuery {
  readonly status?: readonly SessionStatus[]
  readonly userId?: string
  /** Part of the topic. */
  readonly topic?: string
  /** RFC 3339. */
  readonly startedAfter?: string
  readonly startedBefore?: string
  readonly limit?: number
  readonly cursor?: string
}

export interface SessionsPage {
  readonly items: readonly SessionSummary[]
  readonly nextCursor?: string
}

export interface EventsPage {
  readonly items: readonly Envelope[]
  readonly nextAfter?: number
  readonly lastOffset: number
  readonly ended: boolean
}

export class Http {
  readonly #baseUrl: string
  readonly #fetch: typeof globalThis.fetch
  readonly #token: TokenSource | undefined

  constructor(baseUrl: string, fetch: typeof globalThis.fetch, token?: TokenSource) {
    this.#baseUrl = baseUrl
    this.#fetch = fetch
    this.#token = token
  }

  async start(request: StartRequest, idempotencyKey: string, signal?: AbortSignal): Promise<string> {
    const body: Schemas['GenerateRequest'] = {
      course_topic: request.topic,
      search_web: request.searchWeb ?? false,
      user_id: request.userId,
    }
    const answer = record(
      await this.#call('api/v1/course-generation/generate', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
        body: JSON.stringify(body),
        ...withSignal(signal),
      }),
      'the answer',
    )
    return String(answer['sessionId'])
  }

  async cancel(sessionId: string, signal?: AbortSignal): Promise<void> {
    const path = `api/v1/course-generation/session/${encodeURIComponent(sessionId)}/cancel`
    await this.#call(path, { method: 'POST', ...withSignal(signal) })
  }

  async session(sessionId: string, signal?: AbortSignal): Promise<SessionSummary> {
    return parseSummary(await this.#call(`api/v1/sessions/${encodeURIComponent(sessionId)}`, withSignal(signal)))
  }

  async sessions(query: SessionsQuery, signal?: AbortSignal): Promise<SessionsPage> {
    const parameters: NonNullable<operations['listSessions']['parameters']['query']> = {
      ...(query.status && { status: [...query.status] }),
      ...(query.userId && { user_id: query.userId }),
      ...(query.topic && { topic: query.topic }),
      ...(query.startedAfter && { started_after: query.startedAfter }),
      ...(query.startedBefore && { started_before: query.startedBefore }),
      ...(query.limit && { limit: query.limit }),
      ...(query.cursor && { cursor: query.cursor }),
    }
    const page = record(await this.#call(`api/v1/sessions${search(parameters)}`, withSignal(signal)), 'the answer')
    const items = Array.isArray(page['items']) ? page['items'].map(parseSummary) : []
    return typeof page['nextCursor'] === 'string' ? { items, nextCursor: page['nextCursor'] } : { items }
  }

  async events(sessionId: string, query: { after: number; limit: number }, signal?: AbortSignal): Promise<EventsPage> {
    const path = `api/v1/sessions/${encodeURIComponent(sessionId)}/events${search(query)}`
    const page = record(await this.#call(path, withSignal(signal)), 'the answer')
    const items = Array.isArray(page['items']) ? page['items'].map(parseEnvelope) : []
    const rest = { items, lastOffset: Number(page['lastOffset']), ended: page['ended'] === true }
    return typeof page['nextAfter'] === 'number' ? { ...rest, nextAfter: page['nextAfter'] } : rest
  }

  /** The course as JSON; what it holds is for the caller to check. */
  async course(courseId: string, signal?: AbortSignal): Promise<unknown> {
    return this.#call(`api/v1/courses/${encodeURIComponent(courseId)}`, withSignal(signal))
  }

  async #call(path: string, init: RequestInit & { headers?: Record<string, string> }): Promise<unknown> {
    const headers = { ...init.headers, ...(await bearer(this.#token)) }
    let response: Response
    let text: string
    try {
      response = await this.#fetch(new URL(path, this.#baseUrl), { ...init, headers })
      text = await response.text()
    } catch (cause) {
      if (isAbort(cause) || init.signal?.aborted) throw cause
      throw new UnreachableError('the server cannot be reached', { cause })
    }
    if (response.ok) return parseJson(text)
    throw refusal(response.status, text)
  }
}

/** The header that says who asks. */
export async function bearer(token: TokenSource | undefined): Promise<Record<string, string>> {
  const known = await token?.()
  return known === undefined ? {} : { authorization: `Bearer ${known}` }
}

/** Both forms of errors: problem details, and `{"success":false,"error":…}`. */
function refusal(status: number, text: string): RequestError {
  let body: unknown
  try {
    body = parseJson(text)
  } catch {
    // A proxy's page, perhaps.
  }
  const fields = isRecord(body) ? body : {}
  const code = typeof fields['code'] === 'string' ? fields['code'] : `http_${status}`
  const message = [fields['detail'], fields['error']].find((field) => typeof field === 'string')
  return new RequestError(status, code, typeof message === 'string' ? message : `the server answered with ${status}`)
}

function search(parameters: object): string {
  const text = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? '' : `?${text}`
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}
