//! The command line.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser;

use crate::scenario::Scenario;

/// Puts a node under load and prints what it does: everything is started here, on this machine, and gone afterwards.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
pub struct Options {
    /// A scenario to run; repeatable. Default: all but self-check
    #[arg(long = "scenario", value_enum, value_name = "NAME")]
    pub scenarios: Vec<Scenario>,

    /// Says what the scenarios are, and ends
    #[arg(long)]
    pub list: bool,

    /// How long a load lasts
    #[arg(long, default_value = "3s", value_parser = duration, value_name = "TIME")]
    pub duration: Duration,

    /// Load before the one that is measured
    #[arg(long, default_value = "1s", value_parser = duration, value_name = "TIME")]
    pub warm_up: Duration,

    /// Rounds through the scenarios, each on fresh nodes; figures are medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100), value_name = "N")]
    pub rounds: u16,

    /// Writes the same as JSON too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// idle: connections
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=8_000), value_name = "N")]
    pub idle_connections: u16,

    /// grow-sessions: the most sessions
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(10..=16_000), value_name = "N")]
    pub sessions_max: u16,

    /// prune: events in the partition
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000),
        value_name = "N")]
    pub prune_events: u32,

    /// history: ended sessions
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000),
        value_name = "N")]
    pub history_sessions: u32,

    /// history: events of each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1_000), value_name = "N")]
    pub history_events: u32,

    /// questions: events in the history
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(50_000..=50_000_000),
        value_name = "N")]
    pub questions_events: u32,

    /// questions: writes the plans of the SQL, with what each step took
    #[arg(long, value_name = "FILE")]
    pub plans: Option<PathBuf>,

    /// The program to measure. Default: the one that was built with this one
    #[arg(long, default_value = BUILT_WITH_THIS, hide_default_value = true, value_name = "PATH")]
    pub program: PathBuf,

    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

const BUILT_WITH_THIS: &str = env!("CARGO_BIN_EXE_coursestream");
const DURATION_MAX: Duration = Duration::from_secs(600);

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration > DURATION_MAX { Err(format!("must be at most {DURATION_MAX:?}")) } else { Ok(duration) }
}

impl Options {
    pub fn chosen(&self) -> Vec<Scenario> {
        if self.scenarios.is_empty() { Scenario::by_default().collect() } else { self.scenarios.clone() }
    }

    /// For the report, whose commit and build say nothing of a program that came from elsewhere.
    pub fn other_program(&self) -> String {
        if self.program == Path::new(BUILT_WITH_THIS) {
            return String::new();
        }
        format!(", of the program {}", self.program.display())
    }
}
