import { useEffect, useId, useState } from 'react'
import { navigate } from '../route.ts'
import { FILTERS, type Search, historyWith } from '../search.ts'
import { TOPIC_CHARACTERS_MAX } from '../topic.ts'
import { Icon } from './Icon.tsx'

/** A pause in typing that means: search now. */
const TYPING_PAUSE_MS = 250

/** Search and filters. Each filter can be gone back from; letters that are typed are one step. `address` is what they are read from. */
export function HistoryTools({ search, address }: { search: Search; address: string }) {
  const { topic, isMine, status } = search
  const ids = useId()
  const [typed, setTyped] = useState(topic)
  const [addressBefore, setAddressBefore] = useState(address)
  if (address !== addressBefore) {
    // By the way back, perhaps: the field follows it.
    setAddressBefore(address)
    if (typed.trim() !== topic) setTyped(topic)
  }

  useEffect(() => {
    if (typed.trim() === topic) return
    const { href } = window.location
    const timer = setTimeout(() => {
      // What was typed belongs to that address, and to no other.
      if (window.location.href === href) navigate(historyWith({ topic: typed.trim() }), 'replace')
    }, TYPING_PAUSE_MS)
    return () => { clearTimeout(timer) }
  }, [typed, topic, address])

  const filterBy = (name: string, value: string) => {
    // What was typed up to now belongs to it.
    const to = historyWith({ topic: typed.trim(), [name]: value })
    if (to !== window.location.pathname + window.location.search) navigate(to)
  }

  return (
    <div className="history-tools" role="search">
      <label className="search" htmlFor={`${ids}search`}>
        <Icon name="search" />
        <span className="visually-hidden">Search topics</span>
        <input
          id={`${ids}search`}
          type="search"
          dir="auto"
          value={typed}
          maxLength={TOPIC_CHARACTERS_MAX}
          placeholder="Search topics"
          onChange={(event) => { setTyped(event.target.value) }}
        />
      </label>
      <div className="pills" role="group" aria-label="Status">
        {FILTERS.map(({ name, label }) => (
          <button key={name} type="button" className="pill" aria-pressed={status === name} onClick={() => { filterBy('status', name === 'all' ? '' : name) }}>
            {label}
          </button>
        ))}
      </div>
      <label className="switch">
        <input type="checkbox" role="switch" checked={isMine} onChange={(event) => { filterBy('mine', event.target.checked ? 'yes' : '') }} />
        <span className="track" aria-hidden="true" />
        <span>Only mine</span>
      </label>
    </div>
  )
}
