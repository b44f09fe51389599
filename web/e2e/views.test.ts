import { randomUUID } from 'node:crypto'
import { devices, type Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { seriousFindings } from './support/axe.ts'
import { bench, finished, service } from './support/page.ts'

const { open } = bench()
const server = service('--offline-pace', '0ms')

async function endedSession(topic: string): Promise<string> {
  const session = await server.current.generate(topic)
  await server.current.waitFor(session, (summary) => summary.endedAt !== undefined)
  return session
}

/** A run that stands still in its middle, for as long as the test looks at it. */
async function standingSession(): Promise<string> {
  const session = await server.current.createSession('Stands still')
  const outline = {
    title: 'A course in the making',
    description: 'Half of it is there.',
    target_audience: 'Anybody',
    prerequisites: ['Patience'],
    total_duration: '2 hours',
    parts: [{ part_number: 1, title: 'The only part', description: 'What there is.', learning_goals: ['See it'] }],
  }
  const lessons = [1, 2, 3].map((lesson_number) => ({ lesson_number, title: `Lesson number ${lesson_number}`, description: 'One of three.' }))
  const content = {
    title: 'Lesson number 1',
    learning_objectives: ['Know it'],
    content: 'It is short.',
    key_concepts: ['Shortness'],
    examples: ['This'],
    exercises: ['Read it again'],
    estimated_duration: '1 minute',
    quiz: { questions: [] },
  }
  await server.current.append(session, [
    { type: 'log', message: 'A line of the log' },
    { type: 'success', message: 'The outline', data: { step: 'structure', result: outline, percent: 10 } },
    { type: 'success', message: 'The lessons', data: { step: 'lessons', part: 1, result: { lessons }, percent: 20 } },
    { type: 'success', message: 'Lesson 1.1 is written', data: { step: 'content', part: 1, lesson: 1, result: content, percent: 46 } },
    { type: 'error', message: 'Something went wrong, and was tried again' },
    { type: 'progress', message: 'Working on lesson 1.2', data: { step: 'content', part: 1, lesson: 2, percent: 46 } },
  ])
  return session
}

const VIEWS: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  create: async (page) => {
    await endedSession('Shown among the latest')
    await page.goto(server.current.url)
    await page.getByRole('textbox').fill('A topic')
  },
  running: async (page) => {
    await page.goto(`${server.current.url}/sessions/${await standingSession()}`)
    await page.locator('.lesson-mark.writing').waitFor({ state: 'attached' })
  },
  finished: async (page) => {
    await page.goto(`${server.current.url}/sessions/${await endedSession('Finished')}`)
    await finished(page)
  },
  lesson: async (page) => {
    await page.goto(`${server.current.url}/sessions/${await endedSession('Lesson')}#lesson-1.1`)
    await finished(page)
    for (const index of [0, 1, 2]) await page.locator('.quiz fieldset').nth(index).getByRole('radio').first().check()
    await page.getByRole('button', { name: 'Check answers' }).click()
    // One after another is not what narrow pages show.
    if ((page.viewportSize()?.width ?? 0) > 1200) await page.locator('.log-row').last().click()
  },
  history: async (page) => {
    await page.goto(`${server.current.url}/sessions`)
    await page.locator('.session-row').first().waitFor()
  },
}

