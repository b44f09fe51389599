//! How long a follower waits, for what, and how often. Injected, so that tests need not wait.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// How long is waited for what.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Before the second attempt; every further wait is about twice as long, up to `backoff_max`.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// For a connection to open.
    pub connect: Duration,
    /// For any frame or ping: the server pings every 25 s, so a connection silent for longer is lost.
    pub silence: Duration,
    /// A connection that stood for this long was a good one: the next loss starts with the shortest wait again.
    pub steady_after: Duration,
    /// Attempts in a row that bring nothing new, before the session was joined for the first time.
    pub attempts_before_join_max: usize,
    /// The same once it was joined: a server that was there comes back.
    pub attempts_max: usize,
}

impl Default for Patience {
    /// Some seconds for a server that was never there, a quarter of an hour for one that was.
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(15),
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(45),
            steady_after: Duration::from_secs(30),
            attempts_before_join_max: 6,
            attempts_max: 60,
        }
    }
}

impl Patience {
    #[must_use]
    pub fn backoff(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.backoff_min)
            .with_max_delay(self.backoff_max)
            .with_jitter()
            .without_max_times()
            .build()
    }
}
