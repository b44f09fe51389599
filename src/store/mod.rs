//! All SQL of the log and its projections. Nothing outside this room, `postgres/` and `feed/listener.rs` speaks to the
//! database.
//!
//! One file per table or operation, one statement per function, rows private to their file and turned into domain types
//! on the way out. What is absent is `Ok(None)`. A transaction begins and ends in one function.

mod analytics;
mod api_keys;
pub mod append;
mod courses;
mod digests;
mod events;
mod fold;
mod idempotency;
mod joins;
mod leases;
mod notify;
mod partitions;
mod producers;
mod rebuild;
mod seals;
mod secrets;
mod sessions;
mod trail;
mod turns;
mod verify;

use std::time::Duration;

use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use analytics::{Activity, ActivityReport, Percentiles, Span};
pub use api_keys::{HeldKey, ListedKey};
pub use append::{AppendError, Appended, Appender, Committed, Writer};
pub use courses::{CoursePlace, CourseSummary};
pub use events::EventPage;
pub use idempotency::{Idempotency, IdempotencyError};
pub use joins::{JoinNotes, JoinWriter, SessionJoin, Transport};
pub use leases::{Claim, Renewal};
pub use partitions::Pruned;
pub use producers::{Marked, ProducerMark};
pub use rebuild::Difference;
pub use seals::{ChainHead, SealBacklog, SealPass, Unreadable};
pub use sessions::{NewSession, OutsideProducer, SessionFilter, SessionHead, SessionSummary};
pub use trail::{Access, AccessFilter};
pub use verify::{SealedWhen, Verified};

/// The database did not do what was asked. A caller that can wait may try again when [`StoreError::is_transient`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database cannot be reached: {0}")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database refused a statement: {0}")]
    Refused(#[source] sqlx::Error),
    #[error("migrating the database failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the database holds a value that this version does not know: {0}")]
    Unknown(String),
}

impl StoreError {
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Refused(_) | Self::Migrate(_) | Self::Unknown(_) => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_connection_trouble(&error) { Self::Unavailable(error) } else { Self::Refused(error) }
    }
}

/// Whether the error is about the connection or the server's state rather than about the statement.
fn is_connection_trouble(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Class 08: connection exceptions. 57P: shut down, crashed, starting up. 53: no resources, such as
        // connections or disk. 40: serialisation and deadlock. 25006: read-only while it fails over. 55P03: lock timeout.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "57P", "53", "40"].iter().any(|class| code.starts_with(class)) || code == "25006" || code == "55P03"
        }),
        _ => false,
    }
}

/// Whether somebody held a row for longer than a statement waits.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("55P03"))
}

/// How the store connects.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where the pool connects.
    pub connect: PgConnectOptions,
    /// Whether that is a pooler in transaction mode: it has connections of its own, which nobody can set up.
    pub is_pooled: bool,
    /// The server itself, for connections that are kept and set up: the append lanes, the listener, migrations, pruning.
    pub direct: PgConnectOptions,
    pub connections_max: u32,
    /// How long a caller waits for a connection before it is told that the database is unavailable.
    pub acquire_timeout: Duration,
    pub partition_width: Duration,
}

/// The database, as the rest of the service sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    direct: PgConnectOptions,
    partition_width: Duration,
}

impl Store {
    /// Connects and checks that the server answers.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached within the acquire timeout or refuses the login.
    pub async fn connect(options: StoreOptions) -> Result<Self, StoreError> {
        // A pooler takes no settings along with a connection, and says so.
        let connect = if options.is_pooled { options.connect.extra_float_digits(None) } else { options.connect };
        // One connection first, since the pool would only say that it had waited: its error is the one to show.
        let first = PgConnection::connect_with(&connect);
        match tokio::time::timeout(options.acquire_timeout, first).await {
            Ok(connection) => drop(connection?.close().await),
            Err(_) => return Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
        }
        let reading = if options.is_pooled {
            connect
        } else {
            // Event tables have many partitions: a generic plan would open them all, a custom one only those it needs.
            durable(connect).options([("plan_cache_mode", "force_custom_plan"), ("lock_timeout", "3s")])
        };
        let pool = PgPoolOptions::new()
            .max_connections(options.connections_max)
            .acquire_timeout(options.acquire_timeout)
            .connect_with(reading)
            .await?;
        Ok(Self { pool, direct: durable(options.direct), partition_width: options.partition_width })
    }

