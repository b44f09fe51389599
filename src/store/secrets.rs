//! Keys that all nodes share.

use secrecy::SecretSlice;

use super::{Store, StoreError};

impl Store {
    /// The key of this name. `candidate` becomes it where there is none yet; of nodes that start together, one decides.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_or_create_secret(&self, name: &str, candidate: &[u8; 32]) -> Result<SecretSlice<u8>, StoreError> {
        sqlx::query!(
            "insert into coursestream.secrets (name, value) values ($1, $2) on conflict (name) do nothing",
            name,
            candidate.as_slice()
        )
        .execute(&self.pool)
        .await?;
        let value = sqlx::query_scalar!("select value from coursestream.secrets where name = $1", name)
            .fetch_one(&self.pool)
            .await?;
        Ok(value.into())
    }
}
