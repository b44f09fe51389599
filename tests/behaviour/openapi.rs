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

/// A description of something: an operation, a parameter, a body. What it lacks is noted.
struct Walk<'a> {
    document: &'a Value,
    lacking: Vec<String>,
}

impl Walk<'_> {
    fn expect(&mut self, holds: bool, place: &str, what: &str) {
        if !holds {
            self.lacking.push(format!("{place}: {what}"));
        }
    }

    /// The schema itself, where it is a reference.
    fn resolve(&self, schema: &Value) -> Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).unwrap().clone(),
            None => schema.clone(),
        }
    }

    fn operation(&mut self, place: &str, operation: &Value) {
        self.expect(is_text(&operation["summary"]), place, "no summary");
        self.expect(is_text(&operation["operationId"]), place, "no operation id");
        self.expect(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), place, "not one tag");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let place = format!("{place} {}", parameter["name"].as_str().unwrap());
            self.expect(is_text(&parameter["description"]), &place, "no description");
            let schema = self.resolve(&parameter["schema"]);
            let has_example = !schema["example"].is_null() || !schema["default"].is_null();
            self.expect(has_example, &place, "no example");
            self.schema(&place, &parameter["schema"]);
        }
        if let Some(content) = operation["requestBody"]["content"].as_object() {
            for media in content.values() {
                self.example(&format!("{place} body"), &media["schema"]);
                self.schema(&format!("{place} body"), &media["schema"]);
            }
        }
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let place = format!("{place} {status}");
            self.expect(is_text(&answer["description"]), &place, "no description");
            for (content_type, media) in answer["content"].as_object().into_iter().flatten() {
                if content_type.contains("json") {
                    self.example(&place, &media["schema"]);
                    self.schema(&place, &media["schema"]);
                }
            }
        }
    }

    /// An example, of the schema or of what its list is of.
    fn example(&mut self, place: &str, schema: &Value) {
        let schema = self.resolve(schema);
        let item = self.resolve(&schema["items"]);
        self.expect(!schema["example"].is_null() || !item["example"].is_null(), place, "no example");
    }

    /// Ids, moments and closed sets of words say that they are such.
    fn schema(&mut self, place: &str, schema: &Value) {
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.schema(place, part);
        }
        if !schema["items"].is_null() {
            self.schema(place, &schema["items"]);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.property(&format!("{place} .{name}"), name, property);
        }
    }

    fn property(&mut self, place: &str, name: &str, schema: &Value) {
        let resolved = self.resolve(schema);
        if name.ends_with("Id") || name == "id" || name.ends_with("_id") {
            self.expect(resolved["format"] == "uuid", place, "an id that is no UUID");
        }
        if name.ends_with("At") || name == "at" || name == "timestamp" {
            self.expect(resolved["format"] == "date-time", place, "a moment that is no date-time");
        }
        if (name == "status" || name == "type" || name == "code") && resolved["type"] == "string" {
            let is_closed = resolved["enum"].is_array() || resolved["pattern"].is_string();
            self.expect(is_closed, place, "a word out of no set");
        }
        if resolved["type"] == "integer" {
            self.expect(resolved["format"].is_string(), place, "a number of no format");
        }
        self.schema(place, schema);
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[test]
fn every_operation_says_all_that_there_is_to_know() {
    let document: Value = serde_json::from_str(&checked_in()).unwrap();
    let mut walk = Walk { document: &document, lacking: Vec::new() };
    for (place, operation) in operations(&document) {
        walk.operation(&place, operation);
    }
    assert!(walk.lacking.is_empty(), "the document lacks:\n{}", walk.lacking.join("\n"));
}

#[test]
fn every_operation_has_the_problems_that_are_everybodys_and_those_of_its_parts() {
    let document: Value = serde_json::from_str(&checked_in()).unwrap();
    for (place, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap();
        let mut expected = Vec::new();
        if place.contains("/api/") {
            expected.extend(["401", "403", "429", "500", "503"]);
        }
        if operation["requestBody"].is_object() {
            expected.extend(["400", "413", "415"]);
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        if parameters.iter().any(|parameter| parameter["in"] == "query") {
            expected.push("400");
        }
        if place.contains("{id}") {
            expected.push("404");
        }
        for status in expected {
            assert!(answers.contains_key(status), "{place} has no {status}");
        }
        let is_drop_in = place.contains("/course-generation/");
        for (status, answer) in answers.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
            if !place.contains("/api/") {
                continue;
            }
            let content: Vec<&String> = answer["content"].as_object().unwrap().keys().collect();
            let form = if is_drop_in { "application/json; charset=utf-8" } else { "application/problem+json" };
            assert_eq!(content, [form], "{place} {status}");
            assert_eq!(
                matches!(status.as_str(), "429" | "503"),
                answer["headers"]["Retry-After"].is_object(),
                "{place} {status}"
            );
        }
    }
}
