import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { bench, finished, generate, service } from './support/page.ts'

const { open } = bench()
const server = service('--offline-pace', '400ms')

const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent)

test('what is clicked away leaves the focus to what stands there instead', async () => {
  const { page } = await open({ viewport: { width: 1440, height: 900 } })
  await generate(page, server.current.url, 'Where am I')
  await page.locator('.connection.live').waitFor()
  await page.getByRole('button', { name: 'Stop' }).focus()
  await page.keyboard.press('Enter')
  await page.getByText('Stopped', { exact: true }).waitFor()
  expect(await focused(page)).toBe('New course')

  await page.locator('.log-row').first().click()
  await page.getByRole('button', { name: 'Close the event' }).focus()
  await page.keyboard.press('Enter')
  expect(await focused(page)).toBe('Events')
})

test('from the end of a run that nobody stopped, the focus is not called away', async () => {
  const { page } = await open()
  await generate(page, server.current.url, 'Elsewhere')
  await page.locator('.connection.live').waitFor()
  await page.getByRole('button', { name: 'Stop' }).focus()
  await page.getByRole('listbox', { name: 'Events' }).focus()
  await finished(page)
  expect(await focused(page)).toBe('Events')
})

test('the way to the latest line ends in the log, and a quiz begins again at its first question', async () => {
  const { page } = await open({ viewport: { width: 1440, height: 900 } })
  await generate(page, server.current.url, 'Again')
  await finished(page)
  await page.locator('.log-rows').evaluate((list) => { list.scrollTop = 0 })
  await page.getByRole('button', { name: 'Latest' }).focus()
  await page.keyboard.press('Enter')
  expect(await focused(page)).toBe('Events')

  await page.getByRole('link', { name: 'Start reading' }).click()
  for (const index of [0, 1, 2]) await page.locator('.quiz fieldset').nth(index).getByRole('radio').first().check()
  await page.getByRole('button', { name: 'Check answers' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Try again' }).waitFor()
  await page.keyboard.press('Enter')
  expect(await page.locator('.quiz fieldset').first().getByRole('radio').first().evaluate((radio) => radio === document.activeElement)).toBe(true)
})

test('to skip to the content is not to leave the lesson', async () => {
  const { page } = await open()
  const session = await generate(page, server.current.url, 'Skipping')
  await finished(page)
  await page.goto(`${server.current.url}/sessions/${session}#lesson-1.1`)
  await page.locator('.reader .quiz').waitFor()
  await page.getByRole('link', { name: 'Skip to content' }).focus()
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
  expect(new URL(page.url()).hash).toBe('#lesson-1.1')
  expect(await page.locator('.reader .quiz').count()).toBe(1)
})
