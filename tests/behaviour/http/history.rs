//! Sessions and their logs, for those who read rather than follow.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{assert_clear, assert_problem, assert_timestamp, assert_unharmed, keys};
use crate::support::{
    api::{Answer, Api, USER},
    database::Database,
    service::Service,
    socket::Socket,
};

const UNKNOWN: &str = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";

/// A service with one session that has ended.
async fn with_a_session() -> (Database, Service, Api, String, Value) {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let summary = api.wait_for_end(&session).await;
    (database, service, api, session, summary)
}

async fn get(api: &Api, path: &str) -> Answer {
    Answer::to(api.request(Method::GET, path)).await
}

#[tokio::test]
async fn a_summary_tells_what_was_asked_for_and_what_came_of_it() {
    let (_database, service, api, session, summary) = with_a_session().await;
    let expected = [
        "archived",
        "attempts",
        "counts",
        "courseId",
        "durationMs",
        "endedAt",
        "lastOffset",
        "model",
        "provider",
        "searchWeb",
        "sessionId",
        "startedAt",
        "status",
        "topic",
        "usage",
        "userId",
    ];
    assert_eq!(keys(&summary), expected, "what is absent is left out");
    assert_eq!(summary["sessionId"], session);
    assert_eq!(summary["status"], "completed");
    assert_eq!(summary["topic"], "Rust ownership");
    assert_eq!(summary["userId"], USER);
    assert_eq!(summary["provider"], "offline");
    assert_eq!(summary["attempts"], 1);
    assert_eq!(summary["archived"], false);
    assert_eq!(keys(&summary["usage"]), ["completionTokens", "promptTokens"]);
    assert_timestamp(&summary["startedAt"]);
    assert_timestamp(&summary["endedAt"]);
    let [started, ended] = ["startedAt", "endedAt"].map(|field| {
        chrono::DateTime::parse_from_rfc3339(summary[field].as_str().unwrap()).unwrap().timestamp_millis()
    });
    assert_eq!(summary["durationMs"], ended - started);

    let events = api.events(&session).await;
    assert_eq!(events.len() as u64, summary["lastOffset"].as_u64().unwrap());
    assert_eq!(events.last().unwrap()["timestamp"], summary["endedAt"]);
    for kind in ["log", "progress", "success", "error", "course_generated"] {
        let count = events.iter().filter(|event| event["type"] == kind).count();
        assert_eq!(summary["counts"][kind], count, "{kind}");
    }
    assert_eq!(keys(&summary["counts"]), ["course_generated", "error", "log", "progress", "success"]);
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_queued_session_has_no_end_yet() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "1h", "--max-running", "1"]).await;
    let api = Api::of(&service);
    let running = api.generate("One that runs").await;
    api.wait_for(&running, |summary| summary["status"] == "running").await;
    let queued = api.generate("One that waits").await;
    let (_, summary) = api.get(&format!("/api/v1/sessions/{queued}")).await;
    assert_eq!(summary["status"], "queued");
    assert_eq!((&summary["lastOffset"], &summary["attempts"]), (&json!(0), &json!(0)));
    for absent in ["endedAt", "durationMs", "courseId", "error"] {
        assert!(summary.get(absent).is_none(), "{absent} in {summary}");
    }
    let (status, page) = api.get(&format!("/api/v1/sessions/{queued}/events")).await;
    assert_eq!(status, 200);
    assert_eq!(page, json!({"items": [], "lastOffset": 0, "ended": false}));
    let (_, page) = api.get(&format!("/api/v1/sessions/{running}/events")).await;
    assert_eq!(page["ended"], false);
}

