//! Our events on Socket.IO: `join_session`, `leave_session`, and what the joined sessions have to say.
//!
//! Every event ends with the socket's cursor (see [`recovery`](super::recovery)), so that wherever the connection breaks, the
//! client holds the position of the last event that it has handled. One gap is the protocol's own: what a client sends just
//! before the connection breaks may be lost, a leave as well as a join. A client that comes back without having been sent
//! anything after a leave is in the session again.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use chrono::Utc;
use serde_json::{Map, Value, json};

use super::{
    connection::{Admission, Application, Event, Out},
    engine::{Closed, Text},
    packet::{Kind, MAIN, Packet},
    recovery::{self, Claim, Keys},
};
use crate::{
    auth::{Asked, AuthError, Caller},
    event::{Offset, SessionId, format_timestamp},
    push::{Change, Delivery, Outgoing, Pump, Push, Turn},
    store::Transport,
    wire::{Authenticate, ErrorCode, Frame, Join, Leave, ServerEvent, Stamped},
};

/// Serves one connection. Only the main namespace is there, so it is one socket as well.
pub(super) struct Handler {
    push: Push,
    address: IpAddr,
    keys: Keys,
    /// Of the socket that is in the namespace; one that is not is nobody's.
    pump: Option<Pump>,
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
    pub(super) fn new(push: Push, address: IpAddr, keys: Keys) -> Self {
        Self {
            push,
            address,
            keys,
            pump: None,
            cursor: BTreeMap::new(),
            hints: HashMap::new(),
            recovered: HashMap::new(),
            greetings: Vec::new(),
        }
    }
}

impl Application for Handler {
    type Work = Turn;

    async fn connect(&mut self, namespace: &str, auth: Map<String, Value>) -> Admission {
        if namespace != MAIN {
            return Admission::Refused { message: "Invalid namespace".into(), data: None };
        }
        match admit(self.push.clone(), self.address, &auth).await {
            Ok(pump) => self.pump = Some(pump),
            Err(admission) => return admission,
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
            "authenticate" => match Authenticate::parse(payload) {
                Ok(Authenticate { token }) => match &mut self.pump {
                    Some(pump) => pump.authenticate(&token).await,
                    None => return Err(Closed),
                },
                Err(error) => Err(bad_request(error.to_string())),
            },
            _ => Err(bad_request("event: must be join_session, leave_session or authenticate".to_owned())),
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
        *self = Self::new(self.push.clone(), self.address, self.keys.clone());
    }

    async fn next(&mut self) -> Turn {
        match &mut self.pump {
            Some(pump) => pump.next().await,
            None => std::future::pending().await,
        }
    }

    async fn carry_out(&mut self, turn: Turn, out: &Out<'_>) -> Result<(), Closed> {
        let Delivery { session_id, items } = match turn {
            Turn::Delivery(delivery) => delivery,
            Turn::Change(Change::Lapsed(told)) => return out.send_text(self.told(&told)).await,
            Turn::Change(Change::Over(told)) => {
                out.send_text(self.told(&told)).await?;
                // Not a disconnect packet: a client that is hung up on comes back by itself, asks its `auth` for a
                // token, and goes on where it stood.
                return Err(Closed);
            }
        };
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
        let Some(pump) = &mut self.pump else { return Err(()) };
        let greeting = match pump.join(Join { session_id, last_seen: Some(offset) }).await {
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
        let Some(pump) = &mut self.pump else { return Err(unauthorized(Some(session_id))) };
        let status = pump.join(Join { session_id, last_seen }).await?;
        if !is_joined || last_seen.is_some() {
            let stamp = self.keys.stamp(session_id, last_seen.unwrap_or(Offset::ZERO));
            self.cursor.insert(session_id, stamp);
        }
        // The pump may have forgotten an ended session to make room.
        self.cursor.retain(|session_id, _| pump.is_joined(*session_id));
        Ok(status)
    }

    fn leave(&mut self, session_id: SessionId) {
        if let Some(pump) = &mut self.pump {
            pump.leave(session_id);
        }
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

/// Who wants in: by `auth.token`, beside the recovery tokens, which say where he stood and not who he is.
async fn admit(push: Push, address: IpAddr, auth: &Map<String, Value>) -> Result<Pump, Admission> {
    let granted = match auth.get("token").and_then(Value::as_str) {
        Some(token) => push.auth.authenticate(token).await,
        None => push.auth.anonymous(),
    };
    let granted = granted.map_err(|error| match error {
        AuthError::Unavailable => Admission::Later,
        AuthError::Missing | AuthError::Invalid | AuthError::Expired => {
            refused(ErrorCode::Unauthorized, error.to_string())
        }
    })?;
    let caller = Caller { address, granted: Some(granted), asked: Asked::default() };
    push.pump(&caller, Transport::SocketIo).map_err(|busy| refused(ErrorCode::TooManySessions, busy.to_string()))
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
        ServerEvent::Authenticated { until } => json!({"ok": true, "expiresAt": until.map(format_timestamp)}),
    }
}

fn refused(code: ErrorCode, message: String) -> Admission {
    Admission::Refused { message: message.into(), data: Some(json!({"code": code.as_str()})) }
}

fn unauthorized(session_id: Option<SessionId>) -> ServerEvent {
    ServerEvent::Error { session_id, code: ErrorCode::Unauthorized, message: AuthError::Missing.to_string() }
}

fn bad_request(message: String) -> ServerEvent {
    ServerEvent::Error { session_id: None, code: ErrorCode::BadRequest, message }
}

fn is_internal(event: &ServerEvent) -> bool {
    matches!(event, ServerEvent::Error { code: ErrorCode::Internal, .. })
}
