//! Chat completions with structured output. Not every compatible server takes `json_schema`: one that rejects it is asked for
//! `json_object`, then for plain text, with the schema in the prompt, and this is remembered for later calls.

use std::{borrow::Cow, sync::atomic::Ordering::Relaxed};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    OpenAi,
    json::{one_line, without_fence},
    retry::{CallError, retrying},
    transport::Failure,
};
use crate::provider::{Answer, ProviderError, Request, Usage};

/// How JSON is asked for, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Format {
    JsonSchema = 0,
    JsonObject = 1,
    Plain = 2,
}

impl Format {
    const fn from_u8(value: u8) -> Self {
        match value {
            0 => Self::JsonSchema,
            1 => Self::JsonObject,
            _ => Self::Plain,
        }
    }

    const fn next(self) -> Option<Self> {
        match self {
            Self::JsonSchema => Some(Self::JsonObject),
            Self::JsonObject => Some(Self::Plain),
            Self::Plain => None,
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::JsonSchema => "a JSON schema",
            Self::JsonObject => "JSON mode",
            Self::Plain => "plain text",
        }
    }

    /// Whether an error is about the format rather than about the rest of the request. `body` is in lower case.
    fn is_rejected_by(self, status: u16, body: &str) -> bool {
        self != Self::Plain
            && matches!(status, 400 | 422 | 501)
            && ["response_format", "json_schema", "json_object"].iter().any(|word| body.contains(word))
    }
}

impl OpenAi {
    pub(super) async fn answer_by_chat(&self, request: &Request) -> Result<Answer, ProviderError> {
        loop {
            let format = Format::from_u8(self.format.load(Relaxed));
            let body = bytes::Bytes::from(body(&self.model, request, format));
            let attempt = || async {
                let answered = self.transport.post(&self.chat_url, body.clone()).await;
                read(&answered.map_err(|failure| recognise(failure, format))?)
            };
            match (retrying(self.attempts_max, self.retry_delay_min, attempt).await, format.next()) {
                (Ok(answer), _) => return Ok(answer),
                (Err((CallError::FormatRejected { status, .. }, _)), Some(next)) => {
                    // `max`, because another call may already be further down.
                    self.format.fetch_max(next as u8, Relaxed);
                    tracing::warn!(
                        "the model server does not take {} ({status}); asking for {} from now on",
                        format.in_words(),
                        next.in_words()
                    );
                }
                (Err((error, attempts)), _) => return Err(error.into_provider_error(attempts)),
            }
        }
    }
}

fn recognise(failure: Failure, format: Format) -> CallError {
    match failure {
        Failure::Status { status, detail, body, .. } if format.is_rejected_by(status, &body) => {
            CallError::FormatRejected { status, detail }
        }
        failure => CallError::Failed(failure),
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
}

#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonSchema { json_schema: NamedSchema<'a> },
    JsonObject,
}

#[derive(Serialize)]
struct NamedSchema<'a> {
    name: &'a str,
    strict: bool,
    schema: &'a RawValue,
}

fn body(model: &str, request: &Request, format: Format) -> String {
    let schema = &request.schema;
    let system = &request.prompt.system;
    let (system, response_format) = match format {
        Format::JsonSchema => {
            let json_schema = NamedSchema { name: schema.name, strict: true, schema: &schema.schema };
            (Cow::from(system), Some(ResponseFormat::JsonSchema { json_schema }))
        }
        Format::JsonObject => (with_schema(system, &schema.schema), Some(ResponseFormat::JsonObject)),
        Format::Plain => (with_schema(system, &schema.schema), None),
    };
    let user = Cow::from(&request.prompt.user);
    let messages = [Message { role: "system", content: system }, Message { role: "user", content: user }];
    serde_json::to_string(&Body { model, messages, response_format }).expect("a request body serialises")
}

fn with_schema<'a>(system: &str, schema: &RawValue) -> Cow<'a, str> {
    format!(
        "{system}\n\nThe answer is one JSON object, without a code fence, that fits this JSON Schema:\n{}",
        schema.get()
    )
    .into()
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    model: String,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Choice {
    message: Reply,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// Reads the envelope. The answer in it is passed on as it is.
fn read(body: &[u8]) -> Result<Answer, CallError> {
    // serde's messages can quote what they found, and bodies are not shown: its category says enough.
    let completion: Completion = serde_json::from_slice(body)
        .map_err(|error| CallError::Malformed(format!("it is no chat completion: {:?} error", error.classify())))?;
    let usage = completion.usage.map_or_else(Usage::default, |tokens| Usage {
        prompt_tokens: tokens.prompt_tokens,
        completion_tokens: tokens.completion_tokens,
    });
    let Some(choice) = completion.choices.into_iter().next() else {
        return Err(CallError::Malformed("it holds no choice".to_owned()));
    };
    if let Some(reason) = choice.message.refusal.filter(|reason| !reason.trim().is_empty()) {
        return Err(CallError::Declined { reason: one_line(&reason), usage });
    }
    match choice.finish_reason.as_deref() {
        Some("length") => return Err(CallError::CutOff(usage)),
        Some("content_filter") => {
            return Err(CallError::Declined { reason: "its content filter stopped the answer".to_owned(), usage });
        }
        _ => {}
    }
    match choice.message.content {
        Some(content) if !content.trim().is_empty() => {
            Ok(Answer { json: without_fence(&content).to_owned(), usage, model: one_line(&completion.model) })
        }
        _ => Err(CallError::Malformed("it is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complaints_about_the_format_step_down() {
        let json_schema = Format::JsonSchema;
        assert!(json_schema.is_rejected_by(400, "'response_format.type' must be 'text'"));
        assert!(json_schema.is_rejected_by(422, "unknown variant json_schema"));
        assert!(json_schema.is_rejected_by(501, "response_format is not implemented"));
        assert!(!json_schema.is_rejected_by(400, "context length exceeded"));
        assert!(!json_schema.is_rejected_by(500, "response_format"));
        assert!(Format::JsonObject.is_rejected_by(400, "response_format"));
        assert!(!Format::Plain.is_rejected_by(400, "response_format"));
    }

    #[test]
    fn envelopes_are_told_apart() {
        let usage = Usage { prompt_tokens: 3, completion_tokens: 4 };
        let tokens = r#""usage":{"prompt_tokens":3,"completion_tokens":4}"#;
        let read = |choice: &str| read(format!(r#"{{"model":"m","choices":[{choice}],{tokens}}}"#).as_bytes());

        let answer = read(r#"{"message":{"content":"{}"},"finish_reason":"stop"}"#).expect("an answer");
        assert_eq!((answer.json.as_str(), answer.model.as_str(), answer.usage), ("{}", "m", usage));

        let cut = read(r#"{"message":{"content":"{"},"finish_reason":"length"}"#);
        assert!(matches!(cut, Err(CallError::CutOff(paid)) if paid == usage));
        let refusal = read(r#"{"message":{"content":null,"refusal":"I would\nrather not"},"finish_reason":"stop"}"#);
        assert!(matches!(refusal, Err(CallError::Declined { reason, .. }) if reason == "I would rather not"));
        let filtered = read(r#"{"message":{"content":""},"finish_reason":"content_filter"}"#);
        assert!(matches!(filtered, Err(CallError::Declined { .. })));
        for nonsense in ["", r#"{"message":{}}"#, r#"{"message":{"content":" "}}"#, "{}", "7"] {
            assert!(matches!(read(nonsense), Err(CallError::Malformed(_))), "{nonsense}");
        }
    }
}
