//! The drop-in endpoints: paths and bodies that existing clients use.

use chrono::{DateTime, Utc};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path},
    registry::MetaSchema,
    types::{ParseError, ParseFromParameter, ParseResult},
};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Http, errors,
    example::{self, example},
    failure::AsFailure,
    reply::Reply,
    strict::Strict,
    timestamp,
    vocabulary::SessionStatus,
};
use crate::{
    auth::{Principal, policy::Action},
    generation::{CancelError, StartError},
    limits::Limits,
    projection::Status,
    refused,
    store::{Idempotency, IdempotencyError, NewSession, SessionHead},
    wire::{ErrorCode, IdParam, Identity, Problem, Tag, param_type},
};

const TOPIC_CHARACTERS_MAX: usize = 500;
const KEY_BYTES_MAX: usize = 255;
/// Sessions that one list shows.
const LIST_MAX: usize = 10_000;

pub(super) struct GenerationApi {
    pub(super) http: Http,
}

/// What a course is to be about.
#[derive(Deserialize, Object)]
#[oai(example)]
struct GenerateRequest {
    /// 1 to 500 characters after trimming.
    #[oai(validator(max_length = 500, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$"))]
    course_topic: String,
    /// Let the model search the web.
    #[serde(default)]
    #[oai(default)]
    search_web: bool,
    /// Who asks.
    user_id: Uuid,
}

/// The run is queued; follow its session.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
struct Started {
    success: bool,
    session_id: Uuid,
    message: String,
}

/// Where the session stands.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
struct StatusOfOne {
    success: bool,
    session_id: Uuid,
    status: SessionStatus,
    last_offset: u64,
}

/// The sessions that are not expired, newest first.
#[derive(Object)]
#[oai(example)]
struct StatusOfAll {
    success: bool,
    sessions: Vec<ListedSession>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct ListedSession {
    session_id: Uuid,
    status: SessionStatus,
}

/// The run is cancelled.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
struct Cancelled {
    success: bool,
    session_id: Uuid,
    status: SessionStatus,
}

/// Leave to open the session's stream for a while.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
struct StreamTicket {
    success: bool,
    /// For the query of the stream's URL.
    ticket: String,
    #[oai(serialize_with = "timestamp::millis")]
    expires_at: DateTime<Utc>,
}

example!(GenerateRequest { "course_topic": "Rust ownership", "search_web": false, "user_id": example::USER });
example!(Started { "success": true, "sessionId": example::SESSION, "message": "Course generation started" });
example!(StatusOfOne { "success": true, "sessionId": example::SESSION, "status": "running", "lastOffset": 17 });
example!(StatusOfAll { "success": true, "sessions": [{"sessionId": example::SESSION, "status": "running"}] });
example!(Cancelled { "success": true, "sessionId": example::SESSION, "status": "cancelled" });
example!(StreamTicket {
    "success": true,
    "ticket": "AQEAEREREREREYERERERERERERGZ96JsHns6nFUvHU6Ke2A",
    "expiresAt": "2026-01-31T12:01:00.000Z",
});

/// `Idempotency-Key`.
struct IdempotencyKey(String);

param_type!(
    IdempotencyKey,
    "string(key)",
    MetaSchema {
        min_length: Some(1),
        max_length: Some(KEY_BYTES_MAX),
        example: Some(json!("4f2d1c9e-first-try")),
        ..MetaSchema::new("string")
    }
);

impl ParseFromParameter for IdempotencyKey {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        if value.is_empty() || value.len() > KEY_BYTES_MAX {
            return Err(ParseError::custom(format!("must have 1 to {KEY_BYTES_MAX} characters")));
        }
        Ok(Self(value.to_owned()))
    }
}

#[OpenApi(prefix_path = "/api/v1/course-generation", tag = "Tag::Generation")]
impl GenerationApi {
    /// Start a run
    ///
    /// Answers at once with the id of the session whose log the run writes. A retry with the same `Idempotency-Key` (and the same
    /// body) is answered with the same session. Where too many runs are waiting, try again after `Retry-After` seconds.
    #[oai(path = "/generate", method = "post", operation_id = "startGeneration")]
    async fn generate(
        &self,
        identity: Identity,
        request: Strict<GenerateRequest>,
        /// Makes a retry safe: 1 to 255 characters, chosen by the client.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<IdempotencyKey>>,
    ) -> Result<
        Reply<Started>,
        refused![as AsFailure; BadRequest, IdempotencyKeyReused, PayloadTooLarge, UnsupportedMediaType],
    > {
        let request = request.body;
        let topic = request.course_topic.trim();
        check_topic("course_topic", topic).map_err(Problem::bad)?;
        identity.may_act_for(Action::StartRun, request.user_id)?;
        let idempotency = idempotency_key.0.map(|IdempotencyKey(key)| idempotency(key, topic, &request));
        let new = NewSession {
            topic: topic.to_owned(),
            search_web: request.search_web,
            user_id: request.user_id,
            producer: None,
        };
        let runs_max = self.http.limits.runs_per_user().map_or(usize::MAX, |max| max.get() as usize);
        let started = self.http.generation.start(&new, idempotency.as_ref(), runs_max).await;
        let session_id = started.map_err(|error| match error {
            StartError::QueueFull => Problem::new(ErrorCode::Unavailable, error.to_string()),
            StartError::TooManyRuns => Limits::too_many_runs().into(),
            StartError::Idempotency(IdempotencyError::Reused) => {
                Problem::new(ErrorCode::IdempotencyKeyReused, error.to_string())
            }
            StartError::Idempotency(IdempotencyError::Store(error)) => errors::store(error),
        })?;
        Ok(Reply::new(&Started {
            success: true,
            session_id: session_id.as_uuid(),
            message: "Course generation started".to_owned(),
        }))
    }

