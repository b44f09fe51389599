//! From the log to whoever follows it.
//!
//! Catch-up and live are one loop: a subscription reads what lies behind its cursor until there is nothing, waits for the
//! tail to move, and reads again. It begins to listen before it first reads, so no event falls between the two.
//!
//! A tail moves in three ways: this node committed a batch (handed over whole, with its events), another node said so
//! (NOTIFY is a wake-up: it carries ids and offsets, never events, and losing one loses only time), or the sweep that runs
//! about once a second found it moved. Only committed events get here.
//!
//! What subscribers of one session share: the recent frames, one read of the log for all that stand at the same place, one
//! answer to "where does this session stand". What a subscriber has for itself: a cursor.

mod listener;
mod notifier;
mod recent;
mod subscription;
mod tail;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    event::{Offset, SessionId},
    store::{Committed, SessionHead, Store, StoreError},
    wire::{ErrorCode, Frame},
};

pub use listener::ListenerOptions;
pub use subscription::{Chunk, Subscription};
use tail::Tail;

/// How often the log is asked whether a followed session moved unnoticed.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// The same while wake-ups do not arrive.
const POLL_EVERY: Duration = Duration::from_millis(200);
/// Sessions that one sweep statement asks about.
const SWEEP_CHUNK: usize = 1_000;

/// Why a session cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("there is no such session")]
    NotFound,
    #[error("the session has expired; its events are in the history")]
    Expired,
    #[error("lastSeenOffset: {asked} is beyond the end of the log, which is at {last}")]
    OffsetAhead { asked: Offset, last: Offset },
    #[error("the log cannot be read at the moment")]
    Store(#[from] StoreError),
}

impl JoinError {
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::SessionNotFound,
            Self::Expired => ErrorCode::SessionExpired,
            Self::OffsetAhead { .. } => ErrorCode::OffsetAhead,
            Self::Store(_) => ErrorCode::Internal,
        }
    }
}

/// Whether wake-ups from other nodes arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wakeups {
    /// Not known yet.
    #[default]
    Starting,
    /// The node's own probe came back.
    Arriving,
    /// They do not; the feed asks the log instead, several times a second.
    Missing,
}

/// This node's view of all sessions that are followed on it. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    shared: Arc<Shared>,
}

struct Shared {
    node: Uuid,
    /// Over which nodes wake each other.
    channel: String,
    store: Store,
    tails: Mutex<HashMap<SessionId, Weak<Tail>>>,
    notifier: notifier::Gathered,
    recent: Arc<recent::Budget>,
    wakeups: watch::Sender<Wakeups>,
}

impl Shared {
    fn tails(&self) -> MutexGuard<'_, HashMap<SessionId, Weak<Tail>>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    /// Nodes that are to wake each other have the same `channel`, of at most 63 bytes, which nobody else should know.
    #[must_use]
    pub fn new(store: Store, node: Uuid, channel: String) -> Self {
        let shared = Shared {
            node,
            channel,
            store,
            tails: Mutex::default(),
            notifier: notifier::Gathered::default(),
            recent: Arc::default(),
            wakeups: watch::Sender::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Takes over what this node has just committed: wakes those who follow it here, and has other nodes told.
    pub fn committed(&self, batch: Vec<Committed>) {
        self.shared.notifier.add(
            batch
                .iter()
                .filter_map(|committed| committed.events.last().map(|event| (committed.session_id, event.offset))),
        );
        let followed: Vec<(Arc<Tail>, Committed)> = {
            let tails = self.shared.tails();
            batch
                .into_iter()
                .filter_map(|committed| Some((tails.get(&committed.session_id)?.upgrade()?, committed)))
                .collect()
        };
        for (tail, committed) in followed {
            tail.extend(committed.events.into_iter().map(|event| Arc::new(Frame::new(event))).collect());
        }
    }

    /// Follows a session behind `last_seen`. The answer's head says where the session stood at that moment, or
    /// a moment before it.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub async fn join(
        &self,
        session_id: SessionId,
        last_seen: Option<Offset>,
    ) -> Result<(SessionHead, Subscription), JoinError> {
        let tail = self.tail(session_id);
        // From here on nothing is missed, so what is read next may be as old as it likes.
        let subscription = Subscription::new(tail.clone(), last_seen.unwrap_or(Offset::ZERO));
        let mut head = tail.head(false).await?.ok_or(JoinError::NotFound)?;
        let asked = last_seen.unwrap_or(Offset::ZERO);
        if asked > head.last_offset {
            // The client may have come from a node that is ahead of what this one has heard.
            head = tail.head(true).await?.ok_or(JoinError::NotFound)?;
        }
        if head.is_expired {
            return Err(JoinError::Expired);
        }
        if asked > head.last_offset {
            return Err(JoinError::OffsetAhead { asked, last: head.last_offset });
        }
        let is_over = head.phase.is_ended() && asked == head.last_offset;
        Ok((head, if is_over { subscription.over() } else { subscription }))
    }

    /// Where a session stands; for those who do not follow it.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn head(&self, session_id: SessionId) -> Result<Option<SessionHead>, StoreError> {
        self.shared.store.find_head(session_id).await
    }

    /// Whether wake-ups from other nodes arrive; a watch, for health and for those who wait.
    #[must_use]
    pub fn wakeups(&self) -> watch::Receiver<Wakeups> {
        self.shared.wakeups.subscribe()
    }

    fn tail(&self, session_id: SessionId) -> Arc<Tail> {
        let mut tails = self.shared.tails();
        if let Some(tail) = tails.get(&session_id).and_then(Weak::upgrade) {
            return tail;
        }
        let tail = Arc::new(Tail::new(session_id, &self.shared));
        tails.insert(session_id, Arc::downgrade(&tail));
        tail
    }

    /// Another node said that a session moved.
    fn heard(&self, session_id: SessionId, last: Offset) {
        let tail = self.shared.tails().get(&session_id).and_then(Weak::upgrade);
        if let Some(tail) = tail {
            tail.moved_to(last);
        }
    }

    fn followed(&self) -> Vec<Arc<Tail>> {
        self.shared.tails().values().filter_map(Weak::upgrade).collect()
    }

    /// Asks the log about every session that is followed here.
    async fn sweep(&self) -> Result<(), StoreError> {
        let mut followed = self.followed();
        for tail in &followed {
            tail.forget_if_idle();
        }
        followed.retain(|tail| !tail.has_ended());
        for tails in followed.chunks(SWEEP_CHUNK) {
            let ids: Vec<SessionId> = tails.iter().map(|tail| tail.session_id()).collect();
            for head in self.shared.store.find_heads(&ids).await? {
                self.heard(head.session_id, head.last_offset);
            }
        }
        Ok(())
    }

    /// Runs the notifier until it is told to stop; everything that was gathered until then is sent.
    pub async fn run_notifier(self, stop: tokio_util::sync::CancellationToken) {
        notifier::run(&self.shared, stop).await;
    }

    /// Runs the listener until it is told to stop.
    pub async fn run_listener(self, options: ListenerOptions, stop: tokio_util::sync::CancellationToken) {
        listener::run(self, options, stop).await;
    }

    /// Sweeps until it is told to stop.
    pub async fn run_sweep(self, stop: tokio_util::sync::CancellationToken) {
        loop {
            let pause = match *self.shared.wakeups.borrow() {
                Wakeups::Starting | Wakeups::Arriving => SWEEP_EVERY,
                Wakeups::Missing => POLL_EVERY,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "the sweep could not ask the log");
            }
        }
    }
}
