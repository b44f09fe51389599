//! How cost grows with the number of sessions and of subscribers.

use anyhow::Result;

use super::load::Load;
use crate::{figures::Row, options::Options, publisher::Pace, server::Server};

const SUBSCRIBERS: [usize; 4] = [1, 10, 100, 1_000];

pub async fn sessions(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let most = usize::from(options.sessions_max);
    let mut points: Vec<usize> = [10, 100, 1_000].into_iter().filter(|point| *point < most).collect();
    points.push(most);
    for sessions in points {
        let load = Load::sessions(sessions, 1, Pace::FlatOut { under_way_max: 1_000 });
        rows.push(point(options, &load, sessions, "sessions").await?);
    }
    Ok(rows)
}

pub async fn subscribers(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for subscribers in SUBSCRIBERS {
        let load = Load::fanout(subscribers, Pace::FlatOut { under_way_max: 200 });
        rows.push(point(options, &load, subscribers, "subscribers").await?);
    }
    Ok(rows)
}

async fn point(options: &Options, load: &Load, n: usize, what: &str) -> Result<Row> {
    let server = Server::start(&options.program).await?;
    let mut figures = load.measure(&server, options).await?;
    server.stop().await?;
    figures.set("n", n as f64);
    Ok((format!("{n} {what}"), figures))
}
