//! Engine.IO by hand: what a client of ours would never send can be sent here.

use std::{sync::Arc, time::Duration};

use coursestream::push::socketio::engine::{Engine, Link, Options};
use futures_util::{SinkExt, StreamExt};
use poem::{
    Server,
    listener::{Acceptor, Listener, TcpListener},
};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinHandle};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::support::service::PATIENCE;

pub(crate) const SEPARATOR: &str = "\x1e";

/// An engine in this process, with an application of the test's.
pub(crate) struct InProcess {
    pub(crate) url: String,
    pub(crate) shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl InProcess {
    pub(crate) async fn start<F, Fut>(options: Options, serve: F) -> Self
    where
        F: Fn(Link) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        let shutdown = CancellationToken::new();
        let engine = Engine::new(options, TaskTracker::new(), shutdown.clone(), serve);
        let serving = tokio::spawn(async move {
            Server::new_with_acceptor(acceptor).run(engine.endpoint()).await.unwrap();
        });
        Self { url: format!("http://{address}/"), shutdown, serving }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn http() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// A session over long-polling.
#[derive(Clone)]
pub(crate) struct Polling {
    http: Client,
    pub(crate) url: String,
    pub(crate) handshake: Arc<Value>,
}

impl Polling {
    /// `url` is that of the path.
    pub(crate) async fn open(url: &str) -> Self {
        let http = http();
        let answer = http.get(format!("{url}?EIO=4&transport=polling")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.unwrap();
        let handshake: Value = serde_json::from_str(text.strip_prefix('0').unwrap()).unwrap();
        let url = format!("{url}?EIO=4&transport=polling&sid={}", handshake["sid"].as_str().unwrap());
        Self { http, url, handshake: Arc::new(handshake) }
    }

    pub(crate) fn sid(&self) -> &str {
        self.handshake["sid"].as_str().unwrap()
    }

    pub(crate) async fn get(&self) -> Response {
        tokio::time::timeout(PATIENCE, self.http.get(&self.url).send()).await.expect("a poll is answered").unwrap()
    }

    /// The packets of one poll, which must be answered well.
    pub(crate) async fn poll(&self) -> Vec<String> {
        let answer = self.get().await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap().split(SEPARATOR).map(ToOwned::to_owned).collect()
    }

    /// Polls, and resets the connection after a while.
    pub(crate) async fn poll_and_hang_up(&self, after: Duration) {
        let (host, path) = self.url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(after).await;
        stream.set_zero_linger().unwrap();
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> StatusCode {
        let answer = self.http.post(&self.url).header("content-type", "text/plain").body(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status == StatusCode::OK, text == "ok", "{text}");
        status
    }

    /// Fails unless the session is gone.
    pub(crate) async fn assert_closed(&self) {
        let answer = self.get().await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(code(answer).await, 1);
    }

    /// Waits until the session is gone.
    pub(crate) async fn until_closed(&self) {
        let closed = async { while self.get().await.status() == StatusCode::OK {} };
        tokio::time::timeout(PATIENCE, closed).await.expect("the session is closed");
    }
}

/// A request that no session belongs to.
pub(crate) async fn request(method: reqwest::Method, url: &str) -> Response {
    http().request(method, url).send().await.unwrap()
}

/// The protocol's error code.
pub(crate) async fn code(answer: Response) -> u64 {
    let body: Value = answer.json().await.unwrap();
    assert!(body["message"].is_string(), "{body}");
    body["code"].as_u64().unwrap()
}

/// A WebSocket that speaks Engine.IO.
pub(crate) struct Websocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Websocket {
    pub(crate) async fn connect(url: &str, query: &str) -> Self {
        let url = format!("{}?EIO=4&transport=websocket{query}", url.replacen("http", "ws", 1));
        let (stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self { stream }
    }

    /// Opens a session and returns its handshake.
    pub(crate) async fn open(url: &str) -> (Self, Value) {
        let mut socket = Self::connect(url, "").await;
        let text = socket.text().await;
        (socket, serde_json::from_str(text.strip_prefix('0').unwrap()).unwrap())
    }

    /// Sends; a peer that has closed is no reason to fail.
    pub(crate) async fn send(&mut self, packet: &str) {
        let _ = self.stream.send(Message::text(packet)).await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.stream.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// The next frame; `None` once the connection is closed.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        match tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame comes") {
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            Some(Ok(message)) => Some(message),
        }
    }

    /// The next packet, which must be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("a text frame is expected, not {other:?}"),
        }
    }

    /// Waits until the server closes, whatever comes before.
    pub(crate) async fn until_closed(&mut self) {
        while self.next().await.is_some() {}
    }
}
