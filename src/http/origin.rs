//! Which pages may call: CORS for HTTP, and the same check on a WebSocket's `Origin`, which browsers send and do not enforce.
//!
//! Where nobody is asked who he is, the name that a request came by counts as well: a page can have a name of its own lead to
//! 127.0.0.1 once it is loaded (DNS rebinding), and its requests are then of one origin with the service.

use std::{net::IpAddr, sync::Arc};

use poem::{
    Endpoint, EndpointExt, Error, IntoEndpoint, IntoResponse, Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Cors,
};

/// Origins whose pages may call this service, with credentials.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins {
    patterns: Arc<[Pattern]>,
    /// Pages from loopback may call: for development, when the service itself is bound to loopback.
    loopback: bool,
    /// Requests by other names than this machine's own are refused.
    local_names: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(String),
    /// `https://` `*` `.example.app`: exactly one label in the place of the star.
    OneLabel {
        before: String,
        after: String,
    },
}

/// The text is no origin.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an origin: write it like https://app.example.com or https://*.example.app")]
pub struct OriginError(String);

impl AllowedOrigins {
    /// # Errors
    ///
    /// Names the first text that is no origin.
    pub fn parse(origins: &[String], loopback: bool) -> Result<Self, OriginError> {
        let patterns = origins.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>()?;
        Ok(Self { patterns, loopback, local_names: false })
    }

    /// Takes requests only by names that no one else gives: `localhost`, addresses, the hosts of these origins.
    #[must_use]
    pub fn by_local_names(self) -> Self {
        Self { local_names: true, ..self }
    }

    /// Whether a request may come by this `Host`.
    fn takes(&self, host: &str) -> bool {
        !self.local_names
            || is_local(host)
            || ["http", "https"].iter().any(|scheme| self.allows(&format!("{scheme}://{host}")))
    }

    /// Whether pages of this origin may call.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.patterns.iter().any(|pattern| pattern.matches(&origin)) || (self.loopback && is_loopback(&origin))
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, OriginError> {
        let wrong = || OriginError(text.to_owned());
        let lower = text.trim_end_matches('/').to_ascii_lowercase();
        let (scheme, host) = lower.split_once("://").ok_or_else(wrong)?;
        if !matches!(scheme, "http" | "https") || host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong());
        }
        match host.strip_prefix('*') {
            None if host.contains('*') => Err(wrong()),
            None => Ok(Self::Exact(lower)),
            Some(after) if after.starts_with('.') && after.len() > 1 && !after.contains('*') => {
                Ok(Self::OneLabel { before: format!("{scheme}://"), after: after.to_owned() })
            }
            Some(_) => Err(wrong()),
        }
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Exact(exact) => origin == exact,
            Self::OneLabel { before, after } => {
                origin.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str())).is_some_and(
                    |label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                )
            }
        }
    }
}

/// `http://localhost`, `http://127.0.0.1`, `http://[::1]`, on any port.
fn is_loopback(origin: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    matches!(without_port(authority), "localhost" | "127.0.0.1" | "::1")
}

