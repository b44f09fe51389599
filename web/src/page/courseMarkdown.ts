/** A course as one Markdown file, for readers and tools elsewhere. Pure. */
import type { Question } from '../course/course.ts'
import type { Syllabus, SyllabusLesson, SyllabusPart } from './syllabus.ts'

export function courseMarkdown(course: Syllabus): string {
  const facts = [
    course.targetAudience !== '' && `- For: ${course.targetAudience}`,
    course.totalDuration !== '' && `- Takes: ${course.totalDuration}`,
    course.prerequisites.length > 0 && `- You should bring: ${course.prerequisites.join(', ')}`,
  ]
  return `${blocks(`# ${course.title}`, course.description, lines(facts), ...course.parts.map(partMarkdown))}\n`
}

/** A title as the name of a file. */
export function slug(title: string): string {
  const words = title.toLowerCase().match(/[\p{Letter}\p{Number}]+/gu) ?? []
  return words.join('-').slice(0, 80) || 'course'
}

function partMarkdown(part: SyllabusPart): string {
  return blocks(`## Part ${part.number}: ${part.title}`, part.description, bullets(part.goals), ...part.lessons.map(lessonMarkdown))
}

function lessonMarkdown({ number, title, content }: SyllabusLesson): string {
  if (!content) return ''
  return blocks(
    `### ${number} ${content.title === '' ? title : content.title}`,
    content.estimatedDuration === '' ? '' : `*${content.estimatedDuration}*`,
    section('Objectives', bullets(content.learningObjectives)),
    lowered(content.content),
    section('Key concepts', bullets(content.keyConcepts)),
    section('Examples', blocks(...content.examples)),
    section('Exercises', lines(content.exercises.map((exercise, index) => `${index + 1}. ${exercise.replaceAll('\n', '\n   ')}`))),
    section('Check yourself', blocks(...content.questions.map(questionMarkdown))),
  )
}

function questionMarkdown({ question, options, explanation }: Question, index: number): string {
  const right = options.find((option) => option.isCorrect)
  return blocks(
    `${index + 1}. ${question}`,
    lines(options.map(({ option, text }) => `   - ${option}: ${text}`)),
    right ? `   Answer: ${right.option}.${explanation === undefined ? '' : ` ${explanation}`}` : '',
  )
}

/** With its headings below that of its lesson; what stands in a code fence is no heading. */
function lowered(markdown: string): string {
  const pieces = markdown.split(/(^```[^]*?^```)/m)
  return pieces.map((piece) => (piece.startsWith('```') ? piece : piece.replace(/^#{1,6} /gm, (marks) => `${'#'.repeat(Math.min(6, marks.length + 2))} `))).join('')
}

function section(title: string, body: string): string {
  return body === '' ? '' : blocks(`**${title}**`, body)
}

function bullets(items: readonly string[]): string {
  return lines(items.map((item) => `- ${item}`))
}

function lines(all: readonly (string | false)[]): string {
  return all.filter((line) => line !== false && line !== '').join('\n')
}

function blocks(...all: readonly string[]): string {
  return all.map((block) => block.trimEnd()).filter((block) => block !== '').join('\n\n')
}
