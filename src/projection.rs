//! The fold of a session's events: its status, counts, course, usage. Pure.
//!
//! There is one definition of what an event does to a session: [`Delta::of`]. The append transaction adds deltas to the
//! session's row; [`SessionState::fold`] adds them up in memory. `coursestream rebuild --check` holds the two against
//! each other.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Draft, Event, EventType};

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
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Projected {
    #[serde(deserialize_with = "lenient")]
    course_id: Option<Uuid>,
    #[serde(deserialize_with = "lenient")]
    error: Option<String>,
    #[serde(deserialize_with = "lenient")]
    provider: Option<String>,
    #[serde(deserialize_with = "lenient")]
    model: Option<String>,
    #[serde(deserialize_with = "lenient")]
    usage: Option<Tokens>,
    #[serde(deserialize_with = "lenient")]
    attempt: Option<u32>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Tokens {
    prompt_tokens: u32,
    completion_tokens: u32,
}

/// A field of another shape than ours is an outside producer's own, not an error.
fn lenient<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<T> {
        Ours(T),
        Theirs(serde::de::IgnoredAny),
    }
    Ok(match Option::<Either<T>>::deserialize(deserializer)? {
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
        self.prompt_tokens += u64::from(usage.prompt_tokens);
        self.completion_tokens += u64::from(usage.completion_tokens);
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
