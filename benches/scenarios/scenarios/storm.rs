//! Everybody loses the connection and comes back at once, while messages go on.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use anyhow::Result;

use super::judge;
use crate::{
    crowd::{Crowd, Gathered, Seat},
    figures::Figures,
    histogram::Histogram,
    ledger::Ledger,
    options::Options,
    publisher::{self, Pace},
    server::Server,
    socket::{Transport, Way},
    token::nanos,
};

use super::load::Load;

const SESSIONS: usize = 20;
const CLIENTS: usize = 1_000;
const DOWN: Duration = Duration::from_millis(500);
/// Messages go on for so long after the return.
const AFTER: Duration = Duration::from_secs(2);

pub async fn measure(server: &Server, options: &Options) -> Result<Figures> {
    let load = Load {
        sessions: SESSIONS,
        subscribers_per_session: CLIENTS / SESSIONS,
        lanes: 4,
        batch: 1,
        pace: Pace::Rate(200.0),
        transport: Transport::Native,
    };
    let (ledger, crowd) = load.set_up(server.address, server.address).await?;
    let before_it = options.duration.max(Duration::from_secs(1));
    let before = server.watch.snapshot()?;
    let (published, stormed) = tokio::join!(
        publisher::publish(server.address, &ledger, load.plan(before_it + DOWN + AFTER, false)),
        storm(server, &ledger, crowd, before_it)
    );
    let (published, (begin, missed, crowd)) = (published?, stormed?);
    ledger.wait_for_deliveries().await;
    let usage = server.watch.snapshot()? - before;
    let gathered = crowd.leave().await?;
    ledger.check()?;

    let mut figures = Figures { faults: judge(&gathered, &ledger), ..Figures::default() };
    let mut times = Histogram::default();
    for caught_up in gathered.seats.iter().filter_map(|seat| seat.caught_up) {
        times.record_nanos(caught_up.saturating_sub(begin));
    }
    figures.set_times(["client_p50_ms", "client_p99_ms", "last_client_ms"], &times);
    figures.set("missed_while_down", missed as f64);
    figures.set_acks(&published.acks);
    figures.set_usage(usage, ledger.deliveries());
    figures.set("server_rss_mib", server.watch.server_rss_mib()?);
    Ok(figures)
}

/// Returns when everybody set out to come back, how many deliveries they had missed, and who came back.
async fn storm(server: &Server, ledger: &Arc<Ledger>, crowd: Crowd, before: Duration) -> Result<(u64, u64, Crowd)> {
    tokio::time::sleep(before).await;
    let Gathered { seats, .. } = crowd.leave().await?;
    tokio::time::sleep(DOWN).await;
    let mut missed = 0;
    let come_back = |Seat { tally, .. }: Seat| {
        let goal = ledger.sessions[tally.session].last_offset.load(Relaxed);
        missed += goal.saturating_sub(tally.offset);
        Seat { tally, goal, caught_up: None }
    };
    let seats: Vec<Seat> = seats.into_iter().map(come_back).collect();
    let begin = nanos();
    let crowd = Crowd::enter(Way::native(server.address), ledger, seats, CLIENTS)?;
    crowd.caught_up().await?;
    Ok((begin, missed, crowd))
}
