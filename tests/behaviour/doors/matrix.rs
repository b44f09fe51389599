//! The table: every operation of the OpenAPI document and every real-time event, by every kind of caller.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::callers::{Guarded, Kind, NOWHERE, OTHER_USER, guarded};
use crate::{
    socketio::socket::Socket as SocketIo,
    support::{
        api::{Answer, USER},
        service,
        socket::Socket,
    },
};

/// An operation, how it is asked for, and the status that each caller gets, in the order of [`Kind::ALL`].
struct Row {
    operation: &'static str,
    method: Method,
    /// `{session}` is an ended run of the owner's, `{open}` a session of the owner's that a producer writes to, `{course}` the run's
    /// course.
    path: &'static str,
    body: Value,
    statuses: [u16; 7],
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let row = |operation, method, path, body, statuses| Row { operation, method, path, body, statuses };
    let run = json!({"course_topic": "Rust", "user_id": USER});
    let outside = json!({"topic": "Rust", "user_id": USER});
    vec![
        //                                                                              nobody expired other owner producer auditor operator
        row("startGeneration", Method::POST, "/api/v1/course-generation/generate", run, [401, 401, 403, 200, 403, 403, 403]),
        row("getGenerationStatus", Method::GET, "/api/v1/course-generation/session/{session}/status", Value::Null,
            [401, 401, 404, 200, 403, 200, 200]),
        row("listGenerations", Method::GET, "/api/v1/course-generation/sessions", Value::Null,
            [401, 401, 200, 200, 403, 200, 200]),
        // It has ended: who may cancel it is told so.
        row("cancelGeneration", Method::POST, "/api/v1/course-generation/session/{session}/cancel", Value::Null,
            [401, 401, 404, 409, 403, 403, 409]),
        row("createStreamTicket", Method::POST, "/api/v1/course-generation/session/{session}/ticket", Value::Null,
            [401, 401, 404, 200, 403, 200, 403]),
        row("listSessions", Method::GET, "/api/v1/sessions", Value::Null, [401, 401, 200, 200, 403, 200, 403]),
        row("createSession", Method::POST, "/api/v1/sessions", outside, [401, 401, 403, 201, 201, 403, 403]),
        row("getSession", Method::GET, "/api/v1/sessions/{session}", Value::Null, [401, 401, 404, 200, 403, 200, 403]),
        row("getSessionEvents", Method::GET, "/api/v1/sessions/{session}/events", Value::Null,
            [401, 401, 404, 200, 403, 200, 403]),
        row("streamSession", Method::GET, "/api/v1/sessions/{session}/stream", Value::Null,
            [401, 401, 404, 200, 403, 200, 403]),
        // Written to by whoever holds the write token, and by nobody else.
        row("appendMessages", Method::POST, "/api/v1/sessions/{open}/messages", json!([{"type": "log", "message": "x"}]),
            [401, 401, 403, 403, 403, 403, 403]),
        row("endSession", Method::POST, "/api/v1/sessions/{open}/end", json!({"status": "completed"}),
            [401, 401, 403, 403, 403, 403, 403]),
        row("listCourses", Method::GET, "/api/v1/courses", Value::Null, [401, 401, 200, 200, 403, 200, 403]),
        row("getCourse", Method::GET, "/api/v1/courses/{course}", Value::Null, [401, 401, 404, 200, 403, 200, 403]),
        row("listAccesses", Method::GET, "/api/v1/audit/access", Value::Null, [401, 401, 403, 403, 403, 200, 403]),
        row("getActivitySummary", Method::GET, "/api/v1/analytics/summary", Value::Null, [401, 401, 403, 403, 403, 200, 200]),
        row("exportSession", Method::GET, "/api/v1/sessions/{session}/export", Value::Null,
            [401, 401, 404, 200, 403, 200, 403]),
        row("listSeals", Method::GET, "/api/v1/seals", Value::Null, [401, 401, 403, 403, 403, 200, 403]),
        row("getSeal", Method::GET, "/api/v1/sessions/{session}/seal", Value::Null, [401, 401, 403, 403, 403, 200, 403]),
        row("verifySession", Method::GET, "/api/v1/sessions/{session}/verify", Value::Null,
            [401, 401, 403, 403, 403, 200, 403]),
        row("verifyHistory", Method::GET, "/api/v1/verify", Value::Null, [401, 401, 403, 403, 403, 200, 403]),
        row("getMetrics", Method::GET, "/metrics", Value::Null, [401, 401, 403, 403, 403, 403, 200]),
        // For probes, which have no keys. A token that is shown has to be right all the same.
        row("getLiveness", Method::GET, "/health/live", Value::Null, [200, 401, 200, 200, 200, 200, 200]),
        row("getReadiness", Method::GET, "/health/ready", Value::Null, [200, 401, 200, 200, 200, 200, 200]),
    ]
}

