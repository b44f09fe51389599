//! What sealing costs. Not a test of a rule: run it by name, with `--ignored --nocapture`.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::sealing::{past_sessions, wait_until_sealed};
use crate::support::{api::Api, database::Database, outside::Outside, service::Service};

const ROUNDS: usize = 6;
const SESSIONS: usize = 400;
const AT_A_TIME: usize = 16;
/// With the first and the last of a session: 28 events.
const MESSAGES: usize = 26;
const PAST: u32 = 3_000;

/// Sessions a second that are created, written and ended.
async fn rate(api: &Api) -> f64 {
    let begun = Instant::now();
    let sessions = stream::iter(0..SESSIONS).for_each_concurrent(AT_A_TIME, async |_| {
        let producer = Outside::create(api).await;
        producer.log(MESSAGES).await;
        producer.end().await;
    });
    sessions.await;
    SESSIONS as f64 / begun.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn sessions_a_second_with_sealing_and_without() {
    let mut nodes = Vec::new();
    for every in ["1h", "1s"] {
        let database = Database::create().await;
        let service = Service::start_with(&database, &["--seal-every", every]).await;
        nodes.push((every, service, Vec::new()));
    }
    for _ in 0..ROUNDS {
        for (_, service, rates) in &mut nodes {
            rates.push(rate(&Api::of(service)).await);
        }
    }
    let mut medians = Vec::new();
    for (every, _, rates) in &mut nodes {
        println!("sealed after {every}: {rates:.0?} sessions/s");
        rates.sort_by(f64::total_cmp);
        medians.push(f64::midpoint(rates[ROUNDS / 2 - 1], rates[ROUNDS / 2]));
    }
    println!("with sealing, sessions end at {:.2} of the rate without", medians[1] / medians[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn sessions_a_second_that_are_sealed_afterwards() {
    let database = Database::create().await;
    let mut connection = database.connect().await;
    past_sessions(&mut connection, PAST, 28).await;
    let begun = Instant::now();
    let service = Service::start(&database).await;
    let started = begun.elapsed();
    wait_until_sealed(&mut connection).await;
    let took = begun.elapsed() - started;
    println!("{PAST} sessions of 28 events sealed in {took:.2?}: {:.0} a second", f64::from(PAST) / took.as_secs_f64());
    let begun = Instant::now();
    let (mut after, mut slowest) = (Some(0), Duration::ZERO);
    while let Some(position) = after {
        let asked = Instant::now();
        let (_, page) = Api::of(&service).get(&format!("/api/v1/verify?after={position}")).await;
        slowest = slowest.max(asked.elapsed());
        after = page["nextAfter"].as_u64();
    }
    println!(
        "verified at {:.0} a second; the slowest page took {slowest:.2?}",
        f64::from(PAST) / begun.elapsed().as_secs_f64()
    );
}
