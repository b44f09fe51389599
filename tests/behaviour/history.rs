//! The history: every session that is kept, found by what it was and when.

mod plans;

use std::collections::HashSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    api::{Api, USER},
    database::Database,
    service::{self, Service},
};

const OTHER_USER: &str = "22222222-2222-4222-8222-222222222222";

async fn create(api: &Api, topic: &str, user: &str) -> String {
    let (status, created) = api.post("/api/v1/sessions", &json!({"topic": topic, "user_id": user})).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    created["sessionId"].as_str().unwrap().to_owned()
}

async fn end(api: &Api, session: &str, body: Value) {
    let (status, ended) = api.post(&format!("/api/v1/sessions/{session}/end"), &body).await;
    assert_eq!(status, StatusCode::OK, "{ended}");
}

async fn list(api: &Api, query: &str) -> Vec<String> {
    let (status, page) = api.get(&format!("/api/v1/sessions?{query}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    ids(&page)
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["sessionId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_history_is_filtered_by_what_a_session_is() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let failed = create(&api, "Rust ownership", USER).await;
    let completed = create(&api, "100% cotton_weaving", USER).await;
    let running = create(&api, "Bread", OTHER_USER).await;
    end(&api, &failed, json!({"status": "failed", "error": "no flour"})).await;
    end(&api, &completed, json!({"status": "completed"})).await;

    assert_eq!(list(&api, "").await, [running.clone(), completed.clone(), failed.clone()]);
    assert_eq!(list(&api, "status=failed").await, std::slice::from_ref(&failed));
    assert_eq!(list(&api, "status=failed,running").await, [running.clone(), failed.clone()]);
    assert_eq!(list(&api, &format!("user_id={OTHER_USER}")).await, std::slice::from_ref(&running));
    assert_eq!(list(&api, "topic=OWNER").await, std::slice::from_ref(&failed));
    // Nothing in a topic is a pattern.
    assert_eq!(list(&api, "topic=%25").await, std::slice::from_ref(&completed));
    assert_eq!(list(&api, "topic=n_w").await, std::slice::from_ref(&completed));
    assert_eq!(list(&api, "topic=Bread&status=failed").await, [] as [String; 0]);

    let (_, page) = api.get("/api/v1/sessions?status=failed").await;
    assert_eq!(page["items"][0]["topic"], "Rust ownership");
    assert_eq!(page["items"][0]["error"], "no flour");
    assert!(page.get("nextCursor").is_none(), "{page}");
}

#[tokio::test]
async fn the_history_is_bounded_by_time() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let mut sessions = Vec::new();
    let mut started = Vec::new();
    for topic in ["one", "two", "three"] {
        let session = create(&api, topic, USER).await;
        let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
        started.push(summary["startedAt"].as_str().unwrap().to_owned());
        sessions.push(session);
    }
    let second = started[1].replace('+', "%2B");
    let after = list(&api, &format!("started_after={second}")).await;
    assert!(after.contains(&sessions[1]) && after.contains(&sessions[2]), "{after:?}");
    let before = list(&api, &format!("started_before={second}")).await;
    assert!(before.contains(&sessions[0]) && !before.contains(&sessions[1]), "{before:?}");
    assert_eq!(list(&api, "started_before=1969-12-31T00:00:00Z").await, [] as [String; 0]);
    assert_eq!(list(&api, "started_after=1969-12-31T00:00:00Z").await.len(), 3);
    assert_eq!(list(&api, "started_after=9999-12-31T23:59:59Z").await, [] as [String; 0]);
    assert_eq!(list(&api, "started_after=0000-01-01T00:00:00Z&started_before=9999-12-31T23:59:59Z").await.len(), 3);
}

#[tokio::test]
async fn pages_of_the_history_show_each_session_once() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let mut created = HashSet::new();
    for number in 0..7 {
        created.insert(create(&api, &format!("Topic {number}"), USER).await);
    }
    let mut seen = Vec::new();
    let mut query = "limit=3".to_owned();
    loop {
        let (status, page) = api.get(&format!("/api/v1/sessions?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        seen.extend(ids(&page));
        match page["nextCursor"].as_str() {
            Some(cursor) => query = format!("limit=3&cursor={cursor}"),
            None => break,
        }
        // What is created meanwhile stands before the first page.
        create(&api, "Later", USER).await;
    }
    assert_eq!(seen.len(), 7);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), created);
    // A page that is just full has nothing behind it.
    let (_, page) = api.get("/api/v1/sessions?topic=Topic&limit=7").await;
    assert_eq!(ids(&page).len(), 7);
    assert!(page.get("nextCursor").is_none(), "{page}");
}

/// Whoever turns the pages sees everything that was there when they began, in order and once, whatever is written meanwhile.
#[tokio::test]
async fn pages_keep_their_order_while_others_write() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let mut there = HashSet::new();
    for number in 0..60 {
        there.insert(create(&api, &format!("Before {number}"), USER).await);
    }
    let write = async {
        for number in 0..40 {
            let session = create(&api, &format!("Meanwhile {number}"), USER).await;
            end(&api, &session, json!({"status": "completed"})).await;
        }
    };
    let turn = async {
        let mut turned = Vec::new();
        for limit in [1, 7, 20] {
            let (mut seen, mut query) = (Vec::new(), format!("limit={limit}&user_id={USER}"));
            loop {
                let (status, page) = api.get(&format!("/api/v1/sessions?{query}")).await;
                assert_eq!(status, StatusCode::OK, "{page}");
                seen.extend(ids(&page));
                let Some(cursor) = page["nextCursor"].as_str() else { break };
                query = format!("limit={limit}&user_id={USER}&cursor={cursor}");
            }
            turned.push(seen);
        }
        turned
    };
    let writers = futures_util::future::join_all([(); 4].map(|()| write_once(&api)));
    let (turned, (), _) = futures_util::join!(turn, write, writers);
    for seen in turned {
        // Ids are of their time: later ones are greater.
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
        let missing: Vec<&String> = there.iter().filter(|session| !seen.contains(session)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

/// Sessions that grow and end.
async fn write_once(api: &Api) {
    for number in 0..10 {
        let session = create(api, &format!("Beside {number}"), OTHER_USER).await;
        let messages = json!([{"type": "log", "message": "x"}]);
        let (status, answer) = api.post(&format!("/api/v1/sessions/{session}/messages"), &messages).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        end(api, &session, json!({"status": "failed"})).await;
    }
}

#[tokio::test]
async fn courses_are_in_the_order_in_which_they_were_saved_whatever_their_ids() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let mut saved = Vec::new();
    for topic in ["One", "Two", "Three", "Four"] {
        let run = api.generate(topic).await;
        let summary = api.wait_for_end(&run).await;
        saved.insert(0, summary["courseId"].as_str().unwrap().to_owned());
        // An outside producer's course, with an id of its own making.
        let events = api.events(&run).await;
        let generated = events.iter().find(|event| event["type"] == "course_generated").unwrap();
        let mut data = generated["data"].clone();
        let id =
            format!("{:08x}-0000-4000-8000-000000000000", u32::MAX - 1_000_003 * u32::try_from(saved.len()).unwrap());
        data["courseId"] = json!(id);
        data["course"]["id"] = json!(id);
        let session = create(&api, topic, USER).await;
        let messages = json!([{"type": "course_generated", "message": "x", "data": data}]);
        let (status, answer) = api.post(&format!("/api/v1/sessions/{session}/messages"), &messages).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        saved.insert(0, id);
    }
    for limit in [1, 3, 8, 200] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (_, page) = api.get(&format!("/api/v1/courses?limit={limit}{cursor}")).await;
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|item| item["courseId"].as_str().unwrap().to_owned()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, saved, "in pages of {limit}");
    }
}

