/** What a storage or another thing of the browser's gives; nothing where it refuses. */
export function attempt<T>(access: () => T): T | undefined {
  try {
    return access()
  } catch {
    return undefined
  }
}
