/** What the server offers beyond what every one does, by its own OpenAPI document. */
import { useEffect, useState } from 'react'
import { persistently } from '../client/persistently.ts'
import { asFields } from '../course/course.ts'
import { authorizedFetch } from './identity.ts'

type Paths = ReadonlySet<string>

let known: Paths | undefined
let asked: Promise<Paths> | undefined

async function readPaths(): Promise<Paths> {
  const response = await authorizedFetch('/openapi.json')
  if (response.status === 404) return new Set()
  if (!response.ok) throw new Error(`answered with ${response.status}`)
  return new Set(Object.keys(asFields(asFields(await response.json())?.['paths']) ?? {}))
}

/** One request answers all who ask meanwhile; a failure answers none of those who come later. */
function askOnce(): Promise<Paths> {
  asked ??= readPaths().finally(() => { asked = undefined })
  return asked
}

/** Whether the server knows a path; asked once for all of them, until there is an answer. Before it, `undefined`. */
export function useOffer(path: string): boolean | undefined {
  const [paths, setPaths] = useState(known)
  useEffect(() => {
    if (known) {
      setPaths(known)
      return
    }
    const controller = new AbortController()
    persistently(askOnce, controller.signal).then(
      (paths) => {
        known = paths
        setPaths(paths)
      },
      () => undefined,
    )
    return () => { controller.abort() }
  }, [path])
  return paths?.has(path)
}
