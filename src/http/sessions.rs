//! Sessions and their logs, for those who read rather than follow.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    types::{Any, ToJSON},
};
use uuid::Uuid;

use super::{
    Http, errors,
    example::{self, example},
    paging::{self, Cursor},
    producers::{self, CreateSession, CreatedSession},
    reply::Reply,
    strict::Strict,
    timestamp,
    vocabulary::{AnyOf, EventKind, SessionStatus},
};
use crate::{
    auth::policy::Action,
    event::{Event, EventType, Offset, SessionId},
    projection::Status,
    refused,
    store::{SessionFilter, SessionSummary},
    wire::{IdParam, Identity, OffsetParam, Problem, Tag, TextParam},
};

const LIST_LIMIT_DEFAULT: u64 = 50;
const EVENTS_LIMIT_DEFAULT: u64 = 500;

pub(super) struct SessionsApi {
    pub(super) http: Http,
}

/// A session: what was asked for, where it stands, what it cost.
#[derive(Object)]
#[oai(example, rename_all = "camelCase", rename = "SessionSummary", skip_serializing_if_is_none)]
struct Summary {
    session_id: Uuid,
    status: SessionStatus,
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
#[oai(example, rename_all = "camelCase", skip_serializing_if_is_none)]
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
#[oai(example, rename_all = "camelCase", rename = "Event", skip_serializing_if_is_none)]
struct Envelope {
    session_id: Uuid,
    /// Position in the session: 1, 2, 3 … with no holes.
    offset: u64,
    #[oai(rename = "type")]
    kind: EventKind,
    message: String,
    data: Option<Any<serde_json::Value>>,
    timestamp: DateTime<Utc>,
}

/// Some events of a log, in order.
#[derive(Object)]
#[oai(example, rename_all = "camelCase", skip_serializing_if_is_none)]
struct EventsPage {
    items: Vec<Envelope>,
    /// Where the next page begins; absent once there is no more for now.
    next_after: Option<u64>,
    last_offset: u64,
    /// Whether the session has ended: nothing follows `lastOffset`.
    ended: bool,
}

example!(Summary {
    "sessionId": example::SESSION,
    "status": "completed",
    "topic": "Rust ownership",
    "searchWeb": false,
    "userId": example::USER,
    "startedAt": "2026-01-31T12:00:00.123Z",
    "endedAt": "2026-01-31T12:01:07.456Z",
    "durationMs": 67_333,
    "lastOffset": 42,
    "counts": {"log": 6, "progress": 18, "success": 15, "error": 0, "course_generated": 1},
    "courseId": example::COURSE,
    "provider": "openai",
    "model": "gpt-5-mini",
    "usage": {"promptTokens": 18_204, "completionTokens": 9_871},
    "attempts": 1,
    "archived": false,
});

example!(SessionsPage {
    "items": [Summary::example().to_json()],
    "nextCursor": "AAY3xa2sAAABmfeibB57OpxVLx1Oint7",
});

example!(Envelope {
    "sessionId": example::SESSION,
    "offset": 17,
    "type": "progress",
    "message": "Writing lesson 2 of part 1",
    "data": {"part": 1, "lesson": 2},
    "timestamp": "2026-01-31T12:00:00.123Z",
});

example!(EventsPage { "items": [Envelope::example().to_json()], "nextAfter": 17, "lastOffset": 42, "ended": true });

#[OpenApi(prefix_path = "/api/v1/sessions", tag = "Tag::Sessions")]
impl SessionsApi {
    /// The history, newest first
    ///
    /// All sessions that are kept, expired ones too. What is created while somebody turns the pages stands before the first of
    /// them: no session is shown twice, and none that was there is left out.
    #[oai(path = "/", method = "get", operation_id = "listSessions")]
    #[allow(clippy::too_many_arguments)]
    async fn list(
        &self,
        identity: Identity,
        /// Only those with one of these statuses; several are separated by commas as well.
        #[oai(example = "example_statuses")]
        status: Query<Option<AnyOf<SessionStatus>>>,
        /// Only this user's.
        #[oai(example = "example::user")]
        user_id: Query<Option<Uuid>>,
        /// Only those whose topic contains this text, in whatever case; texts of fewer than three letters are found slowly.
        topic: Query<Option<TextParam>>,
        /// Only those started at this moment or later.
        #[oai(example = "example::moment")]
        started_after: Query<Option<DateTime<Utc>>>,
        /// Only those started before this moment.
        #[oai(example = "example::moment")]
        started_before: Query<Option<DateTime<Utc>>>,
        /// At most so many.
        #[oai(default = "list_limit_default", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// `nextCursor` of the page before.
        cursor: Query<Option<Cursor>>,
    ) -> Result<Reply<SessionsPage>, refused![BadRequest]> {
        let filter = SessionFilter {
            statuses: status.0.map(|AnyOf(statuses)| statuses.into_iter().map(Status::from).collect()),
            user_id: identity.scope(Action::ReadSession, user_id.0)?,
            topic: topic.0.map(|TextParam(topic)| topic).filter(|topic| !topic.is_empty()),
            started_after: started_after.0,
            started_before: started_before.0,
        };
        let before = cursor.0.map(|cursor| SessionId::from_uuid(cursor.id));
        let limit = usize::try_from(limit.0).unwrap_or(1);
        let found = self.http.store.list_summaries(&filter, before, limit + 1).await.map_err(errors::store)?;
        let (found, next_cursor) = paging::cut(found, limit, |summary| Cursor {
            micros: summary.created_at.timestamp_micros(),
            id: summary.head.session_id.as_uuid(),
        });
        Ok(Reply::new(&SessionsPage { items: found.into_iter().map(Summary::from).collect(), next_cursor }))
    }

