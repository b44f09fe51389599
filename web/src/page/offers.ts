/** What the server offers beyond what every one does, by its own OpenAPI document. */
import { useEffect, useState } from 'react'
import { asFields } from '../course/course.ts'
import { authorizedFetch } from './identity.ts'

let paths: Promise<ReadonlySet<string>> | undefined

async function readPaths(): Promise<ReadonlySet<string>> {
  const response = await authorizedFetch('/openapi.json')
  if (!response.ok) throw new Error(`answered with ${response.status}`)
  return new Set(Object.keys(asFields(asFields(await response.json())?.['paths']) ?? {}))
}

/** Whether the server knows a path; asked once for all of them, and again after a failure. */
export function useOffer(path: string): boolean {
  const [isOffered, setIsOffered] = useState(false)
  useEffect(() => {
    let isWanted = true
    paths ??= readPaths()
    paths.then(
      (known) => {
        if (isWanted) setIsOffered(known.has(path))
      },
      () => { paths = undefined },
    )
    return () => { isWanted = false }
  }, [path])
  return isOffered
}
