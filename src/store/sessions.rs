//! The sessions' rows: their requests and projections. Leases have a file of their own.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::{Store, StoreError};
use crate::{
    event::{Offset, SessionId},
    projection::{Counts, Phase, SessionRequest, Status},
    provider::Usage,
};

/// What a session is created from.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub topic: String,
    pub search_web: bool,
    pub user_id: Uuid,
    /// `None` for a run that this service generates.
    pub producer: Option<OutsideProducer>,
}

/// A program that appends to its session from outside.
#[derive(Clone, Debug)]
pub struct OutsideProducer {
    pub name: String,
    pub write_token_sha256: Vec<u8>,
}

/// What a join, a status request or the feed needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionHead {
    pub session_id: SessionId,
    /// Whose session it is.
    pub user_id: Uuid,
    pub phase: Phase,
    pub is_expired: bool,
    pub last_offset: Offset,
}

impl SessionHead {
    #[must_use]
    pub const fn status(&self) -> Status {
        Status::new(self.phase, self.is_expired)
    }
}

/// Everything that is known of a session beside its events.
#[derive(Clone, Debug)]
pub struct SessionSummary {
    pub head: SessionHead,
    pub topic: String,
    pub search_web: bool,
    pub user_id: Uuid,
    pub created_at: DateTime<Utc>,
    /// The name of the outside producer, where it is none of this service's runs.
    pub producer: Option<String>,
    pub ended_at: Option<DateTime<Utc>>,
    pub counts: Counts,
    pub course_id: Option<Uuid>,
    pub error: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub usage: Usage,
    pub attempts: u32,
    /// Whether its events are in the archive.
    pub is_archived: bool,
}

impl SessionSummary {
    /// What it was created for, as its log tells it.
    #[must_use]
    pub fn request(&self) -> SessionRequest {
        SessionRequest {
            topic: Some(self.topic.clone()),
            search_web: Some(self.search_web),
            user_id: Some(self.user_id),
            started_at: Some(self.created_at),
            producer: self.producer.clone(),
        }
    }
}

/// Which sessions of the history are asked for; what is `None` filters nothing.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Any of these.
    pub statuses: Option<Vec<Status>>,
    pub user_id: Option<Uuid>,
    /// Part of the topic, in whatever case.
    pub topic: Option<String>,
    /// Created at this moment or later.
    pub started_after: Option<DateTime<Utc>>,
    /// Created before this moment.
    pub started_before: Option<DateTime<Utc>>,
}

/// An id carries its node's clock and `created_at` the database's. Between bounds of time the ids are taken to differ from
/// it by no more than this: so the index on ids finds where to begin, and `created_at` decides.
const CLOCKS_DIFFER_MAX: TimeDelta = TimeDelta::hours(1);

/// The lowest UUIDv7 of a moment, or of the nearest that one can tell.
pub(super) fn first_id_at(moment: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(moment.timestamp_millis()).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u64_pair(millis << 16, 0)
}

/// The moment, or the nearest to it that Postgres and we both can tell: all that is kept is between the two.
pub(super) fn tellable(moment: DateTime<Utc>) -> DateTime<Utc> {
    const SECONDS_MAX: i64 = 100_000_000_000;
    moment.clamp(
        DateTime::from_timestamp(-SECONDS_MAX, 0).unwrap_or_default(),
        DateTime::from_timestamp(SECONDS_MAX, 0).unwrap_or_default(),
    )
}

/// The pattern of texts that contain this one. Nothing in it is a wildcard.
fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

struct HeadRow {
    session_id: Uuid,
    user_id: Uuid,
    status: String,
    last_offset: i64,
    is_expired: bool,
}

impl TryFrom<HeadRow> for SessionHead {
    type Error = StoreError;

    fn try_from(row: HeadRow) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: SessionId::from_uuid(row.session_id),
            user_id: row.user_id,
            phase: parse_phase(&row.status)?,
            is_expired: row.is_expired,
            last_offset: Offset::from_i64(row.last_offset),
        })
    }
}

/// The row as it is kept, but for leases and receipts.
pub(super) struct SessionRow {
    pub(super) session_id: Uuid,
    pub(super) topic: String,
    pub(super) search_web: bool,
    pub(super) user_id: Uuid,
    pub(super) created_at: DateTime<Utc>,
    pub(super) producer: Option<String>,
    pub(super) status: String,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) last_offset: i64,
    pub(super) log_count: i64,
    pub(super) progress_count: i64,
    pub(super) success_count: i64,
    pub(super) error_count: i64,
    pub(super) course_generated_count: i64,
    pub(super) course_id: Option<Uuid>,
    pub(super) error: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) attempts: i32,
    pub(super) is_expired: bool,
    pub(super) is_archived: bool,
    /// Whether a search for topics looks at this one.
    pub(super) is_topic_searched: bool,
}