for (const [name, show] of Object.entries(VIEWS)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${name}, ${colorScheme}: nothing serious for axe to find`, async () => {
      const { page } = await open({ colorScheme, viewport: { width: 1440, height: 900 } })
      await show(page)
      expect(await seriousFindings(page)).toEqual([])
    })
  }

  test(`${name}: fits a phone`, async () => {
    const { page } = await open({ ...devices['iPhone 13 Mini'], viewport: { width: 360, height: 740 } })
    await show(page)
    // Not `innerWidth`: a phone shows the page smaller where it is too wide.
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= screen.width)
    expect(await fits()).toBe(true)
    const log = page.getByRole('tab', { name: /^Log/ })
    if ((await log.count()) > 0) {
      await log.click()
      await page.locator('.log-row').first().waitFor()
      expect(await fits()).toBe(true)
    }
    expect(await seriousFindings(page)).toEqual([])
  })
}

test('code, tables and long words of a lesson fit a phone', async () => {
  const { page } = await open({ ...devices['iPhone 13 Mini'], viewport: { width: 360, height: 740 } })
  const wide = ['```', 'x'.repeat(200), '```', '', `| ${'A column | '.repeat(8)}`, `| ${'--- | '.repeat(8)}`, `| ${'something | '.repeat(8)}`, '', `- a list\n\n      ${'y'.repeat(200)}`, '', 'z'.repeat(200)].join('\n')
  const options = ['A', 'B', 'C', 'D'].map((option) => ({ option, text: 'w'.repeat(80), is_correct: option === 'A' }))
  const content = {
    title: 'Wide', learning_objectives: [wide], content: wide, key_concepts: ['v'.repeat(100)], examples: [wide], exercises: [wide],
    estimated_duration: '1 h', quiz: { questions: [1, 2, 3].map((number) => ({ question: `${number}${'u'.repeat(100)}`, options, explanation: wide })) },
  }
  const lessons = [{ lesson_number: 1, title: 'Wide', description: wide, content }]
  const course = { id: randomUUID(), title: 't'.repeat(60), description: wide, target_audience: wide, prerequisites: [wide], total_duration: '1 h', parts: [{ part_number: 1, title: 'r'.repeat(60), description: wide, learning_goals: [wide], lessons }] }
  const session = await server.current.createSession('s'.repeat(100))
  await server.current.append(session, [{ type: 'course_generated', message: 'There', data: { courseId: course.id, course, summary: {} } }])
  await server.current.endSession(session, { status: 'completed', courseId: course.id })
  for (const place of ['overview', 'lesson-1.1']) {
    await page.goto(`${server.current.url}/sessions/${session}#${place}`)
    await page.locator(place === 'overview' ? '.part-card' : '.quiz').waitFor()
    const outside = () => page.evaluate(() => [...document.querySelectorAll('main *')].filter((element) => element.getBoundingClientRect().right > screen.width && !element.closest('pre, .table-scroll')).map((element) => element.outerHTML.slice(0, 90)))
    expect(await outside()).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
  }
})