#[tokio::test]
async fn every_event_has_the_envelope_and_its_place() {
    let (_database, service, api, session, summary) = with_a_session().await;
    let (status, page) = api.get(&format!("/api/v1/sessions/{session}/events")).await;
    assert_eq!(status, 200);
    assert_eq!(keys(&page), ["ended", "items", "lastOffset"], "no nextAfter where there is no more");
    assert_eq!(page["ended"], true);
    assert_eq!(page["lastOffset"], summary["lastOffset"]);
    let events = page["items"].as_array().unwrap();
    for (place, event) in (1u64..).zip(events) {
        assert_eq!(event["offset"], place);
        assert_eq!(event["sessionId"], session);
        assert!(event["message"].is_string(), "{event}");
        assert_timestamp(&event["timestamp"]);
        assert_eq!(keys(event), ["data", "message", "offset", "sessionId", "timestamp", "type"]);
        assert!(!event["data"].is_null(), "{event}");
    }
    assert!(events.is_sorted_by_key(|event| event["timestamp"].as_str().unwrap()));
    assert_eq!(events[0]["type"], "session_started");
    assert_eq!(events.last().unwrap()["type"], "session_completed");
    let generated: Vec<&Value> = events.iter().filter(|event| event["type"] == "course_generated").collect();
    assert_eq!(generated.len(), 1);
    assert_eq!(keys(&generated[0]["data"]), ["course", "courseId", "summary"]);
    assert_eq!(generated[0]["data"]["courseId"], summary["courseId"]);
    assert_unharmed(&service);
}

