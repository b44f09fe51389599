import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Follower } from '../src/client/follower.ts'
import type { State } from '../src/client/machine.ts'
import type { WakeSignals } from '../src/client/wake.ts'
import { FakeClock, World } from './model.ts'

type Signal = Parameters<Parameters<WakeSignals['listen']>[0]>[0]

function follow(world: World, clock: FakeClock, after = 0) {
  const delivered: number[] = []
  const phases: State['phase'][] = []
  let report: Parameters<WakeSignals['listen']>[0] = () => undefined
  let isListening = false
  const signals: WakeSignals = {
    listen(to) {
      report = to
      isListening = true
      return () => { isListening = false }
    },
  }
  const follower = new Follower({
    target: { baseUrl: 'http://server.invalid/', sessionId: 's' },
    after,
    open: world.open,
    clock,
    signals,
    events: {
      event: (event) => delivered.push(event.kind === 'update' ? event.envelope.offset : event.offset),
      moved: ({ phase }) => {
        if (phases.at(-1) !== phase) phases.push(phase)
      },
      disconnected: () => undefined,
    },
  })
  return { follower, delivered, phases, signal: (signal: Signal) => { if (isListening) report(signal) }, isListening: () => isListening }
}

const upTo = (last: number, from = 1) => Array.from({ length: Math.max(0, last - from + 1) }, (_, index) => from + index)

/** What the world, the network, the page and the clock may do. */
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), which: fc.nat(3), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('break' as const, 'repeat' as const, 'swallow' as const, 'swap' as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom<Signal[]>('wake', 'hide', 'sleep', 'offline') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 50_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const) }) },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