impl TryFrom<SessionRow> for SessionSummary {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        let SessionRow { session_id, user_id, status, last_offset, is_expired, .. } = row;
        Ok(Self {
            head: HeadRow { session_id, user_id, status, last_offset, is_expired }.try_into()?,
            topic: row.topic,
            search_web: row.search_web,
            user_id,
            created_at: row.created_at,
            producer: row.producer,
            ended_at: row.ended_at,
            counts: Counts {
                log: count(row.log_count),
                progress: count(row.progress_count),
                success: count(row.success_count),
                error: count(row.error_count),
                course_generated: count(row.course_generated_count),
            },
            course_id: row.course_id,
            error: row.error,
            provider: row.provider,
            model: row.model,
            usage: Usage { prompt_tokens: count(row.prompt_tokens), completion_tokens: count(row.completion_tokens) },
            attempts: u32::try_from(row.attempts).unwrap_or(0),
            is_archived: row.is_archived,
        })
    }
}

pub(super) fn parse_phase(text: &str) -> Result<Phase, StoreError> {
    Phase::parse(text).ok_or_else(|| StoreError::Unknown(format!("session status {text:?}")))
}

/// A count that a CHECK or the append statement keeps non-negative.
pub(super) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The rows of those that exist, in no order.
pub(super) async fn rows(
    executor: impl PgExecutor<'_>,
    sessions: &[SessionId],
) -> Result<Vec<SessionRow>, sqlx::Error> {
    let ids: Vec<Uuid> = sessions.iter().map(SessionId::as_uuid).collect();
    sqlx::query_as!(
        SessionRow,
        r#"select session_id, topic, search_web, user_id, created_at, producer, status, ended_at, last_offset,
            log_count, progress_count, success_count, error_count, course_generated_count,
            course_id, error, provider, model, prompt_tokens, completion_tokens, attempts,
            expired_at is not null as "is_expired!",
            coalesce((
                select p.archived_at is not null and s.session_id < p.upper_bound from coursestream.partitions p
                where p.lower_bound <= s.session_id order by p.lower_bound desc limit 1
            ), false) as "is_archived!",
            exists (
                select from coursestream.session_topics t where t.session_id = s.session_id and t.topic = lower(s.topic)
            ) as "is_topic_searched!"
        from coursestream.sessions s where session_id = any($1)"#,
        &ids
    )
    .fetch_all(executor)
    .await
}

/// How many runs wait for a node, counted up to `limit`.
pub(super) async fn count_queued(connection: &mut PgConnection, limit: usize) -> Result<usize, sqlx::Error> {
    let queued = sqlx::query_scalar!(
        r#"select count(*) as "queued!" from (
            select from coursestream.sessions
            where ended_at is null and producer is null and lease_node is null limit $1
        ) as waiting"#,
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_one(connection)
    .await?;
    Ok(usize::try_from(queued).unwrap_or(0))
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    session_id: SessionId,
    new: &NewSession,
) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(
        "insert into coursestream.sessions
            (session_id, topic, search_web, user_id, created_at, producer, write_token_sha256)
        values ($1, $2, $3, $4, date_trunc('milliseconds', clock_timestamp()), $5, $6)
        returning created_at",
        session_id.as_uuid(),
        new.topic,
        new.search_web,
        new.user_id,
        new.producer.as_ref().map(|producer| &producer.name),
        new.producer.as_ref().map(|producer| &producer.write_token_sha256),
    )
    .fetch_one(connection)
    .await
}

