// Drives real Socket.IO clients for the behaviour tests: commands come in as lines of JSON on stdin, what the clients see goes
// out as lines of JSON on stdout. It ends with its stdin.
//
// {"cmd":"open","id","version","url","transports","sessions","joins"}: a client that joins its sessions on `connect`; `joins` says when:
//   "always"       on every connect, with the bare id: what existing clients do
//   "unrecovered"  only where the connection was not recovered, or the join was never answered: what is sent just before a
//                  connection breaks may be lost
//   "counted"      on every connect, with the offset that it has counted itself, and without recovery
//   "both"         on every connect, with the offset that it has counted itself, and with recovery
// {"cmd":"emit","id","event","payload"}: emits and reports the acknowledgement
// {"cmd":"close","id"}

import { createInterface } from "node:readline";

const VERSIONS = { "4.7": "socket.io-client-4-7", newest: "socket.io-client-newest" };
const EVENTS = ["session_status", "course_generation_update", "course_generation_complete", "session_error"];

const sockets = new Map();

function tell(id, event, fields) {
  process.stdout.write(`${JSON.stringify({ id, event, ...fields })}\n`);
}

async function open({ id, version, url, transports, sessions, joins }) {
  const { io } = await import(VERSIONS[version]);
  const socket = io(url, {
    transports,
    forceNew: true,
    reconnectionDelay: 5,
    reconnectionDelayMax: 50,
    // A user's own `auth` overrides what the client would say about recovery.
    ...(joins === "counted" ? { auth: { pid: null, offset: null } } : {}),
  });
  sockets.set(id, socket);
  const answered = new Set();
  const lastSeen = new Map(sessions.map((session) => [session, 0]));

  socket.on("connect", () => {
    tell(id, "connect", { recovered: socket.recovered, transport: socket.io.engine.transport.name });
    socket.io.engine.on("upgrade", (transport) => tell(id, "upgrade", { transport: transport.name }));
    for (const session of sessions) {
      if (joins === "always" || (joins === "unrecovered" && !(socket.recovered && answered.has(session)))) {
        socket.emit("join_session", session);
      } else if (joins === "counted" || joins === "both") {
        socket.emit("join_session", { sessionId: session, lastSeenOffset: lastSeen.get(session) });
      }
    }
  });
  socket.on("disconnect", (reason) => tell(id, "disconnect", { reason }));
  for (const event of EVENTS) {
    socket.on(event, (data) => {
      answered.add(data.sessionId);
      if (data.offset) {
        lastSeen.set(data.sessionId, data.offset);
      }
      tell(id, event, { data });
    });
  }
}

const commands = {
  open,
  emit: ({ id, event, payload }) => sockets.get(id).emit(event, payload, (answer) => tell(id, "ack", { data: answer })),
  close: ({ id }) => sockets.get(id).disconnect(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  await commands[command.cmd](command);
}
process.exit(0);
