//! Outside producers: what they may append, how a retry is told from a mistake, and how a session ends.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_clear, assert_problem, assert_unharmed};
use crate::support::{
    api::{Answer, Api, USER},
    database::Database,
    service::Service,
};

const COURSE: &str = "0199aaaa-0000-7000-8000-000000000001";

/// A session for a producer, and its write token.
async fn create(api: &Api) -> (String, String) {
    let (status, created) = api.post("/api/v1/sessions", &json!({"topic": "Anything", "user_id": USER})).await;
    assert_eq!(status, 201, "{created}");
    let text = |field: &str| created[field].as_str().unwrap().to_owned();
    (text("sessionId"), text("writeToken"))
}

async fn append(api: &Api, session: &str, headers: &[(&str, &str)], messages: &Value) -> Answer {
    let mut request = api.request(Method::POST, &format!("/api/v1/sessions/{session}/messages")).json(messages);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::to(request).await
}

async fn end(api: &Api, session: &str, body: &Value) -> Answer {
    Answer::to(api.request(Method::POST, &format!("/api/v1/sessions/{session}/end")).json(body)).await
}

fn log(message: &str) -> Value {
    json!([{"type": "log", "message": message}])
}

/// `course_generated` of a small course with this id.
fn course(id: &str) -> Value {
    let options = ["A", "B", "C", "D"].map(|label| json!({"option": label, "text": "x", "is_correct": label == "A"}));
    let question = json!({"question": "How many?", "options": options});
    json!({
        "courseId": id,
        "summary": {"title": "Small"},
        "course": {
            "id": id, "title": "Small", "description": "x", "target_audience": "x", "prerequisites": [],
            "total_duration": "x",
            "parts": [{
                "part_number": 1, "title": "x", "description": "x", "learning_goals": ["x"],
                "lessons": [{
                    "lesson_number": 1, "title": "x", "description": "x",
                    "content": {
                        "title": "x", "learning_objectives": ["x"], "content": "x", "key_concepts": ["x"], "examples": [],
                        "exercises": [], "estimated_duration": "x",
                        "quiz": {"questions": [question, question, question]},
                    },
                }],
            }],
        },
    })
}

fn generated(data: &Value) -> Value {
    json!([{"type": "course_generated", "message": "A course", "data": data}])
}

#[tokio::test]
async fn a_retry_gets_the_offsets_of_the_first_try_and_other_messages_are_a_mistake() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (session, _) = create(&api).await;
    let mark = [("Producer-Id", "p"), ("Producer-Seq", "7")];
    let first = append(&api, &session, &mark, &log("once")).await;
    assert_eq!((first.status.as_u16(), first.json()), (200, json!({"firstOffset": 2, "lastOffset": 2})));
    append(&api, &session, &[], &log("between")).await;
    assert_eq!(append(&api, &session, &mark, &log("once")).await.json(), first.json());

    for other in [
        log("another"),
        json!([{"type": "error", "message": "once"}]),
        json!([{"type": "log", "message": "once", "data": null}, {"type": "log", "message": "more"}]),
        json!([{"type": "log", "message": "once", "data": {}}]),
    ] {
        let problem = assert_problem(&append(&api, &session, &mark, &other).await, 422, "producer_seq_reused");
        assert_clear(problem["detail"].as_str().unwrap(), "Producer-Seq");
    }
    // Of another producer, or with another number, it is another append.
    for (producer, seq) in [("q", "7"), ("p", "8")] {
        let answer = append(&api, &session, &[("Producer-Id", producer), ("Producer-Seq", seq)], &log("another")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(api.events(&session).await.len(), 5);
    // The end changes nothing about it.
    assert_eq!(end(&api, &session, &json!({"status": "completed"})).await.status, 200);
    assert_eq!(append(&api, &session, &mark, &log("once")).await.json(), first.json());
    assert_problem(&append(&api, &session, &mark, &log("another")).await, 422, "producer_seq_reused");
    assert_unharmed(&service);
}

#[tokio::test]
async fn of_two_appends_with_one_mark_that_race_one_is_in_the_log() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (session, _) = create(&api).await;
    let mark = [("Producer-Id", "p"), ("Producer-Seq", "1")];
    let texts: Vec<String> = (0..16).map(|number| format!("try {}", number % 2)).collect();
    let tries = texts.iter().map(|text| async { append(&api, &session, &mark, &log(text)).await });
    let answers = futures_util::future::join_all(tries).await;
    let events = api.events(&session).await;
    assert_eq!(events.len(), 2, "{events:?}");
    for (text, answer) in texts.iter().zip(answers) {
        let expected = if events[1]["message"] == *text { 200 } else { 422 };
        assert_eq!(answer.status, expected, "{text}: {}", answer.text);
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_mark_has_two_parts_and_each_its_rule() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (session, _) = create(&api).await;
    let long = "x".repeat(201);
    for (headers, field) in [
        (vec![("Producer-Id", "p")], "Producer-Seq"),
        (vec![("Producer-Seq", "1")], "Producer-Id"),
        (vec![("Producer-Id", ""), ("Producer-Seq", "1")], "Producer-Id"),
        (vec![("Producer-Id", &long), ("Producer-Seq", "1")], "Producer-Id"),
        (vec![("Producer-Id", "p"), ("Producer-Seq", "-1")], "Producer-Seq"),
        (vec![("Producer-Id", "p"), ("Producer-Seq", "one")], "Producer-Seq"),
        (vec![("Producer-Id", "p"), ("Producer-Seq", "9223372036854775808")], "Producer-Seq"),
    ] {
        let problem = assert_problem(&append(&api, &session, &headers, &log("x")).await, 400, "bad_request");
        assert_clear(problem["detail"].as_str().unwrap(), field);
    }
    assert_eq!(api.events(&session).await.len(), 1);
    assert_unharmed(&service);
}

#[tokio::test]
async fn the_write_token_is_read_whatever_the_case_of_its_scheme() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (session, token) = create(&api).await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = append(&api, &session, &[("Authorization", &format!("{scheme} {token}"))], &log("x")).await;
        assert_eq!(answer.status, 200, "{scheme}: {}", answer.text);
    }
    for wrong in [format!("Bearer {token}0"), format!("Basic {token}"), token.clone(), "Bearer".to_owned()] {
        let answer = append(&api, &session, &[("Authorization", &wrong)], &log("x")).await;
        let problem = assert_problem(&answer, 401, "unauthorized");
        assert_clear(problem["detail"].as_str().unwrap(), "Authorization");
    }
    assert_eq!(api.events(&session).await.len(), 4);
    assert_unharmed(&service);
}

