/**
 * Server-sent events, `GET /api/v1/sessions/{id}/stream`, for networks that let no WebSocket through.
 *
 * Why not `EventSource`: it hides heartbeats and the status of a refusal, and reconnects when it likes.
 */
import { isAbort } from './errors.ts'
import { bearer } from './http.ts'
import type { Target, TokenSource, Transport, TransportEvents } from './transport.ts'
import { type ServerEvent, isRecord, parseJson, parseServerEvent, record } from './wire.ts'

/** Something from an event stream: an event, or a comment. */
export type SseItem = { readonly kind: 'event'; readonly name: string; readonly data: string } | { readonly kind: 'comment' }

/** Reads an event stream piece by piece (WHATWG HTML, section 9.2.6); the server ends lines with LF alone. */
export class SseParser {
  #rest = ''
  #name = ''
  #data: string[] = []

  push(text: string): SseItem[] {
    const items: SseItem[] = []
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const item = this.#line(line)
      if (item) items.push(item)
    }
    return items
  }

  #line(line: string): SseItem | undefined {
    if (line.startsWith(':')) return { kind: 'comment' }
    if (line !== '') {
      const [field = '', value = ''] = line.split(/: ?(.*)/s)
      if (field === 'event') this.#name = value
      if (field === 'data') this.#data.push(value)
      return undefined
    }
    const item = { kind: 'event', name: this.#name, data: this.#data.join('\n') } as const
    this.#name = ''
    this.#data = []
    return item.data === '' ? undefined : item
  }
}

export function openSse(target: Target, events: TransportEvents, fetch: typeof globalThis.fetch, token?: TokenSource): Transport {
  let stream = new AbortController()
  let isClosed = false

  const close = () => {
    isClosed = true
    stream.abort()
  }
  const lose = (reason: string) => {
    if (isClosed) return
    close()
    events.lost(reason)
  }
  const follow = (after: number) => {
    stream.abort()
    stream = new AbortController()
    const { signal } = stream
    read(target, after, fetch, signal, events, token).then(
      () => {
        if (!signal.aborted) lose('the stream ended')
      },
      (error: unknown) => {
        if (!signal.aborted && !isAbort(error)) lose(error instanceof Error ? error.message : 'the stream broke')
      },
    )
  }
  queueMicrotask(() => {
    if (!isClosed) events.opened()
  })
  // A stream cannot be asked anything: to hear of it is to open it again, where it stands.
  return { join: follow, probe: follow, close }
}

async function read(
  target: Target,
  after: number,
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
  events: TransportEvents,
  token: TokenSource | undefined,
): Promise<void> {
  const headers = await bearer(token)
  const session = encodeURIComponent(target.sessionId)
  const url = new URL(`api/v1/sessions/${session}/stream?lastSeenOffset=${after}`, target.baseUrl)
  const response = await fetch(url, { signal, cache: 'no-store', headers: { ...headers, accept: 'text/event-stream' } })
  const report = (event: ServerEvent) => {
    if (!signal.aborted) events.received(event)
  }
  if (response.status === 204) {
    // Ended, and all of it was seen; how it ended stands in its status.
    const status = await fetch(new URL(`api/v1/course-generation/session/${session}/status`, target.baseUrl), { signal, headers })
    report(parseServerEvent('session_status', parseJson(await status.text())))
    return
  }
  if (!response.ok || !response.body) {
    const problem = parseJson(await response.text())
    const code = isRecord(problem) && typeof problem['code'] === 'string' ? problem['code'] : 'unavailable'
    report({ kind: 'error', code, message: isRecord(problem) ? String(problem['detail']) : `answered with ${response.status}` })
    return
  }
  const parser = new SseParser()
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done || signal.aborted) return
    for (const item of parser.push(decoder.decode(value, { stream: true }))) {
      if (signal.aborted) return
      if (item.kind === 'comment') events.heartbeat()
      else events.received(parseServerEvent(item.name, record(parseJson(item.data), item.name)))
    }
  }
}
