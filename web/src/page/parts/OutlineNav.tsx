import { useEffect, useRef } from 'react'
import { paths } from '../route.ts'
import type { Syllabus, SyllabusLesson } from '../syllabus.ts'
import { Icon } from './Icon.tsx'
import { Link } from './Link.tsx'

const STATE_WORDS: Readonly<Record<SyllabusLesson['state'], string>> = {
  done: '',
  writing: 'is being written',
  pending: 'is to come',
  never: 'was not written',
}

/** Parts and lessons; those that are written can be opened. */
export function OutlineNav({ syllabus, selected }: { syllabus: Syllabus; selected: string | undefined }) {
  const details = useRef<HTMLDetailsElement>(null)
  // Folded on narrow pages only, where it would stand before what it leads to.
  useEffect(() => {
    const narrow = window.matchMedia('(max-width: 47.99rem)')
    const fold = () => {
      if (details.current) details.current.open = !narrow.matches
    }
    fold()
    narrow.addEventListener('change', fold)
    return () => { narrow.removeEventListener('change', fold) }
  }, [])
  const close = () => {
    if (details.current && window.matchMedia('(max-width: 47.99rem)').matches) details.current.open = false
  }
  return (
    <nav className="outline" aria-label="Course outline">
      <details ref={details} open>
        <summary>Contents</summary>
        <ol>
          <li>
            <Link href={paths.lesson(undefined)} className="outline-overview" aria-current={selected === undefined ? 'true' : undefined} onClick={close}>
              <Icon name="book" />
              Overview
            </Link>
          </li>
          {syllabus.parts.map((part) => (
            <li key={part.number}>
              <p className="outline-part">
                <span>Part {part.number}</span>
                <bdi>{part.title}</bdi>
              </p>
              <ol>
                {part.lessons.map((lesson) => (
                  <li key={lesson.key} className={`outline-lesson ${lesson.state}`}>
                    {lesson.content ? (
                      <Link href={paths.lesson(lesson.key)} aria-current={selected === lesson.key ? 'true' : undefined} onClick={close}>
                        <Mark state={lesson.state} />
                        <span dir="auto">{lesson.title}</span>
                      </Link>
                    ) : (
                      <span className="outline-closed">
                        <Mark state={lesson.state} />
                        <span>
                          <bdi>{lesson.title}</bdi> <span className="visually-hidden">({STATE_WORDS[lesson.state]})</span>
                        </span>
                      </span>
                    )}
                  </li>
                ))}
                {part.lessons.length === 0 && (
                  <li className="outline-lesson pending outline-closed">{syllabus.state === 'growing' ? 'Lessons are to come' : 'No lessons were planned'}</li>
                )}
              </ol>
            </li>
          ))}
        </ol>
      </details>
    </nav>
  )
}

function Mark({ state }: { state: SyllabusLesson['state'] }) {
  return (
    <span className={`lesson-mark ${state}`} aria-hidden="true">
      {state === 'done' && <Icon name="check" />}
    </span>
  )
}
