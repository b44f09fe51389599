//! The HTTP calls of the client commands. Every one of them may be made twice: a GET, or a start with an idempotency key.
//! So each is tried again, with jittered backoff, where no answer came or the server said that it cannot serve now.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, RETRY_AFTER},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::address::ServerAddress;
use crate::event::{Event, Offset, SessionId};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A server may ask for more patience than a person at a terminal has.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

pub struct Api {
    http: reqwest::Client,
    server: ServerAddress,
    backoff: ExponentialBuilder,
}

/// The body that starts a run.
#[derive(Clone, Debug, Serialize)]
pub struct RunRequest {
    pub course_topic: String,
    pub search_web: bool,
    pub user_id: Uuid,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventsPage {
    pub items: Vec<Event>,
    /// Where the next page starts; absent on the last one.
    #[serde(default)]
    pub next_after: Option<Offset>,
}

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("no answer from {server}")]
    NoAnswer { server: String, source: reqwest::Error },
    /// `message` is the server's own where it gave one.
    #[error("{message} (HTTP {})", status.as_u16())]
    Refused { status: StatusCode, message: String, retry_after: Option<Duration> },
    #[error("unreadable answer from {server}: is it a coursestream server?")]
    Unreadable { server: String, source: serde_json::Error },
}

impl ApiError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoAnswer { source, .. } => !source.is_builder(),
            Self::Refused { status, .. } => matches!(
                *status,
                StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            Self::Unreadable { .. } => false,
        }
    }

    /// The next wait: what the server asked for, but never less than the backoff's own. `None` where no attempt is left.
    fn wait(&self, backoff: Option<Duration>) -> Option<Duration> {
        let asked = match self {
            Self::Refused { retry_after: Some(asked), .. } => (*asked).min(RETRY_AFTER_MAX),
            _ => Duration::ZERO,
        };
        backoff.map(|backoff| backoff.max(asked))
    }
}

impl Api {
    /// With a wait of `backoff_min` before the second attempt of a call.
    ///
    /// # Errors
    ///
    /// Where the HTTP client cannot be built: the system's TLS roots are unusable.
    pub fn new(server: ServerAddress, backoff_min: Duration) -> reqwest::Result<Self> {
        // reqwest is built without a crypto provider of its own. The error says that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let headers = server.authorization().map(|token| (AUTHORIZATION, token)).into_iter().collect();
        let http = reqwest::Client::builder().default_headers(headers);
        let http = http.connect_timeout(CONNECT_WITHIN).timeout(ANSWER_WITHIN).build()?;
        let backoff = ExponentialBuilder::new()
            .with_min_delay(backoff_min)
            .with_max_delay(Duration::from_secs(10).max(backoff_min))
            .with_max_times(5)
            .with_jitter();
        Ok(Self { http, server, backoff })
    }

    #[must_use]
    pub const fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// Starts a run, or finds the one that an earlier attempt with the same key started. `on_retry` is told of each wait.
    ///
    /// # Errors
    ///
    /// Where the server refuses the run, or does not answer to any attempt.
    pub async fn start_run(
        &self,
        request: &RunRequest,
        idempotency_key: Uuid,
        on_retry: impl FnMut(&ApiError, Duration),
    ) -> Result<SessionId, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Started {
            session_id: SessionId,
        }
        let build = || {
            self.http.post(self.server.generate()).header("Idempotency-Key", idempotency_key.to_string()).json(request)
        };
        self.call::<Started>(build, on_retry).await.map(|started| started.session_id)
    }

    /// At most `limit` events of a session after `after`; works for expired sessions too.
    ///
    /// # Errors
    ///
    /// Where the server refuses, or does not answer to any attempt.
    pub async fn events(&self, session: SessionId, after: Offset, limit: usize) -> Result<EventsPage, ApiError> {
        self.call(|| self.http.get(self.server.events(session, after, limit)), |_, _| ()).await
    }

    /// The NDJSON of a session's log after `after`, as it arrives. Not tried again, and not bounded in time: both are for whoever
    /// reads it.
    ///
    /// # Errors
    ///
    /// Where the server refuses, or does not answer.
    pub async fn export(&self, session: SessionId, after: Offset) -> Result<Response, ApiError> {
        let no_answer = |source| ApiError::NoAnswer { server: self.server.to_string(), source };
        let request = self.http.get(self.server.export(session, after)).timeout(Duration::MAX);
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = retry_after(response.headers(), Utc::now());
        let body = response.bytes().await.map_err(no_answer)?;
        Err(ApiError::Refused { status, message: refusal(status, &body), retry_after })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        build: impl Fn() -> RequestBuilder,
        on_retry: impl FnMut(&ApiError, Duration),
    ) -> Result<T, ApiError> {
        (|| self.attempt(build()))
            .retry(self.backoff)
            .when(ApiError::is_passing)
            .adjust(ApiError::wait)
            .notify(on_retry)
            .await
    }

    async fn attempt<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let no_answer = |source| ApiError::NoAnswer { server: self.server.to_string(), source };
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let retry_after = retry_after(response.headers(), Utc::now());
        let body = response.bytes().await.map_err(no_answer)?;
        if !status.is_success() {
            return Err(ApiError::Refused { status, message: refusal(status, &body), retry_after });
        }
        serde_json::from_slice(&body).map_err(|source| ApiError::Unreadable { server: self.server.to_string(), source })
    }
}

/// What the server says about its refusal: the drop-in endpoints' `error`, or an RFC 9457 problem's `detail` or `title`.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        error: Option<String>,
        detail: Option<String>,
        title: Option<String>,
    }
    serde_json::from_slice::<Refusal>(body)
        .ok()
        .and_then(|refusal| refusal.error.or(refusal.detail).or(refusal.title))
        .unwrap_or_else(|| status.canonical_reason().unwrap_or("refused").to_owned())
}

/// `Retry-After`, in either of the forms of RFC 9110, section 10.2.3: seconds or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = DateTime::parse_from_rfc3339("2026-01-31T12:00:00Z").unwrap().to_utc();
        for (value, expected) in [
            ("7", Some(7)),
            ("Sat, 31 Jan 2026 12:00:30 GMT", Some(30)),
            ("Sat, 31 Jan 2026 11:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn the_wait_is_the_longer_of_the_two_and_bounded() {
        let refused = |seconds| ApiError::Refused {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: String::new(),
            retry_after: Some(Duration::from_secs(seconds)),
        };
        let second = Duration::from_secs(1);
        assert_eq!(refused(0).wait(Some(second)), Some(second));
        assert_eq!(refused(5).wait(Some(second)), Some(5 * second));
        assert_eq!(refused(86_400).wait(Some(second)), Some(RETRY_AFTER_MAX));
        assert_eq!(refused(5).wait(None), None);
    }

    #[test]
    fn a_refusal_speaks_with_the_servers_words() {
        let says = |body: &str| refusal(StatusCode::BAD_REQUEST, body.as_bytes());
        assert_eq!(says(r#"{"success":false,"error":"course_topic is empty"}"#), "course_topic is empty");
        assert_eq!(says(r#"{"title":"Bad Request","detail":"limit is above 500"}"#), "limit is above 500");
        assert_eq!(says("<html>"), "Bad Request");
    }
}
