//! Why a connection is not opened.

use poem::{
    Response,
    http::{StatusCode, header},
};

use crate::{
    auth::AuthError,
    limits::Busy,
    wire::{ErrorCode, Problem},
};

#[derive(Debug)]
pub(super) enum Refusal {
    Auth(AuthError),
    Busy(Busy),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<Busy> for Refusal {
    fn from(busy: Busy) -> Self {
        Self::Busy(busy)
    }
}

impl Refusal {
    pub(super) fn respond(self) -> Response {
        let (code, detail) = match self {
            Self::Auth(AuthError::Unavailable) => (ErrorCode::Unavailable, AuthError::Unavailable.to_string()),
            Self::Auth(error) => (ErrorCode::Unauthorized, error.to_string()),
            Self::Busy(busy) => (ErrorCode::TooManyRequests, busy.to_string()),
        };
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = Response::builder().status(status).content_type("application/problem+json");
        let body = serde_json::to_string(&Problem::new(code, detail)).unwrap_or_default();
        match self {
            Self::Auth(AuthError::Unavailable) => response.header(header::RETRY_AFTER, 5),
            Self::Auth(_) => response.header(header::WWW_AUTHENTICATE, "Bearer realm=\"coursestream\""),
            Self::Busy(busy) => response.header(header::RETRY_AFTER, busy.retry_after_seconds()),
        }
        .body(body)
    }
}
