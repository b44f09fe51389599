/** The history as one who looks at it for long, goes away and comes back, and clicks faster than the server answers. */
import { type Page, type Route, devices } from 'playwright-core'
import { expect, test } from 'vitest'
import { seriousFindings } from './support/axe.ts'
import { bench, service } from './support/page.ts'
import { Service, USER } from './support/service.mjs'

const { open } = bench()
const server = service('--offline-pace', '0ms')

const SESSIONS = '**/api/v1/sessions?*'

async function create(topic: string, count: number): Promise<string[]> {
  const sessions: string[] = []
  for (let number = 1; number <= count; number += 1) sessions.push(await server.current.createSession(`${topic} ${number}`))
  return sessions
}

const topics = (page: Page) => page.locator('.session-topic').allInnerTexts()
const rows = (page: Page) => page.locator('.session-row').count()
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const showMore = (page: Page) => page.getByRole('button', { name: 'Show more' })
const address = (page: Page) => page.evaluate(() => window.location.search)
const expectRows = (page: Page, count: number) => expect.poll(() => rows(page)).toBe(count)

/** Holds back what the page asks the history for, until the returned function lets it through. */
async function hold(page: Page, wanted: (url: URL) => boolean = () => true): Promise<() => Promise<void>> {
  const held: Route[] = []
  let isOpen = false
  await page.route(SESSIONS, async (route) => {
    if (isOpen || !wanted(new URL(route.request().url()))) await route.continue()
    else held.push(route)
  })
  return async () => {
    isOpen = true
    // Some of them the page has given up.
    await Promise.allSettled(held.splice(0).map((route) => route.continue()))
  }
}

/** A row's place on the screen. */
const topOf = (page: Page, topic: string) =>
  page.locator('.session-row', { has: page.getByText(topic, { exact: true }) }).evaluate((row) => row.getBoundingClientRect().top)

/** Fails unless a row stands there; pages are scrolled by whole pixels. */
const expectTop = (page: Page, topic: string, top: number) =>
  expect.poll(async () => Math.abs((await topOf(page, topic)) - top)).toBeLessThan(2)

test('a double click on "Show more" shows no session twice', async () => {
  const { page } = await open()
  await create('Twice', 60)
  await page.goto(`${server.current.url}/sessions?topic=Twice`)
  await expectRows(page, 25)
  const release = await hold(page, (url) => url.searchParams.has('cursor'))
  await showMore(page).dblclick()
  await showMore(page).click({ force: true })
  await release()
  await expectRows(page, 50)
  expect(await topics(page)).toEqual(Array.from({ length: 50 }, (_, index) => `Twice ${60 - index}`))
})

test('a session of the second page is shown to have ended, and "Show more" goes where there is no more', async () => {
  const { page } = await open()
  const sessions = await create('Renewed', 52)
  await page.clock.install()
  await page.goto(`${server.current.url}/sessions?topic=Renewed&status=running`)
  await expectRows(page, 25)
  await showMore(page).click()
  await expectRows(page, 50)
  for (const session of sessions.slice(0, 2)) await server.current.endSession(session)
  await page.clock.runFor(5_000)
  await expect.poll(() => showMore(page).count()).toBe(0)
  await page.getByText('All 50 sessions').waitFor()

  await page.goto(`${server.current.url}/sessions?topic=Renewed`)
  await expectRows(page, 25)
  await showMore(page).click()
  await expectRows(page, 50)
  await server.current.endSession(sessions[3] ?? '', { status: 'failed', error: 'late' })
  await page.clock.runFor(5_000)
  await page.locator('.session-row', { hasText: 'Renewed 4' }).getByText('Failed').waitFor()
})

test('nothing of a filter is shown under the next one, however slow the answer', async () => {
  const { page } = await open()
  const sessions = await create('Filtered', 30)
  for (const session of sessions.slice(0, 2)) await server.current.endSession(session, { status: 'failed', error: 'out of flour' })
  await page.goto(`${server.current.url}/sessions?topic=Filtered`)
  await expectRows(page, 25)
  const release = await hold(page, (url) => url.searchParams.get('status') === 'failed')
  await button(page, 'Failed').click()
  await page.locator('.placeholders').waitFor()
  expect(await topics(page)).toEqual([])
  expect(await showMore(page).count()).toBe(0)
  await page.getByRole('status').getByText('Searching').waitFor({ state: 'attached' })
  await release()
  await expect.poll(() => topics(page)).toEqual(['Filtered 2', 'Filtered 1'])

  // Quickly through all of them, to and fro: what stands there in the end is what is chosen.
  for (const name of ['All', 'Running', 'Failed', 'Completed', 'Running', 'All', 'Cancelled', 'Failed']) await button(page, name).click()
  await expect.poll(() => topics(page)).toEqual(['Filtered 2', 'Filtered 1'])
  await page.goBack()
  await page.getByRole('heading', { name: 'Nothing matches' }).waitFor()
  await page.goBack()
  await expectRows(page, 25)
})

