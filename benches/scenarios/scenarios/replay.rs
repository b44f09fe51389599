//! A long log to many clients at once, from its start.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use anyhow::Result;

use super::judge;
use crate::{
    crowd::{Crowd, Seat},
    figures::{Figures, Row},
    histogram::Histogram,
    ledger::Ledger,
    options::Options,
    publisher::{self, Pace, Plan},
    server::Server,
    socket::Way,
    token::nanos,
};

const MESSAGES: u64 = 10_000;
const CLIENTS: usize = 50;

pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let server = Server::start(&options.program).await?;
    let ids = publisher::create_sessions(server.address, 1).await?;
    let ledger = Arc::new(Ledger::new(ids, CLIENTS));
    let plan = Plan {
        lanes: 1,
        batch: 500,
        pace: Pace::FlatOut { under_way_max: 2 * MESSAGES },
        duration: Duration::from_secs(60),
        messages_max: MESSAGES,
        // What is replayed was sent long ago.
        is_warm_up: true,
    };
    publisher::publish(server.address, &ledger, plan).await?;
    let goal = ledger.sessions[0].last_offset.load(Relaxed);

    let before = server.watch.snapshot()?;
    let begin = nanos();
    let seats = (0..CLIENTS).map(|_| Seat { goal, ..Seat::new(0) }).collect();
    let crowd = Crowd::enter(Way::native(server.address), &ledger, seats, CLIENTS)?;
    crowd.caught_up().await?;
    let usage = server.watch.snapshot()? - before;
    ledger.wait_for_deliveries().await;
    let gathered = crowd.leave().await?;

    let mut figures = Figures { faults: judge(&gathered, &ledger), ..Figures::default() };
    let mut times = Histogram::default();
    for caught_up in gathered.seats.iter().filter_map(|seat| seat.caught_up) {
        times.record_nanos(caught_up - begin);
    }
    figures.set_times(["client_p50_ms", "client_p99_ms", "last_client_ms"], &times);
    let seconds = times.max_ms().unwrap_or_default() / 1e3;
    figures.set("deliveries_per_s", ledger.deliveries() as f64 / seconds);
    figures.set_usage(usage, ledger.deliveries());
    figures.set("server_rss_mib", server.watch.server_rss_mib()?);
    server.stop().await?;
    Ok(vec![(String::new(), figures)])
}
