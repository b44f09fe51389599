//! The chain of seals: adding to it, and finding one of it.
//!
//! Who ends a session knows nothing of seals: it is sealed later, together with others, by whichever node comes first. Nodes
//! take turns by one lock, which is held for a batch and which nobody else ever waits for.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    Store, StoreError, digests,
    sessions::count,
    turns::{self, Turn},
};
use crate::{
    event::{Offset, SessionId},
    seal::{Fingerprint, LogDigest, Seal, Sealed, Sum},
};

/// What one pass of sealing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealPass {
    /// Sessions that got their seals.
    pub sealed: u64,
    /// There is more to do.
    pub has_more: bool,
    /// Another node was at it all the time; nothing was done here.
    pub is_elsewhere: bool,
}

/// What waits for its seal.
#[derive(Clone, Copy, Debug, Default)]
pub struct SealBacklog {
    /// Ended sessions without a seal, counted up to [`SealBacklog::COUNTED_MAX`].
    pub sessions: u64,
    /// How long the oldest of them has been waiting.
    pub oldest: Option<Duration>,
}

impl SealBacklog {
    pub const COUNTED_MAX: u32 = 10_000;
}

/// The last link of the chain, or what stands for it before there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHead {
    pub position: u64,
    pub sha256: Sum,
}

impl ChainHead {
    const EMPTY: Self = Self { position: 0, sha256: Sum::ZERO };
}

/// Sessions that one pass looks at.
const PASS_SESSIONS_MAX: i64 = 500;
/// How long a pass waits for another node to finish its own.
const LOCK_TIMEOUT: &str = "5s";

/// A session whose seal is due.
struct Due {
    session_id: SessionId,
    last_offset: u64,
}

/// The next sessions to be sealed.
struct Found {
    due: Vec<Due>,
    /// No others wait behind them.
    is_last: bool,
}

/// Sessions whose logs cannot be read, and are passed over from then on so that others get their turn.
#[derive(Debug, Default)]
pub struct Unreadable(HashSet<SessionId>);

impl Store {
    /// Seals some of the ended sessions that have no seal yet, those first that ended first.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked; nothing was sealed then.
    pub async fn seal_ended(&self, unreadable: &mut Unreadable) -> Result<SealPass, StoreError> {
        // All through the one connection: a pass cannot wait for another that a full pool does not have.
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        if !lock_chain(&mut transaction).await? {
            return Ok(SealPass { is_elsewhere: true, ..SealPass::default() });
        }
        let Found { due, is_last } = find_due(&mut transaction, unreadable).await?;
        let taken = digests::take_batch(&due, |due| due.last_offset);
        let (now, later) = due.split_at(taken);
        let logs = match fingerprints(&mut transaction, now).await {
            Ok(logs) => logs,
            Err(error) if error.is_transient() => return Err(error),
            // One log that does not read would keep all others from their seals.
            Err(_) => {
                // Now, and not once the connection is used again: the lock goes with it.
                transaction.rollback().await?;
                drop(connection);
                return self.seal_one_by_one(now, unreadable).await;
            }
        };
        let sealed = append_sessions(&mut transaction, logs).await?;
        transaction.commit().await?;
        Ok(SealPass { sealed, has_more: !later.is_empty() || !is_last, is_elsewhere: false })
    }

