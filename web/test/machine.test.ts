import { describe, expect, test } from 'vitest'
import { type Effect, type Input, type Live, type LogEvent, type Reconnecting, type Replaying, type State, begin, isOver, transition, transitions } from '../src/client/machine.ts'

function update(offset: number): LogEvent {
  const envelope = { sessionId: 's', offset, type: 'log', message: `line ${offset}`, timestamp: '2026-01-31T12:00:00.000Z' } as const
  return { kind: 'update', envelope }
}

function complete(offset: number): LogEvent {
  return { kind: 'complete', sessionId: 's', offset, outcome: { status: 'completed', courseId: 'c' } }
}

const event = (event: LogEvent): Input => ({ kind: 'event', event })
const running = (lastOffset: number): Input => ({ kind: 'status', status: 'running', lastOffset })

/** Takes the inputs one after another; the effects are those of the last. */
function run(from: State, ...inputs: Input[]): { state: State; effects: readonly Effect[] } {
  let result: { state: State; effects: readonly Effect[] } = { state: from, effects: [] }
  for (const input of inputs) result = transition(result.state, input)
  return result
}

const fresh = begin(0).state
const live = run(fresh, { kind: 'opened' }, running(0)).state as Live
const replaying = run(fresh, { kind: 'opened' }, running(3)).state as Replaying
const waiting = run(live, { kind: 'lost' }).state as Reconnecting
const opening = run(waiting, { kind: 'timeout' }).state as Reconnecting
const names = (effects: readonly Effect[]) => effects.map((effect) => (effect.do === 'arm' ? `arm ${effect.timer}` : effect.do))

describe('joining', () => {
  test('begins by opening, and waits for the answer no longer than it should', () => {
    expect(begin(7).state).toMatchObject({ phase: 'connecting', cursor: 7 })
    expect(names(begin(7).effects)).toEqual(['open', 'arm answer'])
  })

  test('joins behind the cursor once the connection is open', () => {
    expect(run(begin(7).state, { kind: 'opened' }).effects).toEqual([{ do: 'join', after: 7 }])
  })

  test('replays what waits, and is live with the last of it', () => {
    expect(replaying).toMatchObject({ phase: 'replaying', target: 3, replayed: 3 })
    const almost = run(replaying, event(update(1)), event(update(2)))
    expect(almost.state).toMatchObject({ phase: 'replaying', cursor: 2 })
    expect(run(almost.state, event(update(3))).state).toMatchObject({ phase: 'live', cursor: 3, replayed: 3 })
  })

  test('is live at once where nothing waits', () => {
    expect(live).toMatchObject({ phase: 'live', cursor: 0, replayed: 0 })
  })

  test('of a session that has ended and was seen to its end is over', () => {
    const { state } = run(begin(5).state, { kind: 'opened' }, { kind: 'status', status: 'cancelled', lastOffset: 5 })
    expect(state).toMatchObject({ phase: 'ended', outcome: { status: 'cancelled' } })
  })

  test('of an expired session leads to the history', () => {
    for (const from of [fresh, opening, live]) {
      const { state, effects } = run(from, { kind: 'refused', refusal: { code: 'session_expired', message: '' } })
      expect(state.phase).toBe('expired')
      expect(names(effects)).toEqual(['close', 'disarm'])
    }
  })

  test('that is refused for good has failed; one that is refused for now is tried again', () => {
    for (const code of ['session_not_found', 'offset_ahead', 'unauthorized', 'forbidden', 'bad_request']) {
      expect(run(fresh, { kind: 'refused', refusal: { code, message: 'no' } }).state).toMatchObject({ phase: 'failed', refusal: { code } })
    }
    for (const code of ['internal', 'unavailable', 'too_many_sessions']) {
      expect(run(fresh, { kind: 'refused', refusal: { code, message: '' } }).state).toMatchObject({ phase: 'reconnecting', step: 'waiting', attempt: 1 })
    }
  })
})

test('a token that expires while one is let in costs a connection, and is final only where the next is refused too', () => {
  const refusal = { code: 'unauthorized', message: 'the token has expired' }
  for (const from of [live, replaying]) {
    const lapsed = run(from, { kind: 'refused', refusal })
    expect(lapsed.state).toMatchObject({ phase: 'reconnecting', step: 'waiting', cursor: 0 })
    expect(run(lapsed.state, { kind: 'timeout' }, { kind: 'opened' }, { kind: 'refused', refusal }).state).toMatchObject({ phase: 'failed', refusal })
  }
})

