//! An hour of events moves to the archive beside a load: how long do appends wait?

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{
    load::Load,
    rows::{HOUR_MS, Past, now_ms, settle},
};
use crate::{
    figures::Row,
    histogram::Histogram,
    options::Options,
    publisher::{self, Pace},
    server::Server,
    token::nanos,
};

const EVENTS_PER_SESSION: i64 = 1_000;
const LOAD_MIN: Duration = Duration::from_secs(6);

pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let server = Server::start(&options.program).await?;
    let from_ms = now_ms() / HOUR_MS * HOUR_MS - 3 * HOUR_MS;
    let past = Past {
        from_ms,
        to_ms: from_ms + HOUR_MS,
        sessions: i64::from(options.prune_events) / EVENTS_PER_SESSION,
        events_per_session: EVENTS_PER_SESSION,
        is_expired: false,
    };
    let mut database = server.database().await?;
    past.insert(&mut database).await?;
    settle(&mut database).await?;

    let load = Load::sessions(50, 1, Pace::Rate(500.0));
    let (ledger, crowd) = load.set_up(server.address, server.address).await?;
    publisher::publish(server.address, &ledger, load.plan(options.warm_up, true)).await?;
    let duration = options.duration.max(LOAD_MIN);
    let before = server.watch.snapshot()?;
    let (published, pruned) =
        tokio::join!(publisher::publish(server.address, &ledger, load.plan(duration, false)), async {
            tokio::time::sleep(duration / 3).await;
            let begin = nanos();
            let said = server.run(&["prune", "--session-ttl", "1h"]).await?;
            anyhow::Ok((begin, nanos(), said))
        });
    let (published, (begin, end, said)) = (published?, pruned?);
    ensure!(said.contains("partitions archived: 1,"), "the partition was not archived: {said}");
    ledger.wait_for_deliveries().await;
    let usage = server.watch.snapshot()? - before;

    let mut figures = load.tear_down(&ledger, crowd, &published).await?;
    let (mut beside, mut apart) = (Histogram::default(), Histogram::default());
    for (sent, took) in &published.ack_times {
        let overlaps = *sent < end && sent + took > begin;
        if overlaps { &mut beside } else { &mut apart }.record_nanos(*took);
    }
    figures.set_times(["pruning_ack_p50_ms", "pruning_ack_p99_ms", "pruning_ack_max_ms"], &beside);
    figures.set_times(["otherwise_ack_p50_ms", "otherwise_ack_p99_ms", "otherwise_ack_max_ms"], &apart);
    figures.set("prune_ms", (end - begin) as f64 / 1e6);
    figures.set_usage(usage, published.messages);
    figures.set("server_rss_mib", server.watch.server_rss_mib()?);
    server.stop().await?;
    Ok(vec![(format!("{} events", options.prune_events), figures)])
}