test('the latest sessions on the start page are shown to have ended', async () => {
  const { page } = await open()
  await page.addInitScript((user) => { localStorage.setItem('coursestream:user', user) }, USER)
  const session = await server.current.createSession('Latest of all')
  await page.clock.install()
  await page.goto(server.current.url)
  const row = page.locator('.session-row', { hasText: 'Latest of all' })
  await row.getByText('Running').waitFor()
  await server.current.endSession(session)
  await page.clock.runFor(5_000)
  await row.getByText('Completed').waitFor()
  const others = await create('Later still', 2)
  await page.clock.runFor(25_000)
  await page.getByText('Later still 2').waitFor()
  expect(await rows(page)).toBe(4)
  for (const other of others) await server.current.endSession(other)
})

test('who comes back finds the pages, the place and the row, and after a reload too', async () => {
  const { page } = await open({ viewport: { width: 1000, height: 700 } })
  await create('Kept', 90)
  await page.goto(`${server.current.url}/sessions?topic=Kept`)
  await expectRows(page, 25)
  await showMore(page).click()
  await expectRows(page, 50)
  const row = page.locator('.session-row', { has: page.getByText('Kept 50', { exact: true }) })
  await row.scrollIntoViewIfNeeded()
  const top = await topOf(page, 'Kept 50')
  await row.click()
  await page.getByRole('heading', { level: 1, name: 'Kept 50' }).waitFor()
  expect(await page.evaluate(() => window.scrollY)).toBe(0)

  // Whatever has come meanwhile, above or not: what was looked at stands where it stood.
  await create('Kept, and new', 3)
  await page.goBack()
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent ?? '')).toContain('Kept 50')
  await expect.poll(() => rows(page)).toBeGreaterThanOrEqual(53)
  await expectTop(page, 'Kept 50', top)

  await page.reload()
  await expect.poll(() => rows(page)).toBeGreaterThanOrEqual(53)
  await expectTop(page, 'Kept 50', top)
  // A new visit begins at its top.
  await page.getByRole('navigation').getByRole('link', { name: 'Create' }).click()
  await page.getByRole('navigation').getByRole('link', { name: 'History' }).click()
  await page.locator('.session-row').first().waitFor()
  expect(await page.evaluate(() => window.scrollY)).toBe(0)
})

test('what comes in above does not move what the reader looks at', async () => {
  const { page } = await open({ viewport: { width: 1000, height: 700 } })
  await create('Still', 30)
  await page.clock.install()
  await page.goto(`${server.current.url}/sessions?topic=Still`)
  await expectRows(page, 25)
  await page.locator('.session-row', { hasText: 'Still 12' }).evaluate((row) => { row.scrollIntoView({ block: 'center' }) })
  const top = await topOf(page, 'Still 12')
  await create('Still more', 2)
  await page.clock.runFor(5_000)
  await expectRows(page, 27)
  await expectTop(page, 'Still 12', top)
})

test('nothing comes in above a row that a mouse points at, until it goes', async () => {
  const { page } = await open({ viewport: { width: 1000, height: 900 } })
  const [pointed = ''] = await create('Pointed at', 3)
  await page.clock.install()
  await page.goto(`${server.current.url}/sessions?topic=Pointed`)
  await expectRows(page, 3)
  const row = page.locator('.session-row', { has: page.getByText('Pointed at 1', { exact: true }) })
  await row.hover()
  const top = await topOf(page, 'Pointed at 1')
  await create('Pointed, and new', 2)
  await server.current.endSession(pointed)
  await page.clock.runFor(5_000)
  await page.getByText('2 new sessions').waitFor()
  await row.getByText('Completed').waitFor()
  await expectTop(page, 'Pointed at 1', top)
  await page.getByRole('heading', { level: 1 }).hover()
  await expectRows(page, 5)
})

test('a search has no spaces around it, and what is typed belongs to the address that it was typed at', async () => {
  const { page } = await open()
  await create('Trimmed well', 1)
  await page.clock.install()
  await page.goto(`${server.current.url}/sessions`)
  await page.locator('.session-row').first().waitFor()
  const field = page.getByRole('searchbox', { name: 'Search topics' })
  await field.fill('  trimmed ')
  await page.clock.runFor(1_000)
  expect(await address(page)).toBe('?topic=trimmed')
  await page.getByText('Trimmed well 1').waitFor()
  // The next word can be typed.
  expect(await field.inputValue()).toBe('  trimmed ')
  await field.fill('   ')
  await page.clock.runFor(1_000)
  expect(await address(page)).toBe('')

  await button(page, 'Running').click()
  await field.fill('something')
  await page.goBack()
  expect(await address(page)).toBe('')
  await page.clock.runFor(1_000)
  expect(await address(page)).toBe('')
  expect(await field.inputValue()).toBe('')
  await page.goForward()
  expect(await address(page)).toBe('?status=running')
})

