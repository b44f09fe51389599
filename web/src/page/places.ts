/**
 * Where the reader was in a list, for each entry of the browser's history: found again on the way back, and after a reload of the tab. A
 * storage that refuses, or holds what nobody here has written, is as good as none.
 */
import { attempt } from '../client/attempt.ts'
import { randomId, tabStorage } from '../client/index.ts'
import { asFields } from '../course/course.ts'

const KEY = 'coursestream:places'
const PLACES_MAX = 50
/** More rows are not read at once for somebody who comes back. */
const ROWS_MAX = 1_000

export interface Place {
  /** How many rows there were. */
  readonly rows: number
  /** How far the page was scrolled. */
  readonly scroll: number
  /** The first row in sight, and where: what is above it may have grown since. */
  readonly anchor?: { readonly row: string; readonly top: number }
  /** The row that had the focus, and was opened perhaps. */
  readonly focus?: string
}

type Stored = readonly [entry: string, place: Place]

export class Places {
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | undefined
  readonly #places: Map<string, Place>

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | undefined) {
    this.#storage = storage
    const stored = attempt(() => JSON.parse(storage?.getItem(KEY) ?? '[]') as unknown)
    this.#places = new Map(Array.isArray(stored) ? stored.filter(isStored) : [])
  }

  get(entry: string | undefined): Place | undefined {
    return entry === undefined ? undefined : this.#places.get(entry)
  }

  set(entry: string, place: Place): void {
    this.#places.delete(entry)
    this.#places.set(entry, place)
    const [oldest] = this.#places.keys()
    if (this.#places.size > PLACES_MAX && oldest !== undefined) this.#places.delete(oldest)
  }

  /** For after a reload. */
  store(): void {
    attempt(() => this.#storage?.setItem(KEY, JSON.stringify([...this.#places])))
  }
}

function isStored(value: unknown): value is Stored {
  if (!Array.isArray(value) || typeof value[0] !== 'string') return false
  const { rows, scroll, anchor, focus } = asFields(value[1]) ?? {}
  const { row, top } = asFields(anchor) ?? {}
  const isRows = Number.isSafeInteger(rows) && Number(rows) >= 0 && Number(rows) <= ROWS_MAX
  const isAnchor = anchor === undefined || (typeof row === 'string' && Number.isFinite(top))
  return isRows && Number.isFinite(scroll) && isAnchor && (focus === undefined || typeof focus === 'string')
}

const places = new Places(tabStorage())

/** The entry that the browser is at, once it has been given a name. */
function entry(): string | undefined {
  const name = asFields(window.history.state)?.['entry']
  return typeof name === 'string' ? name : undefined
}

/** Where the reader was when this entry was last left; nothing where it is new. */
export function keptPlace(): Place | undefined {
  return places.get(entry())
}

export function keepPlace(place: Place): void {
  const known = entry()
  const name = known ?? randomId()
  if (known === undefined) window.history.replaceState({ ...asFields(window.history.state), entry: name }, '')
  places.set(name, { ...place, rows: Math.min(place.rows, ROWS_MAX) })
}

export function storePlaces(): void {
  places.store()
}
