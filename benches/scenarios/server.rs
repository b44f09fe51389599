//! The service under load: the real program with a PostgreSQL of its own in a folder that is gone afterwards.

use std::{
    fs::{File, Permissions, read_link, read_to_string},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use coursestream::postgres::{DATABASE, PrivateCluster};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::procstat::Watch;

const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);
/// 10 s in all.
const KILLED_POLLS_MAX: u32 = 500;
const KILLED_POLL: Duration = Duration::from_millis(20);
const COMMAND_MAX: Duration = Duration::from_secs(120);

/// A running node. Killed when it is dropped; [`Server::stop`] is the polite way.
pub struct Server {
    pub address: SocketAddr,
    pub watch: Watch,
    program: PathBuf,
    child: Child,
    folder: TempDir,
}

impl Server {
    /// Starts `coursestream serve` on a free port of 127.0.0.1 and waits until it listens.
    pub async fn start(program: &Path) -> Result<Self> {
        Self::start_with(program, &[]).await
    }

    /// The same with further arguments.
    pub async fn start_with(program: &Path, arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("coursestream-bench-").tempdir().context("a temporary folder")?;
        // PostgreSQL does not run as root: the user that it runs as must be able to come in.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let log = File::create(folder.path().join("server.log")).context("the server's log")?;
        let mut child = command(program)
            .args(["serve", "--bind", "127.0.0.1:0", "--provider", "offline", "--prune-every", "1d", "--data-dir"])
            .arg(folder.path().join("data"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("the server's stdout")?).lines();
        let line = timeout(START_MAX, lines.next_line()).await.context("the server does not start")??;
        let address = line.as_deref().and_then(|line| line.strip_prefix("listening on http://"));
        let Some(address) = address else {
            let log = read_to_string(folder.path().join("server.log")).unwrap_or_default();
            bail!("the server does not start:\n{log}");
        };
        let address: SocketAddr = address.parse().context("the server's address")?;
        let address = loopback(address)?;
        let watch = Watch::server(child.id().context("the server has ended")?)?;
        let server = Self { address, watch, program: program.into(), child, folder };
        let data = read_link(format!("/proc/{}/cwd", server.watch.postmaster_pid))?;
        let is_inside = data.starts_with(server.folder.path().canonicalize()?);
        ensure!(
            is_inside,
            "PostgreSQL's data went to {}: set TMPDIR to a folder that its user can enter",
            data.display()
        );
        Ok(server)
    }

    /// Runs a command of the program beside the service and returns what it printed.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = command(&self.program);
        command.args(arguments).arg("--data-dir").arg(self.folder.path().join("data"));
        let output = timeout(COMMAND_MAX, command.output()).await.context("the command does not end")??;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(output.status.success(), "{arguments:?}: {said} {}", String::from_utf8_lossy(&output.stderr));
        Ok(said)
    }

    /// A connection to the service's database, for history that would take too long through the API.
    pub async fn database(&self) -> Result<PgConnection> {
        let options = PrivateCluster::connect_options_beside(&self.folder.path().join("data"), DATABASE)?;
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// The same as another role.
    pub async fn database_as(&self, role: &str) -> Result<PgConnection> {
        let options = PrivateCluster::connect_options_beside(&self.folder.path().join("data"), DATABASE)?;
        Ok(PgConnection::connect_with(&options.username(role)).await?)
    }

    /// What PostgreSQL has logged so far. Its file lies beside its data, in which it runs.
    pub fn postgres_log(&self) -> Result<String> {
        let path = format!("/proc/{}/cwd/../postgres.log", self.watch.postmaster_pid);
        Ok(String::from_utf8_lossy(&std::fs::read(&path).context(path)?).into_owned())
    }

    /// Stops it and checks that it ended well and complained about nothing.
    pub async fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(self.watch.server_pid.cast_signed()), Signal::SIGTERM)?;
        let status: ExitStatus = timeout(STOP_MAX, self.child.wait()).await.context("the server does not stop")??;
        let log = read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        let complaints: Vec<_> =
            log.lines().filter(|line| [" WARN ", "ERROR"].iter().any(|l| line.contains(l))).collect();
        for complaint in complaints.iter().take(5) {
            eprintln!("    the server said: {complaint}");
        }
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    /// Where it was not stopped politely: waits for PostgreSQL, which ends when its parent does, before the folder goes.
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let postmaster = format!("/proc/{}/cwd", self.watch.postmaster_pid);
        for _ in 0..KILLED_POLLS_MAX {
            if read_link(&postmaster).is_err() {
                return;
            }
            std::thread::sleep(KILLED_POLL);
        }
    }
}

/// Nothing but this machine is ever put under load.
pub fn loopback(address: SocketAddr) -> Result<SocketAddr> {
    ensure!(address.ip().is_loopback(), "{address} is not on the loopback interface");
    Ok(address)
}

/// Without what the environment says of databases and models.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    let ours =
        |name: &String| name.starts_with("COURSESTREAM_") || name.starts_with("OPENAI_") || name == "DATABASE_URL";
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}
