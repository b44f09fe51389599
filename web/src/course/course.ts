/**
 * A course and its parts, read from the `data` of events. A log may come from any program, so nothing is taken for granted: what is
 * not of the expected form is left out or empty, never an exception.
 */
export interface Outline {
  readonly title: string
  readonly description: string
  readonly targetAudience: string
  readonly prerequisites: readonly string[]
  readonly totalDuration: string
  readonly parts: readonly PartOutline[]
}

export interface PartOutline {
  readonly partNumber: number
  readonly title: string
  readonly description: string
  readonly learningGoals: readonly string[]
}

export interface LessonOutline {
  readonly lessonNumber: number
  readonly title: string
  readonly description: string
}

export interface LessonContent {
  readonly title: string
  readonly learningObjectives: readonly string[]
  readonly content: string
  readonly keyConcepts: readonly string[]
  readonly examples: readonly string[]
  readonly exercises: readonly string[]
  readonly estimatedDuration: string
  readonly questions: readonly Question[]
}

export interface Question {
  readonly question: string
  readonly options: readonly AnswerOption[]
  readonly explanation?: string
}

export interface AnswerOption {
  readonly option: string
  readonly text: string
  readonly isCorrect: boolean
}

export interface Lesson extends LessonOutline {
  readonly content: LessonContent
}

export interface Part extends PartOutline {
  readonly lessons: readonly Lesson[]
}

export interface Course extends Omit<Outline, 'parts'> {
  readonly id: string
  readonly parts: readonly Part[]
}

export function readOutline(value: unknown): Outline | undefined {
  const fields = asFields(value)
  if (!fields || text(fields['title']) === '') return undefined
  return { ...readHead(fields), parts: list(fields['parts'], readPartOutline) }
}

export function readLessons(value: unknown): readonly LessonOutline[] | undefined {
  const fields = asFields(value)
  if (!fields || !Array.isArray(fields['lessons'])) return undefined
  return list(fields['lessons'], readLessonOutline)
}

export function readContent(value: unknown): LessonContent | undefined {
  const fields = asFields(value)
  if (!fields || typeof fields['content'] !== 'string') return undefined
  return {
    title: text(fields['title']),
    learningObjectives: texts(fields['learning_objectives']),
    content: fields['content'],
    keyConcepts: texts(fields['key_concepts']),
    examples: texts(fields['examples']),
    exercises: texts(fields['exercises']),
    estimatedDuration: text(fields['estimated_duration']),
    questions: list(asFields(fields['quiz'])?.['questions'], readQuestion),
  }
}

export function readCourse(value: unknown): Course | undefined {
  const fields = asFields(value)
  if (!fields || typeof fields['id'] !== 'string') return undefined
  const parts = list(fields['parts'], (part, index) => {
    const outline = readPartOutline(part, index)
    return outline && { ...outline, lessons: list(asFields(part)?.['lessons'], readLesson) }
  })
  return { id: fields['id'], ...readHead(fields), parts }
}

function readHead(fields: Fields): Omit<Outline, 'parts'> {
  return {
    title: text(fields['title']),
    description: text(fields['description']),
    targetAudience: text(fields['target_audience']),
    prerequisites: texts(fields['prerequisites']),
    totalDuration: text(fields['total_duration']),
  }
}

function readPartOutline(value: unknown, index: number): PartOutline | undefined {
  const fields = asFields(value)
  return (
    fields && {
      partNumber: number(fields['part_number'], index + 1),
      title: text(fields['title']),
      description: text(fields['description']),
      learningGoals: texts(fields['learning_goals']),
    }
  )
}

function readLessonOutline(value: unknown, index: number): LessonOutline | undefined {
  const fields = asFields(value)
  return (
    fields && {
      lessonNumber: number(fields['lesson_number'], index + 1),
      title: text(fields['title']),
      description: text(fields['description']),
    }
  )
}

function readLesson(value: unknown, index: number): Lesson | undefined {
  const outline = readLessonOutline(value, index)
  const content = readContent(asFields(value)?.['content'])
  return outline && content && { ...outline, content }
}

function readQuestion(value: unknown): Question | undefined {
  const fields = asFields(value)
  if (!fields) return undefined
  const question = { question: text(fields['question']), options: list(fields['options'], readOption) }
  // Nobody could answer it.
  if (question.options.length === 0) return undefined
  return typeof fields['explanation'] === 'string' ? { ...question, explanation: fields['explanation'] } : question
}

function readOption(value: unknown): AnswerOption | undefined {
  const fields = asFields(value)
  return fields && { option: text(fields['option']), text: text(fields['text']), isCorrect: fields['is_correct'] === true }
}

type Fields = Readonly<Record<string, unknown>>

export function asFields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise
}

function texts(value: unknown): readonly string[] {
  return list(value, (item) => (typeof item === 'string' ? item : undefined))
}

function list<T>(value: unknown, read: (item: unknown, index: number) => T | undefined): readonly T[] {
  if (!Array.isArray(value)) return []
  return value.map(read).filter((item) => item !== undefined)
}
