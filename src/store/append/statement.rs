//! The append statement: locks the sessions' rows, assigns offsets, writes the events and the projections. One round trip.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Writer, batch::Group};
use crate::{
    event::{Offset, SessionId},
    projection::Phase,
};

/// Sessions come in id order, and so do their locks: two nodes whose batches meet wait for each other in turn. Where another
/// transaction moved a row since the statement began, the lock returns its newest version, and `last_offset` with it. The time is
/// read once all locks are held, and rounded to what the envelope shows.
///
/// All or nothing: where a session is refused, nothing is written, and the answer names those that would do.
///
/// A canceller takes the lease with the same stroke: its fence, -1, goes with every other and is the next one.
///
/// Why it looks as it does: a batch has thousands of events and hundreds of sessions, and a plan that is made once has to
/// suit all sizes, so nothing here joins one list with another. An event finds its session's base by its place in the list.
/// `coalesce(ended_at …)` keeps the planner from the partial index of open sessions, which it would scan whole.
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
    where coalesce(s.ended_at, 'infinity') = 'infinity'
        and (w.fence = s.fence or w.fence = -1 or (w.fence is null and s.producer is not null))
    order by s.session_id
    for no key update of s
),
verdict as materialized (
    select array_agg(base order by id) as bases,
        count(*) = cardinality($2) as is_whole,
        date_trunc('milliseconds', clock_timestamp()) as at
    from locked
),
written as (
    insert into coursestream.events (session_id, "offset", type, message, data, recorded_at)
    select e.session_id, v.bases[e.place] + e.position, e.type, e.message, e.data::json, v.at
    from verdict v cross join unnest($18::uuid[], $19::int[], $20::bigint[], $21::text[], $22::text[], $23::text[])
        as e (session_id, place, position, type, message, data)
    where v.is_whole
),
projected as (
    update coursestream.sessions s set
        last_offset = l.base + l.events,
        log_count = s.log_count + l.logs,
        progress_count = s.progress_count + l.progresses,
        success_count = s.success_count + l.successes,
        error_count = s.error_count + l.errors,
        course_generated_count = s.course_generated_count + l.courses,
        status = coalesce(l.status, s.status),
        ended_at = case when l.status in ('completed', 'failed', 'cancelled') then v.at else s.ended_at end,
        course_id = coalesce(l.course_id, s.course_id),
        error = coalesce(l.error, s.error),
        provider = coalesce(l.provider, s.provider),
        model = coalesce(l.model, s.model),
        prompt_tokens = s.prompt_tokens + l.prompt_tokens,
        completion_tokens = s.completion_tokens + l.completion_tokens,
        attempts = greatest(s.attempts, l.attempt),
        fence = case when l.fence = -1 then s.fence + 1 else s.fence end
    from verdict v cross join locked l
    where v.is_whole and s.session_id = l.id
),
receipt as (
    update coursestream.append_lanes set append_id = $1, bases = v.bases, recorded_at = v.at
    from verdict v
    where v.is_whole and lane = $24
)
select l.id, l.base, v.at, v.is_whole from verdict v cross join locked l
"#;

/// A session's offset before the batch, and the time of the batch: of every session in it, since a batch is all or nothing.
pub(super) type Bases = HashMap<SessionId, (Offset, DateTime<Utc>)>;

/// What became of a batch.
pub(super) enum Verdict {
    Written(Bases),
    /// Nothing was written, because only these sessions take what was meant for them.
    Refused {
        fit: HashSet<SessionId>,
    },
}

/// Names a batch of a lane.
#[derive(Clone, Copy)]
pub(super) struct BatchId {
    pub(super) lane: Uuid,
    pub(super) append: Uuid,
}

/// Runs the statement. `groups` are in the order of their sessions' ids.
pub(super) async fn append(
    connection: &mut PgConnection,
    id: BatchId,
    groups: &[Group],
) -> Result<Verdict, sqlx::Error> {
    debug_assert!(groups.is_sorted_by_key(|group| group.session_id), "the statement relies on the order");
    let mut sessions = SessionColumns::default();
    let mut events = EventColumns::default();
    for (place, group) in (1..).zip(groups) {
        sessions.push(group);
        events.push(place, group);
    }
    let rows = sqlx::query(APPEND)
        .bind(id.append)
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
        .bind(events.places)
        .bind(events.positions)
        .bind(events.types)
        .bind(events.messages)
        .bind(events.data)
        .bind(id.lane)
        .fetch_all(connection)
        .await?;
    let mut bases = Bases::with_capacity(rows.len());
    let mut is_whole = false;
    for row in rows {
        is_whole = row.try_get("is_whole")?;
        let base = Offset::from_i64(row.try_get("base")?);
        bases.insert(SessionId::from_uuid(row.try_get("id")?), (base, row.try_get("at")?));
    }
    Ok(if is_whole { Verdict::Written(bases) } else { Verdict::Refused { fit: bases.into_keys().collect() } })
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

/// Goes with every fence, and is the next one.
const ANY_FENCE: i64 = -1;

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
            Writer::Canceller => Some(ANY_FENCE),
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
    /// Place of the event's session in the list of sessions, from 1.
    places: Vec<i32>,
    /// Place of the event among those of its session, from 1.
    positions: Vec<i64>,
    types: Vec<&'static str>,
    messages: Vec<&'a str>,
    data: Vec<Option<&'a str>>,
}

impl<'a> EventColumns<'a> {
    fn push(&mut self, place: i32, group: &'a Group) {
        let drafts = group.requests.iter().flat_map(|request| &request.drafts);
        for (position, draft) in (1..).zip(drafts) {
            self.sessions.push(group.session_id.as_uuid());
            self.places.push(place);
            self.positions.push(position);
            self.types.push(draft.kind.as_str());
            self.messages.push(&draft.message);
            self.data.push(draft.data.as_deref().map(|raw| raw.get()));
        }
    }
}

/// Makes sure that the lane has a row for its receipts, which [`append`] updates. Nothing of the lane may be in doubt: the
/// latest receipt is not one any more.
pub(super) async fn open_lane(connection: &mut PgConnection, lane: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into coursestream.append_lanes (lane, append_id, bases, recorded_at)
        values ($1, $2, '{}', clock_timestamp())
        on conflict (lane) do update set append_id = excluded.append_id, recorded_at = excluded.recorded_at",
        lane,
        Uuid::nil()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What became of a batch whose commit was not answered; `None` where it was not written. Nothing of it may be under way any
/// more.
pub(super) async fn resolve(
    connection: &mut PgConnection,
    id: BatchId,
    groups: &[Group],
) -> Result<Option<Bases>, sqlx::Error> {
    let receipt = sqlx::query!(
        "select bases, recorded_at from coursestream.append_lanes where lane = $1 and append_id = $2",
        id.lane,
        id.append
    )
    .fetch_optional(connection)
    .await?;
    Ok(receipt.map(|receipt| {
        let bases = receipt.bases.into_iter().map(|base| (Offset::from_i64(base), receipt.recorded_at));
        groups.iter().map(|group| group.session_id).zip(bases).collect()
    }))
}
