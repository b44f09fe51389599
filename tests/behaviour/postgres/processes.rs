//! Processes for the tests of the private cluster: none outlives its test, and each is ended by its own id.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use coursestream::postgres::{DATABASE, PrivateCluster};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::write_row;

const OWNER_DIR: &str = "COURSESTREAM_TEST_OWNER_DIR";

/// Not a test: the process that owns a cluster until SIGTERM, when another test starts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a part of other tests"]
async fn owner_process() {
    let Some(dir) = std::env::var_os(OWNER_DIR) else { return };
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    // On a worker: PostgreSQL must not depend on its life.
    let starting = tokio::spawn(async move { PrivateCluster::start(Path::new(&dir)).await });
    let cluster = starting.await.unwrap().unwrap_or_else(|error| panic!("{error}"));
    println!("\nowns {} {}", cluster.postmaster_pid(), cluster.socket_dir().display());
    terminate.recv().await;
    cluster.stop().await.unwrap();
}

pub(super) fn owner_command(dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "postgres::processes::owner_process", "--ignored", "--nocapture"]).env(OWNER_DIR, dir);
    command
}

pub(super) struct Owner {
    pub(super) process: Process,
    pub(super) postmaster_pid: u32,
    socket_dir: PathBuf,
}

impl Owner {
    pub(super) fn start(dir: &Path) -> Self {
        let mut process = Process(owner_command(dir).stdout(Stdio::piped()).spawn().unwrap());
        let mut output = BufReader::new(process.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = output.find(|line| line.starts_with("owns ")).expect("the owner has started");
        // libtest still has something to print.
        thread::spawn(move || output.for_each(drop));
        let mut words = line.split(' ').skip(1);
        let postmaster_pid = words.next().unwrap().parse().unwrap();
        Self { process, postmaster_pid, socket_dir: PathBuf::from(words.next().unwrap()) }
    }

    pub(super) async fn connect(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass().socket(&self.socket_dir).port(5432);
        options.username("coursestream").database(DATABASE).connect().await.unwrap()
    }

    /// The process behind the connection, which keeps a shutdown waiting.
    pub(super) async fn write_row_and_freeze(&self) -> Frozen {
        let mut connection = self.connect().await;
        write_row(&mut connection).await;
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
        Frozen::freeze(Pid::from_raw(pid))
    }

    pub(super) fn kill_9(mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }
}

/// A child that does not outlive its test.
pub(super) struct Process(pub(super) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that does nothing until this is dropped. Not for a postmaster: the kernel wakes it when its parent dies.
pub(super) struct Frozen(Pid);

impl Frozen {
    pub(super) fn freeze(pid: Pid) -> Self {
        kill(pid, Signal::SIGSTOP).unwrap();
        Self(pid)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// As the user of the cluster: PostgreSQL respects only its own user's processes.
#[cfg(target_os = "linux")]
pub(super) fn as_owner_of(data: &Path, program: &Path) -> Command {
    use std::os::unix::{fs::MetadataExt, process::CommandExt};

    let mut command = Command::new(program);
    if nix::unistd::geteuid().is_root() {
        let meta = std::fs::metadata(data).unwrap();
        command.uid(meta.uid()).gid(meta.gid());
    }
    command.current_dir("/");
    command
}

pub(super) fn as_pid(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}
