//! One cursor on one session.

use std::sync::Arc;

use tokio::sync::watch;

use super::tail::Tail;
use crate::{
    event::{Offset, SessionId},
    store::StoreError,
    wire::Frame,
};

/// Frames that are handed out at once; a slow client holds at most so many.
const CHUNK_FRAMES_MAX: usize = 256;

/// Some frames in a row, shared with the other subscribers.
pub type Chunk = Vec<Arc<Frame>>;

/// Follows one session. Holds a cursor and nothing else: what its owner does not ask for stays in the log.
pub struct Subscription {
    tail: Arc<Tail>,
    moved: watch::Receiver<Offset>,
    cursor: Offset,
    is_over: bool,
}

impl Subscription {
    pub(super) fn new(tail: Arc<Tail>, cursor: Offset) -> Self {
        let moved = tail.watch();
        Self { tail, moved, cursor, is_over: false }
    }

    /// For a session that has ended and a client that has all of it.
    pub(super) fn over(mut self) -> Self {
        self.is_over = true;
        self
    }

    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.tail.session_id()
    }

    /// The offset of the last frame that was handed out.
    #[must_use]
    pub const fn cursor(&self) -> Offset {
        self.cursor
    }

    /// The next frames in order; waits for them. `None` once the terminal event was handed out. Dropping the future
    /// loses nothing.
    ///
    /// # Errors
    ///
    /// When the log cannot be read; the next call tries again.
    pub async fn next(&mut self) -> Result<Option<Chunk>, Arc<StoreError>> {
        loop {
            if self.is_over {
                return Ok(None);
            }
            // Seen before the read: what moves during it wakes the wait below.
            let known = *self.moved.borrow_and_update();
            if known > self.cursor {
                let frames = self.tail.read(self.cursor, CHUNK_FRAMES_MAX).await?;
                if let Some(last) = frames.last() {
                    debug_assert_eq!(frames[0].offset(), self.cursor.next(), "a chunk follows its cursor");
                    self.cursor = last.offset();
                    self.is_over = last.is_terminal();
                    return Ok(Some(frames));
                }
            }
            if self.moved.changed().await.is_err() {
                return Ok(None);
            }
        }
    }
}
