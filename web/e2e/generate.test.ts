import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { bench, expectWholeLog, finished, generate, service } from './support/page.ts'

const { open } = bench()
async function downloaded(page: Page, button: string): Promise<{ name: string; text: string }> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: button }).click()])
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') }
}

const server = service('--offline-pace', '400ms', '--calls-per-run', '2')

test('a course is generated, appears lesson by lesson, and can be read', async () => {
  const { page } = await open()
  const session = await generate(page, server.current.url, 'Rust ownership')
  await page.locator('.connection.live').waitFor()
  // A lesson can be opened while others are still being written.
  await page.locator('.outline-lesson a').first().waitFor()
  await page.locator('.outline-lesson.writing').first().waitFor()
  await page.getByRole('button', { name: 'Stop' }).waitFor()
  await finished(page)
  expect(await page.getByRole('progressbar').getAttribute('aria-valuetext')).toBe('100 percent, 8 of 8 lessons')
  expect(await page.title()).toBe('Rust ownership · Coursestream')
  await expectWholeLog(page, server.current, session)

  // What a screen reader was told last.
  expect(await page.getByRole('log').textContent()).toBe('The run is complete')

  const markdown = await downloaded(page, 'Markdown')
  expect(markdown.name).toMatch(/\.md$/)
  await page.getByRole('link', { name: 'Start reading' }).click()
  const course = (await server.current.get(`/api/v1/sessions/${session}/events?type=course_generated`)).items[0].data.course
  const { content } = course.parts[0].lessons[0]
  for (const lesson of course.parts.flatMap((part: { lessons: unknown[] }) => part.lessons)) {
    expect(markdown.text).toContain(lesson.content.title)
    expect(markdown.text).toContain(lesson.content.quiz.questions[2].question)
  }
  await page.getByRole('heading', { level: 2, name: content.title }).waitFor()
  for (const text of [...content.learning_objectives, content.exercises[0]]) {
    await page.locator('.reader').getByText(text).first().waitFor()
  }

  const check = page.getByRole('button', { name: 'Check answers' })
  expect(await check.isDisabled()).toBe(true)
  for (const [index, question] of content.quiz.questions.entries()) {
    const right = question.options.findIndex((option: { is_correct: boolean }) => option.is_correct)
    // All right but the first.
    const answer = index === 0 ? (right + 1) % 4 : right
    await page.locator('.quiz fieldset').nth(index).getByRole('radio').nth(answer).check()
  }
  await check.click()
  await page.getByText('2 of 3 correct').waitFor()
  await page.getByText(content.quiz.questions[0].explanation).waitFor()

  // Answers stay while one looks at another lesson, and the browser's way back leads back.
  await page.getByRole('navigation', { name: 'Neighbouring lessons' }).getByRole('link').last().click()
  await page.getByRole('heading', { level: 2, name: course.parts[0].lessons[1].content.title }).waitFor()
  await page.goBack()
  await page.getByText('2 of 3 correct').waitFor()
  await page.reload()
  await page.getByText('2 of 3 correct').waitFor()
  await page.getByRole('button', { name: 'Try again' }).click()
  expect(await check.isDisabled()).toBe(true)
})

test('stop really cancels', async () => {
  const { page } = await open()
  const session = await generate(page, server.current.url, 'Something long')
  await page.locator('.connection.live').waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('Stopped', { exact: true }).waitFor()
  const summary = await server.current.get(`/api/v1/sessions/${session}`)
  expect(summary.status).toBe('cancelled')
  await page.locator('.log-row', { hasText: /cancel/i }).waitFor()
  await expectWholeLog(page, server.current, session)
  expect(await page.getByRole('button', { name: 'Stop' }).count()).toBe(0)
  // Nothing is to come any more.
  const outside = await server.current.createSession('Given up')
  const outline = { title: 'Half', description: '', parts: [{ part_number: 1, title: 'One', description: '', learning_goals: [] }] }
  await server.current.append(outside, [{ type: 'success', message: 'The outline', data: { step: 'structure', result: outline, percent: 10 } }])
  await server.current.endSession(outside, { status: 'failed', error: 'given up' })
  await page.goto(`${server.current.url}/sessions/${outside}`)
  await page.getByText('Unfinished course').waitFor()
  await page.getByText('No lessons were planned').waitFor()
  expect(await page.getByText(/to come|in the making/).count()).toBe(0)
})

