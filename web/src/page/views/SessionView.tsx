import { useMemo, useState } from 'react'
import { SessionNotFoundError } from '../../client/index.ts'
import { useAnswers } from '../answers.ts'
import { isLogAlone } from '../../course/run.ts'
import type { UseCourseGeneration } from '../../react/useCourseGeneration.ts'
import { ConnectionBadge } from '../parts/ConnectionBadge.tsx'
import { Elapsed } from '../parts/Elapsed.tsx'
import { Icon } from '../parts/Icon.tsx'
import { Link } from '../parts/Link.tsx'
import { LogPanel } from '../parts/LogPanel.tsx'
import { Missing } from '../parts/Missing.tsx'
import { OutlineNav } from '../parts/OutlineNav.tsx'
import { ProgressPanel } from '../parts/ProgressPanel.tsx'
import { Reader } from '../parts/Reader.tsx'
import { StatusChip } from '../parts/StatusChip.tsx'
import { count, duration, momentOf } from '../format.ts'
import { paths } from '../route.ts'
import { lessonsOf, syllabusOf } from '../syllabus.ts'
import { useFocusHeld } from '../useFocusHeld.ts'
import { useIsOffline } from '../useIsOffline.ts'
import { useTitle } from '../useTitle.ts'

type Pane = 'course' | 'log'

/** One session, running or over: its course as far as it is there, and its log. */
export function SessionView({ sessionId, generation, lesson }: { sessionId: string; generation: UseCourseGeneration; lesson: string | undefined }) {
  const { run, summary, status, connection, error } = generation
  const topic = summary?.topic ?? run.topic
  const syllabus = useMemo(() => syllabusOf(run), [run])
  const [pane, setPane] = useState<Pane>('course')
  const answers = useAnswers(sessionId)
  const isOffline = useIsOffline()
  const actions = useFocusHeld<HTMLDivElement>()
  const opened = syllabus && lessonsOf(syllabus).find(({ key, content }) => key === lesson && content)
  const name = topic === '' ? 'Session' : topic
  useTitle(opened ? `${opened.title} · ${name}` : name)
  const isLog = isLogAlone(run)

  if (error instanceof SessionNotFoundError) return <Missing what="session" />

  // An expired session has ended in one of three ways; its log knows in which.
  const shown = run.endedAt !== undefined && run.status !== undefined ? run.status : status
  const tab = (name: Pane, label: string) => (
    <button type="button" role="tab" id={`tab-${name}`} aria-selected={pane === name} aria-controls={`pane-${name}`} tabIndex={pane === name ? 0 : -1}
      onClick={() => { setPane(name) }}
      onKeyDown={(event) => {
        if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
        const other = name === 'course' ? 'log' : 'course'
        setPane(other)
        document.getElementById(`tab-${other}`)?.focus()
      }}
    >
      {label}
    </button>
  )

  return (
    <div className="session" data-pane={isLog ? 'log' : pane} data-alone={isLog} data-over={run.endedAt !== undefined}>
      <section className="session-head" aria-label="Session">
        <div className="session-title">
          <div className="chips">
            {shown && <StatusChip status={shown} />}
            <ConnectionBadge connection={connection} isWhole={run.endedAt !== undefined} />
          </div>
          <Title topic={topic} />
          <p className="facts">
            {summary && <time dateTime={summary.startedAt}>{momentOf(summary.startedAt)}</time>}
            {generation.isGenerating && summary && <Elapsed since={summary.startedAt} />}
            {summary?.durationMs !== undefined && <span>took {duration(summary.durationMs)}</span>}
            {run.model !== '' && (
              <span>
                {run.provider} · {run.model}
              </span>
            )}
            {summary?.searchWeb && <span>with web search</span>}
            {run.attempts > 1 && <span>{count(run.attempts, 'attempt')}</span>}
            {summary && summary.usage.completionTokens > 0 && <span>{count(summary.usage.promptTokens + summary.usage.completionTokens, 'token')}</span>}
          </p>
        </div>
        <div className="actions" ref={actions}>
          {generation.isGenerating ? (
            // Not `disabled`, which would take the focus from it.
            <button type="button" className="button danger" aria-disabled={generation.isStopping} onClick={() => { if (!generation.isStopping) void generation.stopGeneration() }}>
              <Icon name="stop" />
              {generation.isStopping ? (isOffline ? 'Waiting for the network' : 'Stopping') : 'Stop'}
            </button>
          ) : (
            <Link className="button" href={paths.create}>
              <Icon name="spark" />
              New course
            </Link>
          )}
        </div>
        <ProgressPanel run={run} syllabus={syllabus} isGenerating={generation.isGenerating} />
        {run.error !== undefined && run.status === 'failed' && (
          <p role="alert" className="notice bad">
            The run failed: <bdi>{shortened(run.error)}</bdi>
          </p>
        )}
        {isOffline && generation.isGenerating && (
          <p role="status" className="notice calm">
            {generation.isStopping
              ? 'You are offline. The run is stopped as soon as the network is back.'
              : 'You are offline. The run goes on without you, and is shown as soon as the network is back.'}
          </p>
        )}
        {isOffline && !generation.isGenerating && run.endedAt === undefined && (
          <p role="status" className="notice calm">
            You are offline. The session is shown as soon as the network is back.
          </p>
        )}
        {error && (
          <p role="alert" className="notice bad">
            {generation.isStopping ? `The run is not stopped yet, and it is tried again: ${error.message}.` : `${error.message}.`}
          </p>
        )}
      </section>

      {!isLog && (
        <div className="tabs" role="tablist" aria-label="What to show">
          {tab('course', 'Course')}
          {tab('log', `Log (${generation.logs.length.toLocaleString()})`)}
        </div>
      )}

      <div className="session-body">
        {!isLog && (
          <section className="pane-course" id="pane-course" aria-label="Course">
            {syllabus ? (
              <>
                <OutlineNav syllabus={syllabus} selected={lesson} />
                <Reader syllabus={syllabus} selected={lesson} answers={answers} />
              </>
            ) : (
              <Waiting isOver={run.endedAt !== undefined} isGenerating={generation.isGenerating} />
            )}
          </section>
        )}
        <section className="pane-log" id="pane-log" aria-label="Log">
          <LogPanel logs={generation.logs} sessionId={sessionId} onClear={generation.clearLogs} />
        </section>
      </div>
    </div>
  )
}

