import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ago, duration } from '../src/page/format.ts'
import { Places } from '../src/page/places.ts'

test('lengths of time have no 60th second and no 60th minute', () => {
  const words = [
    [0, '< 0.1 s'], [1_250, '1.3 s'], [9_940, '9.9 s'], [9_960, '10 s'], [59_400, '59 s'], [59_700, '1 min 0 s'],
    [119_700, '2 min 0 s'], [3_599_400, '59 min 59 s'], [3_599_700, '1 h 0 min'], [5_430_000, '1 h 30 min'],
  ] as const
  for (const [ms, text] of words) expect(duration(ms)).toBe(text)
  fc.assert(fc.property(fc.nat(100_000_000), (ms) => !/\b60\b/.test(duration(ms).replace(/^\d+ h/, ''))))
})

test('nothing in the history has yet to happen, whatever the clocks say', () => {
  const now = Date.parse('2026-01-31T12:00:00.000Z')
  expect(ago('2026-01-31T12:05:00.000Z', now)).toBe('just now')
  expect(ago('2026-01-31T11:58:59.000Z', now)).toBe('1 minute ago')
})

test('places outlive a reload, the latest of them, and a storage full of nonsense is empty', () => {
  const items = new Map<string, string>()
  const storage = { getItem: (key: string) => items.get(key) ?? null, setItem: (key: string, value: string) => void items.set(key, value) }
  const place = { rows: 75, scroll: 1_200, anchor: { row: 'a', top: 12 }, focus: 'b' }
  const places = new Places(storage)
  for (let entry = 1; entry <= 51; entry += 1) places.set(`e${entry}`, { ...place, rows: entry })
  expect(new Places(storage).get('e51')).toBeUndefined()
  places.store()
  expect(new Places(storage).get('e51')).toEqual({ ...place, rows: 51 })
  expect(new Places(storage).get('e1')).toBeUndefined()
  expect(new Places(storage).get(undefined)).toBeUndefined()

  const key = [...items.keys()][0] ?? ''
  const wrong = [{}, { rows: -1, scroll: 0 }, { rows: 1e9, scroll: 0 }, { rows: 1, scroll: 'far' }, { ...place, anchor: { row: 5, top: 1 } }, { ...place, focus: 5 }, null]
  for (const text of ['{', '5', '[5]', ...wrong.map((one) => JSON.stringify([['e', one]]))]) {
    items.set(key, text)
    expect(new Places(storage).get('e')).toBeUndefined()
  }
  const refusing = new Places({ getItem: () => { throw new Error('refused') }, setItem: () => { throw new Error('refused') } })
  refusing.set('e', place)
  refusing.store()
  expect(refusing.get('e')).toEqual(place)
})
