/** What may be asked for, as the server has it: 1 to 500 characters after trimming. */
export const TOPIC_CHARACTERS_MAX = 500
/** From here on it is told how much room is left. */
const ROOM_TOLD_FROM = 400

/** Nobody sees a topic of these alone: spaces, controls, marks that join or turn what is beside them. */
const INVISIBLE = /^[\p{C}\p{Z}\u115F\u1160\u2800\u3164\uFFA0]*$/u

export interface Topic {
  /** What is sent. */
  readonly text: string
  readonly isBlank: boolean
  readonly isTooLong: boolean
  /** How long it is, once that matters. */
  readonly hint: string | undefined
}

export function topicOf(typed: string): Topic {
  // Half of a character that takes two units is none; JSON could not carry it.
  const text = typed.trim().replace(/\p{Cs}/gu, '\uFFFD')
  const { length } = Array.from(text)
  const isTooLong = length > TOPIC_CHARACTERS_MAX
  const hint = isTooLong
    ? `${(length - TOPIC_CHARACTERS_MAX).toLocaleString()} more than the ${TOPIC_CHARACTERS_MAX} characters that a topic may have`
    : length >= ROOM_TOLD_FROM
      ? `${length} of ${TOPIC_CHARACTERS_MAX} characters`
      : undefined
  return { text, isBlank: INVISIBLE.test(text), isTooLong, hint }
}
