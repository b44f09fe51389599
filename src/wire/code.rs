//! Error codes, the same in real-time events and in HTTP answers.

use std::fmt;

use poem_openapi::Enum;

/// Why a client was refused. The eight that real-time events carry, and those that only HTTP knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ErrorCode {
    BadRequest,
    Unauthorized,
    Forbidden,
    SessionNotFound,
    SessionExpired,
    OffsetAhead,
    TooManySessions,
    Internal,
    // HTTP only, as are all below.
    NotFound,
    MethodNotAllowed,
    NotSealed,
    SessionEnded,
    IdempotencyKeyReused,
    ProducerSeqReused,
    PayloadTooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    Unavailable,
}

/// What a client waits, in seconds, before it asks again for what was not to be had.
const RETRY_AFTER_SECONDS: u32 = 5;

impl ErrorCode {
    pub const ALL: [Self; 18] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::SessionNotFound,
        Self::SessionExpired,
        Self::OffsetAhead,
        Self::TooManySessions,
        Self::Internal,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotSealed,
        Self::SessionEnded,
        Self::IdempotencyKeyReused,
        Self::ProducerSeqReused,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::Unavailable,
    ];

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
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotSealed => "not_sealed",
            Self::SessionEnded => "session_ended",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::ProducerSeqReused => "producer_seq_reused",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::TooManyRequests => "too_many_requests",
            Self::Unavailable => "unavailable",
        }
    }

    /// The kind of problem in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "The request is not valid",
            Self::Unauthorized => "A valid key is needed",
            Self::Forbidden => "Not allowed",
            Self::SessionNotFound => "No such session",
            Self::SessionExpired => "The session has expired",
            Self::OffsetAhead => "The offset is beyond the end of the log",
            Self::TooManySessions => "Too many sessions on one connection",
            Self::Internal => "Something went wrong here",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "The path does not take this method",
            Self::NotSealed => "The session has no seal yet",
            Self::SessionEnded => "The session has ended",
            Self::IdempotencyKeyReused => "The Idempotency-Key was used before",
            Self::ProducerSeqReused => "The Producer-Seq was used before",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body is of a type that is not read here",
            Self::TooManyRequests => "Too much at once",
            Self::Unavailable => "Try again later",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::OffsetAhead => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::SessionNotFound | Self::NotFound | Self::NotSealed => 404,
            Self::MethodNotAllowed => 405,
            Self::SessionEnded => 409,
            Self::SessionExpired => 410,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::IdempotencyKeyReused | Self::ProducerSeqReused => 422,
            Self::TooManySessions | Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// `Retry-After` of the HTTP answer, in seconds.
    #[must_use]
    pub const fn retry_after(self) -> Option<u32> {
        if matches!(self.status(), 429 | 503) { Some(RETRY_AFTER_SECONDS) } else { None }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Internal | Self::Unavailable | Self::TooManySessions | Self::TooManyRequests => true,
            Self::BadRequest
            | Self::Unauthorized
            | Self::Forbidden
            | Self::SessionNotFound
            | Self::SessionExpired
            | Self::OffsetAhead
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::NotSealed
            | Self::SessionEnded
            | Self::IdempotencyKeyReused
            | Self::ProducerSeqReused
            | Self::PayloadTooLarge
            | Self::UnsupportedMediaType => false,
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
    use poem_openapi::types::ToJSON;

    use super::*;

    #[test]
    fn the_document_has_the_words_that_are_sent() {
        for code in ErrorCode::ALL {
            assert_eq!(code.to_json(), Some(code.as_str().into()));
        }
    }
}
