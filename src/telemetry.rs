//! Logs and metrics of the process.
//!
//! Logs go to stderr: a readable message with fields. Fields that recur have one name everywhere: `session.id`,
//! `event.offset`, `duration_ms`, `error`. Prompts, keys and bodies are never logged.

use std::time::Duration;

use anyhow::Context;
use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{config::LogArgs, generation::Captures};

/// Sets up the process's logging, and the capture of what is logged inside runs.
///
/// # Errors
///
/// When the filter is not valid, or logging was set up before.
pub fn init_logging(args: &LogArgs, captures: &Captures) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&args.log).context("--log: not a valid filter")?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if args.log_json { lines.json().boxed() } else { lines.boxed() };
    // Without a filter of its own the capture would make every library's trace lines be looked at, on every frame.
    tracing_subscriber::registry()
        .with(captures.layer().with_filter(LevelFilter::INFO))
        .with(lines.with_filter(filter))
        .try_init()?;
    Ok(())
}

/// Bucket bounds, in seconds, of everything that measures a delay.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
const EVENTS: [f64; 8] = [1.0, 2.0, 5.0, 20.0, 100.0, 500.0, 2_000.0, 4_096.0];

/// Sets up the process's metrics; the handle renders them in Prometheus' text format.
///
/// # Errors
///
/// When metrics were set up before.
pub fn init_metrics() -> anyhow::Result<PrometheusHandle> {
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), &EVENTS)?
        .install_recorder()
        .context("metrics")?;
    describe_metrics();
    // A rate shows its first increase only where there was a value before.
    for outcome in ["valid", "invalid", "failed", "cancelled"] {
        metrics::counter!("coursestream_model_calls_total", "outcome" => outcome).absolute(0);
    }
    for kind in ["prompt", "completion"] {
        metrics::counter!("coursestream_model_tokens_total", "kind" => kind).absolute(0);
    }
    Ok(prometheus)
}

/// What each metric says. One that is measured and stands not here is a mistake, which a test finds.
fn describe_metrics() {
    for (name, unit, help) in [
        ("append_batch_events", Unit::Count, "Events that were committed together"),
        ("append_commit_seconds", Unit::Seconds, "Time of one append transaction, with its flush"),
        ("delivery_seconds", Unit::Seconds, "Age of a live event when it is handed to a client's connection"),
        ("wakeup_seconds", Unit::Seconds, "Time that the node's own probe takes through NOTIFY"),
    ] {
        metrics::describe_histogram!(format!("coursestream_{name}"), unit, help);
    }
    for (name, help) in [
        ("connections", "Connections of clients, by transport"),
        ("database_connections", "Connections of the pool"),
        ("database_connections_idle", "Connections of the pool that nobody uses"),
        ("limit_buckets", "Addresses and callers whose rate is watched at the moment"),
        ("oldest_unsealed_seconds", "Since when the ended session that waits longest for its seal waits"),
        ("runs_queued", "Runs that wait, on all nodes together"),
        ("runs_running", "Runs of this node"),
        ("seal_position", "Length of the chain of seals: it never gets shorter"),
        ("sessions_unsealed", "Ended sessions without a seal, counted up to 10,000"),
        ("wakeups_arriving", "1 where wake-ups from other nodes arrive, 0 where the log is polled"),
    ] {
        metrics::describe_gauge!(format!("coursestream_{name}"), help);
    }
    for (name, help) in [
        ("accesses_recorded_total", "Reads through the endpoints for auditors that are in the access trail"),
        ("events_appended_total", "Events that this node committed"),
        ("events_replayed_total", "Events that were read from the log for those who follow"),
        ("feed_reads_total", "Reads of the log for those who follow"),
        ("limited_total", "What was refused or made to wait because one caller had too much, by limit"),
        ("joins_total", "Joins of clients, recorded and dropped: statistics for analysts"),
        ("model_calls_total", "Model calls, by outcome: valid, invalid, failed or cancelled"),
        ("model_tokens_total", "Tokens that models counted, by kind"),
        ("partitions_archived_total", "Partitions that were moved into the archive"),
        ("partitions_dropped_total", "Partitions that were dropped at the end of the history retention"),
        ("runs_taken_over_total", "Runs that this node went on with where another had left them"),
        ("sessions_expired_total", "Sessions whose time to be joined is over"),
        ("sessions_sealed_total", "Sessions that this node gave their seals"),
    ] {
        metrics::describe_counter!(format!("coursestream_{name}"), help);
    }
}

const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Folds measured values into their buckets until told to stop. Until that is done every single one is kept, and a node that
/// nobody scrapes would keep them for ever.
pub async fn upkeep(prometheus: PrometheusHandle, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(UPKEEP_EVERY) => prometheus.run_upkeep(),
        }
    }
}