#[tokio::test]
async fn messages_are_objects_and_so_is_what_is_in_them() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (session, _) = create(&api).await;
    let whole = course(COURSE);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut data = whole.clone();
        change(&mut data);
        generated(&data)
    };
    for (messages, field) in [
        (json!([["log", "positional", null]]), "[0]"),
        (json!([{"type": "log", "message": "x"}, ["log", "x"]]), "[1]"),
        (json!([["log"]]), "[0]"),
        (generated(&json!([COURSE, whole["course"], {}])), "data"),
        (
            with(&|data| {
                data["course"] = json!([COURSE, "Small", "x", "x", [], "x", whole["course"]["parts"]]);
            }),
            "data.course",
        ),
        (
            with(&|data| {
                let part = data["course"]["parts"][0].clone();
                data["course"]["parts"][0] = json!([1, "x", "x", ["x"], part["lessons"]]);
            }),
            "data.course.parts[0]",
        ),
        (with(&|data| drop(data.as_object_mut().unwrap().remove("summary"))), "summary"),
        (with(&|data| data["courseId"] = json!("0199aaaa-0000-7000-8000-000000000002")), "courseId"),
        (json!([{"type": "course_generated", "message": "none"}]), "summary"),
    ] {
        let problem = assert_problem(&append(&api, &session, &[], &messages).await, 400, "bad_request");
        assert_clear(problem["detail"].as_str().unwrap(), field);
    }
    assert_eq!(api.events(&session).await.len(), 1);
    let answer = append(&api, &session, &[], &generated(&whole)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_session_ends_with_a_course_of_its_own() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (others, _) = create(&api).await;
    append(&api, &others, &[], &generated(&course("0199aaaa-0000-7000-8000-00000000000f"))).await;
    let (session, _) = create(&api).await;
    append(&api, &session, &[], &generated(&course(COURSE))).await;
    for wrong in ["0199aaaa-0000-7000-8000-00000000000f", "0199aaaa-0000-7000-8000-00000000ffff"] {
        let problem = assert_problem(
            &end(&api, &session, &json!({"status": "completed", "courseId": wrong})).await,
            400,
            "bad_request",
        );
        assert_clear(problem["detail"].as_str().unwrap(), "courseId");
    }
    let answer = end(&api, &session, &json!({"status": "completed", "courseId": COURSE})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
    assert_eq!((&summary["status"], &summary["courseId"]), (&json!("completed"), &json!(COURSE)));
    assert_problem(
        &end(&api, &session, &json!({"status": "completed", "courseId": COURSE})).await,
        409,
        "session_ended",
    );
    assert_unharmed(&service);
}

#[tokio::test]
async fn nobody_writes_to_a_run_of_the_service() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "1h"]).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for(&session, |summary| summary["status"] == "running").await;
    let before = api.events(&session).await;
    for authorization in [&[][..], &[("Authorization", "Bearer 00")]] {
        let answer = append(&api, &session, authorization, &log("mine")).await;
        let problem = assert_problem(&answer, 403, "forbidden");
        assert_clear(problem["detail"].as_str().unwrap(), "run of this service");
    }
    assert_problem(&end(&api, &session, &json!({"status": "failed"})).await, 403, "forbidden");
    assert_eq!(api.events(&session).await, before);
    assert_unharmed(&service);
}
