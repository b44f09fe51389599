//! PostgreSQL's log file.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::ExitStatus,
};

use super::{ClusterError, place::Place};

const TAIL_BYTES_MAX: u64 = 4_096;
/// Beyond this size the file is put aside at the next start, in the place of the one put aside before.
const BYTES_MAX: u64 = 16 << 20;

/// What one run of PostgreSQL writes: the file from `start` on.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) path: PathBuf,
    start: u64,
}

impl Log {
    /// Opened by the service and handed over open, so that PostgreSQL's user needs no write access to its folder.
    pub(super) fn open(place: &Place) -> Result<(Self, File), ClusterError> {
        let path = &place.log;
        if fs::metadata(path).is_ok_and(|meta| meta.len() > BYTES_MAX) {
            fs::rename(path, path.with_extension("log.1")).map_err(ClusterError::io("put aside", path))?;
        }
        let file = File::options().create(true).append(true).mode(0o600).open(path);
        let file = file.map_err(ClusterError::io("open", path))?;
        let start = file.metadata().map_err(ClusterError::io("read", path))?.len();
        Ok((Self { path: path.clone(), start }, file))
    }

    /// The error for a postmaster that ended, with its last words.
    pub(super) fn exited(&self, status: Option<ExitStatus>) -> ClusterError {
        ClusterError::Exited { status, log: self.path.clone(), log_tail: self.tail().unwrap_or_default() }
    }

    fn tail(&self) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(self.start.max(length.saturating_sub(TAIL_BYTES_MAX)))).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }
}
