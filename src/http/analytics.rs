//! What happened in a span of time, for the page and for whoever draws it.

use std::{ops::RangeInclusive, time::Duration};

use chrono::{DateTime, Datelike, DurationRound, TimeDelta, Utc};
use poem_openapi::{
    Object, OpenApi,
    param::Query,
    registry::MetaSchema,
    types::{ParseError, ParseFromParameter, ParseResult, ToJSON},
};
use serde_json::json;

use super::{
    Http, errors,
    example::{self, example},
    reply::Reply,
    timestamp,
};
use crate::{
    auth::policy::Action,
    refused,
    store::{Activity, ActivityReport, Percentiles, Span},
    wire::{ErrorCode, Identity, Problem, Tag, param_type},
};

const BUCKETS_MAX: u64 = 1_000;
/// What is asked for when nothing is said.
const SPAN_DEFAULT: TimeDelta = TimeDelta::hours(24);
/// Widths of buckets that are chosen when none is asked for: the narrowest that gives no more buckets than
/// [`BUCKETS_WANTED`].
const WIDTHS: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(6 * 3_600),
    Duration::from_secs(24 * 3_600),
];
const BUCKETS_WANTED: u64 = 100;
/// What RFC 3339 can write, and so what can be asked for and answered.
const YEARS: RangeInclusive<i32> = 1..=9_999;

pub(super) struct AnalyticsApi {
    pub(super) http: Http,
}

/// What happened in a span of time, bucket by bucket.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
struct ActivitySummary {
    #[oai(serialize_with = "timestamp::millis")]
    from: DateTime<Utc>,
    /// Not part of the span itself.
    #[oai(serialize_with = "timestamp::millis")]
    to: DateTime<Utc>,
    /// Width of the buckets; the last may be cut short by `to`.
    bucket_seconds: u64,
    /// Every bucket of the span, in order, the empty ones too.
    buckets: Vec<Bucket>,
    /// The span as a whole.
    total: Figures,
}

/// What happened in a bucket.
#[derive(Object)]
#[oai(example)]
struct Bucket {
    /// The beginning of the bucket.
    #[oai(serialize_with = "timestamp::millis")]
    start: DateTime<Utc>,
    #[oai(flatten)]
    figures: Figures,
}

/// Sessions of a bucket or of the span. What ended is told where it ended, whenever it was started.
#[derive(Object)]
#[oai(example, rename_all = "camelCase", rename = "ActivityFigures", skip_serializing_if_is_none)]
struct Figures {
    /// Sessions that were started.
    started: u64,
    /// Sessions that completed.
    completed: u64,
    /// Sessions that failed.
    failed: u64,
    /// Sessions that were cancelled.
    cancelled: u64,
    /// Events in the logs of the sessions that ended.
    events: u64,
    /// Tokens of the prompts of the sessions that ended.
    prompt_tokens: u64,
    /// Tokens of the answers to them.
    completion_tokens: u64,
    /// The most sessions that were open, queued or running, at one moment.
    open_max: u64,
    /// How long the sessions that ended took from their start; absent where none ended.
    duration_ms: Option<DurationPercentiles>,
}

/// Percentiles in milliseconds.
#[derive(Object)]
#[oai(example)]
struct DurationPercentiles {
    p50: f64,
    p95: f64,
    p99: f64,
}

example!(DurationPercentiles { "p50": 41_250.0, "p95": 97_800.0, "p99": 121_030.0 });

example!(Figures {
    "started": 34, "completed": 31, "failed": 2, "cancelled": 1, "events": 1_360, "promptTokens": 452_200,
    "completionTokens": 581_400, "openMax": 4, "durationMs": DurationPercentiles::example().to_json(),
});

example!(Bucket {
    "start": "2026-01-31T12:00:00.000Z",
    "started": 34, "completed": 31, "failed": 2, "cancelled": 1, "events": 1_360, "promptTokens": 452_200,
    "completionTokens": 581_400, "openMax": 4, "durationMs": DurationPercentiles::example().to_json(),
});

