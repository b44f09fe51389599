// @vitest-environment jsdom
import { StrictMode, act } from 'react'
import { type Root, createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CourseStreamClient, storedPositions, tabStorage } from '../src/client/index.ts'
import { type UseCourseGeneration, type UseCourseGenerationOptions, useCourseGeneration } from '../src/react/index.ts'
import { FakeClock, World } from './model.ts'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let root: Root
let world: World
let clock: FakeClock
let requests: string[]
let latest: UseCourseGeneration
let own: CourseStreamClient

beforeEach(() => {
  sessionStorage.clear()
  world = new World()
  clock = new FakeClock()
  requests = []
})

afterEach(() => act(() => { root.unmount() }))

function client(): CourseStreamClient {
  const fetch = (input: URL | RequestInfo, init?: RequestInit) => {
    const { pathname } = new URL(String(input))
    requests.push(`${init?.method ?? 'GET'} ${pathname}`)
    if (pathname.endsWith('/generate')) return Promise.resolve(Response.json({ success: true, sessionId: 's' }))
    if (pathname.endsWith('/cancel')) return Promise.resolve(Response.json({ success: true }))
    if (pathname.endsWith('/events')) {
      const items = Array.from({ length: world.length }, (_, index) => world.eventAt(index + 1)).map((event, index) =>
        event.kind === 'update' ? event.envelope : { sessionId: 's', offset: index + 1, type: 'session_completed', message: 'over', timestamp: '' },
      )
      const after = Number(new URL(String(input)).searchParams.get('after'))
      return Promise.resolve(Response.json({ items: items.slice(after), lastOffset: world.length, ended: world.isEnded }))
    }
    return Promise.resolve(Response.json({ sessionId: 's', topic: 'Topic', status: 'running' }))
  }
  return new CourseStreamClient({
    baseUrl: 'http://server.invalid',
    fetch,
    openTransport: world.open,
    clock,
    positions: storedPositions(tabStorage()),
    signals: { listen: () => () => undefined },
  })
}

function Probe(options: UseCourseGenerationOptions) {
  latest = useCourseGeneration(options)
  return <output>{latest.logs.length}</output>
}

async function mount(options: Partial<UseCourseGenerationOptions> = {}) {
  root = createRoot(document.body.appendChild(document.createElement('div')))
  own = client()
  const whole = { userId: 'u', client: own, ...options }
  await act(async () => {
    root.render(
      <StrictMode>
        <Probe {...whole} />
      </StrictMode>,
    )
    await Promise.resolve()
  })
}

/** Waits for what timers bring about, outside of `act`. */
async function until(check: () => void): Promise<void> {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false })
  await vi.waitFor(check)
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
}

const serve = () => act(async () => {
  world.connections.at(-1)?.open()
  world.connections.at(-1)?.deliver(1_000)
  await new Promise((resolve) => setTimeout(resolve, 0))
})

test('StrictMode starts one run, follows it once, and shows each event once', async () => {
  await mount()
  expect(latest).toMatchObject({ isGenerating: false, sessionId: undefined, logs: [] })
  await act(() => latest.startGeneration('Topic'))
  expect(requests.filter((request) => request.endsWith('/generate'))).toHaveLength(1)
  expect(latest).toMatchObject({ isGenerating: true, sessionId: 's' })
  world.append(3)
  await serve()
  await until(() => { expect(latest.logs.map(({ offset }) => offset)).toEqual([1, 2, 3]) })
  expect(world.connections).toHaveLength(1)
  expect(latest).toMatchObject({ status: 'running', connection: { phase: 'live' } })

  await act(() => latest.stopGeneration())
  expect(requests).toContain('POST /api/v1/course-generation/session/s/cancel')
  world.end()
  await serve()
  await until(() => { expect(latest.logs).toHaveLength(4) })
  expect(latest).toMatchObject({ isGenerating: false, status: 'completed' })

  await act(async () => { latest.clearLogs(); await Promise.resolve() })
  expect(latest.logs).toEqual([])
})

test('after a reload the session that this tab followed is shown again, what was seen from the history', async () => {
  world.append(2)
  sessionStorage.setItem('coursestream:last-session', 's')
  sessionStorage.setItem('coursestream:last-seen:s', '2')
  await mount()
  await until(() => { expect(latest.logs).toHaveLength(2) })
  world.append(1)
  await serve()
  await until(() => { expect(latest.logs.map(({ offset }) => offset)).toEqual([1, 2, 3]) })
})

test('what is known of a session is there when one comes back to it, whatever the network does', async () => {
  world.append(3)
  await mount({ sessionId: 's' })
  await serve()
  await until(() => { expect(latest).toMatchObject({ logs: { length: 3 }, summary: { topic: 'Topic' } }) })
  const show = (sessionId: string | null) => act(async () => { root.render(<StrictMode><Probe userId="u" client={own} sessionId={sessionId} /></StrictMode>); await Promise.resolve() })
  await show(null)
  expect(latest.logs).toEqual([])
  world.append(1)
  await show('s')
  expect(latest).toMatchObject({ isGenerating: true, logs: { length: 3 }, run: { lastOffset: 3 }, summary: { topic: 'Topic' }, connection: { phase: 'connecting' } })
  await serve()
  await until(() => { expect(latest.logs.map(({ offset }) => offset)).toEqual([1, 2, 3, 4]) })

  world.end()
  await serve()
  await until(() => { expect(latest.logs).toHaveLength(5) })
  const { length } = world.connections
  await show(null)
  await show('s')
  expect(latest).toMatchObject({ isGenerating: false, logs: { length: 5 }, status: 'completed', connection: { phase: 'ended' } })
  expect(world.connections).toHaveLength(length)
})

test('a session is asked about once it is known to be there, and the first join misses nothing', async () => {
  world.append(2)
  await mount({ sessionId: 's' })
  expect(requests).toEqual([])
  await serve()
  await until(() => { expect(latest.summary).toBeDefined() })
  expect(latest.connection).toMatchObject({ phase: 'live', replayed: 0 })
  world.connections.at(-1)?.break()
  world.append(2)
  await act(async () => { clock.advance(1_000); await Promise.resolve() })
  await serve()
  await until(() => { expect(latest.connection).toMatchObject({ phase: 'live', replayed: 2 }) })
  expect(requests.filter((request) => request === 'GET /api/v1/sessions/s')).toHaveLength(1)
})

test('unmounting lets go of the connection and leaves no timer', async () => {
  await mount({ sessionId: 's' })
  await serve()
  await act(async () => { root.render(null); await Promise.resolve() })
  expect(clock.timers).toBe(0)
})
