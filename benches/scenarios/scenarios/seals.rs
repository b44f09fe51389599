//! Sessions end flat out: what sealing them costs those who end them, and how long it takes until all are sealed.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use sqlx::PgConnection;
use tokio::task::JoinSet;

use super::load::Load;
use crate::{
    figures::{Figures, Row},
    histogram::Histogram,
    http::Connection,
    ledger::Ledger,
    options::Options,
    publisher::{self, Pace, Plan},
    server::Server,
    token::nanos,
};

const SESSIONS: usize = 4_000;
/// About what a run of a course appends.
const MESSAGES_PER_SESSION: u32 = 28;
const LANES: usize = 16;
const SEALED_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let without = measure(options, "1d").await?;
    let mut with = measure(options, "1s").await?;
    if let (Some(before), Some(now)) = (without.get("ended_per_s"), with.get("ended_per_s")) {
        with.set("ended_ratio", now / before);
    }
    Ok(vec![("sealed later".to_owned(), without), ("sealed meanwhile".to_owned(), with)])
}

async fn measure(options: &Options, seal_every: &str) -> Result<Figures> {
    let server = Server::start_with(&options.program, &["--seal-every", seal_every]).await?;
    let ids = publisher::create_sessions(server.address, SESSIONS).await?;
    let ledger = Arc::new(Ledger::new(ids, 0));
    let load = Load::sessions(SESSIONS, MESSAGES_PER_SESSION, Pace::FlatOut { under_way_max: 1 });
    let plan = Plan {
        messages_max: SESSIONS as u64 * u64::from(MESSAGES_PER_SESSION),
        ..load.plan(Duration::from_secs(60), false)
    };
    publisher::publish(server.address, &ledger, plan).await?;

    let before = server.watch.snapshot()?;
    let begin = nanos();
    let acks = end_all(server.address, &ledger).await?;
    let ended = nanos();
    let mut figures = Figures::default();
    figures.set("ended_per_s", SESSIONS as f64 * 1e9 / (ended - begin) as f64);
    figures.set_acks(&acks);
    if seal_every == "1s" {
        wait_until_sealed(&mut server.database().await?).await?;
        figures.set("sealed_per_s", SESSIONS as f64 * 1e9 / (nanos() - begin) as f64);
    }
    figures.set_usage(server.watch.snapshot()? - before, SESSIONS as u64);
    figures.set("server_rss_mib", server.watch.server_rss_mib()?);
    server.stop().await?;
    Ok(figures)
}

/// Ends all sessions, several at a time, and returns how long each end took.
async fn end_all(address: SocketAddr, ledger: &Arc<Ledger>) -> Result<Histogram> {
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let ledger = ledger.clone();
        lanes.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut acks = Histogram::default();
            for entry in ledger.sessions.iter().skip(lane).step_by(LANES) {
                let begin = nanos();
                let path = format!("/api/v1/sessions/{}/end", entry.id);
                connection.post(&path, br#"{"status":"completed"}"#).await?;
                acks.record_nanos(nanos() - begin);
            }
            anyhow::Ok(acks)
        });
    }
    let mut acks = Histogram::default();
    while let Some(lane) = lanes.join_next().await {
        acks.add(&lane??);
    }
    Ok(acks)
}

async fn wait_until_sealed(database: &mut PgConnection) -> Result<()> {
    let all = async {
        loop {
            let sealed: i64 =
                sqlx::query_scalar("select count(*) from coursestream.seals").fetch_one(&mut *database).await?;
            if usize::try_from(sealed)? >= SESSIONS {
                ensure!(usize::try_from(sealed)? == SESSIONS, "{sealed} seals of {SESSIONS} sessions");
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(SEALED_MAX, all).await.context("the sessions are not sealed")?
}
