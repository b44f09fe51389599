//! What every request passes before anything else looks at it: how much its address asks for, whose it is, how much he asks
//! for.
//!
//! Everything below `/api/` and the metrics are for callers who are known; where the service is open, everybody is. An
//! endpoint that forgets to ask what its caller may is closed, not open: its answer stays here. What [`Identity`](crate::wire::Identity) then may do is for the
//! endpoint to ask, with the thing that it found.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use chrono::Utc;
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{Method, header},
};

use super::{TrustedProxies, errors, trail};
use crate::{
    auth::{Asked, Auth, AuthError, Caller, Granted, bearer, ticket::Tickets},
    event::SessionId,
    limits::{Held, Limits},
    wire::{ErrorCode, Problem},
};

/// The doors of a node. Cheap to clone.
#[derive(Clone)]
pub struct Doors {
    pub auth: Auth,
    pub limits: Limits,
    pub tickets: Tickets,
    pub proxies: TrustedProxies,
}

pub(super) async fn guard<E: Endpoint>(next: Arc<E>, mut request: Request, doors: Doors) -> poem::Result<Response> {
    let asked = match doors.ask(&mut request).await {
        Ok(asked) => asked,
        Err(problem) => return Ok(errors::answer(&request, &problem)),
    };
    let is_watched = is_guarded(request.uri().path()) && !doors.auth.is_open();
    let uri = request.uri().clone();
    let response = next.call(request).await.map(IntoResponse::into_response)?;
    if is_watched && response.status().is_success() && !asked.is_noted() {
        tracing::error!(path = uri.path(), "an endpoint answers without having asked who may");
        let problem = Problem::new(ErrorCode::Forbidden, "nobody may do that yet");
        return Ok(errors::respond(uri.path(), &problem));
    }
    Ok(response)
}

impl Doors {
    async fn ask(&self, request: &mut Request) -> Result<Asked, Problem> {
        let address = self.proxies.client(request).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        if request.extensions().get::<Arc<Held>>().is_none() {
            // Through a proxy: a connection of the proxy's is nobody's, its requests are their clients'.
            let held = self.limits.connection_from(address)?;
            request.extensions_mut().insert(Arc::new(held));
        }
        self.limits.request_from(address)?;
        let granted = self.granted(request).await?;
        match &granted {
            Some(granted) => self.limits.request_of(&granted.principal)?,
            None if is_guarded(request.uri().path()) => return Err(AuthError::Missing.into()),
            None => {}
        }
        if let Some(Granted { principal, .. }) = granted.as_ref().filter(|_| !self.auth.is_open()) {
            request.extensions_mut().insert(trail::Principal(principal.to_string()));
        }
        let asked = Asked::default();
        request.extensions_mut().insert(Caller { address, granted, asked: asked.clone() });
        Ok(asked)
    }

    /// Who asks. A token that is there has to be right, also where none is needed.
    async fn granted(&self, request: &Request) -> Result<Option<Granted>, AuthError> {
        if self.auth.is_open() {
            return self.auth.anonymous().map(Some);
        }
        if let Some(header) = request.headers().get(header::AUTHORIZATION) {
            let token = header.to_str().ok().and_then(bearer::parse).ok_or(AuthError::Invalid)?;
            return self.auth.authenticate(token).await.map(Some);
        }
        match ticket_of(request) {
            Some((session_id, ticket)) => {
                let granted = self.tickets.redeem(&ticket, session_id, Utc::now())?;
                // Bought with a key that was revoked since.
                if self.auth.still_holds(&granted.principal) { Ok(Some(granted)) } else { Err(AuthError::Invalid) }
            }
            None => Ok(None),
        }
    }
}

/// Whether a path is for callers who are known.
fn is_guarded(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics" || path.starts_with("/metrics/")
}

/// The ticket of a request for a session's stream: the one thing that tickets open.
fn ticket_of(request: &Request) -> Option<(SessionId, String)> {
    #[derive(serde::Deserialize)]
    struct Query {
        ticket: String,
    }
    let session = request.uri().path().strip_prefix("/api/v1/sessions/")?.strip_suffix("/stream")?;
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    let Query { ticket } = request.params().ok().filter(|_| is_read)?;
    Some((session.parse().ok()?, ticket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_somebody_is_guarded() {
        for path in ["/api/v1/sessions", "/api/v1/anything/new", "/metrics", "/metrics/"] {
            assert!(is_guarded(path), "{path}");
        }
        for path in ["/", "/health/live", "/health/ready", "/docs", "/openapi.json", "/assets/x.js", "/ws"] {
            assert!(!is_guarded(path), "{path}");
        }
    }

    #[test]
    fn a_ticket_is_for_a_stream_alone() {
        let session = "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60";
        let ticket = |path: String| {
            let request = Request::builder().uri(path.parse().unwrap()).finish();
            ticket_of(&request).map(|(session_id, ticket)| (session_id.to_string(), ticket))
        };
        let found = ticket(format!("/api/v1/sessions/{session}/stream?lastSeenOffset=1&ticket=abc"));
        assert_eq!(found, Some((session.to_owned(), "abc".to_owned())));
        for path in ["events?ticket=abc", "stream", "?ticket=abc"] {
            assert_eq!(ticket(format!("/api/v1/sessions/{session}/{path}")), None, "{path}");
        }
    }
}
