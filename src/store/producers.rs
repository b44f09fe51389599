//! Outside producers: programs that append to sessions of their own.

use sqlx::PgConnection;

use super::{Appended, Store, StoreError};
use crate::event::{Offset, SessionId};

/// Marks an append, so that its retry is recognised.
#[derive(Clone, Debug)]
pub struct ProducerMark {
    pub producer_id: String,
    pub seq: i64,
    /// Tells the retry from another append that has the same mark by mistake.
    pub messages_sha256: Vec<u8>,
}

impl ProducerMark {
    /// Whether only one of the two can be in the log.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        self.producer_id == other.producer_id && self.seq == other.seq
    }
}

/// An append that is in the log.
#[derive(Clone, Copy, Debug)]
pub struct Marked {
    pub appended: Appended,
    /// Whether it had the messages of the mark that it was found by.
    pub is_same: bool,
}

/// Notes where a marked append went.
///
/// # Errors
///
/// A unique violation where an append with this mark was committed before.
pub(super) async fn insert_mark(
    connection: &mut PgConnection,
    session_id: SessionId,
    mark: &ProducerMark,
    appended: Appended,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into coursestream.producer_appends
            (session_id, producer_id, seq, messages_sha256, first_offset, last_offset)
        values ($1, $2, $3, $4, $5, $6)",
        session_id.as_uuid(),
        mark.producer_id,
        mark.seq,
        mark.messages_sha256,
        appended.first.as_i64(),
        appended.last.as_i64()
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Where an append with this mark went, if there was one.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_marked(&self, session_id: SessionId, mark: &ProducerMark) -> Result<Option<Marked>, StoreError> {
        let row = sqlx::query!(
            "select messages_sha256, first_offset, last_offset from coursestream.producer_appends
            where session_id = $1 and producer_id = $2 and seq = $3",
            session_id.as_uuid(),
            mark.producer_id,
            mark.seq
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Marked {
            appended: Appended { first: Offset::from_i64(row.first_offset), last: Offset::from_i64(row.last_offset) },
            // What was written before messages were told apart counts as the same.
            is_same: row.messages_sha256.is_none_or(|sha256| sha256 == mark.messages_sha256),
        }))
    }

    /// The hash of a session's write token: `None` where there is no such session, `Some(None)` where it is a run of this service.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_write_token(&self, session_id: SessionId) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        let row = sqlx::query!(
            "select write_token_sha256 from coursestream.sessions where session_id = $1",
            session_id.as_uuid()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| row.write_token_sha256))
    }
}
