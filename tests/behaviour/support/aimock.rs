//! `@copilotkit/aimock`, a model server that replays fixtures over real HTTP. Every test starts its own, on a port of its own.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

const READY: &str = "aimock server listening on ";
/// Only a machine that cannot start Node at all runs into it.
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Aimock {
    /// Up to and with the version, as a provider wants it.
    pub(crate) base_url: String,
    root_url: String,
    http: reqwest::Client,
    /// Killed when it is dropped.
    _child: Child,
    /// Keeps reading what the server prints, so that its pipe never fills.
    reader: JoinHandle<()>,
    _fixtures: Option<TempDir>,
}

impl Aimock {
    /// Serves a whole, valid course, whatever the topic: `tests/fixtures/aimock/course.json`.
    pub(crate) async fn with_course() -> Self {
        Self::start(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aimock/course.json"), None).await
    }

    /// Serves the entries of a fixture file's `fixtures` array; the first that matches answers.
    pub(crate) async fn with_fixtures(fixtures: Value) -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("fixtures.json");
        std::fs::write(&file, json!({"fixtures": fixtures}).to_string()).unwrap();
        Self::start(&file, Some(directory)).await
    }

    async fn start(fixtures: &Path, directory: Option<TempDir>) -> Self {
        let mut child = Command::new("node")
            .arg(cli())
            .args(["-p", "0", "-h", "127.0.0.1", "--validate-on-load", "-f"])
            .arg(fixtures)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("node could not be started ({error}); the tests need Node.js 20 or later"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let root_url = tokio::time::timeout(START_TIMEOUT, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, url)) = line.split_once(READY) {
                    return url.trim().to_owned();
                }
            }
            panic!("aimock ended before it was ready; what it said is above");
        })
        .await
        .expect("aimock gets ready");
        let reader = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        // reqwest takes its cryptography from the process, even where it only speaks plain HTTP.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::new();
        Self { base_url: format!("{root_url}/v1"), root_url, http, _child: child, reader, _fixtures: directory }
    }

    /// Every request so far, oldest first: `path`, `headers`, `body` (that of the Responses API in chat's shape) and
    /// `response.status`.
    pub(crate) async fn journal(&self) -> Vec<Value> {
        let answer = self.http.get(format!("{}/__aimock/journal", self.root_url)).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).expect("the journal is an array")
    }

    /// The paths of the requests so far, oldest first.
    pub(crate) async fn paths(&self) -> Vec<String> {
        self.journal().await.iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Aimock {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn cli() -> PathBuf {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/node_modules/@copilotkit/aimock/dist/cli.js");
    assert!(cli.exists(), "aimock is not installed: run scripts/test (npm ci in tests/tools)");
    cli
}
