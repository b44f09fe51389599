import { type KeyboardEvent, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react'
import type { Envelope, EventType } from '../../client/index.ts'
import { clockTime, count } from '../format.ts'
import { authorizedFetch, readToken } from '../identity.ts'
import { useOffer } from '../offers.ts'
import { save } from '../save.ts'
import { Icon } from './Icon.tsx'
import { useVirtualRows } from './useVirtualRows.ts'

/** As in the style sheet. */
const ROW_HEIGHT = 52

type Kind = 'log' | 'progress' | 'success' | 'error' | 'course' | 'session'

const KINDS: readonly { readonly kind: Kind; readonly label: string }[] = [
  { kind: 'log', label: 'Log' },
  { kind: 'progress', label: 'Progress' },
  { kind: 'success', label: 'Success' },
  { kind: 'error', label: 'Error' },
  { kind: 'course', label: 'Course' },
  { kind: 'session', label: 'Session' },
]

const KIND_OF: Readonly<Record<EventType, Kind>> = {
  log: 'log',
  progress: 'progress',
  success: 'success',
  error: 'error',
  course_generated: 'course',
  session_started: 'session',
  session_completed: 'session',
  session_failed: 'session',
  session_cancelled: 'session',
}

interface LogPanelProps {
  logs: readonly Envelope[]
  sessionId: string
  onClear(): void
}

export function LogPanel({ logs, sessionId, onClear }: LogPanelProps) {
  const [hidden, setHidden] = useState<ReadonlySet<Kind>>(new Set())
  const [selected, setSelected] = useState<number>()
  const [copied, setCopied] = useState<'yes' | 'refused'>()
  // A long log that is filtered must not hold up typing and scrolling.
  const deferred = useDeferredValue(logs)
  const rows = useMemo(
    () => (hidden.size === 0 ? deferred : deferred.filter((event) => !hidden.has(KIND_OF[event.type]))),
    [deferred, hidden],
  )
  const counts = useMemo(() => countKinds(deferred), [deferred])
  const virtual = useVirtualRows(rows.length, ROW_HEIGHT)
  // What is clicked away leaves the focus to the list.
  const list = virtual.container
  const index = selected === undefined ? -1 : rows.findIndex((event) => event.offset === selected)
  const chosen = rows[index]

  const toggle = (kind: Kind) => {
    const next = new Set(hidden)
    if (!next.delete(kind)) next.add(kind)
    setHidden(next)
  }
  const choose = (to: number) => {
    const event = rows[Math.min(Math.max(to, 0), rows.length - 1)]
    if (!event) return
    setSelected(event.offset)
    virtual.toRow(Math.min(Math.max(to, 0), rows.length - 1))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const from = index === -1 ? virtual.firstInSight : index
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: index === -1 ? from : from + 1,
      ArrowUp: from - 1,
      PageDown: from + 10,
      PageUp: from - 10,
      Home: 0,
      End: rows.length - 1,
    }
    const to = moves[event.key]
    if (event.key === 'Escape') setSelected(undefined)
    if (to === undefined) return
    event.preventDefault()
    choose(to)
  }
  const copy = async () => {
    setCopied((await copyText(rows.map(lineOf).join('\n'))) ? 'yes' : 'refused')
  }

  return (
    <div className="log">
      <div className="log-tools">
        <h2>Log</h2>
        <span className="log-count" data-testid="log-count">
          {count(rows.length, 'line')}
        </span>
        <button type="button" className="quiet" disabled={rows.length === 0} onClick={() => { void copy() }} onBlur={() => { setCopied(undefined) }}>
          <Icon name="copy" />
          <span aria-live="polite">{copied === 'yes' ? 'Copied' : copied === 'refused' ? 'Not allowed' : 'Copy'}</span>
        </button>
        <button type="button" className="quiet square" onClick={onClear} aria-label="Clear the log that is shown" title="Clear">
          <Icon name="clear" />
        </button>
      </div>
      <div className="log-filters" role="group" aria-label="Show events of type">
        {KINDS.filter(({ kind }) => counts[kind] > 0).map(({ kind, label }) => (
          <button key={kind} type="button" className={`pill kind-${kind}`} aria-pressed={!hidden.has(kind)} onClick={() => { toggle(kind) }}>
            {label} <span className="pill-count">{counts[kind].toLocaleString()}</span>
          </button>
        ))}
      </div>
      <div className="log-frame">
        <div
          ref={list}
          className="log-rows"
          role="listbox"
          aria-label="Events"
          tabIndex={0}
          aria-activedescendant={chosen ? `event-${chosen.offset}` : undefined}
          onScroll={virtual.onScroll}
          onKeyDown={onKeyDown}
        >
          {/* The height of all rows; those in sight are placed in it. */}
          <div className="log-space" role="presentation" style={{ blockSize: rows.length * ROW_HEIGHT }}>
            {rows.slice(virtual.first, virtual.end).map((event, at) => (
              <Row
                key={event.offset}
                event={event}
                index={virtual.first + at}
                total={rows.length}
                isSelected={event.offset === selected}
                onSelect={() => { if (event.offset === selected) setSelected(undefined); else choose(virtual.first + at) }}
              />
            ))}
          </div>
        </div>
        {rows.length === 0 && <p className="log-nothing">{logs.length === 0 ? 'No lines yet' : 'No line of the types that are shown'}</p>}
        {!virtual.isAtEnd && (
          <button type="button" className="to-end" onClick={() => { list.current?.focus({ preventScroll: true }); virtual.toEnd() }}>
            <Icon name="down" />
            Latest
          </button>
        )}
      </div>
      <div className="log-exports">
        <button type="button" className="quiet" disabled={rows.length === 0} onClick={() => { download(`session-${sessionId}-shown.ndjson`, rows) }}>
          <Icon name="download" />
          <span className="visually-hidden">Download: </span>
          Shown lines
        </button>
        <Exports sessionId={sessionId} />
      </div>
      {chosen && <Detail event={chosen} onClose={() => { list.current?.focus({ preventScroll: true }); setSelected(undefined) }} />}
      <p className="visually-hidden" role="log" aria-live="polite">
        {announcement(logs)}
      </p>
    </div>
  )
}