/// The host of an authority, without the brackets of an IPv6 address.
fn without_port(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// An address, or a name that always means this machine (RFC 6761, section 6.3).
fn is_local(host: &str) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    name.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// Refuses requests of other pages with 403 and answers preflights.
pub(super) fn guard(
    endpoint: impl IntoEndpoint<Endpoint = impl Endpoint + 'static>,
    origins: AllowedOrigins,
) -> impl IntoEndpoint<Endpoint = impl Endpoint> {
    let names = origins.clone();
    let cors = Cors::new()
        .allow_origins_fn(move |origin| origins.allows(origin))
        .allow_methods([Method::GET, Method::POST, Method::DELETE, Method::HEAD, Method::OPTIONS])
        .allow_headers([
            "content-type",
            "authorization",
            "idempotency-key",
            "producer-id",
            "producer-seq",
            "last-event-id",
        ])
        .expose_headers(["retry-after", "www-authenticate"])
        .allow_credentials(true)
        .max_age(3_600);
    endpoint
        .into_endpoint()
        .with(cors)
        .around(same_origin)
        .around(move |next, request| by_name(next, request, names.clone()))
}

/// Refuses requests by names that are not taken. Browsers always send one.
async fn by_name<E: Endpoint>(next: Arc<E>, request: Request, origins: AllowedOrigins) -> poem::Result<Response> {
    let mut names = request.headers().get_all(header::HOST).iter();
    if names.any(|host| !host.to_str().is_ok_and(|host| origins.takes(host))) {
        let detail =
            "Host: must be localhost or an address, or the host of a --cors-origin, where nobody is asked who he is";
        return Err(Error::from_string(detail, StatusCode::FORBIDDEN));
    }
    next.call(request).await.map(IntoResponse::into_response)
}

/// Caches must not give the page of one origin what another was answered: what is answered, and with which headers, depends on
/// the origin, also where there is none.
pub(super) async fn vary<E: Endpoint>(next: Arc<E>, request: Request) -> poem::Result<Response> {
    let mut response = next.call(request).await?.into_response();
    let headers = response.headers_mut();
    let is_said = headers.get_all(header::VARY).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"origin"));
    if !is_said {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    // What a user wrote must not become a script because it looks like one.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// A page that this service served itself calls home: no matter for CORS, which would refuse what it does not know.
async fn same_origin<E: Endpoint>(next: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let is_own = match (request.header(header::ORIGIN), request.header(header::HOST)) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        }
        _ => false,
    };
    if is_own {
        request.headers_mut().remove(header::ORIGIN);
    }
    next.call(request).await.map(IntoResponse::into_response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(patterns: &[&str], origin: &str) -> bool {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        AllowedOrigins::parse(&patterns, false).unwrap().allows(origin)
    }

    #[test]
    fn exact_origins_match_exactly() {
        assert!(allowed(&["https://app.example.com"], "https://app.example.com"));
        assert!(!allowed(&["https://app.example.com"], "http://app.example.com"));
        assert!(!allowed(&["https://app.example.com"], "https://app.example.com:8443"));
        assert!(!allowed(&["https://app.example.com"], "https://app.example.com.evil.test"));
    }

    #[test]
    fn a_star_is_one_label() {
        let pattern = &["https://*.example.app"];
        assert!(allowed(pattern, "https://pr-12.example.app"));
        assert!(!allowed(pattern, "https://a.b.example.app"));
        assert!(!allowed(pattern, "https://example.app"));
        assert!(!allowed(pattern, "https://evil.test/.example.app"));
        assert!(!allowed(pattern, "https://evil.test#.example.app"));
    }

    #[test]
    fn loopback_is_for_development_only() {
        let (development, production) =
            (AllowedOrigins::parse(&[], true).unwrap(), AllowedOrigins::parse(&[], false).unwrap());
        for origin in ["http://localhost:5173", "http://127.0.0.1", "http://[::1]:3000"] {
            assert!(development.allows(origin));
            assert!(!production.allows(origin));
        }
        assert!(!development.allows("http://localhost.evil.test"));
        assert!(!development.allows("null"));
    }

    #[test]
    fn names_that_anybody_can_give_are_refused() {
        let origins = AllowedOrigins::parse(&["https://app.example.com".to_owned()], true).unwrap();
        assert!(origins.takes("evil.test"), "unless they are asked for, all are taken");
        let origins = origins.by_local_names();
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.:8080",
            "courses.localhost",
            "127.0.0.1:8080",
            "[::1]:8080",
            "10.1.2.3",
            "app.example.com",
        ] {
            assert!(origins.takes(host), "{host}");
        }
        for host in
            ["evil.test", "evil.test:8080", "127.0.0.1.evil.test", "localhost.evil.test", "notlocalhost", "", "[::1"]
        {
            assert_eq!(origins.takes(host), host == "[::1", "{host}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["example.com", "ftp://example.com", "https://", "https://*", "https://a*.example.com", "*"] {
            assert!(AllowedOrigins::parse(&[text.to_owned()], false).is_err(), "{text}");
        }
    }
}
