//! NOTIFY, always in a transaction of its own: a notifying commit holds one database-wide lock until it is flushed, and
//! one that only notifies has nothing to flush.

use super::{Store, StoreError};

impl Store {
    /// Sends the payloads, each under 8,000 bytes, to every node that listens on `channel`.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn notify(&self, channel: &str, payloads: &[String]) -> Result<(), StoreError> {
        sqlx::query!(
            r#"select count(pg_notify($1, payload)) as "sent!" from unnest($2::text[]) as payload"#,
            channel,
            payloads
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(())
    }
}
