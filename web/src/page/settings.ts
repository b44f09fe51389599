/** What this browser remembers. A storage that refuses is as good as none. */
import { attempt } from '../client/attempt.ts'
import { randomId } from '../client/index.ts'

const USER = 'coursestream:user'
const THEME = 'coursestream:theme'

export const THEMES = ['auto', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** This browser, as somebody. */
export function userId(): string {
  const known = attempt(() => localStorage.getItem(USER))
  if (known && /^[0-9a-f-]{36}$/.test(known)) return known
  const fresh = randomId()
  attempt(() => { localStorage.setItem(USER, fresh) })
  return fresh
}

export function readTheme(): Theme {
  const stored = attempt(() => localStorage.getItem(THEME))
  return THEMES.find((theme) => theme === stored) ?? 'auto'
}

export function applyTheme(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  attempt(() => { localStorage.setItem(THEME, theme) })
}
