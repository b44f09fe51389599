/** Times and lengths in words. */
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

export function clockTime(timestamp: string): string {
  return format(clock, timestamp)
}

export function momentOf(timestamp: string): string {
  return format(moment, timestamp)
}

function format(how: Intl.DateTimeFormat, timestamp: string): string {
  const date = new Date(timestamp)
  return Number.isNaN(date.getTime()) ? timestamp : how.format(date)
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

export function ago(timestamp: string, nowMs: number): string {
  // Clocks differ; nothing here has yet to happen.
  const seconds = Math.min(0, Math.round((new Date(timestamp).getTime() - nowMs) / 1_000))
  if (Number.isNaN(seconds)) return timestamp
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit)
  }
  return 'just now'
}

export function duration(ms: number): string {
  const tenths = Math.round(ms / 100)
  if (tenths < 1) return '< 0.1 s'
  if (tenths < 100) return `${tenths / 10} s`
  // Rounded once, and then taken apart: there is no 60th second.
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`
}