example!(ActivitySummary {
    "from": "2026-01-31T12:00:00.000Z",
    "to": "2026-01-31T13:00:00.000Z",
    "bucketSeconds": 3_600,
    "buckets": [Bucket::example().to_json()],
    "total": Figures::example().to_json(),
});

/// Width of a bucket: so many seconds, minutes, hours or days.
#[derive(Clone, Copy, Debug)]
struct Width(Duration);

param_type!(
    Width,
    "string(duration)",
    MetaSchema {
        pattern: Some("^[1-9][0-9]{0,4}[smhd]$".to_owned()),
        example: Some(json!("1h")),
        ..MetaSchema::new("string")
    }
);

impl ParseFromParameter for Width {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        parse_width(value).ok_or_else(|| ParseError::custom("must be whole seconds, written like 30s, 5m, 1h or 1d"))
    }
}

fn parse_width(text: &str) -> Option<Width> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let is_number = number.len() <= 5 && number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    let number: u64 = number.parse().ok().filter(|_| is_number)?;
    Some(Width(Duration::from_secs(number * seconds)))
}

#[OpenApi(prefix_path = "/api/v1/analytics", tag = "Tag::Analytics")]
impl AnalyticsApi {
    /// What happened in a span of time
    ///
    /// Sessions started and ended, what they took and how many were open at once, in buckets of the same width: 1,000 at most.
    /// Buckets begin at `from`.
    #[oai(path = "/summary", method = "get", operation_id = "getActivitySummary")]
    async fn summary(
        &self,
        identity: Identity,
        /// The beginning of the span; 24 hours before `to` where it is absent.
        #[oai(example = "example::moment")]
        from: Query<Option<DateTime<Utc>>>,
        /// The end of the span, which is not part of it; now where it is absent.
        #[oai(example = "example::an_hour_later")]
        to: Query<Option<DateTime<Utc>>>,
        /// Width of the buckets: so many seconds, minutes, hours or days. Where it is absent, one is chosen that gives up to 100
        /// buckets.
        bucket: Query<Option<Width>>,
    ) -> Result<Reply<ActivitySummary>, refused![BadRequest]> {
        identity.may_at_all(Action::SeeActivity)?;
        let span = read_span(from.0, to.0, bucket.0, Utc::now());
        let span = span.map_err(|rule| Problem::new(ErrorCode::BadRequest, rule))?;
        let report = self.http.store.activity(span).await.map_err(errors::store)?;
        Ok(Reply::new(&ActivitySummary::new(span, report)))
    }
}

fn read_span(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    bucket: Option<Width>,
    now: DateTime<Utc>,
) -> Result<Span, String> {
    // As timestamps are shown: a span that is asked for again by what was answered is the same span.
    let whole = |moment: DateTime<Utc>| moment.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(moment);
    let to = whole(to.unwrap_or(now));
    let from = match from {
        Some(from) => whole(from),
        None => to.checked_sub_signed(SPAN_DEFAULT).ok_or("to: is too early")?,
    };
    for (name, moment) in [("from", from), ("to", to)] {
        if !YEARS.contains(&moment.year()) {
            return Err(format!("{name}: must be in the years from {} to {}", YEARS.start(), YEARS.end()));
        }
    }
    let length = (to - from).to_std().ok().filter(|length| !length.is_zero()).ok_or("from: must be before to")?;
    let buckets = |width: Duration| length.as_millis().div_ceil(width.as_millis().max(1));
    let bucket = match bucket {
        Some(Width(width)) => width,
        None => {
            let fits = |width: &Duration| buckets(*width) <= u128::from(BUCKETS_WANTED);
            WIDTHS.into_iter().find(fits).unwrap_or(WIDTHS[WIDTHS.len() - 1])
        }
    };
    let wanted = buckets(bucket);
    if wanted > u128::from(BUCKETS_MAX) {
        return Err(format!("bucket: must be so wide that there are at most {BUCKETS_MAX} of them, not {wanted}"));
    }
    Ok(Span { from, to, bucket })
}

