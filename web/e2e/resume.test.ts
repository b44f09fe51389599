import { expect, test } from 'vitest'
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

test('where no WebSocket gets through, server-sent events do', async () => {
  const { page } = await open()
  await page.routeWebSocket('**/ws', (socket) => socket.close())
  const session = await generate(page, server.current.url, 'Proxies')
  await page.getByText('Live (SSE)').waitFor()
  await finished(page)
  await expectWholeLog(page, server.current, session)
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
