//! Outside producers: any program may stream through this service. It creates a session, appends messages to it, ends it.

use std::{sync::Arc, time::Duration};

use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path},
    payload::Json,
    types::Any,
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Http, errors, generation::check_topic, strict::Strict};
use crate::{
    course::Course,
    event::{Draft, EventType, SessionId},
    store::{AppendError, Appended, NewSession, OutsideProducer, ProducerMark, Writer},
    wire::{ErrorCode, Problem, Tag, check_json},
};

const MESSAGES_MAX: usize = 1_000;
const NAME_CHARACTERS_MAX: usize = 200;
/// How long an append waits for the database before it is answered with 503.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct ProducersApi {
    pub(super) http: Http,
}

/// A session whose events come from outside.
#[derive(Deserialize, Object)]
pub(super) struct CreateSession {
    /// 1 to 500 characters after trimming.
    topic: String,
    /// Whose session it is.
    user_id: Uuid,
    /// The program's name, shown as the session's provider; at most 200 characters.
    #[serde(default)]
    producer: Option<String>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct CreatedSession {
    session_id: String,
    /// Sent as `Authorization: Bearer …` with appends; shown here once.
    write_token: String,
}

/// A message as it is described; it is read as an [`Incoming`].
#[derive(Object)]
#[oai(rename = "NewMessage")]
struct DescribedMessage {
    /// `log`, `progress`, `success`, `error` or `course_generated`.
    #[oai(rename = "type")]
    kind: String,
    message: String,
    /// Any JSON; for `course_generated` it is `{courseId, course, summary}`.
    data: Option<Any<serde_json::Value>>,
}

#[derive(Deserialize)]
struct Incoming {
    #[serde(rename = "type")]
    kind: EventType,
    message: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct AppendedMessages {
    first_offset: u64,
    last_offset: u64,
}

#[derive(Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct EndSession {
    /// `completed` or `failed`.
    status: String,
    #[serde(default)]
    course_id: Option<Uuid>,
    /// Why it failed.
    #[serde(default)]
    error: Option<String>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct EndedSession {
    session_id: String,
    status: String,
    last_offset: u64,
}

#[derive(ApiResponse)]
pub(super) enum CreateAnswer {
    /// The session.
    #[oai(status = 201)]
    Created(Json<CreatedSession>),
    /// The body is not valid.
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
enum AppendAnswer {
    /// The messages are durable.
    #[oai(status = 200)]
    Appended(Json<AppendedMessages>),
    /// The body is not valid; nothing was appended.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// The write token is not this session's.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(Json<Problem>),
    /// There is no such session, or no outside producer's.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The session has ended; nothing was appended.
    #[oai(status = 409, content_type = "application/problem+json")]
    Ended(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away. A retry with `Producer-Id` and `Producer-Seq` is safe.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

#[derive(ApiResponse)]
enum EndAnswer {
    /// The session has ended.
    #[oai(status = 200)]
    Ended(Json<EndedSession>),
    /// The body is not valid.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// The write token is not this session's.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(Json<Problem>),
    /// There is no such session, or no outside producer's.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The session had ended before.
    #[oai(status = 409, content_type = "application/problem+json")]
    EndedBefore(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

#[OpenApi(prefix_path = "/api/v1/sessions", tag = "Tag::Sessions")]
impl ProducersApi {
    /// Append messages
    ///
    /// 1 to 1,000 messages, all or nothing. Answered once they are durable. With `Producer-Id` and `Producer-Seq` a retry is safe:
    /// the same pair is answered with the same offsets.
    #[oai(path = "/:id/messages", method = "post", operation_id = "appendMessages")]
    async fn append(
        &self,
        /// The session.
        id: Path<String>,
        /// `Bearer` and the write token; optional while the server runs open.
        authorization: Header<Option<String>>,
        /// Names the producer among those of the session: 1 to 200 characters.
        #[oai(name = "Producer-Id")]
        producer_id: Header<Option<String>>,
        /// Numbers this producer's appends, from 0.
        #[oai(name = "Producer-Seq")]
        producer_seq: Header<Option<String>>,
        messages: Strict<Vec<Incoming>, Vec<DescribedMessage>>,
    ) -> AppendAnswer {
        let read = || {
            let session_id = id.0.parse::<SessionId>().map_err(|_| errors::no_session())?;
            let bad = |rule: String| Problem::new(ErrorCode::BadRequest, rule);
            let mark = read_mark(producer_id.0.as_deref(), producer_seq.0.as_deref()).map_err(bad)?;
            Ok((session_id, mark, read_messages(messages.body).map_err(bad)?))
        };
        let appended = match read() {
            Ok((session_id, mark, drafts)) => {
                self.append_drafts(session_id, authorization.0.as_deref(), drafts, mark).await
            }
            Err(problem) => Err(problem),
        };
        match appended {
            Ok(Appended { first, last }) => {
                AppendAnswer::Appended(Json(AppendedMessages { first_offset: first.get(), last_offset: last.get() }))
            }
            Err(problem) => {
                let answer = match problem.status {
                    400 => AppendAnswer::BadRequest,
                    401 => AppendAnswer::Unauthorized,
                    404 => AppendAnswer::NotFound,
                    409 => AppendAnswer::Ended,
                    503 => AppendAnswer::Unavailable,
                    _ => AppendAnswer::Internal,
                };
                answer(Json(problem))
            }
        }
    }

    /// End the session
    #[oai(path = "/:id/end", method = "post", operation_id = "endSession")]
    async fn end(
        &self,
        /// The session.
        id: Path<String>,
        /// `Bearer` and the write token; optional while the server runs open.
        authorization: Header<Option<String>>,
        request: Strict<EndSession>,
    ) -> EndAnswer {
        let read = || {
            let session_id = id.0.parse::<SessionId>().map_err(|_| errors::no_session())?;
            let end = read_end(request.body).map_err(|rule| Problem::new(ErrorCode::BadRequest, rule))?;
            Ok((session_id, end))
        };
        let ended = match read() {
            Ok((session_id, draft)) => {
                let status = if draft.kind == EventType::SessionCompleted { "completed" } else { "failed" };
                self.append_drafts(session_id, authorization.0.as_deref(), vec![draft], None).await.map(|appended| {
                    EndedSession {
                        session_id: session_id.to_string(),
                        status: status.to_owned(),
                        last_offset: appended.last.get(),
                    }
                })
            }
            Err(problem) => Err(problem),
        };
        match ended {
            Ok(ended) => EndAnswer::Ended(Json(ended)),
            Err(problem) => {
                let answer = match problem.status {
                    400 => EndAnswer::BadRequest,
                    401 => EndAnswer::Unauthorized,
                    404 => EndAnswer::NotFound,
                    409 => EndAnswer::EndedBefore,
                    503 => EndAnswer::Unavailable,
                    _ => EndAnswer::Internal,
                };
                answer(Json(problem))
            }
        }
    }
}

impl ProducersApi {
    /// `POST /api/v1/sessions`; the path is the history's as well, so its entry stands in [`super::sessions`].
    pub(super) async fn create(&self, request: CreateSession) -> CreateAnswer {
        let new = match read_session(request) {
            Ok(new) => new,
            Err(rule) => return CreateAnswer::BadRequest(Json(Problem::new(ErrorCode::BadRequest, rule))),
        };
        match self.open(new).await {
            Ok(created) => CreateAnswer::Created(Json(created)),
            Err(problem) if problem.status == 503 => CreateAnswer::Unavailable(Json(problem)),
            Err(problem) => CreateAnswer::Internal(Json(problem)),
        }
    }

    async fn open(&self, request: CreateSession) -> Result<CreatedSession, Problem> {
        let write_token = new_token();
        let name = request.producer.unwrap_or_else(|| "outside".to_owned());
        let started = Draft::new(EventType::SessionStarted, "The session has started").with_data(&json!({
            "topic": request.topic, "userId": request.user_id, "provider": name,
        }));
        let new = NewSession {
            topic: request.topic,
            search_web: false,
            user_id: request.user_id,
            producer: Some(OutsideProducer { name, write_token_sha256: hash(&write_token) }),
        };
        let session_id = self.http.store.create_session(&new).await.map_err(|error| errors::store(&error))?;
        self.http
            .appender
            .append(session_id, Writer::Producer, vec![started], PATIENCE)
            .await
            .map_err(|error| errors::append(&error))?;
        Ok(CreatedSession { session_id: session_id.to_string(), write_token })
    }

    async fn append_drafts(
        &self,
        session_id: SessionId,
        authorization: Option<&str>,
        drafts: Vec<Draft>,
        mark: Option<ProducerMark>,
    ) -> Result<Appended, Problem> {
        if let Some(authorization) = authorization {
            self.check_token(session_id, authorization).await?;
        }
        let appender = &self.http.appender;
        let Some(mark) = mark else {
            let appended = appender.append(session_id, Writer::Producer, drafts, PATIENCE).await;
            return appended.map_err(|error| refusal(&error));
        };
        // The usual retry comes after its first try was committed, perhaps after the end of the session.
        let find =
            || async { self.http.store.find_marked(session_id, &mark).await.map_err(|error| errors::store(&error)) };
        if let Some(appended) = find().await? {
            return Ok(appended);
        }
        match appender.append_marked(session_id, Writer::Producer, drafts, Some(mark.clone()), PATIENCE).await {
            Ok(appended) => Ok(appended),
            // Another try with the same mark was faster, and may have ended the session since.
            Err(error @ (AppendError::Duplicate | AppendError::Ended)) => find().await?.ok_or_else(|| refusal(&error)),
            Err(error) => Err(refusal(&error)),
        }
    }

    async fn check_token(&self, session_id: SessionId, authorization: &str) -> Result<(), Problem> {
        let refused = || Problem::new(ErrorCode::Unauthorized, "Authorization: the write token is not this session's");
        let token = authorization.strip_prefix("Bearer ").ok_or_else(refused)?;
        let expected = self.http.store.find_write_token(session_id).await.map_err(|error| errors::store(&error))?;
        match expected {
            None => Err(errors::no_session()),
            // Hashes are compared, so the time it takes tells nothing of the token.
            Some(expected) if expected == hash(token) => Ok(()),
            Some(_) => Err(refused()),
        }
    }
}

/// A run of this service is no outside producer's session: to a producer it is not there.
fn refusal(error: &AppendError) -> Problem {
    match error {
        AppendError::Fenced => errors::no_session(),
        AppendError::NotFound
        | AppendError::Ended
        | AppendError::Unavailable
        | AppendError::OutcomeUnknown
        | AppendError::Duplicate
        | AppendError::Rejected(_) => errors::append(error),
    }
}

/// 256 random bits.
fn new_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

fn read_session(mut request: CreateSession) -> Result<CreateSession, String> {
    request.topic = request.topic.trim().to_owned();
    check_topic("topic", &request.topic)?;
    if let Some(name) = &request.producer {
        check_name("producer", name)?;
    }
    Ok(request)
}

fn check_name(field: &str, name: &str) -> Result<(), String> {
    let characters = name.chars().count();
    if characters == 0 || characters > NAME_CHARACTERS_MAX {
        return Err(format!("{field}: must have 1 to {NAME_CHARACTERS_MAX} characters, has {characters}"));
    }
    check_text(field, name)
}

fn check_text(field: &str, text: &str) -> Result<(), String> {
    if text.contains('\0') { Err(format!("{field}: must not contain a NUL character")) } else { Ok(()) }
}

fn read_mark(producer_id: Option<&str>, producer_seq: Option<&str>) -> Result<Option<ProducerMark>, String> {
    match (producer_id, producer_seq) {
        (None, None) => Ok(None),
        (Some(producer_id), Some(seq)) => {
            check_name("Producer-Id", producer_id)?;
            let seq = seq.parse().ok().filter(|seq| *seq >= 0);
            let seq = seq.ok_or("Producer-Seq: must be a whole number from 0")?;
            Ok(Some(ProducerMark { producer_id: producer_id.to_owned(), seq }))
        }
        _ => Err("Producer-Id and Producer-Seq: must come together".to_owned()),
    }
}

fn read_messages(messages: Vec<Incoming>) -> Result<Vec<Draft>, String> {
    if messages.is_empty() || messages.len() > MESSAGES_MAX {
        return Err(format!("the body must have 1 to {MESSAGES_MAX} messages, has {}", messages.len()));
    }
    let read = messages.into_iter().enumerate();
    read.map(|(index, message)| read_message(message).map_err(|rule| format!("[{index}].{rule}"))).collect()
}

fn read_message(incoming: Incoming) -> Result<Draft, String> {
    let Incoming { kind, message, data } = incoming;
    if !kind.is_stream_message() {
        return Err(format!("type: {kind} is for the service alone; a session is ended by its end endpoint"));
    }
    check_text("message", &message)?;
    if let Some(data) = &data {
        check_json(data.get()).map_err(|error| format!("data: {error}"))?;
    }
    if kind == EventType::CourseGenerated {
        check_course(data.as_deref())?;
    }
    Ok(Draft { kind, message, data: data.map(Arc::from) })
}

fn check_course(data: Option<&RawValue>) -> Result<(), String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Generated {
        course_id: Uuid,
        course: Course,
    }
    let data = data.ok_or("data: course_generated carries {courseId, course, summary}")?;
    let generated: Generated = serde_json::from_str(data.get()).map_err(|error| format!("data: {error}"))?;
    if generated.course.id != generated.course_id {
        return Err("data.courseId: must be the id of the course".to_owned());
    }
    generated.course.check().map_err(|violations| format!("data.course: {violations}"))
}

fn read_end(request: EndSession) -> Result<Draft, String> {
    let EndSession { status, course_id, error } = request;
    match status.as_str() {
        "completed" => {
            let draft = Draft::new(EventType::SessionCompleted, "The session is complete");
            Ok(match course_id {
                Some(course_id) => draft.with_data(&json!({"courseId": course_id})),
                None => draft,
            })
        }
        "failed" => {
            let error = error.unwrap_or_else(|| "the producer gave no reason".to_owned());
            check_text("error", &error)?;
            Ok(Draft::new(EventType::SessionFailed, "The session failed").with_data(&json!({"error": error})))
        }
        _ => Err("status: must be completed or failed".to_owned()),
    }
}