#[tokio::test]
async fn expired_sessions_stay_in_the_history() {
    let database = Database::create().await;
    let arguments = ["--offline-pace", "0ms", "--session-ttl", "1s", "--prune-every", "1s"];
    let service = Service::start_with(&database, &arguments).await;
    let api = Api::of(&service);
    let session = create(&api, "Soon over", USER).await;
    end(&api, &session, json!({"status": "completed"})).await;
    api.wait_for(&session, |summary| summary["status"] == "expired").await;
    assert_eq!(list(&api, "status=expired").await, std::slice::from_ref(&session));
    assert_eq!(list(&api, "status=completed").await, [] as [String; 0]);
    assert_eq!(list(&api, "").await, [session]);
}

#[tokio::test]
async fn what_is_no_filter_is_refused() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    for query in
        ["status=done", "user_id=me", "cursor=next", "limit=0", "limit=201", "started_after=yesterday", "topic=%00"]
    {
        let (status, problem) = api.get(&format!("/api/v1/sessions?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {problem}");
        assert_eq!(problem["code"], "bad_request", "{query}");
    }
}

#[tokio::test]
async fn every_operation_can_be_read_from_the_document() {
    let document = service::run(&["openapi"]).await;
    let parsed: Value = serde_json::from_str(&document).unwrap();
    let paths = parsed["paths"].as_object().unwrap();
    let read: usize = paths.values().map(|operations| operations.as_object().unwrap().len()).sum();
    assert_eq!(read, document.matches("\"operationId\"").count());
}
