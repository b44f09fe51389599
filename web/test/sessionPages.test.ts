import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SessionStatus, SessionSummary, SessionsPage, SessionsQuery } from '../src/client/index.ts'
import { RequestError, UnreachableError, isEnded } from '../src/client/index.ts'
import { SessionLists } from '../src/page/sessionLists.ts'
import { LIMIT_MAX, type SessionPages, answered, failed, hasMore, more, nothingRead, refresh } from '../src/page/sessionPages.ts'
import { FakeClock } from './model.ts'

const PAGE = 5

/** The history as the API gives it: newest first, by ids that count up, and cursors that are places between them. */
class Server {
  sessions: SessionSummary[] = []
  requests = 0
  #created = 0

  create(count: number, status: SessionStatus = 'running'): void {
    for (let left = count; left > 0; left -= 1) {
      this.#created += 1
      const sessionId = `0199aaaa-0000-7000-8000-${String(this.#created).padStart(12, '0')}`
      this.sessions = [{ sessionId, topic: `Topic ${this.#created}`, status } as SessionSummary, ...this.sessions]
    }
  }

  move(at: number, status: SessionStatus): void {
    this.sessions = this.sessions.map((session, index) => (index === at % this.sessions.length ? { ...session, status } : session))
  }

  matching({ status }: SessionsQuery): SessionSummary[] {
    return this.sessions.filter((session) => status?.includes(session.status) ?? true)
  }

  page({ limit = 50, cursor, ...query }: SessionsQuery): SessionsPage {
    this.requests += 1
    expect(limit).toBeGreaterThan(0)
    expect(limit).toBeLessThanOrEqual(LIMIT_MAX)
    const all = this.matching(query).filter(({ sessionId }) => cursor === undefined || sessionId < cursor)
    const items = all.slice(0, limit)
    const last = items.at(-1)
    return all.length > limit && last ? { items, nextCursor: last.sessionId } : { items }
  }
}

const ids = (sessions: readonly SessionSummary[] = []) => sessions.map(({ sessionId }) => sessionId)

/** Answers all that is asked for, one request after the other. */
function settle(state: SessionPages, server: Server, query: SessionsQuery = {}): SessionPages {
  for (let now = state; ; ) {
    const { request } = now
    if (!request) return now
    now = answered(now, request, server.page({ ...query, limit: request.limit, ...(request.cursor !== undefined && { cursor: request.cursor }) }), 0)
  }
}

test('more is asked for once, however often it is clicked', () => {
  const server = new Server()
  server.create(12)
  const first = settle(refresh(nothingRead(PAGE)), server)
  const clicked = more(first)
  expect(more(clicked)).toBe(clicked)
  const twice = settle(clicked, server)
  expect(ids(twice.shown?.items)).toEqual(ids(server.sessions.slice(0, 10)))
  const all = settle(more(twice), server)
  expect(ids(all.shown?.items)).toEqual(ids(server.sessions))
  expect(hasMore(all)).toBe(false)
  expect(more(all)).toBe(all)
})

test('a refresh renews every row that is shown, and says whether there is more', () => {
  const server = new Server()
  server.create(12)
  const shown = settle(more(settle(refresh(nothingRead(PAGE)), server)), server)
  server.move(8, 'failed')
  server.create(1)
  server.requests = 0
  const renewed = settle(refresh(shown), server)
  // The second reads the row that the new one has pushed out of the first.
  expect(server.requests).toBe(2)
  expect(ids(renewed.shown?.items)).toEqual(ids(server.sessions.slice(0, 11)))
  expect(renewed.shown?.items[9]?.status).toBe('failed')
  expect(hasMore(renewed)).toBe(true)
  server.sessions = server.sessions.slice(0, 11)
  expect(hasMore(settle(refresh(renewed), server))).toBe(false)
})

test('1,000 rows are a few clicks away and renewed with five requests, and a list that others add to stays bounded', () => {
  const server = new Server()
  server.create(1_000)
  let state = settle(refresh(nothingRead(25)), server)
  let clicks = 0
  for (; hasMore(state); clicks += 1) state = settle(more(state), server)
  expect(clicks).toBe(11)
  expect(ids(state.shown?.items)).toEqual(ids(server.sessions))
  server.requests = 0
  state = settle(refresh(state), server)
  expect(server.requests).toBe(5)
  expect(state.shown?.items).toHaveLength(1_000)
  expect(settle(refresh(nothingRead(1_000)), server).shown?.items).toHaveLength(1_000)
  let small = settle(refresh(nothingRead(PAGE)), server)
  for (let times = 0; times < 20; times += 1) {
    server.create(3)
    small = settle(refresh(small), server)
    expect(small.shown?.items.length).toBeLessThanOrEqual(2 * PAGE)
    expect(ids(small.shown?.items)).toEqual(ids(server.sessions.slice(0, small.shown?.items.length)))
  }
})

test('what fails leaves what is shown, and an answer that nobody waits for changes nothing', () => {
  const server = new Server()
  server.create(12)
  const shown = settle(refresh(nothingRead(PAGE)), server)
  const asking = more(shown)
  if (!asking.request) throw new Error('nothing is asked for')
  const after = failed(asking, asking.request, { message: 'away', isTransient: true })
  expect(after).toMatchObject({ shown: shown.shown, failure: { kind: 'more', message: 'away', count: 1 } })
  expect(answered(after, asking.request, { items: [] }, 0)).toBe(after)
  expect(settle(refresh(after), server).failure).toBeUndefined()
})

/** Lets promises go on. */
const turn = () => new Promise((resolve) => { setTimeout(resolve) })

interface Asked {
  readonly query: SessionsQuery
  readonly signal: AbortSignal
  answer(page: SessionsPage): void
  fail(error: Error): void
}

