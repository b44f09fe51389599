//! Which failures are worth another attempt, how long to wait before it, and what a reader of the log is told about it.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use super::{retry_after::DELAY_MAX, transport::Failure};
use crate::provider::{ProviderError, Usage};

/// Why one attempt gave no answer.
#[derive(Debug)]
pub(super) enum CallError {
    Failed(Failure),
    /// A 2xx answer whose envelope is not what the protocol says.
    Malformed(String),
    /// The server does not take the response format; another one may do.
    FormatRejected {
        status: u16,
        detail: String,
    },
    CutOff(Usage),
    Declined {
        reason: String,
        usage: Usage,
    },
}

impl CallError {
    fn is_worth_retrying(&self) -> bool {
        match self {
            Self::Failed(Failure::Status { status: 429, body, .. }) => !is_out_of_credit(body),
            Self::Failed(Failure::Status { status, .. }) => (500..=599).contains(status),
            Self::Failed(Failure::Unreachable(_) | Failure::Cut(_)) | Self::Malformed(_) => true,
            // The deadline is the caller's patience; a second one would double it.
            Self::Failed(Failure::TimedOut { .. } | Failure::TooLarge)
            | Self::FormatRejected { .. }
            | Self::CutOff(_)
            | Self::Declined { .. } => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed(Failure::Status { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }

    /// As the middle of a sentence about the model server. Without the server's own words: those of a failure that passes are noise.
    fn told(&self) -> String {
        match self {
            Self::Failed(Failure::Status { status, .. }) | Self::FormatRejected { status, .. } => {
                format!("answered {status}")
            }
            Self::Failed(Failure::Unreachable(cause)) => format!("could not be reached ({cause})"),
            Self::Failed(Failure::Cut(_)) => "broke off in the middle of its answer".to_owned(),
            Self::Failed(Failure::TooLarge) => "sent too large an answer".to_owned(),
            Self::Failed(Failure::TimedOut { seconds }) => format!("did not answer within {seconds} s"),
            Self::Malformed(detail) => format!("sent an answer that could not be understood ({detail})"),
            Self::CutOff(_) => "cut its answer off".to_owned(),
            Self::Declined { .. } => "declined to answer".to_owned(),
        }
    }

    /// What the caller sees after `attempts` attempts.
    pub(super) fn into_provider_error(self, attempts: u32) -> ProviderError {
        match self {
            Self::Failed(Failure::Status { status: 401 | 403, .. }) => ProviderError::Unauthorized,
            Self::Failed(Failure::Status { status: 429, detail, body, .. }) if is_out_of_credit(&body) => {
                ProviderError::Refused { status: 429, detail }
            }
            Self::Failed(Failure::Status { status, .. }) if status == 429 || status >= 500 => {
                ProviderError::Unavailable { status, attempts }
            }
            Self::Failed(Failure::Status { status, detail, .. }) | Self::FormatRejected { status, detail } => {
                ProviderError::Refused { status, detail }
            }
            Self::Failed(Failure::Unreachable(detail)) => ProviderError::Unreachable { attempts, detail },
            Self::Failed(Failure::Cut(cause)) => {
                ProviderError::Unreachable { attempts, detail: format!("its answer broke off ({cause})") }
            }
            Self::Failed(Failure::TooLarge) => ProviderError::Malformed { detail: "it is too large".to_owned() },
            Self::Failed(Failure::TimedOut { seconds }) => ProviderError::TimedOut { seconds },
            Self::Malformed(detail) => ProviderError::Malformed { detail },
            Self::CutOff(usage) => ProviderError::CutOff { usage },
            Self::Declined { reason, usage } => ProviderError::Declined { reason, usage },
        }
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// OpenAI answers 429 to an empty account too, and no waiting fills it.
fn is_out_of_credit(body: &str) -> bool {
    body.contains("insufficient_quota")
}

/// Runs `attempt` up to `attempts_max` times. An error comes with the number of attempts made.
pub(super) async fn retrying<T, F>(
    attempts_max: u32,
    delay_min: Duration,
    attempt: impl FnMut() -> F + Send,
) -> Result<T, (CallError, u32)>
where
    F: Future<Output = Result<T, CallError>> + Send,
{
    let delays = ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(delay_min)
        .with_max_delay(DELAY_MAX)
        .with_max_times(attempts_max.saturating_sub(1) as usize);
    let mut attempts = 1;
    let result = attempt
        .retry(delays)
        .when(CallError::is_worth_retrying)
        .adjust(|error, delay| delay.map(|delay| wait(error, delay)))
        .notify(|error, delay| {
            attempts += 1;
            tracing::warn!(
                "the model server {}; retrying in {} (attempt {attempts} of {attempts_max})",
                error.told(),
                in_words(delay)
            );
        })
        .await;
    result.map_err(|error| (error, attempts))
}

/// At least what the server asks for. The cap comes last, because backon adds its jitter after its own.
fn wait(error: &CallError, proposed: Duration) -> Duration {
    proposed.max(error.retry_after().unwrap_or_default()).min(DELAY_MAX)
}

fn in_words(delay: Duration) -> String {
    if delay < Duration::from_secs(1) {
        format!("{} ms", delay.as_millis())
    } else {
        format!("{:.0} s", delay.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, body: &str, retry_after: Option<Duration>) -> CallError {
        let detail = "detail".to_owned();
        CallError::Failed(Failure::Status { status, detail, body: body.to_owned(), retry_after })
    }

    #[test]
    fn an_empty_account_is_not_asked_again() {
        assert!(status(429, "slow down", None).is_worth_retrying());
        let empty = status(429, r#"{"error":{"code":"insufficient_quota"}}"#, None);
        assert!(!empty.is_worth_retrying());
        assert!(matches!(empty.into_provider_error(1), ProviderError::Refused { status: 429, .. }));
    }

    #[test]
    fn the_server_s_wish_is_the_least_that_is_waited() {
        let seconds = Duration::from_secs;
        assert_eq!(wait(&status(503, "", Some(seconds(40))), seconds(2)), seconds(40));
        assert_eq!(wait(&status(503, "", Some(seconds(1))), seconds(2)), seconds(2));
        assert_eq!(wait(&status(503, "", None), seconds(2)), seconds(2));
        assert_eq!(wait(&status(503, "", None), seconds(119)), seconds(60));
    }

    #[tokio::test]
    async fn attempts_are_counted_and_end() {
        let mut made = 0;
        let result = retrying(3, Duration::from_millis(1), || {
            made += 1;
            std::future::ready(Err::<(), _>(status(500, "", None)))
        })
        .await;
        assert!(matches!(result, Err((_, 3))));
        assert_eq!(made, 3);
    }
}
