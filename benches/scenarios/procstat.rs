//! What the server, its PostgreSQL and this program use, read from `/proc`.

use std::{collections::HashMap, fs, ops::Sub, time::Instant};

use anyhow::{Context, Result};

/// `USER_HZ`, in which the kernel reports times to programs: 100 on every architecture that Rust's Linux runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time until now, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    at: Instant,
    server_s: f64,
    postgres_s: f64,
    bench_s: f64,
    machine_s: f64,
}

/// Processor time between two snapshots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub wall_s: f64,
    pub server_s: f64,
    pub postgres_s: f64,
    /// This program.
    pub bench_s: f64,
    /// What everybody else on the machine kept busy, in cores. A little below 0 is the clock's coarseness.
    pub other_cores: f64,
}

/// The processes that are measured.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    pub server_pid: u32,
    pub postmaster_pid: u32,
}

impl Watch {
    /// The server with the PostgreSQL that it has started.
    pub fn server(server_pid: u32) -> Result<Self> {
        let all = processes()?;
        let postmaster = all.iter().find(|(_, process)| process.parent == server_pid && process.name == "postgres");
        let (postmaster_pid, _) = postmaster.context("the server has no PostgreSQL of its own")?;
        Ok(Self { server_pid, postmaster_pid: *postmaster_pid })
    }

    pub fn snapshot(&self) -> Result<Snapshot> {
        let machine_s = machine_busy_s()?;
        let all = processes()?;
        let own = |pid: u32| all.get(&pid).map_or(0.0, |process| process.own_s);
        // A backend that has ended is in its parent's account.
        let ended = all.get(&self.postmaster_pid).map_or(0.0, |process| process.ended_children_s);
        let children = all.values().filter(|process| process.parent == self.postmaster_pid);
        Ok(Snapshot {
            at: Instant::now(),
            server_s: own(self.server_pid),
            postgres_s: own(self.postmaster_pid) + ended + children.map(|process| process.own_s).sum::<f64>(),
            bench_s: own(std::process::id()),
            machine_s,
        })
    }

    /// Resident memory of the server alone, in MiB.
    pub fn server_rss_mib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server_pid)).context("the server has ended")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).context("no VmRSS")?;
        Ok(kib / 1024.0)
    }
}

impl Sub for Snapshot {
    type Output = Usage;

    fn sub(self, before: Self) -> Usage {
        let wall_s = (self.at - before.at).as_secs_f64();
        let server_s = self.server_s - before.server_s;
        let postgres_s = self.postgres_s - before.postgres_s;
        let bench_s = self.bench_s - before.bench_s;
        let others_s = self.machine_s - before.machine_s - server_s - postgres_s - bench_s;
        Usage { wall_s, server_s, postgres_s, bench_s, other_cores: others_s / wall_s.max(0.001) }
    }
}

struct Process {
    name: String,
    parent: u32,
    own_s: f64,
    ended_children_s: f64,
}

fn processes() -> Result<HashMap<u32, Process>> {
    let mut all = HashMap::new();
    for entry in fs::read_dir("/proc").context("this program needs Linux's /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended in the meantime.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        all.extend(parse(&stat).map(|process| (pid, process)));
    }
    Ok(all)
}

/// `pid (name) state ppid …`: the name may hold anything, so the fields are counted from its last bracket.
fn parse(stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let fields: Vec<&str> = tail.split_whitespace().collect();
    // proc_pid_stat(5) counts from 1; `state` is its third.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let seconds = |first, second| Some((field(first)? + field(second)?) as f64 / TICKS_PER_SECOND);
    Some(Process {
        name: name.to_owned(),
        parent: u32::try_from(field(4)?).ok()?,
        own_s: seconds(14, 15)?,
        ended_children_s: seconds(16, 17)?,
    })
}

/// Everything but idling and waiting for disks, of all cores.
fn machine_busy_s() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("/proc/stat has no cpu line")?;
    let times: Vec<u64> = line.split_whitespace().filter_map(|time| time.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest times are in user already.
    let busy: u64 = times.iter().take(8).enumerate().filter(|(index, _)| ![3, 4].contains(index)).map(|(_, t)| t).sum();
    Ok(busy as f64 / TICKS_PER_SECOND)
}
