//! The sessions that one connection has joined, merged into one stream of what to send.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use chrono::{SubsecRound, Utc};
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream};
use serde_json::Map;
use tokio_stream::StreamMap;

use super::{Access, Change};
use crate::{
    event::{EventType, Offset, SessionId},
    feed::{Chunk, Feed, JoinError, Subscription},
    limits::Held,
    projection::Status,
    store::{self, JoinNotes, SessionHead, SessionJoin, Store, StoreError, Transport},
    wire::{ErrorCode, Frame, Join, ServerEvent},
};

/// Sessions that one connection may have joined at a time.
pub(super) const SESSIONS_MAX: usize = 64;

/// Pauses between tries while the log cannot be read. The client stays connected and catches up.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// An event that is older than this is being replayed.
const REPLAY_AGE: Duration = Duration::from_secs(30);

type Chunks = Pin<Box<dyn Stream<Item = Chunk> + Send>>;

struct Joined {
    /// The status that the client was last told.
    told: Status,
    _held: Held,
}

/// Something to send.
#[derive(Clone, Debug)]
pub enum Outgoing {
    Frame(Arc<Frame>),
    Event(ServerEvent),
}

/// What one session has for the client, in order.
#[derive(Debug)]
pub struct Delivery {
    pub session_id: SessionId,
    pub items: Vec<Outgoing>,
}

/// What comes next.
#[derive(Debug)]
pub enum Turn {
    Delivery(Delivery),
    Change(Change),
}

/// Merges the joined sessions of one connection.
///
/// What is done once in a while is boxed: every idle connection would hold room for it otherwise.
pub struct Pump {
    feed: Feed,
    store: Arc<Store>,
    access: Access,
    joins: JoinNotes,
    transport: Transport,
    joined: HashMap<SessionId, Joined>,
    chunks: StreamMap<SessionId, Chunks>,
}

impl Pump {
    #[must_use]
    pub fn new(feed: Feed, store: Arc<Store>, access: Access, joins: JoinNotes, transport: Transport) -> Self {
        Self { feed, store, access, joins, transport, joined: HashMap::new(), chunks: StreamMap::new() }
    }

    /// Takes a token from the client, and returns what to send.
    ///
    /// # Errors
    ///
    /// The `session_error` to send.
    pub fn authenticate<'a>(&'a mut self, token: &'a str) -> BoxFuture<'a, Result<ServerEvent, ServerEvent>> {
        async move {
            self.access.slow_down().await;
            self.access.authenticate(token).await
        }
        .boxed()
    }