    /// A store that is not connected to anything: for describing what would ask it.
    #[must_use]
    pub fn unconnected() -> Self {
        let connect = PgConnectOptions::new_without_pgpass();
        let pool = PgPoolOptions::new().connect_lazy_with(connect.clone());
        Self { pool, direct: connect, partition_width: Duration::from_secs(3_600) }
    }

    /// Brings the schema up to date. Safe to run on several nodes at once.
    ///
    /// # Errors
    ///
    /// When a migration fails, or the database was migrated by a newer version.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // The schema comes first because the table of the migrations is kept in it. Nodes that start together may both
        // find it missing.
        let mut connection = PgConnection::connect_with(&self.direct).await?;
        let created = sqlx::query("create schema if not exists coursestream").execute(&mut connection).await;
        if let Err(error) = created
            && error.as_database_error().is_none_or(|error| !error.is_unique_violation())
        {
            return Err(error.into());
        }
        migrator().run(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Whether this login may bring the schema up to date: it owns the schema, or there is none and it may make one.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn may_migrate(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"select coalesce(
                (select pg_has_role(nspowner, 'usage') from pg_catalog.pg_namespace where nspname = 'coursestream'),
                has_database_privilege(current_database(), 'create')) as "may!""#
        )
        .fetch_one(&self.pool)
        .await?)
    }

    /// Lets a role run nodes on this database, with no more rights than that takes. Makes the role where it is missing. For the
    /// schema's owner.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked, or the login may not.
    pub async fn provide_service(&self, role: &str) -> Result<(), StoreError> {
        // The parameter's type is `name`, which sqlx does not know.
        sqlx::query!("select coursestream.provide_service($1::text::name)", role).execute(&self.pool).await?;
        Ok(())
    }

    /// How long nodes have to keep history and the access trail that do not own the schema. For its owner.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked, or the login may not.
    pub async fn keep_at_least(&self, history: Duration, access: Duration) -> Result<(), StoreError> {
        sqlx::query!(
            "update coursestream.retention_floors
            set kept = make_interval(secs => case what when 'history' then $1::float8 else $2::float8 end)",
            history.as_secs_f64(),
            access.as_secs_f64()
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Whether every migration of this version has been applied.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn is_migrated(&self) -> Result<bool, StoreError> {
        let applied =
            sqlx::query_scalar!(r#"select count(*) as "count!" from coursestream._sqlx_migrations where success"#)
                .fetch_one(&self.pool)
                .await?;
        Ok(usize::try_from(applied).unwrap_or(0) >= migrator().iter().count())
    }

    /// Where a connection goes that is not one of the pool, such as the listener's.
    #[must_use]
    pub fn direct_options(&self) -> PgConnectOptions {
        self.direct.clone()
    }

    /// Connections of the pool, all and idle.
    #[must_use]
    pub fn pool_use(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Closes the pool once its connections are given back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Settings of every connection, whatever the server's, the database's or the user's defaults are.
fn durable(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        // Invariant 1: nothing is shown before it is flushed.
        ("synchronous_commit", "on"),
        ("jit", "off"),
        // A node that stands still in the middle of a transaction must not hold its rows for as long as it does.
        ("idle_in_transaction_session_timeout", "10s"),
        // `$user` alone would find our schema on one run and not on another.
        ("search_path", "coursestream,public"),
    ])
}

fn migrator() -> sqlx::migrate::Migrator {
    sqlx::migrate!("./migrations")
}
