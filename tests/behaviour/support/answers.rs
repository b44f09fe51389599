//! What a model server answers, where a test leads it: the course that aimock serves, and refusals.

use serde_json::{Value, json};

use super::{
    database::Database,
    scripted::{self, Received as Asked, Reply},
    service::Service,
};

pub(crate) const FIXTURES: &str = include_str!("../../fixtures/aimock/course.json");

/// A node that asks the model server at an address.
pub(crate) async fn node(database: &Database, base_url: &str, settings: &[&str]) -> Service {
    let settings = [&["--provider", "openai"], settings].concat();
    Service::start_with_env(database, &settings, &[("OPENAI_BASE_URL", base_url), ("OPENAI_MODEL", "test-model")]).await
}

/// A chat completion as a server sends it.
pub(crate) fn completion(content: &str) -> Reply {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 20});
    let choice = json!({"message": {"content": content}, "finish_reason": "stop"});
    scripted::json(200, &json!({"model": "test-model", "choices": [choice], "usage": usage}).to_string())
}

pub(crate) fn refusal(status: u16, message: &str) -> Reply {
    scripted::json(status, &json!({"error": {"message": message}}).to_string())
}

pub(crate) fn user_message(asked: &Asked) -> &str {
    let messages = asked.body["messages"].as_array().or_else(|| asked.body["input"].as_array()).unwrap();
    messages.iter().find(|message| message["role"] == "user").unwrap()["content"].as_str().unwrap()
}

/// The course that aimock serves, from a server that a test can lead.
pub(crate) fn course(asked: &Asked) -> Reply {
    completion(&fixture(asked)["response"]["content"].to_string())
}

/// Which step of the course is asked for.
pub(crate) fn step(asked: &Asked) -> String {
    fixture(asked)["match"]["userMessage"].as_str().unwrap().to_owned()
}

fn fixture(asked: &Asked) -> Value {
    let fixtures: Value = serde_json::from_str(FIXTURES).unwrap();
    let mut fixtures = fixtures["fixtures"].as_array().unwrap().iter();
    let is_it = |fixture: &&Value| user_message(asked).contains(fixture["match"]["userMessage"].as_str().unwrap());
    fixtures.find(is_it).expect("the fixtures answer every step").clone()
}

/// What the course is to be about.
pub(crate) fn topic(asked: &Asked) -> String {
    let tagged = user_message(asked).split("<topic>").nth(1).and_then(|rest| rest.split("</topic>").next());
    serde_json::from_str(tagged.expect("every prompt names the topic")).unwrap()
}
