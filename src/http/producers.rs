//! Outside producers: any program may stream through this service. It creates a session, appends messages to it, ends it.

use std::{sync::Arc, time::Duration};

use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Header, Path},
    registry::MetaSchema,
    types::{Any, ParseError, ParseFromParameter, ParseResult},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{
    Http, errors,
    example::{self, example},
    generation::check_topic,
    reply::Reply,
    strict::{Keyed, Strict, check_objects},
};
use crate::{
    auth::{Principal, policy::Action},
    course::Course,
    event::{Draft, EventType, SessionId},
    projection::{Phase, SessionRequest},
    refused,
    store::{AppendError, Appended, NewSession, OutsideProducer, ProducerMark, Writer},
    wire::{ErrorCode, IdParam, Identity, Problem, Tag, check_json, param_type},
};

const MESSAGES_MAX: usize = 1_000;
const NAME_CHARACTERS_MAX: usize = 200;
/// How long an append waits for the database before it is answered with 503.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct ProducersApi {
    pub(super) http: Http,
}

/// What a session for an outside producer is created from.
#[derive(Deserialize, Object)]
#[oai(example)]
pub(super) struct CreateSession {
    /// 1 to 500 characters after trimming.
    #[oai(validator(max_length = 500, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$"))]
    topic: String,
    /// Whose session it is.
    user_id: Uuid,
    /// The program's name, shown as the session's provider; at most 200 characters.
    #[serde(default)]
    #[oai(nullable, validator(min_length = 1, max_length = 200))]
    producer: Option<String>,
}

/// A session whose events come from outside.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
pub(super) struct CreatedSession {
    session_id: Uuid,
    /// Sent as `Authorization: Bearer …` with appends; shown here once.
    write_token: String,
}

/// A message as it is described; it is read as an [`Incoming`].
#[derive(Object)]
#[oai(example, rename = "NewMessage")]
struct DescribedMessage {
    #[oai(rename = "type")]
    kind: MessageType,
    message: String,
    /// Any JSON; for `course_generated` it is `{courseId, course, summary}`.
    data: Option<Any<serde_json::Value>>,
}

/// What a producer's message tells.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum MessageType {
    Log,
    Progress,
    Success,
    Error,
    CourseGenerated,
}

#[derive(Deserialize)]
struct Incoming {
    #[serde(rename = "type")]
    kind: EventType,
    message: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

/// The messages are durable.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
struct AppendedMessages {
    first_offset: u64,
    last_offset: u64,
}

/// How a session ends.
#[derive(Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(example, rename_all = "camelCase")]
struct EndSession {
    status: EndStatus,
    /// A course that this session has generated.
    #[serde(default)]
    #[oai(nullable)]
    course_id: Option<Uuid>,
    /// Why it failed.
    #[serde(default)]
    #[oai(nullable)]
    error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
enum EndStatus {
    Completed,
    Failed,
}

/// The session has ended.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
struct EndedSession {
    session_id: Uuid,
    status: EndStatus,
    last_offset: u64,
}

/// `Producer-Id`.
struct ProducerId(String);

param_type!(
    ProducerId,
    "string(producer)",
    MetaSchema {
        min_length: Some(1),
        max_length: Some(NAME_CHARACTERS_MAX),
        example: Some(json!("curriculum-bot")),
        ..MetaSchema::new("string")
    }
);

impl ParseFromParameter for ProducerId {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        check_name(value).map_err(ParseError::custom)?;
        Ok(Self(value.to_owned()))
    }
}

/// `Producer-Seq`.
struct ProducerSeq(i64);

param_type!(
    ProducerSeq,
    "integer(sequence)",
    MetaSchema {
        minimum: Some(0.0),
        maximum: Some(999_999_999_999_999_999.0),
        example: Some(json!(3)),
        ..MetaSchema::new_with_format("integer", "int64")
    }
);

impl ParseFromParameter for ProducerSeq {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        let seq = value.parse().ok().filter(|seq| *seq >= 0).map(Self);
        seq.ok_or_else(|| ParseError::custom("must be a whole number from 0"))
    }
}

example!(CreateSession { "topic": "Rust ownership", "user_id": example::USER, "producer": "curriculum-bot" });

example!(CreatedSession {
    "sessionId": example::SESSION,
    "writeToken": "6f2a0c5d9be14783a1f0e2d4c6b8a09716253443526170895a4b3c2d1e0f9a8b",
});

example!(DescribedMessage { "type": "progress", "message": "Writing lesson 2 of part 1", "data": {"part": 1, "lesson": 2} });

example!(AppendedMessages { "firstOffset": 17, "lastOffset": 19 });

