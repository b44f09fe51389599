import { useState } from 'react'
import { readToken, signOut } from '../identity.ts'
import { type Route, paths } from '../route.ts'
import { THEMES, type Theme, applyTheme, readTheme } from '../settings.ts'
import { Icon, type IconName } from './Icon.tsx'
import { Link } from './Link.tsx'

const THEME_LOOKS: Readonly<Record<Theme, { icon: IconName; name: string }>> = {
  auto: { icon: 'auto', name: 'as the system' },
  light: { icon: 'sun', name: 'light' },
  dark: { icon: 'moon', name: 'dark' },
}

export function Header({ route, isGenerating }: { route: Route; isGenerating: boolean }) {
  const [theme, setTheme] = useState(readTheme)
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto'
  const change = () => {
    applyTheme(next)
    setTheme(next)
  }
  const current = (name: Route['name']) => (route.name === name ? 'page' : undefined)
  return (
    <header className="top">
      <Link className="brand" href={paths.create} aria-label="Coursestream, start page">
        <svg viewBox="0 0 32 32" aria-hidden="true" className={isGenerating ? 'mark busy' : 'mark'}>
          <path d="M6 9c5 0 6 3 10 3s5-3 10-3" />
          <path d="M6 16c5 0 6 3 10 3s5-3 10-3" />
          <path d="M6 23c5 0 6 3 10 3s5-3 10-3" />
        </svg>
        <span>Coursestream</span>
      </Link>
      <nav aria-label="Main">
        <Link href={paths.create} aria-current={current('create')}>
          Create
        </Link>
        <Link href={paths.history} aria-current={current('history')}>
          History
        </Link>
        <a href="/docs">
          API
        </a>
      </nav>
      {readToken() !== undefined && (
        <button type="button" className="quiet" onClick={() => { signOut(); window.location.reload() }}>
          Sign out
        </button>
      )}
      <button type="button" className="quiet square" onClick={change} title={`Colours: ${THEME_LOOKS[theme].name}`} aria-label={`Colours: ${THEME_LOOKS[theme].name}. Change to: ${THEME_LOOKS[next].name}`}>
        <Icon name={THEME_LOOKS[theme].icon} />
      </button>
    </header>
  )
}
