//! What a session's log is made of. Pure: no I/O, no clock.
//!
//! An [`Event`] is immutable once written. Its [`Offset`] is its position in its session: 1, 2, 3 … with no holes.
//! A [`Draft`] is an event that nobody has committed yet, so it has neither offset nor timestamp.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

/// One generation run and its log. A UUIDv7, so ids sort by the time at which their session was created;
/// the event table is partitioned on exactly that. Clients treat it as opaque.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Uuid);

impl SessionId {
    /// A fresh id, stamped with the current time.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SessionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

/// Position of an event in its session, counted from 1. [`Offset::ZERO`] is "before the first event".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(u64);

impl Offset {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }

    /// As Postgres keeps it.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        if self.0 > i64::MAX as u64 { i64::MAX } else { self.0 as i64 }
    }

    /// From a `bigint` column that a CHECK keeps non-negative.
    #[must_use]
    pub const fn from_i64(value: i64) -> Self {
        Self(if value < 0 { 0 } else { value as u64 })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The five StreamMessage types and the four lifecycle types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    Log,
    Progress,
    Success,
    Error,
    CourseGenerated,
    SessionStarted,
    SessionCompleted,
    SessionFailed,
    SessionCancelled,
}

impl EventType {
    pub const ALL: [Self; 9] = [
        Self::Log,
        Self::Progress,
        Self::Success,
        Self::Error,
        Self::CourseGenerated,
        Self::SessionStarted,
        Self::SessionCompleted,
        Self::SessionFailed,
        Self::SessionCancelled,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Progress => "progress",
            Self::Success => "success",
            Self::Error => "error",
            Self::CourseGenerated => "course_generated",
            Self::SessionStarted => "session_started",
            Self::SessionCompleted => "session_completed",
            Self::SessionFailed => "session_failed",
            Self::SessionCancelled => "session_cancelled",
        }
    }

    /// Nothing follows a terminal event.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::SessionCompleted | Self::SessionFailed | Self::SessionCancelled => true,
            Self::Log | Self::Progress | Self::Success | Self::Error | Self::CourseGenerated | Self::SessionStarted => {
                false
            }
        }
    }

    /// The five types that a producer may send; the lifecycle types are the service's own.
    #[must_use]
    pub const fn is_stream_message(self) -> bool {
        match self {
            Self::Log | Self::Progress | Self::Success | Self::Error | Self::CourseGenerated => true,
            Self::SessionStarted | Self::SessionCompleted | Self::SessionFailed | Self::SessionCancelled => false,
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no event type.
#[derive(Debug, thiserror::Error)]
#[error("unknown event type {0:?}")]
pub struct UnknownEventType(pub String);

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownEventType(text.to_owned()))
    }
}

/// One entry of a session's log. Serialises as the event envelope, the same on every transport, in exports
/// and in the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub session_id: SessionId,
    pub offset: Offset,
    #[serde(rename = "type")]
    pub kind: EventType,
    pub message: String,
    /// JSON text exactly as the writer gave it: it is checked once, when it comes in, and never parsed again on its way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Arc<RawValue>>,
    #[serde(serialize_with = "rfc3339_millis")]
    pub timestamp: DateTime<Utc>,
}

impl Event {
    /// The envelope on one line, without a line break at its end, as exports have it: the bytes of the wire, but for line breaks
    /// that a writer left between the tokens of its `data`. Each of those is a space here; inside a JSON string they are
    /// always escaped.
    ///
    /// # Panics
    ///
    /// Where the envelope does not serialise: it always does.
    #[must_use]
    pub fn line(&self) -> String {
        let line = serde_json::to_string(self).expect("envelopes serialise");
        if line.contains(['\n', '\r']) { line.replace(['\n', '\r'], " ") } else { line }
    }
}

/// RFC 3339, UTC, with milliseconds: `2026-01-31T12:00:00.123Z`.
#[must_use]
pub fn format_timestamp(timestamp: DateTime<Utc>) -> String {
    timestamp.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn rfc3339_millis<S: Serializer>(timestamp: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_timestamp(*timestamp))
}

/// An event before it is committed.
#[derive(Clone, Debug)]
pub struct Draft {
    pub kind: EventType,
    pub message: String,
    pub data: Option<Arc<RawValue>>,
}

impl Draft {
    #[must_use]
    pub fn new(kind: EventType, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), data: None }
    }

    /// With `data` serialised from a value of ours.
    ///
    /// # Panics
    ///
    /// Where `data` does not serialise: our own types always do.
    #[must_use]
    pub fn with_data(mut self, data: &impl Serialize) -> Self {
        let raw = serde_json::value::to_raw_value(data).expect("event data of our own types serialises");
        self.data = Some(raw.into());
        self
    }

    /// The event that this draft became.
    #[must_use]
    pub fn commit(self, session_id: SessionId, offset: Offset, timestamp: DateTime<Utc>) -> Event {
        Event { session_id, offset, kind: self.kind, message: self.message, data: self.data, timestamp }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn data_over_several_lines_stays_one_line() {
        let text = "{\"sessionId\":\"01991234-5678-7abc-8def-0123456789ab\",\"offset\":1,\"type\":\"log\",\"message\":\"a\\nb\",\
                    \"data\":{\n\"a\":\r\n\"x\\ny\"},\"timestamp\":\"2026-01-31T12:00:00.123Z\"}";
        let event: Event = serde_json::from_str(text).unwrap();
        let line = event.line();
        assert_eq!(line.lines().count(), 1);
        let envelope: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&envelope["message"], &envelope["data"]), (&json!("a\nb"), &json!({"a": "x\ny"})));
    }
}
