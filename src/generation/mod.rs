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
    projection::{Phase, Status},
    store::{AppendError, Appender, Idempotency, IdempotencyError, NewSession, Store, StoreError, Writer},
};

pub use capture::{CaptureLayer, Captures};
pub use run::RunOptions;
pub use runner::{Runner, RunnerOptions};
pub use workflow::WorkflowState;

/// How long a request may wait for the database.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);

/// Why a run was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("too many runs are waiting; try again later")]
    QueueFull,
    #[error("too many runs of this user are under way; try again later")]
    TooManyRuns,
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

    /// Queues a run, unless its user has `runs_max` under way; a node with room takes it up. A retry with the same key is answered
    /// with the first one's session.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(
        &self,
        new: &NewSession,
        idempotency: Option<&Idempotency>,
        runs_max: usize,
    ) -> Result<SessionId, StartError> {
        if runs_max < usize::MAX && self.store.count_open_runs(new.user_id, runs_max).await? >= runs_max {
            // A retry adds no run.
            let first = self.store.find_by_key(new.user_id, idempotency).await?;
            return first.ok_or(StartError::TooManyRuns);
        }
        let session_id = self.store.create_run(new, idempotency, self.queue_max).await?.ok_or(StartError::QueueFull)?;
        self.news.notify_one();
        Ok(session_id)
    }

    /// Ends a session for good, on whichever node its run is: writes the terminal event and with it takes the lease over, so that
    /// the run can no longer append. The run hears of it through the feed and drops its model call. Of a cancellation and a
    /// completion that race, the one whose terminal event is committed first wins.
    ///
    /// # Errors
    ///
    /// [`CancelError::Ended`] where another end came first.
    pub async fn cancel(&self, session_id: SessionId) -> Result<(), CancelError> {
        let mut cancelled = Draft::new(EventType::SessionCancelled, "The run was cancelled");
        // A log that no `session_started` begins would not tell whose it is.
        if let Some(summary) = self.store.find_summary(session_id).await?
            && summary.head.phase == Phase::Queued
        {
            cancelled = cancelled.with_data(&summary.request());
        }
        let drafts = vec![cancelled];
        let error = match self.appender.append(session_id, Writer::Canceller, drafts, REQUEST_PATIENCE).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if !matches!(error, AppendError::NotFound | AppendError::Ended) {
            return Err(CancelError::Append(error));
        }
        match self.store.find_head(session_id).await? {
            None => Err(CancelError::NotFound),
            Some(head) if head.phase.is_ended() => Err(CancelError::Ended(head.status())),
            Some(_) => Err(CancelError::Append(error)),
        }
    }
}
