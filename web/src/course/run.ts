/** A run as its log tells it: a fold over its events. Pure. */
import type { Envelope, EventType, SessionStatus } from '../client/index.ts'
import { outcomeOf } from '../client/index.ts'
import { type Course, type LessonContent, type LessonOutline, type Outline, asFields, number, readContent, readCourse, readLessons, readOutline, text } from './course.ts'

/** How far a run is. */
export interface Progress {
  /** What is worked on, in words. */
  readonly label: string
  /** `structure`, `lessons`, `content`, `save`, or another program's. */
  readonly step: string
  readonly percent: number
  readonly lessonsDone: number
  /** 0 while it is not known. */
  readonly lessonsTotal: number
}

export interface Run {
  readonly lastOffset: number
  readonly topic: string
  readonly provider: string
  readonly model: string
  readonly attempts: number
  readonly startedAt?: string
  readonly endedAt?: string
  readonly status?: SessionStatus
  readonly error?: string
  readonly outline?: Outline
  /** By part number. */
  readonly lessons: ReadonlyMap<number, readonly LessonOutline[]>
  /** By `lessonKey`. */
  readonly contents: ReadonlyMap<string, LessonContent>
  /** Lessons under way, by `lessonKey`. */
  readonly underWay: ReadonlySet<string>
  readonly progress: Progress
  readonly courseId?: string
  readonly course?: Course
  readonly counts: Readonly<Record<EventType, number>>
}

export const emptyRun: Run = {
  lastOffset: 0,
  topic: '',
  provider: '',
  model: '',
  attempts: 0,
  lessons: new Map(),
  contents: new Map(),
  underWay: new Set(),
  progress: { label: '', step: '', percent: 0, lessonsDone: 0, lessonsTotal: 0 },
  counts: {
    log: 0,
    progress: 0,
    success: 0,
    error: 0,
    course_generated: 0,
    session_started: 0,
    session_completed: 0,
    session_failed: 0,
    session_cancelled: 0,
  },
}

export function lessonKey(part: number, lesson: number): string {
  return `${part}.${lesson}`
}

/** Whether the log tells of anything but a course: that of an outside producer may. */
export function isLogAlone(run: Run): boolean {
  return run.startedAt !== undefined && run.model === '' && run.progress.step === '' && !run.outline && !run.course
}

export function applyAll(run: Run, events: readonly Envelope[]): Run {
  return events.reduce(apply, run)
}

export function apply(run: Run, event: Envelope): Run {
  const counts = { ...run.counts, [event.type]: run.counts[event.type] + 1 }
  const next = { ...run, counts, lastOffset: event.offset }
  const data = asFields(event.data) ?? {}
  switch (event.type) {
    case 'session_started':
      return {
        ...next,
        status: 'running',
        startedAt: event.timestamp,
        topic: text(data['topic']),
        provider: text(data['provider']),
        model: text(data['model']),
        attempts: number(data['attempt'], 1),
      }
    case 'log':
      return { ...next, attempts: Math.max(next.attempts, number(data['attempt'], 0)) }
    case 'progress':
      return withProgress(begun(next, data), event, data)
    case 'success':
      return withProgress(finished(next, data), event, data)
    case 'error':
      return next
    case 'course_generated': {
      const course = readCourse(data['course'])
      return course ? { ...next, course, courseId: course.id } : next
    }
    case 'session_completed':
    case 'session_failed':
    case 'session_cancelled':
      return ended(next, event)
  }
}

function begun(run: Run, data: Readonly<Record<string, unknown>>): Run {
  if (data['step'] !== 'content') return run
  return { ...run, underWay: new Set(run.underWay).add(keyOf(data)) }
}

function finished(run: Run, data: Readonly<Record<string, unknown>>): Run {
  switch (data['step']) {
    case 'structure': {
      const outline = readOutline(data['result'])
      return outline ? { ...run, outline } : run
    }
    case 'lessons': {
      const lessons = readLessons(data['result'])
      return lessons ? { ...run, lessons: new Map(run.lessons).set(number(data['part'], 0), lessons) } : run
    }
    case 'content': {
      const content = readContent(data['result'])
      if (!content) return run
      const key = keyOf(data)
      const underWay = new Set(run.underWay)
      underWay.delete(key)
      return { ...run, underWay, contents: new Map(run.contents).set(key, content) }
    }
    default:
      return run
  }
}

function keyOf(data: Readonly<Record<string, unknown>>): string {
  return lessonKey(number(data['part'], 0), number(data['lesson'], 0))
}

function withProgress(run: Run, event: Envelope, data: Readonly<Record<string, unknown>>): Run {
  const lists = [...run.lessons.values()]
  const told = number(data['percent'], 0)
  const progress: Progress = {
    label: event.message,
    step: typeof data['step'] === 'string' ? data['step'] : run.progress.step,
    percent: told >= 0 && told <= 100 ? Math.max(run.progress.percent, told) : run.progress.percent,
    lessonsDone: run.contents.size,
    // Only once every part has its list is the number known.
    lessonsTotal: run.outline && lists.length === run.outline.parts.length ? lists.flat().length : 0,
  }
  return { ...run, progress }
}

function ended(run: Run, event: Envelope): Run {
  const outcome = outcomeOf(event)
  if (!outcome) return run
  const percent = outcome.status === 'completed' ? 100 : run.progress.percent
  const next = { ...run, status: outcome.status, endedAt: event.timestamp, underWay: new Set<string>(), progress: { ...run.progress, percent } }
  if (outcome.status !== 'completed') return { ...next, error: outcome.error }
  return outcome.courseId === undefined ? next : { ...next, courseId: outcome.courseId }
}
