//! Any server that speaks OpenAI's HTTP API. Owns the key, the deadlines, the retries and what a server turned out not to support;
//! refuses to judge an answer beyond its envelope. Keys, prompts and bodies are never logged.
//!
//! - `chat`: chat completions, and the steps down from `json_schema` where a server does not take it.
//! - `responses`: the Responses API, for answers with a web search; it is asked once, and where it fails `chat` answers.
//! - `transport`: one HTTP exchange within its deadline and its size.
//! - `retry`: which failures are worth another attempt, and when.

mod chat;
mod json;
mod responses;
mod retry;
mod retry_after;
mod transport;

use std::{sync::atomic::AtomicU8, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;

use self::transport::Transport;
use super::{Answer, Provider, ProviderError, Request, Usage};

/// What to call, and how patiently.
#[derive(Clone, Debug)]
pub struct OpenAiOptions {
    /// Sent as a bearer token. Servers of one's own often need none.
    pub api_key: Option<SecretString>,
    /// Up to and with the version, such as `https://api.openai.com/v1`; a slash at its end makes no difference.
    pub base_url: String,
    pub model: String,
    /// For one attempt, from connecting to the last byte of the answer.
    pub call_timeout: Duration,
    /// The first attempt counts; 0 is taken as 1.
    pub attempts_max: u32,
    /// Before the second attempt, without its jitter; doubled before each further one.
    pub retry_delay_min: Duration,
}

impl Default for OpenAiOptions {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: "https://api.openai.com/v1".to_owned(),
            model: "gpt-5-mini".to_owned(),
            call_timeout: Duration::from_secs(180),
            attempts_max: 4,
            retry_delay_min: Duration::from_secs(1),
        }
    }
}

/// The options cannot work. No message carries the key or the URL, which may hold one too.
#[derive(Debug, thiserror::Error)]
pub enum OpenAiSetupError {
    #[error("the model server's base URL must be an http or https URL without user name, password or fragment")]
    BaseUrl,
    #[error("the API key has characters that cannot be sent in a header")]
    ApiKey,
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

/// Asks a model server.
pub struct OpenAi {
    model: String,
    attempts_max: u32,
    retry_delay_min: Duration,
    transport: Transport,
    chat_url: reqwest::Url,
    responses_url: reqwest::Url,
    /// A [`chat::Format`], the best that the server has not rejected so far. It only ever goes down, so racing calls agree.
    format: AtomicU8,
}

impl OpenAi {
    /// # Errors
    ///
    /// Where the URL or the key cannot be used, or the system's certificates cannot be read.
    pub fn new(options: OpenAiOptions) -> Result<Self, OpenAiSetupError> {
        let key = options
            .api_key
            .map(|key| SecretString::from(key.expose_secret().trim()))
            .filter(|key| !key.expose_secret().is_empty());
        Ok(Self {
            chat_url: endpoint(&options.base_url, &["chat", "completions"])?,
            responses_url: endpoint(&options.base_url, &["responses"])?,
            transport: Transport::new(key, options.call_timeout)?,
            model: options.model,
            attempts_max: options.attempts_max.max(1),
            retry_delay_min: options.retry_delay_min,
            format: AtomicU8::new(chat::Format::JsonSchema as u8),
        })
    }
}

impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn answer<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, ProviderError>> {
        async move {
            let mut wasted = Usage::default();
            if request.search_web {
                let why = match self.answer_with_search(request).await {
                    // Judged here as far as that: what is not JSON at all would only be asked for again, by chat.
                    Ok(answer) if serde_json::from_str::<IgnoredAny>(&answer.json).is_ok() => return Ok(answer),
                    Ok(answer) => {
                        wasted = answer.usage;
                        "the answer is not JSON".to_owned()
                    }
                    Err(error) => {
                        wasted = error.usage();
                        error.to_string()
                    }
                };
                tracing::warn!("web search failed ({why}); generation goes on without it");
            }
            // What the failed search cost was paid for, whatever comes of the chat.
            match self.answer_by_chat(request).await {
                Ok(mut answer) => {
                    answer.usage += wasted;
                    Ok(answer)
                }
                Err(ProviderError::CutOff { mut usage }) => {
                    usage += wasted;
                    Err(ProviderError::CutOff { usage })
                }
                Err(ProviderError::Declined { reason, mut usage }) => {
                    usage += wasted;
                    Err(ProviderError::Declined { reason, usage })
                }
                Err(error) => Err(error),
            }
        }
        .boxed()
    }
}

/// A query in the base URL is kept: some gateways take their version there.
fn endpoint(base_url: &str, path: &[&str]) -> Result<reqwest::Url, OpenAiSetupError> {
    let mut url = reqwest::Url::parse(base_url.trim()).map_err(|_| OpenAiSetupError::BaseUrl)?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !is_plain {
        return Err(OpenAiSetupError::BaseUrl);
    }
    url.path_segments_mut().map_err(|()| OpenAiSetupError::BaseUrl)?.pop_if_empty().extend(path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat_url(base_url: &str) -> Option<String> {
        endpoint(base_url, &["chat", "completions"]).ok().map(|url| url.to_string())
    }

    #[test]
    fn a_slash_at_the_end_of_the_base_url_makes_no_difference() {
        let expected = Some("http://localhost:1234/v1/chat/completions".to_owned());
        assert_eq!(chat_url("http://localhost:1234/v1"), expected);
        assert_eq!(chat_url("http://localhost:1234/v1/"), expected);
        assert_eq!(chat_url("http://localhost:1234"), Some("http://localhost:1234/chat/completions".to_owned()));
        assert_eq!(chat_url("https://h/v1?v=2"), Some("https://h/v1/chat/completions?v=2".to_owned()));
    }

    #[test]
    fn base_urls_that_cannot_work_are_refused() {
        for url in ["", "localhost:1234/v1", "/v1", "ftp://host/v1", "http://user:secret@host/v1", "http://host/#x"] {
            assert_eq!(chat_url(url), None, "{url}");
        }
    }

    #[test]
    fn the_key_is_never_shown() {
        let options = OpenAiOptions { api_key: Some("sk-secret".into()), ..OpenAiOptions::default() };
        assert!(!format!("{options:?}").contains("sk-secret"));
        let options = OpenAiOptions { api_key: Some("sk-\nsecret".into()), ..OpenAiOptions::default() };
        let error = OpenAi::new(options).err().expect("a line break cannot be sent");
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
}
