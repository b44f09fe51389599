//! A node that asks who one is, and the callers that come to it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{
    api::{Api, USER},
    database::Database,
    service::{self, Service},
};

pub(super) const SECRET: &str = "a secret of the tests, of enough bytes";
pub(super) const ISSUER: &str = "https://id.test";
pub(super) const AUDIENCE: &str = "courses";
pub(super) const OTHER_USER: &str = "22222222-2222-4222-8222-222222222222";
/// No session and no course has this id.
pub(super) const NOWHERE: &str = "01990000-0000-7000-8000-000000000000";

/// Everybody who may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nobody,
    /// The owner, with yesterday's token.
    Expired,
    OtherUser,
    /// Whose session it is.
    Owner,
    Producer,
    Auditor,
    Operator,
}

impl Kind {
    pub(super) const ALL: [Self; 7] =
        [Self::Nobody, Self::Expired, Self::OtherUser, Self::Owner, Self::Producer, Self::Auditor, Self::Operator];
}

/// A node with authentication, and a key for every role.
pub(super) struct Guarded {
    pub(super) service: Service,
    pub(super) api: Api,
    pub(super) database: Database,
    producer: String,
    auditor: String,
    operator: String,
}

pub(super) async fn guarded(arguments: &[&str]) -> Guarded {
    let database = Database::create().await;
    let (producer, auditor, operator) = tokio::join!(
        create_key(&database, &["producer"]),
        create_key(&database, &["auditor"]),
        create_key(&database, &["operator"])
    );
    let service = start(&database, arguments).await;
    let api = Api::of(&service);
    Guarded { service, api, database, producer, auditor, operator }
}

/// One more node that asks for the same tokens.
pub(super) async fn start(database: &Database, arguments: &[&str]) -> Service {
    let own = ["--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwt-leeway", "0s", "--offline-pace", "0ms"];
    let arguments = [&own[..], arguments].concat();
    Service::start_with_env(database, &arguments, &[("COURSESTREAM_JWT_SECRET", SECRET)]).await
}

pub(super) async fn create_key(database: &Database, roles: &[&str]) -> String {
    let mut arguments = vec!["keys", "create", "--database-url", &database.url, "--name", "a test"];
    for role in roles {
        arguments.extend(["--role", role]);
    }
    service::run(&arguments).await.trim_end().to_owned()
}

/// A token of a user, good for so many seconds; negative: it has expired.
pub(super) fn token(user_id: &str, seconds: i64) -> String {
    sign(&json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "exp": Utc::now().timestamp() + seconds}))
}

pub(super) fn sign(claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

impl Guarded {
    /// What this caller shows.
    pub(super) fn credential(&self, kind: Kind) -> Option<String> {
        match kind {
            Kind::Nobody => None,
            Kind::Expired => Some(token(USER, -1)),
            Kind::OtherUser => Some(token(OTHER_USER, 600)),
            Kind::Owner => Some(token(USER, 600)),
            Kind::Producer => Some(self.producer.clone()),
            Kind::Auditor => Some(self.auditor.clone()),
            Kind::Operator => Some(self.operator.clone()),
        }
    }

    pub(super) fn request(&self, kind: Kind, method: Method, path: &str) -> RequestBuilder {
        let request = self.api.request(method, path);
        match self.credential(kind) {
            Some(credential) => request.bearer_auth(credential),
            None => request,
        }
    }

    pub(super) async fn get(&self, kind: Kind, path: &str) -> (u16, Value) {
        let response = self.request(kind, Method::GET, path).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    pub(super) async fn post(&self, kind: Kind, path: &str, body: &Value) -> (u16, Value) {
        let response = self.request(kind, Method::POST, path).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    /// A run of the owner's that has ended, and its course.
    pub(super) async fn finished_run(&self) -> (String, String) {
        let body = json!({"course_topic": "Rust ownership", "user_id": USER});
        let (status, started) = self.post(Kind::Owner, "/api/v1/course-generation/generate", &body).await;
        assert_eq!(status, 200, "{started}");
        let session = started["sessionId"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/sessions/{session}");
        let ended = async {
            loop {
                let (_, summary) = self.get(Kind::Owner, &path).await;
                if !summary["endedAt"].is_null() {
                    return summary;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let summary = tokio::time::timeout(service::PATIENCE, ended).await.expect("the run ends");
        (session, summary["courseId"].as_str().unwrap().to_owned())
    }

    /// A session of the owner's that a producer writes to.
    pub(super) async fn outside_session(&self) -> Written<'_> {
        let body = json!({"topic": "Anything", "user_id": USER});
        let (status, created) = self.post(Kind::Producer, "/api/v1/sessions", &body).await;
        assert_eq!(status, 201, "{created}");
        let text = |field: &str| created[field].as_str().unwrap().to_owned();
        Written { session: text("sessionId"), write_token: text("writeToken"), guarded: self }
    }
}

pub(super) struct Written<'a> {
    pub(super) session: String,
    pub(super) write_token: String,
    guarded: &'a Guarded,
}

impl Written<'_> {
    /// Appends `count` log lines.
    pub(super) async fn log(&self, count: usize) {
        let messages: Vec<Value> =
            (0..count).map(|number| json!({"type": "log", "message": format!("Line {number}")})).collect();
        let request = self.guarded.api.request(Method::POST, &format!("/api/v1/sessions/{}/messages", self.session));
        let response = request.bearer_auth(&self.write_token).json(&messages).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }
}
