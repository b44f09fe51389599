//! Joined connections on which nothing happens.

use std::{sync::Arc, time::Duration};

use anyhow::Result;

use super::{judge, load::CONNECTING_MAX};
use crate::{
    crowd::{Crowd, Seat},
    figures::{Figures, Row},
    ledger::Ledger,
    options::Options,
    publisher::{self, Pace, Plan},
    server::Server,
    socket::{Transport, Way},
};

/// Connections that are there before: what the first ones cost is not paid for each.
const FIRST: usize = 200;
const SETTLE: Duration = Duration::from_secs(2);

pub async fn run(options: &Options) -> Result<Vec<Row>> {
    Ok(vec![
        measure(options, Transport::Native, "native").await?,
        measure(options, Transport::SocketIo, "Socket.IO").await?,
    ])
}

async fn measure(options: &Options, transport: Transport, name: &str) -> Result<Row> {
    let server = Server::start(&options.program).await?;
    let more = usize::from(options.idle_connections);
    let ids = publisher::create_sessions(server.address, FIRST + more).await?;
    let ledger = Arc::new(Ledger::new(ids, 1));
    let enter = |sessions: std::ops::Range<usize>| {
        Crowd::enter(
            Way { address: server.address, transport },
            &ledger,
            sessions.map(Seat::new).collect(),
            CONNECTING_MAX,
        )
    };
    let first = enter(0..FIRST)?;
    first.joined().await?;
    tokio::time::sleep(SETTLE).await;
    let little_mib = server.watch.server_rss_mib()?;
    let others = enter(FIRST..FIRST + more)?;
    others.joined().await?;
    tokio::time::sleep(SETTLE).await;
    let much_mib = server.watch.server_rss_mib()?;
    let before = server.watch.snapshot()?;
    tokio::time::sleep(options.duration).await;
    let usage = server.watch.snapshot()? - before;

    // They are there, not only in memory.
    let plan = Plan {
        lanes: 4,
        batch: 1,
        pace: Pace::FlatOut { under_way_max: 100 },
        duration: Duration::from_secs(60),
        messages_max: (FIRST + more) as u64,
        is_warm_up: true,
    };
    publisher::publish(server.address, &ledger, plan).await?;
    ledger.wait_for_deliveries().await;
    let (first, others) = (first.leave().await?, others.leave().await?);
    ledger.check()?;
    let mut figures = Figures { faults: judge(&first, &ledger), ..Figures::default() };
    figures.faults += judge(&others, &ledger);
    figures.set("server_kib_per_connection", (much_mib - little_mib) * 1024.0 / more as f64);
    figures.set("server_rss_mib", much_mib);
    figures.set("server_cores", usage.server_s / usage.wall_s);
    figures.set("postgres_cores", usage.postgres_s / usage.wall_s);
    figures.set("bench_cores", usage.bench_s / usage.wall_s);
    figures.set("other_cores", usage.other_cores);
    server.stop().await?;
    Ok((format!("{more} connections, {name}"), figures))
}