#[tokio::test]
async fn every_operation_has_a_row() {
    let document: Value = serde_json::from_str(&service::run(&["openapi"]).await).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let described: BTreeSet<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let rows = rows();
    let tested: BTreeSet<&str> = rows.iter().map(|row| row.operation).collect();
    assert_eq!(described, tested, "an operation without a row in the table, or a row without an operation");
    assert_eq!(rows.len(), tested.len(), "a row twice");
}

#[tokio::test]
async fn every_operation_answers_every_caller_as_the_table_says() {
    let guarded = guarded(&[]).await;
    let (session, course) = guarded.finished_run().await;
    let open = guarded.outside_session().await.session;
    // A second or so after it has ended.
    let sealed = async {
        while guarded.get(Kind::Auditor, &format!("/api/v1/sessions/{session}/seal")).await.0 != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(service::PATIENCE, sealed).await.expect("the session is sealed");
    for Row { operation, method, path, body, statuses } in rows() {
        let path = path.replace("{session}", &session).replace("{open}", &open).replace("{course}", &course);
        for (kind, status) in Kind::ALL.into_iter().zip(statuses) {
            let answer = ask(&guarded, kind, &method, &path, &body).await;
            assert_eq!(answer.status, status, "{operation} by {kind:?}: {}", answer.text);
            if answer.status == StatusCode::UNAUTHORIZED {
                assert!(answer.header("www-authenticate").starts_with("Bearer"), "{operation}: {:?}", answer.headers);
            }
        }
    }
}

async fn ask(guarded: &Guarded, kind: Kind, method: &Method, path: &str, body: &Value) -> Answer {
    let request = guarded.request(kind, method.clone(), path);
    Answer::to(if body.is_null() { request } else { request.json(body) }).await
}

/// The same look at the same words: what is another's is as if it were not there.
#[tokio::test]
async fn a_session_of_another_is_answered_as_one_that_is_not_there() {
    let guarded = guarded(&[]).await;
    let (session, course) = guarded.finished_run().await;
    let open = guarded.outside_session().await.session;
    for Row { operation, method, path, body, statuses } in rows().into_iter().filter(|row| row.path.contains('{')) {
        // Whoever may see it is told how it stands, be that 404: an ended session has no seal for a moment.
        let refused = Kind::ALL.into_iter().zip(statuses).filter(|(_, status)| matches!(status, 403 | 404));
        for (kind, _) in refused {
            let here = path.replace("{session}", &session).replace("{open}", &open).replace("{course}", &course);
            let nowhere = path.replace("{session}", NOWHERE).replace("{open}", NOWHERE).replace("{course}", NOWHERE);
            let (here, nowhere) =
                (ask(&guarded, kind, &method, &here, &body).await, ask(&guarded, kind, &method, &nowhere, &body).await);
            if here.status.is_client_error() && here.status != StatusCode::CONFLICT {
                assert_eq!((here.status, &here.text), (nowhere.status, &nowhere.text), "{operation} by {kind:?}");
                let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
                assert_eq!(names(&here), names(&nowhere), "{operation} by {kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn lists_show_ones_own_alone() {
    let guarded = guarded(&[]).await;
    let (session, course) = guarded.finished_run().await;
    for (path, field, id) in [
        ("/api/v1/sessions", "items", &session),
        ("/api/v1/course-generation/sessions", "sessions", &session),
        ("/api/v1/courses", "items", &course),
    ] {
        let (_, own) = guarded.get(Kind::Owner, path).await;
        assert!(own[field].to_string().contains(id.as_str()), "{path}: {own}");
        let (_, others) = guarded.get(Kind::OtherUser, path).await;
        assert_eq!(others[field], json!([]), "{path}");
        let (_, all) = guarded.get(Kind::Auditor, path).await;
        assert!(all[field].to_string().contains(id.as_str()), "{path}: {all}");
    }
    for path in ["/api/v1/sessions", "/api/v1/courses"] {
        let (status, _) = guarded.get(Kind::OtherUser, &format!("{path}?user_id={USER}")).await;
        assert_eq!(status, 403, "another's list is not to be had by asking for it");
        let (status, _) = guarded.get(Kind::OtherUser, &format!("{path}?user_id={OTHER_USER}")).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn a_write_token_writes_to_its_session_and_opens_nothing_else() {
    let guarded = guarded(&[]).await;
    let (mine, other) = (guarded.outside_session().await, guarded.outside_session().await);
    let with = |method: Method, path: String| guarded.api.request(method, &path).bearer_auth(&mine.write_token);
    let message = json!([{"type": "log", "message": "x"}]);
    let append = |session: &str| with(Method::POST, format!("/api/v1/sessions/{session}/messages")).json(&message);
    assert_eq!(Answer::to(append(&mine.session)).await.status, 200);
    let (others, nowhere) = (Answer::to(append(&other.session)).await, Answer::to(append(NOWHERE)).await);
    assert_eq!((others.status.as_u16(), &others.text), (404, &nowhere.text));
    let run = guarded.finished_run().await.0;
    assert_eq!(Answer::to(append(&run)).await.text, nowhere.text, "a run of the service is no producer's");
    for path in [
        format!("/api/v1/sessions/{}", mine.session),
        format!("/api/v1/sessions/{}/events", mine.session),
        format!("/api/v1/sessions/{}/stream", mine.session),
        "/api/v1/sessions".to_owned(),
        "/metrics".to_owned(),
    ] {
        assert_eq!(Answer::to(with(Method::GET, path.clone())).await.status, 401, "{path}");
    }
}

/// What each caller hears when he sends an event over a connection, in the order of [`Kind::ALL`]: the answering event, and its
/// code where it is a refusal.
const EVENTS: [(&str, [&str; 7]); 2] = [
    (
        "join_session",
        [
            "unauthorized",
            "unauthorized",
            "session_not_found",
            "session_status",
            "forbidden",
            "session_status",
            "forbidden",
        ],
    ),
    (
        "authenticate",
        [
            "unauthorized",
            "unauthorized",
            "authenticated",
            "authenticated",
            "authenticated",
            "authenticated",
            "authenticated",
        ],
    ),
];

#[tokio::test]
async fn every_real_time_event_answers_every_caller_as_the_table_says() {
    let guarded = guarded(&[]).await;
    let (session, _) = guarded.finished_run().await;
    for (place, kind) in Kind::ALL.into_iter().enumerate() {
        let credential = guarded.credential(kind);
        let expected = |event: &str| EVENTS.iter().find(|(name, _)| *name == event).unwrap().1[place];

        // Native: the connection says who it is in its first frame.
        let mut socket = Socket::connect(&guarded.service).await;
        socket.send("authenticate", json!(credential.clone().unwrap_or_else(|| "nothing".to_owned()))).await;
        assert_eq!(heard(&socket.next().await.unwrap()), expected("authenticate"), "{kind:?}");
        socket.join(&session).await;
        assert_eq!(heard(&socket.next().await.unwrap()), expected("join_session"), "{kind:?}");
        // Leaving is nobody's business: it says nothing of the session.
        drop(socket);

        // Socket.IO: who is nobody is not let in at all.
        let auth = credential.map_or(Value::Null, |token| json!({"token": token}));
        match SocketIo::try_connect_with(&guarded.service, &auth).await {
            Err(refused) => {
                assert_eq!(expected("authenticate"), "unauthorized", "{kind:?}: {refused}");
                assert_eq!(refused["data"]["code"], "unauthorized", "{refused}");
            }
            Ok(mut socket) => {
                assert_eq!(expected("authenticate"), "authenticated", "{kind:?}");
                let (answer, _) = socket.ask("join_session", json!(session)).await;
                let code = if answer["ok"] == true { "session_status" } else { answer["code"].as_str().unwrap() };
                assert_eq!(code, expected("join_session"), "{kind:?}");
            }
        }
    }
}

fn heard(received: &crate::support::socket::Received) -> String {
    match received.event.as_str() {
        "session_error" => received.data["code"].as_str().unwrap().to_owned(),
        event => event.to_owned(),
    }
}

#[tokio::test]
async fn a_join_of_anothers_session_is_answered_as_one_of_none() {
    let guarded = guarded(&[]).await;
    let (session, _) = guarded.finished_run().await;
    let mut socket = Socket::connect(&guarded.service).await;
    socket.send("authenticate", json!(guarded.credential(Kind::OtherUser))).await;
    socket.expect("authenticated").await;
    for last_seen in [None, Some(0), Some(99_999)] {
        let mut told = Vec::new();
        for id in [session.as_str(), NOWHERE] {
            socket.send("join_session", json!({"sessionId": id, "lastSeenOffset": last_seen})).await;
            let error = socket.expect("session_error").await;
            told.push((error["code"].clone(), error["message"].clone()));
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0].0, "session_not_found");
    }
}
