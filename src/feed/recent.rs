//! The last frames of a session, without holes, bounded: each session's, and all sessions' of the node together.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::{event::Offset, wire::Frame};

const FRAMES_MAX: usize = 2_048;
const BYTES_MAX: usize = 2 << 20;
/// What a session may keep although the node's budget is used up: enough for those who follow closely.
const FRAMES_MIN: usize = 32;
const NODE_BYTES_MAX: usize = 128 << 20;

/// What all sessions of a node keep together.
#[derive(Default)]
pub(super) struct Budget {
    bytes: AtomicUsize,
}

impl Budget {
    fn is_used_up(&self) -> bool {
        self.bytes.load(Relaxed) > NODE_BYTES_MAX
    }
}

pub(super) struct Recent {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    budget: Arc<Budget>,
}

impl Recent {
    pub(super) const fn new(budget: Arc<Budget>) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, budget }
    }

    /// Drops all frames, and the room that they took.
    pub(super) fn clear(&mut self) {
        self.frames = VecDeque::new();
        self.budget.bytes.fetch_sub(std::mem::take(&mut self.bytes), Relaxed);
    }

    /// Adds frames that follow each other. What would leave a hole replaces everything: those who need what was before
    /// read the log.
    pub(super) fn extend(&mut self, frames: Vec<Arc<Frame>>) {
        let Some(first) = frames.first().map(|frame| frame.offset()) else { return };
        let next = self.frames.back().map_or(first, |last| last.offset().next());
        if first > next {
            self.clear();
        }
        for frame in frames {
            if frame.offset() >= next || self.frames.is_empty() {
                let bytes = frame.bytes();
                self.bytes += bytes;
                self.budget.bytes.fetch_add(bytes, Relaxed);
                self.frames.push_back(frame);
            }
        }
        while self.keeps_too_much() {
            if let Some(oldest) = self.frames.pop_front() {
                let bytes = oldest.bytes();
                self.bytes -= bytes;
                self.budget.bytes.fetch_sub(bytes, Relaxed);
            }
        }
    }

    fn keeps_too_much(&self) -> bool {
        let count = self.frames.len();
        count > FRAMES_MAX || (count > 1 && self.bytes > BYTES_MAX) || (count > FRAMES_MIN && self.budget.is_used_up())
    }

    /// Up to `limit` frames behind the cursor; `None` where they reach back less far, or not beyond it.
    pub(super) fn after(&self, cursor: Offset, limit: usize) -> Option<Vec<Arc<Frame>>> {
        let first = self.frames.front()?.offset();
        let skip = usize::try_from(cursor.next().get().checked_sub(first.get())?).ok()?;
        if skip >= self.frames.len() {
            return None;
        }
        Some(self.frames.range(skip..).take(limit).cloned().collect())
    }
}

impl Drop for Recent {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Draft, EventType, SessionId};

    fn frames(range: std::ops::RangeInclusive<u64>) -> Vec<Arc<Frame>> {
        let session_id = SessionId::generate();
        range
            .map(|offset| {
                let event = Draft::new(EventType::Log, "x").commit(session_id, Offset::new(offset), chrono::Utc::now());
                Arc::new(Frame::new(event))
            })
            .collect()
    }

    proptest! {
        /// Whatever order batches come in, what is handed out follows the cursor without a hole.
        #[test]
        fn hands_out_runs_without_holes(
            batches in prop::collection::vec((1u64..40, 1u64..10), 1..30),
            cursor in 0u64..50,
        ) {
            let mut recent = Recent::new(Arc::default());
            for (first, count) in batches {
                recent.extend(frames(first..=first + count));
                if let Some(run) = recent.after(Offset::new(cursor), 1_000) {
                    let offsets: Vec<u64> = run.iter().map(|frame| frame.offset().get()).collect();
                    let expected: Vec<u64> = (cursor + 1..).take(offsets.len()).collect();
                    prop_assert_eq!(&offsets, &expected);
                }
            }
        }
    }

    #[test]
    fn forgets_the_oldest_beyond_its_bound() {
        let mut recent = Recent::new(Arc::default());
        recent.extend(frames(1..=FRAMES_MAX as u64 + 10));
        assert!(recent.after(Offset::new(5), 10).is_none());
        assert_eq!(recent.after(Offset::new(10), 10).map(|run| run[0].offset()), Some(Offset::new(11)));
    }

    #[test]
    fn sessions_share_a_budget_and_keep_a_little_beyond_it() {
        let budget = Arc::new(Budget::default());
        budget.bytes.store(NODE_BYTES_MAX, Relaxed);
        let mut recent = Recent::new(Arc::clone(&budget));
        recent.extend(frames(1..=200));
        let last = Offset::new(200 - FRAMES_MIN as u64);
        assert!(recent.after(Offset::new(last.get() - 1), 1).is_none());
        assert_eq!(recent.after(last, 1_000).map(|run| run.len()), Some(FRAMES_MIN));
        assert_eq!(budget.bytes.load(Relaxed), NODE_BYTES_MAX + recent.bytes);
        drop(recent);
        assert_eq!(budget.bytes.load(Relaxed), NODE_BYTES_MAX);
    }
}
