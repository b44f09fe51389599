import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generate, generatedPath } from '../scripts/openapi.mjs'

test('the types are those of the document; `npm run openapi` renews them', async () => {
  expect(readFileSync(generatedPath, 'utf8')).toBe(await generate())
}, 30_000)
