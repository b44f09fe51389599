//! The page: what `web/` was built into, out of the binary.
//!
//! Every route of the page is answered with the same document, which finds out in the browser what to show. A path that nobody
//! serves is a problem to programs, and to a browser that was led there the page's own view of it. Built without `web/dist`, the binary has no page and `/` leads to the
//! documentation of the API.

use std::sync::Arc;

use poem::{
    Endpoint, IntoResponse, Request, Response, ResponseBuilder, Route,
    endpoint::make_sync,
    http::{Method, StatusCode, header},
    web::Redirect,
};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Files;

/// Below these nothing is a page, whoever asks.
const NO_PAGES: [&str; 2] = ["/api", "/assets"];

const INDEX: &str = "index.html";

/// The routes of the page beside `/`, as `web/src/page/route.ts` knows them. A slash at the end leads to the same place.
const PAGES: [&str; 4] = ["/sessions", "/sessions/", "/sessions/:id", "/sessions/:id/"];

/// Files that browsers ask for by a name of their own.
const FIXED: [&str; 1] = ["/favicon.svg"];

/// Vite puts a hash of the content into these names, so what has one never changes.
const ASSETS: &str = "/assets/";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// To be asked for each time, and answered with 304 while the ETag holds.
const EACH_TIME: &str = "no-cache";

/// Scripts, styles, pictures and calls of this origin alone; nothing inline, no text that becomes HTML, no frames. A lesson
/// that asks for more is a text about it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Adds the page to the routes, all but `/`: that is [`root`]'s.
pub(super) fn mount(routes: Route) -> Route {
    let routes = PAGES.into_iter().fold(routes, |routes, path| routes.at(path, poem::get(make_sync(page))));
    let files = FIXED.into_iter().chain(["/assets/*path"]);
    files.fold(routes, |routes, path| routes.at(path, poem::get(make_sync(file))))
}

/// The page at `/`, before what is nested there: poem gives the root itself to the nested endpoint, whatever else is
/// routed to it. And the page in place of a 404, where a browser asks for a document.
pub(super) async fn root<E: Endpoint>(next: Arc<E>, request: Request) -> poem::Result<Response> {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    if is_read && request.uri().path() == "/" {
        return Ok(page(request));
    }
    let may_be_page = is_read && !is_below(request.uri().path(), &NO_PAGES);
    let wants_page = may_be_page && wants_html(&request);
    match next.call(request).await {
        Err(error) if may_be_page && error.status() == StatusCode::NOT_FOUND && !error.is_from_response() => {
            let found = Files::get(INDEX).filter(|_| wants_page).ok_or(error)?;
            Ok(described(INDEX, &found, EACH_TIME)
                .status(StatusCode::NOT_FOUND)
                .header(header::VARY, "Accept")
                .body(found.data.into_owned()))
        }
        answered => answered.map(IntoResponse::into_response),
    }
}

fn is_below(path: &str, roots: &[&str]) -> bool {
    roots.iter().any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Whether HTML is asked for by its name, as browsers do where they are led to: `*/*` is what programs say.
fn wants_html(request: &Request) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let mut pieces = range.split(';').map(str::trim);
        let is_html = pieces.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        is_html && !pieces.any(|piece| matches!(piece, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn page(request: Request) -> Response {
    match Files::get(INDEX) {
        Some(found) => answer(&request, INDEX, found, EACH_TIME),
        None => Redirect::temporary("/docs").into_response(),
    }
}

fn file(request: Request) -> poem::Result<Response> {
    let path = request.original_uri().path();
    let name = path.trim_start_matches('/').to_owned();
    let caching = if path.starts_with(ASSETS) { FOR_EVER } else { EACH_TIME };
    let found = Files::get(&name).ok_or(poem::error::NotFoundError)?;
    Ok(answer(&request, &name, found, caching))
}

fn answer(request: &Request, name: &str, found: EmbeddedFile, caching: &str) -> Response {
    let etag = etag(&found.metadata.sha256_hash());
    let is_known = request.header(header::IF_NONE_MATCH).is_some_and(|known| matches(known, &etag));
    if is_known {
        return described(name, &found, caching).status(StatusCode::NOT_MODIFIED).finish();
    }
    described(name, &found, caching).body(found.data.into_owned())
}

/// Everything that is said of a file beside its content.
fn described(name: &str, found: &EmbeddedFile, caching: &str) -> ResponseBuilder {
    Response::builder()
        .header(header::ETAG, etag(&found.metadata.sha256_hash()))
        .header(header::CACHE_CONTROL, caching)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header("cross-origin-opener-policy", "same-origin")
        .header("permissions-policy", "camera=(), geolocation=(), microphone=()")
        .content_type(content_type(name, found))
}

fn content_type(name: &str, found: &EmbeddedFile) -> String {
    let guessed = found.metadata.mimetype();
    let is_text = guessed.starts_with("text/") || name.ends_with(".js") || name.ends_with(".svg");
    if is_text { format!("{guessed}; charset=utf-8") } else { guessed.to_owned() }
}

fn etag(hash: &[u8; 32]) -> String {
    format!("\"{}\"", hex::encode(&hash[..16]))
}

/// RFC 9110, section 13.1.2: a list of tags, compared weakly, or `*`.
fn matches(known: &str, etag: &str) -> bool {
    known.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tags_are_lists_of_weak_or_strong_ones() {
        let etag = etag(&[0xab; 32]);
        assert_eq!(etag, format!("\"{}\"", "ab".repeat(16)));
        assert!(matches(&etag, &etag));
        assert!(matches(&format!("\"other\", W/{etag}"), &etag));
        assert!(matches("*", &etag));
        assert!(!matches("\"other\"", &etag));
        assert!(!matches("", &etag));
    }

    #[test]
    fn html_is_asked_for_by_its_name() {
        let asks = |accept: &str| wants_html(&Request::builder().header(header::ACCEPT, accept).finish());
        assert!(asks("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(asks("application/json, Text/HTML ; q=0.1"));
        for accept in ["*/*", "", "application/json", "text/*", "text/html;q=0, */*", "text/htmlx"] {
            assert!(!asks(accept), "{accept}");
        }
    }

    #[test]
    fn no_page_is_below_the_api() {
        for (path, is_one) in
            [("/api", true), ("/api/v1/x", true), ("/assets/", true), ("/apiary", false), ("/x/api", false)]
        {
            assert_eq!(is_below(path, &NO_PAGES), is_one, "{path}");
        }
    }
}
