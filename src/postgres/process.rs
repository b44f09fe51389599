//! The postmaster as a child of this process: made, started, watched, stopped.
//!
//! Everything here runs on the one thread that forks the postmaster and outlives it: the kernel sends the parent-death
//! signal when the forking *thread* ends, so a worker that a pool may retire would take PostgreSQL with it. That thread serves
//! nothing else, so it may block.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    ClusterError,
    binaries::Binaries,
    lock::{ServiceLock, take_cluster_lock},
    log::Log,
    place::{PORT, Place},
    settings,
};

/// For the checkpoint of a fast shutdown.
pub(super) const FAST_SHUTDOWN_MAX: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(5);
const STILL_STARTING_EVERY: Duration = Duration::from_secs(10);

/// A postmaster that runs.
pub(super) struct Postmaster {
    pub(super) place: Place,
    pub(super) pid: u32,
    pub(super) log: Log,
    child: Child,
    _lock: ServiceLock,
}

impl Postmaster {
    /// Starts the cluster of `data_dir`, made first where it is missing, and waits until it takes connections. There is no
    /// deadline: after a crash it replays its log, and killing it in that would only make it start over. `stop` ends the
    /// wait; the postmaster is then to be stopped by [`Self::run`].
    pub(super) async fn start(data_dir: PathBuf, stop: &CancellationToken) -> Result<Self, ClusterError> {
        let place = Place::choose(&data_dir)?;
        let service_lock = ServiceLock::take(&place)?;
        let binaries = Binaries::find(&place.account, &place.data)?;
        let cluster_lock = take_cluster_lock(&place)?;
        if !place.has_cluster() {
            initialise(&place, &binaries, &cluster_lock)?;
        }
        place.create_socket_dir()?;
        let (log, log_file) = Log::open(&place)?;
        let child = spawn(&place, &binaries, log_file, cluster_lock)?;
        let pid = child.id().expect("a child that was not waited for has an id");
        let mut postmaster = Self { place, pid, log, child, _lock: service_lock };
        postmaster.become_ready(stop).await?;
        tracing::info!(pid, version = binaries.major, path = %postmaster.place.data.display(), "PostgreSQL runs");
        Ok(postmaster)
    }

    /// Watches the postmaster to its end, which `stop` brings about. When this returns, the directory is free again.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Option<ExitStatus> {
        let status = tokio::select! {
            status = self.child.wait() => status,
            () = stop.cancelled() => self.shut_down().await,
        };
        self.place.remove_outside_socket_dir();
        status.ok()
    }

    async fn shut_down(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::SIGINT);
        if let Ok(status) = timeout(FAST_SHUTDOWN_MAX, self.child.wait()).await {
            return status;
        }
        tracing::warn!(pid = self.pid, "PostgreSQL takes too long to shut down: it will recover at its next start");
        self.signal(Signal::SIGQUIT);
        self.child.wait().await
    }

    fn signal(&self, signal: Signal) {
        // Without an id the child was waited for, and its number may be somebody else's by now.
        if let Some(pid) = self.child.id() {
            let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
        }
    }

    async fn become_ready(&mut self, stop: &CancellationToken) -> Result<(), ClusterError> {
        let mut next_word = Instant::now() + STILL_STARTING_EVERY;
        while !self.is_ready() {
            tokio::select! {
                status = self.child.wait() => {
                    self.place.remove_outside_socket_dir();
                    return Err(self.log.exited(status.ok()));
                }
                () = stop.cancelled() => return Ok(()),
                () = sleep(READY_POLL) => {}
            }
            if Instant::now() >= next_word {
                tracing::info!(pid = self.pid, "PostgreSQL is still starting: it may be recovering from a crash");
                next_word += STILL_STARTING_EVERY;
            }
        }
        Ok(())
    }

    /// What pg_ctl looks at too: line 8 of `postmaster.pid`. Trying connections would fill the log with refusals.
    fn is_ready(&self) -> bool {
        let text = fs::read_to_string(self.place.data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines().map(str::trim);
        lines.next().is_some_and(|pid| pid.parse() == Ok(self.pid)) && lines.nth(6) == Some("ready")
    }
}

/// Makes the cluster under another name, so that a half-made one is never taken for a whole one.
fn initialise(place: &Place, binaries: &Binaries, lock: &File) -> Result<(), ClusterError> {
    let staging = place.home.join("data.new");
    match fs::remove_dir_all(&staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(ClusterError::io("remove", &staging)(error));
        }
        _ => {}
    }
    place.account.create_private_dir(&staging)?;
    tracing::info!(path = %place.data.display(), "making a private PostgreSQL cluster");
    let program = binaries.initdb();
    let stdin = lock.try_clone().map_err(ClusterError::io("share the lock of", &place.home))?;
    let output = place
        .account
        .command(&program)
        .args(settings::INIT)
        .arg(format!("--username={}", settings::USER))
        .arg("--pgdata")
        .arg(&staging)
        // Where the service is killed now, the next one waits for the end of this before it clears the folder.
        .stdin(Stdio::from(stdin))
        .output()
        .map_err(ClusterError::io("run", &program))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        let output_text = String::from_utf8_lossy(&text).trim().to_owned();
        return Err(ClusterError::Init { status: output.status, output: output_text });
    }
    fs::rename(&staging, &place.data)
        .and_then(|()| File::open(&place.home)?.sync_all())
        .map_err(ClusterError::io("put in place", &place.data))
}

fn spawn(place: &Place, binaries: &Binaries, log: File, lock: File) -> Result<Child, ClusterError> {
    let program = binaries.postgres();
    let mut command = place.account.command(&program);
    command.arg("-D").arg(&place.data).arg("-k").arg(&place.socket_dir).args(["-p", &PORT.to_string()]);
    for (name, value) in settings::RUN {
        command.args(["-c", &format!("{name}={value}")]);
    }
    let output = log.try_clone().map_err(ClusterError::io("share", &place.log))?;
    command.stdin(lock).stdout(output).stderr(log);
    die_with_this_thread(&mut command);
    Command::from(command).spawn().map_err(ClusterError::io("run", &program))
}

/// Has the kernel tell the child to shut down (SIGINT: a fast shutdown) when the calling thread ends, which it also does when
/// this process is killed.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn die_with_this_thread(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;

    let parent = nix::unistd::getpid();
    let prepare = move || {
        // std calls this after it has changed the user, which would clear the signal.
        nix::sys::prctl::set_pdeathsig(Signal::SIGINT)?;
        // The parent may have died before it was set.
        if nix::unistd::getppid() == parent { Ok(()) } else { Err(nix::errno::Errno::ESRCH.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. `prepare` makes two system calls, and allocates
    // nothing: an `Errno` becomes an `io::Error` that holds just its number.
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Elsewhere a PostgreSQL whose service was killed runs on; the next start stops it.
#[cfg(not(target_os = "linux"))]
fn die_with_this_thread(_command: &mut std::process::Command) {}
