//! Sessions and their logs, for those who read rather than follow.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Any,
};
use uuid::Uuid;

use super::{
    Http, errors,
    producers::{CreateAnswer, CreateSession, ProducersApi},
    raw::Raw,
    strict::Strict,
    timestamp,
};
use crate::{
    event::{Event, EventType, Offset, SessionId},
    projection::Status,
    store::{SessionFilter, SessionSummary, StoreError},
    wire::{ErrorCode, Problem, Tag},
};

const LIST_LIMIT_DEFAULT: u64 = 50;
const EVENTS_LIMIT_DEFAULT: u64 = 500;
const EVENTS_LIMIT_MAX: u64 = 1_000;

pub(super) struct SessionsApi {
    pub(super) http: Http,
}

/// A session: what was asked for, where it stands, what it cost.
#[derive(Object)]
#[oai(rename_all = "camelCase", rename = "SessionSummary", skip_serializing_if_is_none)]
struct Summary {
    session_id: Uuid,
    /// `queued`, `running`, `completed`, `failed`, `cancelled` or `expired`.
    status: String,
    topic: String,
    search_web: bool,
    user_id: Uuid,
    /// When the session was created.
    #[oai(serialize_with = "timestamp::millis")]
    started_at: DateTime<Utc>,
    #[oai(serialize_with = "timestamp::millis_if_any")]
    ended_at: Option<DateTime<Utc>>,
    duration_ms: Option<u64>,
    last_offset: u64,
    counts: Counts,
    course_id: Option<Uuid>,
    error: Option<String>,
    /// `openai`, `offline`, or the name of the outside producer; empty while the run is queued.
    provider: String,
    model: String,
    usage: Usage,
    /// How many nodes have worked on the run, one after the other.
    attempts: u32,
    /// Whether the events are in the archive.
    archived: bool,
}

/// Some sessions, newest first.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct SessionsPage {
    items: Vec<Summary>,
    /// Give it as `cursor` to go on; absent at the end.
    next_cursor: Option<String>,
}

/// Events by StreamMessage type.
#[derive(Object)]
struct Counts {
    log: u64,
    progress: u64,
    success: u64,
    error: u64,
    course_generated: u64,
}

/// Tokens that the model vendor counted.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// One event of a log.
#[derive(Object)]
#[oai(rename_all = "camelCase", rename = "Event", skip_serializing_if_is_none)]
struct Envelope {
    session_id: Uuid,
    /// Position in the session: 1, 2, 3 … with no holes.
    offset: u64,
    /// `log`, `progress`, `success`, `error`, `course_generated`, `session_started`, `session_completed`, `session_failed` or
    /// `session_cancelled`.
    #[oai(rename = "type")]
    kind: String,
    message: String,
    data: Option<Any<serde_json::Value>>,
    timestamp: DateTime<Utc>,
}

/// Some events of a log, in order.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct EventsPage {
    items: Vec<Envelope>,
    /// Where the next page begins; absent once there is no more for now.
    next_after: Option<u64>,
    last_offset: u64,
    /// Whether the session has ended: nothing follows `lastOffset`.
    ended: bool,
}

