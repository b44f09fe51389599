//! Reading the log. Live and archived events are one log to a reader: a session's partition may move between two
//! reads, but never during one.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::{TryStreamExt, stream::BoxStream};
use serde_json::value::RawValue;
use sqlx::PgExecutor;

use super::{Store, StoreError};
use crate::event::{Event, EventType, Offset, SessionId};

/// A read stops past this size, so that a page of large events does not fill the memory. It always yields one event.
const READ_BYTES_MAX: usize = 1 << 20;

/// Some events in a row.
#[derive(Debug)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// Whether there were no more: the read ended there, and not at a limit.
    pub is_dry: bool,
}

pub(super) struct EventRow {
    pub(super) offset: i64,
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) data: Option<String>,
    pub(super) recorded_at: DateTime<Utc>,
}

impl EventRow {
    fn bytes(&self) -> usize {
        self.message.len() + self.data.as_ref().map_or(0, String::len)
    }

    pub(super) fn into_event(self, session_id: SessionId) -> Result<Event, StoreError> {
        let kind: EventType = self.kind.parse().map_err(|error| StoreError::Unknown(format!("{error}")))?;
        let data = self
            .data
            .map(RawValue::from_string)
            .transpose()
            .map_err(|error| StoreError::Unknown(format!("event data: {error}")))?
            .map(Arc::from);
        Ok(Event {
            session_id,
            offset: Offset::from_i64(self.offset),
            kind,
            message: self.message,
            data,
            timestamp: self.recorded_at,
        })
    }
}

/// The rows behind `after`, at most `limit` of them, in order.
pub(super) fn rows_after<'e, 'c: 'e>(
    executor: impl PgExecutor<'c> + 'e,
    session_id: SessionId,
    after: Offset,
    limit: usize,
    types: Option<&[String]>,
) -> BoxStream<'e, sqlx::Result<EventRow>> {
    // Each half by itself in order and to its limit: else a page would cost as much as all that lies behind it.
    sqlx::query_as!(
        EventRow,
        r#"select "offset" as "offset!", type as "kind!", message as "message!", data::text, recorded_at as "recorded_at!"
        from (
            (select "offset", type, message, data, recorded_at from coursestream.events
            where session_id = $1 and "offset" > $2 and ($4::text[] is null or type = any($4))
            order by "offset" limit $3)
            union all
            (select "offset", type, message, data, recorded_at from coursestream.events_archive
            where session_id = $1 and "offset" > $2 and ($4::text[] is null or type = any($4))
            order by "offset" limit $3)
        ) as log
        order by "offset" limit $3"#,
        session_id.as_uuid(),
        after.as_i64(),
        i64::try_from(limit).unwrap_or(i64::MAX),
        types as Option<&[String]>,
    )
    .fetch(executor)
}

impl Store {
    /// The events behind `after`, at most `limit` of them, in order.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn read_after(
        &self,
        session_id: SessionId,
        after: Offset,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        self.read_filtered(session_id, after, limit, None).await
    }

    /// The same, of some types only.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn read_filtered(
        &self,
        session_id: SessionId,
        after: Offset,
        limit: usize,
        types: Option<&[EventType]>,
    ) -> Result<EventPage, StoreError> {
        let types: Option<Vec<String>> = types.map(|types| types.iter().map(|kind| kind.as_str().to_owned()).collect());
        // One more than asked for tells whether there are more.
        let mut rows = rows_after(&self.pool, session_id, after, limit.saturating_add(1), types.as_deref());
        let mut events = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.try_next().await? {
            if events.len() == limit || bytes > READ_BYTES_MAX {
                return Ok(EventPage { events, is_dry: false });
            }
            bytes += row.bytes();
            events.push(row.into_event(session_id)?);
        }
        Ok(EventPage { events, is_dry: true })
    }
}
