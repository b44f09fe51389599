//! The only wiring: which rooms a node is made of, in what order they start, and in what order they stop.

mod database;
mod listen;
mod server;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use poem::Route;
use poem_openapi::{OpenApi, OpenApiService};
use secrecy::ExposeSecret;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    task::JoinSet,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    auth::{Auth, ticket::Tickets},
    config::{ModelArgs, ProviderKind, RunArgs, ServeArgs, secret},
    feed::{Feed, ListenerOptions},
    generation::{Captures, Generation, Runner, RunnerOptions},
    http::{self, AllowedOrigins, Bodies, Doors, Http, Trail, TrustedProxies},
    jobs::{self, JobOptions},
    limits::Limits,
    provider::{Offline, OpenAi, OpenAiOptions, Provider},
    push::{self, Push},
    store::{Appender, Committed, JoinNotes, Store},
    telemetry,
};

use server::ServerOptions;

pub use database::Database;

const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How long connections and requests may take to end once the node stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long the parts that only speak to the database may take to end.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Runs a node until it is told to stop by SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start, or a part of it ends that should not.
pub async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let captures = Captures::default();
    telemetry::init_logging(&args.log, &captures)?;
    let prometheus = telemetry::init_metrics()?;
    let provider = provider(&args.model)?;
    let origins =
        AllowedOrigins::parse(&args.http.cors_origins, args.http.bind.ip().is_loopback()).context("--cors-origin")?;
    let doors = args.auth.options()?;
    check_doors(&args, doors.is_some())?;
    let origins = if doors.is_some() || args.auth.insecure_open { origins } else { origins.by_local_names() };
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;

    let opening = async {
        let database = Database::open_to_serve(&args.database, &args.retention).await?;
        database.store.ensure_partitions_ahead(1).await?;
        anyhow::Ok(database)
    };
    // It may take long: another node may be migrating.
    let database = tokio::select! {
        opened = opening => opened?,
        _ = terminated.recv() => return Ok(()),
        _ = interrupted.recv() => return Ok(()),
    };
    let store = database.store.clone();

    let node = Uuid::new_v4();
    let feed = Feed::new(store.clone(), node, wakeup_channel(&store).await?);
    let ended = Arc::new(Notify::new());
    let on_commit: crate::store::append::OnCommit = {
        let (feed, ended) = (feed.clone(), ended.clone());
        Arc::new(move |batch| {
            if batch.iter().any(Committed::is_terminal) {
                ended.notify_one();
            }
            feed.committed(batch);
        })
    };
    let mut lanes = JoinSet::new();
    let appender = Appender::start(&store, append_lanes(&args), &on_commit, &mut lanes);
    let generation = Generation::new(store.clone(), appender.clone(), node, args.runs.max_queued);
    let runner = Runner::new(generation.clone(), feed.clone(), provider, captures, runner_options(&args));

    let auth = match doors {
        Some(options) => Auth::required(options, store.clone())?,
        None => Auth::open(),
    };
    let limits = Limits::new(&args.limits, auth.is_open());
    let secret = store.find_or_create_secret("stream_ticket", &rand::random()).await?;
    let tickets = Tickets::new(&secret, args.auth.ticket_ttl);

    // What stops first and what last: see `Shutdown`.
    let shutdown = Shutdown::default();
    let (joins, join_writer) = JoinNotes::new();
    let push = Push {
        feed: feed.clone(),
        store: Arc::new(store.clone()),
        joins,
        auth: auth.clone(),
        limits: limits.clone(),
        frame_bytes_max: usize::try_from(args.limits.frame_bytes_max)?,
        connections: TaskTracker::new(),
        shutdown: shutdown.connections.clone(),
    };
    let proxies = TrustedProxies::new(&args.http.trusted_proxies);
    let (trail, recorder) = Trail::new(store.clone(), proxies.clone());
    let http = Http {
        store: store.clone(),
        feed: feed.clone(),
        generation,
        appender,
        limits: limits.clone(),
        tickets: tickets.clone(),
        trail,
        metrics: {
            let prometheus = prometheus.clone();
            Arc::new(move || prometheus.render())
        },
        stopping: shutdown.runs.clone(),
    };

    let acceptor = listen::bind(args.http.bind)?;
    let address = acceptor.address();
    let keys = recovery_keys(&store).await?;
    let doors = Doors { auth: auth.clone(), limits: limits.clone(), tickets, proxies: proxies.clone() };
    let bodies = Bodies {
        limits: limits.clone(),
        bytes_max: usize::try_from(args.limits.body_bytes_max)?,
        timeout: args.limits.body_timeout,
    };
    let endpoint = endpoint(http, push.clone(), keys, doors, bodies, origins);

    let mut roots = JoinSet::new();
    roots.spawn(named("runs", runner.run(shutdown.runs.clone())));
    roots.spawn(named("trail", recorder.run(shutdown.log.clone())));
    roots.spawn(named("notifier", feed.clone().run_notifier(shutdown.log.clone())));
    roots.spawn(named("metrics", telemetry::upkeep(prometheus.clone(), shutdown.log.clone())));
    roots.spawn(named("joins", join_writer.run(store.clone(), node, shutdown.log.clone())));
    roots.spawn(named("sweep", feed.clone().run_sweep(shutdown.log.clone())));
    let listener = ListenerOptions { connect: store.direct_options(), probe_every: PROBE_EVERY };
    roots.spawn(named("listener", feed.run_listener(listener, shutdown.log.clone())));
    let job_options = JobOptions {
        prune_every: args.jobs.prune_every,
        session_ttl: args.retention.session_ttl,
        history_retention: args.retention.history_retention,
        access_retention: args.retention.access_retention,
        partition_width: args.database.partition_width,
        seal_every: args.jobs.seal_every,
    };
    let jobs = jobs::run(store.clone(), job_options, ended, shutdown.runs.clone());
    roots.spawn(named("jobs", async move {
        if let Err(error) = jobs.await {
            tracing::error!(%error, "the scheduler failed");
        }
    }));
    roots.spawn(named("keys", auth.run(shutdown.log.clone())));
    roots.spawn(named("limits", limits.clone().run(shutdown.log.clone())));
    let server = ServerOptions { limits, proxies, header_timeout: args.limits.header_timeout, drain: DRAIN_MAX };
    roots.spawn(named("http", server::run(acceptor, endpoint, server, shutdown.http.clone())));

    let database = database.keep_running();
    announce(address);
    let unexpected = tokio::select! {
        _ = terminated.recv() => None,
        _ = interrupted.recv() => None,
        ended = roots.join_next() => Some(ended),
    };
    tracing::info!("stopping");
    let orderly = async {
        shutdown.carry_out(&args.runs, &mut roots, &push, &mut lanes).await;
        if tokio::time::timeout(CLOSE_MAX, store.close()).await.is_err() {
            tracing::warn!("the database does not take its connections back");
        }
        database.stop().await;
    };
    tokio::select! {
        () = orderly => {}
        _ = terminated.recv() => bail!("told to stop a second time: stopped without waiting"),
        _ = interrupted.recv() => bail!("told to stop a second time: stopped without waiting"),
    }
    match unexpected {
        None => Ok(()),
        Some(Some(Ok(name))) => bail!("{name} ended unexpectedly"),
        Some(Some(Err(error))) => Err(error).context("a part of the node failed"),
        Some(None) => bail!("the node has no parts"),
    }
}

