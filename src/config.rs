//! Settings: a struct per section. Every flag has an environment twin; secrets come from the environment or from files and
//! show in no help, error or `Debug` output.

mod doors;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use ipnet::IpNet;

pub use doors::{AuthArgs, Limit, LimitArgs, Secret, secret};

/// `150ms`, `2s`, `5m`, `1h`, `30d`.
///
/// # Errors
///
/// In words for the person at the terminal.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 150ms, 2s, 5m, 1h or 30d"))
}

fn duration_from_a_second(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration < Duration::from_secs(1) { Err("must be at least 1s".to_owned()) } else { Ok(duration) }
}

/// `10.0.0.0/8`, `fd00::/8`, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| one()).map_err(|_| "write it like 10.0.0.0/8, fd00::/8 or 10.0.0.1".to_owned())
}

/// Where the log is kept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// A PostgreSQL 15 or newer to use; unset, a private one is run under --data-dir
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<Secret>,

    /// A direct URL to the same database for LISTEN and the append lanes, where --database-url leads through a pooler in
    /// transaction mode
    #[arg(long, env = "COURSESTREAM_LISTEN_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub listen_database_url: Option<Secret>,

    /// Where the private PostgreSQL keeps its files
    #[arg(long, env = "COURSESTREAM_DATA_DIR", default_value = ".coursestream", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// Connections of the pool, beside those of the append lanes and the listener
    #[arg(long, env = "COURSESTREAM_DATABASE_CONNECTIONS", default_value_t = 10, value_name = "N",
        value_parser = clap::value_parser!(u32).range(2..))]
    pub database_connections: u32,

    /// Append lanes: commits that may be under way at the same time; unset, one for every four cores
    #[arg(long, env = "COURSESTREAM_APPEND_LANES", value_name = "N",
        value_parser = clap::value_parser!(u8).range(1..=64))]
    pub append_lanes: Option<u8>,

    /// Time that one partition of the event table covers; whole partitions are archived and dropped
    #[arg(long, env = "COURSESTREAM_PARTITION_WIDTH", default_value = "1h", value_parser = duration_from_a_second,
        value_name = "TIME")]
    pub partition_width: Duration,
}

/// How clients reach the node.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, env = "COURSESTREAM_BIND", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub bind: SocketAddr,

    /// An origin whose pages may call; repeatable. https://*.example.app stands for one label. Bound to loopback, pages from
    /// loopback may call as well
    #[arg(long = "cors-origin", env = "COURSESTREAM_CORS_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub cors_origins: Vec<String>,

    /// A network of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8; repeatable. Without one the header is
    /// ignored
    #[arg(long = "trusted-proxy", env = "COURSESTREAM_TRUSTED_PROXY", value_delimiter = ',', value_name = "NETWORK",
        value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
}

/// Which model writes the courses.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// offline builds a scaffold without a model; openai asks any OpenAI-compatible server. Default: openai when
    /// OPENAI_API_KEY is set, else offline
    #[arg(long, env = "COURSESTREAM_PROVIDER", value_name = "PROVIDER")]
    pub provider: Option<ProviderKind>,

    /// Base URL of the model server, up to and with the version
    #[arg(long, env = "OPENAI_BASE_URL", default_value = "https://api.openai.com/v1", value_name = "URL")]
    pub openai_base_url: String,

    /// A file with the key of the model server; or OPENAI_API_KEY holds the key itself. Servers of one's own often need none
    #[arg(long, env = "OPENAI_API_KEY_FILE", value_name = "FILE")]
    pub openai_api_key_file: Option<PathBuf>,

    /// The model to ask
    #[arg(long, env = "OPENAI_MODEL", default_value = "gpt-5-mini", value_name = "MODEL")]
    pub openai_model: String,

    /// Deadline of one model call
    #[arg(long, env = "COURSESTREAM_CALL_TIMEOUT", default_value = "3m", value_parser = duration, value_name = "TIME")]
    pub call_timeout: Duration,

    /// The offline provider's time per call
    #[arg(long, env = "COURSESTREAM_OFFLINE_PACE", default_value = "150ms", value_parser = duration, value_name = "TIME")]
    pub offline_pace: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProviderKind {
    Offline,
    Openai,
}

