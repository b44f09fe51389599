import type { Page, WebSocketRoute } from 'playwright-core'
import { expect, test } from 'vitest'
import { launch } from './support/browser.mjs'
import { Service } from './support/service.mjs'
import { bench, expectWholeLog, finished, generate, service, watch } from './support/page.ts'

const { open } = bench()
// Slow enough that what is cut off is in the middle of a run; a short lease, so that a killed node's runs go on soon.
const flags = ['--offline-pace', '800ms', '--calls-per-run', '2', '--lease-ttl', '1s']
const server = service(...flags)

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`the server ends by ${signal} and comes back in mid-run: the page goes on and shows every line once`, async () => {
    const restarted = await Service.start(...flags)
    try {
      const { page } = await open()
      const session = await generate(page, restarted.url, 'Restarts')
      await page.locator('.outline-lesson a').first().waitFor()
      await restarted.end(signal)
      await page.locator('.connection.reconnecting').waitFor()
      await restarted.run()
      await page.locator('.connection.live, .connection.replaying').waitFor()
      await finished(page)
      await expectWholeLog(page, restarted, session)
    } finally {
      await restarted.close()
    }
  })
}

test('a reload in mid-run shows the whole log and goes on behind the last-seen offset', async () => {
  const { page } = await open()
  const session = await generate(page, server.current.url, 'Reloads')
  await page.locator('.outline-lesson a').first().waitFor()
  const lastSeen = await page.evaluate((id) => Number(sessionStorage.getItem(`coursestream:last-seen:${id}`)), session)
  expect(lastSeen).toBeGreaterThan(0)

  const joins: { lastSeenOffset: number }[] = []
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => joins.push((JSON.parse(String(payload)) as { data: { lastSeenOffset: number } }).data))
  })
  await page.reload()
  await finished(page)
  expect(joins[0]?.lastSeenOffset).toBeGreaterThanOrEqual(lastSeen)
  await expectWholeLog(page, server.current, session)
})

test('two tabs follow one session, each with its own place in it', async () => {
  const { page, context, troubles } = await open()
  const session = await generate(page, server.current.url, 'Two tabs')
  await page.locator('.outline-lesson a').first().waitFor()
  const second = await context.newPage()
  watch(second, troubles)
  await second.goto(`${server.current.url}/sessions/${session}`)
  await Promise.all([finished(page), finished(second)])
  await expectWholeLog(page, server.current, session)
  await expectWholeLog(second, server.current, session)
})

test('offline and online again', async () => {
  const { page, context } = await open()
  const session = await generate(page, server.current.url, 'Tunnels')
  await page.locator('.outline-lesson a').first().waitFor()
  await context.setOffline(true)
  await page.locator('.connection.reconnecting').waitFor()
  // The run goes on meanwhile.
  await server.current.waitFor(session, (summary) => summary.endedAt !== undefined)
  await context.setOffline(false)
  await finished(page)
  await expectWholeLog(page, server.current, session)
})

test('without a network, what was shown of a session is there when one comes back to it', async () => {
  const { page, context } = await open()
  await generate(page, server.current.url, 'Elevators')
  await page.locator('.outline-lesson a').first().waitFor()
  await context.setOffline(true)
  await page.locator('.connection.reconnecting').waitFor()
  await page.getByRole('link', { name: 'History' }).click()
  await page.getByText('The history is read as soon as the network is back').waitFor()
  await page.goBack()
  await page.getByRole('heading', { level: 1, name: 'Elevators' }).waitFor()
  await page.locator('.outline-lesson a').first().click()
  await page.locator('.reader .quiz').waitFor()
  expect(await page.locator('.log-row').count()).toBeGreaterThan(0)
  await context.setOffline(false)
  await finished(page)
})

test('where no WebSocket gets through, server-sent events do', async () => {
  const { page } = await open()
  await page.routeWebSocket('**/ws', (socket) => socket.close())
  const session = await generate(page, server.current.url, 'Proxies')
  await page.getByText('Live (SSE)').waitFor()
  await finished(page)
  await expectWholeLog(page, server.current, session)
})

test('server-sent events are let go of while nobody looks, and go on with what was missed', async () => {
  const { page } = await open()
  await page.clock.install()
  await page.addInitScript(() => {
    Object.defineProperty(document, 'visibilityState', { get: () => document.documentElement.dataset['looked'] ?? 'visible' })
  })
  await page.routeWebSocket('**/ws', (socket) => socket.close())
  const session = await server.current.createSession('Many tabs')
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.getByText('Live (SSE)').waitFor()
  const look = (how: string) => page.evaluate((how) => {
    document.documentElement.dataset['looked'] = how
    document.dispatchEvent(new Event('visibilitychange'))
  }, how)
  await look('hidden')
  const [lost] = await Promise.all([page.waitForEvent('requestfailed'), page.clock.fastForward(16_000)])
  expect(lost.url()).toContain('/stream')
  await server.current.append(session, [{ type: 'log', message: 'said to nobody' }])
  await look('visible')
  await page.getByText('replayed 1 event').waitFor()
  await expectWholeLog(page, server.current, session)
})

