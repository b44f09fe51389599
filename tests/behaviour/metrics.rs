//! What a node says about itself in Prometheus' text format.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;

use crate::support::{
    api::Api,
    database::Database,
    service::Service,
    socket::Socket,
    sse::{Resume, Sse},
};

struct Metrics {
    /// Sums over labels, by name.
    values: BTreeMap<String, f64>,
    /// Help, by family.
    help: BTreeMap<String, String>,
    kinds: BTreeMap<String, String>,
}

impl Metrics {
    async fn of(service: &Service) -> Self {
        let response = reqwest::get(service.url("/metrics")).await.unwrap();
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
        let mut metrics = Self { values: BTreeMap::new(), help: BTreeMap::new(), kinds: BTreeMap::new() };
        for line in response.text().await.unwrap().lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                metrics.help.insert(name.to_owned(), help.to_owned());
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                metrics.kinds.insert(name.to_owned(), kind.to_owned());
            } else {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let name = name.split('{').next().unwrap();
                *metrics.values.entry(name.to_owned()).or_default() += value.parse::<f64>().unwrap();
            }
        }
        metrics
    }

    fn value(&self, name: &str) -> f64 {
        *self.values.get(&format!("coursestream_{name}")).unwrap_or_else(|| panic!("{name}: {:?}", self.values))
    }
}

#[tokio::test]
async fn a_node_counts_what_it_does_and_explains_every_figure() {
    let database = Database::create().await;
    let settings = [
        "--offline-pace",
        "50ms",
        "--session-ttl",
        "1s",
        "--prune-every",
        "1s",
        "--partition-width",
        "1s",
        "--lease-ttl",
        "1s",
        "--calls-per-run",
        "1",
    ];
    let other = Service::start_with(&database, &settings).await;
    let session = Api::of(&other).generate("Beekeeping").await;
    Api::of(&other).wait_for(&session, |summary| summary["counts"]["success"].as_u64() >= Some(1)).await;
    let node = Service::start_with(&database, &settings).await;
    let before = Api::of(&node).events(&session).await.len();
    other.signal(Signal::SIGKILL);

    let api = Api::of(&node);
    let mut socket = Socket::connect(&node).await;
    socket.join(&session).await;
    let mut stream = Sse::open(&api, &session, Resume::default()).await;
    let open = Metrics::of(&node).await;
    assert_eq!(open.value("connections"), 2.0);
    let (received, streamed) = tokio::join!(socket.until_complete(), stream.until_end());
    assert_eq!(received.len(), streamed.len());
    api.wait_for(&session, |summary| summary["archived"] == true).await;

    let metrics = Metrics::of(&node).await;
    let family = |name: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        base.filter(|base| metrics.kinds.contains_key(*base)).unwrap_or(name).to_owned()
    };
    for name in metrics.values.keys().map(|name| family(name)) {
        assert!(metrics.help.get(&name).is_some_and(|help| !help.is_empty()), "{name} has no help");
        assert!(metrics.kinds.contains_key(&name), "{name} has no type");
    }
    let appended = metrics.value("events_appended_total");
    assert!(appended >= 1.0 && appended <= (received.len() - before + 2) as f64, "{appended}");
    assert_eq!(metrics.value("append_batch_events_sum"), appended);
    assert!(metrics.value("append_commit_seconds_count") <= appended);
    assert!(metrics.value("delivery_seconds_count") >= 2.0);
    assert!(metrics.value("events_replayed_total") >= before as f64);
    assert!(metrics.value("feed_reads_total") >= 1.0);
    assert!(metrics.value("model_calls_total") >= 1.0);
    assert!(metrics.value("model_tokens_total") >= 0.0);
    assert_eq!(metrics.value("runs_taken_over_total"), 1.0);
    assert_eq!((metrics.value("runs_queued"), metrics.value("runs_running")), (0.0, 0.0));
    assert_eq!(metrics.value("sessions_expired_total"), 1.0);
    assert!(metrics.value("partitions_archived_total") >= 1.0);
    assert_eq!(metrics.value("partitions_dropped_total"), 0.0);
    assert_eq!(metrics.value("wakeups_arriving"), 1.0);
    assert!(metrics.value("wakeup_seconds_count") >= 1.0);
    assert!(metrics.value("database_connections") >= metrics.value("database_connections_idle"));
    for name in metrics.help.keys() {
        assert!(metrics.values.keys().any(|value| family(value) == *name), "{name} is described and never measured");
    }
}