/// An open service is for whoever is on its machine.
fn check_doors(args: &ServeArgs, is_closed: bool) -> anyhow::Result<()> {
    let bind = args.http.bind;
    if is_closed || args.auth.insecure_open || bind.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    bail!(
        "--bind: {bind} can be reached from other machines, and nobody is asked who he is: configure --jwks-url, \
        --jwt-secret-file or --api-keys, bind to 127.0.0.1, or say --insecure-open"
    )
}

/// The line that scripts and tests wait for.
fn announce(address: SocketAddr) {
    use std::io::Write;
    let mut stdout = std::io::stdout();
    // A closed stdout is no reason not to serve.
    let _ = writeln!(stdout, "listening on http://{address}");
    let _ = stdout.flush();
}

async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// The order of stopping. Each stage is over before the next begins.
#[derive(Default)]
struct Shutdown {
    /// No new runs; those under way get their grace period and are handed back. The node is no longer ready.
    runs: CancellationToken,
    /// Clients are told to reconnect, elsewhere.
    connections: CancellationToken,
    /// No new requests.
    http: CancellationToken,
    /// What moved is told to other nodes one last time, and who read and joined what is written down.
    log: CancellationToken,
}

impl Shutdown {
    async fn carry_out(self, args: &RunArgs, roots: &mut JoinSet<&'static str>, push: &Push, lanes: &mut JoinSet<()>) {
        self.runs.cancel();
        let served_until = Instant::now() + args.shutdown_delay;
        wait_for(roots, &["runs", "jobs"], args.shutdown_grace + DRAIN_MAX).await;
        tokio::time::sleep_until(served_until).await;
        self.connections.cancel();
        self.http.cancel();
        push.connections.close();
        let _ = tokio::time::timeout(DRAIN_MAX, push.connections.wait()).await;
        wait_for(roots, &["http"], DRAIN_MAX).await;
        self.log.cancel();
        wait_for(roots, &["notifier", "sweep", "listener", "metrics", "joins", "trail", "keys", "limits"], CLOSE_MAX)
            .await;
        roots.shutdown().await;
        // Their senders went with the parts above; what was queued is written.
        let _ = tokio::time::timeout(DRAIN_MAX, async { while lanes.join_next().await.is_some() {} }).await;
    }
}

