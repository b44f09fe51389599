//! Runs, one after the other: each ends once, and none is paid for twice.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    follow,
    model::Ledger,
    world::{CALLS_PER_RUN, World},
};
use crate::support::api::USER;

const TERMINAL: [&str; 3] = ["session_completed", "session_failed", "session_cancelled"];

pub(super) async fn stream(world: Arc<World>, ledger: Arc<Ledger>, worker: usize) {
    let mut number = 0;
    while !world.is_over() {
        number += 1;
        one(&world, &ledger, &format!("Topic {worker}.{number}")).await;
    }
}

async fn one(world: &World, ledger: &Ledger, topic: &str) {
    let body = json!({"course_topic": topic, "user_id": USER});
    let (status, answer) = world
        .insist(Method::POST, "/api/v1/course-generation/generate", |request| {
            request.header("Idempotency-Key", topic).json(&body)
        })
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let session = answer["sessionId"].as_str().unwrap();

    let (following, was_cancelled) = tokio::join!(follow::on_all(world, session), maybe_cancel(world, session));
    let events = world.events(session).await;
    following.check(world, &events);
    assert_one_end(&events);
    let end = events.last().unwrap();
    match was_cancelled {
        Some(StatusCode::OK) => assert_eq!(end["type"], "session_cancelled"),
        // Repeated after an answer that was lost, a cancellation finds its own.
        Some(StatusCode::CONFLICT) => assert_ne!(end["type"], "session_failed", "{end}"),
        Some(other) => panic!("a cancellation is answered with {other}"),
        None => assert_eq!(end["type"], "session_completed", "{end}"),
    }

    let (status, summary) = world.insist(Method::GET, &format!("/api/v1/sessions/{session}"), |request| request).await;
    assert_eq!(status, StatusCode::OK, "{summary}");
    assert_eq!(summary["lastOffset"], events.len());
    let takeovers = summary["attempts"].as_u64().unwrap().saturating_sub(1);
    let (steps, again) = ledger.paid(topic);
    assert!(again <= takeovers * CALLS_PER_RUN, "{topic}: {again} of {steps} steps paid again, {takeovers} takeovers");
    world.tally.add(if end["type"] == "session_completed" { "runs completed" } else { "runs cancelled" }, 1);
    world.tally.add("runs taken over", takeovers);
    world.tally.add("steps paid for", steps);
    world.tally.add("steps paid for again, their node having died over them", again);
}

/// One run in eight is cancelled, some time on its way.
async fn maybe_cancel(world: &World, session: &str) -> Option<StatusCode> {
    if world.random(0..8) != 0 {
        return None;
    }
    world.pause(0..2_500).await;
    let path = format!("/api/v1/course-generation/session/{session}/cancel");
    Some(world.insist(Method::POST, &path, |request| request).await.0)
}

/// Offsets 1, 2, 3 …, and one terminal event: the last.
pub(super) fn assert_one_end(events: &[Value]) {
    for (expected, event) in (1..).zip(events) {
        assert_eq!(event["offset"], expected, "a hole in the log");
    }
    let ends = events.iter().filter(|event| TERMINAL.contains(&event["type"].as_str().unwrap())).count();
    assert_eq!(ends, 1, "{events:?}");
    assert!(TERMINAL.contains(&events.last().unwrap()["type"].as_str().unwrap()), "{events:?}");
}
