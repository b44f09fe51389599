import { count } from '../format.ts'
import { useFocusHeld } from '../useFocusHeld.ts'

/** Below a list: the way to more, and how much of it is shown; that has the focus where there is no more to press for. */
export function ListFoot({ shown, hasMore, isBusy, onMore }: { shown: number; hasMore: boolean; isBusy: boolean; onMore: () => void }) {
  const foot = useFocusHeld<HTMLDivElement>()
  return (
    <div ref={foot} className="list-foot">
      {hasMore && (
        <button type="button" className="button" aria-busy={isBusy} onClick={onMore}>
          Show more
        </button>
      )}
      <p tabIndex={-1}>{hasMore ? `${count(shown, 'session')} shown` : `All ${shown === 1 ? 'there is' : count(shown, 'session')}`}</p>
      {isBusy && <span className="spinner" aria-hidden="true" />}
    </div>
  )
}
