//! The application that the protocols' own test suites want to find on port 3000: an echo on Engine.IO at `/engine.io/`, and on
//! Socket.IO at `/socket.io/` in the namespaces `/` and `/custom`.
//!
//! `cargo run --example socketio_echo [address]`, then run `docs/engine.io-protocol/v4-test-suite` and
//! `docs/socket.io-protocol/v5-test-suite` of the socketio/socket.io repository with `npm ci && npm test`.

use std::{convert::Infallible, time::Duration};

use coursestream::push::socketio::{
    connection::{self, Admission, Application, Event, Out},
    engine::{Closed, Engine, Link, Options},
    packet::{Kind, Packet},
};
use poem::{Route, Server, listener::TcpListener};
use serde_json::{Map, Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let options = Options {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        upgrade_timeout: Duration::from_secs(10),
        payload_bytes_max: 1_000_000,
        packets_max: 256,
        polling_name: "polling",
        websocket_name: "websocket",
    };
    let (connections, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let engine_io = Engine::new(options.clone(), connections.clone(), shutdown.clone(), echo);
    let socket_io = Engine::new(options, connections, shutdown, |link| {
        connection::serve(link, Echo { greetings: Map::new() }, CONNECT_TIMEOUT)
    });
    let routes = Route::new().at("/engine.io/", engine_io.endpoint()).at("/socket.io/", socket_io.endpoint());
    Server::new(TcpListener::bind(address)).run(routes).await
}

/// Sends every message back.
async fn echo(mut link: Link) {
    while let Some(message) = link.receive().await {
        if link.send(message).await.is_err() {
            return;
        }
    }
}

/// Greets with what the client said about itself, and sends every event back.
struct Echo {
    greetings: Map<String, Value>,
}

impl Application for Echo {
    type Work = Infallible;

    async fn connect(&mut self, namespace: &str, auth: Map<String, Value>) -> Admission {
        if !matches!(namespace, "/" | "/custom") {
            return Admission::Refused { message: "Invalid namespace".into(), data: None };
        }
        self.greetings = auth;
        Admission::Accepted(Map::new())
    }

    async fn connected(&mut self, namespace: &str, out: &Out<'_>) -> Result<(), Closed> {
        let args = vec![json!("auth"), Value::Object(std::mem::take(&mut self.greetings))];
        out.send(&Packet::new(namespace.to_owned().into(), Kind::Event { ack: None, args }), Vec::new()).await
    }

    async fn event(&mut self, event: Event, out: &Out<'_>) -> Result<(), Closed> {
        let Event { namespace, ack, mut args, attachments } = event;
        let kind = match (args[0].as_str(), ack) {
            (Some("message-with-ack"), Some(ack)) => {
                args.remove(0);
                Kind::Ack { ack, args }
            }
            _ => {
                args[0] = json!("message-back");
                Kind::Event { ack: None, args }
            }
        };
        out.send(&Packet { namespace, kind, attachments: attachments.len() }, attachments).await
    }

    fn disconnected(&mut self, _: &str) {}

    async fn next(&mut self) -> Infallible {
        std::future::pending().await
    }

    async fn carry_out(&mut self, work: Infallible, _: &Out<'_>) -> Result<(), Closed> {
        match work {}
    }
}
