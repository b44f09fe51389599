//! The fold of a session's events: its status, counts, course, usage. Pure.
//!
//! There is one definition of what an event does to a session: [`Delta::of`]. The append transaction adds deltas to the
//! session's row; [`SessionState::fold`] adds them up in memory. `coursestream rebuild --check` holds the two against
//! each other.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use uuid::Uuid;

use crate::event::{Draft, Event, EventType, format_timestamp};

/// Where a session stands. `expired` is not a matter of its events but of time; see [`Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    #[default]
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Phase {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|phase| phase.as_str() == text)
    }
}

/// What clients are told: the phase, or that the session is past its TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
    Expired,
}

impl Status {
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Cancelled, Self::Expired];

    #[must_use]
    pub const fn new(phase: Phase, expired: bool) -> Self {
        match phase {
            _ if expired => Self::Expired,
            Phase::Queued => Self::Queued,
            Phase::Running => Self::Running,
            Phase::Completed => Self::Completed,
            Phase::Failed => Self::Failed,
            Phase::Cancelled => Self::Cancelled,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    #[must_use]
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Expired => true,
        }
    }
}

/// How many events of each StreamMessage type a session has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub log: u64,
    pub progress: u64,
    pub success: u64,
    pub error: u64,
    pub course_generated: u64,
}

/// What some events, in a row, do to their session's projection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    pub events: u64,
    pub counts: Counts,
    pub phase: Option<Phase>,
    pub course_id: Option<Uuid>,
    pub error: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// The highest attempt number that was named.
    pub attempt: Option<u32>,
}

/// The fields of an event's data that the projection reads; everything else in it is the writer's own affair.
#[derive(Default)]
struct Projected {
    course_id: Option<Uuid>,
    error: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    usage: Option<Tokens>,
    attempt: Option<u32>,
}

/// Of an object alone, and of two equal keys the last: what `serde` derives would take the values of an array as well, where
/// SQL finds none.
impl<'de> Deserialize<'de> for Projected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "camelCase")]
        enum Field {
            CourseId,
            Error,
            Provider,
            Model,
            Usage,
            Attempt,
            #[serde(other)]
            Theirs,
        }
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Projected;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Projected, A::Error> {
                let mut read = Projected::default();
                while let Some(field) = fields.next_key()? {
                    match field {
                        Field::CourseId => read.course_id = ours(&mut fields)?,
                        Field::Error => read.error = ours(&mut fields)?,
                        Field::Provider => read.provider = ours(&mut fields)?,
                        Field::Model => read.model = ours(&mut fields)?,
                        Field::Usage => read.usage = ours(&mut fields)?,
                        Field::Attempt => read.attempt = ours(&mut fields)?,
                        Field::Theirs => drop(fields.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(read)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// What a step cost. The view `analytics.steps` reads it by the same rule.
#[derive(Clone, Copy, Default)]
struct Tokens {
    prompt: u64,
    completion: u64,
}

impl Tokens {
    /// What is more is no count of tokens.
    const MAX: u64 = 999_999_999;
}

/// An object whose counts, where it has them, are whole numbers up to [`Tokens::MAX`].
impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "camelCase")]
        enum Field {
            PromptTokens,
            CompletionTokens,
            #[serde(other)]
            Theirs,
        }
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Option<Tokens>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with counts of tokens")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Option<Tokens>, A::Error> {
                let (mut prompt, mut completion) = (Some(0), Some(0));
                while let Some(field) = fields.next_key()? {
                    match field {
                        Field::PromptTokens => prompt = ours(&mut fields)?,
                        Field::CompletionTokens => completion = ours(&mut fields)?,
                        Field::Theirs => drop(fields.next_value::<IgnoredAny>()?),
                    }
                }
                let is_count = |count: &u64| *count <= Tokens::MAX;
                Ok(prompt
                    .filter(is_count)
                    .zip(completion.filter(is_count))
                    .map(|(prompt, completion)| Tokens { prompt, completion }))
            }
        }
        let read = deserializer.deserialize_map(Fields)?;
        read.ok_or_else(|| D::Error::custom("no counts of tokens"))
    }
}

