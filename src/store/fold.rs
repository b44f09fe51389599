//! A whole log folded: what its session's row and its courses have to be, and where they are not.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{StoreError, courses, digests::Reading, sessions::SessionRow};
use crate::{
    course::Course,
    event::{Event, EventType, Offset, SessionId},
    projection::{SessionRequest, SessionState},
    seal::Sum,
};

/// What a whole log leads to. Memory grows by its courses, of which it keeps the hashes.
#[derive(Default)]
pub(super) struct LogFold {
    pub(super) state: SessionState,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) request: SessionRequest,
    /// Every course that an event brought, by the first event that did.
    courses: BTreeMap<Uuid, Brought>,
    /// The first offset that should be there and is not.
    pub(super) hole: Option<Offset>,
}

/// A course in the log.
struct Brought {
    sha256: Sum,
    at: DateTime<Utc>,
}

impl Reading for LogFold {
    fn add(&mut self, event: &Event) {
        let before = Offset::new(self.state.last_offset);
        if event.offset != before.next() {
            self.hole.get_or_insert(before.next());
        }
        self.state.apply_event(event);
        self.state.last_offset = event.offset.get();
        if event.kind.is_terminal() {
            self.ended_at = Some(event.timestamp);
        }
        if self.request == SessionRequest::default()
            && let Some(request) = SessionRequest::told_by(event)
        {
            self.request = request;
        }
        if event.kind == EventType::CourseGenerated
            && let Some(course) = courses::carried(event.data.as_deref())
        {
            let brought = || Brought { sha256: sum(&course), at: event.timestamp };
            self.courses.entry(course.id).or_insert_with(brought);
        }
    }
}

fn sum(course: &Course) -> Sum {
    Sum::of(&serde_json::to_vec(course).unwrap_or_default())
}

/// A column of a session's row that is not what the log says.
pub(super) struct ColumnDifference {
    /// Of `sessions`; `session_topics` where the topic is not found by a search for it.
    pub(super) column: &'static str,
    pub(super) kept: String,
    pub(super) told: String,
}

/// Where the row is not what the log says. What depends on time (expiry, seal, archive) or tells of who works on the run (lease,
/// fence, hand-backs) is in no log.
pub(super) fn compare_row(row: &SessionRow, fold: &LogFold) -> Vec<ColumnDifference> {
    let mut found = Vec::new();
    let LogFold { state, request, ended_at, .. } = fold;
    let mut differ = Differ(&mut found);
    if let Some(topic) = &request.topic {
        differ.at("topic", &row.topic, topic);
    }
    if let Some(search_web) = request.search_web {
        differ.at("search_web", &row.search_web, &search_web);
    }
    if let Some(user_id) = request.user_id {
        differ.at("user_id", &row.user_id, &user_id);
    }
    if let Some(started_at) = request.started_at {
        differ.at("created_at", &row.created_at, &started_at);
        differ.at("producer", &row.producer, &request.producer);
    }
    differ.at("status", &row.status.as_str(), &state.phase.as_str());
    differ.at("ended_at", &row.ended_at, ended_at);
    let counts = &state.counts;
    for (column, kept, told) in [
        ("last_offset", row.last_offset, state.last_offset),
        ("log_count", row.log_count, counts.log),
        ("progress_count", row.progress_count, counts.progress),
        ("success_count", row.success_count, counts.success),
        ("error_count", row.error_count, counts.error),
        ("course_generated_count", row.course_generated_count, counts.course_generated),
        ("prompt_tokens", row.prompt_tokens, state.prompt_tokens),
        ("completion_tokens", row.completion_tokens, state.completion_tokens),
        ("attempts", row.attempts.into(), state.attempts.into()),
    ] {
        differ.at(column, &i128::from(kept), &i128::from(told));
    }
    differ.at("course_id", &row.course_id, &state.course_id);
    differ.at("error", &row.error, &state.error);
    differ.at("provider", &row.provider, &state.provider);
    differ.at("model", &row.model, &state.model);
    if !row.is_topic_searched && found.iter().all(|difference| difference.column != "topic") {
        let (kept, told) = ("not of the topic".to_owned(), "its topic in lower case".to_owned());
        found.push(ColumnDifference { column: "session_topics", kept, told });
    }
    found
}

struct Differ<'a>(&'a mut Vec<ColumnDifference>);

impl Differ<'_> {
    fn at<T: PartialEq + std::fmt::Debug>(&mut self, column: &'static str, kept: &T, told: &T) {
        if kept != told {
            self.0.push(ColumnDifference { column, kept: format!("{kept:?}"), told: format!("{told:?}") });
        }
    }
}

/// A course that is not what its session's log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CourseDifference {
    pub(super) session_id: SessionId,
    pub(super) course_id: Uuid,
    pub(super) what: CourseChange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CourseChange {
    Altered,
    Removed,
    /// No event brought it.
    Inserted,
}

/// Courses that are read at a time.
const COURSES: usize = 20;

/// Where the courses are not what the logs say. One that belongs to another session's earlier event is not this one's to compare.
pub(super) async fn compare_courses(
    connection: &mut PgConnection,
    folds: &[(SessionId, &LogFold)],
) -> Result<Vec<CourseDifference>, StoreError> {
    let mut found = Vec::new();
    let brought: Vec<(SessionId, &LogFold, Uuid, &Brought)> = folds
        .iter()
        .flat_map(|(session_id, fold)| fold.courses.iter().map(|(id, brought)| (*session_id, *fold, *id, brought)))
        .collect();
    for brought in brought.chunks(COURSES) {
        let ids: Vec<Uuid> = brought.iter().map(|(.., course_id, _)| *course_id).collect();
        let saved = courses::find_many(connection, &ids).await?;
        let saved: HashMap<Uuid, &courses::Saved> = saved.iter().map(|saved| (saved.course_id, saved)).collect();
        for &(session_id, fold, course_id, brought) in brought {
            let what = match saved.get(&course_id) {
                None => CourseChange::Removed,
                Some(saved) if saved.session_id != session_id => continue,
                Some(saved) => {
                    let is_same = saved.course.as_ref().is_some_and(|course| sum(course) == brought.sha256);
                    let is_owned =
                        fold.request.user_id.map_or(saved.is_owned_by_session, |user_id| user_id == saved.user_id);
                    if is_same && saved.created_at == brought.at && is_owned {
                        continue;
                    }
                    CourseChange::Altered
                }
            };
            found.push(CourseDifference { session_id, course_id, what });
        }
    }
    let told: HashSet<(SessionId, Uuid)> =
        brought.iter().map(|(session_id, _, course_id, _)| (*session_id, *course_id)).collect();
    let sessions: Vec<SessionId> = folds.iter().map(|(session_id, _)| *session_id).collect();
    let kept = courses::of_sessions(connection, &sessions).await?;
    found.extend(
        kept.into_iter().filter(|kept| !told.contains(kept)).map(|(session_id, course_id)| CourseDifference {
            session_id,
            course_id,
            what: CourseChange::Inserted,
        }),
    );
    Ok(found)
}