test('a course is started and read with the keyboard alone', async () => {
  const { page } = await open()
  await page.goto(server.current.url)
  await page.getByRole('textbox').waitFor()
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  await page.keyboard.type('Keyboards')
  await page.keyboard.press('Enter')
  await finished(page)
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1')
  await page.getByRole('link', { name: 'Start reading' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('.reader .quiz').waitFor()
  expect(await page.evaluate(() => document.activeElement?.className)).toBe('reader')
})

test('a topic of 500 characters leaves room for what is below it, and can be read', async () => {
  const { page } = await open({ viewport: { width: 1280, height: 800 } })
  const session = await server.current.createSession('word '.repeat(99).trim())
  await page.goto(`${server.current.url}/sessions/${session}`)
  const heading = page.getByRole('heading', { level: 1 })
  const height = async () => (await heading.boundingBox())?.height ?? 0
  const more = page.getByRole('button', { name: 'Show all of it' })
  await more.waitFor()
  const clamped = await height()
  expect(clamped).toBeLessThan(90)
  await more.click()
  expect(await height()).toBeGreaterThan(clamped)
})

test('what is written from right to left stands so', async () => {
  const { page } = await open()
  const session = await server.current.createSession('تاريخ الخرائط')
  await server.current.append(session, [{ type: 'log', message: 'سطر من السجل' }])
  await page.goto(`${server.current.url}/sessions/${session}`)
  const direction = (selector: string) => page.locator(selector).first().evaluate((element) => getComputedStyle(element).direction)
  await page.locator('.log-row', { hasText: 'سطر' }).click()
  expect(await direction('h1')).toBe('rtl')
  expect(await direction('.log-whole')).toBe('rtl')
  await page.goto(`${server.current.url}/sessions`)
  await page.locator('.session-topic', { hasText: 'تاريخ' }).waitFor()
  expect(await page.locator('.session-topic', { hasText: 'تاريخ' }).evaluate((element) => getComputedStyle(element).direction)).toBe('rtl')
})

test('the head of the log breaks no word', async () => {
  const { page } = await open({ viewport: { width: 1280, height: 800 } })
  const session = await server.current.createSession('Narrow')
  for (const from of [1, 1_001]) await server.current.append(session, Array.from({ length: 1_000 }, (_, index) => ({ type: 'log', message: `line ${from + index}` })))
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.getByTestId('log-count').getByText('2,001 lines').waitFor()
  const heights = await page.locator('.log-tools > *, .log-exports > *').evaluateAll((all) => all.map((element) => element.getBoundingClientRect().height))
  expect(Math.max(...heights)).toBeLessThan(40)
})

test('on a phone, a line that is cut short opens in sight, and whole', async () => {
  const { page } = await open({ ...devices['iPhone 13 Mini'], viewport: { width: 390, height: 844 } })
  const session = await server.current.createSession('Cut short')
  const message = `${'a long message '.repeat(20)}to its end`
  await server.current.append(session, [{ type: 'log', message }])
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.locator('.log-row').last().click()
  expect(await page.locator('.log-whole').innerText()).toBe(message)
  const bottom = () => page.locator('.log-detail').evaluate((detail) => detail.getBoundingClientRect().bottom)
  await expect.poll(bottom).toBeLessThanOrEqual(845)
})

test('the documentation of the API is a link away on a phone', async () => {
  const { page } = await open({ viewport: { width: 360, height: 740 } })
  await page.goto(server.current.url)
  await page.getByRole('link', { name: 'API' }).waitFor()
})

test('the colours are chosen and stay', async () => {
  const { page } = await open({ colorScheme: 'light' })
  await page.goto(server.current.url)
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const light = await background()
  await page.getByRole('button', { name: /Change to: light/ }).click()
  await page.getByRole('button', { name: /Change to: dark/ }).click()
  const dark = await background()
  expect(dark).not.toBe(light)
  await page.reload()
  await page.getByRole('textbox').waitFor()
  expect(await background()).toBe(dark)
})

test('10,000 events: the document stays small, the reader keeps the place, the end is a click away', async () => {
  const { page } = await open({ viewport: { width: 1440, height: 900 } })
  const session = await server.current.createSession('Long')
  const page_ = (from: number) => Array.from({ length: 1_000 }, (_, index) => ({ type: 'log', message: `line ${from + index}` }))
  for (let from = 1; from <= 9_001; from += 1_000) await server.current.append(session, page_(from))
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.getByTestId('log-count').getByText('10,001 lines').waitFor()
  await page.locator('.log-row', { hasText: 'line 10000' }).waitFor()
  const nodes = () => page.evaluate(() => ({ rows: document.querySelectorAll('.log-row').length, all: document.querySelectorAll('*').length }))
  expect((await nodes()).rows).toBeLessThan(60)
  expect((await nodes()).all).toBeLessThan(600)

  // Who reads in the middle stays there while lines are added.
  await page.locator('.log-rows').evaluate((list) => { list.scrollTop = 5_000 * 52 })
  await page.locator('.log-row', { hasText: 'line 5005' }).waitFor()
  await server.current.append(session, page_(10_001))
  await page.getByTestId('log-count').getByText('11,001 lines').waitFor()
  await page.locator('.log-row', { hasText: 'line 5005' }).waitFor()
  expect((await nodes()).rows).toBeLessThan(60)

  await page.getByRole('button', { name: 'Latest' }).click()
  await page.locator('.log-row', { hasText: 'line 11000' }).waitFor()
  await server.current.append(session, [{ type: 'log', message: 'one more' }])
  await page.locator('.log-row', { hasText: 'one more' }).waitFor()
})

test('from the end of the log, the keys lead up', async () => {
  const { page } = await open()
  const session = await server.current.createSession('Upwards')
  await server.current.append(session, Array.from({ length: 100 }, (_, at) => ({ type: 'log', message: `line ${at}` })))
  await page.goto(`${server.current.url}/sessions/${session}`)
  const list = page.getByRole('listbox')
  const isInDocument = () => list.evaluate((element) => document.getElementById(element.getAttribute('aria-activedescendant') ?? '') !== null)
  await page.getByText('line 99').waitFor()
  await list.focus()
  await page.keyboard.press('Home')
  await expect.poll(() => list.evaluate((element) => element.scrollTop)).toBe(0)
  expect(await isInDocument()).toBe(true)
  await page.keyboard.press('End')
  await page.getByText('line 99').first().waitFor()
  await page.keyboard.press('PageUp')
  await page.keyboard.press('PageUp')
  expect(await isInDocument()).toBe(true)
  const top = await list.evaluate((element) => element.scrollTop)
  // New lines do not carry it away.
  await server.current.append(session, [{ type: 'log', message: 'one more' }])
  await expect.poll(() => page.getByTestId('log-count').innerText()).toBe('102 lines')
  expect(await list.evaluate((element) => element.scrollTop)).toBe(top)
})