impl ActivitySummary {
    fn new(span: Span, report: ActivityReport) -> Self {
        let buckets = report.buckets.into_iter().map(|(start, activity)| Bucket { start, figures: activity.into() });
        Self {
            from: span.from,
            to: span.to,
            bucket_seconds: span.bucket.as_secs(),
            buckets: buckets.collect(),
            total: report.total.into(),
        }
    }
}

impl From<Activity> for Figures {
    fn from(activity: Activity) -> Self {
        Self {
            started: activity.started,
            completed: activity.completed,
            failed: activity.failed,
            cancelled: activity.cancelled,
            events: activity.events,
            prompt_tokens: activity.usage.prompt_tokens,
            completion_tokens: activity.usage.completion_tokens,
            open_max: activity.open_max,
            duration_ms: activity.duration.map(|Percentiles { p50_ms, p95_ms, p99_ms }| DurationPercentiles {
                p50: p50_ms,
                p95: p95_ms,
                p99: p99_ms,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn read(from: &str, to: &str, bucket: Option<&str>) -> Result<u64, String> {
        let bucket = bucket.map(|text| parse_width(text).unwrap());
        read_span(Some(at(from)), Some(at(to)), bucket, at("2026-01-31T00:00:00Z")).map(|span| span.bucket.as_secs())
    }

    #[test]
    fn nothing_said_is_the_last_day() {
        let span = read_span(None, None, None, at("2026-01-31T12:00:00.123456Z")).unwrap();
        assert_eq!((span.from, span.to), (at("2026-01-30T12:00:00.123Z"), at("2026-01-31T12:00:00.123Z")));
        assert_eq!(span.bucket, Duration::from_secs(15 * 60));
    }

    #[test]
    fn a_width_is_chosen_that_gives_no_crowd() {
        for (to, width) in [
            ("2026-01-01T00:00:01Z", 60),
            ("2026-01-01T01:40:00Z", 60),
            ("2026-01-01T01:40:01Z", 300),
            ("2026-01-02T00:00:00Z", 900),
            ("2026-01-05T00:00:00Z", 3_600),
            ("2026-01-20T00:00:00Z", 21_600),
            ("2026-06-01T00:00:00Z", 86_400),
        ] {
            assert_eq!(read("2026-01-01T00:00:00Z", to, None), Ok(width), "{to}");
        }
    }

    #[test]
    fn what_is_no_span_is_refused_by_name() {
        let day = |bucket| read("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", bucket);
        assert_eq!(day(Some("1h")), Ok(3_600));
        assert_eq!(day(Some("90s")), Ok(90));
        for text in ["", "s", "0s", "01s", "1", "-1h", "1.5h", "1500ms", "soon", "100000s", "1h ", "1\u{e4}", "\u{0}"] {
            assert!(parse_width(text).is_none(), "{text}");
        }
        assert_eq!(parse_width("99999d").unwrap().0.as_secs(), 99_999 * 86_400);
        assert_eq!(
            day(Some("86s")).unwrap_err(),
            "bucket: must be so wide that there are at most 1000 of them, not 1005"
        );
        for to in ["2026-01-01T00:00:00Z", "2025-12-31T00:00:00Z"] {
            assert_eq!(read("2026-01-01T00:00:00Z", to, None).unwrap_err(), "from: must be before to");
        }
        for (from, to, name) in [
            ("-5000-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "from"),
            ("0000-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "from"),
            ("2026-01-01T00:00:00Z", "+10000-01-01T00:00:00Z", "to"),
        ] {
            let rule = format!("{name}: must be in the years from 1 to 9999");
            assert_eq!(read(from, to, Some("99999d")).unwrap_err(), rule);
        }
        let age = read("0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", None).unwrap_err();
        assert!(age.starts_with("bucket: "), "{age}");
    }
}
