//! Where and on what the figures were taken.

use std::{fs, process::Command, thread};

use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub cores: usize,
    pub cpu: String,
    pub memory_gib: f64,
    pub kernel: String,
    /// With `-dirty` where the tree has changes that are not committed.
    pub commit: String,
    /// UTC.
    pub date: String,
    /// `release` or `debug`: figures of the latter mean nothing.
    pub build: &'static str,
}

impl Machine {
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let line = |text: &str, key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            value.trim().trim_start_matches(':').trim().to_owned()
        };
        let memory = line(&read("/proc/meminfo"), "MemTotal:");
        let kib: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
        Self {
            cores: thread::available_parallelism().map_or(0, usize::from),
            cpu: line(&read("/proc/cpuinfo"), "model name"),
            memory_gib: kib / f64::from(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
            date: chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
        }
    }
}

fn commit() -> Option<String> {
    let describe = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"];
    let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(describe).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
