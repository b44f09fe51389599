// Types of the HTTP API, from the document that the binary prints. `node scripts/openapi.mjs` renews the checked-in file.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import openapiTS, { astToString } from 'openapi-typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))

export const generatedPath = fileURLToPath(new URL('../src/client/openapi.gen.ts', import.meta.url))

export async function generate() {
  const binary = process.env.COURSESTREAM_BIN ?? `${root}/target/debug/coursestream`
  const document = execFileSync(binary, ['openapi'], { encoding: 'utf8', maxBuffer: 16 << 20 })
  const types = astToString(await openapiTS(JSON.parse(document), { alphabetize: true }))
  return `// Generated from the OpenAPI document by scripts/openapi.mjs. Do not edit.\n\n${types}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(generatedPath, await generate())
}
