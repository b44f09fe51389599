//! From the feed to clients: one file per transport, and what they share.
//!
//! Every connection owns a [`Pump`]: the sessions it has joined, a cursor for each. A transport takes what the pump
//! yields, encodes it and waits until the peer took it; only then does it ask for more. So a slow client falls behind in
//! the log, not in a queue here. Nothing in this room appends.

mod pump;
pub mod socketio;
pub mod sse;
mod upgrade;
pub mod websocket;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    feed::Feed,
    store::{JoinNotes, Transport},
};

pub use pump::{Delivery, Outgoing, Pump};

/// What every connection needs. Cheap to clone.
#[derive(Clone)]
pub struct Push {
    pub feed: Feed,
    /// Takes note of who joins what.
    pub joins: JoinNotes,
    /// Every connection runs in here.
    pub connections: TaskTracker,
    /// Cancelled when the node shuts down: connections tell their peers to come back, and end.
    pub shutdown: CancellationToken,
}

impl Push {
    fn pump(&self, transport: Transport) -> Pump {
        Pump::new(self.feed.clone(), self.joins.clone(), transport)
    }
}

/// Counts a connection for as long as it lives.
struct Gauge(&'static str);

impl Gauge {
    fn new(transport: &'static str) -> Self {
        metrics::gauge!("coursestream_connections", "transport" => transport).increment(1.0);
        Self(transport)
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        metrics::gauge!("coursestream_connections", "transport" => self.0).decrement(1.0);
    }
}