/// Waits for the named parts; those that are not there any more have ended before.
async fn wait_for(roots: &mut JoinSet<&'static str>, names: &[&str], patience: Duration) {
    let mut missing = names.len();
    let wait = async {
        while missing > 0 {
            match roots.join_next().await {
                Some(Ok(name)) if names.contains(&name) => missing -= 1,
                Some(_) => {}
                None => return,
            }
        }
    };
    // A part that ended before it was told to would be waited for in vain.
    if tokio::time::timeout(patience, wait).await.is_err() {
        tracing::warn!(parts = ?names, "did not stop in time");
    }
}

/// Batches are larger, and cheaper, the fewer lanes share the load; a lane that fills a core of the database is the time for
/// the next. Measured on two cores, one lane commits twice what four do.
fn append_lanes(args: &ServeArgs) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    args.database.append_lanes.map_or((cores / 4).clamp(1, 8), usize::from)
}

fn runner_options(args: &ServeArgs) -> RunnerOptions {
    RunnerOptions {
        running_max: args.runs.max_running,
        lease_ttl: args.runs.lease_ttl,
        grace: args.runs.shutdown_grace,
        run: crate::generation::RunOptions {
            calls_max: usize::from(args.runs.calls_per_run),
            tries_max: args.runs.tries_per_step,
            attempts_max: args.runs.attempts_per_run,
        },
    }
}

/// The provider that was asked for; without a word, `openai` where there is a key.
fn provider(args: &ModelArgs) -> anyhow::Result<Arc<dyn Provider>> {
    let key = secret("OPENAI_API_KEY", args.openai_api_key_file.as_ref())?;
    let kind = args.provider.unwrap_or(if key.is_some() { ProviderKind::Openai } else { ProviderKind::Offline });
    Ok(match kind {
        ProviderKind::Offline => Arc::new(Offline::new(args.offline_pace)),
        ProviderKind::Openai => Arc::new(OpenAi::new(OpenAiOptions {
            api_key: key,
            base_url: args.openai_base_url.clone(),
            model: args.openai_model.clone(),
            call_timeout: args.call_timeout,
            ..OpenAiOptions::default()
        })?),
    })
}

/// What all nodes sign Socket.IO's recovery tokens with.
async fn recovery_keys(store: &Store) -> anyhow::Result<push::socketio::recovery::Keys> {
    let secret = store.find_or_create_secret("socketio_recovery", &rand::random()).await?;
    Ok(push::socketio::recovery::Keys::new(&secret))
}

/// The name of the channel over which all nodes wake each other. Secret: any login may listen to a channel that it can name.
async fn wakeup_channel(store: &Store) -> anyhow::Result<String> {
    let secret = store.find_or_create_secret("wakeup_channel", &rand::random()).await?;
    let name: Vec<u8> = secret.expose_secret().iter().copied().take(16).collect();
    Ok(format!("coursestream_{}", hex::encode(name)))
}

fn endpoint(
    http: Http,
    push: Push,
    keys: push::socketio::recovery::Keys,
    doors: Doors,
    bodies: Bodies,
    origins: AllowedOrigins,
) -> impl poem::IntoEndpoint<Endpoint: 'static> {
    let socketio = push::socketio::endpoint(push.clone(), keys);
    let transports = Route::new().at("/ws", push::websocket::route(push.clone())).at("/socket.io/", socketio);
    let trail = http.trail.clone();
    http::routes(transports, service(http, push), doors, bodies, trail, origins)
}

fn service(http: Http, push: Push) -> OpenApiService<impl OpenApi, ()> {
    http::service(http, push::sse::SseApi { push })
}

/// The OpenAPI document. Describing takes no database: the store is never asked.
#[must_use]
pub fn openapi_document() -> String {
    let store = Store::unconnected();
    let feed = Feed::new(store.clone(), Uuid::nil(), String::new());
    let appender = Appender::idle();
    let generation = Generation::new(store.clone(), appender.clone(), Uuid::nil(), 0);
    let push = Push {
        feed: feed.clone(),
        store: Arc::new(store.clone()),
        auth: Auth::open(),
        limits: Limits::none(),
        frame_bytes_max: 0,
        joins: JoinNotes::new().0,
        connections: TaskTracker::new(),
        shutdown: CancellationToken::new(),
    };
    let http = Http {
        store,
        feed,
        generation,
        appender,
        trail: Trail::idle(),
        limits: Limits::none(),
        tickets: Tickets::new(&Vec::new().into(), Duration::ZERO),
        metrics: Arc::new(String::new),
        stopping: CancellationToken::new(),
    };
    http::document(&service(http, push))
}
