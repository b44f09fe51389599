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

const BEFORE_NAME: &str = r#"{"event":""#;
const BEFORE_PAYLOAD: &str = r#"","data":"#;
const AFTER_PAYLOAD: &str = "}";
/// About what an encoding adds to an event's message and data.
const ENVELOPE_BYTES: usize = 200;

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
    native: OnceLock<Utf8Bytes>,
    sse: OnceLock<Bytes>,
    stamped: OnceLock<Stamped>,
}

impl Frame {
    #[must_use]
    pub const fn new(event: Event) -> Self {
        Self { event, native: OnceLock::new(), sse: OnceLock::new(), stamped: OnceLock::new() }
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

    /// About how much memory the frame takes with two encodings, in bytes. The same at any time.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let text = self.event.message.len() + self.event.data.as_ref().map_or(0, |data| data.get().len());
        size_of::<Self>() + text + 2 * (ENVELOPE_BYTES + text)
    }

    /// The name of the real-time event.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.is_terminal() { COMPLETE } else { UPDATE }
    }

    /// The payload as JSON: the envelope, or for the terminal event how the session ended.
    pub fn payload(&self) -> &str {
        // Kept once, within the native frame.
        let native = self.native().as_str();
        &native[BEFORE_NAME.len() + self.name().len() + BEFORE_PAYLOAD.len()..native.len() - AFTER_PAYLOAD.len()]
    }

    /// As a text frame of the native WebSocket.
    pub fn native(&self) -> &Utf8Bytes {
        self.native.get_or_init(|| {
            let payload = if self.is_terminal() { self.complete() } else { to_json(&self.event) };
            native(self.name(), &payload).into()
        })
    }

    /// As a server-sent event whose id is the offset.
    pub fn sse(&self) -> &Bytes {
        self.sse.get_or_init(|| {
            let (id, name, data) = (self.offset(), self.name(), self.payload());
            let mut text = String::with_capacity(data.len() + 80);
            let _ = write!(text, "id: {id}\nevent: {name}\n");
            // One data line as a rule. Line breaks that a producer left between the tokens of its JSON would end it: a client
            // puts several together again, with line breaks, which mean nothing there.
            for line in data.split(['\r', '\n']) {
                let _ = writeln!(text, "data: {line}");
            }
            text.push('\n');
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
    [BEFORE_NAME, name, BEFORE_PAYLOAD, payload, AFTER_PAYLOAD].concat()
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("payloads of our own types serialise")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, value::RawValue};

    use super::*;

    fn frame(kind: EventType, message: &str, data: Option<&str>) -> Frame {
        let data = data.map(|text| Arc::from(RawValue::from_string(text.to_owned()).unwrap()));
        let draft = crate::event::Draft { kind, message: message.to_owned(), data };
        let at = chrono::DateTime::from_timestamp_millis(1_769_860_800_120).unwrap();
        Frame::new(draft.commit(SessionId::from_uuid(Uuid::nil()), Offset::new(17), at))
    }

    const SESSION: &str = "00000000-0000-0000-0000-000000000000";

    #[test]
    fn an_update_carries_the_envelope_and_the_data_to_the_byte() {
        let frame = frame(EventType::Progress, "Half \"way\"\n", Some(r#"{"b":1.0, "a":"\u00e9"}"#));
        let envelope = format!(
            r#"{{"sessionId":"{SESSION}","offset":17,"type":"progress","message":"Half \"way\"\n","data":{{"b":1.0, "a":"\u00e9"}},"timestamp":"2026-01-31T12:00:00.120Z"}}"#
        );
        assert_eq!(frame.payload(), envelope);
        assert_eq!(frame.native().as_str(), format!(r#"{{"event":"course_generation_update","data":{envelope}}}"#));
        assert_eq!(
            &frame.sse()[..],
            format!("id: 17\nevent: course_generation_update\ndata: {envelope}\n\n").as_bytes()
        );
    }

    #[test]
    fn the_end_says_how_it_ended() {
        let course_id = "11111111-1111-4111-8111-111111111111";
        let completed = format!(r#"{{"courseId":"{course_id}"}}"#);
        for (kind, data, expected) in [
            (
                EventType::SessionCompleted,
                Some(completed.as_str()),
                format!(r#"{{"success":true,"courseId":"{course_id}","sessionId":"{SESSION}","offset":17}}"#),
            ),
            (EventType::SessionCompleted, None, format!(r#"{{"success":true,"sessionId":"{SESSION}","offset":17}}"#)),
            (
                EventType::SessionFailed,
                Some(r#"{"error":"no model"}"#),
                format!(r#"{{"success":false,"error":"no model","sessionId":"{SESSION}","offset":17}}"#),
            ),
            (
                EventType::SessionFailed,
                None,
                format!(r#"{{"success":false,"error":"Over","sessionId":"{SESSION}","offset":17}}"#),
            ),
            (
                EventType::SessionCancelled,
                None,
                format!(r#"{{"success":false,"error":"Over","sessionId":"{SESSION}","offset":17,"cancelled":true}}"#),
            ),
        ] {
            let frame = frame(kind, "Over", data);
            assert_eq!(frame.payload(), expected);
            assert_eq!(frame.name(), "course_generation_complete");
        }
    }

    #[test]
    fn line_breaks_in_data_do_not_end_a_server_sent_event() {
        for data in ["{\n\t\"a\": 1\r\n}", "[1,\r\r2]", "{\"a\":\n\n\nnull}"] {
            let frame = frame(EventType::Log, "x", Some(data));
            let text = std::str::from_utf8(frame.sse()).unwrap();
            // WHATWG HTML, section 9.2.6: lines end with CR, LF or both; an empty one ends the event.
            assert_eq!(text.find("\n\n"), Some(text.len() - 2), "{text:?}");
            assert!(!text.contains('\r'), "{text:?}");
            let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            let sent: Value = serde_json::from_str(&data.join("\n")).unwrap();
            assert_eq!(sent, serde_json::from_str::<Value>(frame.payload()).unwrap());
        }
    }
}
