//! Payloads that clients send: `join_session` and `leave_session`, as a bare id or an object.

use serde_json::Value;

use super::{ErrorCode, ServerEvent};
use crate::event::{Offset, SessionId};

/// A payload that is not of its event's form, in words for whoever wrote the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct PayloadError {
    /// The session that it is about, where that can be told.
    pub session_id: Option<SessionId>,
    pub rule: String,
}

impl PayloadError {
    fn new(rule: &str) -> Self {
        Self { session_id: None, rule: rule.to_owned() }
    }
}

impl From<PayloadError> for ServerEvent {
    fn from(error: PayloadError) -> Self {
        Self::Error { session_id: error.session_id, code: ErrorCode::BadRequest, message: error.rule }
    }
}

/// `join_session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    pub session_id: SessionId,
    /// `None` where the client named no offset: from the start, or where an earlier join of this connection stands.
    pub last_seen: Option<Offset>,
}

impl Join {
    /// # Errors
    ///
    /// Where the payload is neither an id nor an object with one, or its offset is not a whole number from 0.
    pub fn parse(payload: &Value) -> Result<Self, PayloadError> {
        let session_id = session_id(payload)?;
        let last_seen = match payload.get("lastSeenOffset") {
            None | Some(Value::Null) => None,
            Some(value) => Some(offset(value).ok_or_else(|| PayloadError {
                session_id: Some(session_id),
                ..PayloadError::new("lastSeenOffset: must be a whole number from 0")
            })?),
        };
        Ok(Self { session_id, last_seen })
    }
}

/// `leave_session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    pub session_id: SessionId,
}

impl Leave {
    /// # Errors
    ///
    /// Where the payload is neither an id nor an object with one.
    pub fn parse(payload: &Value) -> Result<Self, PayloadError> {
        Ok(Self { session_id: session_id(payload)? })
    }
}

/// Numbers that no log reaches are one number.
fn offset(value: &Value) -> Option<Offset> {
    let beyond = || value.as_f64().filter(|number| *number >= u64::MAX as f64).map(|_| u64::MAX);
    value.as_u64().or_else(beyond).map(Offset::new)
}

fn session_id(payload: &Value) -> Result<SessionId, PayloadError> {
    let text = match payload {
        Value::String(text) => text,
        Value::Object(fields) => match fields.get("sessionId") {
            Some(Value::String(text)) => text,
            _ => return Err(PayloadError::new("sessionId: must be a string")),
        },
        _ => return Err(PayloadError::new("the payload must be a session id or an object with sessionId")),
    };
    text.parse().map_err(|_| PayloadError::new("sessionId: must be a UUID"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SESSION: &str = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";

    fn join(offset: &str) -> Result<Option<u64>, PayloadError> {
        let payload: Value =
            serde_json::from_str(&format!(r#"{{"sessionId":"{SESSION}","lastSeenOffset":{offset}}}"#)).unwrap();
        Join::parse(&payload).map(|join| join.last_seen.map(Offset::get))
    }

    #[test]
    fn an_offset_beyond_every_log_is_an_offset() {
        for (text, offset) in
            [("0", 0), ("18446744073709551615", u64::MAX), ("18446744073709551616", u64::MAX), ("1e30", u64::MAX)]
        {
            assert_eq!(join(text), Ok(Some(offset)), "{text}");
        }
        assert_eq!(join("null"), Ok(None));
    }

    #[test]
    fn what_is_wrong_with_an_offset_is_said_of_its_session() {
        for text in ["-1", "1.5", "\"1\"", "[]", "-1e30"] {
            let error = join(text).unwrap_err();
            assert_eq!(error.session_id, Some(SESSION.parse().unwrap()), "{text}");
            assert!(error.rule.starts_with("lastSeenOffset: "), "{text}");
        }
        assert_eq!(Join::parse(&json!(7)).unwrap_err().session_id, None);
    }
}