example!(EndSession { "status": "failed", "error": "the source is gone" });

example!(EndedSession { "sessionId": example::SESSION, "status": "failed", "lastOffset": 20 });

#[OpenApi(prefix_path = "/api/v1/sessions", tag = "Tag::Sessions")]
impl ProducersApi {
    /// Append messages
    ///
    /// 1 to 1,000 messages, all or nothing. Answered once they are durable. With `Producer-Id` and `Producer-Seq` a retry is safe,
    /// after a 503 too: the same pair with the same messages is answered with the same offsets; with other messages it is refused.
    #[oai(path = "/:id/messages", method = "post", operation_id = "appendMessages")]
    async fn append(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
        /// `Bearer` and the write token; optional while the server runs open.
        #[oai(example = "example_authorization")]
        authorization: Header<Option<String>>,
        /// Names the producer among those of the session: 1 to 200 characters.
        #[oai(name = "Producer-Id")]
        producer_id: Header<Option<ProducerId>>,
        /// Numbers this producer's appends, from 0.
        #[oai(name = "Producer-Seq")]
        producer_seq: Header<Option<ProducerSeq>>,
        messages: Strict<Vec<Keyed<Incoming>>, Vec<DescribedMessage>>,
    ) -> Result<
        Reply<AppendedMessages>,
        refused![
            BadRequest,
            Unauthorized,
            SessionNotFound,
            SessionEnded,
            ProducerSeqReused,
            PayloadTooLarge,
            UnsupportedMediaType
        ],
    > {
        identity.may_at_all(Action::WriteSession)?;
        let session_id = id.session()?;
        let drafts = read_messages(messages.body).map_err(Problem::bad)?;
        let mark = read_mark(producer_id.0, producer_seq.0, &drafts).map_err(Problem::bad)?;
        self.authorize(&identity, session_id, authorization.0.as_deref()).await?;
        let Appended { first, last } = self.append_drafts(session_id, drafts, mark).await?;
        Ok(Reply::new(&AppendedMessages { first_offset: first.get(), last_offset: last.get() }))
    }

    /// End the session
    ///
    /// Nothing can be appended after that.
    #[oai(path = "/:id/end", method = "post", operation_id = "endSession")]
    async fn end(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
        /// `Bearer` and the write token; optional while the server runs open.
        #[oai(example = "example_authorization")]
        authorization: Header<Option<String>>,
        request: Strict<EndSession>,
    ) -> Result<
        Reply<EndedSession>,
        refused![BadRequest, Unauthorized, SessionNotFound, SessionEnded, PayloadTooLarge, UnsupportedMediaType],
    > {
        identity.may_at_all(Action::WriteSession)?;
        let session_id = id.session()?;
        let (status, course_id) = (request.body.status, request.body.course_id);
        let draft = read_end(request.body).map_err(Problem::bad)?;
        self.authorize(&identity, session_id, authorization.0.as_deref()).await?;
        if let Some(course_id) = course_id {
            self.check_course_of(session_id, course_id).await?;
        }
        let appended = self.append_drafts(session_id, vec![draft], None).await?;
        Ok(Reply::new(&EndedSession { session_id: session_id.as_uuid(), status, last_offset: appended.last.get() }))
    }
}

/// `POST /api/v1/sessions`; the path is the history's as well, so its entry stands in [`super::sessions`].
pub(super) async fn create(
    http: &Http,
    identity: &Identity,
    request: CreateSession,
) -> Result<CreatedSession, Problem> {
    let request = read_session(request).map_err(Problem::bad)?;
    identity.may_act_for(Action::OpenSession, request.user_id)?;
    let write_token = new_token();
    let name = request.producer.unwrap_or_else(|| "outside".to_owned());
    let new = NewSession {
        topic: request.topic.clone(),
        search_web: false,
        user_id: request.user_id,
        producer: Some(OutsideProducer { name: name.clone(), write_token_sha256: hash(&write_token) }),
    };
    let (session_id, created_at) = http.store.create_session(&new).await.map_err(errors::store)?;
    let request = SessionRequest {
        topic: Some(request.topic),
        search_web: Some(false),
        user_id: Some(request.user_id),
        started_at: Some(created_at),
        producer: Some(name.clone()),
    };
    let started = Draft::new(EventType::SessionStarted, "The session has started")
        .with_data(&Started { request, provider: name });
    http.appender.append(session_id, Writer::Producer, vec![started], PATIENCE).await.map_err(errors::append)?;
    Ok(CreatedSession { session_id: session_id.as_uuid(), write_token })
}

/// The data of `session_started`.
#[derive(Serialize)]
struct Started {
    #[serde(flatten)]
    request: SessionRequest,
    provider: String,
}

