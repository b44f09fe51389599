//! The path's requests: which of them mean what, and the protocol's error codes for the others.

use poem::{
    Endpoint, IntoResponse, Request, Response,
    endpoint::make,
    http::{Method, StatusCode, header},
};
use serde::Deserialize;

use super::{Engine, polling, websocket};
use crate::push;

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

#[derive(Deserialize)]
struct Query {
    transport: Option<String>,
    #[serde(rename = "EIO")]
    version: Option<String>,
    sid: Option<String>,
}

impl Engine {
    /// Answers every request of the path, whatever its method.
    #[must_use]
    pub fn endpoint(&self) -> impl Endpoint + use<> {
        let engine = self.clone();
        make(move |request| {
            let engine = engine.clone();
            async move { engine.handle(request).await.unwrap_or_else(IntoResponse::into_response) }
        })
    }

    /// In the order in which the reference server looks: transport, session, method, version.
    async fn handle(&self, mut request: Request) -> Result<Response, Refusal> {
        let query: Query = request.params().map_err(|_| Refusal::BadRequest)?;
        let is_websocket = match query.transport.as_deref() {
            Some("polling") => false,
            Some("websocket") => true,
            _ => return Err(Refusal::TransportUnknown),
        };
        let session = match query.sid {
            Some(sid) => Some(self.find(&sid).ok_or(Refusal::SessionUnknown)?),
            None if request.method() != Method::GET => return Err(Refusal::HandshakeMethod),
            None => None,
        };
        if query.version.as_deref() != Some("4") {
            return Err(Refusal::ProtocolVersion);
        }
        if self.shared.shutdown.is_cancelled() {
            return Err(Refusal::ShuttingDown);
        }
        if is_websocket {
            return websocket::upgrade(self, &request, session);
        }
        match (request.method(), session) {
            (&Method::GET, None) => Ok(polling::open(self, push::caller(&request).address)),
            (&Method::GET, Some(session)) => polling::poll(&session).await,
            (&Method::POST, Some(session)) => polling::post(&session, request.take_body(), self.options()).await,
            (_, _) => Err(Refusal::BadRequest),
        }
    }
}
