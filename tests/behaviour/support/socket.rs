//! A client of the native WebSocket that keeps account of what it receives.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use super::service::{PATIENCE, Service};

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// A frame from the server.
#[derive(Clone, Debug)]
pub struct Received {
    pub event: String,
    pub data: Value,
}

impl Received {
    fn parse(text: &str) -> Self {
        let frame: Value = serde_json::from_str(text).unwrap();
        Self { event: frame["event"].as_str().unwrap().to_owned(), data: frame["data"].clone() }
    }

    pub fn is_complete(&self) -> bool {
        self.event == "course_generation_complete"
    }

    /// The offset of an event of the log; `None` for a status or an error.
    pub fn offset(&self) -> Option<u64> {
        match self.event.as_str() {
            "course_generation_update" | "course_generation_complete" => self.data["offset"].as_u64(),
            _ => None,
        }
    }
}

impl Socket {
    pub async fn connect(service: &Service) -> Self {
        let (stream, _) = tokio_tungstenite::connect_async(service.ws_url()).await.unwrap();
        Self { stream }
    }

    /// To a base URL where perhaps nobody answers: `None` where the handshake fails.
    pub async fn try_connect(base_url: &str) -> Option<Self> {
        let url = format!("{}/ws", base_url.replacen("http", "ws", 1));
        let connecting = tokio::time::timeout(PATIENCE, tokio_tungstenite::connect_async(url));
        let (stream, _) = connecting.await.ok()?.ok()?;
        Some(Self { stream })
    }

    /// The handshake as the page of an origin makes it; the status that it was refused with.
    pub async fn connect_from(service: &Service, origin: &str) -> Result<Self, u16> {
        let mut request = service.ws_url().into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub async fn send_message(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    pub async fn send(&mut self, event: &str, data: Value) {
        self.send_text(&json!({"event": event, "data": data}).to_string()).await;
    }

    pub async fn join(&mut self, session: &str) {
        self.send("join_session", json!(session)).await;
    }

    pub async fn join_after(&mut self, session: &str, last_seen: u64) {
        self.send("join_session", json!({"sessionId": session, "lastSeenOffset": last_seen})).await;
    }

    /// The same over a connection that may be lost: `None` then.
    pub async fn try_join_after(&mut self, session: &str, last_seen: u64) -> Option<()> {
        let payload = json!({"sessionId": session, "lastSeenOffset": last_seen});
        self.stream.send(Message::text(json!({"event": "join_session", "data": payload}).to_string())).await.ok()
    }

    /// Sends a text frame of so many bytes, of which the server need not take all.
    pub async fn send_large(&mut self, bytes: usize) {
        let _ = self.stream.send(Message::text("x".repeat(bytes))).await;
    }

    /// The next message of the protocol, whatever it is; `None` once the connection is lost.
    pub async fn next_message(&mut self) -> Option<Message> {
        let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a message comes");
        message?.ok()
    }

    /// The next frame; `None` once the connection is closed.
    pub async fn next(&mut self) -> Option<Received> {
        self.next_text().await.map(|text| Received::parse(&text))
    }

    /// The same, byte for byte.
    pub async fn next_text(&mut self) -> Option<String> {
        // Around all of it: pings come for ever.
        tokio::time::timeout(PATIENCE, self.next_frame()).await.expect("a frame comes")
    }

    async fn next_frame(&mut self) -> Option<String> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return None,
            }
        }
    }

    /// The code of the close frame that comes next, whatever comes before it.
    pub async fn close_code(&mut self) -> u16 {
        self.rest_and_close_code().await.0
    }

    /// The code of the close frame that comes next, and the events of the log before it.
    pub async fn rest_and_close_code(&mut self) -> (u16, Vec<Received>) {
        let mut rest = Vec::new();
        loop {
            let message = self.next_message().await.expect("a close frame comes before the end");
            match message {
                Message::Close(frame) => return (frame.expect("a close frame has a code").code.into(), rest),
                Message::Text(text) => {
                    rest.extend(Some(Received::parse(&text)).filter(|frame| frame.offset().is_some()))
                }
                _ => {}
            }
        }
    }

    /// Cuts the connection as a pulled plug does: no close handshake, whatever is under way is lost.
    pub fn cut(self) {
        if let MaybeTlsStream::Plain(stream) = self.stream.get_ref() {
            stream.set_zero_linger().unwrap();
        }
    }

    /// The next frame, which must be of this event.
    pub async fn expect(&mut self, event: &str) -> Value {
        let frame = self.next().await.expect("the connection stays up");
        assert_eq!(frame.event, event, "{}", frame.data);
        frame.data
    }

    /// All events of the log up to and with the terminal one, in the order in which they come.
    pub async fn until_complete(&mut self) -> Vec<Received> {
        let mut received = Vec::new();
        loop {
            let frame = self.next().await.expect("the connection stays up until the end");
            assert_ne!(frame.event, "session_error", "{}", frame.data);
            let is_complete = frame.is_complete();
            if frame.offset().is_some() {
                received.push(frame);
            }
            if is_complete {
                return received;
            }
        }
    }
}

/// Fails unless the log was received from its first event to its end, each event once and in order, with one completion: the
/// last.
pub fn assert_whole(received: &[Received]) {
    assert_contiguous(received, 1);
    let completions: Vec<u64> =
        received.iter().filter(|frame| frame.is_complete()).map(|frame| frame.offset().unwrap()).collect();
    assert_eq!(completions, [received.len() as u64]);
}

/// Fails unless the offsets are `first`, `first + 1`, … without a hole, a repetition or a swap.
pub fn assert_contiguous(received: &[Received], first: u64) {
    let offsets: Vec<u64> = received.iter().map(|frame| frame.offset().unwrap()).collect();
    let expected: Vec<u64> = (first..).take(offsets.len()).collect();
    assert_eq!(offsets, expected);
}
