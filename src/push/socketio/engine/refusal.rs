//! The protocol's error codes.

use poem::{
    IntoResponse, Response,
    http::{StatusCode, header},
};

/// Why a request is refused: the codes of the reference server, which clients show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TransportUnknown,
    SessionUnknown,
    HandshakeMethod,
    BadRequest,
    ProtocolVersion,
    /// No code of theirs: the body is larger than the handshake allows.
    TooLarge,
    /// No code of theirs: the node shuts down, others may not.
    ShuttingDown,
}

impl Refusal {
    const fn code(self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::SessionUnknown => 1,
            Self::HandshakeMethod => 2,
            Self::BadRequest | Self::TooLarge | Self::ShuttingDown => 3,
            Self::ProtocolVersion => 5,
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::TransportUnknown => "Transport unknown",
            Self::SessionUnknown => "Session ID unknown",
            Self::HandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::ProtocolVersion => "Unsupported protocol version",
            Self::TooLarge => "Payload too large",
            Self::ShuttingDown => "Shutting down",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::TransportUnknown
            | Self::SessionUnknown
            | Self::HandshakeMethod
            | Self::BadRequest
            | Self::ProtocolVersion => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"code": self.code(), "message": self.message()});
        Response::builder()
            .status(self.status())
            .content_type("application/json")
            .header(header::CACHE_CONTROL, "no-store")
            .body(body.to_string())
    }
}
