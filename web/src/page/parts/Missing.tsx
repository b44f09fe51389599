import { paths } from '../route.ts'
import { useTitle } from '../useTitle.ts'
import { Link } from './Link.tsx'

/** In place of what an address does not lead to. */
export function Missing({ what }: { what: 'session' | 'page' }) {
  const isSession = what === 'session'
  useTitle(isSession ? 'No such session' : 'Nothing here')
  return (
    <div className="empty">
      <h1>{isSession ? 'No such session' : 'There is nothing here'}</h1>
      <p>{isSession ? 'It may have been dropped from the history, or the address is not complete.' : 'The address leads nowhere on this page.'}</p>
      <div className="choices">
        <Link className="button primary" href={paths.history}>
          To the history
        </Link>
        <Link className="button" href={paths.create}>
          Create a course
        </Link>
      </div>
    </div>
  )
}
