//! The summary for the page, against the model of the made-up history.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    model::{FROM_MS, HOUR_MS, History, Run, moment},
    questions::{open_from, percentile},
};
use crate::support::{api::Api, database::Database, service::Service};

const PATH: &str = "/api/v1/analytics/summary";

fn time(ms: i64) -> String {
    moment(ms).to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn query(from: i64, to: i64, bucket: &str) -> String {
    format!("{PATH}?from={}&to={}&bucket={bucket}", time(from), time(to))
}

fn expected(history: &History, from: i64, to: i64) -> Value {
    let within = |at: i64| (from..to).contains(&at);
    let ended: Vec<&Run> = history.runs.iter().filter(|run| run.ended_ms.is_some_and(within)).collect();
    let how_many = |status| ended.iter().filter(|run| run.is(status)).count();
    let open_from = open_from(history);
    let before = open_from.range(..=from).next_back().map_or(0, |(_, open)| *open);
    let open_max = open_from.range(from + 1..to).map(|(_, open)| *open).max().unwrap_or(0).max(before);
    let mut figures = json!({
        "started": history.runs.iter().filter(|run| within(run.started_ms)).count(),
        "completed": how_many("completed"),
        "failed": how_many("failed"),
        "cancelled": how_many("cancelled"),
        "events": ended.iter().map(|run| run.events.len()).sum::<usize>(),
        "promptTokens": ended.iter().map(|run| run.prompt_tokens).sum::<u64>(),
        "completionTokens": ended.iter().map(|run| run.completion_tokens).sum::<u64>(),
        "openMax": open_max,
    });
    let durations = |fraction| percentile(ended.iter().filter_map(|run| run.duration_ms()), fraction);
    if !ended.is_empty() {
        figures["durationMs"] = json!({"p50": durations(0.5), "p95": durations(0.95), "p99": durations(0.99)});
    }
    figures
}

/// Numbers as they are written may differ in their last digit.
fn assert_figures(mut is: Value, mut wanted: Value, what: &str) {
    let (took, expected) = (is["durationMs"].take(), wanted["durationMs"].take());
    assert_eq!(is, wanted, "{what}");
    for percentile in ["p50", "p95", "p99"] {
        let [took, expected] = [&took, &expected].map(|durations| durations[percentile].as_f64());
        let is_close =
            took.zip(expected).is_none_or(|(took, expected)| (took - expected).abs() < 1e-6 * expected.max(1.0));
        assert!(
            took.is_some() == expected.is_some() && is_close,
            "{what}, {percentile}: {took:?}, expected {expected:?}"
        );
    }
}

#[tokio::test]
async fn the_summary_says_what_the_history_says() {
    let history = History::shared().await;
    let service = Service::start(&history.database).await;
    let api = Api::of(&service);
    // All of it; an odd span in odd buckets, whose last is cut short; one before there was anything.
    for (from, to, bucket, width) in [
        (FROM_MS, FROM_MS + 74 * HOUR_MS, "1h", HOUR_MS),
        (FROM_MS + 20 * HOUR_MS + 1_234, FROM_MS + 31 * HOUR_MS + 77, "1000s", 1_000_000),
        (FROM_MS - 10 * HOUR_MS, FROM_MS - 5 * HOUR_MS, "2h", 2 * HOUR_MS),
    ] {
        let (status, summary) = api.get(&query(from, to, bucket)).await;
        assert_eq!(status, StatusCode::OK, "{summary}");
        assert_eq!((&summary["from"], &summary["to"]), (&json!(time(from)), &json!(time(to))));
        assert_eq!(summary["bucketSeconds"], json!(width / 1_000));
        let mut starts = from;
        for bucket in summary["buckets"].as_array().unwrap() {
            let mut figures = bucket.clone();
            assert_eq!(figures.as_object_mut().unwrap().remove("start"), Some(json!(time(starts))));
            assert_figures(figures, expected(history, starts, to.min(starts + width)), &time(starts));
            starts += width;
        }
        assert!(starts >= to && starts - width < to, "the buckets are the span");
        assert_figures(summary["total"].clone(), expected(history, from, to), "the whole span");
    }
}

#[tokio::test]
async fn a_run_shows_in_the_summary_of_today() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let run = api.wait_for_end(&session).await;
    let (status, summary) = api.get(PATH).await;
    assert_eq!(status, StatusCode::OK, "{summary}");
    assert_eq!(summary["bucketSeconds"], 900);
    let total = &summary["total"];
    assert_eq!((&total["started"], &total["completed"], &total["failed"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!((&total["events"], &total["openMax"]), (&run["lastOffset"], &json!(1)));
    assert_eq!(total["durationMs"]["p99"].as_f64(), run["durationMs"].as_f64());
}

#[tokio::test]
async fn what_is_no_span_is_refused() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    for (query, rule) in [
        ("from=yesterday", "from: "),
        ("to=1", "to: "),
        ("from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", "from: must be before to"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from: must be before to"),
        ("bucket=0s", "bucket: must be whole seconds"),
        ("bucket=1500ms", "bucket: must be whole seconds"),
        ("bucket=often", "bucket: must be whole seconds"),
        ("bucket=%00", "bucket: must be whole seconds"),
        ("bucket=1s", "bucket: must be so wide that there are at most 1000"),
        ("from=0001-01-01T00:00:00Z", "bucket: must be so wide"),
        ("from=-5000-01-01T00:00:00Z&to=-4999-01-01T00:00:00Z&bucket=30d", "from: must be in the years from 1 to 9999"),
        (
            "from=2026-01-01T00:00:00Z&to=%2B10000-01-01T00:00:00Z&bucket=99999d",
            "to: must be in the years from 1 to 9999",
        ),
    ] {
        let (status, problem) = api.get(&format!("{PATH}?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {problem}");
        assert_eq!(problem["code"], "bad_request", "{query}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(rule), "{query}: {detail}");
    }
    // The ends of time as far as they can be written.
    let (status, summary) = api.get(&format!("{PATH}?from=9999-12-31T23:59:00Z&to=9999-12-31T23:59:59Z")).await;
    assert_eq!(status, StatusCode::OK, "{summary}");
    let (status, summary) = api.get(&format!("{PATH}?from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z")).await;
    assert_eq!(status, StatusCode::OK, "{summary}");
}