#[derive(ApiResponse)]
enum HistoryAnswer {
    /// The sessions.
    #[oai(status = 200)]
    Found(Json<SessionsPage>),
    /// A parameter is not valid.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

#[derive(ApiResponse)]
enum SummaryAnswer {
    /// The session.
    #[oai(status = 200)]
    Found(Json<Summary>),
    /// There is no such session.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

#[derive(ApiResponse)]
enum EventsAnswer {
    /// The events.
    #[oai(status = 200)]
    Found(Raw<EventsPage>),
    /// A parameter is not valid.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// There is no such session.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

#[OpenApi(prefix_path = "/api/v1/sessions", tag = "Tag::Sessions")]
impl SessionsApi {
    /// The history, newest first
    ///
    /// All sessions that are kept, expired ones too.
    #[oai(path = "/", method = "get", operation_id = "listSessions")]
    #[allow(clippy::too_many_arguments)]
    async fn list(
        &self,
        /// Only those with this status; several are separated by commas.
        status: Query<Option<String>>,
        /// Only this user's.
        user_id: Query<Option<Uuid>>,
        /// Only those whose topic contains this text, in whatever case.
        topic: Query<Option<String>>,
        /// Only those started at this moment or later.
        started_after: Query<Option<DateTime<Utc>>>,
        /// Only those started before this moment.
        started_before: Query<Option<DateTime<Utc>>>,
        /// At most so many.
        #[oai(default = "list_limit_default", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> HistoryAnswer {
        let read = || {
            let statuses = status.0.as_deref().map(parse_statuses).transpose()?;
            let topic = topic.0.filter(|topic| !topic.is_empty());
            if topic.as_deref().is_some_and(|topic| topic.contains('\0')) {
                return Err("topic: must not contain a NUL character".to_owned());
            }
            let before = cursor.0.map(|text| text.parse::<SessionId>()).transpose();
            let before = before.map_err(|_| "cursor: must be the nextCursor of an earlier page".to_owned())?;
            let (started_after, started_before) = (started_after.0, started_before.0);
            Ok((SessionFilter { statuses, user_id: user_id.0, topic, started_after, started_before }, before))
        };
        let (filter, before) = match read() {
            Ok(read) => read,
            Err(detail) => return HistoryAnswer::BadRequest(Json(Problem::new(ErrorCode::BadRequest, detail))),
        };
        let limit = usize::try_from(limit.0).unwrap_or(1);
        match self.history(&filter, before, limit).await {
            Ok(page) => HistoryAnswer::Found(Json(page)),
            Err(error) => match errors::store(&error) {
                problem if problem.status == 503 => HistoryAnswer::Unavailable(Json(problem)),
                problem => HistoryAnswer::Internal(Json(problem)),
            },
        }
    }

    /// Create a session for an outside producer
    // Here and not among the producers' endpoints: a path that two APIs share stands in the document twice, and readers of
    // JSON know only the last.
    #[oai(path = "/", method = "post", operation_id = "createSession")]
    async fn create(&self, request: Strict<CreateSession>) -> CreateAnswer {
        ProducersApi { http: self.http.clone() }.create(request.body).await
    }

    /// One session
    ///
    /// The same before and after it expires.
    #[oai(path = "/:id", method = "get", operation_id = "getSession")]
    async fn session(
        &self,
        /// The session.
        id: Path<String>,
    ) -> SummaryAnswer {
        let Ok(session_id) = id.0.parse() else { return SummaryAnswer::NotFound(Json(errors::no_session())) };
        match self.http.store.find_summary(session_id).await {
            Ok(Some(summary)) => SummaryAnswer::Found(Json(summary.into())),
            Ok(None) => SummaryAnswer::NotFound(Json(errors::no_session())),
            Err(error) => match errors::store(&error) {
                problem if problem.status == 503 => SummaryAnswer::Unavailable(Json(problem)),
                problem => SummaryAnswer::Internal(Json(problem)),
            },
        }
    }

    /// The log of a session
    ///
    /// Events behind `after`, in order; the same before and after the session expires.
    #[oai(path = "/:id/events", method = "get", operation_id = "getSessionEvents")]
    async fn events(
        &self,
        /// The session.
        id: Path<String>,
        /// Events behind this offset; 0 for the start.
        #[oai(default, validator(maximum(value = "9223372036854775807")))]
        after: Query<u64>,
        /// At most so many.
        #[oai(default = "events_limit_default", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// Only events of this type; several are separated by commas.
        #[oai(name = "type")]
        kind: Query<Option<String>>,
    ) -> EventsAnswer {
        let Ok(session_id) = id.0.parse::<SessionId>() else {
            return EventsAnswer::NotFound(Json(errors::no_session()));
        };
        let types = match kind.0.as_deref().map(parse_types).transpose() {
            Ok(types) => types,
            Err(detail) => {
                return EventsAnswer::BadRequest(Json(Problem::new(ErrorCode::BadRequest, detail)));
            }
        };
        let limit = usize::try_from(limit.0.min(EVENTS_LIMIT_MAX)).unwrap_or(1);
        match self.page(session_id, Offset::new(after.0), limit, types.as_deref()).await {
            Ok(Some(page)) => EventsAnswer::Found(page),
            Ok(None) => EventsAnswer::NotFound(Json(errors::no_session())),
            Err(error) => match errors::store(&error) {
                problem if problem.status == 503 => EventsAnswer::Unavailable(Json(problem)),
                problem => EventsAnswer::Internal(Json(problem)),
            },
        }
    }
}

impl SessionsApi {
    async fn history(
        &self,
        filter: &SessionFilter,
        before: Option<SessionId>,
        limit: usize,
    ) -> Result<SessionsPage, StoreError> {
        // One more than asked for tells whether there is a next page.
        let mut found = self.http.store.list_summaries(filter, before, limit + 1).await?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| has_more);
        let next_cursor = last.map(|summary| summary.head.session_id.to_string());
        Ok(SessionsPage { items: found.into_iter().map(Summary::from).collect(), next_cursor })
    }

