//! The commands. `serve`, `migrate`, `keys`, `prune`, `rebuild` and `verify` work on the database; `generate`, `tail` and
//! `export` talk to a server, as any other client does.

pub mod address;
pub mod api;
pub mod export;
pub mod follow;
pub mod generate;
pub mod keys;
pub mod line;
pub mod maintain;
mod say;
pub mod tail;
pub mod verify;

#[cfg(test)]
mod fake_server;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{app, config::ServeArgs};

/// Durable, resumable streams of AI course-generation runs on PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "coursestream", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a node: migrate the database, generate courses, serve clients
    Serve(Box<ServeArgs>),
    /// Start a run on a server and follow it
    Generate(generate::GenerateArgs),
    /// Print a session's log and follow it to its end
    Tail(tail::TailArgs),
    /// Print a session's log as it is now, or write it to a file
    Export(export::ExportArgs),
    /// Print the OpenAPI document
    Openapi,
    /// Bring the database's schema up to date
    Migrate(maintain::MigrateArgs),
    /// Make, list and revoke API keys
    Keys(keys::KeysArgs),
    /// Expire sessions, archive and drop partitions: one pass now
    Prune(maintain::PruneArgs),
    /// Rebuild the projections from the events, or with --check only compare them
    Rebuild(maintain::RebuildArgs),
    /// Check that the history is as it was sealed: all of it, or one session
    Verify(verify::VerifyArgs),
}

impl Command {
    /// Carries the command out.
    ///
    /// # Errors
    ///
    /// In words for the person at the terminal.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(args) => app::serve(*args).await.map(|()| ExitCode::SUCCESS),
            Self::Generate(args) => generate::run(args).await,
            Self::Tail(args) => tail::run(args).await,
            Self::Export(args) => export::run(args).await,
            Self::Openapi => {
                print!("{}", app::openapi_document());
                Ok(ExitCode::SUCCESS)
            }
            Self::Keys(args) => keys::run(args).await,
            Self::Migrate(args) => maintain::migrate(args).await,
            Self::Prune(args) => maintain::prune(args).await,
            Self::Rebuild(args) => maintain::rebuild(args).await,
            Self::Verify(args) => verify::run(args).await,
        }
    }
}
