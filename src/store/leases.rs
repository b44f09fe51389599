//! Leases: which node may append to a run, and until when it need not say so again.
//!
//! A fence only grows, and the append statement compares it under the row's lock. So a node that was paused past its lease
//! learns at its next append that another one has taken over, and writes nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Store, StoreError};
use crate::event::SessionId;

/// A run that this node now holds.
#[derive(Clone, Debug)]
pub struct Claim {
    pub session_id: SessionId,
    pub fence: i64,
    pub topic: String,
    pub search_web: bool,
    pub user_id: Uuid,
    pub created_at: DateTime<Utc>,
    /// Attempts that are not held against it: their nodes handed it back.
    pub handed_back: u32,
}

/// A lease to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Renewal {
    pub session_id: SessionId,
    pub fence: i64,
}

impl Store {
    /// Takes up to `limit` runs that nobody holds, oldest first: queued ones, and those whose holder's lease ran out.
    /// Nodes that claim at the same time skip each other's rows.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn claim_runs(&self, node: Uuid, ttl: Duration, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let rows = sqlx::query!(
            "with free as (
                select session_id from coursestream.sessions
                where ended_at is null and producer is null and (lease_expires_at is null or lease_expires_at < now())
                order by session_id limit $3 for update skip locked
            )
            update coursestream.sessions s
            set lease_node = $1, fence = fence + 1, lease_expires_at = now() + make_interval(secs => $2)
            from free where s.session_id = free.session_id
            returning s.session_id, s.fence, s.topic, s.search_web, s.user_id, s.created_at, s.handed_back",
            node,
            ttl.as_secs_f64(),
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&self.pool)
        .await?;
        let mut claims: Vec<Claim> = rows
            .into_iter()
            .map(|row| Claim {
                session_id: SessionId::from_uuid(row.session_id),
                fence: row.fence,
                topic: row.topic,
                search_web: row.search_web,
                user_id: row.user_id,
                created_at: row.created_at,
                handed_back: u32::try_from(row.handed_back).unwrap_or(0),
            })
            .collect();
        claims.sort_by_key(|claim| claim.session_id);
        Ok(claims)
    }

    /// Renews leases and returns those that are still ours, each with whether it was renewed: a row that somebody holds is
    /// passed over, since waiting for it would cost the others their leases.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn renew_leases(
        &self,
        node: Uuid,
        leases: &[Renewal],
        ttl: Duration,
    ) -> Result<Vec<(Renewal, bool)>, StoreError> {
        let ids: Vec<Uuid> = leases.iter().map(|lease| lease.session_id.as_uuid()).collect();
        let fences: Vec<i64> = leases.iter().map(|lease| lease.fence).collect();
        let rows = sqlx::query!(
            r#"with ours as (
                select s.session_id, s.fence
                from unnest($2::uuid[], $3::bigint[]) as held (session_id, fence)
                join coursestream.sessions s using (session_id)
                where s.fence = held.fence and s.lease_node = $1 and s.ended_at is null
            ),
            free as (
                select s.session_id from ours join coursestream.sessions s using (session_id)
                where s.fence = ours.fence and s.lease_node = $1 and s.ended_at is null
                for no key update of s skip locked
            ),
            renewed as (
                update coursestream.sessions s set lease_expires_at = now() + make_interval(secs => $4)
                from free where s.session_id = free.session_id
                returning s.session_id
            )
            select ours.session_id, ours.fence, renewed.session_id is not null as "is_renewed!"
            from ours left join renewed using (session_id)"#,
            node,
            &ids,
            &fences,
            ttl.as_secs_f64()
        )
        .fetch_all(&self.pool)
        .await?;
        let lease = |session_id, fence| Renewal { session_id: SessionId::from_uuid(session_id), fence };
        Ok(rows.into_iter().map(|row| (lease(row.session_id, row.fence), row.is_renewed)).collect())
    }

    /// Hands a run back, so that any node may go on with it at once. An excused attempt is not held against the run.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn release_run(&self, lease: Renewal, is_excused: bool) -> Result<(), StoreError> {
        sqlx::query!(
            "update coursestream.sessions set lease_node = null, lease_expires_at = null,
                handed_back = handed_back + $3::boolean::integer
            where session_id = $1 and fence = $2 and ended_at is null",
            lease.session_id.as_uuid(),
            lease.fence,
            is_excused
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
