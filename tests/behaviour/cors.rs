//! Which pages may call: what browsers are told, and what is refused whatever they do.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    api::{Answer, Api, USER},
    database::Database,
    service::Service,
    socket::{Socket, assert_contiguous},
};

const GENERATE: &str = "/api/v1/course-generation/generate";
const APP: &str = "https://app.example.com";
const ORIGINS: [&str; 4] = ["--cors-origin", APP, "--cors-origin", "https://*.example.app"];

async fn start() -> (Database, Service, Api) {
    let database = Database::create().await;
    let mut arguments = vec!["--offline-pace", "0ms"];
    arguments.extend(ORIGINS);
    let service = Service::start_with(&database, &arguments).await;
    let api = Api::of(&service);
    (database, service, api)
}

async fn preflight(api: &Api, origin: &str, method: &str, headers: &str) -> Answer {
    let request = api
        .request(Method::OPTIONS, GENERATE)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers);
    Answer::to(request).await
}

async fn get_from(api: &Api, path: &str, origin: &str) -> Answer {
    Answer::to(api.request(Method::GET, path).header("origin", origin)).await
}

/// The words of a header that lists some.
fn words(answer: &Answer, header: &str) -> Vec<String> {
    answer.header(header).split(',').map(|word| word.trim().to_ascii_lowercase()).collect()
}

fn assert_varies(answer: &Answer) {
    let said = answer.headers.get_all("vary").iter().filter(|value| value.as_bytes().eq_ignore_ascii_case(b"origin"));
    assert_eq!(said.count(), 1, "{:?}", answer.headers);
}

fn assert_allowed(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{} {}", answer.status, answer.text);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_varies(answer);
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.text);
    for header in answer.headers.keys() {
        assert!(!header.as_str().starts_with("access-control-"), "{header}");
    }
    assert!(answer.text.contains("Origin: "), "{}", answer.text);
    assert_varies(answer);
}

#[tokio::test]
async fn a_preflight_from_an_allowed_origin_is_told_what_it_may_do() {
    let (_database, _service, api) = start().await;
    for origin in [APP, "https://pr-12.example.app"] {
        let answer = preflight(&api, origin, "POST", "content-type,idempotency-key").await;
        assert!(answer.status.is_success(), "{}", answer.text);
        assert_allowed(&answer, origin);
        let methods = words(&answer, "access-control-allow-methods");
        for method in ["get", "post"] {
            assert!(methods.iter().any(|allowed| allowed == method), "{methods:?}");
        }
        let headers = words(&answer, "access-control-allow-headers");
        for header in
            ["content-type", "authorization", "idempotency-key", "producer-id", "producer-seq", "last-event-id"]
        {
            assert!(headers.iter().any(|allowed| allowed == header), "{headers:?}");
        }
        assert!(answer.header("access-control-max-age").parse::<u32>().unwrap() > 0);
    }
}

#[tokio::test]
async fn an_allowed_origin_reads_answers_and_errors_alike() {
    let (_database, _service, api) = start().await;
    for origin in [APP, "https://pr-12.example.app"] {
        for (path, status) in [
            ("/health/live", 200),
            ("/api/v1/course-generation/sessions", 200),
            ("/api/v1/sessions/x", 404),
            ("/api/v1/courses?limit=0", 400),
            (GENERATE, 405),
            ("/nothing", 404),
        ] {
            let answer = get_from(&api, path, origin).await;
            assert_eq!(answer.status, status, "{path}");
            assert_allowed(&answer, origin);
        }
        let body = json!({"course_topic": "Rust ownership", "user_id": USER});
        let answer = Answer::to(api.request(Method::POST, GENERATE).header("origin", origin).json(&body)).await;
        assert_eq!(answer.status, 200);
        assert_allowed(&answer, origin);
        let session = answer.json()["sessionId"].as_str().unwrap().to_owned();
        let answer = get_from(&api, &format!("/api/v1/sessions/{session}/stream"), origin).await;
        assert_eq!(answer.header("content-type"), "text/event-stream");
        assert_allowed(&answer, origin);
    }
}

#[tokio::test]
async fn an_origin_that_is_not_allowed_is_refused_and_starts_nothing() {
    let (_database, _service, api) = start().await;
    let strangers = [
        "https://evil.test",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.test",
        "https://a.b.example.app",
        "https://example.app",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "null",
        "",
        "é",
    ];
    for origin in strangers {
        let refused = get_from(&api, "/health/live", origin).await;
        assert_refused(&refused);
        assert!(refused.is_problem(), "{:?}", refused.headers);
        assert_eq!(refused.json()["code"], "forbidden");
        assert_refused(&preflight(&api, origin, "POST", "content-type").await);
        let body = json!({"course_topic": "Rust ownership", "user_id": USER});
        assert_refused(&Answer::to(api.request(Method::POST, GENERATE).header("origin", origin).json(&body)).await);
    }
    let (_, listed) = api.get("/api/v1/course-generation/sessions").await;
    assert_eq!(listed["sessions"], json!([]));
}

#[tokio::test]
async fn a_page_of_the_service_itself_is_always_allowed() {
    let (_database, service, api) = start().await;
    let body = json!({"course_topic": "Rust ownership", "user_id": USER});
    let answer = Answer::to(api.request(Method::POST, GENERATE).header("origin", &service.base_url).json(&body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_varies(&answer);
    assert!(Socket::connect_from(&service, &service.base_url).await.is_ok());
}

#[tokio::test]
async fn without_an_origin_there_is_nothing_to_refuse() {
    let (_database, _service, api) = start().await;
    let answer = Answer::to(api.request(Method::GET, "/health/live")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_varies(&answer);
}

#[tokio::test]
async fn pages_from_loopback_may_call_a_service_that_is_bound_to_loopback() {
    let (_database, service, api) = start().await;
    for origin in ["http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:8000", "http://localhost", APP] {
        assert_allowed(&get_from(&api, "/health/live", origin).await, origin);
        assert_allowed(&preflight(&api, origin, "POST", "content-type").await, origin);
        assert!(Socket::connect_from(&service, origin).await.is_ok(), "{origin}");
    }
}

#[tokio::test]
async fn a_websocket_is_for_allowed_origins_only() {
    let (_database, service, api) = start().await;
    for origin in ["https://evil.test", "http://localhost.evil.test", "null", "https://a.b.example.app"] {
        assert_eq!(Socket::connect_from(&service, origin).await.err(), Some(403), "{origin}");
    }
    let session = api.generate("Rust ownership").await;
    for origin in [APP, "https://pr-12.example.app"] {
        let mut socket = Socket::connect_from(&service, origin).await.unwrap_or_else(|status| panic!("{status}"));
        socket.join(&session).await;
        assert_contiguous(&socket.until_complete().await, 1);
    }
}

#[tokio::test]
async fn what_is_no_origin_stops_the_start() {
    let database = Database::create().await;
    let arguments = ["serve", "--bind", "127.0.0.1:0", "--database-url", &database.url, "--cors-origin", "example.com"];
    let (status, _, stderr) = crate::support::service::try_run(&arguments).await;
    assert!(!status.success());
    assert!(stderr.contains("--cors-origin"), "{stderr}");
    assert!(stderr.contains("example.com"), "{stderr}");
}
