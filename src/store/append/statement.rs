//! The append statement: locks the sessions' rows, assigns offsets, writes the events and the projections. One round trip.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Writer, batch::Group};
use crate::{
    event::{Offset, SessionId},
    projection::Phase,
};

/// Rows are locked in id order, so that two nodes whose batches meet wait for each other in turn. Where another
/// transaction moved a row since the statement began, the lock returns its newest version, and `last_offset` with it.
/// The time is read once the first lock is held, and rounded to what the envelope shows.
const APPEND: &str = r#"
with wanted as materialized (
    select * from unnest(
        $2::uuid[], $3::bigint[], $4::bigint[],
        $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
        $10::text[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bigint[], $17::int[]
    ) as w (session_id, fence, events, logs, progresses, successes, errors, courses,
            status, course_id, error, provider, model, prompt_tokens, completion_tokens, attempt)
),
locked as materialized (
    select s.session_id as id, s.last_offset as base, w.*
    from wanted w join coursestream.sessions s using (session_id)
    where s.ended_at is null and (w.fence = s.fence or (w.fence is null and s.producer is not null))
    order by s.session_id
    for no key update of s
),
instant as materialized (
    select date_trunc('milliseconds', clock_timestamp()) as at from (select count(*) from locked) as once
),
written as (
    insert into coursestream.events (session_id, "offset", type, message, data, recorded_at)
    select l.id, l.base + e.position, e.type, e.message, e.data::json, i.at
    from unnest($18::uuid[], $19::bigint[], $20::text[], $21::text[], $22::text[])
        as e (session_id, position, type, message, data)
    join locked l on l.id = e.session_id cross join instant i
),
projected as (
    update coursestream.sessions s set
        last_offset = s.last_offset + l.events,
        log_count = s.log_count + l.logs,
        progress_count = s.progress_count + l.progresses,
        success_count = s.success_count + l.successes,
        error_count = s.error_count + l.errors,
        course_generated_count = s.course_generated_count + l.courses,
        status = coalesce(l.status, s.status),
        ended_at = case when l.status in ('completed', 'failed', 'cancelled') then i.at else s.ended_at end,
        course_id = coalesce(l.course_id, s.course_id),
        error = coalesce(l.error, s.error),
        provider = coalesce(l.provider, s.provider),
        model = coalesce(l.model, s.model),
        prompt_tokens = s.prompt_tokens + l.prompt_tokens,
        completion_tokens = s.completion_tokens + l.completion_tokens,
        attempts = greatest(s.attempts, l.attempt),
        last_append_id = $1
    from locked l cross join instant i
    where s.session_id = l.id
)
select l.id, l.base, i.at from locked l cross join instant i
"#;

/// A session's offset before the batch, and the time of the batch.
pub(super) type Bases = HashMap<SessionId, (Offset, DateTime<Utc>)>;

/// Runs the statement. A session that the answer does not name was refused and nothing of it was written.
pub(super) async fn append(
    connection: &mut PgConnection,
    append_id: Uuid,
    groups: &[Group],
) -> Result<Bases, sqlx::Error> {
    let mut sessions = SessionColumns::default();
    let mut events = EventColumns::default();
    for group in groups {
        sessions.push(group);
        events.push(group);
    }
    let rows = sqlx::query(APPEND)
        .bind(append_id)
        .bind(sessions.ids)
        .bind(sessions.fences)
        .bind(sessions.events)
        .bind(sessions.logs)
        .bind(sessions.progresses)
        .bind(sessions.successes)
        .bind(sessions.errors)
        .bind(sessions.courses)
        .bind(sessions.statuses)
        .bind(sessions.course_ids)
        .bind(sessions.error_texts)
        .bind(sessions.providers)
        .bind(sessions.models)
        .bind(sessions.prompt_tokens)
        .bind(sessions.completion_tokens)
        .bind(sessions.attempts)
        .bind(events.sessions)
        .bind(events.positions)
        .bind(events.types)
        .bind(events.messages)
        .bind(events.data)
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let id = SessionId::from_uuid(row.try_get("id")?);
            Ok((id, (Offset::from_i64(row.try_get("base")?), row.try_get("at")?)))
        })
        .collect()
}

#[derive(Default)]
struct SessionColumns<'a> {
    ids: Vec<Uuid>,
    fences: Vec<Option<i64>>,
    events: Vec<i64>,
    logs: Vec<i64>,
    progresses: Vec<i64>,
    successes: Vec<i64>,
    errors: Vec<i64>,
    courses: Vec<i64>,
    statuses: Vec<Option<&'a str>>,
    course_ids: Vec<Option<Uuid>>,
    error_texts: Vec<Option<&'a str>>,
    providers: Vec<Option<&'a str>>,
    models: Vec<Option<&'a str>>,
    prompt_tokens: Vec<i64>,
    completion_tokens: Vec<i64>,
    attempts: Vec<Option<i32>>,
}

/// Counts come from batches of thousands; a sum that does not fit is a bug elsewhere.
fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl<'a> SessionColumns<'a> {
    fn push(&mut self, group: &'a Group) {
        let delta = &group.delta;
        self.ids.push(group.session_id.as_uuid());
        self.fences.push(match group.writer {
            Writer::Run { fence } => Some(fence),
            Writer::Producer => None,
        });
        self.events.push(bigint(delta.events));
        self.logs.push(bigint(delta.counts.log));
        self.progresses.push(bigint(delta.counts.progress));
        self.successes.push(bigint(delta.counts.success));
        self.errors.push(bigint(delta.counts.error));
        self.courses.push(bigint(delta.counts.course_generated));
        self.statuses.push(delta.phase.map(Phase::as_str));
        self.course_ids.push(delta.course_id);
        self.error_texts.push(delta.error.as_deref());
        self.providers.push(delta.provider.as_deref());
        self.models.push(delta.model.as_deref());
        self.prompt_tokens.push(bigint(delta.prompt_tokens));
        self.completion_tokens.push(bigint(delta.completion_tokens));
        self.attempts.push(delta.attempt.map(|attempt| i32::try_from(attempt).unwrap_or(i32::MAX)));
    }
}

#[derive(Default)]
struct EventColumns<'a> {
    sessions: Vec<Uuid>,
    positions: Vec<i64>,
    types: Vec<&'static str>,
    messages: Vec<&'a str>,
    data: Vec<Option<&'a str>>,
}

impl<'a> EventColumns<'a> {
    fn push(&mut self, group: &'a Group) {
        let drafts = group.requests.iter().flat_map(|request| &request.drafts);
        for (position, draft) in (1..).zip(drafts) {
            self.sessions.push(group.session_id.as_uuid());
            self.positions.push(position);
            self.types.push(draft.kind.as_str());
            self.messages.push(&draft.message);
            self.data.push(draft.data.as_deref().map(|raw| raw.get()));
        }
    }
}
