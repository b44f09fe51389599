//! Holding the projections against the events, and making them equal again.
//!
//! The events are the truth; a session's row and its courses are what the append transaction made of them. Nothing is appended
//! to a session while it is compared, so a run that goes on is no difference.

use std::fmt;

use futures_util::TryStreamExt;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    Store, StoreError, courses, digests, events,
    fold::{CourseChange, CourseDifference, LogFold, compare_courses, compare_row},
    sessions,
    sessions::count,
};
use crate::event::{EventType, Offset, SessionId};

/// A projected value that is not what the events say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub session_id: SessionId,
    /// A column of `sessions`, or `session_topics`, `events` or `course`.
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
        if !lock_row(&mut transaction, session_id).await? {
            return Ok(Vec::new());
        }
        let Some(row) = sessions::rows(&mut *transaction, &[session_id]).await?.pop() else { return Ok(Vec::new()) };
        let mut read = digests::read_many::<LogFold>(&mut transaction, &[session_id]).await?;
        let mut fold = read.remove(&session_id).unwrap_or_default();
        let last = Offset::new(fold.state.last_offset);
        if last.get() < count(row.last_offset) {
            fold.hole.get_or_insert(last.next());
        }
        let mut found: Vec<Difference> = compare_row(&row, &fold)
            .into_iter()
            .map(|column| Difference { session_id, what: column.column, projected: column.kept, folded: column.told })
            .collect();
        if let Some(hole) = fold.hole {
            let (projected, folded) = ("1 to the last".to_owned(), format!("offset {hole} is missing"));
            found.push(Difference { session_id, what: "events", projected, folded });
        }
        let courses = compare_courses(&mut transaction, &[(session_id, &fold)]).await?;
        found.extend(courses.into_iter().map(Difference::from));
        if repair && !found.is_empty() {
            write_row(&mut transaction, session_id, &fold).await?;
            write_topic(&mut transaction, session_id).await?;
            write_courses(&mut transaction, session_id).await?;
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(found)
    }
}

impl From<CourseDifference> for Difference {
    fn from(difference: CourseDifference) -> Self {
        let CourseDifference { session_id, course_id, what } = difference;
        let (projected, folded) = match what {
            CourseChange::Altered => ("altered".to_owned(), format!("course {course_id} as its event carries it")),
            CourseChange::Removed => ("missing".to_owned(), format!("course {course_id}")),
            CourseChange::Inserted => (course_id.to_string(), "no such course".to_owned()),
        };
        Self { session_id, what: "course", projected, folded }
    }
}

async fn lock_row(connection: &mut PgConnection, session_id: SessionId) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query_scalar!(
        "select session_id from coursestream.sessions where session_id = $1 for update",
        session_id.as_uuid()
    )
    .fetch_optional(connection)
    .await?;
    Ok(locked.is_some())
}

/// What the log does not tell stays as it is.
async fn write_row(connection: &mut PgConnection, session_id: SessionId, fold: &LogFold) -> Result<(), StoreError> {
    let LogFold { state, request, ended_at, .. } = fold;
    let bigint = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query!(
        "update coursestream.sessions set
            status = $2, ended_at = $3, last_offset = $4, log_count = $5, progress_count = $6, success_count = $7,
            error_count = $8, course_generated_count = $9, course_id = $10, error = $11, provider = $12, model = $13,
            prompt_tokens = $14, completion_tokens = $15, attempts = $16,
            topic = coalesce($17, topic), search_web = coalesce($18, search_web), user_id = coalesce($19, user_id),
            created_at = coalesce($20, created_at),
            producer = case when $20::timestamptz is null then producer else $21 end
        where session_id = $1",
        session_id.as_uuid(),
        state.phase.as_str(),
        *ended_at,
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
        i32::try_from(state.attempts).unwrap_or(i32::MAX),
        request.topic,
        request.search_web,
        request.user_id,
        request.started_at,
        request.producer
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a search for topics looks at.
async fn write_topic(connection: &mut PgConnection, session_id: SessionId) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into coursestream.session_topics (session_id, topic)
        select session_id, lower(topic) from coursestream.sessions where session_id = $1
        on conflict (session_id) do update set topic = excluded.topic",
        session_id.as_uuid()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads the events that brought them once more, one after the other.
async fn write_courses(connection: &mut PgConnection, session_id: SessionId) -> Result<(), StoreError> {
    sqlx::query!("delete from coursestream.courses where session_id = $1", session_id.as_uuid())
        .execute(&mut *connection)
        .await?;
    let types = [EventType::CourseGenerated.as_str().to_owned()];
    let mut cursor = Offset::ZERO;
    loop {
        let row = events::rows_after(&mut *connection, session_id, cursor, 1, Some(&types)).try_next().await?;
        let Some(row) = row else { return Ok(()) };
        let event = row.into_event(session_id)?;
        cursor = event.offset;
        if let Some(course) = courses::carried(event.data.as_deref()) {
            courses::clear_parts(connection, course.id).await?;
            courses::insert(connection, session_id, &course, event.timestamp).await?;
        }
    }
}
