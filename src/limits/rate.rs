//! What callers do per second.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    num::NonZeroU32,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};

use super::{Busy, refuse};

/// Callers with a bucket of their own.
const OWN_MAX: usize = 1 << 16;
/// Buckets that the others share.
const SHARED: u64 = 1 << 10;
/// Checks between two looks at how many buckets there are.
const LOOK_EVERY: u32 = 1 << 10;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Bucket<K> {
    Own(K),
    /// Somebody came while there were too many: he shares with some others, and cannot choose with whom.
    Shared(u64),
}

/// One leaky bucket per caller.
pub(super) struct Rates<K: Clone + Eq + Hash> {
    of: &'static str,
    limiter: DefaultKeyedRateLimiter<Bucket<K>>,
    burst: NonZeroU32,
    checks: AtomicU32,
    is_full: AtomicBool,
    hasher: RandomState,
}

impl<K: Clone + Eq + Hash> Rates<K> {
    pub(super) fn per_second(of: &'static str, max: NonZeroU32, burst_seconds: u32) -> Self {
        let burst = max.saturating_mul(NonZeroU32::new(burst_seconds).unwrap_or(NonZeroU32::MIN));
        let limiter = DefaultKeyedRateLimiter::keyed(Quota::per_second(max).allow_burst(burst));
        Self {
            of,
            limiter,
            burst,
            checks: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
            hasher: RandomState::new(),
        }
    }

    /// So many at once of this caller.
    pub(super) fn check(&self, key: K, cells: NonZeroU32) -> Result<(), Busy> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % LOOK_EVERY == LOOK_EVERY - 1 && self.limiter.len() > OWN_MAX {
            self.forget();
        }
        let bucket = if self.is_full.load(Ordering::Relaxed) {
            Bucket::Shared(self.hasher.hash_one(&key) % SHARED)
        } else {
            Bucket::Own(key)
        };
        match self.limiter.check_key_n(&bucket, cells.min(self.burst)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(refuse(self.of, not_until.wait_time_from(DefaultClock::default().now()))),
            Err(_) => unreachable!("no more cells are asked for than fit"),
        }
    }

    /// Forgets buckets that are as good as new; the number of those that are left.
    pub(super) fn forget(&self) -> usize {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        let left = self.limiter.len();
        self.is_full.store(left > OWN_MAX, Ordering::Relaxed);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn a_bucket_is_one_callers() {
        let rates = Rates::per_second("requests", number(1), 3);
        for _ in 0..3 {
            rates.check("a", ONE).unwrap();
        }
        let busy = rates.check("a", ONE).unwrap_err();
        assert_eq!(busy.of, "requests");
        assert!(busy.retry_after_seconds() == 1, "{busy:?}");
        rates.check("b", ONE).unwrap();
    }

    #[test]
    fn more_than_fits_empties_the_bucket() {
        let rates = Rates::per_second("bytes", number(10), 1);
        rates.check(1, number(1_000)).unwrap();
        assert!(rates.check(1, ONE).is_err());
    }

    #[test]
    fn a_flood_of_callers_takes_bounded_memory() {
        let rates = Rates::per_second("requests", number(1), 3_600);
        for caller in 0..4 * OWN_MAX as u64 {
            // All of their buckets are recent: none can be forgotten.
            let _ = rates.check(caller, number(3_600));
        }
        let bound = OWN_MAX + SHARED as usize + LOOK_EVERY as usize;
        assert!(rates.limiter.len() <= bound, "{}", rates.limiter.len());
    }
}
