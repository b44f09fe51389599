//! RFC 9457 problem details: what an HTTP error looks like.

use poem_openapi::{Object, Tags};
use serde::Serialize;

use super::ErrorCode;

/// An error, as `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, Serialize, Object)]
pub struct Problem {
    /// Names the kind of problem: `urn:coursestream:problem:` and the code.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What was wrong with this request: the field and the rule, where there is one.
    pub detail: String,
    /// The code, the same as real-time events carry.
    pub code: String,
}

impl Problem {
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:coursestream:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str().to_owned(),
        }
    }
}

/// The chapters of the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// Start a run, look after it, stop it: the paths that existing clients use.
    Generation,
    /// Sessions and their logs, live and from the history.
    Sessions,
    /// Courses that runs have saved.
    Courses,
    /// Exports, seals and their verification.
    Audit,
    /// Whether this node is well.
    Health,
}
