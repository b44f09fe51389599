//! The access trail: who read what through the endpoints for auditors.

use std::{net::IpAddr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::{NoContext, Timestamp, Uuid};

use super::{
    Store, StoreError,
    sessions::{first_id_at, tellable},
};

/// One read.
#[derive(Clone, Debug)]
pub struct Access {
    /// A UUIDv7 of the moment.
    pub access_id: Uuid,
    pub at: DateTime<Utc>,
    pub principal: Option<String>,
    pub address: Option<IpAddr>,
    /// The operation's id in the OpenAPI document, or the name of the real-time event.
    pub operation: String,
    pub session_id: Option<Uuid>,
    pub parameters: Map<String, Value>,
    /// The status of the answer.
    pub status: u16,
}

impl Access {
    /// The id of an entry of this moment.
    #[must_use]
    pub fn id_at(at: DateTime<Utc>) -> Uuid {
        let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, at.timestamp_subsec_nanos()))
    }
}

/// Which entries are asked for; what is `None` filters nothing.
#[derive(Clone, Debug, Default)]
pub struct AccessFilter {
    pub session_id: Option<Uuid>,
    pub principal: Option<String>,
    pub address: Option<IpAddr>,
    pub operation: Option<String>,
    /// At this moment or later.
    pub after: Option<DateTime<Utc>>,
    /// Before this moment.
    pub before: Option<DateTime<Utc>>,
}

/// Entries that are deleted at a time.
const PRUNE_BATCH: i64 = 5_000;

struct AccessRow {
    access_id: Uuid,
    at: DateTime<Utc>,
    principal: Option<String>,
    address: Option<String>,
    operation: String,
    session_id: Option<Uuid>,
    parameters: Json<Map<String, Value>>,
    status: i16,
}

impl From<AccessRow> for Access {
    fn from(row: AccessRow) -> Self {
        Self {
            access_id: row.access_id,
            at: row.at,
            principal: row.principal,
            address: row.address.and_then(|address| address.parse().ok()),
            operation: row.operation,
            session_id: row.session_id,
            parameters: row.parameters.0,
            status: u16::try_from(row.status).unwrap_or(0),
        }
    }
}

impl Store {
    /// Adds entries, all or none. Returns once they are durable.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn insert_accesses(&self, accesses: &[Access]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = accesses.iter().map(|access| access.access_id).collect();
        let moments: Vec<DateTime<Utc>> = accesses.iter().map(|access| access.at).collect();
        let principals: Vec<Option<String>> = accesses.iter().map(|access| access.principal.clone()).collect();
        let addresses: Vec<Option<String>> =
            accesses.iter().map(|access| access.address.map(|address| address.to_string())).collect();
        let operations: Vec<String> = accesses.iter().map(|access| access.operation.clone()).collect();
        let sessions: Vec<Option<Uuid>> = accesses.iter().map(|access| access.session_id).collect();
        let parameters: Vec<Value> = accesses.iter().map(|access| access.parameters.clone().into()).collect();
        let statuses: Vec<i16> = accesses.iter().map(|access| i16::try_from(access.status).unwrap_or(0)).collect();
        sqlx::query!(
            "insert into coursestream.access_trail
                (access_id, at, principal, address, operation, session_id, parameters, status)
            select access_id, at, principal, address::inet, operation, session_id, parameters, status
            from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::jsonb[], $8::smallint[])
                as a (access_id, at, principal, address, operation, session_id, parameters, status)
            on conflict do nothing",
            &ids,
            &moments,
            &principals as &[Option<String>],
            &addresses as &[Option<String>],
            &operations,
            &sessions as &[Option<Uuid>],
            &parameters,
            &statuses
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The trail, newest first: entries that pass the filter, behind `behind` where it is given.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn list_accesses(
        &self,
        filter: &AccessFilter,
        behind: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let [after, before] = [filter.after, filter.before].map(|moment| moment.map(tellable));
        let rows = sqlx::query_as!(
            AccessRow,
            r#"select access_id, at, principal, host(address) as address, operation, session_id,
                parameters as "parameters: Json<Map<String, Value>>", status
            from coursestream.access_trail
            where ($1::uuid is null or access_id < $1)
                and ($2::uuid is null or session_id = $2)
                and ($3::text is null or principal = $3)
                and ($4::text is null or address = $4::inet)
                and ($5::text is null or operation = $5)
                and ($6::timestamptz is null or at >= $6)
                and ($7::timestamptz is null or at < $7)
                and ($8::uuid is null or access_id >= $8)
                and ($9::uuid is null or access_id < $9)
            order by access_id desc limit $10"#,
            behind,
            filter.session_id,
            filter.principal.as_deref(),
            filter.address.map(|address| address.to_string()),
            filter.operation.as_deref(),
            after,
            before,
            after.map(first_id_at),
            // The id tells the millisecond that the moment is in.
            before.map(|before| first_id_at(before + TimeDelta::milliseconds(1))),
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Access::from).collect())
    }

    /// Deletes entries that are older than the retention, in bounded batches, and says how many.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked; what was deleted until then stays deleted.
    pub async fn prune_accesses(&self, retention: Duration) -> Result<u64, StoreError> {
        let kept_from =
            TimeDelta::from_std(retention).ok().and_then(|retention| Utc::now().checked_sub_signed(retention));
        let Some(kept_from) = kept_from else { return Ok(0) };
        let mut deleted = 0;
        loop {
            let batch = self.prune_access_batch(first_id_at(kept_from)).await?;
            deleted += batch.unsigned_abs();
            if batch == 0 {
                return Ok(deleted);
            }
        }
    }

    async fn prune_access_batch(&self, kept_from: Uuid) -> Result<i64, StoreError> {
        let deleted =
            sqlx::query_scalar!(r#"select coursestream.delete_accesses($1, $2) as "deleted!""#, kept_from, PRUNE_BATCH);
        Ok(deleted.fetch_one(&self.pool).await?)
    }
}
