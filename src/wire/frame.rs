//! Real-time events from the server, and the frames that carry a session's log.

use std::{fmt::Write, ops::Range, sync::OnceLock};

use bytes::Bytes;
use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

use super::ErrorCode;
use crate::{
    event::{Event, EventType, Offset, SessionId},
    projection::Status,
};

const SESSION_STATUS: &str = "session_status";
const UPDATE: &str = "course_generation_update";
const COMPLETE: &str = "course_generation_complete";
const SESSION_ERROR: &str = "session_error";

/// A real-time event that is not an entry of the log.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum ServerEvent {
    #[serde(rename_all = "camelCase")]
    Status { session_id: SessionId, status: Status, last_offset: Offset },
    #[serde(rename_all = "camelCase")]
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        session_id: Option<SessionId>,
        #[serde(serialize_with = "code_text")]
        code: ErrorCode,
        message: String,
    },
}

fn code_text<S: serde::Serializer>(code: &ErrorCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

impl ServerEvent {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => SESSION_STATUS,
            Self::Error { .. } => SESSION_ERROR,
        }
    }

    /// The payload as JSON.
    #[must_use]
    pub fn payload(&self) -> String {
        to_json(self)
    }

    /// As a text frame of the native WebSocket.
    #[must_use]
    pub fn native(&self) -> Utf8Bytes {
        native(self.name(), &self.payload()).into()
    }

    /// As a server-sent event. It has no `id`, so it does not move the client's last event id.
    #[must_use]
    pub fn sse(&self) -> String {
        format!("event: {}\ndata: {}\n\n", self.name(), self.payload())
    }
}

/// `course_generation_complete`: how the session ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Complete<'a> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    course_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    session_id: SessionId,
    offset: Offset,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cancelled: bool,
}

/// A Socket.IO packet whose last argument says how far its session was served.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// For a socket that has joined this session alone.
    pub packet: Utf8Bytes,
    /// Where in it the last argument is: for other sockets it is longer.
    pub stamp: Range<usize>,
}

/// One event of a log, with its encodings.
#[derive(Debug)]
pub struct Frame {
    event: Event,
    payload: OnceLock<String>,
    native: OnceLock<Utf8Bytes>,
    sse: OnceLock<Bytes>,
    stamped: OnceLock<Stamped>,
}

impl Frame {
    #[must_use]
    pub const fn new(event: Event) -> Self {
        Self {
            event,
            payload: OnceLock::new(),
            native: OnceLock::new(),
            sse: OnceLock::new(),
            stamped: OnceLock::new(),
        }
    }

    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }

    #[must_use]
    pub const fn offset(&self) -> Offset {
        self.event.offset
    }

    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.event.kind.is_terminal()
    }

    /// About how much memory the frame takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        200 + self.event.message.len() + self.event.data.as_ref().map_or(0, |data| data.get().len())
    }

    /// The name of the real-time event.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.is_terminal() { COMPLETE } else { UPDATE }
    }

    /// The payload as JSON: the envelope, or for the terminal event how the session ended.
    pub fn payload(&self) -> &str {
        self.payload.get_or_init(|| if self.is_terminal() { self.complete() } else { to_json(&self.event) })
    }

    /// As a text frame of the native WebSocket.
    pub fn native(&self) -> &Utf8Bytes {
        self.native.get_or_init(|| native(self.name(), self.payload()).into())
    }

    /// As a server-sent event whose id is the offset.
    pub fn sse(&self) -> &Bytes {
        self.sse.get_or_init(|| {
            let (id, name, data) = (self.offset(), self.name(), self.payload());
            let mut text = String::with_capacity(data.len() + 80);
            // JSON text has no line breaks of its own, so one data line holds it.
            let _ = write!(text, "id: {id}\nevent: {name}\ndata: {data}\n\n");
            text.into()
        })
    }

    /// As a Socket.IO packet. How that looks is known where it is spoken, and it takes a key.
    pub fn stamped(&self, encode: impl FnOnce(&Self) -> Stamped) -> &Stamped {
        self.stamped.get_or_init(|| encode(self))
    }

    fn complete(&self) -> String {
        #[derive(Default, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Ending {
            course_id: Option<Uuid>,
            error: Option<String>,
        }
        let Event { session_id, offset, kind, message, data, .. } = &self.event;
        let ending: Ending = data.as_ref().and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default();
        let success = *kind == EventType::SessionCompleted;
        let error = if success { None } else { Some(ending.error.as_deref().unwrap_or(message)) };
        to_json(&Complete {
            success,
            course_id: ending.course_id.filter(|_| success),
            error,
            session_id: *session_id,
            offset: *offset,
            cancelled: *kind == EventType::SessionCancelled,
        })
    }
}

fn native(name: &str, payload: &str) -> String {
    // Names are constants without characters that JSON would escape.
    let mut text = String::with_capacity(payload.len() + name.len() + 24);
    text.push_str(r#"{"event":""#);
    text.push_str(name);
    text.push_str(r#"","data":"#);
    text.push_str(payload);
    text.push('}');
    text
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("payloads of our own types serialise")
}
