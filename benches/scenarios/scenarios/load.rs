//! Steady loads: so many sessions, so many subscribers of each, so fast.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;

use super::judge;
use crate::{
    crowd::{Crowd, Seat},
    figures::Figures,
    ledger::Ledger,
    options::Options,
    publisher::{self, Pace, Plan, Published},
    server::Server,
    socket::{Transport, Way},
};

/// Subscribers that connect at the same time.
pub const CONNECTING_MAX: usize = 64;

#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub sessions: usize,
    pub subscribers_per_session: usize,
    pub lanes: u16,
    pub batch: u32,
    pub pace: Pace,
    /// What the subscribers speak.
    pub transport: Transport,
}

impl Load {
    pub const fn sessions(sessions: usize, batch: u32, pace: Pace) -> Self {
        Self { sessions, subscribers_per_session: 1, lanes: 16, batch, pace, transport: Transport::Native }
    }

    pub const fn fanout(subscribers: usize, pace: Pace) -> Self {
        Self {
            sessions: 1,
            subscribers_per_session: subscribers,
            lanes: 16,
            batch: 1,
            pace,
            transport: Transport::Native,
        }
    }

    pub async fn measure(&self, server: &Server, options: &Options) -> Result<Figures> {
        let (ledger, crowd) = self.set_up(server.address, server.address).await?;
        publisher::publish(server.address, &ledger, self.plan(options.warm_up, true)).await?;
        ledger.wait_for_deliveries().await;

        let before = server.watch.snapshot()?;
        let published = publisher::publish(server.address, &ledger, self.plan(options.duration, false)).await?;
        ledger.wait_for_deliveries().await;
        let usage = server.watch.snapshot()? - before;
        let mut figures = self.tear_down(&ledger, crowd, &published).await?;
        figures.set_usage(usage, published.messages * self.subscribers_per_session as u64);
        figures.set("server_rss_mib", server.watch.server_rss_mib()?);
        Ok(figures)
    }

    /// Sessions, and subscribers that have joined them; these may come another way than the publishers.
    pub async fn set_up(&self, server: SocketAddr, subscribed: SocketAddr) -> Result<(Arc<Ledger>, Crowd)> {
        let ids = publisher::create_sessions(server, self.sessions).await?;
        let ledger = Arc::new(Ledger::new(ids, self.subscribers_per_session));
        let seats =
            (0..self.sessions).flat_map(|session| (0..self.subscribers_per_session).map(move |_| Seat::new(session)));
        let crowd = Crowd::enter(
            Way { address: subscribed, transport: self.transport },
            &ledger,
            seats.collect(),
            CONNECTING_MAX,
        )?;
        crowd.joined().await?;
        Ok((ledger, crowd))
    }

    pub const fn plan(&self, duration: Duration, is_warm_up: bool) -> Plan {
        let Self { lanes, batch, pace, .. } = *self;
        Plan { lanes, batch, pace, duration, messages_max: u64::MAX, is_warm_up }
    }

    /// Lets the subscribers go and says what they saw.
    pub async fn tear_down(&self, ledger: &Ledger, crowd: Crowd, published: &Published) -> Result<Figures> {
        let gathered = crowd.leave().await?;
        ledger.check()?;
        let mut figures = Figures { faults: judge(&gathered, ledger), ..Figures::default() };
        // To the last delivery: a backlog counts against the server.
        let seconds = ledger.last_delivery().saturating_sub(published.first_nanos).max(1) as f64 / 1e9;
        figures.set("events_per_s", published.messages as f64 / seconds);
        figures.set("deliveries_per_s", gathered.latency.count() as f64 / seconds);
        figures.set_latency(&gathered.latency);
        figures.set_acks(&published.acks);
        if let Pace::Rate(_) = self.pace {
            figures.set("kept_up_percent", 100.0 * published.in_time as f64 / published.scheduled.max(1) as f64);
        }
        Ok(figures)
    }
}