#[tokio::test]
async fn data_comes_back_as_it_was_given_and_is_absent_where_there_was_none() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (status, created) = api.post("/api/v1/sessions", &json!({"topic": "Anything", "user_id": USER})).await;
    assert_eq!(status, 201, "{created}");
    let session = created["sessionId"].as_str().unwrap();
    // Order, spaces, escapes and the form of numbers are the writer's.
    let given = [
        r#"{"z":1,"a":2,"z2":[1.0,1e2,-0,100000000000000000000]}"#,
        "[ 1 ,\t2 ,\r\n3 ]",
        r#""\u00e9 \/ é \ud83e\udd80""#,
        "0",
        "false",
        "{}",
        "[]",
    ];
    let messages: Vec<String> = given
        .iter()
        .map(|data| format!(r#"{{"type":"progress","message":"with","data":{data}}}"#))
        .chain([
            r#"{"type":"log","message":"without"}"#.to_owned(),
            r#"{"type":"log","message":"","data":null}"#.to_owned(),
        ])
        .collect();
    let request = api
        .request(Method::POST, &format!("/api/v1/sessions/{session}/messages"))
        .header("content-type", "application/json")
        .body(format!("[{}]", messages.join(",")));
    let answer = Answer::to(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);

    let text = get(&api, &format!("/api/v1/sessions/{session}/events?type=progress,log")).await.text;
    for data in &given {
        assert!(text.contains(&format!(r#","data":{data},"timestamp""#)), "{data} in {text}");
    }
    let events = api.events(session).await;
    for event in &events[events.len() - 2..] {
        assert_eq!(keys(event), ["message", "offset", "sessionId", "timestamp", "type"]);
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn pages_follow_each_other_without_a_hole() {
    let (_database, _service, api, session, summary) = with_a_session().await;
    let all = api.events(&session).await;
    for limit in [1, 7, all.len() - 1, all.len(), all.len() + 1, 1_000] {
        let (mut after, mut paged) = (json!(0), Vec::new());
        loop {
            let (status, page) =
                api.get(&format!("/api/v1/sessions/{session}/events?limit={limit}&after={after}")).await;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            assert_eq!(page["lastOffset"], summary["lastOffset"], "on every page");
            paged.extend(items.iter().cloned());
            match page.get("nextAfter") {
                Some(next) => {
                    assert_eq!(*next, items.last().unwrap()["offset"]);
                    after = next.clone();
                }
                None => break,
            }
        }
        assert_eq!(paged, all, "in pages of {limit}");
    }
    // However far beyond the end, it is the same.
    let beyond = ["9223372036854775807", "9223372036854775808", "18446744073709551615", "99999999999999999999999"];
    let within =
        [(all.len(), 0), (all.len() + 1, 0), (all.len() - 2, 2)].map(|(after, rest)| (after.to_string(), rest));
    for (after, rest) in within.into_iter().chain(beyond.map(|after| (after.to_owned(), 0))) {
        let (status, page) = api.get(&format!("/api/v1/sessions/{session}/events?after={after}")).await;
        assert_eq!((status.as_u16(), page["items"].as_array().unwrap().len()), (200, rest), "after {after}");
    }
}

#[tokio::test]
async fn events_are_filtered_by_their_types() {
    let (_database, _service, api, session, summary) = with_a_session().await;
    let all = api.events(&session).await;
    for (filter, kinds) in [
        ("success", vec!["success"]),
        ("progress,success", vec!["progress", "success"]),
        ("session_started,%20session_completed", vec!["session_started", "session_completed"]),
        ("error", vec!["error"]),
        ("success,success", vec!["success"]),
    ] {
        let expected: Vec<&Value> =
            all.iter().filter(|event| kinds.iter().any(|kind| event["type"] == *kind)).collect();
        let (mut after, mut found) = (json!(0), Vec::new());
        loop {
            let path = format!("/api/v1/sessions/{session}/events?type={filter}&limit=3&after={after}");
            let (status, page) = api.get(&path).await;
            assert_eq!(status, 200, "{page}");
            found.extend(page["items"].as_array().unwrap().iter().cloned());
            assert_eq!(page["lastOffset"], summary["lastOffset"], "the log's, not the filter's");
            assert_eq!(page["ended"], true);
            match page.get("nextAfter") {
                Some(next) => after = next.clone(),
                None => break,
            }
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
}

#[tokio::test]
async fn a_bad_parameter_is_named() {
    let (_database, service, api, session, _) = with_a_session().await;
    for (query, field) in [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=1.5", "after"),
        ("after=", "after"),
        ("limit=0", "limit"),
        ("limit=-5", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("type=nonsense", "type"),
        ("type=log,nonsense", "type"),
        ("type=", "type"),
        ("type=LOG", "type"),
    ] {
        let answer = get(&api, &format!("/api/v1/sessions/{session}/events?{query}")).await;
        let problem = assert_problem(&answer, 400, "bad_request");
        assert_clear(problem["detail"].as_str().unwrap(), field);
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_found() {
    let (_database, service, api, session, _) = with_a_session().await;
    for id in [UNKNOWN, "00000000-0000-0000-0000-000000000000", "x", "%00", &format!("{session}0")] {
        for path in [format!("/api/v1/sessions/{id}"), format!("/api/v1/sessions/{id}/events")] {
            assert_problem(&get(&api, &path).await, 404, "session_not_found");
        }
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn the_history_has_the_bytes_that_were_streamed() {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }

    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "20ms"]).await;
    let api = Api::of(&service);
    let mut socket = Socket::connect(&service).await;
    let session = api.generate("Quotes \" and \\ slashes / and 課程 🦀").await;
    socket.join(&session).await;
    let mut frames = Vec::new();
    loop {
        let text = socket.next_text().await.unwrap();
        if text.starts_with(r#"{"event":"course_generation_complete""#) {
            break;
        }
        if text.starts_with(r#"{"event":"course_generation_update""#) {
            frames.push(text);
        }
    }

    let answer = get(&api, &format!("/api/v1/sessions/{session}/events?limit=1000")).await;
    let page: Page = serde_json::from_str(&answer.text).unwrap();
    let (_terminal, events) = page.items.split_last().unwrap();
    let expected: Vec<String> =
        events.iter().map(|event| format!(r#"{{"event":"course_generation_update","data":{event}}}"#)).collect();
    assert_eq!(frames, expected);
    assert!(answer.text.contains("課程 🦀"));
    assert_unharmed(&service);
}
