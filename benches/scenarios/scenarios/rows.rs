//! History, put into the service's tables by SQL: through the API it would take as long as it did to happen.

use anyhow::{Context, Result};
use sqlx::PgConnection;

pub const HOUR_MS: i64 = 3_600_000;
const EVENTS_PER_STATEMENT: i64 = 100_000;

/// Completed sessions that began within a span of time, inside of one partition.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// Milliseconds since the epoch.
    pub from_ms: i64,
    pub to_ms: i64,
    pub sessions: i64,
    /// Of each session, at least 2: the first starts it and the last ends it.
    pub events_per_session: i64,
    pub is_expired: bool,
}

pub fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

impl Past {
    pub async fn insert(&self, database: &mut PgConnection) -> Result<()> {
        let is_live: bool = sqlx::query_scalar("select coursestream.ensure_partition($1, $2)")
            .bind(self.from_ms)
            .bind(HOUR_MS)
            .fetch_one(&mut *database)
            .await?;
        anyhow::ensure!(is_live, "the partition is archived already");
        let at_a_time = (EVENTS_PER_STATEMENT / self.events_per_session).max(1);
        for first in (0..self.sessions).step_by(at_a_time as usize) {
            let last = (first + at_a_time).min(self.sessions) - 1;
            self.insert_some(database, first, last).await.context("insert history")?;
        }
        Ok(())
    }

    /// One statement, so that both tables agree. Ids are UUIDv7 whose random part is a hash of their number.
    async fn insert_some(&self, database: &mut PgConnection, first: i64, last: i64) -> Result<()> {
        sqlx::query(
            r#"with numbered as (
                select $1 + ($2 - $1) * number / $3 as at_ms, md5(number::text) as noise
                from generate_series($4::bigint, $5::bigint) as number
            ), past as (
                select (lpad(to_hex(at_ms), 12, '0') || '7' || substr(noise, 1, 3) || '8' || substr(noise, 4, 15))::uuid as id,
                    to_timestamp(at_ms / 1000.0) as began,
                    least(to_timestamp(at_ms / 1000.0) + interval '5 minutes', now()) as ended
                from numbered
            ), inserted as (
                insert into coursestream.sessions (session_id, topic, search_web, user_id, created_at, producer, status, ended_at,
                    last_offset, log_count, provider, expired_at)
                select id, 'A course of the past', false, '11111111-1111-4111-8111-111111111111', began, 'bench', 'completed',
                    ended, $6, $6 - 2, 'bench', case when $7 then ended + interval '1 hour' end
                from past
            )
            insert into coursestream.events (session_id, "offset", type, message, data, recorded_at)
            select id, "offset",
                case "offset" when 1 then 'session_started' when $6 then 'session_completed' else 'log' end,
                'Lesson 2.3 is written: learning objectives, key concepts, examples, exercises and a quiz of three.',
                case "offset" when 1 then '{"provider":"bench"}' else '{"step":"lesson_content","part":2,"lesson":3}' end::json,
                case "offset" when $6 then ended else least(began + make_interval(secs => "offset"), ended) end
            from past cross join generate_series(1, $6) as "offset""#,
        )
        .bind(self.from_ms)
        .bind(self.to_ms)
        .bind(self.sessions)
        .bind(first)
        .bind(last)
        .bind(self.events_per_session)
        .bind(self.is_expired)
        .execute(database)
        .await?;
        Ok(())
    }

    /// Moves the partition, all of whose sessions are expired, to the archive.
    pub async fn archive(&self, database: &mut PgConnection) -> Result<()> {
        sqlx::query(
            "select coursestream.archive_partition(name) from coursestream.partitions
            where lower_bound <= coursestream.uuid_floor($1) and coursestream.uuid_floor($1) < upper_bound",
        )
        .bind(self.from_ms)
        .execute(database)
        .await?;
        Ok(())
    }
}

/// Leaves the database as it would be had the rows come long ago: statistics are taken and nothing waits to be written.
pub async fn settle(database: &mut PgConnection) -> Result<()> {
    for statement in ["vacuum (analyze) coursestream.sessions", "analyze coursestream.events", "checkpoint"] {
        sqlx::query(statement).execute(&mut *database).await?;
    }
    let archived: Vec<String> =
        sqlx::query_scalar("select name from coursestream.partitions").fetch_all(&mut *database).await?;
    for name in archived {
        // The name is the service's own: see the migration that makes them.
        let statement = format!("vacuum (analyze) coursestream.{name}");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *database).await?;
    }
    Ok(())
}
