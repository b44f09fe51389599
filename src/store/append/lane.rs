//! One lane: a queue, a connection of its own, and the loop that commits batch after batch.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use backon::BackoffBuilder;
use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

use super::{
    AppendError, Appended, Committed, OnCommit, Request,
    backend::Backend,
    batch::{self, Group},
    statement::{self, Bases, BatchId, Verdict},
};
use crate::{
    event::{EventType, Offset, SessionId},
    store::{Store, courses, is_connection_trouble, is_lock_timeout, producers},
};

/// How long one try at a batch may take before its connection counts as lost.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// How long appends to a session are refused after its row was found locked: each would hold up the lane.
const LOCKED_PAUSE: Duration = Duration::from_secs(5);
/// How often a lane makes sure of its place for receipts. A place that has not been used for much longer is given up.
const OPEN_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
const RETRY_MIN: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(1);

pub(super) struct Lane {
    store: Store,
    /// Its name in its receipts.
    id: Uuid,
    queue: mpsc::Receiver<Request>,
    on_commit: OnCommit,
    connection: Option<PgConnection>,
    /// The server process behind the latest connection.
    backend: Option<Backend>,
    /// When its place for receipts was last made sure of.
    opened_at: Option<Instant>,
    /// Sessions whose rows somebody held for too long, and until when nobody else is to wait for them.
    locked: HashMap<SessionId, Instant>,
}

/// How a batch ended.
enum Outcome {
    Committed(Bases),
    /// Nothing was written, because only these sessions take what was meant for them.
    Refused {
        fit: HashSet<SessionId>,
    },
    /// The statement itself failed; nothing was written.
    Rejected(sqlx::Error),
    /// Somebody holds the row of one of the sessions, and does not let go of it; nothing was written.
    Locked(sqlx::Error),
    /// Everybody's patience was over, and everybody was told.
    GivenUp,
}

impl Lane {
    pub(super) fn new(store: Store, queue: mpsc::Receiver<Request>, on_commit: OnCommit) -> Self {
        Self {
            store,
            id: Uuid::now_v7(),
            queue,
            on_commit,
            connection: None,
            backend: None,
            opened_at: None,
            locked: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut waiting = VecDeque::new();
        let mut arrived = Vec::new();
        loop {
            if waiting.is_empty() && self.queue.recv_many(&mut arrived, batch::BATCH_EVENTS_MAX).await == 0 {
                break;
            }
            while let Ok(request) = self.queue.try_recv() {
                arrived.push(request);
                if arrived.len() >= batch::BATCH_EVENTS_MAX {
                    break;
                }
            }
            waiting.extend(arrived.drain(..));
            let groups = batch::take(&mut waiting);
            let groups = self.without_locked(groups);
            if !groups.is_empty() {
                self.commit(groups).await;
            }
        }
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await;
        }
    }

    /// Tells those whose session's row was found locked a moment ago.
    fn without_locked(&mut self, groups: Vec<Group>) -> Vec<Group> {
        if self.locked.is_empty() {
            return groups;
        }
        let now = Instant::now();
        self.locked.retain(|_, until| *until > now);
        let (locked, free) = groups.into_iter().partition(|group| self.locked.contains_key(&group.session_id));
        refuse(locked, &AppendError::Unavailable);
        free
    }

