//! What was published and acknowledged, and how far its delivery has come: shared by the publishers, which write the first, the
//! subscribers, which write the second, and whoever waits for either.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use tokio::{sync::Notify, time::Instant};

/// Nothing may be delivered for so long before what is missing is given up.
const STALL_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// One session of the service.
pub struct Entry {
    pub id: String,
    /// Messages that were acknowledged.
    pub messages: AtomicU64,
    /// The highest offset that was acknowledged.
    pub last_offset: AtomicU64,
    /// Sum of the fingerprints of the acknowledged messages and their offsets.
    pub fingerprints: AtomicU64,
}

pub struct Ledger {
    pub sessions: Vec<Entry>,
    pub subscribers_per_session: u64,
    /// Deliveries that the acknowledged and the not yet answered messages amount to.
    expected: AtomicU64,
    delivered: AtomicU64,
    /// See [`crate::token::nanos`].
    last_delivery: AtomicU64,
    room: Notify,
    trouble: Mutex<Option<String>>,
}

impl Ledger {
    pub fn new(ids: Vec<String>, subscribers_per_session: usize) -> Self {
        let zero = || AtomicU64::new(0);
        let entry = |id| Entry { id, messages: zero(), last_offset: AtomicU64::new(1), fingerprints: zero() };
        Self {
            sessions: ids.into_iter().map(entry).collect(),
            subscribers_per_session: subscribers_per_session as u64,
            expected: zero(),
            delivered: zero(),
            last_delivery: zero(),
            room: Notify::new(),
            trouble: Mutex::new(None),
        }
    }

    pub fn expect(&self, messages: u64) {
        self.expected.fetch_add(messages * self.subscribers_per_session, Relaxed);
    }

    pub fn acknowledged(&self, session: usize, messages: u64, last_offset: u64, fingerprints: u64) {
        let entry = &self.sessions[session];
        entry.messages.fetch_add(messages, Relaxed);
        entry.last_offset.fetch_max(last_offset, Relaxed);
        // Wraps around, as all sums of fingerprints do.
        entry.fingerprints.fetch_add(fingerprints, Relaxed);
    }

    pub fn delivered(&self, messages: u64, nanos: u64) {
        self.delivered.fetch_add(messages, Relaxed);
        self.last_delivery.store(nanos, Relaxed);
        self.room.notify_waiters();
    }

    pub fn last_delivery(&self) -> u64 {
        self.last_delivery.load(Relaxed)
    }

    pub fn deliveries(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    fn under_way(&self) -> u64 {
        self.expected.load(Relaxed).saturating_sub(self.delivered.load(Relaxed))
    }

    /// Waits until fewer than `messages` are under way to their subscribers, or the deadline. Without subscribers there is room.
    pub async fn wait_for_room(&self, messages: u64, deadline: Instant) {
        while self.subscribers_per_session > 0
            && self.under_way() >= messages * self.subscribers_per_session
            && Instant::now() < deadline
            && !self.is_broken()
        {
            // A delivery between the look and the wait is made good for by looking again soon.
            let _ = tokio::time::timeout(LOOK_EVERY, self.room.notified()).await;
        }
    }

    /// Waits until everything has arrived; returns early where nothing moves any more. What is missing then is counted.
    pub async fn wait_for_deliveries(&self) {
        let (mut seen, mut since) = (self.deliveries(), Instant::now());
        while self.under_way() > 0 && since.elapsed() < STALL_MAX && !self.is_broken() {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.deliveries() != seen {
                (seen, since) = (self.deliveries(), Instant::now());
            }
        }
        // What should not come has a moment to come nevertheless.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// Something went wrong that makes the run worthless; the first such thing is kept.
    pub fn report(&self, trouble: String) {
        self.trouble.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(trouble);
    }

    pub fn is_broken(&self) -> bool {
        self.trouble.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).is_some()
    }

    pub fn check(&self) -> Result<()> {
        match &*self.trouble.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            None => Ok(()),
            Some(trouble) => bail!("{trouble}"),
        }
    }
}