/// A field of another shape than ours is an outside producer's own, not an error.
fn ours<'de, A: MapAccess<'de>, T: Deserialize<'de>>(fields: &mut A) -> Result<Option<T>, A::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<T> {
        Ours(T),
        Theirs(IgnoredAny),
    }
    Ok(match fields.next_value::<Option<Either<T>>>()? {
        Some(Either::Ours(value)) => Some(value),
        Some(Either::Theirs(_)) | None => None,
    })
}

impl Delta {
    /// Adds the effect of one event.
    pub fn add(&mut self, kind: EventType, message: &str, data: Option<&str>) {
        self.events += 1;
        let read = || data.and_then(|json| serde_json::from_str::<Projected>(json).ok()).unwrap_or_default();
        match kind {
            EventType::Log => {
                self.counts.log += 1;
                // Log lines are the bulk of a log; few of them name an attempt.
                if data.is_some_and(|json| json.contains("\"attempt\"")) {
                    self.name_attempt(read().attempt);
                }
            }
            EventType::Progress => self.counts.progress += 1,
            EventType::Success => {
                self.counts.success += 1;
                if data.is_some_and(|json| json.contains("\"usage\"")) {
                    self.spend(read().usage);
                }
            }
            EventType::Error => self.counts.error += 1,
            EventType::CourseGenerated => {
                self.counts.course_generated += 1;
                self.course_id = read().course_id.or(self.course_id.take());
            }
            EventType::SessionStarted => {
                let read = read();
                self.phase = Some(Phase::Running);
                self.provider = read.provider.or(self.provider.take());
                self.model = read.model.or(self.model.take());
                self.name_attempt(read.attempt);
            }
            EventType::SessionCompleted => {
                self.phase = Some(Phase::Completed);
                self.course_id = read().course_id.or(self.course_id.take());
            }
            EventType::SessionFailed => {
                let read = read();
                self.phase = Some(Phase::Failed);
                self.error = Some(read.error.unwrap_or_else(|| message.to_owned()));
                self.spend(read.usage);
            }
            EventType::SessionCancelled => self.phase = Some(Phase::Cancelled),
        }
    }

    fn name_attempt(&mut self, attempt: Option<u32>) {
        self.attempt = self.attempt.max(attempt.map(|attempt| attempt.min(i32::MAX as u32)));
    }

    fn spend(&mut self, usage: Option<Tokens>) {
        let usage = usage.unwrap_or_default();
        self.prompt_tokens += usage.prompt;
        self.completion_tokens += usage.completion;
    }

    /// The effect of drafts that are appended together.
    #[must_use]
    pub fn of(drafts: &[Draft]) -> Self {
        let mut delta = Self::default();
        for draft in drafts {
            delta.add(draft.kind, &draft.message, draft.data.as_deref().map(|raw| raw.get()));
        }
        delta
    }
}

/// A session as its events tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionState {
    pub phase: Phase,
    pub last_offset: u64,
    pub counts: Counts,
    pub course_id: Option<Uuid>,
    pub error: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub attempts: u32,
}

impl SessionState {
    /// The state after `delta`. The append statement does the same in SQL (`store/append/statement.rs`).
    pub fn apply(&mut self, delta: Delta) {
        self.phase = delta.phase.unwrap_or(self.phase);
        self.last_offset += delta.events;
        self.counts.log += delta.counts.log;
        self.counts.progress += delta.counts.progress;
        self.counts.success += delta.counts.success;
        self.counts.error += delta.counts.error;
        self.counts.course_generated += delta.counts.course_generated;
        self.course_id = delta.course_id.or(self.course_id);
        self.error = delta.error.or(self.error.take());
        self.provider = delta.provider.or(self.provider.take());
        self.model = delta.model.or(self.model.take());
        self.prompt_tokens += delta.prompt_tokens;
        self.completion_tokens += delta.completion_tokens;
        self.attempts = self.attempts.max(delta.attempt.unwrap_or(0));
    }

    /// Adds one event of the log.
    pub fn apply_event(&mut self, event: &Event) {
        let mut delta = Delta::default();
        delta.add(event.kind, &event.message, event.data.as_deref().map(|raw| raw.get()));
        self.apply(delta);
    }

    /// The state that a whole log leads to.
    #[must_use]
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply_event(event);
        }
        state
    }
}

/// What a session was created for, in the data of its first `session_started`; of a run that never started, in that of its
/// `session_cancelled`. Older logs tell less of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_web: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// When it was asked for. Where this is told, all is.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "millis")]
    pub started_at: Option<DateTime<Utc>>,
    /// Of an outside producer's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
}