    /// Where a session stands
    #[oai(path = "/session/:id/status", method = "get", operation_id = "getGenerationStatus")]
    async fn status(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
    ) -> Result<Reply<StatusOfOne>, refused![as AsFailure; SessionNotFound]> {
        identity.may_at_all(Action::SeeStatus)?;
        let session_id = id.session().map_err(|_| not_found())?;
        let head = self.http.store.find_head(session_id).await.map_err(errors::store)?;
        identity.may_touch_other(Action::SeeStatus, head.map(|head| head.user_id), not_found)?;
        let head = head.ok_or_else(not_found)?;
        Ok(Reply::new(&StatusOfOne {
            success: true,
            session_id: session_id.as_uuid(),
            status: head.status().into(),
            last_offset: head.last_offset.get(),
        }))
    }

    /// Sessions that are not expired
    ///
    /// Newest first, at most 10,000.
    #[oai(path = "/sessions", method = "get", operation_id = "listGenerations")]
    async fn sessions(&self, identity: Identity) -> Result<Reply<StatusOfAll>, refused![as AsFailure;]> {
        let user_id = identity.scope(Action::SeeStatus, None)?;
        let heads = self.http.store.list_unexpired(user_id, LIST_MAX).await.map_err(errors::store)?;
        Ok(Reply::new(&StatusOfAll { success: true, sessions: heads.iter().map(ListedSession::from).collect() }))
    }

    /// Cancel a run
    ///
    /// Stops it on whichever node it runs and aborts its model calls. The session ends with `session_cancelled`.
    #[oai(path = "/session/:id/cancel", method = "post", operation_id = "cancelGeneration")]
    async fn cancel(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
    ) -> Result<Reply<Cancelled>, refused![as AsFailure; SessionNotFound, SessionEnded]> {
        identity.may_at_all(Action::CancelSession)?;
        let session_id = id.session().map_err(|_| not_found())?;
        if *identity.principal() != Principal::Open {
            let head = self.http.store.find_head(session_id).await.map_err(errors::store)?;
            identity.may_touch_other(Action::CancelSession, head.map(|head| head.user_id), not_found)?;
        }
        self.http.generation.cancel(session_id).await.map_err(|error| match error {
            CancelError::NotFound => not_found(),
            CancelError::Ended(_) => Problem::new(ErrorCode::SessionEnded, error.to_string()),
            CancelError::Store(error) => errors::store(error),
            CancelError::Append(error) => errors::append(error),
        })?;
        Ok(Reply::new(&Cancelled { success: true, session_id: session_id.as_uuid(), status: Status::Cancelled.into() }))
    }

    /// A ticket for a session's stream
    ///
    /// For a browser's `EventSource`, which cannot send headers: `GET /api/v1/sessions/{id}/stream?ticket=…`. It opens the
    /// stream of this session and nothing else, until it expires; a stream that it has opened goes on for as long as the token that the
    /// ticket was asked for with is good.
    #[oai(path = "/session/:id/ticket", method = "post", operation_id = "createStreamTicket")]
    async fn ticket(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
    ) -> Result<Reply<StreamTicket>, refused![as AsFailure; SessionNotFound]> {
        identity.may_at_all(Action::ReadSession)?;
        let session_id = id.session().map_err(|_| not_found())?;
        let head = self.http.store.find_head(session_id).await.map_err(errors::store)?;
        identity.may_touch_other(Action::ReadSession, head.map(|head| head.user_id), not_found)?;
        let (ticket, expires_at) = self.http.tickets.issue(identity.granted(), session_id, Utc::now());
        Ok(Reply::new(&StreamTicket { success: true, ticket, expires_at }))
    }
}

/// In the words that existing clients know.
fn not_found() -> Problem {
    Problem::new(ErrorCode::SessionNotFound, "Session not found")
}

impl From<&SessionHead> for ListedSession {
    fn from(head: &SessionHead) -> Self {
        Self { session_id: head.session_id.as_uuid(), status: head.status().into() }
    }
}

/// The rule that a trimmed topic breaks, if any.
pub(super) fn check_topic(field: &str, topic: &str) -> Result<(), String> {
    let characters = topic.chars().count();
    if characters == 0 || characters > TOPIC_CHARACTERS_MAX {
        return Err(format!(
            "{field}: must have 1 to {TOPIC_CHARACTERS_MAX} characters after trimming, has {characters}"
        ));
    }
    if topic.contains('\0') {
        return Err(format!("{field}: must not contain a NUL character"));
    }
    Ok(())
}

fn idempotency(key: String, topic: &str, request: &GenerateRequest) -> Idempotency {
    let mut hash = Sha256::new();
    hash.update([u8::from(request.search_web)]);
    hash.update(topic);
    Idempotency { key, request_sha256: hash.finalize().to_vec() }
}
