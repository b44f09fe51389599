/** What can go wrong, one class per failure. Everything that this package throws is a `CourseStreamError`. */
export abstract class CourseStreamError extends Error {
  /** Whether the same call may succeed later. */
  abstract readonly isTransient: boolean

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The server could not be reached at all. */
export class UnreachableError extends CourseStreamError {
  override readonly isTransient = true
}

/** The server answered with an error. `code` is the problem's, or `http_<status>` where the answer named none. */
export class RequestError extends CourseStreamError {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }

  override get isTransient(): boolean {
    return this.status === 429 || this.status >= 500
  }
}

/** There is no such session. */
export class SessionNotFoundError extends CourseStreamError {
  override readonly isTransient = false
}

/** The last-seen offset is beyond the end of the log: it belongs to another log, or that log has lost its end. */
export class OffsetAheadError extends CourseStreamError {
  override readonly isTransient = false
}

/** The server refused to let this client follow the session. */
export class RefusedError extends CourseStreamError {
  override readonly isTransient = false
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** The server sent what the contract does not know. */
export class ProtocolError extends CourseStreamError {
  override readonly isTransient = false
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
