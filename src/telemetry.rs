//! Logs and metrics of the process.
//!
//! Logs go to stderr: a readable message with fields. Fields that recur have one name everywhere: `session.id`,
//! `event.offset`, `duration_ms`, `error`. Prompts, keys and bodies are never logged.

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

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
    tracing_subscriber::registry().with(captures.layer()).with(lines.with_filter(filter)).try_init()?;
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
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), &EVENTS)?
        .install_recorder()
        .context("metrics")
}
