import { type MouseEvent, useLayoutEffect, useRef, useState } from 'react'
import { CourseStreamClient } from '../client/index.ts'
import { useCourseGeneration } from '../react/useCourseGeneration.ts'
import { currentUser, readToken, useIsRefused, watchedFetch } from './identity.ts'
import { Header } from './parts/Header.tsx'
import { Missing } from './parts/Missing.tsx'
import { useRoute } from './route.ts'
import { CreateView } from './views/CreateView.tsx'
import { HistoryView } from './views/HistoryView.tsx'
import { SessionView } from './views/SessionView.tsx'
import { SignInView } from './views/SignInView.tsx'

/** The page. Another user is another page: nothing of the one before is left. */
export function App() {
  const [visit, setVisit] = useState(0)
  return <Page key={visit} onSignedIn={() => { setVisit(visit + 1) }} />
}

function Page({ onSignedIn }: { onSignedIn: () => void }) {
  const route = useRoute()
  const isRefused = useIsRefused()
  const [client] = useState(() => new CourseStreamClient({ token: readToken, fetch: watchedFetch }))
  const [user] = useState(currentUser)
  const generation = useCourseGeneration({
    userId: user,
    client,
    sessionId: route.name === 'session' ? route.sessionId : null,
  })
  const place = route.name === 'session' ? `session ${route.sessionId}` : route.name

  // A new page begins at its top, for eyes and for screen readers; what a view knows better, it does after this.
  const shown = useRef(place)
  useLayoutEffect(() => {
    window.scrollTo(0, 0)
    if (shown.current === place) return
    shown.current = place
    // What had the focus is gone with the page before.
    const heading = document.querySelector<HTMLElement>('main h1')
    if (heading) heading.tabIndex = -1
    heading?.focus({ preventScroll: true })
  }, [place])

  return (
    <>
      <a className="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <Header route={route} isGenerating={generation.isGenerating} />
      <main id="main" tabIndex={-1} key={place}>
        {isRefused && <SignInView onSignedIn={onSignedIn} />}
        {!isRefused && route.name === 'create' && <CreateView client={client} user={user} generation={generation} />}
        {!isRefused && route.name === 'history' && <HistoryView client={client} user={user} query={route.query} />}
        {!isRefused && route.name === 'session' && <SessionView sessionId={route.sessionId} generation={generation} lesson={route.lesson} />}
        {!isRefused && route.name === 'no-session' && <Missing what="session" />}
        {!isRefused && route.name === 'nowhere' && <Missing what="page" />}
      </main>
    </>
  )
}

/** Without a change of the address, where the lesson stands that is open. */
function skip(event: MouseEvent) {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