    async fn commit(&mut self, mut groups: Vec<Group>) {
        metrics::histogram!("coursestream_append_batch_events")
            .record(groups.iter().map(|group| group.delta.events).sum::<u64>() as f64);
        let started = Instant::now();
        match self.write(&mut groups).await {
            Outcome::Committed(bases) => {
                metrics::histogram!("coursestream_append_commit_seconds").record(started.elapsed().as_secs_f64());
                self.publish(groups, &bases);
            }
            // The others go on without them.
            Outcome::Refused { fit } => {
                let (fit, refused): (Vec<_>, Vec<_>) =
                    groups.into_iter().partition(|group| fit.contains(&group.session_id));
                for group in refused {
                    let error = self.reason(&group).await;
                    refuse(vec![group], &error);
                }
                if !fit.is_empty() {
                    Box::pin(self.commit(fit)).await;
                }
            }
            Outcome::Rejected(error) if groups.len() == 1 && groups[0].requests.len() == 1 => {
                let is_duplicate =
                    error.as_database_error().is_some_and(|error| error.table() == Some("producer_appends"));
                let refusal = if is_duplicate {
                    AppendError::Duplicate
                } else {
                    tracing::warn!(session.id = %groups[0].session_id, %error, "the database refused an append");
                    AppendError::Rejected(error.to_string())
                };
                refuse(groups, &refusal);
            }
            Outcome::Locked(error) if groups.len() == 1 => {
                tracing::warn!(session.id = %groups[0].session_id, %error, "a session's row is locked");
                self.locked.insert(groups[0].session_id, Instant::now() + LOCKED_PAUSE);
                refuse(groups, &AppendError::Unavailable);
            }
            Outcome::Locked(_) => {
                for group in groups {
                    Box::pin(self.commit(vec![group])).await;
                }
            }
            // One bad request must not fail its neighbours: each goes alone.
            Outcome::Rejected(_) => {
                for request in groups.into_iter().flat_map(|group| group.requests) {
                    let alone = batch::take(&mut VecDeque::from([request]));
                    Box::pin(self.commit(alone)).await;
                }
            }
            Outcome::GivenUp => {}
        }
    }

    /// Writes the batch, waiting for the database as long as anybody in it has patience.
    async fn write(&mut self, groups: &mut Vec<Group>) -> Outcome {
        let id = BatchId { lane: self.id, append: Uuid::now_v7() };
        let mut delays = backon::ExponentialBuilder::default()
            .with_min_delay(RETRY_MIN)
            .with_max_delay(RETRY_MAX)
            .without_max_times()
            .with_jitter()
            .build();
        let mut in_flight = false;
        loop {
            let attempt = self.attempt(id, groups, &mut in_flight);
            let error = match tokio::time::timeout(ATTEMPT_MAX, attempt).await {
                Ok(Ok(Verdict::Written(bases))) => return Outcome::Committed(bases),
                Ok(Ok(Verdict::Refused { fit })) => return Outcome::Refused { fit },
                Ok(Err(error)) if is_lock_timeout(&error) => return Outcome::Locked(error),
                Ok(Err(error)) if !in_flight && !is_connection_trouble(&error) => return Outcome::Rejected(error),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it does not answer".to_owned(),
            };
            tracing::warn!(%error, "an append waits for the database");
            self.connection = None;
            tokio::time::sleep(delays.next().unwrap_or(RETRY_MAX)).await;
            let now = Instant::now();
            for group in groups.iter_mut() {
                group.give_up(now, in_flight);
            }
            groups.retain(|group| !group.requests.is_empty());
            let is_awaited = groups.iter().flat_map(|group| &group.requests).any(|request| request.reply.is_some());
            if !is_awaited {
                return Outcome::GivenUp;
            }
        }
    }

    /// One try. `in_flight` says whether an earlier try may have been committed without our hearing of it.
    async fn attempt(&mut self, id: BatchId, groups: &[Group], in_flight: &mut bool) -> Result<Verdict, sqlx::Error> {
        if self.connection.is_none() {
            let mut connection = PgConnection::connect_with(&lane_options(&self.store.direct)).await?;
            // What the lost connection sent may still reach its server process, even now. It must not be written behind
            // the back of a second try.
            if let Some(lost) = &self.backend {
                lost.terminate(&mut connection).await?;
            }
            self.backend = Some(Backend::of(&mut connection).await?);
            self.opened_at = None;
            self.connection = Some(connection);
        }
        let Some(connection) = &mut self.connection else { return Err(sqlx::Error::WorkerCrashed) };
        if *in_flight {
            if let Some(bases) = statement::resolve(connection, id, groups).await? {
                return Ok(Verdict::Written(bases));
            }
            *in_flight = false;
        }
        if self.opened_at.is_none_or(|at| at.elapsed() > OPEN_EVERY) {
            statement::open_lane(connection, self.id).await?;
            self.opened_at = Some(Instant::now());
        }
        *in_flight = true;
        let result = write_once(connection, id, groups).await;
        if result.as_ref().is_err_and(|error| !is_connection_trouble(error) || is_lock_timeout(error)) {
            *in_flight = false;
        }
        result
    }

