//! Outside producers: programs that append to sessions of their own.

use sqlx::PgConnection;

use super::{Appended, Store, StoreError};
use crate::event::{Offset, SessionId};

/// Marks an append, so that its retry is recognised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerMark {
    pub producer_id: String,
    pub seq: i64,
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
        "insert into coursestream.producer_appends (session_id, producer_id, seq, first_offset, last_offset)
        values ($1, $2, $3, $4, $5)",
        session_id.as_uuid(),
        mark.producer_id,
        mark.seq,
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
    pub async fn find_marked(
        &self,
        session_id: SessionId,
        mark: &ProducerMark,
    ) -> Result<Option<Appended>, StoreError> {
        let row = sqlx::query!(
            "select first_offset, last_offset from coursestream.producer_appends
            where session_id = $1 and producer_id = $2 and seq = $3",
            session_id.as_uuid(),
            mark.producer_id,
            mark.seq
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row
            .map(|row| Appended { first: Offset::from_i64(row.first_offset), last: Offset::from_i64(row.last_offset) }))
    }

    /// The hash of the write token of an outside producer's session; `None` where there is no such session, or it is a run of
    /// this service.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_write_token(&self, session_id: SessionId) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query!(
            "select write_token_sha256 from coursestream.sessions where session_id = $1 and producer is not null",
            session_id.as_uuid()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.and_then(|row| row.write_token_sha256))
    }
}