    async fn page(
        &self,
        session_id: SessionId,
        after: Offset,
        limit: usize,
        types: Option<&[EventType]>,
    ) -> Result<Option<Raw<EventsPage>>, StoreError> {
        // The head first: events that come between the two reads may be more than it says, never less.
        let Some(head) = self.http.store.find_head(session_id).await? else { return Ok(None) };
        let page = self.http.store.read_filtered(session_id, after, limit, types).await?;
        let last_offset = page.events.last().map_or(head.last_offset, |event| event.offset.max(head.last_offset));
        let ended = head.phase.is_ended() || page.events.last().is_some_and(|event| event.kind.is_terminal());
        let next_after = if page.is_dry { None } else { page.events.last().map(|event| event.offset) };
        Ok(Some(Raw::new(render(&page.events, next_after, last_offset, ended))))
    }
}

fn render(events: &[Event], next_after: Option<Offset>, last_offset: Offset, ended: bool) -> String {
    let items = serde_json::to_string(events).expect("envelopes serialise");
    let mut json = format!(r#"{{"items":{items}"#);
    if let Some(next_after) = next_after {
        let _ = write!(json, r#","nextAfter":{next_after}"#);
    }
    let _ = write!(json, r#","lastOffset":{last_offset},"ended":{ended}}}"#);
    json
}

fn list_limit_default() -> u64 {
    LIST_LIMIT_DEFAULT
}

fn events_limit_default() -> u64 {
    EVENTS_LIMIT_DEFAULT
}

fn parse_statuses(text: &str) -> Result<Vec<Status>, String> {
    text.split(',')
        .map(|name| {
            Status::ALL.into_iter().find(|status| status.as_str() == name.trim()).ok_or_else(|| {
                let names: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
                format!("status: must be of {}", names.join(", "))
            })
        })
        .collect()
}

fn parse_types(text: &str) -> Result<Vec<EventType>, String> {
    text.split(',')
        .map(|name| {
            name.trim().parse().map_err(|_| {
                let names: Vec<&str> = EventType::ALL.into_iter().map(EventType::as_str).collect();
                format!("type: must be of {}", names.join(", "))
            })
        })
        .collect()
}

impl From<SessionSummary> for Summary {
    fn from(summary: SessionSummary) -> Self {
        let duration_ms = summary
            .ended_at
            .map(|ended_at| u64::try_from((ended_at - summary.created_at).num_milliseconds()).unwrap_or(0));
        Self {
            session_id: summary.head.session_id.as_uuid(),
            status: summary.head.status().as_str().to_owned(),
            topic: summary.topic,
            search_web: summary.search_web,
            user_id: summary.user_id,
            started_at: summary.created_at,
            ended_at: summary.ended_at,
            duration_ms,
            last_offset: summary.head.last_offset.get(),
            counts: Counts {
                log: summary.counts.log,
                progress: summary.counts.progress,
                success: summary.counts.success,
                error: summary.counts.error,
                course_generated: summary.counts.course_generated,
            },
            course_id: summary.course_id,
            error: summary.error,
            provider: summary.provider.unwrap_or_default(),
            model: summary.model.unwrap_or_default(),
            usage: Usage {
                prompt_tokens: summary.usage.prompt_tokens,
                completion_tokens: summary.usage.completion_tokens,
            },
            attempts: summary.attempts,
            archived: summary.is_archived,
        }
    }
}
