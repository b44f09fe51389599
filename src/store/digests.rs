//! Logs read to their ends: many short ones with one statement, a long one page by page. Events are let go as soon as they are
//! read; what is kept of them is up to the [`Reading`].

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    StoreError,
    events::{self, EventRow},
};
use crate::{
    event::{Event, Offset, SessionId},
    seal::LogDigest,
};

/// What is made of a log, event by event, in order.
pub(super) trait Reading: Default {
    fn add(&mut self, event: &Event);
}

impl Reading for LogDigest {
    fn add(&mut self, event: &Event) {
        Self::add(self, event);
    }
}

/// Both of one reading.
impl<A: Reading, B: Reading> Reading for (A, B) {
    fn add(&mut self, event: &Event) {
        self.0.add(event);
        self.1.add(event);
    }
}

/// Events that one statement reads. Logs together longer than this are read one after the other.
pub(super) const READ_EVENTS_MAX: u64 = 2_000;
/// Of one long log, at a time.
const PAGE: usize = 500;

/// Cuts off the front of a list of logs with their supposed lengths: as many as one statement reads, and at least one.
pub(super) fn take_batch<T>(rest: &[T], length: impl Fn(&T) -> u64) -> usize {
    let mut events = 0;
    let fit = rest.iter().take_while(|log| {
        events += length(log);
        events <= READ_EVENTS_MAX
    });
    fit.count().max(1).min(rest.len())
}

/// What is made of logs; of one without events nothing is.
pub(super) async fn read_many<R: Reading>(
    connection: &mut PgConnection,
    sessions: &[SessionId],
) -> Result<HashMap<SessionId, R>, StoreError> {
    if let [session_id] = sessions {
        let read = read_one(connection, *session_id).await?;
        return Ok(read.map(|read| (*session_id, read)).into_iter().collect());
    }
    let ids: Vec<Uuid> = sessions.iter().map(SessionId::as_uuid).collect();
    let mut rows = sqlx::query!(
        r#"select session_id as "session_id!", "offset" as "offset!", type as "kind!", message as "message!", data::text,
            recorded_at as "recorded_at!"
        from (
            select session_id, "offset", type, message, data, recorded_at from coursestream.events
            where session_id = any($1)
            union all
            select session_id, "offset", type, message, data, recorded_at from coursestream.events_archive
            where session_id = any($1)
        ) as logs
        order by session_id, "offset""#,
        &ids
    )
    .fetch(connection);
    let mut readings: HashMap<SessionId, R> = HashMap::with_capacity(ids.len());
    while let Some(row) = rows.try_next().await? {
        let session_id = SessionId::from_uuid(row.session_id);
        let event = EventRow {
            offset: row.offset,
            kind: row.kind,
            message: row.message,
            data: row.data,
            recorded_at: row.recorded_at,
        };
        readings.entry(session_id).or_default().add(&event.into_event(session_id)?);
    }
    Ok(readings)
}

async fn read_one<R: Reading>(connection: &mut PgConnection, session_id: SessionId) -> Result<Option<R>, StoreError> {
    let mut reading = R::default();
    let mut cursor = Offset::ZERO;
    loop {
        let mut rows = events::rows_after(&mut *connection, session_id, cursor, PAGE, None);
        let mut found = 0;
        while let Some(row) = rows.try_next().await? {
            let event = row.into_event(session_id)?;
            cursor = event.offset;
            reading.add(&event);
            found += 1;
        }
        if found < PAGE {
            return Ok((cursor > Offset::ZERO).then_some(reading));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_and_never_empty() {
        let take = |lengths: &[u64]| take_batch(lengths, |length| *length);
        assert_eq!(take(&[]), 0);
        assert_eq!(take(&[28, 28, 28]), 3);
        assert_eq!(take(&[1_000_000, 28]), 1);
        assert_eq!(take(&[28, 1_000_000]), 1);
        assert_eq!(take(&[1_000, 1_000, 1]), 2);
    }
}
