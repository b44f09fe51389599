/** `GET /api/v1/analytics/summary`, as far as the page shows it. */
import { asFields, number, text } from '../course/course.ts'
import { authorizedFetch } from './identity.ts'

export interface Figures {
  readonly started: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly tokens: number
  /** The median; absent where nothing ended. */
  readonly durationMs?: number
}

export interface Bucket extends Figures {
  readonly start: string
}

export interface Activity {
  readonly total: Figures
  readonly buckets: readonly Bucket[]
}

export const ACTIVITY_PATH = '/api/v1/analytics/summary'

/** The server's now is a little later than ours was, and is not to begin one more bucket. */
const SLACK_MS = 60_000

export async function fetchActivity(spanMs: number, bucket: string, signal: AbortSignal): Promise<Activity> {
  const from = new Date(Date.now() - spanMs + SLACK_MS).toISOString()
  const response = await authorizedFetch(`${ACTIVITY_PATH}?${new URLSearchParams({ from, bucket }).toString()}`, signal)
  const activity = response.ok ? readActivity(await response.json()) : undefined
  if (!activity) throw new Error(`answered with ${response.status}`)
  return activity
}

export function readActivity(value: unknown): Activity | undefined {
  const fields = asFields(value)
  const buckets = fields?.['buckets']
  if (!fields || !Array.isArray(buckets)) return undefined
  return {
    total: readFigures(fields['total']),
    buckets: buckets.map((bucket) => ({ start: text(asFields(bucket)?.['start']), ...readFigures(bucket) })),
  }
}

function readFigures(value: unknown): Figures {
  const fields = asFields(value) ?? {}
  const figures = {
    started: number(fields['started'], 0),
    completed: number(fields['completed'], 0),
    failed: number(fields['failed'], 0),
    cancelled: number(fields['cancelled'], 0),
    tokens: number(fields['promptTokens'], 0) + number(fields['completionTokens'], 0),
  }
  const median = asFields(fields['durationMs'])?.['p50']
  return typeof median === 'number' ? { ...figures, durationMs: median } : figures
}
