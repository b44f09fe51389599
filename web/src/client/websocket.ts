/** The native WebSocket, `GET /ws`. The server's pings are answered by the browser and never seen here. */
import type { Target, TokenSource, Transport, TransportEvents } from './transport.ts'
import { type ServerEvent, parseFrame } from './wire.ts'

export function openWebSocket(target: Target, events: TransportEvents, token?: TokenSource): Transport {
  const url = new URL('ws', target.baseUrl)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url)
  const controller = new AbortController()
  const { signal } = controller

  const lose = (reason: string) => {
    close()
    events.lost(reason)
  }
  const close = () => {
    controller.abort()
    socket.close()
  }
  const send = (event: string, data: unknown) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ event, data }))
  }

  // A browser's WebSocket has no headers: the first frame says who it is.
  const introduce = async () => {
    const bearer = await token?.()
    if (signal.aborted) return
    if (bearer !== undefined) send('authenticate', bearer)
    events.opened()
  }
  socket.addEventListener('open', () => { introduce().catch(() => { lose('there is no token') }) }, { signal })
  socket.addEventListener('close', (close) => { lose(close.code === 1012 ? 'the server restarts' : `closed with ${close.code}`) }, { signal })
  socket.addEventListener(
    'message',
    (message: MessageEvent<unknown>) => {
      let event: ServerEvent
      try {
        event = parseFrame(String(message.data))
      } catch (error) {
        lose(error instanceof Error ? error.message : 'a frame cannot be read')
        return
      }
      events.received(event)
    },
    { signal },
  )

  return {
    join(after) {
      send('join_session', { sessionId: target.sessionId, lastSeenOffset: after })
    },
    probe() {
      // A join without an offset, of a session that is joined, changes nothing and earns a status (rule 2).
      send('join_session', target.sessionId)
    },
    close,
  }
}
