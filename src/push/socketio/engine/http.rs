//! The path's requests: which of them mean what.

use poem::{Endpoint, IntoResponse, Request, Response, endpoint::make, http::Method};
use serde::Deserialize;

use super::{Engine, polling, refusal::Refusal, websocket};
use crate::push;

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
