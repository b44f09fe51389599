//! Real clients, `socket.io-client` from npm, several in one Node process.

use std::{
    collections::HashMap,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};

use super::service::PATIENCE;

pub(crate) const VERSIONS: [&str; 2] = ["4.7", "newest"];
pub(crate) const WEBSOCKET: &[&str] = &["websocket"];
pub(crate) const POLLING: &[&str] = &["polling"];
/// What clients do by default.
pub(crate) const UPGRADE: &[&str] = &["polling", "websocket"];

type Ears = Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Value>>>>;

/// The process. Killed when it is dropped.
pub(crate) struct Node {
    stdin: ChildStdin,
    ears: Ears,
    _child: Child,
}

/// How a client is set up; see `tests/tools/socketio_client.mjs`.
pub(crate) struct Setup<'a> {
    pub(crate) version: &'a str,
    pub(crate) transports: &'a [&'a str],
    pub(crate) joins: &'a str,
}

impl Node {
    pub(crate) fn start() -> Self {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools");
        assert!(
            tools.join("node_modules/socket.io-client-newest").exists(),
            "socket.io-client is not installed: run npm ci in tests/tools"
        );
        let mut child = Command::new("node")
            .arg("socketio_client.mjs")
            .current_dir(tools)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the tests need Node.js 20 or later");
        let ears = Ears::default();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        tokio::spawn({
            let ears = ears.clone();
            async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    let heard: Value = serde_json::from_str(&line).unwrap();
                    if let Some(ear) = ears.lock().unwrap().get(heard["id"].as_str().unwrap()) {
                        let _ = ear.send(heard);
                    }
                }
            }
        });
        Self { stdin: child.stdin.take().unwrap(), ears, _child: child }
    }

    async fn say(&mut self, command: &Value) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    pub(crate) async fn open(&mut self, id: &str, url: &str, sessions: &[String], setup: &Setup<'_>) -> Client {
        let (sender, heard) = mpsc::unbounded_channel();
        self.ears.lock().unwrap().insert(id.to_owned(), sender);
        let Setup { version, transports, joins } = setup;
        self.say(&json!({"cmd": "open", "id": id, "version": version, "url": url, "transports": transports,
            "sessions": sessions, "joins": joins}))
            .await;
        let log = sessions.iter().map(|session| (session.clone(), Log::default())).collect();
        Client {
            id: id.to_owned(),
            heard,
            log,
            connects: 0,
            is_connected: false,
            recoveries: 0,
            transport: String::new(),
        }
    }

    /// Emits with an acknowledgement, and waits for it.
    pub(crate) async fn ask(&mut self, client: &mut Client, event: &str, payload: Value) -> Value {
        self.say(&json!({"cmd": "emit", "id": client.id, "event": event, "payload": payload})).await;
        loop {
            let heard = client.next().await;
            if heard["event"] == "ack" {
                return heard["data"].clone();
            }
        }
    }

    /// What the server had sent by the time at which it was asked has arrived after this.
    pub(crate) async fn settle(&mut self, client: &mut Client) {
        for _ in 0..3 {
            let answer = self.ask(client, "leave_session", json!(uuid::Uuid::nil())).await;
            assert_eq!(answer, json!({"ok": true}));
        }
    }

    pub(crate) async fn close(&mut self, client: &Client) {
        self.say(&json!({"cmd": "close", "id": client.id})).await;
    }
}

/// What a client has seen of one session.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) offsets: Vec<u64>,
    pub(crate) completions: usize,
}

/// A client, and all that it has seen so far.
pub(crate) struct Client {
    pub(crate) id: String,
    heard: mpsc::UnboundedReceiver<Value>,
    pub(crate) log: HashMap<String, Log>,
    pub(crate) connects: usize,
    pub(crate) recoveries: usize,
    pub(crate) is_connected: bool,
    pub(crate) transport: String,
}

impl Client {
    /// The next thing that it sees. Fails as soon as an event is missing, comes twice or out of order.
    pub(crate) async fn next(&mut self) -> Value {
        let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
        let heard = heard.unwrap_or_else(|_| panic!("{} sees nothing any more: {}", self.id, self.summary())).unwrap();
        match heard["event"].as_str().unwrap() {
            "connect" => {
                self.connects += 1;
                self.is_connected = true;
                self.recoveries += usize::from(heard["recovered"] == json!(true));
                self.transport = heard["transport"].as_str().unwrap().to_owned();
            }
            // It comes as well where a connection breaks before the server has let the client in.
            "disconnect" => self.is_connected = false,
            "upgrade" => {
                self.transport = heard["transport"].as_str().unwrap().to_owned();
            }
            event @ ("course_generation_update" | "course_generation_complete") => {
                let log = self.log.get_mut(heard["data"]["sessionId"].as_str().unwrap()).unwrap();
                let offset = heard["data"]["offset"].as_u64().unwrap();
                let expected = log.offsets.last().copied().unwrap_or(0) + 1;
                assert_eq!(offset, expected, "{}: each event once and in order", self.id);
                assert_eq!(log.completions, 0, "{}: nothing follows the completion", self.id);
                log.offsets.push(offset);
                log.completions += usize::from(event == "course_generation_complete");
            }
            "session_error" => panic!("{}: {heard}", self.id),
            _ => {}
        }
        heard
    }

    /// Waits until what it has seen is as wanted.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Self) -> bool) {
        while !wanted(self) {
            self.next().await;
        }
    }

    pub(crate) fn events(&self) -> usize {
        self.log.values().map(|log| log.offsets.len()).sum()
    }

    pub(crate) fn has_all(&self) -> bool {
        self.log.values().all(|log| log.completions == 1)
    }

    fn summary(&self) -> String {
        let logs: Vec<(usize, usize)> = self.log.values().map(|log| (log.offsets.len(), log.completions)).collect();
        format!("{} connects, {} recoveries, (events, completions) {logs:?}", self.connects, self.recoveries)
    }
}
