import { expect, test } from 'vitest'
import { seriousFindings } from './support/axe.ts'
import { bench, expectWholeLog, finished, service } from './support/page.ts'

const { open } = bench()
const lasting = service('--offline-pace', '0ms')
const passing = service('--offline-pace', '0ms', '--session-ttl', '1s', '--prune-every', '1s')

test('a link to a session that has ended shows its course and its log', async () => {
  const { page } = await open()
  const session = await lasting.current.generate('Ended')
  await lasting.current.waitFor(session, (summary) => summary.endedAt !== undefined)
  await page.goto(`${lasting.current.url}/sessions/${session}#lesson-2.1`)
  await finished(page)
  await page.locator('.reader .quiz').waitFor()
  await expectWholeLog(page, lasting.current, session)
  // Again, with all of it seen before.
  await page.reload()
  await finished(page)
  await expectWholeLog(page, lasting.current, session)
})

test('a link to an expired session replays it from the archive', async () => {
  const { page } = await open()
  const session = await passing.current.generate('Expired')
  await passing.current.waitFor(session, (summary) => summary.status === 'expired')
  await page.goto(`${passing.current.url}/sessions/${session}`)
  await page.getByText('From the archive').waitFor()
  await finished(page)
  await page.getByRole('link', { name: 'Start reading' }).click()
  await page.locator('.reader .quiz').waitFor()
  await expectWholeLog(page, passing.current, session)
})

test('a link to no session says so', async () => {
  const { page } = await open()
  for (const id of ['0199aaaa-0000-7000-8000-000000000000', 'nonsense']) {
    await page.goto(`${lasting.current.url}/sessions/${id}`)
    await page.getByRole('heading', { name: 'No such session' }).waitFor()
    expect(await page.locator('main').innerText()).not.toContain('UUID')
    expect(await page.locator('.skeleton, .log, [role=alert]').count()).toBe(0)
  }
})

test('a link to nowhere says so', async () => {
  const { page, troubles } = await open()
  const answer = await page.goto(`${lasting.current.url}/no/such/page`)
  expect(answer?.status()).toBe(404)
  await page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
  // The browser itself reports what it was led to.
  expect(troubles.filter((trouble) => !trouble.includes('404'))).toEqual([])
  troubles.length = 0
  await page.getByRole('link', { name: 'Create a course' }).click()
  await page.getByRole('textbox').waitFor()
})

test('a failed run says why', async () => {
  const { page } = await open()
  const session = await lasting.current.createSession('Fails')
  await lasting.current.endSession(session, { status: 'failed', error: 'no flour in the house' })
  await page.goto(`${lasting.current.url}/sessions/${session}`)
  await page.getByRole('alert').getByText('no flour in the house').waitFor()
})

test('a run that ends while one looks at the history is shown to have ended', async () => {
  const { page } = await open()
  const session = await lasting.current.createSession('Looked at')
  await page.goto(`${lasting.current.url}/sessions?topic=Looked+at`)
  await page.locator('.session-row').getByText('Running').waitFor()
  const later = await lasting.current.createSession('Looked at later')
  await page.locator('.session-row', { hasText: 'Looked at later' }).waitFor()
  for (const each of [session, later]) await lasting.current.endSession(each)
  await expect.poll(() => page.locator('.session-row .chip').allInnerTexts()).toEqual(['Completed', 'Completed'])
})

test('the history is searched and filtered, page by page, and the address remembers how', async () => {
  const { page } = await open()
  for (let number = 1; number <= 28; number += 1) await lasting.current.createSession(`Needlework ${number}`)
  const failed = await lasting.current.createSession('Needle that broke')
  await lasting.current.endSession(failed, { status: 'failed', error: 'bent' })
  await page.goto(`${lasting.current.url}/sessions`)
  await page.getByRole('searchbox', { name: 'Search topics' }).fill('NEEDLE')
  await page.waitForURL('**/sessions?topic=NEEDLE')
  await expect.poll(() => page.locator('.session-row').allInnerTexts()).toHaveLength(25)
  await page.getByRole('button', { name: 'Show more' }).click()
  await expect.poll(() => page.locator('.session-row').count()).toBe(29)
  expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0)

  await page.getByRole('button', { name: 'Failed' }).click()
  await expect.poll(() => page.locator('.session-row').count()).toBe(1)
  await page.reload()
  await page.getByText('Needle that broke').waitFor()
  expect(await page.locator('.session-row').count()).toBe(1)
  await page.locator('.session-row').click()
  await page.getByRole('heading', { level: 1, name: 'Needle that broke' }).waitFor()
  await page.goBack()
  await expect.poll(() => page.locator('.session-row').count()).toBe(1)

  await page.getByRole('searchbox', { name: 'Search topics' }).fill('nothing of the kind')
  await page.getByRole('heading', { name: 'Nothing matches' }).waitFor()
})