impl Store {
    /// Creates a session, `queued` and without events, and says when that was.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn create_session(&self, new: &NewSession) -> Result<(SessionId, DateTime<Utc>), StoreError> {
        let session_id = self.new_session_id().await?;
        let mut connection = self.pool.acquire().await?;
        let created_at = insert(&mut connection, session_id, new).await?;
        Ok((session_id, created_at))
    }

    /// A fresh id whose partition is there.
    pub(super) async fn new_session_id(&self) -> Result<SessionId, StoreError> {
        let session_id = SessionId::generate();
        self.ensure_partition(session_id).await?;
        Ok(session_id)
    }

    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_head(&self, session_id: SessionId) -> Result<Option<SessionHead>, StoreError> {
        sqlx::query_as!(
            HeadRow,
            r#"select session_id, user_id, status, last_offset, expired_at is not null as "is_expired!"
            from coursestream.sessions where session_id = $1"#,
            session_id.as_uuid()
        )
        .fetch_optional(&self.pool)
        .await?
        .map(TryInto::try_into)
        .transpose()
    }

    /// The heads of those that exist, in no order.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_heads(&self, sessions: &[SessionId]) -> Result<Vec<SessionHead>, StoreError> {
        let ids: Vec<Uuid> = sessions.iter().map(|id| id.as_uuid()).collect();
        sqlx::query_as!(
            HeadRow,
            r#"select session_id, user_id, status, last_offset, expired_at is not null as "is_expired!"
            from coursestream.sessions where session_id = any($1)"#,
            &ids
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
    }

    /// Sessions that are not expired, newest first: a user's, or everybody's.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn list_unexpired(&self, user_id: Option<Uuid>, limit: usize) -> Result<Vec<SessionHead>, StoreError> {
        sqlx::query_as!(
            HeadRow,
            r#"select session_id, user_id, status, last_offset, false as "is_expired!"
            from coursestream.sessions where expired_at is null and ($2::uuid is null or user_id = $2)
            order by session_id desc limit $1"#,
            i64::try_from(limit).unwrap_or(i64::MAX),
            user_id
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
    }

    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_summary(&self, session_id: SessionId) -> Result<Option<SessionSummary>, StoreError> {
        rows(&self.pool, &[session_id]).await?.pop().map(TryInto::try_into).transpose()
    }

    /// The history, newest first: sessions that pass the filter, behind `before` where it is given.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn list_summaries(
        &self,
        filter: &SessionFilter,
        before: Option<SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        let statuses: Option<Vec<String>> =
            filter.statuses.as_ref().map(|statuses| statuses.iter().map(|status| status.as_str().to_owned()).collect());
        let expired_too = filter.statuses.as_ref().is_some_and(|statuses| statuses.contains(&Status::Expired));
        let [started_after, started_before] =
            [filter.started_after, filter.started_before].map(|moment| moment.map(tellable));
        // Every filter that is not there is planned away. The statuses are asked for in the words of their index. The bounds are
        // said of both tables: a merge would read the other one from its end on.
        sqlx::query_as!(
            SessionRow,
            r#"select session_id, s.topic, search_web, user_id, created_at, producer, status, ended_at, last_offset,
                log_count, progress_count, success_count, error_count, course_generated_count,
                course_id, error, provider, model, prompt_tokens, completion_tokens, attempts,
                expired_at is not null as "is_expired!",
                coalesce((
                    select p.archived_at is not null and s.session_id < p.upper_bound from coursestream.partitions p
                    where p.lower_bound <= s.session_id order by p.lower_bound desc limit 1
                ), false) as "is_archived!",
                true as "is_topic_searched!"
            from coursestream.sessions s join coursestream.session_topics t using (session_id)
            where ($1::uuid is null or session_id < $1)
                and ($2::text[] is null or (expired_at is null and status = any($2)) or ($3 and expired_at is not null))
                and ($4::uuid is null or user_id = $4)
                and ($5::text is null or t.topic like lower($5))
                and ($6::timestamptz is null or created_at >= $6)
                and ($7::timestamptz is null or created_at < $7)
                and ($8::uuid is null or session_id >= $8)
                and ($9::uuid is null or session_id < $9)
                and ($1 is null or t.session_id < $1)
                and ($8 is null or t.session_id >= $8)
                and ($9 is null or t.session_id < $9)
            order by session_id desc limit $10"#,
            before.map(|id| id.as_uuid()),
            statuses.as_deref(),
            expired_too,
            filter.user_id,
            filter.topic.as_deref().map(containing),
            started_after,
            started_before,
            started_after.map(|after| first_id_at(after - CLOCKS_DIFFER_MAX)),
            started_before.map(|before| first_id_at(before + CLOCKS_DIFFER_MAX)),
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
    }

    /// How many runs wait for a node, counted up to `limit`.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn count_queued(&self, limit: usize) -> Result<usize, StoreError> {
        Ok(count_queued(&mut *self.pool.acquire().await?, limit).await?)
    }

    /// How many runs of a user have not ended, counted up to `limit`.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn count_open_runs(&self, user_id: Uuid, limit: usize) -> Result<usize, StoreError> {
        let open = sqlx::query_scalar!(
            r#"select count(*) as "open!" from (
                select from coursestream.sessions
                where user_id = $1 and ended_at is null and producer is null limit $2
            ) as open_runs"#,
            user_id,
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(usize::try_from(open).unwrap_or(0))
    }

    /// Marks sessions that ended longer than `ttl` ago as expired, at most `limit` of them, and says how many.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn expire_sessions(&self, ttl: Duration, limit: usize) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "update coursestream.sessions set expired_at = now() where session_id in (
                select session_id from coursestream.sessions
                where ended_at is not null and expired_at is null and ended_at < now() - make_interval(secs => $1)
                order by ended_at limit $2 for update skip locked
            )",
            ttl.as_secs_f64(),
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}