impl SessionRequest {
    /// What an event tells of it.
    #[must_use]
    pub fn told_by(event: &Event) -> Option<Self> {
        match event.kind {
            EventType::SessionStarted | EventType::SessionCancelled => {
                serde_json::from_str(event.data.as_deref()?.get()).ok()
            }
            EventType::Log
            | EventType::Progress
            | EventType::Success
            | EventType::Error
            | EventType::CourseGenerated
            | EventType::SessionCompleted
            | EventType::SessionFailed => None,
        }
    }
}

fn millis<S: Serializer>(timestamp: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    timestamp.map(format_timestamp).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::{collection::vec, prelude::*, sample::select};
    use serde_json::value::RawValue;

    use super::*;

    fn draft(kind: EventType, message: &str, data: &str) -> Draft {
        let data = (!data.is_empty()).then(|| Arc::from(RawValue::from_string(data.to_owned()).unwrap()));
        Draft { kind, message: message.to_owned(), data }
    }

    fn state(drafts: &[Draft]) -> SessionState {
        let mut state = SessionState::default();
        state.apply(Delta::of(drafts));
        state
    }

    const COURSE: &str = "11111111-1111-4111-8111-111111111111";

    #[test]
    fn a_session_without_events_is_queued() {
        assert_eq!(SessionState::fold([]).phase, Phase::Queued);
    }

    #[test]
    fn a_run_is_told_by_its_events() {
        let state = state(&[
            draft(EventType::SessionStarted, "", r#"{"provider":"offline","model":"scaffold","attempt":1}"#),
            draft(EventType::Log, "", r#"{"attempt":2}"#),
            draft(EventType::Success, "", r#"{"usage":{"promptTokens":7,"completionTokens":11},"result":{}}"#),
            draft(EventType::Success, "", r#"{"usage":{"promptTokens":1}}"#),
            draft(EventType::Progress, "", ""),
            draft(EventType::Error, "", r#"{"error":"no error of the session"}"#),
            draft(EventType::CourseGenerated, "", &format!(r#"{{"courseId":"{COURSE}","course":{{}}}}"#)),
            draft(EventType::SessionCompleted, "", ""),
        ]);
        let expected = SessionState {
            phase: Phase::Completed,
            last_offset: 8,
            counts: Counts { log: 1, progress: 1, success: 2, error: 1, course_generated: 1 },
            course_id: Some(COURSE.parse().unwrap()),
            error: None,
            provider: Some("offline".to_owned()),
            model: Some("scaffold".to_owned()),
            prompt_tokens: 8,
            completion_tokens: 11,
            attempts: 2,
        };
        assert_eq!(state, expected);
    }

    #[test]
    fn a_failure_names_its_error_or_its_message() {
        let named = state(&[draft(EventType::SessionFailed, "message", r#"{"error":"no model"}"#)]);
        assert_eq!((named.phase, named.error.as_deref()), (Phase::Failed, Some("no model")));
        for data in ["", "{}", r#"{"error":null}"#, r#"{"error":{"code":7}}"#, "[]", "7"] {
            assert_eq!(
                state(&[draft(EventType::SessionFailed, "message", data)]).error.as_deref(),
                Some("message"),
                "{data}"
            );
        }
        let cancelled = state(&[draft(EventType::SessionCancelled, "message", "")]);
        assert_eq!((cancelled.phase, cancelled.error), (Phase::Cancelled, None));
    }

    #[test]
    fn data_of_another_shape_counts_for_nothing_and_spoils_nothing() {
        for data in [
            r#"{"usage":"much"}"#,
            r#"{"usage":{"promptTokens":-1,"completionTokens":3}}"#,
            r#"{"usage":{"promptTokens":1.5}}"#,
            r#"{"usage":{"promptTokens":1000000000}}"#,
            r#"{"usage":{"promptTokens":"1"}}"#,
            r#"{"usage":{"promptTokens":null,"completionTokens":3}}"#,
            r#"{"usage":{"promptTokens":3,"promptTokens":[]}}"#,
            r#"{"usage":[1,3]}"#,
            r#"[null,null,null,null,{"promptTokens":1},"usage"]"#,
            r#"{"usage":{"promptTokens":1},"usage":7}"#,
            r#"{"usage":null}"#,
            r#"[{"usage":{"promptTokens":1}}]"#,
            r#"{"nested":{"usage":{"promptTokens":1}}}"#,
        ] {
            let state = state(&[draft(EventType::Success, "", data)]);
            assert_eq!((state.prompt_tokens, state.completion_tokens, state.counts.success), (0, 0, 1), "{data}");
        }
        let most = r#"{"usage":7,"usage":{"completionTokens":1,"completionTokens":999999999,"cached":"x"}}"#;
        assert_eq!(state(&[draft(EventType::Success, "", most)]).completion_tokens, 999_999_999);
        let beside = r#"{"usage":{"promptTokens":3},"courseId":7,"attempt":"x","error":[]}"#;
        assert_eq!(state(&[draft(EventType::Success, "", beside)]).prompt_tokens, 3);
        let unknown = format!(r#"{{"courseId":"{COURSE}","more":[1,2],"usage":{{"cached":1}}}}"#);
        assert_eq!(state(&[draft(EventType::CourseGenerated, "", &unknown)]).course_id, Some(COURSE.parse().unwrap()));
    }

    #[test]
    fn the_latest_course_is_the_session_s_and_none_takes_it_away() {
        let other = "22222222-2222-4222-8222-222222222222";
        let with = |id: &str| draft(EventType::CourseGenerated, "", &format!(r#"{{"courseId":"{id}"}}"#));
        let state = state(&[with(COURSE), with(other), draft(EventType::CourseGenerated, "", "{}")]);
        assert_eq!(state.course_id, Some(other.parse().unwrap()));
        assert_eq!(state.counts.course_generated, 3);
    }

    #[test]
    fn an_attempt_fits_its_column() {
        let state = state(&[draft(EventType::SessionStarted, "", r#"{"attempt":4294967295}"#)]);
        assert_eq!(state.attempts, i32::MAX as u32);
    }

    fn drafts() -> impl Strategy<Value = Vec<Draft>> {
        let kinds = select(EventType::ALL.to_vec());
        let data = select(vec![
            "".to_owned(),
            "{}".to_owned(),
            "7".to_owned(),
            format!(r#"{{"courseId":"{COURSE}"}}"#),
            r#"{"usage":{"promptTokens":3,"completionTokens":999999999},"error":"e"}"#.to_owned(),
            r#"{"provider":"p","model":"m","attempt":3}"#.to_owned(),
            r#"{"provider":7,"model":null,"attempt":1}"#.to_owned(),
        ]);
        vec((kinds, "[a-z]{0,3}", data).prop_map(|(kind, message, data)| draft(kind, &message, &data)), 0..40)
    }

    proptest! {
        /// However a log is cut into appends, its state is the same: the append statement adds the deltas of batches.
        #[test]
        fn a_state_does_not_depend_on_the_batches(drafts in drafts(), cuts in vec(1usize..10, 0..20)) {
            let mut by_batches = SessionState::default();
            let (mut rest, mut cuts) = (&drafts[..], cuts.into_iter());
            while !rest.is_empty() {
                let (batch, behind) = rest.split_at(cuts.next().unwrap_or(rest.len()).min(rest.len()));
                by_batches.apply(Delta::of(batch));
                rest = behind;
            }
            let events: Vec<Event> = (1..)
                .zip(drafts)
                .map(|(offset, draft)| {
                    let session_id = crate::event::SessionId::from_uuid(Uuid::nil());
                    draft.commit(session_id, crate::event::Offset::new(offset), chrono::DateTime::UNIX_EPOCH)
                })
                .collect();
            prop_assert_eq!(by_batches, SessionState::fold(&events));
        }
    }

    #[test]
    fn a_phase_is_read_as_it_is_written() {
        for phase in [Phase::Queued, Phase::Running, Phase::Completed, Phase::Failed, Phase::Cancelled] {
            assert_eq!(Phase::parse(phase.as_str()), Some(phase));
            assert_eq!(Status::new(phase, false).as_str(), phase.as_str());
            assert_eq!(Status::new(phase, false).is_ended(), phase.is_ended());
            assert_eq!(Status::new(phase, true), Status::Expired);
        }
        assert_eq!(Phase::parse("expired"), None);
    }
}
