//! Model vendors behind one trait. A provider answers one request with JSON text; it knows nothing of sessions, events or
//! the workflow, and it does not judge the answer: the caller checks it against the course rules.
//!
//! - [`openai`]: any OpenAI-compatible server. Owns its own deadlines and retries of 429, 5xx and cut connections.
//! - [`offline`]: no network and no key; a scaffold built from the topic.
//!
//! What happens inside a provider is told through `tracing` events at INFO and above; a run's log carries them to its reader,
//! so they are sentences for people and never hold keys or bodies.

mod offline;
mod openai;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::course::{LessonOutline, Outline};

pub use offline::Offline;
pub use openai::{OpenAi, OpenAiOptions, OpenAiSetupError};

/// One question to a model.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked for, as values: what a provider without a model works from.
    pub step: Step,
    /// What is asked for, in words: what a model works from.
    pub prompt: Prompt,
    pub schema: Schema,
    /// Let the model search the web where the provider can; where it cannot, answer without.
    pub search_web: bool,
}

#[derive(Clone, Debug)]
pub enum Step {
    Structure { topic: String },
    Lessons { topic: String, outline: Arc<Outline>, part_number: usize },
    Content { topic: String, outline: Arc<Outline>, part_number: usize, lesson: LessonOutline },
}

#[derive(Clone, Debug)]
pub struct Prompt {
    pub system: String,
    pub user: String,
}

/// A JSON Schema that the answer has to fit (the strict subset of OpenAI's structured outputs).
#[derive(Clone, Debug)]
pub struct Schema {
    pub name: &'static str,
    /// As text, because the order of the properties is the order in which a model writes them.
    pub schema: Box<RawValue>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// JSON text, unchecked.
    pub json: String,
    pub usage: Usage,
    /// The model that answered, as its server names it.
    pub model: String,
}

/// Tokens that the vendor counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
    }
}

/// Why there is no answer, in words for the person who started the run. All retries are over when a caller sees one.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// 401 or 403: asking again will not help.
    #[error("the model server refused the API key")]
    Unauthorized,
    /// Any other 4xx: the server does not take the request.
    #[error("the model server refused the request ({status}): {detail}")]
    Refused { status: u16, detail: String },
    /// 429 or 5xx to the last attempt.
    #[error("the model server stayed unavailable after {attempts} attempts ({status})")]
    Unavailable { status: u16, attempts: u32 },
    #[error("the model server could not be reached after {attempts} attempts: {detail}")]
    Unreachable { attempts: u32, detail: String },
    #[error("the model did not answer within {seconds} s")]
    TimedOut { seconds: u64 },
    /// The envelope around the answer is not what the protocol says, after all retries.
    #[error("the model server's answer could not be understood: {detail}")]
    Malformed { detail: String },
    /// `finish_reason: length`: the answer is cut. The usage was paid for.
    #[error("the model's answer was cut off at its length limit")]
    CutOff { usage: Usage },
    /// The model declined.
    #[error("the model declined to answer: {reason}")]
    Declined { reason: String, usage: Usage },
}

impl ProviderError {
    /// Whether the same request, perhaps reworded, may be answered on another try by the caller.
    #[must_use]
    pub const fn is_worth_rewording(&self) -> bool {
        match self {
            Self::CutOff { .. } | Self::Malformed { .. } | Self::Declined { .. } => true,
            Self::Unauthorized
            | Self::Refused { .. }
            | Self::Unavailable { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. } => false,
        }
    }

    /// The kind of failure in one word, for those who count them.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Refused { .. } => "refused",
            Self::Unavailable { .. } => "unavailable",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::Malformed { .. } => "malformed",
            Self::CutOff { .. } => "cut_off",
            Self::Declined { .. } => "declined",
        }
    }

    /// Tokens paid for although there is no answer.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match self {
            Self::CutOff { usage } | Self::Declined { usage, .. } => *usage,
            Self::Unauthorized
            | Self::Refused { .. }
            | Self::Unavailable { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. } => Usage::default(),
        }
    }
}

/// A source of answers. Dropping the future aborts the call.
pub trait Provider: Send + Sync {
    /// `openai` or `offline`.
    fn name(&self) -> &'static str;

    /// The model that will be asked.
    fn model(&self) -> &str;

    fn answer<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, ProviderError>>;
}