test('whatever the network does, every event is delivered once and in order, and in the end all are', () => {
  fc.assert(
    fc.property(fc.nat(5), fc.array(action, { maxLength: 80 }), (seenBefore, actions: Action[]) => {
      const world = new World()
      world.append(5)
      const clock = new FakeClock()
      const { follower, delivered, signal, isListening } = follow(world, clock, seenBefore)
      for (const action of actions) {
        // The newest connection is the one that counts; older ones may still speak.
        const pick = (which: number) => world.connections.at(-1 - (which % world.connections.length))
        switch (action.do) {
          case 'append':
            world.append(action.count)
            break
          case 'end':
            world.end()
            break
          case 'open':
            pick(action.which)?.open()
            break
          case 'deliver':
            pick(action.which)?.deliver(action.count)
            break
          case 'break':
          case 'repeat':
          case 'swallow':
          case 'swap':
            pick(action.which)?.[action.do]()
            break
          case 'wake':
          case 'hide':
          case 'sleep':
          case 'offline':
            signal(action.do)
            break
          case 'wait':
            clock.advance(action.ms)
            break
        }
        // Safety, after every single step.
        expect(delivered).toEqual(upTo(seenBefore + delivered.length, seenBefore + 1))
        expect(follower.state.cursor).toBe(seenBefore + delivered.length)
      }
      // Liveness: once the network behaves and the page is looked at, all of it arrives and the following ends.
      world.end()
      signal('wake')
      for (let round = 0; round < 40 && follower.state.phase !== 'ended'; round += 1) {
        const connection = world.connections.at(-1)
        connection?.open()
        connection?.deliver(10_000)
        clock.advance(15_000)
      }
      expect(follower.state.phase).toBe('ended')
      expect(delivered).toEqual(upTo(world.length, seenBefore + 1))
      // Nothing is left behind.
      expect(clock.timers).toBe(0)
      expect(isListening()).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})

test('a quiet connection is asked after 30 s and given up 10 s later', () => {
  const world = new World()
  const clock = new FakeClock()
  const { follower } = follow(world, clock)
  world.connections[0]?.open()
  world.connections[0]?.deliver(1)
  clock.advance(29_999)
  expect(world.connections[0]?.queue).toHaveLength(0)
  clock.advance(1)
  expect(world.connections[0]?.queue).toMatchObject([{ kind: 'status' }])
  clock.advance(9_999)
  expect(follower.state.phase).toBe('live')
  clock.advance(1)
  expect(follower.state.phase).toBe('reconnecting')
  clock.advance(250)
  expect(world.connections).toHaveLength(2)
})

test('events put the question off', () => {
  const world = new World()
  const clock = new FakeClock()
  follow(world, clock)
  const [connection] = world.connections
  connection?.open()
  connection?.deliver(1)
  for (let second = 0; second < 120; second += 1) {
    clock.advance(1_000)
    world.append(1)
    connection?.deliver(1)
  }
  // One timer, however many events.
  expect(clock.timers).toBe(1)
  expect(connection?.queue).toHaveLength(0)
})

test('on the event stream the WebSocket is tried again after a minute, then after two, and nothing is lost over it', () => {
  const world = new World()
  const clock = new FakeClock()
  const { follower, delivered } = follow(world, clock)
  // Nobody answers, as while a server restarts.
  for (let refused = 0; refused < 2; refused += 1) {
    world.connections.at(-1)?.break()
    clock.advance(1_000)
  }
  const serve = (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      world.append(1)
      world.connections.at(-1)?.open()
      world.connections.at(-1)?.deliver(10)
      clock.advance(1_000)
    }
  }
  expect(world.kinds).toEqual(['websocket', 'websocket', 'sse'])
  serve(59)
  expect(world.kinds).toHaveLength(3)
  clock.advance(1_000)
  expect(world.kinds.slice(3)).toEqual(['websocket'])
  world.connections.at(-1)?.break()
  clock.advance(1_000)
  expect(world.kinds.slice(4)).toEqual(['sse'])
  serve(119)
  expect(world.kinds).toHaveLength(5)
  serve(1)
  expect(world.kinds.slice(5)).toEqual(['websocket'])
  serve(600)
  expect(world.kinds).toHaveLength(6)
  expect(follower.state).toMatchObject({ phase: 'live', transport: 'websocket' })
  expect(delivered).toEqual(upTo(world.length))
  follower.stop()
  expect(clock.timers).toBe(0)
})

test('nobody looks: the event stream is let go of after 15 s, and goes on where it was once somebody does; a WebSocket stays', () => {
  for (const transport of ['websocket', 'sse'] as const) {
    const world = new World()
    const clock = new FakeClock()
    const { follower, delivered, signal } = follow(world, clock)
    if (transport === 'sse') {
      for (let refused = 0; refused < 2; refused += 1) {
        world.connections.at(-1)?.break()
        clock.advance(1_000)
      }
    }
    const serve = () => {
      world.connections.at(-1)?.open()
      world.connections.at(-1)?.deliver(10)
    }
    world.append(1)
    serve()
    signal('hide')
    clock.advance(14_999)
    signal('wake')
    serve()
    clock.advance(14_999)
    expect(follower.state).toMatchObject({ phase: 'live', transport })
    signal('hide')
    clock.advance(15_000)
    expect(follower.state).toMatchObject(transport === 'sse' ? { phase: 'reconnecting', step: 'asleep' } : { phase: 'live' })
    world.append(2)
    signal('wake')
    serve()
    expect(follower.state).toMatchObject({ phase: 'live', transport })
    expect(delivered).toEqual([1, 2, 3])
    follower.stop()
    expect(clock.timers).toBe(0)
  }
})

test('stopping from within a callback is possible', () => {
  const world = new World()
  world.append(3)
  const clock = new FakeClock()
  const delivered: number[] = []
  const follower: Follower = new Follower({
    target: { baseUrl: 'http://server.invalid/', sessionId: 's' },
    after: 0,
    open: world.open,
    clock,
    signals: { listen: () => () => undefined },
    events: {
      event: (event) => {
        if (event.kind === 'update') delivered.push(event.envelope.offset)
        follower.stop()
      },
      moved: () => undefined,
      disconnected: () => undefined,
    },
  })
  world.connections[0]?.open()
  world.connections[0]?.deliver(10)
  expect(delivered).toEqual([1])
  expect(follower.state.phase).toBe('stopped')
  expect(clock.timers).toBe(0)
})
