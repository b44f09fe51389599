//! Payloads that clients send: `join_session`, `leave_session` and `authenticate`, as a bare text or an object.

use serde_json::Value;

use crate::event::{Offset, SessionId};

/// A payload that is not of its event's form, in words for whoever wrote the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PayloadError(pub String);

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
            Some(value) => Some(Offset::new(
                value
                    .as_u64()
                    .ok_or_else(|| PayloadError("lastSeenOffset: must be a whole number from 0".to_owned()))?,
            )),
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

/// `authenticate`.
#[derive(Clone, PartialEq, Eq)]
pub struct Authenticate {
    pub token: String,
}

impl Authenticate {
    /// # Errors
    ///
    /// Where the payload is neither a token nor an object with one.
    pub fn parse(payload: &Value) -> Result<Self, PayloadError> {
        let token = payload.as_str().or_else(|| payload.get("token")?.as_str());
        let token = token.ok_or_else(|| PayloadError("token: must be a string".to_owned()))?;
        Ok(Self { token: token.to_owned() })
    }
}

fn session_id(payload: &Value) -> Result<SessionId, PayloadError> {
    let text = match payload {
        Value::String(text) => text,
        Value::Object(fields) => match fields.get("sessionId") {
            Some(Value::String(text)) => text,
            _ => return Err(PayloadError("sessionId: must be a string".to_owned())),
        },
        _ => return Err(PayloadError("the payload must be a session id or an object with sessionId".to_owned())),
    };
    text.parse().map_err(|_| PayloadError("sessionId: must be a UUID".to_owned()))
}
