import { useLayoutEffect, useRef } from 'react'
import { count } from '../format.ts'

/** Below a list: how much of it is shown, and the way to more. */
export function ListFoot({ shown, hasMore, isBusy, onMore }: { shown: number; hasMore: boolean; isBusy: boolean; onMore: () => void }) {
  const end = useRef<HTMLParagraphElement>(null)
  return (
    <div className="list-foot">
      {hasMore && <MoreButton isBusy={isBusy} onMore={onMore} onLost={() => { end.current?.focus({ preventScroll: true }) }} />}
      <p ref={end} tabIndex={-1}>
        {hasMore ? `${count(shown, 'session')} shown` : `All ${shown === 1 ? 'there is' : count(shown, 'session')}`}
      </p>
    </div>
  )
}

/** What is pressed with the keyboard and goes is not to take the focus with it. */
function MoreButton({ isBusy, onMore, onLost }: { isBusy: boolean; onMore: () => void; onLost: () => void }) {
  const button = useRef<HTMLButtonElement>(null)
  const lost = useRef(onLost)
  useLayoutEffect(() => {
    const element = button.current
    return () => {
      if (document.activeElement === element) lost.current()
    }
  }, [])
  return (
    // Not `disabled`: that too would take the focus away.
    <button ref={button} type="button" className="button" aria-disabled={isBusy} onClick={onMore}>
      {isBusy && <span className="spinner" aria-hidden="true" />}
      Show more
    </button>
  )
}
