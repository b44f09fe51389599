//! From the feed to clients: one file per transport, and what they share.
//!
//! Every connection owns a [`Pump`]: the sessions it has joined, a cursor for each. A transport takes what the pump
//! yields, encodes it and waits until the peer took it; only then does it ask for more. So a slow client falls behind in
//! the log, not in a queue here. Nothing in this room appends.
//!
//! The pump also asks who is on the connection, at each join and for as long as it lasts: no transport can forget to.

mod access;
mod pump;
pub mod socketio;
pub mod sse;
mod upgrade;
pub mod websocket;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use poem::Request;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    auth::{Asked, Auth, Caller},
    feed::Feed,
    limits::{Busy, Limits},
    store::{JoinNotes, Store, Transport},
};

pub use access::{Access, Change};
pub use pump::{Delivery, Outgoing, Pump, Turn};

/// What every connection needs. Cheap to clone.
#[derive(Clone)]
pub struct Push {
    pub feed: Feed,
    /// For the access trail.
    pub store: Arc<Store>,
    pub auth: Auth,
    pub limits: Limits,
    /// The largest message that a client may send, in bytes.
    pub frame_bytes_max: usize,
    /// Takes note of who joins what.
    pub joins: JoinNotes,
    /// Every connection runs in here.
    pub connections: TaskTracker,
    /// Cancelled when the node shuts down: connections tell their peers to come back, and end.
    pub shutdown: CancellationToken,
}

impl Push {
    /// The sessions of a new connection: none yet.
    ///
    /// # Errors
    ///
    /// [`Busy`] where its caller has too many connections.
    fn pump(&self, caller: &Caller, transport: Transport) -> Result<Pump, Busy> {
        let access = Access::new(self.auth.clone(), self.limits.clone(), caller)?;
        Ok(Pump::new(self.feed.clone(), self.store.clone(), access, self.joins.clone(), transport))
    }
}

/// Who asks: what was found out before the request got here.
fn caller(request: &Request) -> Caller {
    let nobody = || Caller { address: Ipv4Addr::UNSPECIFIED.into(), granted: None, asked: Asked::default() };
    request.extensions().get::<Caller>().cloned().unwrap_or_else(nobody)
}

/// What a message costs beside its bytes, in bytes.
const MESSAGE_COST: usize = 64;

/// Makes a client that sends much wait, by not reading on.
#[derive(Clone)]
struct Meter {
    limits: Limits,
    address: IpAddr,
}

impl Meter {
    /// A message of so many bytes has come; of none, too, it has to be read and answered.
    async fn take(&self, bytes: usize) {
        if let Err(busy) = self.limits.bytes_from(self.address, bytes + MESSAGE_COST) {
            tokio::time::sleep(busy.retry_after).await;
        }
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
