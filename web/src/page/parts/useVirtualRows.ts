import { type RefObject, useLayoutEffect, useRef, useState } from 'react'

const OVERSCAN = 6

interface VirtualRows {
  readonly container: RefObject<HTMLDivElement | null>
  /** Rows to render: from `first` up to but not with `end`. */
  readonly first: number
  readonly end: number
  /** The first row that is in sight as a whole. */
  readonly firstInSight: number
  /** The reader is at the end, so new rows are followed. */
  readonly isAtEnd: boolean
  readonly onScroll: () => void
  toEnd(): void
  toRow(index: number): void
}

/** Rows of one height in a container that scrolls: only those in sight are in the document. */
export function useVirtualRows(count: number, rowHeight: number): VirtualRows {
  const container = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  const [isAtEnd, setIsAtEnd] = useState(true)
  // A ref beside the state: an effect must know it before the next render does.
  const pinned = useRef(true)
  /** Where the container stood when it was last looked at. */
  const place = useRef(0)

  const measure = () => {
    const element = container.current
    if (!element) return
    const { scrollTop: top, clientHeight: height } = element
    place.current = top
    setView((before) => (before.top === top && before.height === height ? before : { top, height }))
  }

  useLayoutEffect(() => {
    const element = container.current
    if (!element) return
    const observer = new ResizeObserver(() => {
      measure()
      if (pinned.current) element.scrollTop = element.scrollHeight
    })
    observer.observe(element)
    return () => { observer.disconnect() }
  }, [])

  useLayoutEffect(() => {
    const element = container.current
    // Who has just scrolled up is not called back: the event that tells of it is still to come.
    if (element && pinned.current && element.scrollTop >= place.current) element.scrollTop = element.scrollHeight
    measure()
  })

  const onScroll = () => {
    const element = container.current
    if (!element) return
    const isNowAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < rowHeight
    pinned.current = isNowAtEnd
    setIsAtEnd(isNowAtEnd)
    measure()
  }
  const toEnd = () => {
    pinned.current = true
    setIsAtEnd(true)
    container.current?.scrollTo({ top: container.current.scrollHeight })
  }
  const toRow = (index: number) => {
    const element = container.current
    if (!element) return
    const top = index * rowHeight
    // A row that one reads is not to run away from new ones.
    pinned.current = index === count - 1
    setIsAtEnd(pinned.current)
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = top + rowHeight - element.clientHeight
  }

  const first = Math.max(0, Math.min(Math.floor(view.top / rowHeight), count) - OVERSCAN)
  const end = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN)
  const firstInSight = Math.min(Math.ceil(view.top / rowHeight), Math.max(0, count - 1))
  return { container, first, end, firstInSight, isAtEnd, onScroll, toEnd, toRow }
}
