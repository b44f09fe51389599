import { expect, test } from 'vitest'
import { topicOf } from '../src/page/topic.ts'

test('a topic is taken as the server takes it', () => {
  expect(topicOf('  Bread \n')).toEqual({ text: 'Bread', isBlank: false, isTooLong: false, hint: undefined })
  expect(topicOf('x'.repeat(400)).hint).toBe('400 of 500 characters')
  expect(topicOf(` ${'x'.repeat(500)} `)).toMatchObject({ isTooLong: false, hint: '500 of 500 characters' })
  expect(topicOf('x'.repeat(1_501))).toMatchObject({ isTooLong: true, hint: '1,001 more than the 500 characters that a topic may have' })
  // Characters, and not what JavaScript counts.
  expect(topicOf('🍞'.repeat(500)).isTooLong).toBe(false)
})

test('what nobody can see is no topic', () => {
  for (const typed of ['', ' \t\n', '\u200b\u200d\ufeff', '\u202e\u2066', '\u3164', '\u0007']) expect(topicOf(typed).isBlank).toBe(true)
  for (const typed of ['a', '.', 'ل', '家', '🍞', '\u200bx']) expect(topicOf(typed).isBlank).toBe(false)
})

test('half a character is replaced, as it is everywhere else', () => {
  expect(topicOf('a\ud83c').text).toBe('a\ufffd')
  expect(topicOf('\ud83c\udf5e').text).toBe('🍞')
})
