//! Puts a node under load and measures it from outside. `./scripts/bench` builds and runs it; README.md says what the figures mean.
//!
//! ```text
//! options, machine, report      what is asked for, where it ran, what came out
//! scenarios/                    one file per kind of load
//! publisher ─► http             outside producers
//! crowd ─► socket, tally        subscribers, and what each of them has seen
//! ledger                        what was published, between the two
//! server, procstat              the node, and what it uses
//! token, histogram              what a message carries, what is made of it
//! ```
//!
//! Why not a load tester that exists: none checks, message by message and without parsing JSON, that an ordered log arrived whole,
//! and one that costs more than the server measures itself.
#![allow(unreachable_pub)]

mod crowd;
mod figures;
mod histogram;
mod http;
mod ledger;
mod machine;
mod options;
mod procstat;
mod publisher;
mod report;
mod scenario;
mod scenarios;
mod server;
mod socket;
mod tally;
mod token;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use self::{machine::Machine, options::Options, report::Report, scenario::Scenario};

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        for scenario in Scenario::all() {
            println!("{:18} {}", scenario.name(), scenario.about());
        }
        return ExitCode::SUCCESS;
    }
    match drive(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn drive(options: &Options) -> Result<bool> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        clean = run(options) => clean,
        // Nodes are killed and folders removed as they are dropped.
        _ = interrupted.recv() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}

/// Runs what was chosen, round by round, and prints it; false where a run was not clean.
async fn run(options: &Options) -> Result<bool> {
    let machine = Machine::here();
    let mut report = Report::new(machine, options);
    for round in 1..=options.rounds {
        for scenario in options.chosen() {
            eprintln!("round {round} of {}: {}", options.rounds, scenario.name());
            match scenario.run(options).await {
                Ok(rows) => report.add(scenario, rows),
                Err(error) => report.failed(scenario, &error),
            }
        }
    }
    println!("{}", report.markdown());
    if let Some(path) = &options.json {
        std::fs::write(path, report.json()?).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(report.is_clean())
}
