//! What happened in a span of time, bucket by bucket. Analysts who want more ask the views of the schema `analytics`.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Store, StoreError, sessions::count};
use crate::provider::Usage;

/// A span of time in buckets of the same width, of which the last may be cut short.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: DateTime<Utc>,
    /// Not part of the span itself.
    pub to: DateTime<Utc>,
    pub bucket: Duration,
}

/// What happened in a bucket, or in the whole span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// Sessions that were created.
    pub started: u64,
    /// Sessions that ended, by how they did.
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Events and tokens of the sessions that ended.
    pub events: u64,
    pub usage: Usage,
    /// Durations of the sessions that ended, from their creation; `None` where none did.
    pub duration: Option<Percentiles>,
    /// The most sessions that were open, queued or running, at one moment.
    pub open_max: u64,
}

/// In milliseconds, interpolated between neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
}

/// See [`Store::activity`].
#[derive(Clone, Debug)]
pub struct ActivityReport {
    /// Every bucket of the span by its beginning, in order.
    pub buckets: Vec<(DateTime<Utc>, Activity)>,
    pub total: Activity,
}

struct Row {
    bucket: Option<DateTime<Utc>>,
    started: i64,
    completed: i64,
    failed: i64,
    cancelled: i64,
    events: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    duration: Option<Vec<f64>>,
    open_max: i64,
}

impl From<Row> for Activity {
    fn from(row: Row) -> Self {
        let duration = row.duration.as_deref().and_then(|percentiles| match *percentiles {
            [p50_ms, p95_ms, p99_ms] => Some(Percentiles { p50_ms, p95_ms, p99_ms }),
            _ => None,
        });
        Self {
            started: count(row.started),
            completed: count(row.completed),
            failed: count(row.failed),
            cancelled: count(row.cancelled),
            events: count(row.events),
            usage: Usage { prompt_tokens: count(row.prompt_tokens), completion_tokens: count(row.completion_tokens) },
            duration,
            open_max: count(row.open_max),
        }
    }
}

impl Store {
    /// What happened in the span. Costs what the sessions cost that were open in it; those before and after it are not looked
    /// at. A session that ends at the moment at which another is created was not open beside it.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn activity(&self, span: Span) -> Result<ActivityReport, StoreError> {
        // The whole span is one more bucket, without a beginning: its percentiles are not those of its parts.
        let rows = sqlx::query_as!(
            Row,
            r#"with width as materialized (
                select make_interval(secs => $3) as width
            ), touched as materialized (
                select created_at, ended_at, status, last_offset, prompt_tokens, completion_tokens
                from coursestream.sessions
                where created_at < $2 and (ended_at is null or ended_at >= $1)
            ), buckets as (
                select bucket from width, generate_series($1::timestamptz, $2::timestamptz, width) as bucket where bucket < $2
                union all
                select 'infinity'
            ), starts as (
                select coalesce(bucket, 'infinity') as bucket, started from (
                    select date_bin(width, created_at, $1) as bucket, count(*) as started
                    from touched, width where created_at >= $1
                    group by grouping sets ((date_bin(width, created_at, $1)), ())
                ) as s
            ), ends as (
                select coalesce(bucket, 'infinity') as bucket, completed, failed, cancelled, events, prompt_tokens,
                    completion_tokens, duration
                from (
                    select date_bin(width, ended_at, $1) as bucket,
                        count(*) filter (where status = 'completed') as completed,
                        count(*) filter (where status = 'failed') as failed,
                        count(*) filter (where status = 'cancelled') as cancelled,
                        sum(last_offset)::bigint as events,
                        sum(prompt_tokens)::bigint as prompt_tokens,
                        sum(completion_tokens)::bigint as completion_tokens,
                        percentile_cont(array[0.5, 0.95, 0.99]) within group (
                            order by (extract(epoch from ended_at - created_at) * 1000)::double precision
                        ) as duration
                    from touched, width where ended_at < $2
                    group by grouping sets ((date_bin(width, ended_at, $1)), ())
                ) as e
            ), changes as (
                select greatest(created_at, $1) as at, 1 as change from touched
                union all
                select ended_at, -1 from touched where ended_at < $2
                union all
                select bucket, 0 from buckets where bucket <> 'infinity'
            ), opened as (
                select at, sum(sum(change)) over (order by at) as open from changes group by at
            ), peaks as (
                select coalesce(bucket, 'infinity') as bucket, open_max from (
                    select date_bin(width, at, $1) as bucket, max(open)::bigint as open_max
                    from opened, width
                    group by grouping sets ((date_bin(width, at, $1)), ())
                ) as p
            )
            select nullif(b.bucket, 'infinity') as bucket,
                coalesce(started, 0) as "started!", coalesce(completed, 0) as "completed!", coalesce(failed, 0) as "failed!",
                coalesce(cancelled, 0) as "cancelled!", coalesce(events, 0) as "events!",
                coalesce(prompt_tokens, 0) as "prompt_tokens!", coalesce(completion_tokens, 0) as "completion_tokens!",
                duration, coalesce(open_max, 0) as "open_max!"
            from buckets b
            left join starts using (bucket) left join ends using (bucket) left join peaks using (bucket)
            order by b.bucket"#,
            span.from,
            span.to,
            span.bucket.as_secs_f64(),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut report = ActivityReport { buckets: Vec::with_capacity(rows.len()), total: Activity::default() };
        for row in rows {
            match row.bucket {
                Some(bucket) => report.buckets.push((bucket, row.into())),
                None => report.total = row.into(),
            }
        }
        Ok(report)
    }
}
