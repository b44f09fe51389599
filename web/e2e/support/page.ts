/** A browser, and pages that tell when something is wrong with them. */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { launch } from './browser.mjs'
import { Service } from './service.mjs'

export interface Opened {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors of the console and of scripts, and requests that went elsewhere. */
  readonly troubles: string[]
}

export interface Bench {
  readonly browser: Browser
  open(options?: BrowserContextOptions): Promise<Opened>
}

/** Failed loads while the server or the network is away on purpose. */
const AWAY = /ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_NETWORK_CHANGED|WebSocket connection to/

/** One browser for a file of tests; each test's contexts are closed after it. */
export function bench(): Bench {
  let browser: Browser
  const opened: Opened[] = []
  beforeAll(async () => {
    browser = await launch()
  })
  afterEach(async () => {
    const all = opened.splice(0)
    await Promise.all(all.map(({ context }) => context.close()))
    for (const { troubles } of all) expect(troubles).toEqual([])
  })
  afterAll(() => browser.close())
  return {
    get browser() {
      return browser
    },
    async open(options = {}) {
      const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
      context.setDefaultTimeout(45_000)
      const page = await context.newPage()
      const troubles: string[] = []
      watch(page, troubles)
      const entry = { page, context, troubles }
      opened.push(entry)
      return entry
    },
  }
}

export function watch(page: Page, troubles: string[]): void {
  page.on('pageerror', (error) => troubles.push(`script: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' && !AWAY.test(message.text())) troubles.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url())
    const isOwn = hostname === '127.0.0.1' || protocol === 'blob:' || protocol === 'data:'
    if (!isOwn) troubles.push(`request: ${request.url()}`)
  })
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
}

/** A service for a file of tests. */
export function service(...flags: string[]): { readonly current: Service } {
  let running: Service | undefined
  beforeAll(async () => {
    running = await Service.start(...flags)
  })
  afterAll(() => running?.close())
  return {
    get current() {
      if (!running) throw new Error('the service is not started yet')
      return running
    },
  }
}

/** Fails unless the log that the page shows is 1, 2, 3 … up to what the server has: every line, each once. */
export async function expectWholeLog(page: Page, service: Service, session: string): Promise<void> {
  const { lastOffset } = (await service.get(`/api/v1/sessions/${session}`)) as { lastOffset: number }
  await page.getByTestId('log-count').getByText(`${lastOffset.toLocaleString('en-US')} line`).waitFor()
  expect(await readLog(page)).toEqual(Array.from({ length: lastOffset }, (_, index) => index + 1))
}

/** Reads the log from its first line to its last, as one does who scrolls. */
export async function readLog(page: Page): Promise<number[]> {
  return page.evaluate(async () => {
    const list = document.querySelector('.log-rows')
    if (!(list instanceof HTMLElement)) return []
    const seen: number[] = []
    const frame = () => new Promise((resolve) => { requestAnimationFrame(() => { requestAnimationFrame(resolve) }) })
    // A list that is still on its way to its end takes the first time for nothing.
    do {
      list.scrollTop = 0
      await frame()
    } while (list.scrollTop > 0)
    for (; ; list.scrollTop += list.clientHeight) {
      await frame()
      for (const row of list.querySelectorAll<HTMLElement>('.log-row')) {
        const offset = Number(row.dataset['offset'])
        if (offset > (seen.at(-1) ?? 0)) seen.push(offset)
      }
      if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) return seen
    }
  })
}

export function sessionOf(page: Page): string {
  return new URL(page.url()).pathname.split('/').at(-1) ?? ''
}

/** Types a topic and starts; returns the session once its page is there. */
export async function generate(page: Page, url: string, topic: string): Promise<string> {
  await page.goto(url)
  await page.getByRole('textbox', { name: 'Topic of the course' }).fill(topic)
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.waitForURL('**/sessions/*')
  return sessionOf(page)
}

export async function finished(page: Page): Promise<void> {
  await page.getByText('The course is ready', { exact: true }).waitFor()
  await page.locator('.connection.ended, .connection.archive').waitFor()
}
