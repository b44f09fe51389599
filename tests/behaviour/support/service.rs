//! The program itself, as a process.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::database::Database;

/// Nothing here takes so long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running node. Killed when it is dropped.
pub struct Service {
    pub base_url: String,
    child: Child,
    stderr: Arc<Mutex<String>>,
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coursestream"));
    for name in ["DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"] {
        command.env_remove(name);
    }
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Runs a command of the program to its end, which must be a success, and returns what it printed.
pub async fn run(arguments: &[&str]) -> String {
    let (status, stdout, stderr) = try_run(arguments).await;
    assert!(status.success(), "{arguments:?} ended with {status}:\n{stdout}{stderr}");
    stdout
}

/// Starts a command of the program that talks to this one meanwhile. Killed when it is dropped.
pub fn start(arguments: &[&str]) -> Child {
    command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs a command of the program to its end.
pub async fn try_run(arguments: &[&str]) -> (ExitStatus, String, String) {
    let output = tokio::time::timeout(PATIENCE, command().args(arguments).output())
        .await
        .unwrap_or_else(|_| panic!("{arguments:?} does not end"))
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status, text(output.stdout), text(output.stderr))
}

impl Service {
    /// Starts a node on the database, on a free port, with the offline provider in no hurry at all.
    pub async fn start(database: &Database) -> Self {
        Self::start_with(database, &["--offline-pace", "0ms"]).await
    }

    /// The same with other settings; a flag may be given once only.
    pub async fn start_with(database: &Database, arguments: &[&str]) -> Self {
        Self::start_with_env(database, arguments, &[]).await
    }

    pub async fn start_with_env(database: &Database, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let own = ["--bind", "127.0.0.1:0", "--database-url", &database.url];
        Self::launch(&[&own, arguments].concat(), env).await
    }

    /// On the address of a node that is no more.
    pub async fn start_at(address: &str, database: &Database, arguments: &[&str]) -> Self {
        let own = ["--bind", address, "--database-url", &database.url];
        Self::launch(&[&own, arguments].concat(), &[]).await
    }

    /// With a private PostgreSQL in a directory.
    pub async fn start_in(data_dir: &Path, arguments: &[&str]) -> Self {
        let own = ["--bind", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap()];
        Self::launch(&[&own, arguments].concat(), &[]).await
    }

    async fn launch(arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = command()
            .arg("serve")
            .args(arguments)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = stderr.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = errors.next_line().await {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("the service starts").unwrap();
        let Some(base_url) = line.as_deref().and_then(|line| line.strip_prefix("listening on ")) else {
            // Its last words come through another task.
            let _ = child.wait().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            panic!("the service does not start: {line:?}\n{}", stderr.lock().unwrap());
        };
        Self { base_url: base_url.to_owned(), child, stderr }
    }

    pub fn ws_url(&self) -> String {
        format!("{}/ws", self.base_url.replacen("http", "ws", 1))
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.base_url.strip_prefix("http://").unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the service runs")
    }

    /// What it has logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).unwrap();
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().await.unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub async fn terminate(self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended().await
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("the service stops").unwrap()
    }
}
