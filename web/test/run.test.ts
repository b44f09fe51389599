import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EVENT_TYPES, type Envelope } from '../src/client/index.ts'
import { apply, applyAll, emptyRun } from '../src/course/run.ts'
import { readActivity } from '../src/page/activity.ts'
import { storedSheets } from '../src/page/answers.ts'
import { courseMarkdown, slug } from '../src/page/courseMarkdown.ts'
import { subjectOf } from '../src/page/identity.ts'
import { parseRoute } from '../src/page/route.ts'
import { lessonsOf, syllabusOf } from '../src/page/syllabus.ts'

function log(...events: [Envelope['type'], unknown?][]): Envelope[] {
  return events.map(([type, data], index) => ({ sessionId: 's', offset: index + 1, type, message: type, timestamp: '2026-01-31T12:00:00.000Z', ...(data !== undefined && { data }) }))
}

const outline = { title: 'T', description: '', target_audience: '', prerequisites: [], total_duration: '', parts: [{ part_number: 1, title: 'P', description: '', learning_goals: [] }] }
const lessons = { lessons: [{ lesson_number: 1, title: 'A', description: '' }, { lesson_number: 2, title: 'B', description: '' }] }
const content = { title: 'A', content: 'x', learning_objectives: [], key_concepts: [], examples: [], exercises: [], estimated_duration: '', quiz: { questions: [] } }

const half = log(
  ['session_started', { topic: 'Topic', provider: 'offline', model: 'scaffold', attempt: 1 }],
  ['success', { step: 'structure', result: outline, percent: 10 }],
  ['success', { step: 'lessons', part: 1, result: lessons, percent: 20 }],
  ['progress', { step: 'content', part: 1, lesson: 1, percent: 20 }],
  ['progress', { step: 'content', part: 1, lesson: 2, percent: 20 }],
  ['success', { step: 'content', part: 1, lesson: 1, result: content, percent: 60 }],
)

test('lessons appear as they are finished', () => {
  const run = applyAll(emptyRun, half)
  const syllabus = syllabusOf(run)
  expect(syllabus && lessonsOf(syllabus).map(({ key, state }) => [key, state])).toEqual([['1.1', 'done'], ['1.2', 'writing']])
  expect(run.progress).toMatchObject({ percent: 60, lessonsDone: 1, lessonsTotal: 2 })
  expect(run).toMatchObject({ topic: 'Topic', provider: 'offline', status: 'running', lastOffset: 6 })
})

test('what a cancelled run never wrote is said to be missing', () => {
  const run = applyAll(emptyRun, [...half, { sessionId: 's', offset: 7, type: 'session_cancelled', message: 'stopped', timestamp: '' }])
  const syllabus = syllabusOf(run)
  expect(run).toMatchObject({ status: 'cancelled', error: 'stopped', progress: { percent: 60 } })
  expect(syllabus && lessonsOf(syllabus).map(({ state }) => state)).toEqual(['done', 'never'])
  expect(syllabus?.state).toBe('unfinished')
  expect(syllabusOf(applyAll(emptyRun, half))?.state).toBe('growing')
})

test('progress does not go back when a run is taken over', () => {
  const run = applyAll(emptyRun, [...half, ...log(['log', { attempt: 2 }], ['progress', { step: 'content', part: 1, lesson: 2, percent: 20 }])])
  expect(run.progress.percent).toBe(60)
  expect(run.attempts).toBe(2)
})

test('a log of any shape folds without an exception, and folding in pieces is the same', () => {
  const events = fc.array(fc.tuple(fc.constantFrom(...EVENT_TYPES), fc.oneof(
    fc.jsonValue(),
    fc.record({ step: fc.constantFrom('structure', 'lessons', 'content', 'other'), part: fc.jsonValue(), lesson: fc.jsonValue(), result: fc.jsonValue(), percent: fc.jsonValue() }),
    fc.constantFrom({ step: 'structure', result: outline }, { step: 'lessons', part: 1, result: lessons }, { step: 'content', part: 1, lesson: 1, result: content }),
  )), { maxLength: 30 })
  fc.assert(
    fc.property(events, fc.nat(30), (pairs, cut) => {
      const all = log(...pairs)
      const whole = applyAll(emptyRun, all)
      expect(applyAll(applyAll(emptyRun, all.slice(0, cut)), all.slice(cut))).toEqual(whole)
      syllabusOf(whole)
      expect(whole.progress.percent).toBeGreaterThanOrEqual(0)
      expect(whole.progress.percent).toBeLessThanOrEqual(100)
    }),
  )
})

