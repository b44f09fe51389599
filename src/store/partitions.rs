//! Partitions of the event table: made ahead, moved whole into the archive, dropped whole.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    Store, StoreError, Unreadable, seals,
    turns::{self, Turn},
};
use crate::event::SessionId;

/// What one pruning pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Sessions that became `expired`.
    pub expired: u64,
    /// Partitions that went from `events` to `events_archive`.
    pub archived: u64,
    /// Archived partitions whose retention was over, dropped with their sessions.
    pub dropped: u64,
    /// Another node is pruning; nothing was done here.
    pub is_elsewhere: bool,
}

/// How long moving a partition may wait for its lock. Appends queue behind that wait, so it is the most that one is delayed.
const ARCHIVE_LOCK_TIMEOUT: &str = "20ms";
/// Tries at one partition before it is left to the next pass.
const ARCHIVE_ATTEMPTS_MAX: u32 = 50;
/// A partition is left alone for so long after its last session could have been created: clocks of nodes differ, and one that has
/// its id already may still wait for a connection.
const PARTITION_GRACE: Duration = Duration::from_secs(10);
const EXPIRE_BATCH: usize = 5_000;
const DELETE_BATCH: i64 = 5_000;

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn created_ms(session_id: SessionId) -> i64 {
    i64::try_from(session_id.as_uuid().as_u128() >> 80).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    pub(super) async fn ensure_partition(&self, session_id: SessionId) -> Result<(), StoreError> {
        self.ensure_partition_at(created_ms(session_id)).await
    }

    async fn ensure_partition_at(&self, at_ms: i64) -> Result<(), StoreError> {
        let is_live = sqlx::query_scalar!(
            r#"select coursestream.ensure_partition($1, $2) as "is_live!""#,
            at_ms,
            millis(self.partition_width).max(1_000)
        )
        .fetch_one(&self.pool)
        .await?;
        if is_live {
            Ok(())
        } else {
            Err(StoreError::Unknown("this machine's clock is behind: its time has been archived already".to_owned()))
        }
    }

    /// Makes the partition of now and the `ahead` following ones.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn ensure_partitions_ahead(&self, ahead: u32) -> Result<(), StoreError> {
        let width = millis(self.partition_width).max(1_000);
        for step in 0..=i64::from(ahead) {
            self.ensure_partition_at(now_ms() + step * width).await?;
        }
        Ok(())
    }

    /// One pruning pass; see the fields of [`Pruned`]. Only one node prunes at a time. A session that has not ended, or has no
    /// seal, keeps its partition where it is, whatever its age.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked; what was done until then stays done.
    pub async fn prune(&self, session_ttl: Duration, history_retention: Duration) -> Result<Pruned, StoreError> {
        // Held by a connection of its own, which is closed with its process: a killed node blocks nobody.
        let mut holder = PgConnection::connect_with(&self.direct).await?;
        let mut turn = holder.begin().await?;
        // It says nothing for as long as the pass takes.
        sqlx::query!("select set_config('idle_in_transaction_session_timeout', '0', true)")
            .fetch_one(&mut *turn)
            .await?;
        if !turns::try_take(&mut turn, Turn::Prune).await? {
            return Ok(Pruned { is_elsewhere: true, ..Pruned::default() });
        }
        let mut connection = PgConnection::connect_with(&self.direct).await?;
        let pruned = self.prune_locked(&mut connection, session_ttl, history_retention).await;
        let _ = connection.close().await;
        let _ = turn.rollback().await;
        let _ = holder.close().await;
        pruned
    }

    async fn prune_locked(
        &self,
        connection: &mut PgConnection,
        session_ttl: Duration,
        history_retention: Duration,
    ) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        loop {
            let expired = self.expire_sessions(session_ttl, EXPIRE_BATCH).await?;
            pruned.expired += expired;
            if expired == 0 {
                break;
            }
        }
        self.seal_what_ended().await?;
        for name in self.find_archivable().await? {
            if alone_for_a_moment(connection, Change::Archive, &name).await? {
                pruned.archived += 1;
            }
        }
        for partition in self.find_outdated(history_retention).await? {
            if self.drop_history(connection, &partition).await? {
                pruned.dropped += 1;
            }
        }
        Ok(pruned)
    }

    /// So that no partition has to wait for the next pass because its last sessions have ended just now.
    async fn seal_what_ended(&self) -> Result<(), StoreError> {
        let mut unreadable = Unreadable::default();
        while self.seal_ended(&mut unreadable).await?.has_more {}
        Ok(())
    }

    /// Partitions that nothing will be added to, oldest first: their time is over and all of their sessions are expired and
    /// sealed.
    async fn find_archivable(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar!(
            "select name from coursestream.partitions p
            where archived_at is null
                and upper_bound <= coursestream.uuid_floor($1)
                and not exists (
                    select from coursestream.sessions s
                    where s.expired_at is null and s.session_id >= p.lower_bound and s.session_id < p.upper_bound
                )
                and not exists (
                    select from coursestream.sessions s
                    where s.ended_at is not null and s.sealed_at is null
                        and s.session_id >= p.lower_bound and s.session_id < p.upper_bound
                )
            order by lower_bound",
            now_ms() - millis(PARTITION_GRACE)
        )
        .fetch_all(&self.pool)
        .await?)
    }

    async fn find_outdated(&self, history_retention: Duration) -> Result<Vec<Outdated>, StoreError> {
        Ok(sqlx::query_as!(
            Outdated,
            "select name, lower_bound, upper_bound from coursestream.partitions p
            where archived_at is not null and upper_bound <= coursestream.uuid_floor($1)
                and upper_bound <= (select coursestream.droppable_before('history'))
                and not exists (
                    select from coursestream.sessions s
                    where s.ended_at is not null and s.sealed_at is null
                        and s.session_id >= p.lower_bound and s.session_id < p.upper_bound
                )
            order by lower_bound",
            (now_ms() - millis(history_retention)).max(0)
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Says so in the chain of seals, deletes the sessions with their courses and leaves, in bounded batches, then drops the
    /// partition. In this order a pass that is cut short leaves events that no session leads to, and the next pass drops them;
    /// never a session without its events, and nothing missing that the chain does not account for.
    async fn drop_history(&self, connection: &mut PgConnection, partition: &Outdated) -> Result<bool, StoreError> {
        if !seals::append_retention(connection, partition.lower_bound, partition.upper_bound).await? {
            return Ok(false);
        }
        while delete_history(connection, &partition.name).await? > 0 {}
        alone_for_a_moment(connection, Change::Drop, &partition.name).await
    }
}

/// A batch of what hangs on the partition: its sessions with their courses, joins, leaves. Says how much there was.
async fn delete_history(connection: &mut PgConnection, partition: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select coursestream.delete_history($1, $2) as "deleted!""#, partition, DELETE_BATCH)
        .fetch_one(connection)
        .await
}

struct Outdated {
    name: String,
    lower_bound: Uuid,
    upper_bound: Uuid,
}

#[derive(Clone, Copy)]
enum Change {
    Archive,
    Drop,
}

/// Changes a partition, which needs the table alone for a moment, without making others wait for that moment: gives up soon
/// when the lock is not to be had, lets the queue behind it pass, and tries again. False where it never was.
async fn alone_for_a_moment(connection: &mut PgConnection, change: Change, name: &str) -> Result<bool, StoreError> {
    for attempt in 1..=ARCHIVE_ATTEMPTS_MAX {
        match try_change(connection, change, name).await {
            Ok(()) => return Ok(true),
            Err(error) if is_lock_timeout(&error) => {
                let pause = Duration::from_millis(10 + rand::random_range(0..10 * u64::from(attempt)));
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    tracing::info!(partition = name, "the partition is busy; the next pruning pass will try again");
    Ok(false)
}

async fn try_change(connection: &mut PgConnection, change: Change, name: &str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query!("select set_config('lock_timeout', $1, true)", ARCHIVE_LOCK_TIMEOUT)
        .fetch_one(&mut *transaction)
        .await?;
    match change {
        Change::Archive => {
            sqlx::query!("select coursestream.archive_partition($1)", name).fetch_one(&mut *transaction).await?;
        }
        Change::Drop => {
            sqlx::query!("select coursestream.drop_partition($1)", name).fetch_one(&mut *transaction).await?;
        }
    }
    transaction.commit().await
}

/// SQLSTATE 55P03, `lock_not_available`; 40P01, a deadlock, is solved by letting the others pass as well.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55P03" || code == "40P01")
}