test('a filter that is chosen while one types stays, and the way back leads from filter to filter', async () => {
  const { page } = await open()
  const failed = await lasting.current.createSession('Haystack that burnt')
  await lasting.current.endSession(failed, { status: 'failed', error: 'fire' })
  await lasting.current.createSession('Haystack')
  await page.clock.install()
  await page.goto(`${lasting.current.url}/sessions`)
  const field = page.getByRole('searchbox', { name: 'Search topics' })
  const address = () => page.evaluate(() => window.location.search)
  const isChosen = (name: string) => page.getByRole('button', { name, exact: true }).getAttribute('aria-pressed')
  await field.waitFor()
  await field.fill('haystack')
  await page.getByRole('button', { name: 'Failed', exact: true }).click()
  await page.clock.runFor(1_000)
  expect(await address()).toBe('?topic=haystack&status=failed')
  await page.getByRole('button', { name: 'Running', exact: true }).click()
  expect(await address()).toBe('?topic=haystack&status=running')
  await field.fill('straw')
  await page.clock.runFor(1_000)
  expect(await address()).toBe('?topic=straw&status=running')

  await page.goBack()
  await expect.poll(address).toBe('?topic=haystack&status=failed')
  expect(await isChosen('Failed')).toBe('true')
  expect(await field.inputValue()).toBe('haystack')
  await expect.poll(() => page.locator('.session-row').allInnerTexts()).toHaveLength(1)
  await page.goBack()
  await expect.poll(address).toBe('')
  expect(await isChosen('All')).toBe('true')
  expect(await field.inputValue()).toBe('')
  await page.clock.runFor(1_000)
  expect(await address()).toBe('')
})

test('activity counts the sessions that stand below it', async () => {
  const { page } = await open()
  await page.clock.install()
  await page.goto(`${passing.current.url}/sessions`)
  const started = () => page.locator('.figures div', { hasText: 'Started' }).locator('dd').innerText()
  const listed = async () => String(await page.locator('.session-row').count())
  await page.locator('.figures').waitFor()
  await expect.poll(async () => (await started()) === (await listed())).toBe(true)
  const before = Number(await started())
  // Nobody tells the page of it.
  await passing.current.generate('Started elsewhere')
  await expect.poll(async () => {
    await page.clock.runFor(21_000)
    return [await started(), await listed()]
  }).toEqual([String(before + 1), String(before + 1)])
})

test('activity and exports are shown where the server offers them, and not where it does not', async () => {
  const { page } = await open({ viewport: { width: 1440, height: 900 } })
  const asked: string[] = []
  let offered: string[] = []
  const figures = { started: 9, completed: 6, failed: 2, cancelled: 1, events: 90, promptTokens: 900, completionTokens: 300, openMax: 3, durationMs: { p50: 4_200, p95: 9_000, p99: 9_000 } }
  const buckets = Array.from({ length: 24 }, (_, hour) => ({ start: new Date(Date.UTC(2026, 0, 31, hour)).toISOString(), ...figures }))
  await page.route('**/openapi.json', (route) => route.fulfill({ json: { paths: Object.fromEntries(offered.map((path) => [path, {}])) } }))
  await page.route('**/api/v1/analytics/summary?*', (route) => {
    asked.push(new URL(route.request().url()).searchParams.get('bucket') ?? '')
    return route.fulfill({ json: { total: figures, buckets } })
  })
  const session = await lasting.current.createSession('Exported')
  await lasting.current.endSession(session)
  const show = async (path: string) => {
    const document = page.waitForResponse('**/openapi.json')
    await page.goto(`${lasting.current.url}${path}`)
    await document
  }
  await show('/sessions')
  await page.locator('.session-row').first().waitFor()
  await expect.poll(() => page.locator('.activity').count()).toBe(0)
  await show(`/sessions/${session}`)
  await expectWholeLog(page, lasting.current, session)
  expect(await page.getByRole('link', { name: 'NDJSON' }).count()).toBe(0)

  offered = ['/api/v1/analytics/summary', '/api/v1/sessions/{id}/export']
  await show('/sessions')
  await page.locator('.figures div', { hasText: 'Cancelled' }).getByText('1', { exact: true }).waitFor()
  await page.locator('.figures').getByText('4.2 s').waitFor()
  await page.getByRole('img', { name: '6 sessions completed, 2 failed, 1 cancelled' }).waitFor()
  await page.getByRole('button', { name: '7 days' }).click()
  await expect.poll(() => asked.at(-1)).toBe('6h')
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    expect(await seriousFindings(page)).toEqual([])
  }
  await show(`/sessions/${session}`)
  const href = (name: string) => page.getByRole('link', { name, exact: true }).getAttribute('href')
  expect(await href('NDJSON')).toBe(`/api/v1/sessions/${session}/export?format=ndjson`)
  expect(await href('CSV')).toBe(`/api/v1/sessions/${session}/export?format=csv`)
})
