import { type RefObject, useEffect } from 'react'
import { type Place, keepPlace, keptPlace, storePlaces } from './places.ts'

/**
 * Keeps where the reader is in a list, and leads there on the way back. `key` is what is listed, `rows` how many there are once they are
 * read; each has its name in `data-row`.
 */
export function useKeptPlace(list: RefObject<HTMLElement | null>, key: string, rows: number | undefined): void {
  const isThere = rows !== undefined
  useEffect(() => {
    const place = isThere ? keptPlace() : undefined
    if (place && list.current) comeBack(list.current, place)
  }, [list, key, isThere])

  // After the way back: this overwrites what it needs.
  useEffect(() => {
    if (rows === undefined) return
    const controller = new AbortController()
    const { signal } = controller
    const keep = () => { if (list.current) keepPlace(placeIn(list.current, rows)) }
    const store = () => {
      keep()
      storePlaces()
    }
    keep()
    window.addEventListener('scroll', keep, { signal, passive: true })
    window.addEventListener('focusin', keep, { signal })
    window.addEventListener('pagehide', store, { signal })
    return () => { controller.abort() }
  }, [list, key, rows])
}

function placeIn(list: HTMLElement, rows: number): Place {
  const scroll = Math.round(window.scrollY)
  const all = [...list.querySelectorAll<HTMLElement>('[data-row]')]
  const first = all.find((row) => row.getBoundingClientRect().bottom > 0)
  const name = first?.dataset['row']
  const anchor = first && name !== undefined && first !== all[0] && { row: name, top: Math.round(first.getBoundingClientRect().top) }
  const focus = list.contains(document.activeElement) ? document.activeElement?.closest<HTMLElement>('[data-row]')?.dataset['row'] : undefined
  return { rows, scroll, ...(anchor && { anchor }), ...(focus !== undefined && { focus }) }
}

function comeBack(list: HTMLElement, { scroll, anchor, focus }: Place): void {
  const rowOf = (name: string) => list.querySelector<HTMLElement>(`[data-row="${CSS.escape(name)}"]`)
  // The heading has it where a page is new.
  if (focus !== undefined && document.activeElement?.tagName === 'H1') rowOf(focus)?.querySelector('a')?.focus({ preventScroll: true })
  const row = anchor && rowOf(anchor.row)
  if (row) window.scrollBy({ top: row.getBoundingClientRect().top - anchor.top, behavior: 'instant' })
  else window.scrollTo({ top: scroll, behavior: 'instant' })
}
