//! What a node says of itself, and where it sends those who ask for something else.

use std::time::Duration;

use reqwest::{Method, redirect};
use serde_json::json;

use super::{assert_clear, assert_failure, assert_problem, assert_unharmed};
use crate::support::{
    api::{Answer, Api},
    database::Database,
    service::{PATIENCE, Service},
};

async fn get(api: &Api, path: &str) -> Answer {
    Answer::to(api.request(Method::GET, path)).await
}

#[tokio::test]
async fn a_node_is_live_and_becomes_ready() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let live = get(&api, "/health/live").await;
    assert_eq!((live.status.as_u16(), live.json()), (200, json!({"status": "ok"})));

    let ready = json!({"status": "ok", "database": true, "migrations": true, "wakeups": true, "stopping": false});
    let waited = async {
        // Degraded until the node's first probe has come back.
        while get(&api, "/health/ready").await.json() != ready {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("the node becomes ready");
    assert_eq!(get(&api, "/health/ready").await.status, 200);
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_node_whose_schema_is_older_than_itself_is_not_ready() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let mut connection = database.connect().await;
    sqlx::query("delete from coursestream._sqlx_migrations where version = (select max(version) from coursestream._sqlx_migrations)")
        .execute(&mut connection)
        .await
        .unwrap();
    let answer = get(&api, "/health/ready").await;
    assert_eq!(answer.status, 503);
    let body = answer.json();
    assert_eq!(
        (&body["status"], &body["migrations"], &body["database"]),
        (&json!("unavailable"), &json!(false), &json!(true))
    );
    assert_eq!(get(&api, "/health/live").await.status, 200);
}

#[tokio::test]
async fn metrics_are_prometheus_text_and_count_what_happened() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    let answer = get(&api, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/plain"), "{}", answer.header("content-type"));
    for name in
        ["coursestream_append_batch_events", "coursestream_append_commit_seconds", "coursestream_database_connections"]
    {
        assert!(answer.text.contains(&format!("# TYPE {name} ")), "{name} in\n{}", answer.text);
    }
    for line in answer.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        assert!(name.starts_with("coursestream_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn the_root_leads_to_pages_that_a_browser_can_show() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let still = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let root = Answer::to(still.get(service.url("/"))).await;
    assert!(root.status.is_success() || root.status.is_redirection(), "{}", root.status);
    for path in ["/", "/docs"] {
        let page = get(&api, path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.text.contains("<html"), "{path}");
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    for path in [
        "/nothing",
        "/api",
        "/api/v1",
        "/api/v2/sessions",
        "/api/v1/sessions/x/y/z",
        "/health",
        "//",
        "/%2e%2e/etc/passwd",
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = Answer::to(api.request(method.clone(), path)).await;
            assert_problem(&answer, 404, "not_found");
        }
    }
    // Where existing clients look, in the form that they know.
    assert_failure(&get(&api, "/api/v1/course-generation/nothing").await, 404);
    assert_unharmed(&service);
}

/// As a browser asks for a document.
const NAVIGATION: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn an_unknown_path_is_a_page_to_a_browser_and_a_problem_below_the_api() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let navigate = |method: Method, path| Answer::to(api.request(method, path).header("accept", NAVIGATION));
    let known = navigate(Method::GET, "/sessions").await;
    for path in ["/sessions/", "/sessions/one", "/sessions/one/"] {
        let page = navigate(Method::GET, path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.text, known.text, "{path}");
    }
    for path in ["/nothing", "/sessions/one/two", "/sessions//one", "/sessions/one//", "/apiary", "//"] {
        let page = navigate(Method::GET, path).await;
        assert_eq!(page.status, 404, "{path}");
        assert_eq!(page.text, known.text, "{path}");
        for name in ["content-type", "content-security-policy", "cache-control", "x-content-type-options"] {
            assert_eq!(page.header(name), known.header(name), "{path}");
        }
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert_problem(&navigate(Method::POST, path).await, 404, "not_found");
    }
    for path in ["/api", "/api/v1/nothing", "/assets/nothing.js"] {
        assert_problem(&navigate(Method::GET, path).await, 404, "not_found");
    }
    assert_problem(&navigate(Method::GET, "/api/v1/sessions/nonsense").await, 404, "session_not_found");
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_says_so() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let id = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
    for (method, path) in [
        (Method::DELETE, format!("/api/v1/sessions/{id}")),
        (Method::PUT, format!("/api/v1/sessions/{id}/events")),
        (Method::POST, format!("/api/v1/sessions/{id}/stream")),
        (Method::POST, format!("/api/v1/courses/{id}")),
        (Method::PATCH, "/api/v1/courses".to_owned()),
        (Method::POST, "/health/live".to_owned()),
        (Method::DELETE, "/metrics".to_owned()),
        (Method::POST, "/openapi.json".to_owned()),
    ] {
        let answer = Answer::to(api.request(method.clone(), &path)).await;
        let problem = assert_problem(&answer, 405, "method_not_allowed");
        assert_clear(problem["detail"].as_str().unwrap(), "method");
        assert!(answer.header("allow").contains("GET"), "{method} {path}: {:?}", answer.headers);
    }
    for path in ["/api/v1/course-generation/generate", &format!("/api/v1/course-generation/session/{id}/cancel")] {
        let answer = get(&api, path).await;
        assert_clear(&assert_failure(&answer, 405), "method");
        assert!(answer.header("allow").contains("POST"), "{:?}", answer.headers);
    }
    assert_unharmed(&service);
}