/// How runs are carried out.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Runs")]
pub struct RunArgs {
    /// Runs at once on this node; more are queued
    #[arg(long, env = "COURSESTREAM_MAX_RUNNING", default_value_t = 16, value_name = "N")]
    pub max_running: usize,

    /// Runs that may wait; beyond it a start is answered with 503
    #[arg(long, env = "COURSESTREAM_MAX_QUEUED", default_value_t = 1_000, value_name = "N")]
    pub max_queued: usize,

    /// Model calls of one run at once
    #[arg(long, env = "COURSESTREAM_CALLS_PER_RUN", default_value_t = 4, value_name = "N",
        value_parser = clap::value_parser!(u8).range(1..))]
    pub calls_per_run: u8,

    /// How often the model is asked for one step until its answer is valid
    #[arg(long, env = "COURSESTREAM_TRIES_PER_STEP", default_value_t = 3, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub tries_per_step: u32,

    /// How many nodes may work on one run, one after the other, before it has failed
    #[arg(long, env = "COURSESTREAM_ATTEMPTS_PER_RUN", default_value_t = 5, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub attempts_per_run: u32,

    /// A node that is silent for so long has lost its runs to the others
    #[arg(long, env = "COURSESTREAM_LEASE_TTL", default_value = "15s", value_parser = duration_from_a_second,
        value_name = "TIME")]
    pub lease_ttl: Duration,

    /// How long a node that is told to stop goes on serving while /health/ready says 503: longer than whatever sends it requests
    /// takes to notice
    #[arg(long, env = "COURSESTREAM_SHUTDOWN_DELAY", default_value = "0s", value_parser = duration, value_name = "TIME")]
    pub shutdown_delay: Duration,

    /// How long steps that are under way may go on once the node is told to stop
    #[arg(long, env = "COURSESTREAM_SHUTDOWN_GRACE", default_value = "5s", value_parser = duration, value_name = "TIME")]
    pub shutdown_grace: Duration,
}

/// How long what is kept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Retention")]
pub struct RetentionArgs {
    /// An ended session can be joined for so long; after that it is history
    #[arg(long, env = "COURSESTREAM_SESSION_TTL", default_value = "1h", value_parser = duration, value_name = "TIME")]
    pub session_ttl: Duration,

    /// History older than this is dropped
    #[arg(long, env = "COURSESTREAM_HISTORY_RETENTION", default_value = "30d", value_parser = duration, value_name = "TIME")]
    pub history_retention: Duration,

    /// Entries of the access trail older than this are dropped
    #[arg(long, env = "COURSESTREAM_ACCESS_RETENTION", default_value = "365d", value_parser = duration, value_name = "TIME")]
    pub access_retention: Duration,
}

/// How often the jobs run.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub struct JobArgs {
    /// How often sessions are expired and partitions archived and dropped
    #[arg(long, env = "COURSESTREAM_PRUNE_EVERY", default_value = "5m", value_parser = duration_from_a_second,
        value_name = "TIME")]
    pub prune_every: Duration,

    /// How long the sealing of an ended session waits for others to end, so that they are sealed together
    #[arg(long, env = "COURSESTREAM_SEAL_EVERY", default_value = "1s", value_parser = duration, value_name = "TIME")]
    pub seal_every: Duration,
}

/// The libraries' small talk is left out.
const DEFAULT_FILTER: &str = "info,poem=warn,tokio_cron_scheduler=warn,sqlx::postgres::notice=warn";

/// How much the node says about itself.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// What to log, on stderr: a level, or directives such as info,coursestream=debug
    #[arg(long, env = "COURSESTREAM_LOG", default_value = DEFAULT_FILTER, value_name = "FILTER")]
    pub log: String,

    /// As lines of JSON
    #[arg(long, env = "COURSESTREAM_LOG_JSON")]
    pub log_json: bool,
}

/// All settings of a node.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub http: HttpArgs,
    #[command(flatten)]
    pub auth: AuthArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub runs: RunArgs,
    #[command(flatten)]
    pub retention: RetentionArgs,
    #[command(flatten)]
    pub jobs: JobArgs,
    #[command(flatten)]
    pub log: LogArgs,
}
