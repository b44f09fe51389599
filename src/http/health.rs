//! Whether this node is well.

use std::{sync::Arc, time::Duration};

use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    payload::{Json, PlainText},
};

use super::{Http, example::example, reply::Reply};
use crate::{
    auth::policy::Action,
    feed::Wakeups,
    refused,
    store::StoreError,
    wire::{Identity, Tag},
};

/// How long the readiness check waits for the database.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Renders the process's metrics in Prometheus' text format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

pub(super) struct HealthApi {
    pub(super) http: Http,
}

/// The process is up.
#[derive(Object)]
#[oai(example)]
struct Live {
    status: Liveness,
}

/// The process answers; else there is no answer.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum Liveness {
    Ok,
}

/// Whether the node can serve, and why not.
#[derive(Object)]
#[oai(example)]
struct Ready {
    status: Readiness,
    /// The database answers.
    database: bool,
    /// Every migration of this version is applied.
    migrations: bool,
    /// Wake-ups from other nodes arrive: the node's own probe came back.
    wakeups: bool,
    /// The node was told to stop.
    stopping: bool,
}

/// `degraded` while wake-ups from other nodes do not arrive and the log is polled instead.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum Readiness {
    Ok,
    Degraded,
    Unavailable,
}

example!(Live { "status": "ok" });
example!(Ready { "status": "ok", "database": true, "migrations": true, "wakeups": true, "stopping": false });

#[derive(ApiResponse)]
enum ReadyAnswer {
    /// The node serves.
    #[oai(status = 200)]
    Ready(Json<Ready>),
    /// The node does not.
    #[oai(status = 503)]
    Unavailable(Json<Ready>),
}

#[derive(ApiResponse)]
enum MetricsAnswer {
    /// All metrics, each with its type and a line that explains it.
    #[oai(status = 200)]
    Metrics(PlainText<String>),
}

#[OpenApi(tag = "Tag::Health")]
impl HealthApi {
    /// The process is up
    #[oai(path = "/health/live", method = "get", operation_id = "getLiveness")]
    async fn live(&self) -> Reply<Live> {
        Reply::new(&Live { status: Liveness::Ok })
    }

    /// The node can serve
    #[oai(path = "/health/ready", method = "get", operation_id = "getReadiness")]
    async fn ready(&self) -> ReadyAnswer {
        let migrated = tokio::time::timeout(CHECK_TIMEOUT, self.http.store.is_migrated()).await;
        let database = matches!(&migrated, Ok(Ok(_)));
        let migrations = matches!(migrated, Ok(Ok(true)));
        let wakeups = *self.http.feed.wakeups().borrow() == Wakeups::Arriving;
        let stopping = self.http.stopping.is_cancelled();
        let is_ready = database && migrations && !stopping;
        let status = match (is_ready, wakeups) {
            (true, true) => Readiness::Ok,
            (true, false) => Readiness::Degraded,
            (false, _) => Readiness::Unavailable,
        };
        let ready = Json(Ready { status, database, migrations, wakeups, stopping });
        if is_ready { ReadyAnswer::Ready(ready) } else { ReadyAnswer::Unavailable(ready) }
    }

    /// Metrics in Prometheus' text format
    #[oai(path = "/metrics", method = "get", operation_id = "getMetrics")]
    async fn metrics(&self, identity: Identity) -> Result<MetricsAnswer, refused![]> {
        identity.may_at_all(Action::ReadMetrics)?;
        let (size, idle) = self.http.store.pool_use();
        metrics::gauge!("coursestream_database_connections").set(f64::from(size));
        metrics::gauge!("coursestream_database_connections_idle").set(idle as f64);
        // A database that is away leaves the last figures standing.
        let store = &self.http.store;
        let (queued, backlog, head) = tokio::join!(
            in_time(self.http.generation.queue_length()),
            in_time(store.seal_backlog()),
            in_time(store.chain_head()),
        );
        if let Some(queued) = queued {
            metrics::gauge!("coursestream_runs_queued").set(queued as f64);
        }
        if let Some(backlog) = backlog {
            metrics::gauge!("coursestream_sessions_unsealed").set(backlog.sessions as f64);
            metrics::gauge!("coursestream_oldest_unsealed_seconds")
                .set(backlog.oldest.unwrap_or_default().as_secs_f64());
        }
        if let Some(head) = head {
            metrics::gauge!("coursestream_seal_position").set(head.position as f64);
        }
        Ok(MetricsAnswer::Metrics(PlainText((self.http.metrics)())))
    }
}

/// What the database says; `None` where it does not, or not soon.
async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    tokio::time::timeout(CHECK_TIMEOUT, answer).await.ok()?.ok()
}