describe('events', () => {
  test('that come again are not delivered again', () => {
    const { state } = run(live, event(update(1)))
    const again = run(state, event(update(1)))
    expect(again.state).toEqual(state)
    expect(names(again.effects)).not.toContain('deliver')
  })

  test('behind a gap are not delivered; the gap is asked for once', () => {
    const gap = run(live, event(update(3)))
    expect(gap.state).toMatchObject({ phase: 'replaying', cursor: 0, awaiting: 'repair' })
    expect(gap.effects).toEqual([{ do: 'join', after: 0 }, { do: 'arm', timer: 'answer' }])
    expect(run(gap.state, event(update(4))).effects).toEqual([])
    const repaired = run(gap.state, running(4), event(update(1)), event(update(2)), event(update(3)), event(update(4)))
    expect(repaired.state).toMatchObject({ phase: 'live', cursor: 4, repairs: 0 })
  })

  test('that stay away after re-joins end the connection', () => {
    let { state } = run(live, event(update(3)))
    for (let repair = 0; repair < 2; repair += 1) state = run(state, running(3), event(update(3))).state
    expect(run(state, running(3), event(update(3))).state).toMatchObject({ phase: 'reconnecting', cursor: 0 })
  })

  test('the terminal one ends it, and nothing moves it any more', () => {
    const { state, effects } = run(live, event(complete(1)))
    expect(state).toMatchObject({ phase: 'ended', cursor: 1, outcome: { status: 'completed', courseId: 'c' } })
    expect(names(effects)).toEqual(['deliver', 'close', 'disarm'])
    for (const kind of Object.keys(transitions.ended) as Input['kind'][]) {
      expect(transition(state, sample(kind))).toEqual({ state, effects: [] })
    }
  })
})

describe('silence', () => {
  test('is asked about, and the answer shows that the connection lives', () => {
    const asked = run(live, { kind: 'timeout' })
    expect(names(asked.effects)).toEqual(['probe', 'arm answer'])
    expect(run(asked.state, running(0)).state).toMatchObject({ phase: 'live', awaiting: 'nothing' })
    expect(run(asked.state, event(update(1))).state).toMatchObject({ awaiting: 'nothing' })
    expect(run(asked.state, { kind: 'heartbeat' }).state).toMatchObject({ awaiting: 'nothing' })
  })

  test('that goes on after the question ends the connection', () => {
    const { state, effects } = run(live, { kind: 'timeout' }, { kind: 'timeout' })
    expect(state).toMatchObject({ phase: 'reconnecting', step: 'waiting' })
    expect(names(effects)).toEqual(['close', 'arm retry'])
  })

  test('while events are known to wait is answered by asking for them', () => {
    expect(run(replaying, { kind: 'timeout' }).effects).toEqual([{ do: 'join', after: 0 }, { do: 'arm', timer: 'answer' }])
  })

  test('an answered question shows events that never came', () => {
    const { state } = run(live, { kind: 'timeout' }, running(2))
    expect(state).toMatchObject({ phase: 'replaying', target: 2 })
    expect(names(run(state, { kind: 'timeout' }).effects)).toEqual(['join', 'arm answer'])
  })
})