    async fn seal_one_by_one(&self, due: &[Due], unreadable: &mut Unreadable) -> Result<SealPass, StoreError> {
        let mut pass = SealPass { has_more: true, ..SealPass::default() };
        for one in due {
            let mut connection = self.pool.acquire().await?;
            let mut transaction = connection.begin().await?;
            if !lock_chain(&mut transaction).await? {
                break;
            }
            match fingerprints(&mut transaction, std::slice::from_ref(one)).await {
                Ok(logs) => {
                    pass.sealed += append_sessions(&mut transaction, logs).await?;
                    transaction.commit().await?;
                }
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    tracing::error!(session.id = %one.session_id, %error, "a log cannot be read, so it cannot be sealed");
                    unreadable.0.insert(one.session_id);
                }
            }
        }
        Ok(pass)
    }

    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn seal_backlog(&self) -> Result<SealBacklog, StoreError> {
        let row = sqlx::query!(
            r#"select count(*) as "sessions!", (extract(epoch from now() - min(ended_at)))::float8 as oldest
            from (
                select ended_at from coursestream.sessions
                where ended_at is not null and sealed_at is null order by ended_at limit $1
            ) as waiting"#,
            i64::from(SealBacklog::COUNTED_MAX)
        )
        .fetch_one(&self.pool)
        .await?;
        let oldest = row.oldest.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        Ok(SealBacklog { sessions: count(row.sessions), oldest })
    }

    /// The seal of a session, with its own hash. It outlives the session.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked, or what it has is no seal.
    pub async fn find_seal(&self, session_id: SessionId) -> Result<Option<(Seal, Sum)>, StoreError> {
        let row = sqlx::query_as!(
            SealRow,
            "select position, previous_sha256, sha256, sealed_at, session_id, last_offset, log_sha256, export_sha256,
                leaves_sha256, lower_bound, upper_bound, sessions
            from coursestream.seals where session_id = $1",
            session_id.as_uuid()
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Links behind the position `after`, with their own hashes, in the order of the chain.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked, or what it has is no seal.
    pub async fn list_seals(&self, after: u64, limit: usize) -> Result<Vec<(Seal, Sum)>, StoreError> {
        let rows = sqlx::query_as!(
            SealRow,
            "select position, previous_sha256, sha256, sealed_at, session_id, last_offset, log_sha256, export_sha256,
                leaves_sha256, lower_bound, upper_bound, sessions
            from coursestream.seals where position > $1 order by position limit $2",
            bigint(after),
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn chain_head(&self) -> Result<ChainHead, StoreError> {
        let mut connection = self.pool.acquire().await?;
        Ok(read_head(&mut connection).await?.0)
    }

    /// Whether the chain has a link with this hash.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn chain_has(&self, sha256: Sum) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"select exists (select from coursestream.seals where sha256 = $1) as "has!""#,
            sha256.as_bytes().as_slice()
        )
        .fetch_one(&self.pool)
        .await?)
    }
}

