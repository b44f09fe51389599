//! Generation runs: started, claimed, carried out, cancelled.
//!
//! A run is nothing but its session's log and a lease. [`Generation::start`] writes a queued session; the [`Runner`] of any
//! node claims it, folds its log into a [`WorkflowState`] and does the first missing step, again and again; each
//! finished step is an event. A run whose node died is claimed by another one when its lease runs out, and goes on.

mod capture;
pub mod prompts;
mod run;
mod runner;
pub mod workflow;

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    event::{Draft, EventType, SessionId},
    projection::Status,
    store::{AppendError, Appender, Idempotency, IdempotencyError, NewSession, Store, StoreError, Writer},
};

pub use capture::{CaptureLayer, Captures};
pub use run::RunOptions;
pub use runner::{Runner, RunnerOptions};
pub use workflow::WorkflowState;

/// How long a request may wait for the database.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// How long a cancellation holds the lease it took, should this node die before it is done.
const CANCEL_LEASE: Duration = Duration::from_secs(5);
/// Tries at a cancellation whose run is being taken over by yet another node at the same moment.
const CANCEL_ATTEMPTS_MAX: usize = 5;

/// Why a run was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("too many runs are waiting; try again later")]
    QueueFull,
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Idempotency(error.into())
    }
}

/// Why a run was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    #[error("there is no such session")]
    NotFound,
    #[error("the session has ended before: it is {}", .0.as_str())]
    Ended(Status),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Append(AppendError),
}

/// Starts and cancels runs. Cheap to clone.
#[derive(Clone)]
pub struct Generation {
    store: Store,
    appender: Appender,
    node: Uuid,
    queue_max: usize,
    news: Arc<Notify>,
}

impl Generation {
    #[must_use]
    pub fn new(store: Store, appender: Appender, node: Uuid, queue_max: usize) -> Self {
        Self { store, appender, node, queue_max, news: Arc::default() }
    }

    /// How many runs wait, on all nodes together; counted up to the bound of the queue.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn queue_length(&self) -> Result<usize, StoreError> {
        self.store.count_queued(self.queue_max).await
    }

    /// Queues a run; a node with room takes it up. A retry with the same key is answered with the first one's session.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(&self, new: &NewSession, idempotency: Option<&Idempotency>) -> Result<SessionId, StartError> {
        if self.queue_length().await? >= self.queue_max {
            // A retry adds nothing to the queue.
            let first = match idempotency {
                Some(idempotency) => self.store.find_by_key(new.user_id, idempotency).await?,
                None => None,
            };
            return first.ok_or(StartError::QueueFull);
        }
        let session_id = match idempotency {
            Some(idempotency) => self.store.create_session_once(new, idempotency).await?,
            None => self.store.create_session(new).await?,
        };
        self.news.notify_one();
        Ok(session_id)
    }

    /// Ends a session for good, on whichever node its run is: takes the lease over, so that the run can no longer append, and
    /// writes the terminal event. The run hears of it through the feed and drops its model call. Of a cancellation and a
    /// completion that race, the one whose terminal event is committed first wins.
    ///
    /// # Errors
    ///
    /// [`CancelError::Ended`] where another end came first.
    pub async fn cancel(&self, session_id: SessionId) -> Result<(), CancelError> {
        for _ in 0..CANCEL_ATTEMPTS_MAX {
            let Some(fence) = self.store.seize_run(session_id, self.node, CANCEL_LEASE).await? else {
                break;
            };
            let drafts = vec![Draft::new(EventType::SessionCancelled, "The run was cancelled")];
            match self.appender.append(session_id, Writer::Run { fence }, drafts, REQUEST_PATIENCE).await {
                Ok(_) => return Ok(()),
                Err(AppendError::Fenced | AppendError::Ended) => {}
                Err(error) => return Err(CancelError::Append(error)),
            }
        }
        match self.store.find_head(session_id).await? {
            None => Err(CancelError::NotFound),
            Some(head) if head.phase.is_ended() => Err(CancelError::Ended(head.status())),
            Some(_) => Err(CancelError::Append(AppendError::Fenced)),
        }
    }
}