describe('coming back', () => {
  test('pauses grow until something comes through', () => {
    let state: State = fresh
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const lost = run(state, { kind: 'lost' })
      expect(lost.effects.at(-1)).toEqual({ do: 'arm', timer: 'retry', attempt })
      state = run(lost.state, { kind: 'timeout' }).state
    }
    // To be let in and thrown out again is no progress.
    state = run(state, { kind: 'opened' }, running(3)).state
    expect(run(state, { kind: 'lost' }).state).toMatchObject({ attempt: 6 })
    expect(run(state, event(update(1)), { kind: 'lost' }).state).toMatchObject({ attempt: 1 })
  })

  test('a transport that never gets through gives way to the other, and that to the first', () => {
    const kinds: string[] = []
    let state: State = fresh
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const tried = run(state, { kind: 'lost' }, { kind: 'timeout' })
      state = tried.state
      for (const effect of tried.effects) if (effect.do === 'open') kinds.push(effect.transport)
    }
    expect(kinds).toEqual(['websocket', 'sse', 'sse', 'websocket', 'websocket', 'sse'])
  })

  test('a transport that worked is kept', () => {
    expect(run(live, { kind: 'lost' }, { kind: 'timeout' }, { kind: 'lost' }, { kind: 'timeout' }).state).toMatchObject({ transport: 'websocket' })
  })

  test('the event stream plans the way back, which gets one chance and then waits longer', () => {
    const onSse = run(fresh, { kind: 'lost' }, { kind: 'timeout' }, { kind: 'lost' }, { kind: 'timeout' }, { kind: 'opened' }, running(0))
    expect(onSse.state).toMatchObject({ phase: 'live', transport: 'sse' })
    expect(onSse.effects).toContainEqual({ do: 'plan-return', returns: 0 })
    const tried = run(onSse.state, { kind: 'return' })
    expect(tried.effects).toEqual([{ do: 'open', transport: 'websocket' }, { do: 'arm', timer: 'answer' }])
    const inVain = run(tried.state, { kind: 'lost' }, { kind: 'timeout' })
    expect(inVain.effects[0]).toEqual({ do: 'open', transport: 'sse' })
    expect(run(inVain.state, { kind: 'opened' }, running(0)).effects).toContainEqual({ do: 'plan-return', returns: 1 })
    const returned = run(tried.state, { kind: 'opened' }, running(0))
    expect(returned.state).toMatchObject({ phase: 'live', transport: 'websocket', returns: 0 })
    expect(returned.effects).toContainEqual({ do: 'drop-return' })
    expect(run(returned.state, { kind: 'return' })).toEqual({ state: returned.state, effects: [] })
  })

  test('no way back is taken while events or an answer are under way', () => {
    for (const busy of [{ ...replaying, transport: 'sse' } as const, { ...live, transport: 'sse', awaiting: 'probe' } as const]) {
      const { state, effects } = run(busy, { kind: 'return' })
      expect(state).toBe(busy)
      expect(names(effects)).toEqual(['plan-return'])
    }
  })

  test('the network tries at once, and makes a live connection prove itself', () => {
    expect(names(run(waiting, { kind: 'wake' }).effects)).toEqual(['open', 'arm answer'])
    expect(run(opening, { kind: 'wake' }).effects).toEqual([])
    expect(names(run(live, { kind: 'wake' }).effects)).toEqual(['probe', 'arm answer'])
  })

  test('the page is put away without a connection and wakes with one', () => {
    for (const from of [fresh, live, replaying, waiting, opening]) {
      const away = run(from, { kind: 'sleep' })
      expect(away.state).toMatchObject({ phase: 'reconnecting', step: 'asleep' })
      expect(names(away.effects)).toEqual(['close', 'disarm'])
      expect(run(away.state, { kind: 'timeout' }).effects).toEqual([])
      expect(names(run(away.state, { kind: 'wake' }).effects)).toEqual(['open', 'arm answer'])
    }
  })

  test('goes on behind the cursor', () => {
    const { state } = run(live, event(update(1)), event(update(2)), { kind: 'lost' }, { kind: 'timeout' })
    expect(run(state, { kind: 'opened' }).effects).toEqual([{ do: 'join', after: 2 }])
    expect(run(state, { kind: 'opened' }, running(5)).state).toMatchObject({ phase: 'replaying', replayed: 3 })
  })
})

test('stopping is possible at any time and is final', () => {
  for (const from of [fresh, live, replaying, waiting, opening]) {
    const { state, effects } = run(from, { kind: 'stop' })
    expect(state.phase).toBe('stopped')
    expect(isOver(state)).toBe(true)
    expect(names(effects)).toEqual(['close', 'disarm'])
  }
})

test('every state that is not over has a timer, but for sleep', () => {
  for (const from of [fresh, live, replaying, waiting, opening]) {
    for (const kind of Object.keys(transitions.live) as Input['kind'][]) {
      const { state, effects } = transition(from, sample(kind))
      const hasLeft = state.phase !== from.phase
      const isAsleep = state.phase === 'reconnecting' && state.step === 'asleep'
      if (hasLeft && !isOver(state) && !isAsleep) expect(names(effects).some((name) => name.startsWith('arm')), `${from.phase} ${kind}`).toBe(true)
    }
  }
})

function sample(kind: Input['kind']): Input {
  switch (kind) {
    case 'status':
      return running(9)
    case 'event':
      return event(update(1))
    case 'refused':
      return { kind, refusal: { code: 'internal', message: '' } }
    default:
      return { kind }
  }
}
