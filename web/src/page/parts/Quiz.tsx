import { useRef } from 'react'
import { flushSync } from 'react-dom'
import type { Question } from '../../course/course.ts'
import type { Answers } from '../answers.ts'
import { Icon } from './Icon.tsx'
import { InlineMarkdown } from './Markdown.tsx'

/** Answer all, then see. */
export function Quiz({ lesson, questions, answers }: { lesson: string; questions: readonly Question[]; answers: Answers }) {
  const section = useRef<HTMLElement>(null)
  const again = () => {
    flushSync(() => { answers.again(lesson) })
    section.current?.querySelector('input')?.focus()
  }
  const isChecked = answers.checked.has(lesson)
  const given = questions.map((_, index) => answers.given.get(`${lesson}/${index}`))
  const isComplete = given.every((option) => option !== undefined)
  const right = questions.filter((question, index) => question.options[given[index] ?? -1]?.isCorrect).length
  return (
    <section ref={section} className="quiz" aria-labelledby={`quiz-${lesson}`}>
      <h3 id={`quiz-${lesson}`}>Check yourself</h3>
      {questions.map((question, index) => (
        <fieldset key={question.question} disabled={isChecked}>
          <legend>
            <span className="question-number">{index + 1}</span>
            <span dir="auto">
              <InlineMarkdown text={question.question} />
            </span>
          </legend>
          {question.options.map((option, optionIndex) => {
            const isGiven = given[index] === optionIndex
            const verdict = isChecked ? (option.isCorrect ? 'right' : isGiven ? 'wrong' : '') : ''
            return (
              <label key={option.option} className={`option ${verdict}`}>
                <input
                  type="radio"
                  name={`quiz-${lesson}-${index}`}
                  checked={isGiven}
                  onChange={() => { answers.give(lesson, index, optionIndex) }}
                />
                <span className="option-label">{option.option}</span>
                <span dir="auto">
                  <InlineMarkdown text={option.text} />
                </span>
                {verdict !== '' && (
                  <span className="verdict">
                    <Icon name={verdict === 'right' ? 'check' : 'cross'} />
                    <span className="visually-hidden">{verdict === 'right' ? 'correct' : 'not correct'}</span>
                  </span>
                )}
              </label>
            )
          })}
          {isChecked && question.explanation !== undefined && (
            <p className="explanation" dir="auto">
              <InlineMarkdown text={question.explanation} />
            </p>
          )}
        </fieldset>
      ))}
      <div className="quiz-row">
        {isChecked ? (
          <button type="button" className="button" onClick={again}>
            Try again
          </button>
        ) : (
          <button type="button" className="button primary" disabled={!isComplete} onClick={() => { answers.check(lesson) }}>
            Check answers
          </button>
        )}
        <p role="status" className="score">
          {isChecked ? `${right} of ${questions.length} correct` : isComplete ? '' : 'Answer every question first'}
        </p>
      </div>
    </section>
  )
}
