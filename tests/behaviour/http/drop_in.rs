//! The paths that existing clients use.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Row;

use super::{assert_clear, assert_failure, assert_unharmed, keys};
use crate::support::{
    api::{Answer, Api, USER},
    database::Database,
    service::Service,
};

const GENERATE: &str = "/api/v1/course-generation/generate";
const SESSIONS: &str = "/api/v1/course-generation/sessions";
const UNKNOWN: &str = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";

async fn generate(api: &Api, body: &Value) -> Answer {
    Answer::to(api.request(Method::POST, GENERATE).json(body)).await
}

async fn generate_with_key(api: &Api, key: &str, body: &Value) -> Answer {
    Answer::to(api.request(Method::POST, GENERATE).header("Idempotency-Key", key).json(body)).await
}

async fn count_sessions(database: &Database) -> i64 {
    let mut connection = database.connect().await;
    sqlx::query("select count(*) from coursestream.sessions").fetch_one(&mut connection).await.unwrap().get(0)
}

#[tokio::test]
async fn a_start_is_answered_with_the_session_that_it_made() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let body = json!({
        "course_topic": " \t Rust ownership\n", "search_web": true, "user_id": USER, "more": {"than": ["asked", null]},
    });
    let answer = generate(&api, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let started = answer.json();
    assert_eq!(keys(&started), ["message", "sessionId", "success"]);
    assert_eq!(started["success"], true);
    assert!(!started["message"].as_str().unwrap().is_empty());
    let session = started["sessionId"].as_str().unwrap();
    assert_eq!(uuid::Uuid::parse_str(session).unwrap().get_version_num(), 7);

    let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
    assert_eq!(summary["topic"], "Rust ownership", "the topic is trimmed");
    assert_eq!(summary["searchWeb"], true);
    assert_eq!(summary["userId"], USER);
    assert_eq!(api.wait_for_end(session).await["status"], "completed");
    assert_unharmed(&service);
}

#[tokio::test]
async fn the_web_is_searched_only_when_asked() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
    assert_eq!(summary["searchWeb"], false);
}

