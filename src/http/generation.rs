//! The drop-in endpoints: paths and bodies that existing clients use.

use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path},
    payload::Json,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Http, errors, strict::Strict};
use crate::{
    event::SessionId,
    generation::{CancelError, StartError},
    store::{Idempotency, IdempotencyError, NewSession, SessionHead},
    wire::{Problem, Tag},
};

const TOPIC_CHARACTERS_MAX: usize = 500;
const KEY_BYTES_MAX: usize = 255;
/// Sessions that one list shows.
const LIST_MAX: usize = 10_000;
/// What a client waits, in seconds, before it tries a full queue again.
const RETRY_AFTER_SECONDS: u32 = 5;

pub(super) struct GenerationApi {
    pub(super) http: Http,
}

/// What a course is to be about.
#[derive(Deserialize, Object)]
#[oai(example)]
struct GenerateRequest {
    /// 1 to 500 characters after trimming.
    course_topic: String,
    /// Let the model search the web.
    #[serde(default)]
    #[oai(default)]
    search_web: bool,
    /// Who asks.
    user_id: Uuid,
}

impl poem_openapi::types::Example for GenerateRequest {
    fn example() -> Self {
        Self {
            course_topic: "Rust ownership".to_owned(),
            search_web: false,
            user_id: Uuid::from_u128(0x1111_1111_1111_4111_8111_1111_1111_1111),
        }
    }
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct Started {
    success: bool,
    session_id: String,
    message: String,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct StatusOfOne {
    success: bool,
    session_id: String,
    /// `queued`, `running`, `completed`, `failed`, `cancelled` or `expired`.
    status: String,
    last_offset: u64,
}

#[derive(Object)]
struct StatusOfAll {
    success: bool,
    sessions: Vec<ListedSession>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct ListedSession {
    session_id: String,
    status: String,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct Cancelled {
    success: bool,
    session_id: String,
    status: String,
}

/// An error as existing clients expect it.
#[derive(Object)]
struct Failure {
    success: bool,
    error: String,
}

fn failure(error: impl Into<String>) -> Json<Failure> {
    Json(Failure { success: false, error: error.into() })
}

#[derive(ApiResponse)]
enum StartAnswer {
    /// The run is queued; follow its session.
    #[oai(status = 200)]
    Started(Json<Started>),
    /// The body is not valid.
    #[oai(status = 400)]
    BadRequest(Json<Failure>),
    /// The Idempotency-Key was used before with another request.
    #[oai(status = 422)]
    KeyReused(Json<Failure>),
    /// Too many runs are waiting, or the database is away. Try again after `Retry-After` seconds.
    #[oai(status = 503)]
    Unavailable(Json<Failure>, #[oai(header = "Retry-After")] u32),
    /// The server could not answer.
    #[oai(status = 500)]
    Internal(Json<Failure>),
}

#[derive(ApiResponse)]
enum StatusAnswer {
    /// Where the session stands.
    #[oai(status = 200)]
    Found(Json<StatusOfOne>),
    /// There is no such session.
    #[oai(status = 404)]
    NotFound(Json<Failure>),
    /// The database is away. Try again after `Retry-After` seconds.
    #[oai(status = 503)]
    Unavailable(Json<Failure>, #[oai(header = "Retry-After")] u32),
    /// The server could not answer.
    #[oai(status = 500)]
    Internal(Json<Failure>),
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// The sessions that are not expired, newest first.
    #[oai(status = 200)]
    Found(Json<StatusOfAll>),
    /// The database is away. Try again after `Retry-After` seconds.
    #[oai(status = 503)]
    Unavailable(Json<Failure>, #[oai(header = "Retry-After")] u32),
    /// The server could not answer.
    #[oai(status = 500)]
    Internal(Json<Failure>),
}

#[derive(ApiResponse)]
enum CancelAnswer {
    /// The run is cancelled.
    #[oai(status = 200)]
    Cancelled(Json<Cancelled>),
    /// There is no such session.
    #[oai(status = 404)]
    NotFound(Json<Failure>),
    /// The session had ended already.
    #[oai(status = 409)]
    Ended(Json<Failure>),
    /// The database is away. Try again after `Retry-After` seconds.
    #[oai(status = 503)]
    Unavailable(Json<Failure>, #[oai(header = "Retry-After")] u32),
    /// The server could not answer.
    #[oai(status = 500)]
    Internal(Json<Failure>),
}

/// A problem in the form of these endpoints: unavailable, or worse.
macro_rules! trouble {
    ($answer:ident, $problem:expr) => {{
        let problem: Problem = $problem;
        if problem.status == 503 {
            $answer::Unavailable(failure(problem.detail), RETRY_AFTER_SECONDS)
        } else {
            $answer::Internal(failure(problem.detail))
        }
    }};
}

#[OpenApi(prefix_path = "/api/v1/course-generation", tag = "Tag::Generation")]
impl GenerationApi {
    /// Start a run
    ///
    /// Answers at once with the id of the session whose log the run writes. A retry with the same `Idempotency-Key` (and the same
    /// body) is answered with the same session.
    #[oai(path = "/generate", method = "post", operation_id = "startGeneration")]
    async fn generate(
        &self,
        request: Strict<GenerateRequest>,
        /// Makes a retry safe: 1 to 255 characters, chosen by the client.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
    ) -> StartAnswer {
        let request = request.body;
        let topic = request.course_topic.trim();
        if let Err(rule) = check_topic("course_topic", topic) {
            return StartAnswer::BadRequest(failure(rule));
        }
        let idempotency = match idempotency_key.0.map(|key| idempotency(key, topic, &request)).transpose() {
            Ok(idempotency) => idempotency,
            Err(rule) => return StartAnswer::BadRequest(failure(rule)),
        };
        let new = NewSession {
            topic: topic.to_owned(),
            search_web: request.search_web,
            user_id: request.user_id,
            producer: None,
        };
        match self.http.generation.start(&new, idempotency.as_ref()).await {
            Ok(session_id) => StartAnswer::Started(Json(Started {
                success: true,
                session_id: session_id.to_string(),
                message: "Course generation started".to_owned(),
            })),
            Err(error @ StartError::QueueFull) => {
                StartAnswer::Unavailable(failure(error.to_string()), RETRY_AFTER_SECONDS)
            }
            Err(StartError::Idempotency(error @ IdempotencyError::Reused)) => {
                StartAnswer::KeyReused(failure(error.to_string()))
            }
            Err(StartError::Idempotency(IdempotencyError::Store(error))) => {
                trouble!(StartAnswer, errors::store(&error))
            }
        }
    }

    /// Where a session stands
    #[oai(path = "/session/:id/status", method = "get", operation_id = "getGenerationStatus")]
    async fn status(
        &self,
        /// The session.
        id: Path<String>,
    ) -> StatusAnswer {
        let Ok(session_id) = id.0.parse() else { return StatusAnswer::NotFound(failure(NOT_FOUND)) };
        match self.http.store.find_head(session_id).await {
            Ok(Some(head)) => StatusAnswer::Found(Json(StatusOfOne {
                success: true,
                session_id: session_id.to_string(),
                status: head.status().as_str().to_owned(),
                last_offset: head.last_offset.get(),
            })),
            Ok(None) => StatusAnswer::NotFound(failure(NOT_FOUND)),
            Err(error) => trouble!(StatusAnswer, errors::store(&error)),
        }
    }

    /// Sessions that are not expired
    ///
    /// Newest first, at most 10,000.
    #[oai(path = "/sessions", method = "get", operation_id = "listGenerations")]
    async fn sessions(&self) -> ListAnswer {
        match self.http.store.list_unexpired(None, LIST_MAX).await {
            Ok(heads) => ListAnswer::Found(Json(StatusOfAll {
                success: true,
                sessions: heads.iter().map(ListedSession::from).collect(),
            })),
            Err(error) => trouble!(ListAnswer, errors::store(&error)),
        }
    }

    /// Cancel a run
    ///
    /// Stops it on whichever node it runs and aborts its model calls. The session ends with `session_cancelled`.
    #[oai(path = "/session/:id/cancel", method = "post", operation_id = "cancelGeneration")]
    async fn cancel(
        &self,
        /// The session.
        id: Path<String>,
    ) -> CancelAnswer {
        let Ok(session_id) = id.0.parse::<SessionId>() else { return CancelAnswer::NotFound(failure(NOT_FOUND)) };
        match self.http.generation.cancel(session_id).await {
            Ok(()) => CancelAnswer::Cancelled(Json(Cancelled {
                success: true,
                session_id: session_id.to_string(),
                status: "cancelled".to_owned(),
            })),
            Err(CancelError::NotFound) => CancelAnswer::NotFound(failure(NOT_FOUND)),
            Err(error @ CancelError::Ended(_)) => CancelAnswer::Ended(failure(error.to_string())),
            Err(CancelError::Store(error)) => trouble!(CancelAnswer, errors::store(&error)),
            Err(CancelError::Append(error)) => trouble!(CancelAnswer, errors::append(&error)),
        }
    }
}

const NOT_FOUND: &str = "Session not found";

impl From<&SessionHead> for ListedSession {
    fn from(head: &SessionHead) -> Self {
        Self { session_id: head.session_id.to_string(), status: head.status().as_str().to_owned() }
    }
}

/// The rule that a trimmed topic breaks, if any.
pub(super) fn check_topic(field: &str, topic: &str) -> Result<(), String> {
    let characters = topic.chars().count();
    if characters == 0 || characters > TOPIC_CHARACTERS_MAX {
        return Err(format!(
            "course_topic: must have 1 to {TOPIC_CHARACTERS_MAX} characters after trimming, has {characters}"
        ));
    }
    if topic.contains('\0') {
        return Err(format!("{field}: must not contain a NUL character"));
    }
    Ok(())
}

fn idempotency(key: String, topic: &str, request: &GenerateRequest) -> Result<Idempotency, String> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(format!("Idempotency-Key: must have 1 to {KEY_BYTES_MAX} characters"));
    }
    let mut hash = Sha256::new();
    hash.update([u8::from(request.search_web)]);
    hash.update(topic);
    Ok(Idempotency { key, request_sha256: hash.finalize().to_vec() })
}
