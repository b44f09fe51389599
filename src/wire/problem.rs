//! RFC 9457 problem details: what an HTTP error looks like.

use poem_openapi::{Object, Tags, types::Example};

use super::ErrorCode;
use crate::{auth::AuthError, limits::Busy};

/// An error, as `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct Problem {
    /// Names the kind of problem: `urn:coursestream:problem:` and the code.
    #[oai(rename = "type", validator(pattern = "^urn:coursestream:problem:[a-z_]+$"))]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What was wrong with this request: the field and the rule, where there is one.
    pub detail: String,
    /// The code, the same as real-time events carry.
    pub code: ErrorCode,
    /// Seconds after which the same request may succeed: the answer's `Retry-After`.
    #[oai(skip)]
    pub retry_after: Option<u32>,
}

impl Problem {
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: Self::kind_of(code),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
            retry_after: code.retry_after(),
        }
    }

    /// A request that is not valid: which field breaks which rule.
    #[must_use]
    pub fn bad(rule: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, rule)
    }

    /// A session that is not there, in the words of every endpoint.
    #[must_use]
    pub fn no_session() -> Self {
        Self::new(ErrorCode::SessionNotFound, "there is no such session")
    }

    pub(super) fn kind_of(code: ErrorCode) -> String {
        format!("urn:coursestream:problem:{code}")
    }
}

impl Example for Problem {
    fn example() -> Self {
        Self::bad("limit: must be at most 200")
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let code = match error {
            AuthError::Unavailable => ErrorCode::Unavailable,
            AuthError::Missing | AuthError::Invalid | AuthError::Expired => ErrorCode::Unauthorized,
        };
        Self::new(code, format!("Authorization: {error}"))
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        let retry_after = Some(busy.retry_after_seconds());
        Self { retry_after, ..Self::new(ErrorCode::TooManyRequests, busy.to_string()) }
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
    /// What happened, summed up.
    Analytics,
    /// Exports, seals and their verification; who read what, through the endpoints for auditors.
    Audit,
    /// Whether this node is well.
    Health,
}