    /// Joins a session and returns the `session_status` to send before anything else of it. Joining again changes
    /// nothing, unless an offset says where to go on from.
    ///
    /// # Errors
    ///
    /// The `session_error` to send. An earlier join of the session stands.
    pub fn join(&mut self, join: Join) -> BoxFuture<'_, Result<ServerEvent, ServerEvent>> {
        self.let_in(join).boxed()
    }

    async fn let_in(&mut self, join: Join) -> Result<ServerEvent, ServerEvent> {
        let Join { session_id, last_seen } = join;
        self.access.slow_down().await;
        self.access.check(session_id)?;
        let is_joined = self.joined.contains_key(&session_id);
        if is_joined && last_seen.is_none() {
            return self.status_again(session_id).await;
        }
        if !is_joined && self.joined.len() >= SESSIONS_MAX && !self.forget_ended() {
            return Err(error(
                session_id,
                ErrorCode::TooManySessions,
                format!("a connection may join {SESSIONS_MAX} sessions at a time"),
            ));
        }
        // Whoever has joined a session was let in to it.
        let held = if is_joined { Held::default() } else { self.access.may_follow(&self.feed, session_id).await? };
        let (head, subscription) =
            self.feed.join(session_id, last_seen).await.map_err(|refusal| refused(session_id, &refusal))?;
        self.record(&join).await?;
        self.joins.note(SessionJoin {
            session_id,
            transport: self.transport,
            last_seen: last_seen.unwrap_or(Offset::ZERO),
            last_offset: head.last_offset,
            at: Utc::now(),
        });
        let joined = self.joined.entry(session_id).or_insert(Joined { told: head.status(), _held: held });
        joined.told = head.status();
        self.chunks.insert(session_id, chunks(subscription));
        Ok(status(&head))
    }

    /// What is read by office is in the access trail before any of it is sent.
    async fn record(&mut self, join: &Join) -> Result<(), ServerEvent> {
        let Some((principal, address)) = self.access.reader_of_others() else { return Ok(()) };
        let at = Utc::now().trunc_subsecs(3);
        let mut parameters = Map::new();
        parameters.insert("transport".to_owned(), self.transport.as_str().into());
        if let Some(last_seen) = join.last_seen {
            parameters.insert("lastSeenOffset".to_owned(), last_seen.to_string().into());
        }
        let entry = store::Access {
            access_id: store::Access::id_at(at),
            at,
            principal: Some(principal),
            address: Some(address),
            operation: "join_session".to_owned(),
            session_id: Some(join.session_id.as_uuid()),
            parameters,
            status: 200,
        };
        self.store.insert_accesses(&[entry]).await.map_err(|cause| {
            tracing::warn!(session.id = %join.session_id, error = %cause, "a join could not be recorded, so it is refused");
            let message = "the access could not be recorded, so there is no answer";
            error(join.session_id, ErrorCode::Internal, message.to_owned())
        })
    }

    /// Whether the session is joined.
    #[must_use]
    pub fn is_joined(&self, session_id: SessionId) -> bool {
        self.joined.contains_key(&session_id)
    }

    /// Makes room: an ended session of which the client has everything is remembered only so that joining it again
    /// repeats nothing. The oldest goes first.
    fn forget_ended(&mut self) -> bool {
        let over = self.joined.keys().filter(|session_id| !self.chunks.contains_key(session_id));
        let Some(oldest) = over.min().copied() else { return false };
        self.joined.remove(&oldest);
        true
    }

    async fn status_again(&mut self, session_id: SessionId) -> Result<ServerEvent, ServerEvent> {
        match self.feed.head(session_id).await {
            Ok(Some(head)) => {
                // What is told here is no news when its event comes along.
                if let Some(joined) = self.joined.get_mut(&session_id) {
                    joined.told = head.status();
                }
                Ok(status(&head))
            }
            Ok(None) => Err(refused(session_id, &JoinError::NotFound)),
            Err(cause) => Err(refused(session_id, &JoinError::Store(cause))),
        }
    }

    /// Leaves a session. Leaving one that was not joined is no error.
    pub fn leave(&mut self, session_id: SessionId) {
        self.joined.remove(&session_id);
        self.chunks.remove(&session_id);
    }

    /// What comes next: from whichever session has something, or about who is on the connection. Waits for ever while there
    /// is nothing. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Turn {
        loop {
            let is_granted = self.access.is_granted();
            let next = tokio::select! {
                // Nobody is served a moment longer than he may be.
                biased;
                change = self.access.change() => return Turn::Change(change),
                next = self.chunks.next(), if is_granted => next,
            };
            match next {
                Some((session_id, chunk)) => {
                    if let Some(delivery) = self.deliver(session_id, chunk) {
                        return Turn::Delivery(delivery);
                    }
                }
                // No session is joined, or all have ended; joins come through `&mut self`, after this future is dropped.
                None => return Turn::Change(self.access.change().await),
            }
        }
    }

    fn deliver(&mut self, session_id: SessionId, chunk: Chunk) -> Option<Delivery> {
        let joined = self.joined.get_mut(&session_id)?;
        measure(&chunk);
        let mut items = Vec::with_capacity(chunk.len() + 1);
        for frame in chunk {
            let news = status_after(&frame).filter(|status| joined.is_news(*status));
            let last_offset = frame.offset();
            items.push(Outgoing::Frame(frame));
            if let Some(status) = news {
                joined.told = status;
                items.push(Outgoing::Event(ServerEvent::Status { session_id, status, last_offset }));
            }
        }
        if items.iter().any(|item| matches!(item, Outgoing::Frame(frame) if frame.is_terminal())) {
            self.chunks.remove(&session_id);
        }
        Some(Delivery { session_id, items })
    }
}

impl Joined {
    /// Replaying the start of a session whose end the client was already told of is no news.
    fn is_news(&self, status: Status) -> bool {
        match self.told {
            Status::Queued => true,
            Status::Running => status != Status::Running,
            Status::Completed | Status::Failed | Status::Cancelled | Status::Expired => false,
        }
    }
}

/// How long the newest event of the chunk took from its commit to here; replays are not measured.
fn measure(chunk: &Chunk) {
    let newest = chunk.last().map(|frame| chrono::Utc::now() - frame.event().timestamp);
    if let Some(age) = newest.and_then(|age| age.to_std().ok()).filter(|age| *age < REPLAY_AGE) {
        metrics::histogram!("coursestream_delivery_seconds").record(age.as_secs_f64());
    }
}

fn status_after(frame: &Frame) -> Option<Status> {
    match frame.event().kind {
        EventType::SessionStarted => Some(Status::Running),
        EventType::SessionCompleted => Some(Status::Completed),
        EventType::SessionFailed => Some(Status::Failed),
        EventType::SessionCancelled => Some(Status::Cancelled),
        EventType::Log | EventType::Progress | EventType::Success | EventType::Error | EventType::CourseGenerated => {
            None
        }
    }
}

fn status(head: &SessionHead) -> ServerEvent {
    ServerEvent::Status { session_id: head.session_id, status: head.status(), last_offset: head.last_offset }
}

fn refused(session_id: SessionId, refusal: &JoinError) -> ServerEvent {
    if let JoinError::Store(cause) = refusal {
        tracing::warn!(session.id = %session_id, error = %cause, "a join could not be answered");
    }
    error(session_id, refusal.code(), refusal.to_string())
}

fn error(session_id: SessionId, code: ErrorCode, message: String) -> ServerEvent {
    ServerEvent::Error { session_id: Some(session_id), code, message }
}

/// The subscription as a stream that outlives trouble with the database and ends with the session.
fn chunks(subscription: Subscription) -> Chunks {
    Box::pin(stream::unfold(subscription, |mut subscription| async move {
        let mut pause = RETRY_MIN;
        loop {
            match subscription.next().await {
                Ok(Some(chunk)) => return Some((chunk, subscription)),
                Ok(None) => return None,
                Err(cause) => {
                    warn_unreadable(subscription.session_id(), &cause);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }))
}

fn warn_unreadable(session_id: SessionId, cause: &StoreError) {
    tracing::warn!(session.id = %session_id, error = %cause, "a subscriber waits for the log to be readable");
}