function world() {
  const asked: Asked[] = []
  const clock = new FakeClock()
  let wake: () => void = () => undefined
  let isHidden = false
  const lists = new SessionLists(
    (query, signal) =>
      new Promise((resolve, reject) => {
        asked.push({ query, signal, answer: resolve, fail: reject })
        // Of those that are let go, some are answered nevertheless.
        signal.addEventListener('abort', () => { if (signal.reason instanceof UnreachableError) reject(signal.reason) })
      }),
    {
      clock,
      signals: {
        isHidden: () => isHidden,
        listen: (report) => {
          wake = () => { report('wake') }
          return () => undefined
        },
      },
    },
  )
  const hide = () => { isHidden = true }
  const show = () => {
    isHidden = false
    wake()
  }
  return { asked, clock, lists, hide, show }
}

const FILTERS: readonly SessionsQuery[] = [{}, { status: ['queued', 'running'] }, { status: ['failed'] }]

test('a list that changes while it is read has no row twice, none out of order, none of another filter, and more exactly where there is more', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('create', 'move', 'answer', 'answer', 'fail', 'late'), at: fc.nat(40) }),
    fc.record({ kind: fc.constantFrom('more', 'more', 'refresh', 'wake', 'filter', 'tick'), at: fc.nat(40) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const server = new Server()
      server.create(20)
      const { asked, clock, lists, show } = world()
      let query = FILTERS[0] as SessionsQuery
      let list = lists.of(query, PAGE)
      let letGo = list.subscribe(() => undefined)
      const answer = () => {
        const open = asked.findLast(({ signal }) => !signal.aborted)
        open?.answer(server.page(open.query))
      }
      const check = () => {
        const shown = ids(list.snapshot().shown?.items)
        expect(shown).toEqual(ids(list.snapshot().shown?.items).toSorted().reverse())
        expect(new Set(shown).size).toBe(shown.length)
        expect(list.snapshot().shown?.items.filter(({ status }) => query.status && !query.status.includes(status))).toEqual(list.snapshot().shown ? [] : undefined)
      }
      for (const { kind, at } of steps) {
        if (kind === 'create') server.create(1 + (at % 7), at % 3 === 0 ? 'failed' : 'running')
        if (kind === 'move') server.move(at, at % 2 === 0 ? 'failed' : 'completed')
        if (kind === 'answer') answer()
        if (kind === 'late') asked[at % asked.length]?.answer(server.page(asked[at % asked.length]?.query ?? {}))
        if (kind === 'fail') asked.at(-1)?.fail(new UnreachableError('away'))
        if (kind === 'more') list.more()
        if (kind === 'refresh') list.again()
        if (kind === 'wake') show()
        if (kind === 'tick') clock.advance(20_000)
        if (kind === 'filter') {
          letGo()
          query = FILTERS[at % FILTERS.length] ?? {}
          list = lists.of(query, PAGE)
          letGo = list.subscribe(() => undefined)
        }
        await turn()
        check()
      }
      // Once all is quiet, it is what the server has; a page that is still awaited goes first.
      for (const _ of ['page', 'refresh']) {
        list.again()
        for (let times = 0; list.snapshot().request && times < 50; times += 1) {
          answer()
          await turn()
        }
      }
      const { shown } = list.snapshot()
      const all = server.matching(query)
      expect(shown?.items).toEqual(all.slice(0, shown?.items.length))
      expect(shown?.items.length).toBeGreaterThanOrEqual(Math.min(PAGE, all.length))
      expect(hasMore(list.snapshot())).toBe((shown?.items.length ?? 0) < all.length)
      letGo()
    }),
    { numRuns: 200 },
  )
})

test('a list asks again while somebody looks: soon where a run goes on, later where none does, at once when the network is back', async () => {
  const { asked, clock, lists, hide, show } = world()
  const server = new Server()
  server.create(3)
  const list = lists.of({}, PAGE)
  expect(asked).toHaveLength(0)
  const letGo = list.subscribe(() => undefined)
  const answer = async () => {
    const open = asked.at(-1)
    open?.answer(server.page(open.query))
    await turn()
  }
  await answer()
  clock.advance(4_000)
  expect(asked).toHaveLength(2)
  server.sessions = server.sessions.map((session) => ({ ...session, status: 'completed' }))
  await answer()
  expect(list.snapshot().shown?.items.every(({ status }) => isEnded(status))).toBe(true)
  clock.advance(19_000)
  expect(asked).toHaveLength(2)
  // Nobody asks for a page that nobody looks at, and at once for one that is looked at again.
  hide()
  clock.advance(100_000)
  expect(asked).toHaveLength(2)
  show()
  expect(asked).toHaveLength(3)
  // One that hangs is given up, and tried again.
  clock.advance(20_000)
  await turn()
  expect(list.snapshot().failure).toMatchObject({ message: 'the server does not answer', count: 1 })
  clock.advance(1_000)
  expect(asked).toHaveLength(4)
  await answer()
  expect(list.snapshot().failure).toBeUndefined()
  letGo()
  clock.advance(100_000)
  expect(asked).toHaveLength(4)
  // Kept for when one comes back.
  expect(lists.of({}, PAGE).snapshot().shown?.items).toHaveLength(3)
})

test('what the server refuses for good is not asked for again and again', async () => {
  const { asked, clock, lists } = world()
  const list = lists.of({ topic: 'x' }, PAGE)
  list.subscribe(() => undefined)
  asked.at(-1)?.fail(new RequestError(400, 'bad_request', 'no such topic'))
  await turn()
  clock.advance(100_000)
  expect(asked).toHaveLength(1)
  list.again()
  expect(asked).toHaveLength(2)
})
