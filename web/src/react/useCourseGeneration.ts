import { attempt } from '../client/attempt.ts'
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { CourseStreamClient } from '../client/index.ts'
import type { Course } from '../course/course.ts'
import { type Generation, GenerationStore } from './generation.ts'

export interface UseCourseGenerationOptions {
  /** Whose courses; a UUID. */
  readonly userId: string
  /** Called once for each course that a run brings while this hook follows it. */
  readonly onCourseGenerated?: (course: Course, sessionId: string) => void
  /**
   * The session to show. Without it the hook shows what `startGeneration` starts, and after a reload the session that this tab
   * followed last, where that has not been seen to its end. `null`: none until one is started.
   */
  readonly sessionId?: string | null | undefined
  /** A client of one's own; it must stay the same. */
  readonly client?: CourseStreamClient
}

export interface UseCourseGeneration extends Generation {
  /** Starts a run and follows it. Resolves with its session, or `undefined` where it could not be started. */
  startGeneration(topic: string, options?: { searchWeb?: boolean }): Promise<string | undefined>
  /** Cancels the run on the server. */
  stopGeneration(): Promise<void>
  /** Empties the log that is shown. */
  clearLogs(): void
  /** Lets go of the session; its run goes on. */
  closeSession(): void
}

const LAST_SESSION = 'coursestream:last-session'

/** Starts, follows and stops course generations. */
export function useCourseGeneration(options: UseCourseGenerationOptions): UseCourseGeneration {
  const { userId, sessionId, onCourseGenerated } = options
  const [store] = useState(() => new GenerationStore({ client: options.client ?? new CourseStreamClient() }))
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)

  const latest = useRef(onCourseGenerated)
  useEffect(() => {
    latest.current = onCourseGenerated
  })

  // StrictMode runs this twice: the first pair of opening and closing leaves nothing behind.
  useEffect(() => {
    store.onCourseGenerated = (course, id) => latest.current?.(course, id)
    const shown = sessionId === undefined ? lastSession.read() : sessionId
    if (shown === null) store.close()
    else if (shown !== undefined) store.open(shown)
  }, [store, sessionId])
  useEffect(() => () => { store.close() }, [store])

  const followed = snapshot.sessionId
  const isOver = snapshot.run.endedAt !== undefined
  useEffect(() => {
    if (sessionId !== undefined || followed === undefined) return
    if (isOver) lastSession.forget()
    else lastSession.write(followed)
  }, [sessionId, followed, isOver])

  const startGeneration = useCallback<UseCourseGeneration['startGeneration']>(
    (topic, choices) => store.start(topic, userId, choices),
    [store, userId],
  )
  const stopGeneration = useCallback(() => store.stop(), [store])
  const clearLogs = useCallback(() => { store.clear() }, [store])
  const closeSession = useCallback(() => {
    lastSession.forget()
    store.close()
  }, [store])

  return { ...snapshot, startGeneration, stopGeneration, clearLogs, closeSession }
}

/** The session that this tab follows, across reloads. A storage that refuses is as good as none. */
const lastSession = {
  read: () => attempt(() => sessionStorage.getItem(LAST_SESSION)) ?? undefined,
  write: (sessionId: string) => { attempt(() => { sessionStorage.setItem(LAST_SESSION, sessionId) }) },
  forget: () => { attempt(() => { sessionStorage.removeItem(LAST_SESSION) }) },
}
