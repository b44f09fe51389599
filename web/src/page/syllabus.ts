/** The course as far as it is there: what reader and outline show, during a run and after it. */
import type { LessonContent, Outline } from '../course/course.ts'
import { type Run, lessonKey } from '../course/run.ts'

export interface SyllabusLesson {
  readonly key: string
  readonly number: string
  readonly title: string
  readonly description: string
  /** `never`: the run ended without it. */
  readonly state: 'done' | 'writing' | 'pending' | 'never'
  readonly content?: LessonContent
}

export interface SyllabusPart {
  readonly number: number
  readonly title: string
  readonly description: string
  readonly goals: readonly string[]
  readonly lessons: readonly SyllabusLesson[]
}

export interface Syllabus extends Omit<Outline, 'parts'> {
  /** `unfinished`: the run ended without all of it. */
  readonly state: 'finished' | 'unfinished' | 'growing'
  readonly parts: readonly SyllabusPart[]
}

export function syllabusOf(run: Run): Syllabus | undefined {
  const { course, outline } = run
  if (course) {
    const parts = course.parts.map((part) => ({
      number: part.partNumber,
      title: part.title,
      description: part.description,
      goals: part.learningGoals,
      lessons: part.lessons.map(({ lessonNumber, title, description, content }) => {
        const key = lessonKey(part.partNumber, lessonNumber)
        return { key, number: key, title, description, state: 'done', content } as const
      }),
    }))
    return { ...course, state: 'finished', parts }
  }
  if (!outline) return undefined
  const parts = outline.parts.map((part) => ({
    number: part.partNumber,
    title: part.title,
    description: part.description,
    goals: part.learningGoals,
    lessons: (run.lessons.get(part.partNumber) ?? []).map((lesson) => lessonOf(run, part.partNumber, lesson)),
  }))
  const lessons = lessonsOf({ parts })
  const isWhole = run.status === 'completed' && lessons.length > 0 && lessons.every((lesson) => lesson.state === 'done')
  return { ...outline, state: run.endedAt === undefined ? 'growing' : isWhole ? 'finished' : 'unfinished', parts }
}

function lessonOf(run: Run, part: number, lesson: { lessonNumber: number; title: string; description: string }): SyllabusLesson {
  const key = lessonKey(part, lesson.lessonNumber)
  const content = run.contents.get(key)
  const base = { key, number: key, title: lesson.title, description: lesson.description }
  if (content) return { ...base, state: 'done', content }
  if (run.endedAt !== undefined) return { ...base, state: 'never' }
  return { ...base, state: run.underWay.has(key) ? 'writing' : 'pending' }
}

export function lessonsOf(syllabus: Pick<Syllabus, 'parts'>): readonly SyllabusLesson[] {
  return syllabus.parts.flatMap((part) => part.lessons)
}
