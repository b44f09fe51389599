//! What a server says on the native WebSocket, as text and as types, and the one frame that a follower says. Pure.
//!
//! Names and shapes are the wire contract's. Refuses to judge: whether a frame comes at the right time is for
//! [`super::position`] to say.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::{Event, Offset, SessionId};

/// The client's only frame: join `session` after `last_seen`.
#[must_use]
pub fn join_frame(session: SessionId, last_seen: Offset) -> String {
    serde_json::json!({
        "event": "join_session",
        "data": { "sessionId": session, "lastSeenOffset": last_seen },
    })
    .to_string()
}

#[derive(Clone, Debug)]
pub enum Frame {
    Status(StatusReport),
    Update(Event),
    Complete(Completion),
    Error(SessionError),
    /// A real-time event that this client does not know: a newer server may have more of them.
    Unknown(String),
}

/// The text is no frame of this protocol.
#[derive(Debug, thiserror::Error)]
#[error("unreadable frame: {0}")]
pub struct FrameError(#[from] serde_json::Error);

impl Frame {
    /// # Errors
    ///
    /// Where the text is no `{"event","data"}`, or the payload of a known event has not its shape.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            event: String,
            #[serde(borrow)]
            data: &'a RawValue,
        }
        let Envelope { event, data } = serde_json::from_str(text)?;
        let data = data.get();
        Ok(match event.as_str() {
            "session_status" => Self::Status(serde_json::from_str(data)?),
            "course_generation_update" => Self::Update(serde_json::from_str(data)?),
            "course_generation_complete" => Self::Complete(serde_json::from_str::<CompletePayload>(data)?.into()),
            "session_error" => Self::Error(serde_json::from_str(data)?),
            _ => Self::Unknown(event),
        })
    }
}

/// `session_status`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    pub session_id: SessionId,
    /// As the server spells it: a status that this client does not know is shown like any other.
    pub status: String,
    pub last_offset: Offset,
}

impl StatusReport {
    /// How the session ended, where this status says that it did.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.status.as_str() {
            "completed" => Some(Outcome::Completed { course_id: None }),
            "failed" => Some(Outcome::Failed { error: None }),
            "cancelled" => Some(Outcome::Cancelled { error: None }),
            _ => None,
        }
    }
}

/// `course_generation_complete`: the terminal event, which has no update of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    pub session_id: SessionId,
    pub offset: Offset,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Completed { course_id: Option<String> },
    Failed { error: Option<String> },
    Cancelled { error: Option<String> },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompletePayload {
    success: bool,
    session_id: SessionId,
    offset: Offset,
    course_id: Option<String>,
    error: Option<String>,
    #[serde(default)]
    cancelled: bool,
}

impl From<CompletePayload> for Completion {
    fn from(payload: CompletePayload) -> Self {
        let CompletePayload { success, session_id, offset, course_id, error, cancelled } = payload;
        let outcome = match (success, cancelled) {
            (true, _) => Outcome::Completed { course_id },
            (false, true) => Outcome::Cancelled { error },
            (false, false) => Outcome::Failed { error },
        };
        Self { session_id, offset, outcome }
    }
}

/// `session_error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Deserialize)]
#[serde(rename_all = "camelCase")]
#[error("{message} ({code})")]
pub struct SessionError {
    /// Absent where the server could not tell which session was meant.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    pub code: ErrorCode,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    BadRequest,
    Unauthorized,
    Forbidden,
    SessionNotFound,
    SessionExpired,
    OffsetAhead,
    TooManySessions,
    Internal,
    /// From a newer server.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// Whether the same join would earn the same answer however often it is made. A code that this client does not know
    /// is final: nothing says that asking again would help.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::BadRequest
            | Self::Unauthorized
            | Self::Forbidden
            | Self::SessionNotFound
            | Self::SessionExpired
            | Self::OffsetAhead
            | Self::Unknown => true,
            Self::TooManySessions | Self::Internal => false,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::SessionNotFound => "session_not_found",
            Self::SessionExpired => "session_expired",
            Self::OffsetAhead => "offset_ahead",
            Self::TooManySessions => "too_many_sessions",
            Self::Internal => "internal",
            Self::Unknown => "unknown error code",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::EventType;

    #[test]
    fn an_update_carries_its_envelope_untouched() {
        let session = SessionId::generate();
        let text = format!(
            r#"{{"event":"course_generation_update","data":{{"sessionId":"{session}","offset":3,"type":"progress",
               "message":"m","data":{{"done":1.50}},"timestamp":"2026-01-31T12:00:00.123Z"}}}}"#
        );
        let Ok(Frame::Update(event)) = Frame::parse(&text) else { panic!("no update: {text}") };
        assert_eq!((event.session_id, event.offset, event.kind), (session, Offset::new(3), EventType::Progress));
        assert_eq!(event.data.as_deref().map(RawValue::get), Some(r#"{"done":1.50}"#));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in ".*") {
            let _ = Frame::parse(&text);
        }
    }
}
