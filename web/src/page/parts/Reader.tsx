import { useEffect, useRef } from 'react'
import type { Answers } from '../answers.ts'
import { courseMarkdown, slug } from '../courseMarkdown.ts'
import { count } from '../format.ts'
import { paths } from '../route.ts'
import { save } from '../save.ts'
import { type Syllabus, type SyllabusLesson, lessonsOf } from '../syllabus.ts'
import { Icon } from './Icon.tsx'
import { Link } from './Link.tsx'
import { InlineMarkdown, Markdown } from './Markdown.tsx'
import { Quiz } from './Quiz.tsx'

export function Reader({ syllabus, selected, answers }: { syllabus: Syllabus; selected: string | undefined; answers: Answers }) {
  const article = useRef<HTMLElement>(null)
  const lessons = lessonsOf(syllabus)
  const index = lessons.findIndex((lesson) => lesson.key === selected)
  const lesson = lessons[index]
  const first = useRef(true)
  // Another lesson begins at its top; the first one is where the page is already.
  useEffect(() => {
    if (first.current) {
      first.current = false
      return
    }
    article.current?.focus({ preventScroll: true })
    article.current?.scrollIntoView({ block: 'start' })
  }, [selected])
  return (
    <article className="reader" ref={article} tabIndex={-1}>
      {lesson?.content ? (
        <Lesson key={lesson.key} lesson={{ ...lesson, content: lesson.content }} syllabus={syllabus} answers={answers} previous={lessons[index - 1]} next={lessons[index + 1]} />
      ) : (
        <Overview syllabus={syllabus} />
      )}
    </article>
  )
}

const EYEBROWS: Readonly<Record<Syllabus['state'], string>> = {
  finished: 'Course',
  unfinished: 'Unfinished course',
  growing: 'Course in the making',
}

function Overview({ syllabus }: { syllabus: Syllabus }) {
  const first = lessonsOf(syllabus).find((lesson) => lesson.content)
  return (
    <>
      <p className="eyebrow">{EYEBROWS[syllabus.state]}</p>
      <h2 className="course-title" dir="auto">
        {syllabus.title}
      </h2>
      <p className="lead" dir="auto">
        <InlineMarkdown text={syllabus.description} />
      </p>
      <dl className="course-facts">
        {syllabus.targetAudience !== '' && (
          <div>
            <dt>For</dt>
            <dd dir="auto">
              <InlineMarkdown text={syllabus.targetAudience} />
            </dd>
          </div>
        )}
        {syllabus.totalDuration !== '' && (
          <div>
            <dt>Takes</dt>
            <dd dir="auto">{syllabus.totalDuration}</dd>
          </div>
        )}
        {syllabus.prerequisites.length > 0 && (
          <div>
            <dt>You should bring</dt>
            <dd dir="auto">
              <InlineMarkdown text={syllabus.prerequisites.join(' · ')} />
            </dd>
          </div>
        )}
      </dl>
      {first && (
        <div className="course-actions">
          <Link className="button primary" href={paths.lesson(first.key)}>
            <Icon name="book" />
            Start reading
          </Link>
          {syllabus.state === 'finished' && (
            <button type="button" className="button" onClick={() => { save(`${slug(syllabus.title)}.md`, 'text/markdown', [courseMarkdown(syllabus)]) }}>
              <Icon name="download" />
              Markdown
            </button>
          )}
        </div>
      )}
      <ol className="parts">
        {syllabus.parts.map((part) => (
          <li key={part.number} className="part-card">
            <p className="eyebrow">Part {part.number}</p>
            <h3 dir="auto">{part.title}</h3>
            <p dir="auto">{part.description}</p>
            {part.goals.length > 0 && (
              <ul className="goals" aria-label={`Goals of part ${part.number}`}>
                {part.goals.map((goal) => (
                  <li key={goal} dir="auto">
                    <InlineMarkdown text={goal} />
                  </li>
                ))}
              </ul>
            )}
            {part.lessons.length > 0 && (
              <ol className="part-lessons" aria-label={`Lessons of part ${part.number}`}>
                {part.lessons.map((lesson) => (
                  <li key={lesson.key} className={lesson.state}>
                    <span className="lesson-number">{lesson.number}</span>
                    {lesson.content ? (
                      <Link href={paths.lesson(lesson.key)} dir="auto">
                        {lesson.title}
                      </Link>
                    ) : (
                      <span dir="auto">{lesson.title}</span>
                    )}
                    <span className="lesson-state">{stateWords(lesson)}</span>
                  </li>
                ))}
              </ol>
            )}
          </li>
        ))}
      </ol>
    </>
  )
}

