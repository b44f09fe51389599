//! The HTTP API: bodies and statuses exactly as the contract has them, and errors that say what to do.

mod audit;
mod client;
mod courses;
mod drop_in;
mod history;
mod hostile;
mod node;
mod producers;

use serde_json::Value;

use crate::support::{api::Answer, service::Service};

/// What no client should get to see: names from inside the program.
const INSIDE: [&str; 12] = [
    "::",
    "GenerateRequest",
    "Uuid",
    "String",
    "struct",
    "serde",
    "poem",
    "sqlx",
    "Option",
    "u64",
    "payload",
    "visitor",
];

/// Fails unless the text speaks of the field, and of nothing that is ours alone.
fn assert_clear(text: &str, field: &str) {
    assert!(text.contains(field), "{text:?} does not name {field}");
    for word in INSIDE {
        assert!(!text.contains(word), "{text:?} speaks of {word}");
    }
}

/// Fails unless the answer is a problem of RFC 9457 with this status and code.
fn assert_problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.is_problem(), "{:?}: {}", answer.headers, answer.text);
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["type"], format!("urn:coursestream:problem:{code}"), "{problem}");
    assert!(!problem["title"].as_str().unwrap().is_empty(), "{problem}");
    assert_clear(problem["detail"].as_str().unwrap(), "");
    problem
}

/// Fails unless the answer is `{"success":false,"error":…}` with this status; returns the error.
fn assert_failure(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.header("content-type").starts_with("application/json"), "{:?}", answer.headers);
    let body = answer.json();
    assert_eq!(body["success"], false, "{body}");
    assert_eq!(keys(&body), ["error", "success"], "{body}");
    body["error"].as_str().unwrap().to_owned()
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// RFC 3339, UTC, with milliseconds: `2026-01-31T12:00:00.123Z`.
fn assert_timestamp(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no timestamp"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
}

fn assert_unharmed(service: &Service) {
    let log = service.stderr();
    assert!(!log.contains("panicked"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}
