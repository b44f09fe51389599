/** Answers to quizzes that outlive a reload: in the tab's session storage, for the sessions that were answered last. */
import { attempt } from '../client/attempt.ts'
import { useMemo, useState } from 'react'
import { tabStorage } from '../client/index.ts'
import { asFields } from '../course/course.ts'

const KEY = 'coursestream:answers'
const SESSIONS_MAX = 20
/** Answers and checked lessons of one session: more than a course has. */
const ENTRIES_MAX = 2_000

/** Of one session: questions are `lesson/number`, lessons are checked as a whole. */
export interface Sheet {
  readonly given: ReadonlyMap<string, number>
  readonly checked: ReadonlySet<string>
}

export interface Answers extends Sheet {
  give(lesson: string, question: number, option: number): void
  check(lesson: string): void
  again(lesson: string): void
}

const emptySheet: Sheet = { given: new Map(), checked: new Set() }

type Stored = readonly [session: string, given: readonly (readonly [string, number])[], checked: readonly string[]]

export interface Sheets {
  read(session: string): Sheet
  write(session: string, sheet: Sheet): void
}

/** A storage that refuses, or holds what nobody here has written, is as good as none. */
export function storedSheets(storage: Pick<Storage, 'getItem' | 'setItem'> | undefined): Sheets {
  const readAll = (): readonly Stored[] => {
    const stored = attempt(() => JSON.parse(storage?.getItem(KEY) ?? '[]') as unknown)
    return Array.isArray(stored) ? stored.filter(isStored) : []
  }
  return {
    read(session) {
      const [, given, checked] = readAll().find(([one]) => one === session) ?? []
      return given && checked ? { given: new Map(given), checked: new Set(checked) } : emptySheet
    },
    write(session, { given, checked }) {
      const others = readAll().filter(([one]) => one !== session)
      const isEmpty = given.size === 0 && checked.size === 0
      const own: readonly Stored[] = isEmpty ? [] : [[session, [...given].slice(-ENTRIES_MAX), [...checked].slice(-ENTRIES_MAX)]]
      attempt(() => storage?.setItem(KEY, JSON.stringify([...own, ...others].slice(0, SESSIONS_MAX))))
    },
  }
}

function isStored(value: unknown): value is Stored {
  const { 0: session, 1: given, 2: checked } = asFields(Array.isArray(value) ? { ...value } : undefined) ?? {}
  const isGiven = (one: unknown) => Array.isArray(one) && typeof one[0] === 'string' && Number.isSafeInteger(one[1])
  return (
    typeof session === 'string' &&
    Array.isArray(given) &&
    given.every(isGiven) &&
    Array.isArray(checked) &&
    checked.every((one) => typeof one === 'string')
  )
}

/** What was answered, kept while one goes from lesson to lesson, and for when one comes back. */
export function useAnswers(session: string): Answers {
  const [sheets] = useState(() => storedSheets(tabStorage()))
  const [sheet, setSheet] = useState(() => sheets.read(session))
  return useMemo(() => {
    const change = (next: Sheet) => {
      setSheet(next)
      sheets.write(session, next)
    }
    const { given, checked } = sheet
    return {
      given,
      checked,
      give: (lesson, question, option) => { change({ given: new Map(given).set(`${lesson}/${question}`, option), checked }) },
      check: (lesson) => { change({ given, checked: new Set(checked).add(lesson) }) },
      again: (lesson) => {
        change({
          given: new Map([...given].filter(([key]) => !key.startsWith(`${lesson}/`))),
          checked: new Set([...checked].filter((key) => key !== lesson)),
        })
      },
    }
  }, [sheets, session, sheet])
}
