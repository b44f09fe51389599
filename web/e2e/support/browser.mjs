import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const KNOWN = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** @param {import('playwright-core').LaunchOptions} [options] */
export function launch(options = {}) {
  const executablePath = process.env.CHROMIUM_BIN ?? KNOWN.find((path) => existsSync(path)) ?? 'chromium'
  return chromium.launch({ executablePath, headless: true, args: FLAGS, ...options })
}
