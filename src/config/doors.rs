//! Who is let in, and how much of it one caller may have.

use std::{fmt, fs, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::duration;
use crate::auth::{AuthOptions, JwtOptions, SignedBy};

/// A setting that must not be seen. It shows in no `Debug` output; clap hides its value in `--help`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The secret of an environment variable, or of a file, whose last line break is not part of it. `None` where neither is given.
///
/// # Errors
///
/// Where both are given, or the file cannot be read or is empty. The secret is in no error.
pub fn secret(variable: &str, file: Option<&PathBuf>) -> anyhow::Result<Option<SecretString>> {
    let given = std::env::var(variable).ok().filter(|text| !text.trim().is_empty());
    match (given, file) {
        (Some(_), Some(_)) => bail!("{variable} and {variable}_FILE: give one of the two"),
        (Some(text), None) => Ok(Some(text.into())),
        (None, Some(path)) => {
            let text = fs::read_to_string(path).with_context(|| format!("{variable}_FILE: {}", path.display()))?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.is_empty() {
                bail!("{variable}_FILE: {} is empty", path.display());
            }
            Ok(Some(text.into()))
        }
        (None, None) => Ok(None),
    }
}

/// Who is let in. Without any of it the service is open, and binds to loopback alone.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Authentication")]
pub struct AuthArgs {
    /// Ask for an API key (see `coursestream keys`) where no issuer of tokens is configured
    #[arg(long, env = "COURSESTREAM_API_KEYS")]
    pub api_keys: bool,

    /// A file with the secret that tokens (JWT, HS256) are signed with, 32 bytes or more; or COURSESTREAM_JWT_SECRET
    /// holds the secret itself
    #[arg(long, env = "COURSESTREAM_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,

    /// Where the issuer of tokens (JWT, RS256 or ES256) publishes its keys
    #[arg(long, env = "COURSESTREAM_JWKS_URL", value_name = "URL", conflicts_with = "jwt_secret_file")]
    pub jwks_url: Option<String>,

    /// Who must have issued a token (`iss`)
    #[arg(long, env = "COURSESTREAM_JWT_ISSUER", value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,

    /// Whom a token must be for (`aud`)
    #[arg(long, env = "COURSESTREAM_JWT_AUDIENCE", value_name = "AUDIENCE")]
    pub jwt_audience: Option<String>,

    /// How far the issuer's clock may be off
    #[arg(long, env = "COURSESTREAM_JWT_LEEWAY", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub jwt_leeway: Duration,

    /// How long a ticket for a session's stream can be used
    #[arg(long, env = "COURSESTREAM_TICKET_TTL", default_value = "1m", value_parser = duration, value_name = "TIME")]
    pub ticket_ttl: Duration,

    /// Bind to any address without authentication: whoever can reach the node may read, start and cancel everything
    #[arg(long, env = "COURSESTREAM_INSECURE_OPEN")]
    pub insecure_open: bool,
}

const JWT_SECRET: &str = "COURSESTREAM_JWT_SECRET";

impl AuthArgs {
    /// What callers are asked for; `None` where the service is open.
    ///
    /// # Errors
    ///
    /// Where the settings contradict each other or miss something.
    pub fn options(&self) -> anyhow::Result<Option<AuthOptions>> {
        let secret = secret(JWT_SECRET, self.jwt_secret_file.as_ref())?;
        let signed = match (secret, &self.jwks_url) {
            // One of the two, so that no token can choose between them.
            (Some(_), Some(_)) => bail!("--jwks-url and {JWT_SECRET}: tokens are signed with one or the other"),
            (Some(secret), None) => Some(SignedBy::Secret(secret)),
            (None, Some(url)) => Some(SignedBy::Published { url: url.clone() }),
            (None, None) => None,
        };
        let Some(signed) = signed else {
            if self.jwt_issuer.is_some() || self.jwt_audience.is_some() {
                bail!("--jwt-issuer and --jwt-audience: need --jwt-secret-file or --jwks-url");
            }
            return Ok(self.api_keys.then_some(AuthOptions { jwt: None }));
        };
        let (Some(issuer), Some(audience)) = (self.jwt_issuer.clone(), self.jwt_audience.clone()) else {
            bail!("--jwt-issuer and --jwt-audience: are required, so that no other service's tokens are taken here");
        };
        Ok(Some(AuthOptions { jwt: Some(JwtOptions { signed, issuer, audience, leeway: self.jwt_leeway }) }))
    }
}

/// How much one caller may have. 0 is no limit; a limit that is not given has its default, and leaves loopback alone.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Requests a second from one address, ten times as many at once [default: 50]
    #[arg(long, env = "COURSESTREAM_REQUESTS_PER_ADDRESS", value_name = "N")]
    pub requests_per_address: Option<u32>,

    /// Requests a second of one user or key, ten times as many at once [default: 50]
    #[arg(long, env = "COURSESTREAM_REQUESTS_PER_CALLER", value_name = "N")]
    pub requests_per_caller: Option<u32>,

    /// Connections from one address at a time [default: 256]
    #[arg(long, env = "COURSESTREAM_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    pub connections_per_address: Option<u32>,

    /// Streams (WebSocket, Socket.IO, server-sent events) of one user or key at a time [default: 64]
    #[arg(long, env = "COURSESTREAM_STREAMS_PER_CALLER", value_name = "N")]
    pub streams_per_caller: Option<u32>,

    /// Sessions that one user or key may have joined at a time, over all of his streams [default: 512]
    #[arg(long, env = "COURSESTREAM_JOINED_PER_CALLER", value_name = "N")]
    pub joined_per_caller: Option<u32>,

    /// Runs of one user that wait or run at a time [default: 8 with authentication, else none]
    #[arg(long, env = "COURSESTREAM_RUNS_PER_USER", value_name = "N")]
    pub runs_per_user: Option<u32>,

    /// Bytes a second that one address may send, ten times as many at once [default: 4194304]
    #[arg(long, env = "COURSESTREAM_BYTES_PER_ADDRESS", value_name = "N")]
    pub bytes_per_address: Option<u32>,

    /// How long a request's head may take to arrive, and how long a connection may be idle between two requests
    #[arg(long, env = "COURSESTREAM_HEADER_TIMEOUT", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub header_timeout: Duration,

    /// How long a request's body may take to arrive
    #[arg(long, env = "COURSESTREAM_BODY_TIMEOUT", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub body_timeout: Duration,

    /// The largest body of a request, in bytes
    #[arg(long, env = "COURSESTREAM_BODY_BYTES_MAX", default_value_t = 1 << 20, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1_024..))]
    pub body_bytes_max: u32,

    /// The largest message that a client may send on a WebSocket or over Socket.IO, in bytes
    #[arg(long, env = "COURSESTREAM_FRAME_BYTES_MAX", default_value_t = 64 << 10, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1_024..=16 << 20))]
    pub frame_bytes_max: u32,
}

