//! The same loads beside a long history and without.

use anyhow::Result;

use super::{
    load::Load,
    rows::{HOUR_MS, Past, now_ms, settle},
    storm,
};
use crate::{
    figures::{Figures, Row},
    options::Options,
    publisher::Pace,
    server::Server,
};

/// Over which the history is spread: the last hour is still joinable, those before are in the archive.
const HOURS: i64 = 24;

pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let n = options.history_sessions;
    let without = both(options, 0).await?;
    let mut with = both(options, n).await?;
    let names = ["events_per_s", "last_client_ms"];
    let ratios = ["events_per_s_ratio", "last_client_ratio"];
    for (index, (before, after)) in without.iter().zip(&mut with).enumerate() {
        if let (Some(before), Some(now)) = (before.get(names[index]), after.get(names[index])) {
            after.set(ratios[index], now / before);
        }
    }
    let named = |name: &str, history: &str, figures: Figures| (format!("{name}, {history}"), figures);
    let [without_load, without_storm] = without;
    let [with_load, with_storm] = with;
    let history = format!("{n} ended sessions");
    Ok(vec![
        named("sessions-max-b1", "no history", without_load),
        named("sessions-max-b1", &history, with_load),
        named("storm", "no history", without_storm),
        named("storm", &history, with_storm),
    ])
}

async fn both(options: &Options, sessions: u32) -> Result<[Figures; 2]> {
    let server = Server::start(&options.program).await?;
    if sessions > 0 {
        insert(&server, options, i64::from(sessions)).await?;
    }
    let load = Load::sessions(500, 1, Pace::FlatOut { under_way_max: 1_000 }).measure(&server, options).await?;
    let storm = storm::measure(&server, options).await?;
    server.stop().await?;
    Ok([load, storm])
}

async fn insert(server: &Server, options: &Options, sessions: i64) -> Result<()> {
    let mut database = server.database().await?;
    let now = now_ms();
    let this_hour = now / HOUR_MS * HOUR_MS;
    for hour in 0..HOURS {
        let from_ms = this_hour - hour * HOUR_MS;
        let past = Past {
            from_ms,
            to_ms: (from_ms + HOUR_MS).min(now),
            sessions: (sessions - hour - 1).div_euclid(HOURS) + 1,
            events_per_session: i64::from(options.history_events),
            is_expired: hour >= 2,
        };
        past.insert(&mut database).await?;
        if past.is_expired {
            past.archive(&mut database).await?;
        }
    }
    settle(&mut database).await
}
