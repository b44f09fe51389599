//! API keys: hashes, never keys.

use chrono::{DateTime, Utc};

use super::{Store, StoreError};
use crate::auth::{Role, Roles, keys::KeyId};

/// A key that opens something at the moment.
#[derive(Clone, Copy, Debug)]
pub struct HeldKey {
    pub id: KeyId,
    pub sha256: [u8; 32],
    pub roles: Roles,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as whoever looks after them sees it.
#[derive(Clone, Debug)]
pub struct ListedKey {
    pub id: KeyId,
    pub name: String,
    pub roles: Roles,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// To the minute or so.
    pub last_used_at: Option<DateTime<Utc>>,
}

fn read_id(bytes: &[u8]) -> Result<KeyId, StoreError> {
    bytes.try_into().map(KeyId::from_bytes).map_err(|_| StoreError::Unknown("the id of an API key".to_owned()))
}

fn read_roles(names: &[String]) -> Result<Roles, StoreError> {
    let roles: Result<Vec<Role>, _> = names.iter().map(|name| name.parse()).collect();
    Ok(roles.map_err(|_| StoreError::Unknown(format!("roles of an API key {names:?}")))?.into_iter().collect())
}

impl Store {
    /// Keeps a new key.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn insert_api_key(
        &self,
        id: KeyId,
        sha256: &[u8; 32],
        name: &str,
        roles: Roles,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let roles: Vec<String> = roles.iter().map(|role| role.as_str().to_owned()).collect();
        sqlx::query!(
            "insert into coursestream.api_keys (key_id, secret_sha256, name, roles, expires_at)
            values ($1, $2, $3, $4, $5)",
            id.as_bytes().as_slice(),
            sha256.as_slice(),
            name,
            &roles,
            expires_at
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The keys that are neither revoked nor expired.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn list_held_keys(&self) -> Result<Vec<HeldKey>, StoreError> {
        let rows = sqlx::query!(
            "select key_id, secret_sha256, roles, expires_at from coursestream.api_keys
            where revoked_at is null and (expires_at is null or expires_at > now())"
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let sha256 = row.secret_sha256.try_into();
                let sha256 = sha256.map_err(|_| StoreError::Unknown("the hash of an API key".to_owned()))?;
                let (id, roles) = (read_id(&row.key_id)?, read_roles(&row.roles)?);
                Ok(HeldKey { id, sha256, roles, expires_at: row.expires_at })
            })
            .collect()
    }

    /// All keys, the newest first, revoked ones too.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn list_api_keys(&self) -> Result<Vec<ListedKey>, StoreError> {
        let rows = sqlx::query!(
            "select key_id, name, roles, created_at, expires_at, revoked_at, last_used_at
            from coursestream.api_keys order by created_at desc, key_id"
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(ListedKey {
                    id: read_id(&row.key_id)?,
                    name: row.name,
                    roles: read_roles(&row.roles)?,
                    created_at: row.created_at,
                    expires_at: row.expires_at,
                    revoked_at: row.revoked_at,
                    last_used_at: row.last_used_at,
                })
            })
            .collect()
    }

    /// Revokes a key. False where there is none that holds.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn revoke_api_key(&self, id: KeyId) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "update coursestream.api_keys set revoked_at = now() where key_id = $1 and revoked_at is null",
            id.as_bytes().as_slice()
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes when keys were last used.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn note_key_use(&self, uses: &[(KeyId, DateTime<Utc>)]) -> Result<(), StoreError> {
        let ids: Vec<Vec<u8>> = uses.iter().map(|(id, _)| id.as_bytes().to_vec()).collect();
        let times: Vec<DateTime<Utc>> = uses.iter().map(|(_, at)| *at).collect();
        sqlx::query!(
            "update coursestream.api_keys k set last_used_at = greatest(k.last_used_at, used.at)
            from unnest($1::bytea[], $2::timestamptz[]) as used (key_id, at) where k.key_id = used.key_id",
            &ids,
            &times
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
