//! Who came to follow a session, over what, and from where: statistics for analysts.
//!
//! A join is noted in passing and written later, in batches. Whoever notes one never waits: what does not fit into the queue
//! is dropped and counted. So is a batch that the database does not take: a join is worth no retry.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Store;
use crate::event::{Offset, SessionId};

/// Joins that wait to be written. A reconnection storm of some thousand clients fits.
const QUEUE_MAX: usize = 8_192;
const BATCH_MAX: usize = 1_024;
/// How long a batch is gathered.
const GATHER: Duration = Duration::from_millis(500);

/// What a client follows a session over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    SocketIo,
    Sse,
}

impl Transport {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::SocketIo => "socketio",
            Self::Sse => "sse",
        }
    }
}

/// A client came to follow a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionJoin {
    pub session_id: SessionId,
    pub transport: Transport,
    /// The last-seen offset that it named; zero for the start.
    pub last_seen: Offset,
    /// Where the log ended at that moment.
    pub last_offset: Offset,
    pub at: DateTime<Utc>,
}

/// Takes note of joins. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JoinNotes {
    queue: mpsc::Sender<SessionJoin>,
}

/// Writes what was noted: [`JoinWriter::run`].
#[derive(Debug)]
pub struct JoinWriter {
    queue: mpsc::Receiver<SessionJoin>,
}

impl JoinNotes {
    /// The two ends of a queue.
    #[must_use]
    pub fn new() -> (Self, JoinWriter) {
        Self::with_room(QUEUE_MAX)
    }

    fn with_room(room: usize) -> (Self, JoinWriter) {
        let (sender, receiver) = mpsc::channel(room);
        (Self { queue: sender }, JoinWriter { queue: receiver })
    }

    /// Never waits.
    pub fn note(&self, join: SessionJoin) {
        if self.queue.try_send(join).is_err() {
            count("dropped", 1);
        }
    }
}

fn count(outcome: &'static str, joins: usize) {
    metrics::counter!("coursestream_joins_total", "outcome" => outcome).increment(joins as u64);
}

impl JoinWriter {
    /// Writes batch after batch until it is told to stop; what was noted until then is still written.
    pub async fn run(mut self, store: Store, node: Uuid, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut is_failing = false;
        loop {
            tokio::select! {
                received = self.queue.recv_many(&mut batch, BATCH_MAX) => if received == 0 { return },
                () = stop.cancelled() => {}
            }
            if batch.len() < BATCH_MAX {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(GATHER) => {}
                }
            }
            while batch.len() < BATCH_MAX
                && let Ok(join) = self.queue.try_recv()
            {
                batch.push(join);
            }
            if batch.is_empty() {
                // Nothing more, and told to stop.
                return;
            }
            match store.insert_joins(node, &batch).await {
                Ok(()) => {
                    is_failing = false;
                    count("recorded", batch.len());
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%error, "joins are not recorded at the moment");
                    }
                    count("dropped", batch.len());
                }
            }
            batch.clear();
        }
    }
}

impl Store {
    async fn insert_joins(&self, node: Uuid, joins: &[SessionJoin]) -> Result<(), sqlx::Error> {
        let sessions: Vec<Uuid> = joins.iter().map(|join| join.session_id.as_uuid()).collect();
        let transports: Vec<String> = joins.iter().map(|join| join.transport.as_str().to_owned()).collect();
        let last_seen: Vec<i64> = joins.iter().map(|join| join.last_seen.as_i64()).collect();
        let replayed: Vec<i64> =
            joins.iter().map(|join| join.last_offset.as_i64().saturating_sub(join.last_seen.as_i64()).max(0)).collect();
        let at: Vec<DateTime<Utc>> = joins.iter().map(|join| join.at).collect();
        sqlx::query!(
            "insert into coursestream.joins (session_id, transport, last_seen, replayed, joined_at, node)
            select *, $6 from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[])",
            &sessions,
            &transports,
            &last_seen,
            &replayed,
            &at,
            node
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(last_seen: u64) -> SessionJoin {
        SessionJoin {
            session_id: SessionId::from_uuid(Uuid::nil()),
            transport: Transport::WebSocket,
            last_seen: Offset::new(last_seen),
            last_offset: Offset::new(9),
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_nobody_waits() {
        let (notes, mut writer) = JoinNotes::with_room(2);
        for last_seen in 1..=5 {
            notes.note(join(last_seen));
        }
        let kept: Vec<u64> =
            std::iter::from_fn(|| writer.queue.try_recv().ok()).map(|join| join.last_seen.get()).collect();
        assert_eq!(kept, [1, 2]);
        drop(writer);
        notes.note(join(6));
    }
}
