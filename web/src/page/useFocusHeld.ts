import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react'

/** Where what has the focus gives way to something else within this element, that gets the focus: it does not fall to the page. */
export function useFocusHeld<T extends HTMLElement>(): RefObject<T | null> {
  const element = useRef<T>(null)
  const held = useRef<Element>(null)
  useEffect(() => {
    const { current } = element
    const controller = new AbortController()
    const { signal } = controller
    current?.addEventListener('focusin', (event) => { held.current = event.target as Element }, { signal })
    // What is taken out of the document loses the focus as well, and that is not the reader's doing: a moment later it is gone.
    const release = ({ target }: FocusEvent) => { queueMicrotask(() => { if ((target as Element).isConnected) held.current = null }) }
    current?.addEventListener('focusout', release, { signal })
    return () => { controller.abort() }
  }, [])
  useLayoutEffect(() => {
    if (held.current === null || held.current.isConnected || document.activeElement !== document.body) return
    held.current = null
    element.current?.querySelector<HTMLElement>('a[href], button, [tabindex]')?.focus({ preventScroll: true })
  })
  return element
}
