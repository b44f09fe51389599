//! Where a server is, who one is there, and the URL of each thing that the client commands ask it for.
//!
//! A server may sit below a path (`https://example.org/courses`): every URL keeps that prefix.

use std::{fmt, path::PathBuf, str::FromStr};

use reqwest::{Url, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::secret,
    event::{Offset, SessionId},
};

/// What `--server` means where neither the flag nor the environment names a server.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// The flag that every client command has.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerArg {
    /// Base URL of the server, http:// or https://
    #[arg(long, value_name = "URL", env = "COURSESTREAM_SERVER", default_value = DEFAULT_SERVER)]
    server: ServerAddress,

    /// A file with the token or API key to show to the server; or COURSESTREAM_TOKEN holds it
    #[arg(long, value_name = "FILE", env = "COURSESTREAM_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

impl ServerArg {
    /// The server, and what to show to it.
    ///
    /// # Errors
    ///
    /// Where the token's file cannot be read.
    pub fn resolve(self) -> anyhow::Result<ServerAddress> {
        let token = secret("COURSESTREAM_TOKEN", self.token_file.as_ref())?;
        Ok(self.server.with_token(token))
    }
}

/// The base URL of a server: `http` or `https`, with a host, and nothing after its path; and who one is there.
#[derive(Clone, Debug)]
pub struct ServerAddress {
    url: Url,
    token: Option<SecretString>,
}

/// The text is no address of a server.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("not a URL: {0}")]
    NotUrl(String),
    #[error("a server is reached over http:// or https://, not {0}://")]
    Scheme(String),
    #[error("a server's URL ends with its path: no query, no fragment")]
    Trailing,
}

impl ServerAddress {
    #[must_use]
    pub fn with_token(self, token: Option<SecretString>) -> Self {
        Self { token, ..self }
    }

    /// `Authorization`, where there is a token.
    #[must_use]
    pub fn authorization(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.token.as_ref()?.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The native WebSocket: `ws` for `http`, `wss` for `https`.
    #[must_use]
    pub fn websocket(&self) -> String {
        // Url refuses to change http into ws (one is special-cased by name), so the text is changed instead.
        let http = self.at("ws");
        http.strip_prefix("http").map(|rest| format!("ws{rest}")).unwrap_or(http)
    }

    #[must_use]
    pub fn generate(&self) -> String {
        self.at("api/v1/course-generation/generate")
    }

    /// At most `limit` events after `after`.
    #[must_use]
    pub fn events(&self, session: SessionId, after: Offset, limit: usize) -> String {
        self.at(&format!("api/v1/sessions/{session}/events?after={after}&limit={limit}"))
    }

    /// The log after `after` as NDJSON.
    #[must_use]
    pub fn export(&self, session: SessionId, after: Offset) -> String {
        self.at(&format!("api/v1/sessions/{session}/export?after={after}"))
    }

    #[must_use]
    pub fn course(&self, course_id: &str) -> String {
        self.at(&format!("api/v1/courses/{course_id}"))
    }

    /// The page that shows a session to a person.
    #[must_use]
    pub fn session_page(&self, session: SessionId) -> String {
        self.at(&format!("sessions/{session}"))
    }

    /// The command that shows a session's log, to be pasted into a shell.
    #[must_use]
    pub fn tail_command(&self, session: SessionId) -> String {
        let server = self.to_string();
        if server == DEFAULT_SERVER {
            return format!("coursestream tail {session}");
        }
        format!("coursestream tail {session} --server {server}")
    }

    fn at(&self, path: &str) -> String {
        format!("{self}/{path}")
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `localhost:8080` parses as a URL of the scheme `localhost`: the refusal names that scheme and the two expected ones.
        let url = Url::parse(text.trim()).map_err(|error| AddressError::NotUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Trailing);
        }
        Ok(Self { url, token: None })
    }
}

/// Without a trailing slash.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ServerAddress {
        text.parse().unwrap()
    }

    #[test]
    fn the_websocket_follows_the_scheme_of_the_server() {
        assert_eq!(address(DEFAULT_SERVER).websocket(), "ws://127.0.0.1:8080/ws");
        assert_eq!(address("https://example.org").websocket(), "wss://example.org/ws");
        assert_eq!(address("https://example.org:8443/").websocket(), "wss://example.org:8443/ws");
        assert_eq!(address("http://[::1]:8080").websocket(), "ws://[::1]:8080/ws");
    }

    #[test]
    fn a_path_prefix_stays_in_every_url() {
        let server = address("https://example.org/courses/");
        let session: SessionId = "01991234-5678-7abc-8def-0123456789ab".parse().unwrap();
        assert_eq!(server.websocket(), "wss://example.org/courses/ws");
        assert_eq!(server.generate(), "https://example.org/courses/api/v1/course-generation/generate");
        assert_eq!(server.session_page(session), format!("https://example.org/courses/sessions/{session}"));
        assert_eq!(
            server.events(session, Offset::new(17), 1),
            format!("https://example.org/courses/api/v1/sessions/{session}/events?after=17&limit=1")
        );
    }

    #[test]
    fn what_is_no_server_is_refused_in_words() {
        for (text, expected) in [
            ("", "not a URL"),
            ("example.org", "not a URL"),
            ("localhost:8080", "http:// or https://"),
            ("ws://example.org", "http:// or https://"),
            ("http://example.org/?a=b", "no query"),
        ] {
            let refusal = text.parse::<ServerAddress>().unwrap_err().to_string();
            assert!(refusal.contains(expected), "{text:?}: {refusal}");
        }
    }
}
