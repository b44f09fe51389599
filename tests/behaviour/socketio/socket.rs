//! A Socket.IO socket by hand, over WebSocket: it shows the tokens that real clients keep to themselves.

use serde_json::{Value, json};

use super::raw::Websocket;
use crate::support::{service::Service, socket::Received};

pub(crate) struct Socket {
    pub(crate) websocket: Websocket,
    pub(crate) sid: String,
    pub(crate) pid: String,
    /// The last argument of the last event.
    pub(crate) offset: String,
}

pub(crate) enum Packet {
    Event(Received),
    Ack { id: u64, answer: Value },
}

pub(crate) fn url(service: &Service) -> String {
    service.url("/socket.io/")
}

impl Socket {
    pub(crate) async fn connect(service: &Service) -> Self {
        Self::connect_with(service, &Value::Null).await
    }

    /// `auth` is what the client says when it connects; null says nothing.
    pub(crate) async fn connect_with(service: &Service, auth: &Value) -> Self {
        Self::try_connect_with(service, auth).await.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// The same; `Err` is what a client that is not let in is told.
    pub(crate) async fn try_connect_with(service: &Service, auth: &Value) -> Result<Self, Value> {
        let (mut websocket, _) = Websocket::open(&url(service)).await;
        let auth = if auth.is_null() { String::new() } else { auth.to_string() };
        websocket.send(&format!("40{auth}")).await;
        let answer = websocket.text().await;
        if let Some(refused) = answer.strip_prefix("44") {
            return Err(serde_json::from_str(refused).unwrap());
        }
        let answer: Value = serde_json::from_str(answer.strip_prefix("40").expect(&answer)).unwrap();
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        Ok(Self { websocket, sid: text("sid"), pid: text("pid"), offset: String::new() })
    }

    /// What a client sends when it reconnects.
    pub(crate) fn auth(&self) -> Value {
        json!({"pid": self.pid, "offset": self.offset})
    }

    /// Connects again with this socket's tokens; the old connection is just dropped.
    pub(crate) async fn reconnect(self, service: &Service) -> Self {
        let auth = self.auth();
        drop(self.websocket);
        let mut socket = Self::connect_with(service, &auth).await;
        socket.offset = self.offset;
        socket
    }

    pub(crate) async fn emit(&mut self, event: &str, payload: Value) {
        self.websocket.send(&format!("42{}", json!([event, payload]))).await;
    }

    pub(crate) async fn join(&mut self, session: &str) {
        self.emit("join_session", json!(session)).await;
    }

    /// Emits and waits for the answer; returns it, and the events that came before it.
    pub(crate) async fn ask(&mut self, event: &str, payload: Value) -> (Value, Vec<Received>) {
        self.websocket.send(&format!("427{}", json!([event, payload]))).await;
        let mut before = Vec::new();
        loop {
            match self.next().await.expect("the connection stays up") {
                Packet::Event(event) => before.push(event),
                Packet::Ack { id, answer } => {
                    assert_eq!(id, 7);
                    return (answer, before);
                }
            }
        }
    }

    /// The next packet; `None` once the connection is closed.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        loop {
            let text = match self.websocket.next().await? {
                tokio_tungstenite::tungstenite::Message::Text(text) => text,
                other => panic!("a text frame is expected, not {other:?}"),
            };
            if text.as_str() == "2" {
                self.websocket.send("3").await;
                continue;
            }
            let packet = text.as_str();
            let (head, json) = packet.split_at(packet.find('[').expect(packet));
            let args: Vec<Value> = serde_json::from_str(json).unwrap();
            return Some(match head.strip_prefix("43") {
                Some(id) => {
                    assert_eq!(args.len(), 1);
                    Packet::Ack { id: id.parse().unwrap(), answer: args[0].clone() }
                }
                None => {
                    assert_eq!((head, args.len()), ("42", 3), "an event, its payload, the offset: {packet}");
                    self.offset = args[2].as_str().unwrap().to_owned();
                    let event = args[0].as_str().unwrap().to_owned();
                    Packet::Event(Received { event, data: args[1].clone() })
                }
            });
        }
    }

    /// The next event, which must be of this name.
    pub(crate) async fn expect(&mut self, event: &str) -> Value {
        match self.next().await.expect("the connection stays up") {
            Packet::Event(received) => {
                assert_eq!(received.event, event, "{}", received.data);
                received.data
            }
            Packet::Ack { answer, .. } => panic!("an event is expected, not {answer}"),
        }
    }

    /// The next `count` events of logs.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Received> {
        let mut received = Vec::new();
        while received.len() < count {
            if let Some(Packet::Event(event)) = self.next().await {
                assert_ne!(event.event, "session_error", "{}", event.data);
                if event.offset().is_some() {
                    received.push(event);
                }
            }
        }
        received
    }

    /// All events of logs up to and with the next terminal one.
    pub(crate) async fn until_complete(&mut self) -> Vec<Received> {
        let mut received = Vec::new();
        loop {
            received.extend(self.take(1).await);
            if received.last().unwrap().is_complete() {
                return received;
            }
        }
    }

    /// Makes sure that nothing is on its way: what would have been sent by now has come before the answers.
    pub(crate) async fn assert_silent(&mut self) {
        for _ in 0..3 {
            let (_, before) = self.ask("leave_session", json!(uuid::Uuid::nil())).await;
            assert!(before.is_empty(), "{before:?}");
        }
    }
}
