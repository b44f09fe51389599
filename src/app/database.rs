//! The database that a command works on: the one it was given, or the private one.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, bail};
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{DatabaseArgs, RetentionArgs},
    postgres::{self, ClusterError, PrivateCluster},
    store::{Store, StoreOptions},
};

/// How long a caller waits for a connection before it is told that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// What nodes on the private PostgreSQL run as.
const SERVICE_ROLE: &str = "coursestream_service";
/// Pause before a private PostgreSQL that ended by itself is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// An open database.
pub struct Database {
    pub store: Store,
    private: Option<Private>,
}

/// The private PostgreSQL.
struct Private {
    data_dir: PathBuf,
    /// `None` while another process runs it.
    cluster: Option<PrivateCluster>,
}

/// Stops the private PostgreSQL, where there is one, once nobody needs it any more.
pub struct Stopper {
    stop: CancellationToken,
    keeper: Option<JoinHandle<()>>,
}

impl Database {
    /// Connects to the database that the settings name, or starts the private one. Beside a running service that has started
    /// it, its PostgreSQL is used.
    ///
    /// # Errors
    ///
    /// In words that say what to do.
    pub async fn open(args: &DatabaseArgs) -> anyhow::Result<Self> {
        let (connect, private) = match &args.database_url {
            Some(url) => (parse(url.expose()).context("DATABASE_URL")?, None),
            None => private(&args.data_dir).await?,
        };
        let direct = match &args.listen_database_url {
            Some(url) => parse(url.expose()).context("--listen-database-url")?,
            None => connect.clone(),
        };
        let place = describe(&connect);
        let store = Store::connect(options(args, connect, direct))
            .await
            .with_context(|| format!("cannot connect to PostgreSQL at {place}"))?;
        Ok(Self { store, private })
    }

    /// The same for a command that is of no use on an empty database: a private one must be there.
    ///
    /// # Errors
    ///
    /// In words that say what to do.
    pub async fn open_existing(args: &DatabaseArgs) -> anyhow::Result<Self> {
        if args.database_url.is_none() && !PrivateCluster::exists(&args.data_dir) {
            bail!(
                "no database is seen in {}: name its directory with --data-dir, or a PostgreSQL with --database-url",
                args.data_dir.display()
            );
        }
        Self::open(args).await
    }

    /// The same to run a node: migrated, and with no more rights than a node needs. Of the private PostgreSQL a role of its
    /// own; of a given one the login that was given, which need not own anything.
    ///
    /// # Errors
    ///
    /// In words that say what to do.
    pub async fn open_to_serve(args: &DatabaseArgs, retention: &RetentionArgs) -> anyhow::Result<Self> {
        let database = Self::open(args).await?;
        let served = database.serve(args, retention).await;
        match served {
            Ok(Some(store)) => {
                database.store.close().await;
                Ok(Self { store, ..database })
            }
            Ok(None) => Ok(database),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    /// Migrates, and connects with less rights where that can be arranged here.
    async fn serve(&self, args: &DatabaseArgs, retention: &RetentionArgs) -> anyhow::Result<Option<Store>> {
        let store = &self.store;
        if store.may_migrate().await? {
            store.migrate().await?;
        } else if !store.is_migrated().await.unwrap_or(false) {
            bail!(
                "the schema is not up to date, and this login may not change it: as its owner, run \
                `coursestream migrate --grant-service-role <this login>`"
            );
        }
        if args.database_url.is_some() {
            return Ok(None);
        }
        store.provide_service(SERVICE_ROLE).await?;
        store.keep_at_least(retention.history_retention, retention.access_retention).await?;
        let connect =
            PrivateCluster::connect_options_beside(&args.data_dir, postgres::DATABASE)?.username(SERVICE_ROLE);
        Ok(Some(Store::connect(options(args, connect.clone(), connect)).await?))
    }

    /// Starts the private PostgreSQL again whenever it ends by itself, until it is stopped; that of another process as soon as
    /// the other has gone.
    pub fn keep_running(self) -> Stopper {
        let stop = CancellationToken::new();
        let keeper = self.private.map(|private| tokio::spawn(keep(private, stop.clone())));
        Stopper { stop, keeper }
    }

    /// For commands that are done: closes the pool and stops what was started.
    pub async fn close(self) {
        self.store.close().await;
        if let Some(cluster) = self.private.and_then(|private| private.cluster) {
            report(cluster.stop().await);
        }
    }
}

impl Stopper {
    /// Stops it and waits until it has stopped.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Some(keeper) = self.keeper {
            let _ = keeper.await;
        }
    }
}

fn options(args: &DatabaseArgs, connect: PgConnectOptions, direct: PgConnectOptions) -> StoreOptions {
    StoreOptions {
        connect,
        is_pooled: args.listen_database_url.is_some(),
        direct,
        connections_max: args.database_connections,
        acquire_timeout: ACQUIRE_TIMEOUT,
        partition_width: args.partition_width,
    }
}

async fn keep(private: Private, stop: CancellationToken) {
    let Private { data_dir, mut cluster } = private;
    loop {
        if let Some(running) = cluster {
            let ended = tokio::select! {
                () = stop.cancelled() => {
                    report(running.stop().await);
                    return;
                }
                ended = running.exited() => ended,
            };
            tracing::error!(error = %ended, "the private PostgreSQL ended by itself and is started again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RESTART_PAUSE) => {}
        }
        cluster = match PrivateCluster::start(&data_dir).await {
            Ok(cluster) => Some(cluster),
            Err(ClusterError::InUse { .. }) => None,
            Err(error) => {
                tracing::error!(%error, "the private PostgreSQL does not start");
                None
            }
        };
    }
}

fn report(stopped: Result<(), ClusterError>) {
    if let Err(error) = stopped {
        tracing::warn!(%error, "the private PostgreSQL did not stop cleanly");
    }
}

async fn private(data_dir: &Path) -> anyhow::Result<(PgConnectOptions, Option<Private>)> {
    let (connect, cluster) = match PrivateCluster::start(data_dir).await {
        Ok(cluster) => (cluster.connect_options(postgres::DATABASE), Some(cluster)),
        Err(ClusterError::InUse { .. }) => {
            (PrivateCluster::connect_options_beside(data_dir, postgres::DATABASE)?, None)
        }
        Err(error) => return Err(error.into()),
    };
    Ok((connect, Some(Private { data_dir: data_dir.to_owned(), cluster })))
}

/// What may be said of an address: everything but the password.
fn describe(options: &PgConnectOptions) -> String {
    let host = options.get_socket().map_or_else(
        || format!("{}:{}", options.get_host(), options.get_port()),
        |socket| socket.display().to_string(),
    );
    format!("{host}, database {}, user {}", options.get_database().unwrap_or("(default)"), options.get_username())
}

/// sqlx's error would repeat the URL, and with it the password.
fn parse(url: &str) -> anyhow::Result<PgConnectOptions> {
    PgConnectOptions::from_str(url)
        .map_err(|_| anyhow::anyhow!("not a PostgreSQL URL; write it like postgres://user:password@host:5432/database"))
}
