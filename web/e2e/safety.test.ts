import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { seriousFindings } from './support/axe.ts'
import { bench, expectWholeLog, finished, generate, service } from './support/page.ts'

const { open } = bench()
const server = service('--offline-pace', '0ms')

const HOSTILE = [
  '<script>window.harmed = "script"</script>',
  '<img src="https://evil.invalid/x.png" onerror="window.harmed = \'image\'">',
  '<svg onload="window.harmed = \'svg\'"></svg>',
  '[a link](javascript:window.harmed=1) and [another](data:text/html,<script>1</script>) and [vb](vbscript:x)',
  '![a picture](https://evil.invalid/pixel.png)',
  '<iframe src="https://evil.invalid/"></iframe><style>*{display:none}</style>',
  '[fine](https://example.com/ "a title")',
  '<a href="javascript:window.harmed=2">raw</a>',
  '`<b>code</b>`',
  '[auto]: javascript:window.harmed=3\n\n[auto] <javascript:window.harmed=4>',
].join('\n\n')

function hostileCourse() {
  const content = {
    title: HOSTILE.slice(0, 60),
    learning_objectives: [HOSTILE],
    content: HOSTILE,
    key_concepts: [HOSTILE],
    examples: [HOSTILE],
    exercises: [HOSTILE],
    estimated_duration: '<b>1</b>',
    quiz: {
      questions: [1, 2, 3].map((number) => ({
        question: `${number} ${HOSTILE}`,
        options: ['A', 'B', 'C', 'D'].map((option) => ({ option, text: `${option} ${HOSTILE}`, is_correct: option === 'B' })),
        explanation: HOSTILE,
      })),
    },
  }
  return {
    id: randomUUID(),
    title: '<script>window.harmed = "title"</script>',
    description: HOSTILE,
    target_audience: HOSTILE,
    prerequisites: [HOSTILE],
    total_duration: '<i>long</i>',
    parts: [
      {
        part_number: 1,
        title: '<img src=x onerror="window.harmed = 1">',
        description: HOSTILE,
        learning_goals: [HOSTILE],
        lessons: [{ lesson_number: 1, title: '<b>bold</b>', description: HOSTILE, content }],
      },
    ],
  }
}

test('a hostile lesson does nothing', async () => {
  const { page } = await open()
  const course = hostileCourse()
  const session = await server.current.createSession('<script>window.harmed = "topic"</script>')
  await server.current.append(session, [
    { type: 'log', message: HOSTILE },
    { type: 'course_generated', message: HOSTILE, data: { courseId: course.id, course, summary: {} } },
  ])
  await server.current.endSession(session, { status: 'completed', courseId: course.id })
  await page.goto(`${server.current.url}/sessions/${session}#lesson-1.1`)
  await page.locator('.reader .quiz').waitFor()
  for (const index of [0, 1, 2]) await page.locator('.quiz fieldset').nth(index).getByRole('radio').first().check()
  await page.getByRole('button', { name: 'Check answers' }).click()
  await expectWholeLog(page, server.current, session)

  const found = await page.evaluate(() => ({
    harmed: (globalThis as { harmed?: unknown }).harmed,
    dangerous: document.querySelectorAll('.reader :is(script, img, iframe, style, object, embed, form, base), .reader svg[onload]').length,
    links: [...document.querySelectorAll<HTMLAnchorElement>('.reader a')].map((link) => link.protocol),
    inline: document.querySelectorAll('[onerror], [onload], [onclick]').length,
  }))
  expect(found.harmed).toBeUndefined()
  expect(found.dangerous).toBe(0)
  expect(found.inline).toBe(0)
  expect([...new Set(found.links)].sort()).toEqual(['http:', 'https:'])
  const outside = page.locator('.reader a[href^="https://example.com"]').first()
  expect(await outside.getAttribute('rel')).toBe('noopener noreferrer nofollow')
  // It is text about a script, for everybody to see.
  await page.locator('.prose').getByText('<script>window.harmed = "script"</script>').first().waitFor()

  await page.getByRole('link', { name: 'Overview', exact: true }).first().click()
  await page.getByRole('heading', { name: course.title }).first().waitFor()
  await page.goto(`${server.current.url}/sessions`)
  await page.locator('.session-row').first().waitFor()
  expect(await page.evaluate(() => (globalThis as { harmed?: unknown }).harmed)).toBeUndefined()
})

test('a log that is about no course is shown as what it is, and a course without its last event as a course', async () => {
  const { page } = await open({ viewport: { width: 1280, height: 800 } })
  const log = await server.current.createSession('Weather')
  await server.current.append(log, [{ type: 'progress', message: 'far too much', data: { percent: 250 } }])
  await page.goto(`${server.current.url}/sessions/${log}`)
  await page.locator('.log-row', { hasText: 'far too much' }).waitFor()
  expect(await page.getByText(/outline|Structure|100%/).count()).toBe(0)
  await server.current.endSession(log, { status: 'failed', error: 'x'.repeat(3_000) })
  await page.getByText('(all of it is in the log)').waitFor()
  expect((await page.getByRole('alert').boundingBox())?.height).toBeLessThan(250)

  const course = await server.current.createSession('No last event')
  const outline = { title: 'Whole', description: '', target_audience: '**Bold** readers', parts: [{ part_number: 1, title: 'One', description: '', learning_goals: [] }] }
  await server.current.append(course, [
    { type: 'success', message: 'The outline', data: { step: 'structure', result: outline } },
    { type: 'success', message: 'The lessons', data: { step: 'lessons', part: 1, result: { lessons: [{ lesson_number: 1, title: 'First', description: '' }] } } },
    { type: 'success', message: 'The lesson', data: { step: 'content', part: 1, lesson: 1, result: { title: 'First', content: 'Text', quiz: { questions: [{ question: 'No options', options: [] }] } } } },
  ])
  await server.current.endSession(course)
  await page.goto(`${server.current.url}/sessions/${course}#lesson-1.1`)
  await page.getByText('The course is ready').waitFor()
  expect(await page.title()).toBe('First · No last event · Coursestream')
  expect(await page.locator('.quiz').count()).toBe(0)
  await page.getByRole('link', { name: 'Overview' }).first().click()
  await page.locator('dd strong', { hasText: 'Bold' }).waitFor()
  expect(await page.getByText('Unfinished').count()).toBe(0)
})

