import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { retryAfterMs } from '../src/client/backoff.ts'
import { CourseStreamClient, type Envelope, type Outcome, RequestError, SessionNotFoundError, UnreachableError, randomId, storedPositions } from '../src/client/index.ts'
import { SseParser } from '../src/client/sse.ts'
import { parseFrame } from '../src/client/wire.ts'
import { FakeClock, World } from './model.ts'

const silent = { listen: () => () => undefined }

function memory(): Storage {
  const items = new Map<string, string>()
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  } as Storage
}

function clientOn(world: World, clock: FakeClock, storage: Storage): CourseStreamClient {
  return new CourseStreamClient({ baseUrl: 'http://server.invalid', positions: storedPositions(storage), openTransport: world.open, clock, signals: silent })
}

/** Opens and serves the newest connection. */
function serve(world: World): void {
  world.connections.at(-1)?.open()
  world.connections.at(-1)?.deliver(10_000)
}

describe('following', () => {
  test('calls back in the way that front ends expect', () => {
    const world = new World()
    world.append(2)
    const clock = new FakeClock()
    const calls: string[] = []
    clientOn(world, clock, memory()).follow('s', {
      onConnect: ({ phase, replayed }) => calls.push(`connect ${phase} ${replayed}`),
      onUpdate: ({ offset }: Envelope) => calls.push(`update ${offset}`),
      onComplete: (outcome: Outcome) => calls.push(`complete ${outcome.status}`),
      onDisconnect: (reason) => calls.push(`disconnect ${reason}`),
      onStatusChange: ({ phase }) => calls.push(phase),
    })
    serve(world)
    world.connections[0]?.break()
    clock.advance(1_000)
    world.end()
    serve(world)
    expect(calls).toEqual([
      'connect replaying 2',
      'replaying',
      'update 1',
      'update 2',
      'live',
      'disconnect broken',
      'reconnecting',
      'connect replaying 1',
      'replaying',
      'ended',
      'complete completed',
    ])
  })

  test('resumes behind what this tab saw, and another client of the tab knows it', () => {
    const world = new World()
    world.append(3)
    const clock = new FakeClock()
    const storage = memory()
    const first = clientOn(world, clock, storage).follow('s')
    serve(world)
    expect(first.status.lastSeenOffset).toBe(3)
    first.stop()
    world.append(2)
    const offsets: number[] = []
    const reloaded = clientOn(world, clock, storage)
    expect(reloaded.lastSeenOffset('s')).toBe(3)
    reloaded.resume('s', { onUpdate: ({ offset }) => offsets.push(offset) })
    serve(world)
    expect(offsets).toEqual([4, 5])
    reloaded.forget('s')
    expect(reloaded.lastSeenOffset('s')).toBe(0)
  })

  test('a signal stops it, even one that was given before', () => {
    const world = new World()
    const clock = new FakeClock()
    const client = clientOn(world, clock, memory())
    const controller = new AbortController()
    const followed = client.follow('s', { signal: controller.signal })
    serve(world)
    controller.abort()
    expect(followed.status.phase).toBe('stopped')
    expect(client.follow('s', { signal: controller.signal }).status.phase).toBe('stopped')
    expect(clock.timers).toBe(0)
  })

  test('an offset of another log is named, not guessed', () => {
    const world = new World()
    const clock = new FakeClock()
    const followed = clientOn(world, clock, memory()).follow('s', { after: 9 })
    serve(world)
    expect(followed.status).toMatchObject({ phase: 'failed', error: { name: 'OffsetAheadError' } })
  })

  test('a callback that throws harms nobody else', async () => {
    const world = new World()
    world.append(2)
    const thrown: unknown[] = []
    const listener = (error: unknown) => thrown.push(error)
    process.on('uncaughtException', listener)
    const offsets: number[] = []
    clientOn(world, new FakeClock(), memory()).follow('s', {
      onUpdate: ({ offset }) => {
        offsets.push(offset)
        throw new Error('the caller is at fault')
      },
    })
    serve(world)
    await vi.waitFor(() => { expect(thrown).toHaveLength(2) })
    process.off('uncaughtException', listener)
    expect(offsets).toEqual([1, 2])
  })
})

