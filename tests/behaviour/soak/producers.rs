//! Outside producers that repeat whatever was not answered: each message is in the log once, where its answer says.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{follow, runs::assert_one_end, world::World};
use crate::support::api::USER;

const BATCHES: u64 = 40;

pub(super) async fn stream(world: Arc<World>, worker: usize) {
    let mut number = 0;
    while !world.is_over() {
        number += 1;
        one(&world, &format!("producer {worker}.{number}")).await;
    }
}

async fn one(world: &World, name: &str) {
    let body = json!({"topic": name, "user_id": USER});
    // Repeated after an answer that was lost, it leaves a session behind that nobody knows of.
    let (status, created) = world.insist(Method::POST, "/api/v1/sessions", |request| request.json(&body)).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    let session = created["sessionId"].as_str().unwrap();
    let (following, appended) = tokio::join!(follow::on_all(world, session), append(world, session, name));

    let events = world.events(session).await;
    following.check(world, &events);
    assert_one_end(&events);
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["data"]["number"].as_u64()).collect();
    assert_eq!(numbers, (0..appended).collect::<Vec<_>>(), "each message once, in order");
    world.tally.add("outside sessions ended", 1);
    world.tally.add("messages of outside producers", appended);
}

/// Appends numbered messages, then ends the session; returns how many.
async fn append(world: &World, session: &str, name: &str) -> u64 {
    let mut number = 0;
    for sequence in 0..BATCHES {
        let count = world.random(1..5);
        let messages: Vec<Value> = (number..number + count)
            .map(|number| json!({"type": "log", "message": "n", "data": {"number": number}}))
            .collect();
        let (status, answer) = world
            .insist(Method::POST, &format!("/api/v1/sessions/{session}/messages"), |request| {
                request.header("Producer-Id", name).header("Producer-Seq", sequence).json(&messages)
            })
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        // Before it lies `session_started`.
        assert_eq!((&answer["firstOffset"], &answer["lastOffset"]), (&json!(number + 2), &json!(number + count + 1)));
        number += count;
        world.pause(5..150).await;
    }
    let end = json!({"status": "completed"});
    let (status, answer) =
        world.insist(Method::POST, &format!("/api/v1/sessions/{session}/end"), |request| request.json(&end)).await;
    // Repeated after an answer that was lost, the end finds its own.
    assert!(matches!(status, StatusCode::OK | StatusCode::CONFLICT), "{status}: {answer}");
    number
}