test('data of any shape breaks nothing', async () => {
  const { page } = await open()
  const session = await server.current.createSession('Odd shapes')
  const odd: unknown[] = [null, 5, 'text', [], {}, { step: 'structure' }, { step: 'structure', result: { title: 'Odd', parts: [1, null, {}] } },
    { step: 'lessons', part: 'one', result: { lessons: 5 } }, { step: 'lessons', part: 1, result: { lessons: [null, { title: 5 }, { title: 'x' }] } },
    { step: 'content', part: 1, lesson: 2, result: { content: 'x', quiz: { questions: [{ options: 'none' }, null] }, examples: 'no' } },
    { percent: 'a lot' }, { percent: 1e9 }, { percent: -5 }]
  await server.current.append(session, odd.flatMap((data) => ['progress', 'success', 'log', 'error'].map((type) => ({ type, message: JSON.stringify(data), data }))))
  await server.current.endSession(session)
  await page.goto(`${server.current.url}/sessions/${session}`)
  await page.getByRole('heading', { level: 2, name: 'Odd' }).waitFor()
  await expectWholeLog(page, server.current, session)
})

test('pages and files come with their headers, and what is no page is not answered with one', async () => {
  const { url } = server.current
  const page = await fetch(`${url}/sessions/anything`)
  const html = await page.text()
  expect(page.status).toBe(200)
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(page.headers.get('cache-control')).toBe('no-cache')
  expect(page.headers.get('x-content-type-options')).toBe('nosniff')
  expect(page.headers.get('referrer-policy')).toBe('no-referrer')
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("script-src 'self';")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
  // Nothing inline for the policy to forbid.
  expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/)

  const etag = page.headers.get('etag') ?? ''
  expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304)
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)

  const [, script = ''] = /src="(\/assets\/[^"]+\.js)"/.exec(html) ?? []
  const asset = await fetch(`${url}${script}`)
  expect(asset.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')

  const answered = async (path: string, accept: string) => {
    const answer = await fetch(`${url}${path}`, { headers: { accept } })
    return [path, accept, answer.status, answer.headers.get('content-type'), answer.headers.get('content-security-policy')]
  }
  for (const path of ['/api/v1/nothing', '/assets/none.js']) {
    expect(await answered(path, 'text/html')).toEqual([path, 'text/html', 404, 'application/problem+json', null])
  }
  for (const path of ['/nothing', '/sessions/a/b', '/index.html']) {
    expect(await answered(path, '*/*')).toEqual([path, '*/*', 404, 'application/problem+json', null])
    // A browser is shown the page's own view of it.
    expect(await answered(path, 'text/html')).toEqual([path, 'text/html', 404, 'text/html; charset=utf-8', policy])
  }
})

test('where the server asks who is there, the page asks too, and says it on every transport', async () => {
  const user = randomUUID()
  const token = `x.${Buffer.from(JSON.stringify({ sub: user })).toString('base64url')}.x`
  const { page, troubles } = await open()
  // A door before the service, which itself is open.
  await page.route('**/api/**', async (route) => {
    const isKnown = route.request().headers()['authorization'] === `Bearer ${token}`
    if (isKnown) await route.continue()
    else await route.fulfill({ status: 401, json: { code: 'unauthorized', detail: 'who are you?', status: 401 } })
  })
  const introductions: unknown[] = []
  await page.routeWebSocket('**/ws', (socket) => {
    const behind = socket.connectToServer()
    let isKnown = false
    socket.onMessage((text) => {
      if (isKnown) {
        behind.send(text)
        return
      }
      introductions.push(JSON.parse(String(text)))
      isKnown = true
      socket.send(JSON.stringify({ event: 'authenticated', data: {} }))
    })
  })
  await page.goto(server.current.url)
  const field = page.getByLabel('Access token')
  await field.fill('not this one')
  expect(await seriousFindings(page)).toEqual([])
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('does not accept').waitFor()
  await field.fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  const session = await generate(page, server.current.url, 'Behind the door')
  await finished(page)
  await expectWholeLog(page, server.current, session)
  expect(introductions).toEqual([{ event: 'authenticate', data: token }])
  expect((await server.current.get(`/api/v1/sessions/${session}`)).userId).toBe(user)
  // The browser itself reports each 401.
  expect(troubles.filter((trouble) => !trouble.includes('401'))).toEqual([])
  troubles.length = 0

  await page.getByRole('button', { name: 'Sign out' }).click()
  await field.waitFor()
  troubles.length = 0
})
