//! Timestamps as the event envelope has them: poem-openapi's own would say `+00:00`, and drop milliseconds that are zero.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::event::format_timestamp;

/// For `serialize_with`.
#[allow(clippy::unnecessary_wraps, reason = "poem-openapi asks for this form")]
pub(super) fn millis(timestamp: &DateTime<Utc>) -> Option<Value> {
    Some(format_timestamp(*timestamp).into())
}

/// The same where there may be none.
pub(super) fn millis_if_any(timestamp: &Option<DateTime<Utc>>) -> Option<Value> {
    timestamp.as_ref().and_then(millis)
}