/// A limit: given, or by default and then not for loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub max: Option<NonZeroU32>,
    pub spares_loopback: bool,
}

impl Limit {
    #[must_use]
    pub const fn of(given: Option<u32>, default: u32) -> Self {
        match given {
            Some(max) => Self { max: NonZeroU32::new(max), spares_loopback: false },
            None => Self { max: NonZeroU32::new(default), spares_loopback: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        auth: AuthArgs,
    }

    fn line(arguments: &[&str]) -> Line {
        Line::try_parse_from([&["x"], arguments].concat()).unwrap()
    }

    #[test]
    fn nothing_said_is_open() {
        assert!(line(&[]).auth.options().unwrap().is_none());
        assert!(line(&["--api-keys"]).auth.options().unwrap().is_some_and(|options| options.jwt.is_none()));
    }

    #[test]
    fn tokens_need_an_issuer_and_an_audience() {
        let url = ["--jwks-url", "https://id.example.com/jwks"];
        assert!(line(&url).auth.options().is_err());
        assert!(line(&[&url[..], &["--jwt-issuer", "i"]].concat()).auth.options().is_err());
        let both = [&url[..], &["--jwt-issuer", "i", "--jwt-audience", "a"]].concat();
        assert!(line(&both).auth.options().unwrap().is_some_and(|options| options.jwt.is_some()));
        assert!(line(&["--jwt-issuer", "i"]).auth.options().is_err(), "an issuer of what?");
    }

    #[test]
    fn a_secret_comes_from_a_file_and_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let secret = "0123456789abcdef0123456789abcdef";
        std::fs::write(file.path(), format!("{secret}\n")).unwrap();
        let path = file.path().to_str().unwrap();
        let arguments = ["--jwt-secret-file", path, "--jwt-issuer", "i", "--jwt-audience", "a"];
        let options = line(&arguments).auth.options().unwrap().unwrap();
        match &options.jwt.as_ref().unwrap().signed {
            SignedBy::Secret(read) => assert_eq!(read.expose_secret(), secret),
            SignedBy::Published { .. } => panic!("a secret was given"),
        }
        assert!(!format!("{options:?}").contains(secret));
        assert!(!format!("{:?}", secret.parse::<Secret>().unwrap()).contains(secret));
        std::fs::write(file.path(), "\n").unwrap();
        assert!(line(&arguments).auth.options().is_err(), "an empty file is no secret");
    }

    #[test]
    fn a_limit_that_was_asked_for_holds_for_everybody() {
        assert_eq!(Limit::of(None, 5), Limit { max: NonZeroU32::new(5), spares_loopback: true });
        assert_eq!(Limit::of(Some(7), 5), Limit { max: NonZeroU32::new(7), spares_loopback: false });
        assert_eq!(Limit::of(Some(0), 5).max, None);
    }
}
