//! One service, and one PostgreSQL, on one directory.
//!
//! Two locks, because the two end at different moments. The *service's lock* is released by the kernel when the service
//! dies, however it dies. PostgreSQL then still has a shutdown to finish, so the *cluster's lock* is inherited by the
//! postmaster and through it by each of its processes: it is free when the last of them is gone, which no process id in a
//! file can tell. Both are `flock`s: they are bound to the open file, and stale ones do not exist.
//!
//! The cluster's lock also makes it safe to remove a stale `postmaster.pid`, which PostgreSQL itself respects as soon as
//! any process of the same user has that number, a zombie too.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{ClusterError, place::Place};

/// A process that was just killed, or a child of ours between fork and exec, may hold a lock for this moment longer.
const LOCK_GRACE: Duration = Duration::from_secs(1);
/// For the checkpoint of a fast shutdown.
const FAST_SHUTDOWN_MAX: Duration = Duration::from_secs(60);
/// PostgreSQL itself kills what outlives an immediate shutdown by 5 s.
const IMMEDIATE_SHUTDOWN_MAX: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);

/// Held as long as the service works on the directory.
#[derive(Debug)]
pub(super) struct ServiceLock {
    _file: File,
}

impl ServiceLock {
    pub(super) fn take(place: &Place) -> Result<Self, ClusterError> {
        let path = place.home.join("lock");
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(ClusterError::io("open", &path))?;
        if !lock_within(&file, LOCK_GRACE).map_err(ClusterError::io("lock", &path))? {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(ClusterError::InUse { dir: place.home.clone(), pid: holder.trim().parse().ok() });
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(ClusterError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

/// Takes the cluster's lock. A PostgreSQL that a killed service left behind is told to shut down and waited for, and
/// what it left on disk that would keep the next one from starting is removed.
///
/// The file is to become PostgreSQL's standard input, which it never reads and never closes: so the lock is inherited
/// without a descriptor that other children would inherit too.
pub(super) fn take_cluster_lock(place: &Place) -> Result<File, ClusterError> {
    let path = place.home.join("data.lock");
    let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = open.map_err(ClusterError::io("open", &path))?;
    let lock = |patience| lock_within(&file, patience).map_err(ClusterError::io("lock", &path));
    if !lock(Duration::ZERO)? {
        let postmaster = named_in(&place.data.join("postmaster.pid"), &place.data).pid();
        tracing::info!(pid = postmaster.map(Pid::as_raw), "waiting for the PostgreSQL of an earlier run to shut down");
        let tell = |signal| postmaster.map(|pid| kill(pid, signal));
        // Mostly it knows already, since its service's death is a signal to it; a second one does no harm.
        tell(Signal::SIGINT);
        if !lock(FAST_SHUTDOWN_MAX)? {
            tell(Signal::SIGQUIT);
            if !lock(IMMEDIATE_SHUTDOWN_MAX)? {
                let pid = postmaster.map(|pid| pid.as_raw().unsigned_abs());
                return Err(ClusterError::Leftover { dir: place.data.clone(), pid });
            }
        }
    }
    clear_stale(&place.data.join("postmaster.pid"), &place.data)?;
    clear_stale(&place.socket_lock_file(), &place.data)?;
    Ok(file)
}

fn lock_within(file: &File, patience: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(POLL),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whom the first line of a lock file of PostgreSQL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// No process: PostgreSQL finds that out itself, and looks for orphans in shared memory besides.
    Nobody,
    Postmaster(Pid),
    /// Somebody who has nothing to do with this directory, or a zombie: no zombie works on any.
    Stranger,
    /// A process that cannot be looked into.
    Unknown(Pid),
}

impl Named {
    /// The process to signal while the cluster's lock proves that PostgreSQL runs.
    const fn pid(self) -> Option<Pid> {
        match self {
            Self::Postmaster(pid) | Self::Unknown(pid) => Some(pid),
            Self::Nobody | Self::Stranger => None,
        }
    }
}

/// To be called with the cluster's lock held. A postmaster that is alive all the same was started by hand, and is not
/// ours to stop.
fn clear_stale(file: &Path, data: &Path) -> Result<(), ClusterError> {
    match named_in(file, data) {
        Named::Nobody | Named::Unknown(_) => Ok(()),
        Named::Postmaster(pid) => {
            Err(ClusterError::InUse { dir: data.to_owned(), pid: Some(pid.as_raw().unsigned_abs()) })
        }
        Named::Stranger => {
            tracing::info!(path = %file.display(), "removing a stale lock file that names another process");
            fs::remove_file(file).map_err(ClusterError::io("remove", file))
        }
    }
}

fn named_in(file: &Path, data: &Path) -> Named {
    let text = fs::read_to_string(file).unwrap_or_default();
    match text.lines().next().and_then(|line| line.trim().parse().ok()) {
        Some(pid) if pid > 0 => look_at(Pid::from_raw(pid), data),
        _ => Named::Nobody,
    }
}

/// A postmaster runs `postgres` in its data directory.
#[cfg(target_os = "linux")]
fn look_at(pid: Pid, data: &Path) -> Named {
    let process = Path::new("/proc").join(pid.to_string());
    let link = |name| fs::read_link(process.join(name));
    match (link("exe"), link("cwd")) {
        (Ok(exe), Ok(cwd)) => {
            // After an upgrade of its package it reads "postgres (deleted)".
            let name = exe.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("postgres") && cwd == data { Named::Postmaster(pid) } else { Named::Stranger }
        }
        // A zombie still has its folder, but no longer an executable.
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {
            if process.exists() {
                Named::Stranger
            } else {
                Named::Nobody
            }
        }
        _ => Named::Unknown(pid),
    }
}

#[cfg(not(target_os = "linux"))]
fn look_at(pid: Pid, _data: &Path) -> Named {
    if kill(pid, None).is_ok() { Named::Unknown(pid) } else { Named::Nobody }
}
