//! Minutes of trouble: two nodes with a stream of runs, outside producers and clients on every transport, while something is
//! killed, paused, cut or restarted every few seconds. Not part of the usual tests: `scripts/soak` runs it.

mod faults;
mod follow;
mod model;
mod producers;
mod runs;
mod tally;
mod world;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use self::{faults::Faults, model::Ledger, world::World};
use crate::support::{database::Cluster, service};

const RUNS_AT_ONCE: usize = 5;
const PRODUCERS_AT_ONCE: usize = 3;

/// How long there is trouble; what is under way then comes to its end in peace.
fn duration() -> Duration {
    let text = std::env::var("COURSESTREAM_SOAK").unwrap_or_else(|_| "5m".to_owned());
    humantime::parse_duration(&text).expect("COURSESTREAM_SOAK is a duration, such as 5m")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: scripts/soak runs it"]
async fn soak() {
    let cluster = Cluster::start().await;
    let database = cluster.database();
    let ledger = Arc::new(Ledger::default());
    let model = Arc::clone(&ledger).serve().await;
    let world = Arc::new(World::start(&cluster, &model.base_url, duration()).await);

    let mut work = JoinSet::new();
    for worker in 0..RUNS_AT_ONCE {
        work.spawn(runs::stream(Arc::clone(&world), Arc::clone(&ledger), worker));
    }
    for worker in 0..PRODUCERS_AT_ONCE {
        work.spawn(producers::stream(Arc::clone(&world), worker));
    }
    work.spawn(Faults::new(Arc::clone(&world), cluster).cause());
    while let Some(ended) = work.join_next().await {
        // What failed has said so above.
        ended.expect("all work comes to its end");
    }

    world.stop().await;
    // The cluster went with the faults, and was left running.
    let compared = service::run(&["rebuild", "--check", "--database-url", &database.url]).await;
    println!("{compared}{}", world.tally);
}
