//! Appending to the log: group commit.
//!
//! A session always goes through the same lane. What arrives in a lane while its last batch is being committed
//! forms the next batch, one statement and one flush for all of it: batches grow with the load and nobody waits for a
//! timer. Several lanes keep one batch travelling while another is being flushed.
//!
//! Offsets are contiguous because they are assigned under the session row's lock, which the database holds until the
//! batch is committed. Nothing is handed on before that.

mod backend;
mod batch;
mod lane;
mod receipts;
mod statement;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};

use crate::{
    event::{Draft, Event, Offset, SessionId},
    store::{ProducerMark, Store},
};

/// Who appends, and by what right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The holder of the run's lease; refused once another node holds a higher fence.
    Run { fence: i64 },
    /// An outside producer's session has no lease.
    Producer,
    /// Ends a session whoever holds it: takes the lease in the transaction that appends.
    Canceller,
}

/// Where the drafts went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub first: Offset,
    pub last: Offset,
}

/// Why nothing was appended. An append is all or nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    #[error("there is no such session")]
    NotFound,
    #[error("the session has ended")]
    Ended,
    #[error("another node has taken the run over")]
    Fenced,
    #[error("the database cannot be reached")]
    Unavailable,
    /// The connection broke during the commit and the database could not be asked what became of it.
    #[error("the connection to the database broke during the commit; the events may have been written")]
    OutcomeUnknown,
    /// An append with this producer mark is in the log already.
    #[error("an append of this Producer-Id and Producer-Seq is in the log already")]
    Duplicate,
    #[error("the database refused the events: {0}")]
    Rejected(String),
}

/// What one batch added to one session, in offset order.
#[derive(Debug)]
pub struct Committed {
    pub session_id: SessionId,
    pub events: Vec<Event>,
}

impl Committed {
    /// Whether the session has ended with this.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.events.last().is_some_and(|event| event.kind.is_terminal())
    }
}

/// Called with every batch right after its commit, in commit order for each session. Must not block.
pub type OnCommit = Arc<dyn Fn(Vec<Committed>) + Send + Sync>;

struct Request {
    session_id: SessionId,
    writer: Writer,
    drafts: Vec<Draft>,
    mark: Option<ProducerMark>,
    give_up_at: Instant,
    /// Gone once it was used: a request whose caller was told that its patience is over may still be in a batch whose fate is
    /// not known.
    reply: Option<oneshot::Sender<Result<Appended, AppendError>>>,
}

impl Request {
    /// Tells the caller, who may have stopped waiting.
    fn answer(&mut self, answer: Result<Appended, AppendError>) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(answer);
        }
    }
}

/// Requests that may wait in one lane before further callers wait outside it.
const LANE_QUEUE_MAX: usize = 4_096;

/// The way into the log. Cheap to clone.
#[derive(Clone)]
pub struct Appender {
    lanes: Arc<[mpsc::Sender<Request>]>,
}

impl Appender {
    /// Starts `lanes` lanes in `tasks`. They end, with everything written, when the last clone of the appender is dropped.
    #[must_use]
    pub fn start(store: &Store, lanes: usize, on_commit: &OnCommit, tasks: &mut JoinSet<()>) -> Self {
        let senders = (0..lanes.max(1))
            .map(|_| {
                let (sender, receiver) = mpsc::channel(LANE_QUEUE_MAX);
                tasks.spawn(lane::Lane::new(store.clone(), receiver, on_commit.clone()).run());
                sender
            })
            .collect();
        Self { lanes: senders }
    }

    /// An appender without lanes: for describing what would use it.
    #[must_use]
    pub fn idle() -> Self {
        Self { lanes: Arc::new([mpsc::channel(1).0]) }
    }

    /// Appends the drafts, in order and next to each other, and returns once they are durable. Waits for at most
    /// `patience` while the database is away.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; nothing was written unless it says so.
    pub async fn append(
        &self,
        session_id: SessionId,
        writer: Writer,
        drafts: Vec<Draft>,
        patience: Duration,
    ) -> Result<Appended, AppendError> {
        self.append_marked(session_id, writer, drafts, None, patience).await
    }

    /// The same, with a mark that no other append of the session may have.
    ///
    /// # Errors
    ///
    /// [`AppendError::Duplicate`] where the log has an append with this mark.
    pub async fn append_marked(
        &self,
        session_id: SessionId,
        writer: Writer,
        drafts: Vec<Draft>,
        mark: Option<ProducerMark>,
        patience: Duration,
    ) -> Result<Appended, AppendError> {
        debug_assert!(!drafts.is_empty(), "an append has at least one event");
        let (reply, answer) = oneshot::channel();
        let give_up_at = Instant::now() + patience;
        let request = Request { session_id, writer, drafts, mark, give_up_at, reply: Some(reply) };
        let lane = &self.lanes[self.lane_of(session_id)];
        match tokio::time::timeout_at(give_up_at, lane.send(request)).await {
            Ok(Ok(())) => answer.await.unwrap_or(Err(AppendError::OutcomeUnknown)),
            Ok(Err(_)) | Err(_) => Err(AppendError::Unavailable),
        }
    }

    fn lane_of(&self, session_id: SessionId) -> usize {
        let mut hasher = DefaultHasher::new();
        session_id.hash(&mut hasher);
        usize::try_from(hasher.finish() % self.lanes.len() as u64).unwrap_or(0)
    }
}
