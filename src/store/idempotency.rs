//! `Idempotency-Key`: a retried request is answered with the session that the first one created.

use sqlx::Connection;
use uuid::Uuid;

use super::{
    NewSession, Store, StoreError, sessions,
    turns::{self, Turn},
};
use crate::event::SessionId;

/// A key, and a hash of the request that it stands for.
#[derive(Clone, Debug)]
pub struct Idempotency {
    pub key: String,
    pub request_sha256: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    #[error("the Idempotency-Key was used before with another request")]
    Reused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for IdempotencyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Queues a run, or finds the one that this key created before; `None` where `queue_max` wait already. Runs are admitted
    /// one by one, whatever the node, so the bound is exact, and of concurrent calls with one key one creates.
    ///
    /// # Errors
    ///
    /// [`IdempotencyError::Reused`] where the key belongs to another request of this user.
    pub async fn create_run(
        &self,
        new: &NewSession,
        idempotency: Option<&Idempotency>,
        queue_max: usize,
    ) -> Result<Option<SessionId>, IdempotencyError> {
        // The usual retry finds its session without writing anything, and adds nothing to the queue.
        if let Some(session_id) = self.find_by_key(new.user_id, idempotency).await? {
            return Ok(Some(session_id));
        }
        let session_id = self.new_session_id().await?;
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        turns::wait_for(&mut transaction, Turn::Queue).await?;
        if sessions::count_queued(&mut transaction, queue_max).await? >= queue_max {
            drop(transaction);
            drop(connection);
            // The one that waited before us at the door may have been this very request.
            return self.find_by_key(new.user_id, idempotency).await;
        }
        sessions::insert(&mut transaction, session_id, new).await?;
        let Some(idempotency) = idempotency else {
            transaction.commit().await?;
            return Ok(Some(session_id));
        };
        let claimed = sqlx::query!(
            "insert into coursestream.idempotency_keys (user_id, key, request_sha256, session_id)
            values ($1, $2, $3, $4) on conflict do nothing",
            new.user_id,
            idempotency.key,
            idempotency.request_sha256,
            session_id.as_uuid()
        )
        .execute(&mut *transaction)
        .await?;
        if claimed.rows_affected() == 1 {
            transaction.commit().await?;
            return Ok(Some(session_id));
        }
        transaction.rollback().await?;
        drop(connection);
        match self.find_by_key(new.user_id, Some(idempotency)).await? {
            Some(session_id) => Ok(Some(session_id)),
            None => Err(StoreError::Unknown("an idempotency key vanished while it was used".to_owned()).into()),
        }
    }

    /// The session that this key created before; none without a key.
    ///
    /// # Errors
    ///
    /// [`IdempotencyError::Reused`] where the key belongs to another request of this user.
    pub async fn find_by_key(
        &self,
        user_id: Uuid,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<SessionId>, IdempotencyError> {
        let Some(idempotency) = idempotency else { return Ok(None) };
        let row = sqlx::query!(
            "select session_id, request_sha256 from coursestream.idempotency_keys where user_id = $1 and key = $2",
            user_id,
            idempotency.key
        )
        .fetch_optional(&self.pool)
        .await?;
        match row {
            None => Ok(None),
            Some(row) if row.request_sha256 == idempotency.request_sha256 => {
                Ok(Some(SessionId::from_uuid(row.session_id)))
            }
            Some(_) => Err(IdempotencyError::Reused),
        }
    }
}
