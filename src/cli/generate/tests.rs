use std::sync::Mutex;

use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::cli::fake_server::Fake;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: GenerateArgs,
}

fn request() -> RunRequest {
    RunRequest { course_topic: "Rust".to_owned(), search_web: true, user_id: LOCAL_USER }
}

async fn watch_all(fake: Fake) -> (End, SessionId, ServerAddress) {
    let (fake, api) = fake.serve().await;
    let items = follow(api.server(), fake.session, Offset::ZERO, Patience::default());
    let end = watch(items, &Screen::Lines).await.unwrap();
    (end, fake.session, api.server().clone())
}

#[tokio::test]
async fn a_start_is_tried_again_with_the_same_key() {
    let (fake, api) = Fake { busy: Mutex::new(2), ..Fake::with_log(&[]) }.serve().await;
    assert_eq!(start(&api, &request(), &Screen::Lines).await.unwrap(), fake.session);
    let starts = fake.starts.lock().unwrap();
    assert_eq!(starts.len(), 3);
    let key: Uuid = starts[0].0.parse().unwrap();
    assert!(starts.iter().all(|(other, _)| *other == key.to_string()));
    let body = json!({"course_topic": "Rust", "search_web": true, "user_id": "00000000-0000-4000-8000-000000000001"});
    assert!(starts.iter().all(|(_, other)| *other == body));
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up_with_its_answer() {
    let (_, api) = Fake { busy: Mutex::new(usize::MAX), ..Fake::with_log(&[]) }.serve().await;
    let error = start(&api, &request(), &Screen::Lines).await.unwrap_err();
    assert_eq!(error.to_string(), "Service Unavailable (HTTP 503)");
}

#[tokio::test]
async fn a_completed_run_says_where_the_course_is() {
    let course = json!({"title": "Rust\u{1b}", "parts": [{"lessons": [{}, {}]}, {"lessons": [{}]}]});
    let (end, session, server) = watch_all(Fake::with_log(&[
        ("session_started", "Started", Value::Null),
        ("progress", "half", json!({"step": "content", "done": 1, "total": 2})),
        ("course_generated", "there", json!({"courseId": "c-1", "course": course, "summary": "s"})),
        ("session_completed", "Completed", Value::Null),
    ]))
    .await;
    let expected =
        format!("Rust\\u{{1b}}\n2 parts, 3 lessons\nGET {server}/api/v1/courses/c-1\n{server}/sessions/{session}\n");
    assert_eq!(summary(&server, session, &end), Ok(expected));
}

#[tokio::test]
async fn a_run_without_a_course_is_told_in_its_own_words() {
    for (kind, words) in
        [("session_failed", "the run failed: no model"), ("session_cancelled", "the run was cancelled")]
    {
        let log = [("session_started", "Started", Value::Null), (kind, "no model", Value::Null)];
        let (end, session, server) = watch_all(Fake::with_log(&log)).await;
        let text = summary(&server, session, &end).unwrap_err();
        assert!(text.starts_with(words), "{text}");
        assert!(text.contains(&format!("coursestream tail {session} --server {server}")), "{text}");
    }
}

#[test]
fn the_topic_is_trimmed_and_measured_in_characters() {
    let parse = |topic: &str| Cli::try_parse_from(["generate", topic]).map(|cli| cli.args.topic);
    assert_eq!(parse("  Käse  ").unwrap(), "Käse");
    assert!(parse(&"ü".repeat(500)).is_ok());
    for refused in [String::new(), "  ".to_owned(), "ü".repeat(501)] {
        assert_eq!(parse(&refused).unwrap_err().exit_code(), 2);
    }
}
