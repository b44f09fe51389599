//! A history with everything in it that somebody may ask about: runs of many users and topics that completed, failed and were
//! cancelled, with their steps, tokens, courses and followers, over the time that history is kept.

use anyhow::{Context, Result, ensure};
use sqlx::PgConnection;

use super::rows::HOUR_MS;

/// As long as history is kept by default, but for a day.
const HOURS: i64 = 29 * 24;
/// The last hours are still joinable, the others are in the archive.
const HOURS_LIVE: i64 = 3;
const EVENTS_PER_SESSION: i64 = 40;
/// Of one session alone, that is exported.
const LONG_EVENTS: i64 = 50_000;
/// One of 500.
pub const TOPIC: &str = "topic-77";
const HOURS_PER_STATEMENT: i64 = 24;

pub struct Lived {
    /// The beginning of the first hour, in milliseconds since the epoch.
    from_ms: i64,
    sessions_per_hour: i64,
}

impl Lived {
    pub fn of(events: i64, now_ms: i64) -> Self {
        let from_ms = (now_ms / HOUR_MS - HOURS) * HOUR_MS;
        Self { from_ms, sessions_per_hour: (events / EVENTS_PER_SESSION / HOURS).max(1) }
    }

    pub const fn sessions(&self) -> i64 {
        self.sessions_per_hour * HOURS + 1
    }

    pub const fn events(&self) -> i64 {
        self.sessions_per_hour * HOURS * EVENTS_PER_SESSION + LONG_EVENTS
    }

    pub const fn begin_ms(&self) -> i64 {
        self.from_ms
    }

    pub const fn end_ms(&self) -> i64 {
        self.from_ms + HOURS * HOUR_MS
    }

    /// The session with many events, of the first hour.
    pub fn long_session(&self) -> uuid::Uuid {
        let millis = u128::try_from(self.from_ms).unwrap_or(0);
        uuid::Uuid::from_u128(millis << 80 | 0x0000_0000_0000_7000_8000_0000_0000_0077)
    }

    pub async fn insert(&self, database: &mut PgConnection) -> Result<()> {
        for hour in 0..HOURS {
            let ensured: bool = sqlx::query_scalar("select coursestream.ensure_partition($1, $2)")
                .bind(self.from_ms + hour * HOUR_MS)
                .bind(HOUR_MS)
                .fetch_one(&mut *database)
                .await?;
            ensure!(ensured, "a partition is archived already");
        }
        for first in (0..HOURS).step_by(HOURS_PER_STATEMENT as usize) {
            self.insert_hours(database, first).await.context("insert history")?;
        }
        self.insert_long(database).await.context("insert a long session")?;
        sqlx::query(
            "select coursestream.archive_partition(name) from coursestream.partitions
            where upper_bound <= coursestream.uuid_floor($1)",
        )
        .bind(self.end_ms() - HOURS_LIVE * HOUR_MS)
        .execute(database)
        .await?;
        Ok(())
    }

