//! Holding the projections against the events, and making them equal again.
//!
//! The events are the truth; a session's row and its course are what the append transaction made of them. Each
//! session is compared in one snapshot, so a run that goes on meanwhile is no difference.

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{Store, StoreError, courses, sessions::count, sessions::parse_phase};
use crate::{
    course::Course,
    event::{Event, EventType, Offset, SessionId},
    projection::{Counts, SessionState},
};

/// A projected value that is not what the events say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub session_id: SessionId,
    /// A column of `sessions`, or `events` or `course`.
    pub what: &'static str,
    pub projected: String,
    pub folded: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session_id, what, projected, folded } = self;
        write!(f, "session {session_id}: {what} is {projected}, the events say {folded}")
    }
}

/// What a whole log leads to.
struct Folded {
    state: SessionState,
    ended_at: Option<DateTime<Utc>>,
    /// Every course that an event brought, by the first event that did.
    courses: Vec<(Course, DateTime<Utc>)>,
    /// The first offset that should be there and is not.
    hole: Option<Offset>,
}

const PAGE: usize = 500;

impl Store {
    /// The ids of the sessions behind `after`, in order.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn session_ids_after(
        &self,
        after: Option<SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionId>, StoreError> {
        let after = after.map_or(Uuid::nil(), |id| id.as_uuid());
        let ids = sqlx::query_scalar!(
            "select session_id from coursestream.sessions where session_id > $1 order by session_id limit $2",
            after,
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(SessionId::from_uuid).collect())
    }

    /// Compares one session's projection with the fold of its events; with `repair`, also writes the fold.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn rebuild_session(&self, session_id: SessionId, repair: bool) -> Result<Vec<Difference>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        // The row lock keeps appends of this session out, so row and events belong together.
        let Some((row, row_ended_at)) = lock_row(&mut transaction, session_id).await? else { return Ok(Vec::new()) };
        let folded = self.fold_log(session_id, Offset::new(row.last_offset)).await?;
        let mut found = Vec::new();
        compare(session_id, &row, row_ended_at, &folded, &mut found);
        compare_courses(&mut transaction, session_id, &folded, &mut found).await?;
        if repair && !found.is_empty() {
            write_row(&mut transaction, session_id, &folded).await?;
            write_courses(&mut transaction, session_id, &folded).await?;
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(found)
    }

    /// Reads the whole log, a page at a time, and folds it.
    async fn fold_log(&self, session_id: SessionId, expected_last: Offset) -> Result<Folded, StoreError> {
        let mut folded = Folded { state: SessionState::default(), ended_at: None, courses: Vec::new(), hole: None };
        let mut cursor = Offset::ZERO;
        loop {
            let page = self.read_after(session_id, cursor, PAGE).await?;
            for event in &page.events {
                if event.offset != cursor.next() {
                    folded.hole.get_or_insert(cursor.next());
                }
                cursor = event.offset;
                folded.add(event);
            }
            if page.is_dry {
                break;
            }
        }
        if cursor < expected_last {
            folded.hole.get_or_insert(cursor.next());
        }
        folded.state.last_offset = cursor.get();
        Ok(folded)
    }
}

impl Folded {
    fn add(&mut self, event: &Event) {
        self.state.apply_event(event);
        if event.kind.is_terminal() {
            self.ended_at = Some(event.timestamp);
        }
        if event.kind == EventType::CourseGenerated
            && let Some(course) = courses::carried(event.data.as_deref())
            && self.courses.iter().all(|(earlier, _)| earlier.id != course.id)
        {
            self.courses.push((course, event.timestamp));
        }
    }
}

