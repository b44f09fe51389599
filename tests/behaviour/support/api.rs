//! The service's HTTP API, as a client uses it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use super::service::{PATIENCE, Service};

pub const USER: &str = "11111111-1111-4111-8111-111111111111";

pub struct Api {
    pub http: Client,
    base_url: String,
}

impl Api {
    pub fn of(service: &Service) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: Client::new(), base_url: service.base_url.clone() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.http.get(format!("{}{path}", self.base_url)).send().await.unwrap();
        (response.status(), response.json().await.unwrap_or(Value::Null))
    }

    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let response = self.http.post(format!("{}{path}", self.base_url)).json(body).send().await.unwrap();
        (response.status(), response.json().await.unwrap_or(Value::Null))
    }

    /// A request to be added to and sent with [`Answer::to`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base_url))
    }

    /// Starts a run and returns its session.
    pub async fn generate(&self, topic: &str) -> String {
        let body = json!({"course_topic": topic, "user_id": USER});
        let (status, answer) = self.post("/api/v1/course-generation/generate", &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["sessionId"].as_str().unwrap().to_owned()
    }

    /// The whole log so far.
    pub async fn events(&self, session: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event["offset"].as_u64().unwrap());
            let (status, page) = self.get(&format!("/api/v1/sessions/{session}/events?after={after}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            events.extend(page["items"].as_array().unwrap().iter().cloned());
            if page["nextAfter"].is_null() {
                return events;
            }
        }
    }

    /// Waits until the summary of a session is as wanted.
    pub async fn wait_for(&self, session: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let waited = async {
            loop {
                let (status, summary) = self.get(&format!("/api/v1/sessions/{session}")).await;
                if status == StatusCode::OK && wanted(&summary) {
                    return summary;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.expect("the session gets there")
    }

    /// The same where looking takes a while, or does something.
    pub async fn wait_for_async(&self, session: &str, wanted: impl AsyncFn(&Value) -> bool) -> Value {
        let waited = async {
            loop {
                let (status, summary) = self.get(&format!("/api/v1/sessions/{session}")).await;
                assert_eq!(status, StatusCode::OK, "{summary}");
                if wanted(&summary).await {
                    return summary;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.expect("the session gets there")
    }

    /// Waits until the session has ended.
    pub async fn wait_for_end(&self, session: &str) -> Value {
        self.wait_for(session, |summary| !summary["endedAt"].is_null()).await
    }
}

/// All of an answer, where its status and value are not enough.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn to(request: RequestBuilder) -> Self {
        let response = tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer comes").unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header's value; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn is_problem(&self) -> bool {
        self.header("content-type") == "application/problem+json"
    }
}
