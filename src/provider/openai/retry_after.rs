//! What a `Retry-After` header asks for.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Neither our own patience nor a server's `Retry-After` makes a run wait longer than this.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(60);

/// How long a `Retry-After` header asks to wait (RFC 9110, section 10.2.3: seconds, or an HTTP-date), capped at a minute.
pub(super) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that overflow are a long time too.
        return Some(value.parse().map_or(DELAY_MAX, Duration::from_secs).min(DELAY_MAX));
    }
    // IMF-fixdate is an RFC 2822 date. The two obsolete forms have not been sent for decades.
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or_default().min(DELAY_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(value: &str) -> Option<Duration> {
        let now = DateTime::parse_from_rfc3339("2015-10-21T07:28:00Z").expect("a time").to_utc();
        retry_after(value, now)
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(after("0"), seconds(0));
        assert_eq!(after(" 7 "), seconds(7));
        assert_eq!(after("3600"), seconds(60));
        assert_eq!(after("99999999999999999999999999"), seconds(60));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:30 GMT"), seconds(30));
        assert_eq!(after("Wed, 21 Oct 2015 07:27:00 GMT"), seconds(0));
        assert_eq!(after("Thu, 22 Oct 2015 07:28:00 GMT"), seconds(60));
        for nonsense in ["", "-1", "+5", "soon", "1.5", "Wed, 99 Oct 2015 07:28:30 GMT"] {
            assert_eq!(after(nonsense), None, "{nonsense:?}");
        }
    }

    proptest! {
        #[test]
        fn no_retry_after_is_longer_than_a_minute(value in ".{0,40}|[0-9]{1,40}") {
            prop_assert!(after(&value).unwrap_or_default() <= DELAY_MAX);
        }
    }
}
