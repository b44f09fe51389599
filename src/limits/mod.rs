//! How much one caller may have: of this node, at a time or per second.
//!
//! By address, which everybody has, and by principal, where there is one. Rates are leaky buckets (GCRA); what is held at a time
//! is counted, by guards. Memory is bounded: of buckets there are as many as callers of the last seconds, up to a
//! maximum beyond which newcomers share some; of counts, as many as are held.
//!
//! Knows neither HTTP nor frames: who asks here turns [`Busy`] into his answer. Limits are of one node: with several, a
//! caller may have the sum, except for runs, which the database counts.

mod count;
mod rate;

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    auth::{Principal, keys::KeyId},
    config::{Limit, LimitArgs},
};

use count::Counts;
pub use count::Held;
use rate::Rates;

/// A bucket holds so many seconds' worth.
const BURST_SECONDS: u32 = 10;
/// How often buckets of callers that went away are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(10);
/// What a caller waits who has too much at a time: nobody knows when he lets go of something.
const HELD_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Too much, for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many {of}; try again later")]
pub struct Busy {
    /// Of what, in the plural.
    pub of: &'static str,
    pub retry_after: Duration,
}

impl Busy {
    /// For `Retry-After`: whole seconds, at least one.
    #[must_use]
    pub fn retry_after_seconds(&self) -> u32 {
        u32::try_from(self.retry_after.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
    }
}

/// Whom a limit is for, beside his address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Caller {
    User(Uuid),
    Key(KeyId),
}

impl Caller {
    /// Who is nobody in particular is limited by address alone.
    const fn of(principal: &Principal) -> Option<Self> {
        match principal {
            Principal::User(user_id) => Some(Self::User(*user_id)),
            Principal::Key(id, _) => Some(Self::Key(*id)),
            Principal::Open | Principal::Writer(_) => None,
        }
    }
}

/// The limits of a node, and who has used how much of them. Cheap to clone.
#[derive(Clone)]
pub struct Limits {
    shared: Arc<Shared>,
}

struct Shared {
    requests_by_address: (Limit, Option<Rates<IpAddr>>),
    requests_by_caller: Option<Rates<Caller>>,
    bytes_by_address: (Limit, Option<Rates<IpAddr>>),
    connections: (Limit, Counts<IpAddr>),
    streams: (Option<NonZeroU32>, Counts<Caller>),
    joined: (Option<NonZeroU32>, Counts<Caller>),
    runs_per_user: Option<NonZeroU32>,
}

impl Limits {
    #[must_use]
    pub fn new(args: &LimitArgs, is_open: bool) -> Self {
        for of in ["requests", "bytes", "connections", "streams", "joined sessions", "runs"] {
            metrics::counter!("coursestream_limited_total", "limit" => of).increment(0);
        }
        let requests = Limit::of(args.requests_per_address, 50);
        let bytes = Limit::of(args.bytes_per_address, 4 << 20);
        let by_caller = |given, default| Limit::of(given, default).max;
        let shared = Shared {
            requests_by_address: (requests, requests.max.map(|max| Rates::per_second("requests", max, BURST_SECONDS))),
            requests_by_caller: by_caller(args.requests_per_caller, 50)
                .map(|max| Rates::per_second("requests", max, BURST_SECONDS)),
            bytes_by_address: (bytes, bytes.max.map(|max| Rates::per_second("bytes", max, BURST_SECONDS))),
            connections: (Limit::of(args.connections_per_address, 256), Counts::new("connections")),
            streams: (by_caller(args.streams_per_caller, 64), Counts::new("streams")),
            joined: (by_caller(args.joined_per_caller, 512), Counts::new("joined sessions")),
            runs_per_user: by_caller(args.runs_per_user, if is_open { 0 } else { 8 }),
        };
        Self { shared: Arc::new(shared) }
    }

