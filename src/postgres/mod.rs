//! The private cluster: a PostgreSQL of our own for machines on which nobody gave us one.
//!
//! It is made from the binaries that are installed, listens on a Unix socket only, and is a child of this process. Durable
//! as any other: `fsync`, `synchronous_commit` and data checksums are on. This room does not know what the database holds.
//!
//! ```text
//! mod        PrivateCluster: start, connect, stop
//! process    ─► the postmaster as a child, on the thread that owns it
//! place      ─► which folders, beneath the data directory or elsewhere
//! account    ─► which operating-system user
//! binaries   ─► which initdb and postgres
//! lock       ─► one service and one PostgreSQL a directory; leftovers
//! settings, log, error
//! ```
//!
//! What ends how:
//!
//! - [`PrivateCluster::stop`], and dropping it: a fast shutdown; the directory is locked until it is over.
//! - The service is killed: the kernel tells the postmaster to shut down. The next start waits for that.
//! - The postmaster is killed: [`PrivateCluster::exited`] resolves; start again.

mod account;
mod binaries;
mod error;
mod lock;
mod log;
mod place;
mod process;
mod settings;

use std::{
    path::{Path, PathBuf},
    process::ExitStatus,
    thread,
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{log::Log, place::Place, process::Postmaster};

pub use error::ClusterError;

/// The database that [`PrivateCluster::start`] sees to.
pub const DATABASE: &str = "coursestream";

/// A fast shutdown that ran into its deadline, and the immediate one after it.
const STOP_MAX: Duration = process::FAST_SHUTDOWN_MAX.saturating_add(Duration::from_secs(15));

/// A PostgreSQL that runs as a child of this process.
#[derive(Debug)]
pub struct PrivateCluster {
    place: Place,
    log: Log,
    postmaster_pid: u32,
    /// Closed without a value only where the owning thread panicked, which ends the postmaster too.
    ended: watch::Receiver<Option<Ended>>,
    stop: DropGuard,
}

/// How the postmaster ended, where that is known.
type Ended = Option<ExitStatus>;

/// What the owning thread tells once PostgreSQL takes connections.
struct Started {
    place: Place,
    log: Log,
    postmaster_pid: u32,
}

impl PrivateCluster {
    /// Starts the cluster of `data_dir`, which is made first where it is missing, with its database [`DATABASE`].
    ///
    /// Takes a second or two the first time, and some 50 ms after that; after a crash as long as recovery does, without a
    /// deadline. Dropping the future stops what was started.
    ///
    /// # Errors
    ///
    /// Every [`ClusterError`] but `NotStopped`; each says what to do.
    pub async fn start(data_dir: &Path) -> Result<Self, ClusterError> {
        let (started, starting) = oneshot::channel();
        let (ended_sender, ended) = watch::channel(None);
        let stop = CancellationToken::new();
        let owner = {
            let (data_dir, stop) = (data_dir.to_owned(), stop.clone());
            move || own(data_dir, started, &ended_sender, stop)
        };
        // A thread of its own, for the reason that `process` gives.
        let spawned = thread::Builder::new().name("postgres".to_owned()).spawn(owner);
        spawned.map_err(ClusterError::io("start a thread for", data_dir))?;
        let stop = stop.drop_guard();
        let started = starting.await.expect("the owning thread reports before it ends")?;
        let Started { place, log, postmaster_pid } = started;
        let cluster = Self { place, log, postmaster_pid, ended, stop };
        match cluster.create_database().await {
            Ok(()) => Ok(cluster),
            Err(error) => {
                if let Err(stop_error) = cluster.stop().await {
                    tracing::warn!(error = %stop_error, "PostgreSQL did not stop cleanly");
                }
                Err(error.into())
            }
        }
    }

    /// Whether there is one in `data_dir`, running or not, that can be seen from here. Makes nothing.
    #[must_use]
    pub fn exists(data_dir: &Path) -> bool {
        place::exists(data_dir)
    }

    /// How to connect to `database`, as its superuser and without a password.
    #[must_use]
    pub fn connect_options(&self, database: &str) -> PgConnectOptions {
        connect_options(&self.place, database)
    }

    /// How to connect to the cluster of `data_dir` while another process runs it: for commands beside a running service.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be looked at.
    pub fn connect_options_beside(data_dir: &Path, database: &str) -> Result<PgConnectOptions, ClusterError> {
        Ok(connect_options(&Place::choose(data_dir)?, database))
    }

    #[must_use]
    pub const fn postmaster_pid(&self) -> u32 {
        self.postmaster_pid
    }

    /// PostgreSQL's own data directory (`PGDATA`).
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.place.data
    }

    /// The folder of its socket: what `psql -h` takes.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.place.socket_dir
    }

    /// The file that PostgreSQL logs to.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log.path
    }

    /// Resolves when PostgreSQL has ended, which nobody asked it to as long as this value exists. Its directory is then free
    /// for another [`Self::start`]. Cancel safe.
    pub async fn exited(&self) -> ClusterError {
        self.log.exited(end(self.ended.clone()).await)
    }

    /// Shuts PostgreSQL down: open transactions are rolled back, and all data is on disk. Past a deadline of 30 s it is shut
    /// down hard, and recovers at its next start.
    ///
    /// # Errors
    ///
    /// `Exited` where it did not end cleanly, `NotStopped` where it did not end within 45 s. It stays locked until it does.
    pub async fn stop(self) -> Result<(), ClusterError> {
        let Self { log, postmaster_pid, ended, stop, .. } = self;
        drop(stop);
        match tokio::time::timeout(STOP_MAX, end(ended)).await {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(status) => Err(log.exited(status)),
            Err(_) => Err(ClusterError::NotStopped { pid: postmaster_pid }),
        }
    }

    async fn create_database(&self) -> sqlx::Result<()> {
        let mut connection = self.connect_options("postgres").connect().await?;
        let exists = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        let exists: bool = sqlx::query_scalar(exists).bind(DATABASE).fetch_one(&mut connection).await?;
        if !exists {
            sqlx::query("CREATE DATABASE coursestream").execute(&mut connection).await?;
        }
        connection.close().await
    }
}

fn connect_options(place: &Place, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(&place.socket_dir)
        .port(place::PORT)
        .username(settings::USER)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

async fn end(mut ended: watch::Receiver<Option<Ended>>) -> Ended {
    ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.flatten())
}

/// The owning thread: starts PostgreSQL, reports, and waits for its end.
fn own(
    data_dir: PathBuf,
    started: oneshot::Sender<Result<Started, ClusterError>>,
    ended: &watch::Sender<Option<Ended>>,
    stop: CancellationToken,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(ClusterError::io("start a runtime for", &data_dir)(error)));
            return;
        }
    };
    runtime.block_on(async {
        match Postmaster::start(data_dir, &stop).await {
            Ok(postmaster) => {
                let (place, log, postmaster_pid) = (postmaster.place.clone(), postmaster.log.clone(), postmaster.pid);
                // Where nobody waits for it any more, `stop` is cancelled as well.
                let _ = started.send(Ok(Started { place, log, postmaster_pid }));
                let status = postmaster.run(stop).await;
                ended.send_replace(Some(status));
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    });
}