/// Adds the link that says that the history of a partition is dropped, unless it is there from a pass that was cut short.
/// False where the chain is busy.
pub(super) async fn append_retention(
    connection: &mut PgConnection,
    lower_bound: Uuid,
    upper_bound: Uuid,
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin().await?;
    if !lock_chain(&mut transaction).await? {
        return Ok(false);
    }
    // Sessions that were sealed since the last such link are not in it.
    let row = sqlx::query!(
        r#"select count(*) as "sessions!",
            coalesce(max(position) < (
                select max(position) from coursestream.seals
                where kind = 'retention' and lower_bound = $1 and upper_bound = $2
            ), false) as "is_told!"
        from coursestream.seals where session_id >= $1 and session_id < $2"#,
        lower_bound,
        upper_bound
    )
    .fetch_one(&mut *transaction)
    .await?;
    if !row.is_told && row.sessions > 0 {
        let what = Sealed::Retention { lower_bound, upper_bound, sessions: count(row.sessions) };
        append(&mut transaction, vec![what]).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// One appends at a time, until the end of the transaction. False where another did so for long.
async fn lock_chain(connection: &mut PgConnection) -> Result<bool, StoreError> {
    sqlx::query!("select set_config('lock_timeout', $1, true)", LOCK_TIMEOUT).fetch_one(&mut *connection).await?;
    match turns::wait_for(connection, Turn::Seals).await {
        Ok(()) => Ok(true),
        // Lock timeout.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What has ended first comes first. A session that has its seal and whose row has lost its mark, by whatever hand, would be due for
/// ever, and keep all others from their seals: it is marked anew.
async fn find_due(connection: &mut PgConnection, unreadable: &Unreadable) -> Result<Found, StoreError> {
    let except: Vec<Uuid> = unreadable.0.iter().map(SessionId::as_uuid).collect();
    let rows = sqlx::query!(
        r#"select session_id, due.last_offset, c.sealed_at as "sealed_at?"
        from (
            select session_id, last_offset, ended_at from coursestream.sessions
            where ended_at is not null and sealed_at is null and session_id <> all($1)
            order by ended_at limit $2
        ) as due left join coursestream.seals c using (session_id)
        order by ended_at"#,
        &except,
        PASS_SESSIONS_MAX
    )
    .fetch_all(&mut *connection)
    .await?;
    let is_last = rows.len() < usize::try_from(PASS_SESSIONS_MAX).unwrap_or(usize::MAX);
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let session_id = SessionId::from_uuid(row.session_id);
        match row.sealed_at {
            None => due.push(Due { session_id, last_offset: count(row.last_offset) }),
            Some(sealed_at) => {
                mark(connection, &[row.session_id], sealed_at).await?;
                tracing::error!(session.id = %session_id, "a session has its seal, but its row did not say so; now it does");
            }
        }
    }
    Ok(Found { due, is_last })
}

async fn mark(connection: &mut PgConnection, sessions: &[Uuid], sealed_at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("update coursestream.sessions set sealed_at = $2 where session_id = any($1)", sessions, sealed_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// A log to be sealed.
struct Log {
    session_id: SessionId,
    fingerprint: Fingerprint,
    leaves: Vec<u8>,
}

async fn fingerprints(connection: &mut PgConnection, due: &[Due]) -> Result<Vec<Log>, StoreError> {
    let sessions: Vec<SessionId> = due.iter().map(|due| due.session_id).collect();
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = digests::read_many::<LogDigest>(connection, &sessions).await?;
    due.iter()
        .map(|&Due { session_id, last_offset }| {
            let fingerprint = found.remove(&session_id).unwrap_or_default().finish();
            let (last, events) = (fingerprint.leaves.last_offset().get(), fingerprint.leaves.len() as u64);
            if last != last_offset || events != last_offset {
                tracing::error!(session.id = %session_id, expected = last_offset, last, events,
                    "a log is not whole before it is sealed; it is sealed as it is");
            }
            let leaves = fingerprint.leaves.to_bytes();
            let leaves = leaves.ok_or_else(|| StoreError::Unknown(format!("offset {last} in a log of {events}")))?;
            Ok(Log { session_id, fingerprint, leaves })
        })
        .collect()
}

/// Adds the logs' links, keeps their leaves, and marks their sessions.
async fn append_sessions(connection: &mut PgConnection, logs: Vec<Log>) -> Result<u64, StoreError> {
    if logs.is_empty() {
        return Ok(0);
    }
    let what = logs.iter().map(|log| Sealed::session(log.session_id, &log.fingerprint, &log.leaves)).collect();
    let sealed_at = append(connection, what).await?;
    let ids: Vec<Uuid> = logs.iter().map(|log| log.session_id.as_uuid()).collect();
    let leaves: Vec<Vec<u8>> = logs.into_iter().map(|log| log.leaves).collect();
    sqlx::query!(
        "insert into coursestream.seal_leaves (session_id, leaves) select * from unnest($1::uuid[], $2::bytea[])",
        &ids,
        &leaves
    )
    .execute(&mut *connection)
    .await?;
    mark(connection, &ids, sealed_at).await?;
    Ok(ids.len() as u64)
}

/// Adds links to the chain, whose lock is held, and says what their time is.
async fn append(connection: &mut PgConnection, links: Vec<Sealed>) -> Result<DateTime<Utc>, StoreError> {
    let (mut head, sealed_at) = read_head(connection).await?;
    let mut rows = Columns::default();
    for what in links {
        let seal = Seal { position: head.position + 1, what, previous_sha256: head.sha256, sealed_at };
        head = ChainHead { position: seal.position, sha256: seal.sha256() };
        rows.push(&seal, head.sha256);
    }
    rows.insert(connection, sealed_at).await?;
    Ok(sealed_at)
}

/// The head, and the time of a link after it: never before the head's own, whatever the clock says.
async fn read_head(connection: &mut PgConnection) -> Result<(ChainHead, DateTime<Utc>), StoreError> {
    let row = sqlx::query!(
        r#"select date_trunc('milliseconds', clock_timestamp()) as "now!", position as "position?", sha256 as "sha256?",
            sealed_at as "sealed_at?"
        from (select) as one left join (
            select position, sha256, sealed_at from coursestream.seals order by position desc limit 1
        ) as head on true"#
    )
    .fetch_one(connection)
    .await?;
    let head = match (row.position, row.sha256) {
        (Some(position), Some(sha256)) => ChainHead { position: count(position), sha256: sum(&sha256)? },
        _ => ChainHead::EMPTY,
    };
    Ok((head, row.sealed_at.map_or(row.now, |last| last.max(row.now))))
}

pub(super) fn sum(bytes: &[u8]) -> Result<Sum, StoreError> {
    Sum::from_slice(bytes).ok_or_else(|| StoreError::Unknown("a hash of another length".to_owned()))
}

fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Links as they are inserted.
#[derive(Default)]
struct Columns {
    positions: Vec<i64>,
    kinds: Vec<String>,
    previous: Vec<Vec<u8>>,
    sums: Vec<Vec<u8>>,
    sessions: Vec<Option<Uuid>>,
    last_offsets: Vec<Option<i64>>,
    logs: Vec<Option<Vec<u8>>>,
    exports: Vec<Option<Vec<u8>>>,
    leaves: Vec<Option<Vec<u8>>>,
    lower_bounds: Vec<Option<Uuid>>,
    upper_bounds: Vec<Option<Uuid>>,
    counts: Vec<Option<i64>>,
}

impl Columns {
    fn push(&mut self, seal: &Seal, sha256: Sum) {
        let bytes = |sum: &Sum| sum.as_bytes().to_vec();
        self.positions.push(bigint(seal.position));
        self.previous.push(bytes(&seal.previous_sha256));
        self.sums.push(bytes(&sha256));
        let (of_session, of_retention) = match &seal.what {
            Sealed::Session { session_id, last_offset, log_sha256, export_sha256, leaves_sha256 } => {
                self.kinds.push("session".to_owned());
                (Some((session_id, last_offset, log_sha256, export_sha256, leaves_sha256)), None)
            }
            Sealed::Retention { lower_bound, upper_bound, sessions } => {
                self.kinds.push("retention".to_owned());
                (None, Some((*lower_bound, *upper_bound, *sessions)))
            }
        };
        self.sessions.push(of_session.map(|(session_id, ..)| session_id.as_uuid()));
        self.last_offsets.push(of_session.map(|(_, last_offset, ..)| last_offset.as_i64()));
        self.logs.push(of_session.map(|(_, _, log, ..)| bytes(log)));
        self.exports.push(of_session.map(|(_, _, _, export, _)| bytes(export)));
        self.leaves.push(of_session.map(|(.., leaves)| bytes(leaves)));
        self.lower_bounds.push(of_retention.map(|(lower_bound, ..)| lower_bound));
        self.upper_bounds.push(of_retention.map(|(_, upper_bound, _)| upper_bound));
        self.counts.push(of_retention.map(|(.., sessions)| bigint(sessions)));
    }

    async fn insert(self, connection: &mut PgConnection, sealed_at: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into coursestream.seals (sealed_at, position, kind, previous_sha256, sha256, session_id, last_offset,
                log_sha256, export_sha256, leaves_sha256, lower_bound, upper_bound, sessions)
            select $1, * from unnest($2::bigint[], $3::text[], $4::bytea[], $5::bytea[], $6::uuid[], $7::bigint[],
                $8::bytea[], $9::bytea[], $10::bytea[], $11::uuid[], $12::uuid[], $13::bigint[])",
            sealed_at,
            &self.positions,
            &self.kinds,
            &self.previous,
            &self.sums,
            &self.sessions as &[Option<Uuid>],
            &self.last_offsets as &[Option<i64>],
            &self.logs as &[Option<Vec<u8>>],
            &self.exports as &[Option<Vec<u8>>],
            &self.leaves as &[Option<Vec<u8>>],
            &self.lower_bounds as &[Option<Uuid>],
            &self.upper_bounds as &[Option<Uuid>],
            &self.counts as &[Option<i64>]
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

pub(super) struct SealRow {
    pub(super) position: i64,
    pub(super) previous_sha256: Vec<u8>,
    pub(super) sha256: Vec<u8>,
    pub(super) sealed_at: DateTime<Utc>,
    pub(super) session_id: Option<Uuid>,
    pub(super) last_offset: Option<i64>,
    pub(super) log_sha256: Option<Vec<u8>>,
    pub(super) export_sha256: Option<Vec<u8>>,
    pub(super) leaves_sha256: Option<Vec<u8>>,
    pub(super) lower_bound: Option<Uuid>,
    pub(super) upper_bound: Option<Uuid>,
    pub(super) sessions: Option<i64>,
}

impl TryFrom<SealRow> for (Seal, Sum) {
    type Error = StoreError;

    /// CHECKs keep each kind's columns together.
    fn try_from(row: SealRow) -> Result<Self, StoreError> {
        let missing = || StoreError::Unknown(format!("a seal without its kind's columns at position {}", row.position));
        let some_sum = |bytes: &Option<Vec<u8>>| sum(bytes.as_deref().ok_or_else(missing)?);
        let what = match (row.session_id, row.lower_bound) {
            (Some(session_id), _) => Sealed::Session {
                session_id: SessionId::from_uuid(session_id),
                last_offset: Offset::from_i64(row.last_offset.ok_or_else(missing)?),
                log_sha256: some_sum(&row.log_sha256)?,
                export_sha256: some_sum(&row.export_sha256)?,
                leaves_sha256: some_sum(&row.leaves_sha256)?,
            },
            (None, Some(lower_bound)) => Sealed::Retention {
                lower_bound,
                upper_bound: row.upper_bound.ok_or_else(missing)?,
                sessions: count(row.sessions.ok_or_else(missing)?),
            },
            (None, None) => return Err(missing()),
        };
        let seal = Seal {
            position: count(row.position),
            what,
            previous_sha256: sum(&row.previous_sha256)?,
            sealed_at: row.sealed_at,
        };
        Ok((seal, sum(&row.sha256)?))
    }
}