test('a course is one Markdown file, its headings in order', () => {
  const quiz = { questions: [{ question: 'Why?', options: [{ option: 'A', text: 'no', is_correct: false }, { option: 'B', text: 'yes', is_correct: true }], explanation: 'So.' }] }
  const written = { ...content, content: '# Inside\n\n```sh\n# no heading\n```\n', key_concepts: ['K'], exercises: ['Do\nit'], quiz }
  const run = applyAll(emptyRun, log(['success', { step: 'structure', result: outline }], ['success', { step: 'lessons', part: 1, result: lessons }], ['success', { step: 'content', part: 1, lesson: 1, result: written }]))
  const syllabus = syllabusOf(run)
  const text = syllabus ? courseMarkdown(syllabus) : ''
  expect(text.match(/^#+ .*/gm)).toEqual(['# T', '## Part 1: P', '### 1.1 A', '#### Inside', '# no heading'])
  expect(text).toContain('1. Do\n   it')
  expect(text).toContain('   - B: yes\n\n   Answer: B. So.')
  expect(text).not.toMatch(/\n{3}|\n{2}$/)
  expect([slug('Rust: ownership!'), slug('Größe'), slug('?')]).toEqual(['rust-ownership', 'größe', 'course'])
})

test('a fold leaves what it was given as it was', () => {
  const before = applyAll(emptyRun, half.slice(0, 5))
  const copy = structuredClone({ ...before })
  for (const event of half) apply(before, event)
  expect(before).toEqual(copy)
})

test('addresses lead to views', () => {
  expect(parseRoute('/')).toEqual({ name: 'create' })
  expect(parseRoute('/sessions?topic=x')).toMatchObject({ name: 'history' })
  const sessionId = '0199aaaa-0000-7000-8000-000000000000'
  expect(parseRoute(`/sessions/${sessionId}#lesson-2.1`)).toEqual({ name: 'session', sessionId, lesson: '2.1' })
  expect(parseRoute(`/sessions/${sessionId}#overview`)).toMatchObject({ name: 'session', lesson: undefined })
  for (const id of ['abc', '%20', `${sessionId}0`, sessionId.slice(1)]) expect(parseRoute(`/sessions/${id}`)).toEqual({ name: 'no-session' })
  for (const path of ['/elsewhere', '/sessions/a/b', '/sessions//', `/sessions//${sessionId}`, `/sessions/${sessionId}//`]) {
    expect(parseRoute(path)).toEqual({ name: 'nowhere' })
  }
  // A slash at the end leads to the same place.
  expect(parseRoute('/sessions/?topic=x')).toMatchObject({ name: 'history' })
  expect(parseRoute(`/sessions/${sessionId}/#lesson-2.1`)).toEqual({ name: 'session', sessionId, lesson: '2.1' })
})

test('a summary of activity is read leniently', () => {
  const figures = { started: 4, completed: 2, failed: 1, cancelled: 1, promptTokens: 10, completionTokens: 5, durationMs: { p50: 1500.5, p95: 1, p99: 1 } }
  const activity = readActivity({ total: figures, buckets: [{ start: '2026-01-31T12:00:00.000Z', ...figures, durationMs: undefined }, null] })
  expect(activity?.total).toEqual({ started: 4, completed: 2, failed: 1, cancelled: 1, tokens: 15, durationMs: 1500.5 })
  expect(activity?.buckets.map(({ started }) => started)).toEqual([4, 0])
  for (const value of [null, 'text', [], {}, { buckets: 5 }]) expect(readActivity(value)).toBeUndefined()
})

test('a token tells whose it is, where it is a JWT with a user', () => {
  const user = '11111111-1111-4111-8111-111111111111'
  const jwt = (claims: unknown) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`
  expect(subjectOf(jwt({ sub: user, name: 'Zoë ÿÿÿ' }))).toBe(user)
  for (const token of ['', 'csk_key', 'a.b.c', jwt(null), jwt({ sub: 5 }), jwt({ sub: 'somebody' })]) expect(subjectOf(token)).toBeUndefined()
})

test('answers are kept for the sessions that were answered last, and a storage full of nonsense is empty', () => {
  const items = new Map<string, string>()
  const storage = { getItem: (key: string) => items.get(key) ?? null, setItem: (key: string, value: string) => void items.set(key, value) }
  const sheet = { given: new Map([['1.1/0', 2]]), checked: new Set(['1.1']) }
  for (let session = 1; session <= 25; session += 1) storedSheets(storage).write(`s${session}`, sheet)
  expect(storedSheets(storage).read('s25')).toEqual(sheet)
  expect(storedSheets(storage).read('s6')).toEqual(sheet)
  expect(storedSheets(storage).read('s5').given.size).toBe(0)
  storedSheets(storage).write('s25', { given: new Map(), checked: new Set() })
  expect([...items.values()].join()).not.toContain('s25')
  expect(items.size).toBe(1)
  for (const nonsense of ['', 'null', '{}', '[1]', '[["s"]]', '[["s",[["1.1/0"]],[]]]', '[["s",[],[1]]]']) {
    items.set('coursestream:answers', nonsense)
    expect(storedSheets(storage).read('s').given.size).toBe(0)
    storedSheets(storage).write('s', sheet)
    expect(storedSheets(storage).read('s')).toEqual(sheet)
  }
})
