//! The Responses API with its web search tool. Asked once, and without retries: where it fails, for whatever reason, plain chat
//! answers, and that costs no more than asking here again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    OpenAi,
    chat::Message,
    json::{one_line, without_fence},
    retry::CallError,
};
use crate::provider::{Answer, ProviderError, Request, Usage};

impl OpenAi {
    pub(super) async fn answer_with_search(&self, request: &Request) -> Result<Answer, ProviderError> {
        let body = bytes::Bytes::from(body(&self.model, request));
        let answered = self.transport.post(&self.responses_url, body).await.map_err(CallError::Failed);
        answered.and_then(|body| read(&body)).map_err(|error| error.into_provider_error(1))
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: [Message<'a>; 2],
    tools: [Tool; 1],
    text: TextOptions<'a>,
    /// Nothing is asked for twice, so the server need not keep it.
    store: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Tool {
    WebSearch,
}

#[derive(Serialize)]
struct TextOptions<'a> {
    format: TextFormat<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum TextFormat<'a> {
    JsonSchema { name: &'a str, strict: bool, schema: &'a RawValue },
}

fn body(model: &str, request: &Request) -> String {
    let schema = &request.schema;
    let body = Body {
        model,
        input: [
            Message { role: "system", content: Cow::from(&request.prompt.system) },
            Message { role: "user", content: Cow::from(&request.prompt.user) },
        ],
        tools: [Tool::WebSearch],
        text: TextOptions {
            format: TextFormat::JsonSchema { name: schema.name, strict: true, schema: &schema.schema },
        },
        store: false,
    };
    serde_json::to_string(&body).expect("a request body serialises")
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    model: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    incomplete_details: Option<IncompleteDetails>,
    output: Vec<Item>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct IncompleteDetails {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    Message {
        content: Vec<Piece>,
    },
    /// Searches, reasoning, and whatever the API grows.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    OutputText {
        text: String,
    },
    Refusal {
        refusal: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
}

/// Reads the envelope. The answer in it is passed on as it is.
fn read(body: &[u8]) -> Result<Answer, CallError> {
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|error| CallError::Malformed(format!("it is no response: {:?} error", error.classify())))?;
    let usage = envelope.usage.map_or_else(Usage::default, |tokens| Usage {
        prompt_tokens: tokens.input_tokens,
        completion_tokens: tokens.output_tokens,
    });
    let mut text = String::new();
    for item in envelope.output {
        let Item::Message { content } = item else { continue };
        for piece in content {
            match piece {
                Piece::OutputText { text: more } => text.push_str(&more),
                Piece::Refusal { refusal } => {
                    return Err(CallError::Declined { reason: one_line(&refusal), usage });
                }
                Piece::Other => {}
            }
        }
    }
    match envelope.status.as_deref() {
        None | Some("completed") => {}
        Some("incomplete") => {
            let reason = envelope.incomplete_details.and_then(|details| details.reason);
            return Err(match reason.as_deref() {
                Some("content_filter") => {
                    CallError::Declined { reason: "its content filter stopped the answer".to_owned(), usage }
                }
                _ => CallError::CutOff(usage),
            });
        }
        Some(status) => return Err(CallError::Malformed(format!("its status is {}", one_line(status)))),
    }
    Ok(Answer { json: without_fence(&text).to_owned(), usage, model: one_line(&envelope.model) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        serde_json::json!({"type": "message", "content": [{"type": "output_text", "text": text}]}).to_string()
    }

    #[test]
    fn the_answer_stands_among_other_items() {
        let search = r#"{"type":"web_search_call","id":"ws_1","status":"completed"}"#;
        let usage = r#"{"input_tokens":5,"output_tokens":6,"total_tokens":11}"#;
        let body =
            format!(r#"{{"model":"m","status":"completed","output":[{search},{}],"usage":{usage}}}"#, message("{}"));
        let answer = read(body.as_bytes()).expect("an answer");
        assert_eq!(answer.json, "{}");
        assert_eq!(answer.usage, Usage { prompt_tokens: 5, completion_tokens: 6 });
    }

    #[test]
    fn whatever_is_no_whole_answer_is_an_error() {
        let cut = format!(r#"{{"status":"incomplete","output":[{}]}}"#, message("{"));
        assert!(matches!(read(cut.as_bytes()), Err(CallError::CutOff(_))));
        let failed = r#"{"status":"failed","output":[],"error":{"message":"x"}}"#;
        assert!(matches!(read(failed.as_bytes()), Err(CallError::Malformed(_))));
        let refusal = r#"{"output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]}"#;
        assert!(matches!(read(refusal.as_bytes()), Err(CallError::Declined { .. })));
        assert!(matches!(read(b"<html>"), Err(CallError::Malformed(_))));
    }
}