    /// One statement, so that the tables agree. What is by chance is by a hash of the session's number.
    async fn insert_hours(&self, database: &mut PgConnection, first: i64) -> Result<()> {
        sqlx::query(
            r#"with numbered as (
                select number, md5(number::text) as noise, ('x' || substr(md5(number::text), 1, 7))::bit(28)::bigint as chance,
                    $1 + number * 3600000 / $2 as at_ms
                from generate_series($3::bigint * $2, ($3 + $5) * $2 - 1) as number
            ), past as (
                select number, noise, chance,
                    (lpad(to_hex(at_ms), 12, '0') || '7' || substr(noise, 1, 3) || '8' || substr(noise, 4, 15))::uuid as id,
                    to_timestamp(at_ms / 1000.0) as began,
                    least(to_timestamp((at_ms + 20000 + chance % 300000) / 1000.0), now()) as ended,
                    case when chance % 20 < 17 then 'completed' when chance % 20 < 19 then 'failed' else 'cancelled' end as status,
                    case chance % 3 when 0 then 'large' when 1 then 'small' else 'local' end as model
                from numbered
            ), sessions as (
                insert into coursestream.sessions (session_id, topic, search_web, user_id, created_at, status, ended_at,
                    last_offset, log_count, progress_count, success_count, error, provider, model, prompt_tokens,
                    completion_tokens, attempts, expired_at)
                select id, 'Topic-' || chance % 500, false,
                    (left(md5('user' || chance / 500 % 1000), 8) || '-1111-4111-8111-111111111111')::uuid, began, status, ended, $4, 0,
                    $4 / 2 - 1, $4 / 2 - 1, case status when 'failed' then 'lesson 1.2: the model did not answer within 180 s' end,
                    'openai', model, 19 * 700, 19 * 900, 1, case when ended < now() - interval '2 hours' then ended + interval '1 hour' end
                from past
            ), joins as (
                insert into coursestream.joins
                select id, case chance % 2 when 0 then 'websocket' else 'socketio' end, case place when 0 then 0 else 17 end,
                    case place when 0 then 1 else 5 end, began, '00000000-0000-4000-8000-000000000000'
                from past cross join generate_series(0, 1) as place where chance % 4 > place
            )
            insert into coursestream.events (session_id, "offset", type, message, data, recorded_at)
            select id, "offset",
                case when "offset" = 1 then 'session_started' when "offset" = $4 then 'session_' || status
                    when "offset" % 2 = 0 then 'progress' else 'success' end,
                'Lesson 2.3 “Borrowing” is written',
                case when "offset" = 1 then '{"provider":"openai","model":"' || model || '","attempt":1}'
                    when "offset" = $4 then case status
                        when 'failed' then '{"error":"lesson 1.2: …","cause":"timed_out","step":"content","part":1,"lesson":2}' end
                    when "offset" % 2 = 0 then '{"step":"content","part":1,"lesson":2,"done":3,"total":13,"percent":30}'
                    else '{"step":"' || case "offset" when 3 then 'structure' when 5 then 'lessons' else 'content' end
                        || '","part":2,"lesson":3,"result":{"title":"Borrowing","content":"'
                        || repeat(md5((number * 41 + "offset")::text) || ' who borrows gives back; ', 36)
                        || '"},"usage":{"promptTokens":700,"completionTokens":900},"model":"' || model
                        || '-2025-08-07","attempt":1,"tries":' || 1 + (chance + "offset") % 10 / 9
                        || ',"durationMs":' || 1000 + (chance * "offset") % 9000 || ',"done":3,"total":13,"percent":30}' end::json,
                began + (ended - began) * ("offset" - 1) / ($4 - 1)
            from past cross join generate_series(1, $4) as "offset""#,
        )
        .bind(self.from_ms)
        .bind(self.sessions_per_hour)
        .bind(first)
        .bind(EVENTS_PER_SESSION)
        .bind(HOURS_PER_STATEMENT.min(HOURS - first))
        .execute(database)
        .await?;
        Ok(())
    }

    async fn insert_long(&self, database: &mut PgConnection) -> Result<()> {
        sqlx::query(
            r#"with session as (
                insert into coursestream.sessions (session_id, topic, search_web, user_id, created_at, producer, status, ended_at,
                    last_offset, log_count, success_count, provider, expired_at)
                values ($1, 'A long one', false, '11111111-1111-4111-8111-111111111111', to_timestamp($2 / 1000.0), 'bench', 'completed',
                    to_timestamp($2 / 1000.0) + interval '5 minutes', $3, $3 / 10 * 9, $3 / 10, 'bench', to_timestamp($2 / 1000.0) + interval '1 hour')
            )
            insert into coursestream.events (session_id, "offset", type, message, data, recorded_at)
            select $1, "offset", case when "offset" % 10 = 0 then 'success' else 'log' end,
                'Lesson 2.3 is written: learning objectives, key concepts, examples, exercises and a quiz of three.',
                '{"step":"lesson_content","part":2,"lesson":3}', to_timestamp($2 / 1000.0)
            from generate_series(1, $3) as "offset""#,
        )
        .bind(self.long_session())
        .bind(self.from_ms)
        .bind(LONG_EVENTS)
        .execute(database)
        .await?;
        Ok(())
    }
}