    /// Hands the committed events on, then answers those who wait for them.
    fn publish(&self, groups: Vec<Group>, bases: &Bases) {
        let mut committed = Vec::with_capacity(groups.len());
        let mut answers = Vec::new();
        let mut count = 0;
        for group in groups {
            let (base, at) = bases[&group.session_id];
            let mut events = Vec::with_capacity(usize::try_from(group.delta.events).unwrap_or(0));
            let mut last = base;
            for request in group.requests {
                let first = last.next();
                for draft in request.drafts {
                    last = last.next();
                    events.push(draft.commit(group.session_id, last, at));
                }
                answers.push((request.reply, Appended { first, last }));
            }
            count += events.len() as u64;
            committed.push(Committed { session_id: group.session_id, events });
        }
        metrics::counter!("coursestream_events_appended_total").increment(count);
        (self.on_commit)(committed);
        for (reply, appended) in answers {
            // A caller that stopped waiting has its events in the log all the same.
            if let Some(reply) = reply {
                let _ = reply.send(Ok(appended));
            }
        }
    }

    /// Why the statement passed a session over.
    async fn reason(&self, group: &Group) -> AppendError {
        match self.store.find_head(group.session_id).await {
            Ok(None) => AppendError::NotFound,
            Ok(Some(head)) if head.phase.is_ended() => AppendError::Ended,
            Ok(Some(_)) => AppendError::Fenced,
            Err(_) => AppendError::Unavailable,
        }
    }
}

fn refuse(groups: Vec<Group>, error: &AppendError) {
    for mut request in groups.into_iter().flat_map(|group| group.requests) {
        request.answer(Err(error.clone()));
    }
}

/// The append statement finds its rows by key, however large the history grows: one plan for good, and never a scan that
/// seemed cheap while the tables were small.
fn lane_options(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([
        ("lock_timeout", "2s"),
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ])
}

/// The statement alone where it suffices; a transaction where more than events and rows of sessions is written.
async fn write_once(connection: &mut PgConnection, id: BatchId, groups: &[Group]) -> Result<Verdict, sqlx::Error> {
    if groups.iter().all(Group::is_plain) {
        return statement::append(connection, id, groups).await;
    }
    let mut transaction = connection.begin().await?;
    let verdict = statement::append(&mut transaction, id, groups).await?;
    if let Verdict::Written(bases) = &verdict {
        for group in groups {
            let (base, at) = bases[&group.session_id];
            write_rest(&mut transaction, group, base, at).await?;
        }
    }
    transaction.commit().await?;
    Ok(verdict)
}

/// Courses, and the marks of outside producers.
async fn write_rest(
    connection: &mut PgConnection,
    group: &Group,
    base: Offset,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut last = base;
    for request in &group.requests {
        let first = last.next();
        last = last.plus(request.drafts.len() as u64);
        if let Some(mark) = &request.mark {
            producers::insert_mark(connection, group.session_id, mark, Appended { first, last }).await?;
        }
        for draft in &request.drafts {
            if draft.kind == EventType::CourseGenerated
                && let Some(course) = courses::carried(draft.data.as_deref())
            {
                courses::insert(connection, group.session_id, &course, at).await?;
            }
        }
    }
    Ok(())
}