#[tokio::test]
async fn a_topic_has_up_to_500_characters_whatever_their_bytes() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    for character in ["x", "ü", "課", "🦀"] {
        let longest = character.repeat(500);
        let answer = generate(&api, &json!({"course_topic": format!("  {longest}\n"), "user_id": USER})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let session = answer.json()["sessionId"].as_str().unwrap().to_owned();
        let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
        assert_eq!(summary["topic"], longest);
        assert_eq!(api.wait_for_end(&session).await["status"], "completed");

        let answer = generate(&api, &json!({"course_topic": character.repeat(501), "user_id": USER})).await;
        let error = assert_failure(&answer, 400);
        assert_clear(&error, "course_topic");
        assert_clear(&error, "500 characters");
    }
    assert_eq!(count_sessions(&database).await, 4);
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_bad_body_is_refused_in_clear_words_and_starts_nothing() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let refused = [
        // The body, and what the error must speak of.
        (json!({"course_topic": "", "user_id": USER}).to_string(), ["course_topic", "1 to 500 characters"]),
        (
            json!({"course_topic": " \u{a0}\u{2003}\n", "user_id": USER}).to_string(),
            ["course_topic", "1 to 500 characters"],
        ),
        (json!({"course_topic": "a\0b", "user_id": USER}).to_string(), ["course_topic", "NUL"]),
        (json!({"course_topic": 7, "user_id": USER}).to_string(), ["course_topic", "string"]),
        (json!({"course_topic": null, "user_id": USER}).to_string(), ["course_topic", ""]),
        (json!({"course_topic": ["Rust"], "user_id": USER}).to_string(), ["course_topic", "string"]),
        (json!({"user_id": USER}).to_string(), ["course_topic", "required"]),
        (json!({"course_topic": "Rust"}).to_string(), ["user_id", "required"]),
        (json!({"course_topic": "Rust", "user_id": "me"}).to_string(), ["user_id", "UUID"]),
        (json!({"course_topic": "Rust", "user_id": ""}).to_string(), ["user_id", "UUID"]),
        (json!({"course_topic": "Rust", "user_id": 7}).to_string(), ["user_id", "UUID"]),
        (json!({"course_topic": "Rust", "user_id": null}).to_string(), ["user_id", ""]),
        (json!({"course_topic": "Rust", "user_id": USER, "search_web": "yes"}).to_string(), ["search_web", "boolean"]),
        (json!({"course_topic": "Rust", "user_id": USER, "search_web": 1}).to_string(), ["search_web", "boolean"]),
        (json!([]).to_string(), ["object", ""]),
        (json!("Rust").to_string(), ["object", ""]),
        ("null".to_owned(), ["object", ""]),
        (String::new(), ["body", ""]),
        ("{".to_owned(), ["JSON", ""]),
        ("course_topic=Rust".to_owned(), ["JSON", ""]),
        (r#"{"course_topic":"Rust","user_id":"\ud800"}"#.to_owned(), ["JSON", ""]),
        (format!(r#"{{"course_topic":"Rust","user_id":"{USER}"}} and more"#), ["JSON", ""]),
        (format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), ["JSON", ""]),
    ];
    for (body, words) in refused {
        let request = api.request(Method::POST, GENERATE).header("content-type", "application/json").body(body.clone());
        let answer = Answer::to(request).await;
        let error = assert_failure(&answer, 400);
        for word in words {
            assert_clear(&error, word);
        }
        assert!(error.len() < 300, "{error}");
    }

    let invalid_utf8 = api
        .request(Method::POST, GENERATE)
        .header("content-type", "application/json")
        .body(b"{\"course_topic\":\"\xff\"}".to_vec());
    assert_failure(&Answer::to(invalid_utf8).await, 400);

    let (_, listed) = api.get(SESSIONS).await;
    assert_eq!(listed, json!({"success": true, "sessions": []}));
    assert_eq!(count_sessions(&database).await, 0);
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_not_read() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let body = json!({"course_topic": "Rust", "user_id": USER}).to_string();
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"]
    {
        let request = api.request(Method::POST, GENERATE).header("content-type", content_type).body(body.clone());
        let error = assert_failure(&Answer::to(request).await, 415);
        assert_clear(&error, "application/json");
    }
    let error = assert_failure(&Answer::to(api.request(Method::POST, GENERATE).body(body.clone())).await, 415);
    assert_clear(&error, "application/json");
    assert_eq!(count_sessions(&database).await, 0);

    for content_type in ["application/json; charset=utf-8", "APPLICATION/JSON"] {
        let request = api.request(Method::POST, GENERATE).header("content-type", content_type).body(body.clone());
        assert_eq!(Answer::to(request).await.status, 200, "{content_type}");
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused_however_it_is_sent() {
    const LIMIT: usize = 1 << 20;
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let body_of = |bytes: usize| {
        let start = format!(r#"{{"course_topic":"Rust","user_id":"{USER}","filler":""#);
        let filler = "x".repeat(bytes - start.len() - 2);
        format!(r#"{start}{filler}"}}"#)
    };
    let whole =
        |bytes| api.request(Method::POST, GENERATE).header("content-type", "application/json").body(body_of(bytes));
    let chunked = |bytes: usize| {
        let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
            body_of(bytes).into_bytes().chunks(64 << 10).map(|chunk| Ok(chunk.to_vec())).collect();
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        api.request(Method::POST, GENERATE).header("content-type", "application/json").body(body)
    };

    assert_failure(&Answer::to(whole(LIMIT + 1)).await, 413);
    assert_failure(&Answer::to(chunked(LIMIT + 1)).await, 413);
    assert_eq!(count_sessions(&database).await, 0);
    assert_eq!(Answer::to(whole(LIMIT)).await.status, 200);
    assert_eq!(Answer::to(chunked(LIMIT)).await.status, 200);
    assert_eq!(count_sessions(&database).await, 2);
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_session_tells_where_it_stands() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let summary = api.wait_for_end(&session).await;
    let (status, body) = api.get(&format!("/api/v1/course-generation/session/{session}/status")).await;
    assert_eq!(status, 200);
    let expected =
        json!({"success": true, "sessionId": session, "status": "completed", "lastOffset": summary["lastOffset"]});
    assert_eq!(body, expected);

    for id in [UNKNOWN, "1", "%00", "not-a-uuid"] {
        let (status, body) = api.get(&format!("/api/v1/course-generation/session/{id}/status")).await;
        assert_eq!(status, 404, "{id}");
        assert_eq!(body, json!({"success": false, "error": "Session not found"}), "{id}");
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn the_list_has_every_session_that_is_not_expired() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "1h", "--max-running", "1"]).await;
    let api = Api::of(&service);
    assert_eq!(api.get(SESSIONS).await.1, json!({"success": true, "sessions": []}));

    let running = api.generate("One that runs").await;
    api.wait_for(&running, |summary| summary["status"] == "running").await;
    let queued = api.generate("One that waits").await;
    let cancelled = api.generate("One that is over").await;
    api.post(&format!("/api/v1/course-generation/session/{cancelled}/cancel"), &json!({})).await;
    let (status, body) = api.get(SESSIONS).await;
    assert_eq!(status, 200);
    let expected = json!({"success": true, "sessions": [
        {"sessionId": cancelled, "status": "cancelled"},
        {"sessionId": queued, "status": "queued"},
        {"sessionId": running, "status": "running"},
    ]});
    assert_eq!(body, expected, "newest first");
}

#[tokio::test]
async fn a_run_is_cancelled_once() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "1h"]).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for(&session, |summary| summary["status"] == "running").await;
    let cancel = format!("/api/v1/course-generation/session/{session}/cancel");
    // Without a body, as existing clients send it.
    let answer = Answer::to(api.request(Method::POST, &cancel)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json(), json!({"success": true, "sessionId": session, "status": "cancelled"}));
    let events = api.events(&session).await;
    assert_eq!(events.last().unwrap()["type"], "session_cancelled");

    let error = assert_failure(&Answer::to(api.request(Method::POST, &cancel)).await, 409);
    assert_clear(&error, "cancelled");
    assert_eq!(api.events(&session).await, events, "a refused cancellation adds nothing");

    for id in [UNKNOWN, "not-a-uuid"] {
        let answer =
            Answer::to(api.request(Method::POST, &format!("/api/v1/course-generation/session/{id}/cancel"))).await;
        assert_eq!(assert_failure(&answer, 404), "Session not found");
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_completed_run_is_not_cancelled() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let summary = api.wait_for_end(&session).await;
    let answer =
        Answer::to(api.request(Method::POST, &format!("/api/v1/course-generation/session/{session}/cancel"))).await;
    assert_clear(&assert_failure(&answer, 409), "completed");
    let (_, after) = api.get(&format!("/api/v1/sessions/{session}")).await;
    assert_eq!(after, summary);
}

#[tokio::test]
async fn a_retry_with_the_same_key_is_answered_with_the_same_session() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let body = json!({"course_topic": "Rust ownership", "user_id": USER});
    let first = generate_with_key(&api, "a key", &body).await;
    assert_eq!(first.status, 200, "{}", first.text);
    api.wait_for_end(first.json()["sessionId"].as_str().unwrap()).await;

    // What does not change the request does not change the answer either, and the run's end does not.
    for retry in
        [body.clone(), json!({"user_id": USER, "search_web": false, "course_topic": " Rust ownership ", "unknown": 1})]
    {
        let again = generate_with_key(&api, "a key", &retry).await;
        assert_eq!(again.status, 200);
        assert_eq!(again.json(), first.json());
    }
    assert_eq!(count_sessions(&database).await, 1);

    for other in [
        json!({"course_topic": "Rust borrowing", "user_id": USER}),
        json!({"course_topic": "Rust ownership", "search_web": true, "user_id": USER}),
    ] {
        let error = assert_failure(&generate_with_key(&api, "a key", &other).await, 422);
        assert_clear(&error, "Idempotency-Key");
    }
    assert_eq!(count_sessions(&database).await, 1);

    // Another key, or the same key of another user, is another request.
    let other_user = json!({"course_topic": "Rust ownership", "user_id": "22222222-2222-4222-8222-222222222222"});
    for (key, body) in [("another key", &body), ("a key", &other_user)] {
        let other = generate_with_key(&api, key, body).await;
        assert_eq!(other.status, 200, "{}", other.text);
        assert_ne!(other.json()["sessionId"], first.json()["sessionId"]);
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn retries_that_race_make_one_session() {
    let database = Database::create().await;
    let (one, two) = (Service::start(&database).await, Service::start(&database).await);
    let apis = [Api::of(&one), Api::of(&two)];
    let body = json!({"course_topic": "Rust ownership", "user_id": USER});
    let answers =
        futures_util::future::join_all((0..24).map(|n| generate_with_key(&apis[n % 2], "one key", &body))).await;
    let first = answers[0].json();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json(), first);
    }
    assert_eq!(count_sessions(&database).await, 1);
    assert_unharmed(&one);
    assert_unharmed(&two);
}

#[tokio::test]
async fn a_key_has_1_to_255_characters() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let body = json!({"course_topic": "Rust ownership", "user_id": USER});
    for key in ["", &"k".repeat(256), &"k".repeat(8_000)] {
        let error = assert_failure(&generate_with_key(&api, key, &body).await, 400);
        assert_clear(&error, "Idempotency-Key");
        assert_clear(&error, "1 to 255 characters");
    }
    assert_eq!(count_sessions(&database).await, 0);
    assert_eq!(generate_with_key(&api, &"k".repeat(255), &body).await.status, 200);
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let database = Database::create().await;
    let arguments = ["--offline-pace", "1h", "--max-running", "1", "--max-queued", "1"];
    let service = Service::start_with(&database, &arguments).await;
    let api = Api::of(&service);
    let running = api.generate("One that runs").await;
    api.wait_for(&running, |summary| summary["status"] == "running").await;
    let waiting = json!({"course_topic": "One that waits", "user_id": USER});
    let first = generate_with_key(&api, "a key", &waiting).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let answer = generate(&api, &json!({"course_topic": "One too many", "user_id": USER})).await;
    assert_failure(&answer, 503);
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    // A retry is no run more.
    let retry = generate_with_key(&api, "a key", &waiting).await;
    assert_eq!((retry.status.as_u16(), retry.json()), (200, first.json()));
    let other = json!({"course_topic": "Another one that waits", "user_id": USER});
    assert_failure(&generate_with_key(&api, "a key", &other).await, 422);
    assert_eq!(count_sessions(&database).await, 2);
}
