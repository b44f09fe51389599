// The real binary on a free port, with a data directory of its own.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, chmodSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const binary = process.env.COURSESTREAM_BIN ?? fileURLToPath(new URL('../../../target/debug/coursestream', import.meta.url))

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

export class Service {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child
  #stderr = ''

  /**
   * @param {string} dataDir
   * @param {number} port
   * @param {readonly string[]} flags
   */
  constructor(dataDir, port, flags) {
    this.dataDir = dataDir
    this.port = port
    this.flags = flags
    this.url = `http://127.0.0.1:${port}`
  }

  /** @param {readonly string[]} flags */
  static async start(...flags) {
    const dataDir = mkdtempSync(join(tmpdir(), 'coursestream-e2e-'))
    // PostgreSQL may run as another user, who has to get through.
    chmodSync(dataDir, 0o755)
    const service = new Service(join(dataDir, 'data'), await freePort(), flags)
    await service.run()
    return service
  }

  /** Starts the process on the same port and data, and waits until it listens. */
  async run() {
    const child = spawn(
      binary,
      ['serve', '--bind', `127.0.0.1:${this.port}`, '--data-dir', this.dataDir, '--provider', 'offline', ...this.flags],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, DATABASE_URL: undefined, OPENAI_API_KEY: undefined } },
    )
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr += text
    })
    await new Promise((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the service ended with ${code}:\n${this.#stderr}`)))
      createInterface({ input: child.stdout }).once('line', resolve)
    })
  }

  /** Ends the process and waits until it is gone. @param {'SIGKILL' | 'SIGTERM'} signal */
  async end(signal) {
    const child = this.#child
    if (!child) return
    this.#child = undefined
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  async close() {
    await this.end('SIGTERM')
    rmSync(join(this.dataDir, '..'), { recursive: true, force: true })
  }

  /**
   * @param {string} path
   * @returns {Promise<any>}
   */
  async get(path) {
    const response = await fetch(`${this.url}${path}`)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  /**
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async post(path, body) {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  /** Starts a run. @param {string} topic @param {string} [user] @returns {Promise<string>} */
  async generate(topic, user = USER) {
    const { sessionId } = await this.post('/api/v1/course-generation/generate', { course_topic: topic, user_id: user })
    return sessionId
  }

  /** Creates an outside producer's session. @param {string} topic @returns {Promise<string>} */
  async createSession(topic) {
    const { sessionId } = await this.post('/api/v1/sessions', { topic, user_id: USER, producer: 'test' })
    return sessionId
  }

  /** @param {string} session @param {readonly unknown[]} messages */
  async append(session, messages) {
    await this.post(`/api/v1/sessions/${session}/messages`, messages)
  }

  /** @param {string} session @param {Record<string, unknown>} [ending] */
  async endSession(session, ending = { status: 'completed' }) {
    await this.post(`/api/v1/sessions/${session}/end`, ending)
  }

  /** Waits until the session's summary is as wanted. @param {string} session @param {(summary: any) => boolean} wanted */
  async waitFor(session, wanted) {
    for (;;) {
      const summary = await this.get(`/api/v1/sessions/${session}`)
      if (wanted(summary)) return summary
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

export const USER = '11111111-1111-4111-8111-111111111111'
