//! Counts of durations, in buckets that are at most 1.6 % wide: constant memory however many there are.

const STEPS_LOG2: u32 = 7;
const STEPS: usize = 1 << STEPS_LOG2;
/// Up to 2^68 µs: the clock ends before.
const BUCKETS: usize = STEPS * 32;

#[derive(Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max_us: 0 }
    }
}

impl Histogram {
    pub fn record_nanos(&mut self, nanos: u64) {
        let us = nanos / 1_000;
        self.buckets[bucket(us)] += 1;
        self.count += 1;
        self.max_us = self.max_us.max(us);
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, others) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += others;
        }
        self.count += other.count;
        self.max_us = self.max_us.max(other.max_us);
    }

    pub const fn count(&self) -> u64 {
        self.count
    }

    /// In milliseconds; `None` where nothing was recorded.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let rank = (quantile * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.buckets.iter().position(|in_bucket| {
            seen += in_bucket;
            seen >= rank
        })?;
        Some(middle(found).min(self.max_us as f64) / 1_000.0)
    }

    /// In milliseconds, exactly.
    pub fn max_ms(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max_us as f64 / 1_000.0)
    }
}

/// The first `STEPS` values have a bucket each; from there on every power of two is divided into `STEPS / 2`.
fn bucket(us: u64) -> usize {
    let shift = us.checked_ilog2().unwrap_or(0).saturating_sub(STEPS_LOG2 - 1);
    ((us >> shift) as usize + shift as usize * STEPS / 2).min(BUCKETS - 1)
}

fn middle(bucket: usize) -> f64 {
    let half = STEPS / 2;
    if bucket < STEPS {
        return bucket as f64;
    }
    let shift = bucket / half - 1;
    ((bucket % half + half) as f64 + 0.5) * (1_u64 << shift) as f64
}