impl ProducersApi {
    async fn append_drafts(
        &self,
        session_id: SessionId,
        drafts: Vec<Draft>,
        mark: Option<ProducerMark>,
    ) -> Result<Appended, Problem> {
        let appender = &self.http.appender;
        let Some(mark) = mark else {
            return appender.append(session_id, Writer::Producer, drafts, PATIENCE).await.map_err(refusal);
        };
        // The usual retry comes after its first try was committed, perhaps after the end of the session.
        if let Some(appended) = self.find_marked(session_id, &mark).await? {
            return Ok(appended);
        }
        match appender.append_marked(session_id, Writer::Producer, drafts, Some(mark.clone()), PATIENCE).await {
            Ok(appended) => Ok(appended),
            // Another try with the same mark was faster, and may have ended the session since.
            Err(error @ (AppendError::Duplicate | AppendError::Ended)) => {
                self.find_marked(session_id, &mark).await?.ok_or_else(|| refusal(error))
            }
            Err(error) => Err(refusal(error)),
        }
    }

    /// Where the append with this mark went, if there was one. Refused where it was another append.
    async fn find_marked(&self, session_id: SessionId, mark: &ProducerMark) -> Result<Option<Appended>, Problem> {
        let found = self.http.store.find_marked(session_id, mark).await.map_err(errors::store)?;
        match found {
            Some(marked) if !marked.is_same => Err(Problem::new(
                ErrorCode::ProducerSeqReused,
                "Producer-Seq: an append of this Producer-Id with the same number has other messages",
            )),
            found => Ok(found.map(|marked| marked.appended)),
        }
    }

    /// Whoever holds the session's write token writes to it. To others it is not there: one more look would tell them that it is.
    async fn authorize_writer(&self, session_id: SessionId, presented: &[u8; 32]) -> Result<(), Problem> {
        let expected = self.http.store.find_write_token(session_id).await.map_err(errors::store)?;
        let is_writer = expected.flatten().is_some_and(|expected| expected.ct_eq(presented).into());
        if is_writer { Ok(()) } else { Err(Problem::no_session()) }
    }

    /// Without credentials anybody may append, while the server runs open.
    async fn authorize(
        &self,
        identity: &Identity,
        session_id: SessionId,
        authorization: Option<&str>,
    ) -> Result<(), Problem> {
        if let Principal::Writer(presented) = identity.principal() {
            return self.authorize_writer(session_id, presented).await;
        }
        let Some(authorization) = authorization else { return Ok(()) };
        let refused = |rule| Problem::new(ErrorCode::Unauthorized, format!("Authorization: {rule}"));
        let Some(token) = bearer(authorization) else { return Err(refused("must be Bearer and the write token")) };
        let expected = self.http.store.find_write_token(session_id).await.map_err(errors::store)?;
        match expected {
            None => Err(Problem::no_session()),
            Some(None) => Err(not_a_producers()),
            // Hashes are compared, so the time it takes tells nothing of the token.
            Some(Some(expected)) if expected == hash(token) => Ok(()),
            Some(Some(_)) => Err(refused("the write token is not this session's")),
        }
    }

    async fn check_course_of(&self, session_id: SessionId, course_id: Uuid) -> Result<(), Problem> {
        if self.http.store.has_course(session_id, course_id).await.map_err(errors::store)? {
            return Ok(());
        }
        // That the session is over, or not there, is the first thing to say.
        let head =
            self.http.store.find_head(session_id).await.map_err(errors::store)?.ok_or_else(Problem::no_session)?;
        if head.phase == Phase::Running {
            return Err(Problem::bad("courseId: must be the id of a course that this session has generated"));
        }
        Ok(())
    }
}

/// The token of a `Bearer` credential: the name of the scheme is read in whatever case (RFC 9110, section 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

fn refusal(error: AppendError) -> Problem {
    match error {
        AppendError::Fenced => not_a_producers(),
        AppendError::NotFound
        | AppendError::Ended
        | AppendError::Unavailable
        | AppendError::OutcomeUnknown
        | AppendError::Duplicate
        | AppendError::Rejected(_) => errors::append(error),
    }
}

/// A run's session is the service's own to write, whoever asks.
fn not_a_producers() -> Problem {
    Problem::new(ErrorCode::Forbidden, "the session is a run of this service: no one else writes to it")
}

