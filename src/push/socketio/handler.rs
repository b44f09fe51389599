//! Our events on Socket.IO: `join_session`, `leave_session`, and what the joined sessions have to say.
//!
//! Every event ends with the socket's cursor (see [`recovery`](super::recovery)), so that wherever the connection breaks, the
//! client holds the position of the last event that it has handled. One gap is the protocol's own: what a client sends just
//! before the connection breaks may be lost, a leave as well as a join. A client that comes back without having been sent
//! anything after a leave is in the session again.

use std::collections::{BTreeMap, HashMap};

use chrono::Utc;
use serde_json::{Map, Value, json};

use super::{
    connection::{Admission, Application, Event, Out},
    engine::{Closed, Text},
    packet::{Kind, MAIN, Packet},
    recovery::{self, Claim, Keys},
};
use crate::{
    event::{Offset, SessionId},
    push::{Delivery, Outgoing, Pump, Push},
    store::Transport,
    wire::{ErrorCode, Frame, Join, Leave, ServerEvent, Stamped},
};

/// Serves one connection. Only the main namespace is there, so it is one socket as well.
pub(super) struct Handler {
    push: Push,
    keys: Keys,
    pump: Pump,
    /// The stamp of every joined session.
    cursor: BTreeMap<SessionId, String>,
    /// Where an earlier connection stood whose tokens are too old to recover it.
    hints: HashMap<SessionId, Offset>,
    /// Where this connection was recovered, for sessions that the client has not joined by itself since.
    recovered: HashMap<SessionId, Offset>,
    /// What recovering has to tell, once the client has been let in.
    greetings: Vec<ServerEvent>,
}

impl Handler {
    pub(super) fn new(push: Push, keys: Keys) -> Self {
        Self {
            pump: push.pump(Transport::SocketIo),
            push,
            keys,
            cursor: BTreeMap::new(),
            hints: HashMap::new(),
            recovered: HashMap::new(),
            greetings: Vec::new(),
        }
    }
}

impl Application for Handler {
    type Work = Delivery;

    async fn connect(&mut self, namespace: &str, auth: Map<String, Value>) -> Admission {
        if namespace != MAIN {
            return Admission::Refused("Invalid namespace".into());
        }
        let pid = match self.keys.claim(&auth, Utc::now()) {
            Claim::Fresh { pid, hints } => {
                self.hints = hints.into_iter().collect();
                pid
            }
            Claim::Recovered { pid, positions } => {
                for (session_id, offset) in positions {
                    if self.recover(session_id, offset).await.is_err() {
                        return Admission::Later;
                    }
                }
                pid
            }
        };
        Admission::Accepted(Map::from_iter([("pid".to_owned(), Value::from(pid))]))
    }

    async fn connected(&mut self, _: &str, out: &Out<'_>) -> Result<(), Closed> {
        for greeting in std::mem::take(&mut self.greetings) {
            out.send_text(self.told(&greeting)).await?;
        }
        Ok(())
    }

    async fn event(&mut self, event: Event, out: &Out<'_>) -> Result<(), Closed> {
        let payload = event.args.get(1).unwrap_or(&Value::Null);
        let answer = match event.name() {
            "join_session" => match Join::parse(payload) {
                Ok(join) => self.join(join).await,
                Err(error) => Err(error.into()),
            },
            "leave_session" => match Leave::parse(payload) {
                Ok(leave) => {
                    self.leave(leave.session_id);
                    return acknowledge(event.ack, json!({"ok": true}), out).await;
                }
                Err(error) => Err(error.into()),
            },
            _ => Err(bad_request("event: must be join_session or leave_session".to_owned())),
        };
        let (told, acked) = match &answer {
            Ok(status) => (status, ack_of(status)),
            Err(error) => (error, ack_of(error)),
        };
        out.send_text(self.told(told)).await?;
        acknowledge(event.ack, acked, out).await?;
        if is_internal(told) {
            // Clients that know nothing of errors join on `connect` and at no other time: let them have one.
            return Err(Closed);
        }
        Ok(())
    }

    fn disconnected(&mut self, _: &str) {
        *self = Self::new(self.push.clone(), self.keys.clone());
    }

    async fn next(&mut self) -> Delivery {
        self.pump.next().await
    }

    async fn carry_out(&mut self, delivery: Delivery, out: &Out<'_>) -> Result<(), Closed> {
        let Delivery { session_id, items } = delivery;
        for item in items {
            let packet = match item {
                Outgoing::Frame(frame) => self.served(session_id, frame.stamped(|frame| encode(frame, &self.keys))),
                Outgoing::Event(event) => self.told(&event),
            };
            out.send_text(packet).await?;
        }
        Ok(())
    }
}