test('a slash at the end of an address leads to the same place', async () => {
  const { page } = await open()
  const session = await server.current.createSession('Slashed')
  const history = await page.goto(`${server.current.url}/sessions/?topic=Slashed`)
  expect(history?.status()).toBe(200)
  await page.locator('.session-row').waitFor()
  const one = await page.goto(`${server.current.url}/sessions/${session}/`)
  expect(one?.status()).toBe(200)
  await page.getByRole('heading', { level: 1, name: 'Slashed' }).waitFor()
})

test('on a narrow phone topics are read to their end', async () => {
  const { page } = await open({ ...devices['iPhone 13 Mini'], viewport: { width: 320, height: 640 } })
  const topic = 'Reading a balance sheet when one has never seen one before'
  const session = await server.current.createSession(topic)
  await server.current.endSession(session, { status: 'failed', error: 'the model gave no usable answer in three tries, and the last of them was cut off' })
  await page.addInitScript((user) => { localStorage.setItem('coursestream:user', user) }, USER)
  for (const path of ['/sessions', '/']) {
    await page.goto(`${server.current.url}${path}`)
    const text = page.getByText(topic, { exact: true })
    await text.waitFor()
    expect(await text.evaluate((element) => element.scrollWidth <= element.clientWidth && element.scrollHeight <= element.clientHeight)).toBe(true)
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= screen.width)).toBe(true)
  }
  expect(await seriousFindings(page)).toEqual([])
})

test('the activity comes when the outage that it was asked in is over', async () => {
  const { page, troubles } = await open()
  await page.clock.install()
  let isAway = true
  await page.route(/openapi\.json|analytics\/summary/, (route) => (isAway ? route.fulfill({ status: 503 }) : route.continue()))
  await page.goto(`${server.current.url}/sessions`)
  await page.locator('.session-row').first().waitFor()
  const started = () => page.locator('.figures div', { hasText: 'Started' }).locator('dd').innerText()
  await page.clock.runFor(5_000)
  expect(await started()).toBe('–')
  isAway = false
  await expect.poll(async () => {
    await page.clock.runFor(16_000)
    return started()
  }).toMatch(/^\d/)
  expect(troubles.filter((trouble) => !trouble.includes('503'))).toEqual([])
  troubles.length = 0
})

test('offline, what was read before is shown, and the rest comes with the network', async () => {
  const { page, context } = await open()
  await create('Read before', 3)
  await page.goto(`${server.current.url}/sessions?topic=Read+before`)
  await expectRows(page, 3)
  await page.locator('.session-row').first().click()
  await page.getByRole('heading', { level: 1 }).waitFor()
  await context.setOffline(true)
  await page.goBack()
  await page.getByRole('status').getByText(/You are offline\. Last read at/).waitFor()
  expect(await rows(page)).toBe(3)
  await button(page, 'Failed').click()
  await page.getByText('The history is read as soon as the network is back').waitFor()
  expect(await rows(page)).toBe(0)
  await page.goBack()
  await expectRows(page, 3)
  await create('Read before, and after', 1)
  await context.setOffline(false)
  await expectRows(page, 4)
  expect(await page.getByText('You are offline').count()).toBe(0)
})

test('"Show more" keeps the focus, or leaves it where the list ends, and says how much there is', async () => {
  const { page } = await open()
  await create('Focused', 60)
  await page.goto(`${server.current.url}/sessions?topic=Focused`)
  await expectRows(page, 25)
  await showMore(page).focus()
  await page.keyboard.press('Enter')
  await expectRows(page, 50)
  const focused = () => page.evaluate(() => document.activeElement?.textContent)
  expect(await focused()).toBe('Show more')
  await page.getByRole('status').getByText('50 sessions shown, there are more').waitFor({ state: 'attached' })
  await page.keyboard.press('Enter')
  await expectRows(page, 60)
  expect(await focused()).toBe('All 60 sessions')
  await page.getByRole('status').getByText('60 sessions shown').waitFor({ state: 'attached' })
  await page.keyboard.press('Shift+Tab')
  expect(await focused()).toContain('Focused 1')
  expect(await seriousFindings(page)).toEqual([])
})

test('a server that goes and comes back while one looks', async () => {
  const own = await Service.start('--offline-pace', '0ms')
  try {
    const { page } = await open()
    const session = await own.createSession('Outlasts')
    await page.goto(`${own.url}/sessions`)
    await page.locator('.session-row').getByText('Running').waitFor()
    await own.end('SIGKILL')
    await page.getByRole('status').getByText(/Not up to date since .*cannot be reached/).waitFor()
    expect(await rows(page)).toBe(1)
    // A filter that was never read says so, and comes by itself too.
    await button(page, 'Completed').click()
    await page.getByRole('alert').getByText('The history cannot be read').waitFor()
    expect(await rows(page)).toBe(0)
    await page.getByRole('button', { name: 'Try again' }).focus()
    await own.run()
    await own.endSession(session)
    await page.locator('.session-row').getByText('Completed').waitFor()
    // The button is gone; the focus is where its purpose is fulfilled.
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Outlasts')
    expect(await page.getByRole('alert').count()).toBe(0)
  } finally {
    await own.close()
  }
})