async fn lock_row(
    connection: &mut PgConnection,
    session_id: SessionId,
) -> Result<Option<(SessionState, Option<DateTime<Utc>>)>, StoreError> {
    let row = sqlx::query!(
        "select status, ended_at, last_offset, log_count, progress_count, success_count, error_count,
            course_generated_count, course_id, error, provider, model, prompt_tokens, completion_tokens, attempts
        from coursestream.sessions where session_id = $1 for update",
        session_id.as_uuid()
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let state = SessionState {
        phase: parse_phase(&row.status)?,
        last_offset: count(row.last_offset),
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
        prompt_tokens: count(row.prompt_tokens),
        completion_tokens: count(row.completion_tokens),
        attempts: u32::try_from(row.attempts).unwrap_or(0),
    };
    Ok(Some((state, row.ended_at)))
}

fn compare(
    session_id: SessionId,
    row: &SessionState,
    row_ended_at: Option<DateTime<Utc>>,
    folded: &Folded,
    found: &mut Vec<Difference>,
) {
    let state = &folded.state;
    let mut differ = |what: &'static str, projected: &dyn fmt::Debug, told: &dyn fmt::Debug| {
        let (projected, told) = (format!("{projected:?}"), format!("{told:?}"));
        if projected != told {
            found.push(Difference { session_id, what, projected, folded: told });
        }
    };
    differ("status", &row.phase, &state.phase);
    differ("ended_at", &row_ended_at, &folded.ended_at);
    differ("last_offset", &row.last_offset, &state.last_offset);
    differ("counts", &row.counts, &state.counts);
    differ("course_id", &row.course_id, &state.course_id);
    differ("error", &row.error, &state.error);
    differ("provider", &row.provider, &state.provider);
    differ("model", &row.model, &state.model);
    differ("prompt_tokens", &row.prompt_tokens, &state.prompt_tokens);
    differ("completion_tokens", &row.completion_tokens, &state.completion_tokens);
    differ("attempts", &row.attempts, &state.attempts);
    if let Some(hole) = folded.hole {
        differ("events", &"1 to the last", &format!("offset {hole} is missing"));
    }
}

/// A course that belongs to another session's earlier event is not this one's to compare.
async fn compare_courses(
    connection: &mut PgConnection,
    session_id: SessionId,
    folded: &Folded,
    found: &mut Vec<Difference>,
) -> Result<(), StoreError> {
    let mut differ = |projected: String, folded: String| {
        found.push(Difference { session_id, what: "course", projected, folded });
    };
    for (course, at) in &folded.courses {
        match courses::find(connection, course.id).await? {
            None => differ("missing".to_owned(), format!("course {}", course.id)),
            Some(saved) if saved.session_id != session_id => {}
            Some(saved) if saved.course == *course && saved.created_at == *at && saved.is_owned_by_session => {}
            Some(_) => differ("altered".to_owned(), format!("course {} as its event carries it", course.id)),
        }
    }
    for course_id in courses::of_session(connection, session_id).await? {
        if folded.courses.iter().all(|(course, _)| course.id != course_id) {
            differ(format!("{course_id}"), "no such course".to_owned());
        }
    }
    Ok(())
}

async fn write_row(connection: &mut PgConnection, session_id: SessionId, folded: &Folded) -> Result<(), StoreError> {
    let state = &folded.state;
    let bigint = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query!(
        "update coursestream.sessions set
            status = $2, ended_at = $3, last_offset = $4, log_count = $5, progress_count = $6, success_count = $7,
            error_count = $8, course_generated_count = $9, course_id = $10, error = $11, provider = $12, model = $13,
            prompt_tokens = $14, completion_tokens = $15, attempts = $16
        where session_id = $1",
        session_id.as_uuid(),
        state.phase.as_str(),
        folded.ended_at,
        bigint(state.last_offset),
        bigint(state.counts.log),
        bigint(state.counts.progress),
        bigint(state.counts.success),
        bigint(state.counts.error),
        bigint(state.counts.course_generated),
        state.course_id,
        state.error,
        state.provider,
        state.model,
        bigint(state.prompt_tokens),
        bigint(state.completion_tokens),
        i32::try_from(state.attempts).unwrap_or(i32::MAX)
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_courses(
    connection: &mut PgConnection,
    session_id: SessionId,
    folded: &Folded,
) -> Result<(), StoreError> {
    sqlx::query!("delete from coursestream.courses where session_id = $1", session_id.as_uuid())
        .execute(&mut *connection)
        .await?;
    for (course, at) in &folded.courses {
        courses::insert(connection, session_id, course, *at).await?;
    }
    Ok(())
}
