//! Commands of the person who looks after the database. They work beside a running service as well.

use std::{process::ExitCode, time::Duration};

use clap::Args;

use super::say::say;
use crate::{
    app::Database,
    config::{DatabaseArgs, RetentionArgs, duration},
    event::SessionId,
    store::{Difference, Pruned, Store},
};

/// Sessions that are read at a time.
const PAGE: usize = 500;

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    /// Let this role run nodes, with no more rights than that takes: it can neither change nor delete events. It is made
    /// where it is missing, without a password
    #[arg(long, value_name = "ROLE")]
    grant_service_role: Option<String>,

    /// How long that role has to keep history, whatever its nodes are told
    #[arg(long, env = "COURSESTREAM_HISTORY_RETENTION", default_value = "30d", value_parser = duration, value_name = "TIME")]
    history_retention: Duration,

    /// How long that role has to keep entries of the access trail
    #[arg(long, env = "COURSESTREAM_ACCESS_RETENTION", default_value = "365d", value_parser = duration, value_name = "TIME")]
    access_retention: Duration,
}

#[derive(Debug, Args)]
pub struct PruneArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    retention: RetentionArgs,
}

#[derive(Debug, Args)]
pub struct RebuildArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    /// Only compare; exit with 1 when there is a difference
    #[arg(long)]
    check: bool,
}

/// # Errors
///
/// When the database cannot be reached or a migration fails.
pub async fn migrate(args: MigrateArgs) -> anyhow::Result<ExitCode> {
    let database = Database::open(&args.database).await?;
    let done = async {
        database.store.migrate().await?;
        match &args.grant_service_role {
            Some(role) => {
                database.store.provide_service(role).await?;
                database.store.keep_at_least(args.history_retention, args.access_retention).await
            }
            None => Ok(()),
        }
    }
    .await;
    database.close().await;
    done?;
    say("the schema is up to date")?;
    Ok(ExitCode::SUCCESS)
}

/// # Errors
///
/// When the database cannot be reached.
pub async fn prune(args: PruneArgs) -> anyhow::Result<ExitCode> {
    let database = Database::open_existing(&args.database).await?;
    let pruned = database.store.prune(args.retention.session_ttl, args.retention.history_retention).await;
    let accesses = database.store.prune_accesses(args.retention.access_retention).await;
    database.close().await;
    let Pruned { expired, archived, dropped, is_elsewhere } = pruned?;
    let accesses = accesses?;
    if accesses > 0 {
        say(format_args!("entries of the access trail dropped: {accesses}"))?;
    }
    if is_elsewhere {
        say("another process is pruning; nothing was done")?;
    } else {
        say(format_args!(
            "sessions expired: {expired}, partitions archived: {archived}, partitions dropped: {dropped}"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// # Errors
///
/// When the database cannot be reached.
pub async fn rebuild(args: RebuildArgs) -> anyhow::Result<ExitCode> {
    let database = Database::open_existing(&args.database).await?;
    let outcome = rebuild_all(&database.store, !args.check).await;
    database.close().await;
    let (sessions, differences) = outcome?;
    let verb = if args.check { "compared" } else { "rebuilt" };
    say(format_args!("sessions {verb}: {sessions}, differences: {differences}"))?;
    Ok(if args.check && differences > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn rebuild_all(store: &Store, repair: bool) -> anyhow::Result<(usize, usize)> {
    let (mut sessions, mut differences) = (0, 0);
    let mut after: Option<SessionId> = None;
    loop {
        let ids = store.session_ids_after(after, PAGE).await?;
        let Some(last) = ids.last().copied() else { return Ok((sessions, differences)) };
        after = Some(last);
        for session_id in ids {
            let found: Vec<Difference> = store.rebuild_session(session_id, repair).await?;
            for difference in &found {
                say(difference)?;
            }
            sessions += 1;
            differences += found.len();
        }
    }
}
