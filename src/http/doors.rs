//! What every request passes before anything else looks at it: how much its address asks for, whose it is, how much he asks
//! for.
//!
//! Everything below `/api/` and the metrics are for callers who are known; where the service is open, everybody is. So an
//! endpoint that forgets to ask is closed, not open. What [`Identity`](crate::wire::Identity) then may do is for the
//! endpoint to ask, with the thing that it found.

use std::{net::IpAddr, sync::Arc};

use chrono::Utc;
use poem::{
    Addr, Endpoint, IntoResponse, Request, Response,
    http::{HeaderValue, Method, header},
};

use super::errors;
use crate::{
    auth::{Auth, AuthError, Caller, Granted, bearer, ticket::Tickets},
    event::SessionId,
    limits::{Busy, Held, Limits, Source},
    wire::{ErrorCode, Problem},
};

/// The doors of a node. Cheap to clone.
#[derive(Clone)]
pub struct Doors {
    pub auth: Auth,
    pub limits: Limits,
    pub tickets: Tickets,
    pub source: Source,
}

/// Why a request goes no further.
pub(super) enum Shut {
    Auth(AuthError),
    Busy(Busy),
}

impl From<AuthError> for Shut {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<Busy> for Shut {
    fn from(busy: Busy) -> Self {
        Self::Busy(busy)
    }
}

pub(super) async fn guard<E: Endpoint>(next: Arc<E>, mut request: Request, doors: Doors) -> poem::Result<Response> {
    match doors.ask(&mut request).await {
        Ok(()) => next.call(request).await.map(IntoResponse::into_response),
        Err(shut) => Ok(answer(&request, shut)),
    }
}

impl Doors {
    async fn ask(&self, request: &mut Request) -> Result<(), Shut> {
        let address = self.address(request);
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
        request.extensions_mut().insert(Caller { address, granted });
        Ok(())
    }

    fn address(&self, request: &Request) -> IpAddr {
        let peer = match &request.remote_addr().0 {
            Addr::SocketAddr(address) => address.ip(),
            Addr::Unix(_) | Addr::Custom(..) => IpAddr::from([127, 0, 0, 1]),
        };
        let forwarded_for = request.headers().get_all("x-forwarded-for").iter();
        let forwarded_for: Vec<&str> = forwarded_for.filter_map(|value| value.to_str().ok()).collect();
        self.source.client(peer, forwarded_for.into_iter())
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

/// In the form of the path that was asked for.
pub(super) fn answer(request: &Request, shut: Shut) -> Response {
    let (problem, name, value) = match shut {
        Shut::Auth(AuthError::Unavailable) => {
            let problem = Problem::new(ErrorCode::Unavailable, AuthError::Unavailable.to_string());
            (problem, header::RETRY_AFTER, HeaderValue::from_static("5"))
        }
        Shut::Auth(error @ (AuthError::Missing | AuthError::Invalid | AuthError::Expired)) => {
            let challenge = match error {
                AuthError::Missing => "Bearer realm=\"coursestream\"",
                _ => "Bearer realm=\"coursestream\", error=\"invalid_token\"",
            };
            let problem = Problem::new(ErrorCode::Unauthorized, format!("Authorization: {error}"));
            (problem, header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        }
        Shut::Busy(busy) => {
            let problem = Problem::new(ErrorCode::TooManyRequests, busy.to_string());
            (problem, header::RETRY_AFTER, HeaderValue::from(busy.retry_after_seconds()))
        }
    };
    let mut response = errors::answer(request, &problem);
    response.headers_mut().insert(name, value);
    response
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