    /// Create a session for an outside producer
    ///
    /// The producer appends messages to it and ends it, with the write token that is shown here once.
    // Here and not among the producers' endpoints: a path that two APIs share stands in the document twice, and readers of
    // JSON know only the last.
    #[oai(path = "/", method = "post", operation_id = "createSession")]
    async fn create(
        &self,
        identity: Identity,
        request: Strict<CreateSession>,
    ) -> Result<Reply<CreatedSession, 201>, refused![BadRequest, PayloadTooLarge, UnsupportedMediaType]> {
        Ok(Reply::new(&producers::create(&self.http, &identity, request.body).await?))
    }

    /// One session
    ///
    /// The same before and after it expires, but for its status.
    #[oai(path = "/:id", method = "get", operation_id = "getSession")]
    async fn session(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
    ) -> Result<Reply<Summary>, refused![SessionNotFound]> {
        identity.may_at_all(Action::ReadSession)?;
        let summary = self.http.store.find_summary(id.session()?).await.map_err(errors::store)?;
        identity.may_touch(Action::ReadSession, summary.as_ref().map(|summary| summary.user_id))?;
        Ok(Reply::new(&summary.ok_or_else(Problem::no_session)?.into()))
    }

    /// The log of a session
    ///
    /// Events behind `after`, in order; the same before and after the session expires. A page ends early where its events are
    /// large: go on behind `nextAfter` until it is absent.
    #[oai(path = "/:id/events", method = "get", operation_id = "getSessionEvents")]
    async fn events(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
        /// Events behind this offset; 0 for the start.
        #[oai(default)]
        after: Query<OffsetParam>,
        /// At most so many.
        #[oai(default = "events_limit_default", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// Only events of these types; several are separated by commas as well.
        #[oai(name = "type", example = "example_types")]
        kind: Query<Option<AnyOf<EventKind>>>,
    ) -> Result<Reply<EventsPage>, refused![BadRequest, SessionNotFound]> {
        identity.may_at_all(Action::ReadSession)?;
        let session_id = id.session()?;
        let types = kind.0.map(|AnyOf(kinds)| kinds.into_iter().map(EventType::from).collect::<Vec<_>>());
        let limit = usize::try_from(limit.0).unwrap_or(1);
        self.page(&identity, session_id, after.0.0, limit, types.as_deref()).await.map_err(Into::into)
    }
}

impl SessionsApi {
    async fn page(
        &self,
        identity: &Identity,
        session_id: SessionId,
        after: Offset,
        limit: usize,
        types: Option<&[EventType]>,
    ) -> Result<Reply<EventsPage>, Problem> {
        // The head first: events that come between the two reads may be more than it says, never less.
        let head = self.http.store.find_head(session_id).await.map_err(errors::store)?;
        identity.may_touch(Action::ReadSession, head.map(|head| head.user_id))?;
        let head = head.ok_or_else(Problem::no_session)?;
        let page = self.http.store.read_filtered(session_id, after, limit, types).await.map_err(errors::store)?;
        let last_offset = page.events.last().map_or(head.last_offset, |event| event.offset.max(head.last_offset));
        let ended = head.phase.is_ended() || page.events.last().is_some_and(|event| event.kind.is_terminal());
        let next_after = if page.is_dry { None } else { page.events.last().map(|event| event.offset) };
        Ok(Reply::raw(render(&page.events, next_after, last_offset, ended)))
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

fn example_statuses() -> Option<AnyOf<SessionStatus>> {
    Some(AnyOf(vec![SessionStatus::Failed, SessionStatus::Cancelled]))
}

fn example_types() -> Option<AnyOf<EventKind>> {
    Some(AnyOf(vec![EventKind::Success, EventKind::Error]))
}

impl From<SessionSummary> for Summary {
    fn from(summary: SessionSummary) -> Self {
        let duration_ms = summary
            .ended_at
            .map(|ended_at| u64::try_from((ended_at - summary.created_at).num_milliseconds()).unwrap_or(0));
        Self {
            session_id: summary.head.session_id.as_uuid(),
            status: summary.head.status().into(),
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
