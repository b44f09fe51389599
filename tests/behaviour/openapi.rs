//! The OpenAPI document: checked in, printed and served alike, and complete.

use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use crate::support::{
    api::{Answer, Api},
    database::Database,
    service::{self, Service},
};

fn checked_in() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[tokio::test]
async fn the_document_that_is_checked_in_is_the_one_that_is_printed() {
    let printed = service::run(&["openapi"]).await;
    assert!(
        printed == checked_in(),
        "openapi/openapi.json is not what the program prints: run `cargo run -- openapi > openapi/openapi.json`"
    );
}

#[tokio::test]
async fn the_document_that_is_served_is_the_one_that_is_printed() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let served = Answer::to(api.request(Method::GET, "/openapi.json")).await;
    assert_eq!(served.status, 200);
    assert!(served.header("content-type").starts_with("application/json"));
    assert!(served.text == service::run(&["openapi"]).await);
}

#[test]
fn every_endpoint_is_described() {
    let document: Value = serde_json::from_str(&checked_in()).unwrap();
    for (method, path) in [
        ("post", "/api/v1/course-generation/generate"),
        ("get", "/api/v1/course-generation/session/{id}/status"),
        ("get", "/api/v1/course-generation/sessions"),
        ("post", "/api/v1/course-generation/session/{id}/cancel"),
        ("post", "/api/v1/sessions"),
        ("get", "/api/v1/sessions/{id}"),
        ("get", "/api/v1/sessions/{id}/events"),
        ("get", "/api/v1/sessions/{id}/stream"),
        ("get", "/api/v1/sessions/{id}/export"),
        ("get", "/api/v1/sessions/{id}/seal"),
        ("get", "/api/v1/sessions/{id}/verify"),
        ("get", "/api/v1/verify"),
        ("post", "/api/v1/sessions/{id}/messages"),
        ("post", "/api/v1/sessions/{id}/end"),
        ("get", "/api/v1/courses"),
        ("get", "/api/v1/courses/{id}"),
        ("get", "/health/live"),
        ("get", "/health/ready"),
        ("get", "/metrics"),
    ] {
        let paths = document["paths"].as_object().unwrap();
        let described = paths.iter().find(|(described, _)| described.trim_end_matches('/') == path);
        let operation = described.map_or(&Value::Null, |(_, operations)| &operations[method]);
        assert!(operation["operationId"].is_string(), "{method} {path} is not described");
        assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        assert!(operation["responses"].as_object().is_some_and(|answers| !answers.is_empty()), "{method} {path}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_no_operation_id_is_used_twice() {
    fn walk(value: &Value, document: &Value, ids: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                if let Some(Value::String(id)) = fields.get("operationId") {
                    ids.push(id.clone());
                }
                fields.values().for_each(|field| walk(field, document, ids));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, document, ids)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document: Value = serde_json::from_str(&checked_in()).unwrap();
    let mut ids = Vec::new();
    walk(&document, &document, &mut ids);
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}
