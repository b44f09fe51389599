//! What can go wrong with a private cluster, each in words that tell a person what to do next.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

/// Why there is no running private cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "PostgreSQL was not found; install it (Debian/Ubuntu: apt-get install postgresql; macOS: brew install \
         postgresql@16) or set DATABASE_URL"
    )]
    BinariesNotFound,
    /// An explicit setting that is wrong is told, never worked around: the person meant that folder.
    #[error("PG_BIN_DIR is {}, but no initdb and postgres that run were found there", dir.display())]
    BinDirUnusable { dir: PathBuf },
    #[error(
        "{} was made by PostgreSQL {data_version}, but only version {found} is installed; install PostgreSQL \
         {data_version}, or move its data with pg_upgrade",
        data.display()
    )]
    DifferentVersion { data: PathBuf, data_version: u32, found: String },
    #[error("running as root, PostgreSQL needs an unprivileged user, and there is neither 'postgres' nor 'nobody'")]
    NoUnprivilegedUser,
    #[error(
        "the user id {uid} has no entry in /etc/passwd, and PostgreSQL's initdb insists on one; add the entry, run as \
         another user, or set DATABASE_URL"
    )]
    UnknownUser { uid: u32 },
    /// A cluster that exists is not left behind for an empty one elsewhere.
    #[error("the user '{user}' that owns {} can no longer enter it; check the permissions of the folders above", data.display())]
    Unreachable { data: PathBuf, user: String },
    #[error("{} is in use by {}; stop that, or choose another data directory", dir.display(), process(*pid))]
    InUse { dir: PathBuf, pid: Option<u32> },
    #[error("a PostgreSQL of an earlier run, {}, still works on {} and does not stop", process(*pid), dir.display())]
    Leftover { dir: PathBuf, pid: Option<u32> },
    #[error("{} belongs to somebody else; remove it: PostgreSQL's socket is to lie there", dir.display())]
    SocketDirTaken { dir: PathBuf },
    #[error("initdb failed ({status}): {output}")]
    Init { status: ExitStatus, output: String },
    /// Before it was ready, or later without having been asked to.
    #[error("PostgreSQL ended ({}); the end of {}:\n{log_tail}", ended(*status), log.display())]
    Exited { status: Option<ExitStatus>, log: PathBuf, log_tail: String },
    #[error("PostgreSQL (process {pid}) was told to stop and still runs")]
    NotStopped { pid: u32 },
    #[error("the private PostgreSQL runs, but its database could not be set up")]
    Database(#[from] sqlx::Error),
    #[error("cannot {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl ClusterError {
    /// For `map_err`: names what was tried, since an `io::Error` names neither the deed nor the file.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn ended(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "for an unknown reason".to_owned(), |status| status.to_string())
}
