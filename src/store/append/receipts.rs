//! The receipts of lanes that are no more. A node gives its lanes new names at each start, so their rows would pile up.

use std::time::Duration;

use crate::store::{Store, StoreError};

/// No batch is in doubt for so long.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

impl Store {
    /// Deletes what lanes committed last where that was long ago, and says how many. A lane that was idle for so long makes sure of
    /// its row before it writes.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn prune_receipts(&self) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from coursestream.append_lanes where recorded_at < now() - make_interval(secs => $1)",
            KEPT.as_secs_f64()
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}
