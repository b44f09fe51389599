//! `coursestream verify`: reads the database itself, beside a running service too, and says what is not as it was sealed.

use std::{io, process::ExitCode};

use anyhow::bail;
use clap::Args;

use super::{line::printable, say::say};
use crate::{
    app::Database,
    config::DatabaseArgs,
    event::SessionId,
    seal::{Finding, Sum, Tampering},
    store::{ChainHead, SealedWhen, Store, Verified},
};

/// Seals that are checked at a time.
const PAGE: usize = 500;

/// Checks the logs against their seals, and the chain of the seals: all of it, or of one session. Exits with 0 where all is as it was
/// sealed, with 1 where something was altered, removed or inserted, each of which it names, and with 2 where it cannot tell.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Only this session
    session: Option<SessionId>,
    /// The hash of a seal that was kept earlier, such as the last one that a check printed: is it still in the chain?
    #[arg(long, value_name = "SHA256")]
    head: Option<Sum>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// # Errors
///
/// When the database cannot be reached, or the session has no seal.
pub async fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let database = Database::open_existing(&args.database).await?;
    let findings = verify(&database.store, args.session, args.head).await;
    database.close().await;
    Ok(if findings? == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn verify(store: &Store, session: Option<SessionId>, kept: Option<Sum>) -> anyhow::Result<usize> {
    if !store.is_migrated().await? {
        bail!("the schema is not up to date: run coursestream migrate");
    }
    let found = match kept {
        Some(sha256) if !store.chain_has(sha256).await? => {
            tell(&[Finding { session_id: None, position: None, what: Tampering::HeadUnknown { sha256 } }])?
        }
        _ => 0,
    };
    match session {
        Some(session_id) => one(store, session_id, found).await,
        None => all(store, found).await,
    }
}

/// `found` were named before.
async fn one(store: &Store, session_id: SessionId, found: usize) -> anyhow::Result<usize> {
    let Some(verified) = store.verify_session(session_id).await? else {
        match store.find_head(session_id).await? {
            None => bail!("there is no session {session_id}, and no seal of one"),
            Some(head) if head.phase.is_ended() => bail!("session {session_id} has ended and is not sealed yet"),
            Some(_) => bail!("session {session_id} has not ended, and is sealed when it has"),
        }
    };
    let found = found + tell(&verified.findings)?;
    let Verified { events, dropped, .. } = verified;
    let dropped = if dropped > 0 { ", history dropped by retention" } else { "" };
    say(format_args!("events checked: {events}{dropped}, findings: {found}"))?;
    Ok(found)
}

async fn all(store: &Store, mut found: usize) -> anyhow::Result<usize> {
    let (mut sum, mut after) = (Verified::default(), Some(0));
    while let Some(position) = after {
        let page = store.verify_after(position, SealedWhen::default(), PAGE).await?;
        found += tell(&page.findings)?;
        sum.seals += page.seals;
        sum.sessions += page.sessions;
        sum.events += page.events;
        sum.dropped += page.dropped;
        after = page.next_after;
    }
    let Verified { seals, sessions, events, dropped, .. } = sum;
    let unsealed = store.seal_backlog().await?.sessions;
    say(format_args!(
        "seals checked: {seals}, sessions: {sessions}, events: {events}, dropped by retention: {dropped}, \
         not sealed yet: {unsealed}, findings: {found}"
    ))?;
    let ChainHead { position, sha256 } = store.chain_head().await?;
    say(format_args!("head of the chain: seal {position}, {sha256}"))?;
    Ok(found)
}

/// What was put into the database may be quoted, and is made fit for a terminal.
fn tell(findings: &[Finding]) -> io::Result<usize> {
    for finding in findings {
        say(printable(&finding.to_string()))?;
    }
    Ok(findings.len())
}