/** Of a longer one the log has the whole. */
const ERROR_CHARACTERS = 400

function shortened(error: string): string {
  return error.length > ERROR_CHARACTERS ? `${error.slice(0, ERROR_CHARACTERS).trimEnd()} … (all of it is in the log)` : error
}

/** Of a topic this long the first lines are shown. */
const TOPIC_LONG = 140

function Title({ topic }: { topic: string }) {
  const [isWhole, setIsWhole] = useState(false)
  if (topic.length <= TOPIC_LONG) return <h1 dir="auto">{topic === '' ? 'Session' : topic}</h1>
  return (
    <div className="long-title">
      <h1 dir="auto" className={isWhole ? '' : 'clamped'}>
        {topic}
      </h1>
      <button type="button" className="quiet" aria-expanded={isWhole} onClick={() => { setIsWhole(!isWhole) }}>
        {isWhole ? 'Show less' : 'Show all of it'}
      </button>
    </div>
  )
}

function Waiting({ isOver, isGenerating }: { isOver: boolean; isGenerating: boolean }) {
  if (isOver) {
    return (
      <div className="empty">
        <h2>This run has no course</h2>
        <p>It ended before there was anything to read. Its log tells more.</p>
      </div>
    )
  }
  return (
    <div className="skeleton">
      <p className="lead">{isGenerating ? 'The outline is being worked out. Lessons appear here as they are written.' : 'Loading the course'}</p>
      <div className="bones" aria-hidden="true">
        {['a', 'b', 'c', 'd', 'e'].map((line) => (
          <span key={line} className="bone" />
        ))}
      </div>
    </div>
  )
}
