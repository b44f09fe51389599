//! The last frames of a session, without holes, bounded. Pure.

use std::{collections::VecDeque, sync::Arc};

use crate::{event::Offset, wire::Frame};

const FRAMES_MAX: usize = 2_048;
const BYTES_MAX: usize = 2 << 20;

#[derive(Default)]
pub(super) struct Recent {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
}

impl Recent {
    /// Adds frames that follow each other. What would leave a hole replaces everything: those who need what was before
    /// read the log.
    pub(super) fn extend(&mut self, frames: Vec<Arc<Frame>>) {
        let Some(first) = frames.first().map(|frame| frame.offset()) else { return };
        let next = self.frames.back().map_or(first, |last| last.offset().next());
        if first > next {
            self.frames.clear();
            self.bytes = 0;
        }
        for frame in frames {
            if frame.offset() >= next || self.frames.is_empty() {
                self.bytes += frame.bytes();
                self.frames.push_back(frame);
            }
        }
        while self.frames.len() > FRAMES_MAX || (self.bytes > BYTES_MAX && self.frames.len() > 1) {
            if let Some(oldest) = self.frames.pop_front() {
                self.bytes -= oldest.bytes();
            }
        }
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
            let mut recent = Recent::default();
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
        let mut recent = Recent::default();
        recent.extend(frames(1..=FRAMES_MAX as u64 + 10));
        assert!(recent.after(Offset::new(5), 10).is_none());
        assert_eq!(recent.after(Offset::new(10), 10).map(|run| run[0].offset()), Some(Offset::new(11)));
    }
}
