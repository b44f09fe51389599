import { type KeyboardEvent, type SubmitEvent, useId, useMemo, useRef, useState } from 'react'
import type { CourseStreamClient, SessionSummary } from '../../client/index.ts'
import type { UseCourseGeneration } from '../../react/useCourseGeneration.ts'
import { Icon } from '../parts/Icon.tsx'
import { Link } from '../parts/Link.tsx'
import { SessionList } from '../parts/SessionList.tsx'
import { navigate, paths } from '../route.ts'
import { topicOf } from '../topic.ts'
import { useIsOffline } from '../useIsOffline.ts'
import { useSessionPages } from '../useSessionPages.ts'
import { useTitle } from '../useTitle.ts'

const RECENT = 4
/** What comes sooner on the button that has taken the place of another is the other half of a double click. */
const DOUBLE_CLICK_MS = 500
const PROMISES = [
  { icon: 'book', title: 'Read while it is written', text: 'Lessons open one by one as they are finished; quizzes tell you what stuck.' },
  { icon: 'resume', title: 'Picks up where it was', text: 'A lost network, a closed tab, a restarted server: it goes on at the very line.' },
  { icon: 'clock', title: 'Kept, line by line', text: 'Every run and its whole log can be found, replayed and downloaded later.' },
] as const
const IDEAS = ['Rust ownership and borrowing', 'Reading financial statements', 'Sourdough from scratch', 'The history of cartography']

export function CreateView({ client, user, generation }: { client: CourseStreamClient; user: string; generation: UseCourseGeneration }) {
  useTitle('Create a course')
  // Whoever comes back while a course is being started sees which.
  const [topic, setTopic] = useState(generation.isGenerating ? generation.run.topic : '')
  const [searchWeb, setSearchWeb] = useState(false)
  const recent = useRecent(client, user)
  const ids = useId()
  const { text, isBlank, isTooLong, hint } = topicOf(topic)
  const isOffline = useIsOffline()
  const begun = useRef(Number.NEGATIVE_INFINITY)
  const stop = () => {
    if (performance.now() - begun.current > DOUBLE_CLICK_MS) void generation.stopGeneration()
  }

  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (isBlank || isTooLong || generation.isGenerating) return
    const from = window.location.href
    begun.current = performance.now()
    const sessionId = await generation.startGeneration(text, { searchWeb })
    if (sessionId === undefined) return
    if (window.location.href === from) navigate(paths.session(sessionId))
    // Whoever went elsewhere meanwhile is not called away.
    else if (window.location.pathname !== paths.session(sessionId)) generation.closeSession()
  }

  return (
    <div className="create">
      <section className="hero">
        <p className="eyebrow">Durable, resumable course generation</p>
        <h1>What do you want to learn?</h1>
        <p className="lead">Name a topic. A structured course is written in front of you: parts, lessons, exercises and quizzes. Close the tab, lose the network: nothing is lost.</p>
        <form onSubmit={(event) => { void submit(event) }} className="composer">
          <label className="visually-hidden" htmlFor={`${ids}topic`}>
            Topic of the course
          </label>
          <textarea
            id={`${ids}topic`}
            dir="auto"
            value={topic}
            rows={2}
            aria-describedby={`${ids}hint`}
            aria-invalid={isTooLong}
            placeholder="For example: how rivers shape a landscape"
            onChange={(event) => { setTopic(event.target.value) }}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.shiftKey && !isComposing(event)) {
                event.preventDefault()
                event.currentTarget.form?.requestSubmit()
              }
            }}
          />
          <p id={`${ids}hint`} role="status" className={isTooLong ? 'topic-hint bad' : 'topic-hint'}>
            {hint}
          </p>
          <div className="composer-row">
            <label className="switch">
              <input type="checkbox" role="switch" checked={searchWeb} onChange={(event) => { setSearchWeb(event.target.checked) }} />
              <span className="track" aria-hidden="true" />
              <Icon name="globe" />
              <span>Search the web</span>
            </label>
            {generation.isGenerating ? (
              // Not the button that submits: a click turns one into the other before it takes effect.
              <button key="stop" type="button" className="button danger" onClick={stop}>
                <Icon name="stop" />
                Stop
              </button>
            ) : (
              <button key="generate" type="submit" className="button primary" disabled={isBlank || isTooLong}>
                <Icon name="spark" />
                Generate
              </button>
            )}
          </div>
        </form>
        {isOffline && (
          <p role="status" className="notice calm">
            {generation.isGenerating
              ? 'You are offline. The course is started as soon as the network is back.'
              : 'You are offline. What you start now waits for the network.'}
          </p>
        )}
        {generation.error && (
          <p role="alert" className="notice bad">
            {generation.isGenerating ? 'The course is not started yet, and it is tried again' : 'The course could not be started'}: {generation.error.message}.
          </p>
        )}
        <ul className="ideas" aria-label="Ideas">
          {IDEAS.map((idea) => (
            <li key={idea}>
              <button type="button" className="pill" onClick={() => { setTopic(idea) }}>
                {idea}
              </button>
            </li>
          ))}
        </ul>
      </section>
      {recent?.length === 0 && (
        <ul className="promises" aria-label="What to expect">
          {PROMISES.map(({ icon, title, text }) => (
            <li key={title}>
              <Icon name={icon} />
              <h2>{title}</h2>
              <p>{text}</p>
            </li>
          ))}
        </ul>
      )}
      {recent && recent.length > 0 && (
        <section className="recent" aria-labelledby={`${ids}recent`}>
          <div className="section-head">
            <h2 id={`${ids}recent`}>Your latest</h2>
            <Link href={paths.history}>All sessions</Link>
          </div>
          <SessionList sessions={recent} />
        </section>
      )}
    </div>
  )
}

/** This browser's latest sessions, once they are known; without them the page is as good. */
function useRecent(client: CourseStreamClient, user: string): readonly SessionSummary[] | undefined {
  const sessions = useSessionPages(client, { userId: user }, RECENT).shown?.items
  return useMemo(() => sessions?.slice(0, RECENT), [sessions])
}

/** Whether the key belongs to an input method. Safari ends the composition before it tells of the key, which has this code then. */
function isComposing({ nativeEvent, keyCode }: KeyboardEvent): boolean {
  return nativeEvent.isComposing || keyCode === 229
}
