//! One connection per node LISTENs.
//!
//! append → notify → here → tail → subscriptions, which read the log themselves. The connection may be lost without a word, so:
//! after every reconnection all followed sessions are asked about; the node sends itself a probe and believes only what comes back;
//! and the sweep goes on beneath, slowly, whatever the listener thinks of itself.
//!
//! The connection must be a direct one: a pooler in transaction mode takes LISTEN and delivers nothing.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    Feed, Wakeups,
    notifier::{self, Heard},
};

/// How the listener connects.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    pub connect: PgConnectOptions,
    /// How often the node probes its own wake-ups; one that has not come back by the next is missing.
    pub probe_every: Duration,
}

const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

pub(super) async fn run(feed: Feed, options: ListenerOptions, stop: CancellationToken) {
    let mut pause = RETRY_MIN;
    loop {
        let began = Instant::now();
        let lost = tokio::select! {
            () = stop.cancelled() => return,
            lost = listen(&feed, &options) => lost,
        };
        set(&feed, Wakeups::Missing);
        tracing::warn!(error = %lost, "the listening connection is lost; followed sessions are polled until it is back");
        if began.elapsed() > RETRY_MAX {
            pause = RETRY_MIN;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Why listening ended.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    #[error("the connection was closed")]
    Closed,
}

/// Listens until the connection is lost. A fresh connection each time: the library's own reconnection hides losses.
async fn listen(feed: &Feed, options: &ListenerOptions) -> Lost {
    match listen_inner(feed, options).await {
        Ok(never) => match never {},
        Err(lost) => lost,
    }
}

async fn listen_inner(feed: &Feed, options: &ListenerOptions) -> Result<std::convert::Infallible, Lost> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options.connect.clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(&feed.shared.channel).await?;
    // LISTEN is committed; what moved before it is found by asking.
    feed.sweep().await.map_err(|_| Lost::Closed)?;

    let mut probes = tokio::time::interval(options.probe_every);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut sent, mut returned) = (0, 0);
    let mut sent_at = Instant::now();
    loop {
        tokio::select! {
            heard = listener.try_recv() => match heard? {
                None => return Err(Lost::Closed),
                Some(notification) => match notifier::parse(notification.payload()) {
                    Some(Heard::Probe { node, number }) if node == feed.shared.node => {
                        returned = number;
                        metrics::histogram!("coursestream_wakeup_seconds").record(sent_at.elapsed().as_secs_f64());
                        set(feed, Wakeups::Arriving);
                    }
                    // A node has its own commits from itself, with their events.
                    Some(Heard::Moved { node, sessions }) if node != feed.shared.node => {
                        for (session_id, last) in sessions {
                            feed.heard(session_id, last);
                        }
                    }
                    Some(Heard::Probe { .. } | Heard::Moved { .. }) => {}
                    None => tracing::debug!("a payload of an unknown form on the channel"),
                },
            },
            _ = probes.tick() => {
                if returned < sent {
                    set(feed, Wakeups::Missing);
                }
                sent += 1;
                sent_at = Instant::now();
                if feed.shared.store.notify(&feed.shared.channel, &[notifier::probe(feed.shared.node, sent)]).await.is_err() {
                    set(feed, Wakeups::Missing);
                }
            }
        }
    }
}

fn set(feed: &Feed, wakeups: Wakeups) {
    metrics::gauge!("coursestream_wakeups_arriving").set(if wakeups == Wakeups::Arriving { 1.0 } else { 0.0 });
    feed.shared.wakeups.send_if_modified(|known| {
        let is_news = *known != wakeups;
        *known = wakeups;
        is_news
    });
}
