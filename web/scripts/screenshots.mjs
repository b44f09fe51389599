// Pictures of the page for the documentation: `npm run screenshots`, after a build of the page and of the binary.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { launch } from '../e2e/support/browser.mjs'
import { Service } from '../e2e/support/service.mjs'

const out = process.env.SCREENSHOTS_DIR ?? fileURLToPath(new URL('../screenshots', import.meta.url))
mkdirSync(out, { recursive: true })

const service = await Service.start('--offline-pace', '400ms', '--calls-per-run', '2')
const browser = await launch()

/** @param {{ width: number, height: number, colorScheme: 'light' | 'dark', isMobile?: boolean }} look */
async function open({ width, height, colorScheme, isMobile = false }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, isMobile, deviceScaleFactor: isMobile ? 2 : 1, reducedMotion: 'reduce' })
  return context.newPage()
}

/** @param {import('playwright-core').Page} page @param {string} name */
async function shoot(page, name) {
  await page.screenshot({ path: `${out}/${name}.png` })
}

const light = { width: 1440, height: 900, colorScheme: /** @type {const} */ ('light') }
const dark = { ...light, colorScheme: /** @type {const} */ ('dark') }
const small = { width: 390, height: 844, isMobile: true }

try {
  const page = await open(light)
  await page.goto(service.url)
  await page.getByRole('textbox').fill('Rust ownership and borrowing')
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.locator('.lesson-mark.done').nth(2).waitFor()
  await shoot(page, 'running')
  const session = page.url()
  await page.getByText('The course is ready', { exact: true }).waitFor()
  await page.getByRole('link', { name: 'Start reading' }).click()
  await page.locator('.quiz').waitFor()
  await shoot(page, 'finished')

  const night = await open(dark)
  await night.goto(`${session}#lesson-2.1`)
  await night.locator('.quiz').waitFor()
  const questions = night.locator('.quiz fieldset')
  for (const [index, option] of [0, 1, 2].entries()) await questions.nth(index).getByRole('radio').nth(option).check()
  await night.getByRole('button', { name: 'Check answers' }).click()
  await night.locator('.quiz').scrollIntoViewIfNeeded()
  await night.evaluate(() => { globalThis.document.querySelector('.quiz')?.scrollIntoView({ block: 'start' }) })
  await shoot(night, 'quiz-dark')

  const phone = await open({ ...small, colorScheme: 'light' })
  await phone.goto(session)
  await phone.getByRole('link', { name: 'Start reading' }).waitFor()
  await shoot(phone, 'phone')
  await phone.getByRole('tab', { name: 'Log' }).click()
  await phone.locator('.log-row').first().waitFor()
  await shoot(phone, 'phone-log')

  const user = await page.evaluate(() => localStorage.getItem('coursestream:user') ?? '')
  for (const topic of ['Reading financial statements', 'Sourdough from scratch', 'The history of cartography', 'Celestial navigation', 'Growing tomatoes on a balcony', 'Category theory for programmers']) {
    const id = await service.generate(topic, user)
    if (topic.startsWith('Celestial')) await service.post(`/api/v1/course-generation/session/${id}/cancel`)
  }
  const outside = await service.createSession('Weather forecasting')
  await service.endSession(outside, { status: 'failed', error: 'the model gave no usable answer in 3 tries' })
  await service.waitFor(outside, (summary) => summary.status === 'failed')
  const history = await open(light)
  await history.goto(`${service.url}/sessions`)
  await history.locator('.session-row').nth(7).waitFor()
  await history.locator('.bars').waitFor()
  await shoot(history, 'history')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.goto(service.url)
  await page.locator('.session-row').nth(3).waitFor()
  await shoot(page, 'start-dark')
} finally {
  await browser.close()
  await service.close()
}