function stateWords(lesson: SyllabusLesson): string {
  switch (lesson.state) {
    case 'done':
      return lesson.content?.estimatedDuration ?? ''
    case 'writing':
      return 'being written'
    case 'pending':
      return 'to come'
    case 'never':
      return 'not written'
  }
}

interface LessonProps {
  lesson: SyllabusLesson & { content: NonNullable<SyllabusLesson['content']> }
  syllabus: Syllabus
  answers: Answers
  previous: SyllabusLesson | undefined
  next: SyllabusLesson | undefined
}

function Lesson({ lesson, syllabus, answers, previous, next }: LessonProps) {
  const { content } = lesson
  const title = content.title === '' ? lesson.title : content.title
  const part = syllabus.parts.find((part) => part.lessons.some((one) => one.key === lesson.key))
  return (
    <>
      <p className="eyebrow">
        {part && (
          <>
            Part {part.number} · <bdi>{part.title}</bdi> ·{' '}
          </>
        )}
        Lesson {lesson.number}
      </p>
      <h2 className="course-title" dir="auto">
        {title}
      </h2>
      <p className="facts">
        {content.estimatedDuration !== '' && (
          <span>
            <Icon name="clock" /> {content.estimatedDuration}
          </span>
        )}
        <span>{count(content.questions.length, 'quiz question')}</span>
      </p>
      {content.learningObjectives.length > 0 && (
        <section className="objectives" aria-label="Objectives">
          <h3>You will be able to</h3>
          <ul>
            {content.learningObjectives.map((objective) => (
              <li key={objective}>
                <Icon name="check" />
                <span dir="auto">
                  <InlineMarkdown text={objective} />
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <Markdown text={withoutTitle(content.content, title)} />
      {content.keyConcepts.length > 0 && (
        <section>
          <h3>Key concepts</h3>
          <ul className="concepts">
            {content.keyConcepts.map((concept) => (
              <li key={concept} dir="auto">
                <InlineMarkdown text={concept} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {content.examples.length > 0 && (
        <section>
          <h3>Examples</h3>
          <ol className="cards">
            {content.examples.map((example) => (
              <li key={example}>
                <Markdown text={example} />
              </li>
            ))}
          </ol>
        </section>
      )}
      {content.exercises.length > 0 && (
        <section>
          <h3>Exercises</h3>
          <ol className="cards numbered">
            {content.exercises.map((exercise) => (
              <li key={exercise}>
                <Markdown text={exercise} />
              </li>
            ))}
          </ol>
        </section>
      )}
      {content.questions.length > 0 && <Quiz lesson={lesson.key} questions={content.questions} answers={answers} />}
      <nav className="turn" aria-label="Neighbouring lessons">
        {previous?.content ? (
          <Link className="button" href={paths.lesson(previous.key)}>
            <Icon name="previous" />
            <bdi>{previous.title}</bdi>
          </Link>
        ) : (
          <Link className="button" href={paths.lesson(undefined)}>
            <Icon name="previous" />
            Overview
          </Link>
        )}
        {next?.content && (
          <Link className="button" href={paths.lesson(next.key)}>
            <bdi>{next.title}</bdi>
            <Icon name="next" />
          </Link>
        )}
      </nav>
    </>
  )
}

/** Many a text begins with its title, which stands above it already. */
function withoutTitle(markdown: string, title: string): string {
  const [whole, heading] = /^\s*#{1,6} +(.*)(?:\n|$)/.exec(markdown) ?? []
  return whole !== undefined && heading?.trim() === title.trim() ? markdown.slice(whole.length) : markdown
}