test('without a network, starting and stopping say that they wait, and are done once it is back', async () => {
  const { page, context } = await open()
  await page.goto(server.current.url)
  await page.getByRole('textbox').fill('In the tunnel')
  await context.setOffline(true)
  await page.getByText('What you start now waits for the network').waitFor()
  await page.keyboard.press('Enter')
  await page.getByText('The course is started as soon as the network is back').waitFor()
  await context.setOffline(false)
  await page.waitForURL('**/sessions/*')
  await page.locator('.connection.live').waitFor()
  // What had the focus is gone: the new page's heading has it.
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1')
  await context.setOffline(true)
  await page.getByText('Offline', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('The run is stopped as soon as the network is back').waitFor()
  await context.setOffline(false)
  await page.getByText('Stopped', { exact: true }).waitFor()
})

test('the log is filtered, copied, downloaded and cleared', async () => {
  const { page, context } = await open()
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const session = await server.current.createSession('Filters')
  await server.current.append(session, [
    { type: 'log', message: 'a plain line' },
    { type: 'error', message: 'a bad line', data: { why: 'because' } },
  ])
  await server.current.endSession(session)
  await page.goto(`${server.current.url}/sessions/${session}`)
  await expectWholeLog(page, server.current, session)

  await page.getByRole('button', { name: /^Log 1/ }).click()
  await page.getByTestId('log-count').getByText('3 lines').waitFor()
  expect(await page.locator('.log-row', { hasText: 'a plain line' }).count()).toBe(0)
  await page.getByRole('button', { name: 'Copy' }).click()
  await page.getByRole('button', { name: 'Copied' }).waitFor()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  expect(copied).toContain('a bad line')
  expect(copied).not.toContain('a plain line')

  const { name, text } = await downloaded(page, 'Download: Shown lines')
  expect(name).toBe(`session-${session}-shown.ndjson`)
  const { items } = await server.current.get(`/api/v1/sessions/${session}/events`)
  expect(text.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(items.filter(({ type }: { type: string }) => type !== 'log'))

  await page.locator('.log-row', { hasText: 'a bad line' }).click()
  await page.locator('.log-detail').getByText('"why": "because"').waitFor()
  await page.keyboard.press('Escape')

  // The keyboard goes from line to line.
  await page.getByRole('listbox', { name: 'Events' }).focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowDown')
  expect(await page.locator('.log-row[aria-selected=true]').innerText()).toContain('a bad line')

  await page.getByRole('button', { name: 'Clear the log that is shown' }).click()
  await page.getByTestId('log-count').getByText('0 lines').waitFor()
})

/** The server starts what it is asked for, and its answers are held until `answer`. */
async function holdAnswers(page: Page) {
  let answer = () => undefined as void
  const held = new Promise<void>((resolve) => { answer = resolve })
  const started: string[] = []
  await page.route('**/course-generation/generate', async (route) => {
    const response = await route.fetch()
    started.push(((await response.json()) as { sessionId: string }).sessionId)
    await held
    await route.fulfill({ response })
  })
  return { started, answer }
}

test('stop before the server has answered cancels what it has started, and starts nothing', async () => {
  const { page } = await open()
  await page.goto(server.current.url)
  const { started, answer } = await holdAnswers(page)
  await page.getByRole('textbox').fill('Second thoughts')
  await page.getByRole('button', { name: 'Generate' }).dblclick()
  // The other half of a double click stops nothing.
  await page.getByRole('button', { name: 'Stop' }).waitFor()
  await page.waitForTimeout(600)
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByRole('button', { name: 'Generate' }).waitFor()
  await expect.poll(() => started.length).toBe(1)
  answer()
  await server.current.waitFor(started[0] ?? '', (summary) => summary.status === 'cancelled')
  expect(started).toHaveLength(1)
  expect(new URL(page.url()).pathname).toBe('/')
})

test('while the server is away, starting and stopping say so, go on trying, and are done once it is back', async () => {
  const { page } = await open()
  await page.goto(server.current.url)
  await page.getByRole('textbox').fill('Patience')
  await server.current.end('SIGTERM')
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.getByText('The course is not started yet, and it is tried again').waitFor()
  await server.current.run()
  await page.waitForURL('**/sessions/*')
  expect(await page.getByRole('alert').count()).toBe(0)

  await page.goto(`${server.current.url}/sessions/${await server.current.createSession('Goes on')}`)
  await page.locator('.connection.live').waitFor()
  let isAway = true
  await page.route('**/cancel', (route) => (isAway ? route.abort('connectionrefused') : route.continue()))
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('The run is not stopped yet, and it is tried again').waitFor()
  isAway = false
  await page.getByText('Cancelled', { exact: true }).waitFor()
  expect(await page.getByRole('alert').count()).toBe(0)
})

test('who leaves while a course is being started is not called back, and may start another', async () => {
  const { page } = await open()
  await page.goto(server.current.url)
  const { started, answer } = await holdAnswers(page)
  await page.getByRole('textbox').fill('Left behind')
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.getByRole('link', { name: 'History' }).click()
  await page.getByRole('heading', { name: 'History' }).waitFor()
  await expect.poll(() => started.length).toBe(1)
  const answered = page.waitForResponse('**/course-generation/generate')
  answer()
  await answered
  await page.getByRole('link', { name: 'Create' }).click()
  await page.getByRole('textbox').fill('Another')
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.waitForURL('**/sessions/*')
  expect(page.url()).toContain(started[1])
  expect((await server.current.get(`/api/v1/sessions/${started[0]}`)).status).not.toBe('cancelled')
})

test('a topic that is too long says by how much, and is not cut', async () => {
  const { page } = await open()
  await page.goto(server.current.url)
  const field = page.getByRole('textbox')
  await field.fill('x'.repeat(503))
  await page.getByText('3 more than the 500 characters').waitFor()
  expect(await page.getByRole('button', { name: 'Generate' }).isDisabled()).toBe(true)
  await field.press('End')
  for (const _ of 'abc') await field.press('Backspace')
  await page.getByText('500 of 500 characters').waitFor()
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.waitForURL('**/sessions/*')
})

test('a clipboard that is refused is said to be', async () => {
  const { page, context } = await open()
  await context.clearPermissions()
  const session = await server.current.createSession('Refused')
  await page.addInitScript(() => { navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError')) })
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.locator('.log-row').first().waitFor()
  await page.getByRole('button', { name: 'Copy' }).click()
  await page.getByRole('button', { name: 'Not allowed' }).waitFor()
  await page.getByRole('button', { name: /^Session 1/ }).click()
  expect(await page.getByRole('button', { name: 'Not allowed' }).or(page.getByRole('button', { name: 'Copy' })).isDisabled()).toBe(true)
})

test('a start that was taken back without a network is not made up for', async () => {
  const { page, context } = await open()
  await page.goto(server.current.url)
  await page.getByRole('textbox').fill('Never mind')
  await context.setOffline(true)
  await page.getByText('What you start now waits for the network').waitFor()
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.getByText('The course is started as soon as the network is back').waitFor()
  await page.waitForTimeout(600)
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('What you start now waits for the network').waitFor()
  const asked: string[] = []
  page.on('request', (request) => { if (request.method() === 'POST') asked.push(request.url()) })
  await context.setOffline(false)
  // The page is at work again, and has had its time to ask.
  await page.getByRole('link', { name: 'History' }).click()
  await page.getByRole('heading', { name: 'History' }).waitFor()
  await page.locator('.session-row').first().waitFor()
  expect(asked).toEqual([])
})