function Row({ event, index, total, isSelected, onSelect }: { event: Envelope; index: number; total: number; isSelected: boolean; onSelect: () => void }) {
  const kind = KIND_OF[event.type]
  return (
    // The keyboard works on the list as a whole.
    <div
      id={`event-${event.offset}`}
      className={`log-row kind-${kind}`}
      role="option"
      aria-selected={isSelected}
      aria-setsize={total}
      aria-posinset={index + 1}
      data-offset={event.offset}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      title="Show all of it"
      onClick={onSelect}
    >
      <span className="log-when">
        <time dateTime={event.timestamp}>{clockTime(event.timestamp)}</time>
        <span className="log-offset">#{event.offset}</span>
      </span>
      <span className="log-text">
        <span className="visually-hidden">{event.type}: </span>
        <bdi>{event.message}</bdi>
      </span>
      <Icon name="next" />
    </div>
  )
}

function Detail({ event, onClose }: { event: Envelope; onClose: () => void }) {
  const section = useRef<HTMLElement>(null)
  // On small windows it would open out of sight.
  useEffect(() => { section.current?.scrollIntoView({ block: 'nearest' }) }, [event.offset])
  return (
    <section ref={section} className="log-detail" aria-label={`Event ${event.offset}`}>
      <div className="log-detail-head">
        <strong>
          #{event.offset} {event.type}
        </strong>
        <button type="button" className="quiet square" onClick={onClose} aria-label="Close the event">
          <Icon name="cross" />
        </button>
      </div>
      <p className="log-whole" dir="auto">
        {event.message}
      </p>
      {event.data !== undefined && (
        <pre tabIndex={0} aria-label="Data of the event">
          {JSON.stringify(event.data, null, 2)}
        </pre>
      )}
    </section>
  )
}

/** The log as the server keeps it, whatever is filtered or cleared here. */
function Exports({ sessionId }: { sessionId: string }) {
  if (!useOffer('/api/v1/sessions/{id}/export')) return null
  return (
    <p>
      Whole log: <Export sessionId={sessionId} format="ndjson" /> <Export sessionId={sessionId} format="csv" />
    </p>
  )
}

function Export({ sessionId, format }: { sessionId: string; format: 'ndjson' | 'csv' }) {
  const href = `/api/v1/sessions/${encodeURIComponent(sessionId)}/export?format=${format}`
  const name = `session-${sessionId}.${format}`
  // A link cannot say who follows it.
  const fetchIt = async () => {
    const response = await authorizedFetch(href)
    if (response.ok) save(name, 'text/plain', [await response.text()])
  }
  return (
    <a
      href={href}
      download={name}
      onClick={(event) => {
        if (readToken() === undefined) return
        event.preventDefault()
        void fetchIt()
      }}
    >
      {format.toUpperCase()}
    </a>
  )
}

function countKinds(events: readonly Envelope[]): Record<Kind, number> {
  const counts = { log: 0, progress: 0, success: 0, error: 0, course: 0, session: 0 }
  for (const event of events) counts[KIND_OF[event.type]] += 1
  return counts
}

/** Every line would be too much to hear: results and troubles are told. */
function announcement(events: readonly Envelope[]): string {
  return events.findLast((event) => event.type !== 'log' && event.type !== 'progress')?.message ?? ''
}

function lineOf(event: Envelope): string {
  return `${event.timestamp} ${String(event.offset).padStart(5)} ${event.type.padEnd(17)} ${event.message}`
}

function download(name: string, events: readonly Envelope[]): void {
  save(name, 'application/x-ndjson', events.map((event) => `${JSON.stringify(event)}\n`))
}

/** Whether the text is in the clipboard now. That is for secure pages only; on others the text is selected and copied. */
async function copyText(text: string): Promise<boolean> {
  if (typeof navigator.clipboard !== 'undefined') {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    )
  }
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  return isCopied
}
