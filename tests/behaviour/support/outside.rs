//! A session whose events come from the test, when the test wants them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api::{Api, USER};

pub struct Outside<'a> {
    pub session: String,
    api: &'a Api,
    token: String,
}

impl<'a> Outside<'a> {
    /// A session with one event: `session_started`.
    pub async fn create(api: &'a Api) -> Self {
        let (status, created) = api.post("/api/v1/sessions", &json!({"topic": "Anything", "user_id": USER})).await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        let text = |field: &str| created[field].as_str().unwrap().to_owned();
        Self { session: text("sessionId"), api, token: text("writeToken") }
    }

    /// Appends `count` log lines and returns the offset of the last.
    pub async fn log(&self, count: usize) -> u64 {
        let messages: Vec<Value> =
            (0..count).map(|number| json!({"type": "log", "message": format!("Line {number}")})).collect();
        self.append(&json!(messages)).await
    }

    pub async fn append(&self, messages: &Value) -> u64 {
        let answer = self.post("messages", messages).await;
        answer["lastOffset"].as_u64().unwrap()
    }

    /// Ends the session as completed.
    pub async fn end(&self) {
        self.post("end", &json!({"status": "completed"})).await;
    }

    async fn post(&self, what: &str, body: &Value) -> Value {
        let url = self.api.url(&format!("/api/v1/sessions/{}/{what}", self.session));
        let response = self.api.http.post(url).bearer_auth(&self.token).json(body).send().await.unwrap();
        let status = response.status();
        let answer = response.json().await.unwrap_or(Value::Null);
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }
}
