//! One HTTP exchange with the model server: within its deadline, bounded in size, and with every failure named. Knows nothing of
//! what is asked or answered.

use std::{error::Error, time::Duration};

use chrono::Utc;
use reqwest::{
    Client, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    OpenAiSetupError,
    json::{error_message, one_line},
    retry_after::retry_after,
};

/// Far beyond any lesson; what is larger is not an answer.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why one exchange came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// An answer other than 2xx.
    Status {
        status: u16,
        /// The server's own words, safe to show.
        detail: String,
        /// The whole body in lower case, to be searched and never shown.
        body: String,
        retry_after: Option<Duration>,
    },
    /// No connection, or none that lasted until the answer had begun.
    Unreachable(String),
    /// The answer broke off.
    Cut(String),
    TooLarge,
    TimedOut {
        seconds: u64,
    },
}

pub(super) struct Transport {
    client: Client,
    api_key: Option<SecretString>,
    call_timeout: Duration,
}

impl Transport {
    pub(super) fn new(api_key: Option<SecretString>, call_timeout: Duration) -> Result<Self, OpenAiSetupError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &api_key {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
                .map_err(|_| OpenAiSetupError::ApiKey)?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        install_tls();
        let client = Client::builder()
            .user_agent(concat!("coursestream/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT.min(call_timeout))
            // A redirected POST would carry the prompt to a host that nobody configured.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(OpenAiSetupError::Client)?;
        Ok(Self { client, api_key, call_timeout })
    }

    /// The body of a 2xx answer.
    pub(super) async fn post(&self, url: &Url, body: bytes::Bytes) -> Result<Vec<u8>, Failure> {
        let exchange = async {
            let request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
            let response = request.send().await.map_err(|error| Failure::Unreachable(cause_of(error)))?;
            if response.status().is_success() {
                return read_bounded(response).await;
            }
            let status = response.status().as_u16();
            let retry_after = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, Utc::now()));
            // The status says enough where the body cannot be read.
            let body = read_bounded(response).await.unwrap_or_default();
            let body = String::from_utf8_lossy(&body);
            let detail = error_message(&self.without_key(&body));
            Err(Failure::Status { status, detail, body: body.to_lowercase(), retry_after })
        };
        tokio::time::timeout(self.call_timeout, exchange)
            .await
            .unwrap_or(Err(Failure::TimedOut { seconds: self.call_timeout.as_secs().max(1) }))
    }

    /// Some servers repeat the key in their refusal.
    pub(super) fn without_key(&self, text: &str) -> String {
        match &self.api_key {
            Some(key) => text.replace(key.expose_secret(), "[key]"),
            None => text.to_owned(),
        }
    }
}

/// reqwest brings no cryptography of its own here, and panics without one. That another one is installed already is fine.
fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

async fn read_bounded(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::Cut(cause_of(error)))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The innermost cause in one line: "connection refused" says more than reqwest's own words, which name the URL.
fn cause_of(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    one_line(&cause.to_string())
}