/// 256 random bits.
fn new_token() -> String {
    let bytes: [u8; 32] = rand::random();
    hex::encode(bytes)
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

fn read_session(mut request: CreateSession) -> Result<CreateSession, String> {
    request.topic = request.topic.trim().to_owned();
    check_topic("topic", &request.topic)?;
    if let Some(name) = &request.producer {
        check_name(name).map_err(|rule| format!("producer: {rule}"))?;
    }
    Ok(request)
}

fn check_name(name: &str) -> Result<(), String> {
    let characters = name.chars().count();
    if characters == 0 || characters > NAME_CHARACTERS_MAX {
        return Err(format!("must have 1 to {NAME_CHARACTERS_MAX} characters, has {characters}"));
    }
    if name.contains('\0') { Err("must not contain a NUL character".to_owned()) } else { Ok(()) }
}

fn check_text(field: &str, text: &str) -> Result<(), String> {
    if text.contains('\0') { Err(format!("{field}: must not contain a NUL character")) } else { Ok(()) }
}

fn read_mark(
    producer_id: Option<ProducerId>,
    producer_seq: Option<ProducerSeq>,
    drafts: &[Draft],
) -> Result<Option<ProducerMark>, String> {
    match (producer_id, producer_seq) {
        (None, None) => Ok(None),
        (Some(ProducerId(producer_id)), Some(ProducerSeq(seq))) => {
            Ok(Some(ProducerMark { producer_id, seq, messages_sha256: hash_of(drafts) }))
        }
        _ => Err("Producer-Id and Producer-Seq: must come together".to_owned()),
    }
}

/// Tells messages from others. Every text is hashed behind its length, so no two lists look alike.
fn hash_of(drafts: &[Draft]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for draft in drafts {
        for text in [Some(draft.kind.as_str()), Some(&draft.message), draft.data.as_deref().map(RawValue::get)] {
            hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
            hash.update(text.unwrap_or_default());
        }
    }
    hash.finalize().to_vec()
}

fn read_messages(messages: Vec<Keyed<Incoming>>) -> Result<Vec<Draft>, String> {
    if messages.is_empty() || messages.len() > MESSAGES_MAX {
        return Err(format!("the body must have 1 to {MESSAGES_MAX} messages, has {}", messages.len()));
    }
    let read = messages.into_iter().enumerate();
    read.map(|(index, Keyed(message))| read_message(message).map_err(|rule| format!("[{index}].{rule}"))).collect()
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
        #[serde(rename = "summary")]
        _summary: Value,
    }
    let data = data.ok_or("data: course_generated carries {courseId, course, summary}")?;
    let Keyed(generated): Keyed<Generated> =
        serde_json::from_str(data.get()).map_err(|error| format!("data: {error}"))?;
    if generated.course.id != generated.course_id {
        return Err("data.courseId: must be the id of the course".to_owned());
    }
    generated.course.check().map_err(|violations| format!("data.course: {violations}"))?;
    let given: Value = serde_json::from_str(data.get()).map_err(|error| format!("data: {error}"))?;
    let read = serde_json::to_value(&generated.course).map_err(|error| format!("data: {error}"))?;
    check_objects(&given["course"], &read, "data.course")
}

fn read_end(request: EndSession) -> Result<Draft, String> {
    let EndSession { status, course_id, error } = request;
    match status {
        EndStatus::Completed => {
            let draft = Draft::new(EventType::SessionCompleted, "The session is complete");
            Ok(match course_id {
                Some(course_id) => draft.with_data(&json!({"courseId": course_id})),
                None => draft,
            })
        }
        EndStatus::Failed => {
            let error = error.unwrap_or_else(|| "the producer gave no reason".to_owned());
            check_text("error", &error)?;
            Ok(Draft::new(EventType::SessionFailed, "The session failed").with_data(&json!({"error": error})))
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "poem-openapi asks for this form")]
fn example_authorization() -> Option<String> {
    Some("Bearer 6f2a0c5d9be14783a1f0e2d4c6b8a09716253443526170895a4b3c2d1e0f9a8b".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_read_in_whatever_case() {
        for text in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(bearer(text), Some("abc"), "{text:?}");
        }
        for text in ["abc", "Basic abc", "Bearerabc", ""] {
            assert_eq!(bearer(text), None, "{text:?}");
        }
    }

    #[test]
    fn other_messages_have_another_hash() {
        let log = |message: &str| Draft::new(EventType::Log, message);
        let lists = [
            vec![log("ab")],
            vec![log("a"), log("b")],
            vec![log("a"), log("")],
            vec![log("a")],
            vec![log("a").with_data(&json!(null))],
            vec![Draft::new(EventType::Error, "a")],
        ];
        let mut hashes: Vec<Vec<u8>> = lists.iter().map(|drafts| hash_of(drafts)).collect();
        assert_eq!(hash_of(&lists[0]), hashes[0]);
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), lists.len());
    }
}