/** Stands between page and server: collects what the page sends, and lets through what `passes` of the server's frames. */
async function between(page: Page, passes: (frame: { event: string; data: { offset?: number } }) => boolean): Promise<unknown[]> {
  const sent: unknown[] = []
  await page.routeWebSocket('**/ws', (socket: WebSocketRoute) => {
    const server = socket.connectToServer()
    socket.onMessage((text) => {
      sent.push((JSON.parse(String(text)) as { data: unknown }).data)
      server.send(text)
    })
    server.onMessage((text) => {
      if (passes(JSON.parse(String(text)) as Parameters<typeof passes>[0])) socket.send(text)
    })
  })
  return sent
}

test('a line that is swallowed on its way is asked for again', async () => {
  const { page } = await open()
  const session = await server.current.createSession('Holes')
  const swallowed: number[] = []
  const sent = await between(page, ({ data: { offset } }) => {
    if (offset !== 2 || swallowed.length > 0) return true
    swallowed.push(offset)
    return false
  })
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.locator('.connection.live').waitFor()
  await server.current.append(session, [{ type: 'log', message: 'the one that is swallowed' }])
  await expect.poll(() => swallowed).toEqual([2])
  await server.current.append(session, [{ type: 'log', message: 'the one that shows the hole' }])
  await page.locator('.log-row', { hasText: 'the one that shows the hole' }).waitFor()
  await expectWholeLog(page, server.current, session)
  // On the same connection: the first join, and the one for what is missing.
  expect(sent).toEqual([{ sessionId: session, lastSeenOffset: 0 }, { sessionId: session, lastSeenOffset: 1 }])
})

test('a connection that has fallen silent is asked, given up, and replaced', async () => {
  const { page } = await open()
  await page.clock.install()
  const session = await server.current.createSession('Silence')
  let isSilent = false
  const sent = await between(page, () => !isSilent)
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.locator('.connection.live').waitFor()
  isSilent = true
  await server.current.append(session, [{ type: 'log', message: 'said into the void' }])
  await page.clock.fastForward(31_000)
  await expect.poll(() => sent).toContainEqual(session)
  await page.locator('.connection.live').waitFor()
  await page.clock.fastForward(11_000)
  await page.locator('.connection.reconnecting').waitFor()
  isSilent = false
  await page.clock.fastForward(1_000)
  await page.getByText('replayed 1 event').waitFor()
  await expectWholeLog(page, server.current, session)
})

test('a page that the browser kept goes on when one returns to it', async () => {
  const browser = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] })
  try {
    const page = await browser.newPage()
    const session = await server.current.createSession('Kept')
    await page.goto(`${server.current.url}/sessions/${session}`)
    await page.locator('.connection.live').waitFor()
    await page.evaluate(() => {
      window.addEventListener('pageshow', ({ persisted }) => { document.title = persisted ? 'kept' : 'loaded' })
    })
    await page.goto(`${server.current.url}/docs`)
    await server.current.append(session, [{ type: 'log', message: 'said while one looked elsewhere' }])
    await page.goBack({ waitUntil: 'commit' })
    await page.getByText('replayed 1 event').waitFor()
    expect(await page.title()).toBe('kept')
    await expectWholeLog(page, server.current, session)
  } finally {
    await browser.close()
  }
})

test('a page that comes back from the back/forward cache or a frozen tab asks whether it is still connected', async () => {
  const { page } = await open()
  const session = await server.current.createSession('Quiet')
  const sent: string[] = []
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(String(payload))))
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.locator('.connection.live').waitFor()
  await page.evaluate(() => { window.dispatchEvent(new Event('online')) })
  await expect.poll(() => sent).toContainEqual(JSON.stringify({ event: 'join_session', data: session }))
  await page.evaluate(() => { window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })) })
  await page.locator('.connection.reconnecting').waitFor()
  await server.current.append(session, [{ type: 'log', message: 'said while nobody was there' }])
  await page.evaluate(() => { window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })) })
  await page.getByText('replayed 1 event').waitFor()
  await expectWholeLog(page, server.current, session)
})

test('the end of a log that cannot be read is read later', async () => {
  const { page } = await open()
  const session = await server.current.createSession('The last line')
  await server.current.append(session, [{ type: 'log', message: 'a line' }])
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.locator('.connection.live').waitFor()
  let refused = 0
  await page.route('**/events?*', async (route) => {
    refused += 1
    if (refused > 4) await route.continue()
    else await route.abort('connectionrefused')
  })
  await server.current.endSession(session)
  await page.getByText('Reading the end').waitFor()
  await page.getByText('Complete log').waitFor()
  await expectWholeLog(page, server.current, session)
})
