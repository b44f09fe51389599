//! A server for the tests of the client commands: one session with a fixed log, its history over HTTP, and a WebSocket that
//! either replays it or says that the session is expired.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use poem::{
    EndpointExt, IntoResponse, Response, Route, Server, get, handler,
    http::StatusCode,
    listener::TcpAcceptor,
    post,
    web::{
        Data, Json, Path, Query,
        websocket::{Message, WebSocket},
    },
};
use serde_json::{Value, json};

use super::{address::ServerAddress, api::Api};
use crate::event::SessionId;

/// More than this the history never returns at once, whatever the limit.
const PAGE: usize = 2;

pub(crate) struct Fake {
    pub(crate) session: SessionId,
    /// Envelopes with their offsets, the terminal one last.
    pub(crate) log: Vec<Value>,
    pub(crate) expired: bool,
    /// Starts that are answered with 503 before one succeeds.
    pub(crate) busy: Mutex<usize>,
    /// Idempotency key and body of each start.
    pub(crate) starts: Mutex<Vec<(String, Value)>>,
}

impl Fake {
    /// `log` is `(type, message, data)`.
    pub(crate) fn with_log(log: &[(&str, &str, Value)]) -> Self {
        let session = SessionId::generate();
        let log = (1..).zip(log).map(|(offset, (kind, message, data))| {
            json!({"sessionId": session, "offset": offset, "type": kind, "message": message, "data": data,
                   "timestamp": "2026-01-31T12:00:00.123Z"})
        });
        Self { session, log: log.collect(), expired: false, busy: Mutex::new(0), starts: Mutex::new(Vec::new()) }
    }

    /// Serves until the test's runtime ends.
    pub(crate) async fn serve(self) -> (Arc<Self>, Api) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: ServerAddress = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
        let fake = Arc::new(self);
        let routes = Route::new()
            .at("/ws", get(socket))
            .at("/api/v1/course-generation/generate", post(generate))
            .at("/api/v1/sessions/:id/events", get(events))
            .data(fake.clone());
        tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
        (fake, Api::new(address, Duration::from_millis(1)).unwrap())
    }

    fn end(&self) -> Value {
        let last = self.log.last().unwrap();
        let success = last["type"] == "session_completed";
        let mut end = json!({"success": success, "sessionId": self.session, "offset": last["offset"]});
        if success {
            end["courseId"] = json!("c-1");
        } else {
            end["error"] = last["message"].clone();
            end["cancelled"] = json!(last["type"] == "session_cancelled");
        }
        end
    }
}

#[handler]
fn generate(request: &poem::Request, Json(body): Json<Value>, Data(fake): Data<&Arc<Fake>>) -> Response {
    fake.starts.lock().unwrap().push((request.header("Idempotency-Key").unwrap_or_default().to_owned(), body));
    let mut busy = fake.busy.lock().unwrap();
    if *busy > 0 {
        *busy -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.with_header("Retry-After", "0").into_response();
    }
    Json(json!({"success": true, "sessionId": fake.session, "message": "started"})).into_response()
}

#[derive(serde::Deserialize)]
struct Range {
    after: u64,
    limit: usize,
}

#[handler]
fn events(Path(id): Path<String>, Query(range): Query<Range>, Data(fake): Data<&Arc<Fake>>) -> Response {
    if id != fake.session.to_string() {
        return Json(json!({"title": "Session not found"})).with_status(StatusCode::NOT_FOUND).into_response();
    }
    let after = range.after as usize;
    let items: Vec<_> = fake.log.iter().skip(after).take(range.limit.min(PAGE)).cloned().collect();
    let end = after + items.len();
    let mut page = json!({"items": items, "lastOffset": fake.log.len(), "ended": true});
    if end < fake.log.len() {
        page["nextAfter"] = json!(end);
    }
    Json(page).into_response()
}

#[handler]
fn socket(socket: WebSocket, Data(fake): Data<&Arc<Fake>>) -> impl IntoResponse + use<> {
    let fake = fake.clone();
    socket.on_upgrade(async move |mut socket| {
        let Some(Ok(Message::Text(join))) = socket.next().await else { return };
        let join: Value = serde_json::from_str(&join).unwrap();
        let after = join["data"]["lastSeenOffset"].as_u64().unwrap() as usize;
        let mut frames = Vec::new();
        if fake.expired {
            frames.push(("session_error", json!({"code": "session_expired", "message": "Session expired"})));
        } else {
            let status = json!({"sessionId": fake.session, "status": "running", "lastOffset": after});
            frames.push(("session_status", status));
            let (terminal, updates) = fake.log.split_last().unwrap();
            let updates = updates.iter().skip(after).map(|event| ("course_generation_update", event.clone()));
            frames.extend(updates);
            if (after as u64) < terminal["offset"].as_u64().unwrap() {
                frames.push(("course_generation_complete", fake.end()));
            }
        }
        for (event, data) in frames {
            let _ = socket.send(Message::text(json!({"event": event, "data": data}).to_string())).await;
        }
        while let Some(Ok(_)) = socket.next().await {}
    })
}