impl Handler {
    /// Joins a session where an earlier connection stood in it. `Err` where nobody can say whether it may at the moment.
    async fn recover(&mut self, session_id: SessionId, offset: Offset) -> Result<(), ()> {
        let greeting = match self.pump.join(Join { session_id, last_seen: Some(offset) }).await {
            Ok(status) => {
                self.cursor.insert(session_id, self.keys.stamp(session_id, offset));
                self.recovered.insert(session_id, offset);
                status
            }
            Err(error) if is_internal(&error) => return Err(()),
            Err(error) => error,
        };
        self.greetings.push(greeting);
        Ok(())
    }

    async fn join(&mut self, join: Join) -> Result<ServerEvent, ServerEvent> {
        let Join { session_id, last_seen } = join;
        let is_joined = self.cursor.contains_key(&session_id);
        let last_seen = match last_seen {
            // A client that keeps count by itself says what its token has said already: from here on it is being served.
            Some(offset) if self.recovered.remove(&session_id) == Some(offset) => None,
            None if !is_joined => self.hints.remove(&session_id),
            last_seen => last_seen,
        };
        let status = self.pump.join(Join { session_id, last_seen }).await?;
        if !is_joined || last_seen.is_some() {
            let stamp = self.keys.stamp(session_id, last_seen.unwrap_or(Offset::ZERO));
            self.cursor.insert(session_id, stamp);
        }
        // The pump may have forgotten an ended session to make room.
        self.cursor.retain(|session_id, _| self.pump.is_joined(*session_id));
        Ok(status)
    }

    fn leave(&mut self, session_id: SessionId) {
        self.pump.leave(session_id);
        self.cursor.remove(&session_id);
        self.recovered.remove(&session_id);
    }

    /// The packet of a frame, which moves the cursor.
    fn served(&mut self, session_id: SessionId, stamped: &Stamped) -> Text {
        let Stamped { packet, stamp } = stamped;
        if let Some(mine) = self.cursor.get_mut(&session_id) {
            mine.clear();
            mine.push_str(&packet.as_str()[stamp.clone()]);
        }
        if self.cursor.len() == 1 {
            // One packet for all who follow this session alone.
            return Text::from_packet(packet.clone());
        }
        let event = &packet.as_str()[..stamp.start];
        Text::from_packet(self.with_cursor(event.to_owned()).into())
    }

    /// The packet of an event that is not of a log.
    fn told(&self, event: &ServerEvent) -> Text {
        Text::from_packet(self.with_cursor(up_to_stamp(event.name(), &event.payload())).into())
    }

    fn with_cursor(&self, mut packet: String) -> String {
        recovery::write_cursor(self.cursor.values().map(String::as_str), &mut packet);
        packet.push_str(END);
        packet
    }
}

/// The end of an event whose last argument is a string.
const END: &str = r#""]"#;

/// An event of the main namespace up to where its last argument, a string, begins. `4` is Engine.IO's message, `2` Socket.IO's event.
fn up_to_stamp(name: &str, payload: &str) -> String {
    // Names are constants without characters that JSON would escape; so are cursors.
    let mut packet = String::with_capacity(payload.len() + name.len() + 64);
    packet.push_str(r#"42[""#);
    packet.push_str(name);
    packet.push_str(r#"","#);
    packet.push_str(payload);
    packet.push_str(r#",""#);
    packet
}

fn encode(frame: &Frame, keys: &Keys) -> Stamped {
    let mut packet = up_to_stamp(frame.name(), frame.payload());
    let start = packet.len();
    packet.push_str(&keys.stamp(frame.event().session_id, frame.offset()));
    let stamp = start..packet.len();
    packet.push_str(END);
    Stamped { packet: packet.into(), stamp }
}

async fn acknowledge(ack: Option<u64>, answer: Value, out: &Out<'_>) -> Result<(), Closed> {
    let Some(ack) = ack else { return Ok(()) };
    let packet = Packet::new(MAIN.into(), Kind::Ack { ack, args: vec![answer] });
    out.send(&packet, Vec::new()).await
}

fn ack_of(event: &ServerEvent) -> Value {
    match event {
        ServerEvent::Status { last_offset, .. } => json!({"ok": true, "lastOffset": last_offset}),
        ServerEvent::Error { code, message, .. } => json!({"ok": false, "code": code.as_str(), "message": message}),
    }
}

fn bad_request(message: String) -> ServerEvent {
    ServerEvent::Error { session_id: None, code: ErrorCode::BadRequest, message }
}

fn is_internal(event: &ServerEvent) -> bool {
    matches!(event, ServerEvent::Error { code: ErrorCode::Internal, .. })
}