describe('requests', () => {
  function answering(...answers: (Response | Error)[]) {
    const requests: Request[] = []
    const clock = new FakeClock()
    const fetch: typeof globalThis.fetch = (input, init) => {
      requests.push(new Request(input, init))
      const answer = answers.shift() ?? new Error('nobody asked for this')
      queueMicrotask(() => { setTimeout(() => { clock.advance(60_000) }, 0) })
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    }
    const client = new CourseStreamClient({ baseUrl: 'http://server.invalid/base', fetch, clock, signals: silent, positions: storedPositions(memory()) })
    return { client, requests }
  }

  const json = (status: number, body: unknown) => Response.json(body, { status })

  test('a start is tried again with the same key', async () => {
    const { client, requests } = answering(new TypeError('fetch failed'), json(503, { success: false, error: 'later' }), json(200, { success: true, sessionId: 's' }))
    expect(await client.start({ topic: 'Bread', userId: 'u' })).toBe('s')
    expect(requests).toHaveLength(3)
    expect(new Set(requests.map((request) => request.headers.get('idempotency-key'))).size).toBe(1)
    expect(requests[0]?.url).toBe('http://server.invalid/base/api/v1/course-generation/generate')
    expect(await requests[0]?.json()).toEqual({ course_topic: 'Bread', search_web: false, user_id: 'u' })
  })

  test('every request says who asks, with a token that may change', async () => {
    const requests: Request[] = []
    let token: string | undefined
    const fetch: typeof globalThis.fetch = (input, init) => {
      requests.push(new Request(input, init))
      return Promise.resolve(json(200, { items: [] }))
    }
    const client = new CourseStreamClient({ baseUrl: 'http://server.invalid', fetch, token: () => Promise.resolve(token), signals: silent })
    for (token of [undefined, 'one', 'two']) await client.sessions()
    expect(requests.map(({ headers }) => headers.get('authorization'))).toEqual([null, 'Bearer one', 'Bearer two'])
  })

  test('what is refused for good is not tried again, and says why', async () => {
    const { client, requests } = answering(json(400, { success: false, error: 'course_topic: too long' }))
    const error = await client.start({ topic: 'x', userId: 'u' }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(RequestError)
    expect(error).toMatchObject({ status: 400, message: 'course_topic: too long' })
    expect(requests).toHaveLength(1)
  })

  test('a server that stays away is unreachable', async () => {
    const { client } = answering(...Array.from({ length: 5 }, () => new TypeError('fetch failed')))
    await expect(client.session('s')).rejects.toBeInstanceOf(UnreachableError)
  })

  test('without a network a request waits as long as it takes, and goes out as soon as there is one', async () => {
    const clock = new FakeClock()
    let isOffline = true
    let tries = 0
    const listeners = new Set<(signal: 'wake') => void>()
    const fetch: typeof globalThis.fetch = () => {
      tries += 1
      return isOffline ? Promise.reject(new TypeError('fetch failed')) : Promise.resolve(json(200, { success: true, sessionId: 's' }))
    }
    const client = new CourseStreamClient({
      baseUrl: 'http://server.invalid',
      fetch,
      clock,
      positions: storedPositions(memory()),
      signals: {
        isOffline: () => isOffline,
        listen(report) {
          listeners.add(report)
          return () => { listeners.delete(report) }
        },
      },
    })
    const settle = () => new Promise((resolve) => setTimeout(resolve, 0))
    const started = client.start({ topic: 'Bread', userId: 'u' })
    for (let round = 0; round < 12; round += 1) {
      await settle()
      clock.advance(15_000)
    }
    await settle()
    expect(tries).toBeGreaterThan(5)
    isOffline = false
    for (const report of listeners) report('wake')
    expect(await started).toBe('s')
    expect(listeners.size).toBe(0)
    expect(clock.timers).toBe(0)
  })

  test('cancelling what has ended is no error', async () => {
    const { client } = answering(json(409, { success: false, error: 'ended' }))
    await expect(client.cancel('s')).resolves.toBeUndefined()
  })

  test('the log is read page by page, up to where it is wanted', async () => {
    const item = (offset: number) => ({ sessionId: 's', offset, type: 'log', message: '', timestamp: '' })
    const { client, requests } = answering(
      json(200, { items: [item(1), item(2)], nextAfter: 2, lastOffset: 3, ended: true }),
      json(200, { items: [item(3)], lastOffset: 3, ended: true }),
    )
    const offsets: number[] = []
    for await (const events of client.log('s')) offsets.push(...events.map(({ offset }) => offset))
    expect(offsets).toEqual([1, 2, 3])
    expect(requests.map(({ url }) => new URL(url).search)).toEqual(['?after=0&limit=1000', '?after=2&limit=1000'])
  })

  test('a problem is told by its code', async () => {
    const { client } = answering(json(404, { code: 'session_not_found', detail: 'there is no such session', status: 404 }))
    await expect(client.session('s')).rejects.toMatchObject({ code: 'session_not_found', message: 'there is no such session' })
  })
})

test('pauses between tries grow, are bounded, and differ from client to client', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const pause = retryAfterMs(attempt, random)
      const full = Math.min(15_000, 250 * 2 ** Math.min(attempt - 1, 16))
      expect(pause).toBeGreaterThanOrEqual(full / 2)
      expect(pause).toBeLessThanOrEqual(full)
    }),
  )
})