    /// No limits at all.
    #[must_use]
    pub fn none() -> Self {
        let no = Limit { max: None, spares_loopback: false };
        let shared = Shared {
            requests_by_address: (no, None),
            requests_by_caller: None,
            bytes_by_address: (no, None),
            connections: (no, Counts::new("connections")),
            streams: (None, Counts::new("streams")),
            joined: (None, Counts::new("joined sessions")),
            runs_per_user: None,
        };
        Self { shared: Arc::new(shared) }
    }

    /// A request from an address.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub fn request_from(&self, address: IpAddr) -> Result<(), Busy> {
        check(&self.shared.requests_by_address, address, NonZeroU32::MIN)
    }

    /// A request of a caller.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub fn request_of(&self, principal: &Principal) -> Result<(), Busy> {
        match (&self.shared.requests_by_caller, Caller::of(principal)) {
            (Some(rates), Some(caller)) => rates.check(caller, NonZeroU32::MIN),
            _ => Ok(()),
        }
    }

    /// Bytes that came from an address.
    ///
    /// # Errors
    ///
    /// [`Busy`], with the time after which they would have been in order.
    pub fn bytes_from(&self, address: IpAddr, bytes: usize) -> Result<(), Busy> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        NonZeroU32::new(bytes).map_or(Ok(()), |bytes| check(&self.shared.bytes_by_address, address, bytes))
    }

    /// A connection from an address, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub fn connection_from(&self, address: IpAddr) -> Result<Held, Busy> {
        let (limit, counts) = &self.shared.connections;
        let max = limit.max.filter(|_| !(limit.spares_loopback && address.is_loopback()));
        counts.hold(network(address), max)
    }

    /// A stream of a caller, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub fn stream_of(&self, principal: &Principal) -> Result<Held, Busy> {
        hold(&self.shared.streams, principal)
    }

    /// A session that a caller has joined, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub fn joined_by(&self, principal: &Principal) -> Result<Held, Busy> {
        hold(&self.shared.joined, principal)
    }

    /// How many runs one user may have at a time.
    #[must_use]
    pub fn runs_per_user(&self) -> Option<NonZeroU32> {
        self.shared.runs_per_user
    }

    /// A caller was refused one run more.
    #[must_use]
    pub fn too_many_runs() -> Busy {
        refuse("runs", HELD_RETRY_AFTER)
    }

    /// Forgets buckets that are as good as new, and shows the others in the metrics, until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let by_address = [&self.shared.requests_by_address.1, &self.shared.bytes_by_address.1];
            let addresses: usize = by_address.into_iter().flatten().map(Rates::forget).sum();
            let callers = self.shared.requests_by_caller.as_ref().map_or(0, Rates::forget);
            metrics::gauge!("coursestream_limit_buckets").set((addresses + callers) as f64);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(FORGET_EVERY) => {}
            }
        }
    }
}

fn check((limit, rates): &(Limit, Option<Rates<IpAddr>>), address: IpAddr, cells: NonZeroU32) -> Result<(), Busy> {
    match rates {
        Some(rates) if !(limit.spares_loopback && address.is_loopback()) => rates.check(network(address), cells),
        _ => Ok(()),
    }
}

fn hold((max, counts): &(Option<NonZeroU32>, Counts<Caller>), principal: &Principal) -> Result<Held, Busy> {
    Caller::of(principal).map_or_else(|| Ok(Held::default()), |caller| counts.hold(caller, *max))
}

/// One customer of a provider has a /64 of IPv6 addresses, or more: it counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn refuse(of: &'static str, retry_after: Duration) -> Busy {
    metrics::counter!("coursestream_limited_total", "limit" => of).increment(1);
    Busy { of, retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one() {
        assert_eq!(network(address("2001:db8::1")), network(address("2001:db8::ffff:1")));
        assert_ne!(network(address("2001:db8::1")), network(address("2001:db8:0:1::1")));
        assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }

    #[test]
    fn retry_after_is_in_whole_seconds() {
        let busy = |retry_after| Busy { of: "x", retry_after }.retry_after_seconds();
        assert_eq!(busy(Duration::ZERO), 1);
        assert_eq!(busy(Duration::from_millis(1_001)), 2);
    }
}
