import { type Run, isLogAlone } from '../../course/run.ts'
import { type Syllabus, lessonsOf } from '../syllabus.ts'

const STAGES = [
  { name: 'structure', label: 'Structure' },
  { name: 'lessons', label: 'Lesson plan' },
  { name: 'content', label: 'Writing' },
  { name: 'done', label: 'Ready' },
] as const
type Stage = (typeof STAGES)[number]['name']

/** Where the run is: its stages, and every lesson as a piece of the bar. */
export function ProgressPanel({ run, syllabus, isGenerating }: { run: Run; syllabus: Syllabus | undefined; isGenerating: boolean }) {
  const { percent, label, lessonsDone, lessonsTotal } = run.progress
  if (isLogAlone(run) || (!isGenerating && !syllabus && run.progress.step === '')) return null
  const isFinished = syllabus?.state === 'finished'
  const stage = stageOf(run, syllabus)
  const lessons = syllabus ? lessonsOf(syllabus) : []
  const total = lessonsTotal || (isFinished ? lessons.length : 0)
  const done = isFinished ? lessons.length : lessonsDone
  const words = isFinished ? 'The course is ready' : wordsFor(run, isGenerating, label)
  return (
    <div className="progress" data-over={run.endedAt !== undefined}>
      {!isFinished && (
        <ol className="stages">
          {STAGES.map(({ name, label }, index) => (
            <li key={name} className={index < STAGES.findIndex((one) => one.name === stage) ? 'done' : name === stage ? 'now' : ''} aria-current={name === stage ? 'step' : undefined}>
              {label}
            </li>
          ))}
        </ol>
      )}
      <div
        className="bar"
        role="progressbar"
        aria-label="Progress of the course"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={total > 0 ? `${percent} percent, ${done} of ${total} lessons` : `${percent} percent`}
      >
        {total > 0 ? (
          syllabus?.parts.map((part) => (
            <span key={part.number} className="bar-part">
              {part.lessons.map((lesson) => (
                <span key={lesson.key} className={`bar-piece ${lesson.state}`} />
              ))}
            </span>
          ))
        ) : (
          <span className="bar-whole">
            <span className="bar-fill" style={{ inlineSize: `${percent}%` }} />
          </span>
        )}
      </div>
      <p className="progress-words">
        <span dir="auto">{words}</span>
        <span className="numbers">
          {total > 0 && (
            <span>
              {done} of {total} lessons
            </span>
          )}
          <strong>{percent}%</strong>
        </span>
      </p>
    </div>
  )
}

function wordsFor(run: Run, isGenerating: boolean, label: string): string {
  switch (run.status) {
    case 'completed':
      return 'The run is complete'
    case 'failed':
      return 'The run failed'
    case 'cancelled':
      return 'Stopped'
    default:
      return label === '' && isGenerating ? (run.startedAt === undefined ? 'Waiting to start' : 'Under way') : label
  }
}

function stageOf(run: Run, syllabus: Syllabus | undefined): Stage {
  if (!syllabus) return 'structure'
  return run.progress.lessonsTotal > 0 ? 'content' : 'lessons'
}