test('an event stream reads the same however it is cut', () => {
  const text = 'id: 1\nevent: a\ndata: {"x":": é"}\n\n: still here\n\nevent: b\ndata: 2\n\n'
  const whole = new SseParser().push(text)
  expect(whole).toEqual([
    { kind: 'event', name: 'a', data: '{"x":": é"}' },
    { kind: 'comment' },
    { kind: 'event', name: 'b', data: '2' },
  ])
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
      const parser = new SseParser()
      const ends = [...new Set([...cuts, text.length])].sort((a, b) => a - b)
      let from = 0
      const items = ends.flatMap((end) => {
        const piece = parser.push(text.slice(from, end))
        from = end
        return piece
      })
      expect(items).toEqual(whole)
    }),
  )
})

test('frames are read strictly', () => {
  const status = { event: 'session_status', data: { sessionId: 's', status: 'running', lastOffset: 3 } }
  expect(parseFrame(JSON.stringify(status))).toEqual({ kind: 'status', sessionId: 's', status: 'running', lastOffset: 3 })
  const cancelled = { event: 'course_generation_complete', data: { success: false, cancelled: true, error: 'why', sessionId: 's', offset: 4 } }
  expect(parseFrame(JSON.stringify(cancelled))).toMatchObject({ kind: 'complete', outcome: { status: 'cancelled', error: 'why' } })
  // What a later server may send disturbs nobody.
  expect(parseFrame('{"event":"other","data":{}}')).toEqual({ kind: 'other' })
  for (const text of [
    '',
    'null',
    '[]',
    '{"event":"session_status","data":{"sessionId":"s","status":"odd","lastOffset":1}}',
    '{"event":"session_status","data":{"sessionId":"s","status":"running","lastOffset":-1}}',
    '{"event":"course_generation_update","data":{"sessionId":"s","offset":"1","type":"log","message":"","timestamp":""}}',
  ]) {
    expect(() => parseFrame(text), text).toThrow(expect.objectContaining({ name: 'ProtocolError' }) as Error)
  }
})

test('a storage that refuses is as good as none', () => {
  const refuse = () => {
    throw new DOMException('no', 'SecurityError')
  }
  const positions = storedPositions({ getItem: refuse, setItem: refuse, removeItem: refuse })
  expect(positions.get('s')).toBe(0)
  positions.set('s', 4)
  expect(positions.get('s')).toBe(4)
  positions.delete('s')
  expect(positions.get('s')).toBe(0)
})

test('random ids are version 4 UUIDs', () => {
  expect(randomId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new SessionNotFoundError('x').isTransient).toBe(false)
})
