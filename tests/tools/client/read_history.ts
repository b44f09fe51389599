// Reads a history with a client that is generated from the OpenAPI document: `node read_history.js URL` prints, as JSON, the
// sessions of all pages, the events of the newest one, its course, and what an unknown session is answered with.
import createClient from 'openapi-fetch'
import type { components, paths } from '../../../web/src/client/openapi.gen.js'

type Schemas = components['schemas']

const baseUrl = process.argv[2] ?? ''
const client = createClient<paths>({ baseUrl })

function must<T>(answer: { data?: T; error?: Schemas['Problem'] }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? 'no answer')
  return answer.data
}

async function sessions(): Promise<Schemas['SessionSummary'][]> {
  const all: Schemas['SessionSummary'][] = []
  let cursor: string | undefined
  do {
    const query = { status: ['completed', 'expired'] as const, limit: 2, ...(cursor !== undefined && { cursor }) }
    const page = must(await client.GET('/api/v1/sessions', { params: { query: { ...query, status: [...query.status] } } }))
    all.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return all
}

async function events(id: string): Promise<Schemas['Event'][]> {
  const all: Schemas['Event'][] = []
  let after: number | undefined = 0
  while (after !== undefined) {
    const params = { path: { id }, query: { after, limit: 7 } }
    const page: Schemas['EventsPage'] = must(await client.GET('/api/v1/sessions/{id}/events', { params }))
    all.push(...page.items)
    after = page.nextAfter
  }
  return all
}

const listed = await sessions()
const [newest] = listed
if (newest?.courseId === undefined) throw new Error('the newest session has no course')
const course = must(await client.GET('/api/v1/courses/{id}', { params: { path: { id: newest.courseId } } }))
const unknown = await client.GET('/api/v1/sessions/{id}', { params: { path: { id: '00000000-0000-7000-8000-000000000000' } } })
// The problem types are part of the client's types.
const problem = unknown.error?.code satisfies
  | 'session_not_found' | 'unauthorized' | 'forbidden' | 'too_many_requests' | 'internal' | 'unavailable' | undefined
console.log(JSON.stringify({ sessions: listed, events: await events(newest.sessionId), course, problem }))
