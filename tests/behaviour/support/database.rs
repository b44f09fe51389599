//! A database of its own for every test, in one private PostgreSQL for all of them.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use coursestream::postgres::PrivateCluster;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};

use super::service;

/// The cluster, and the name of a migrated database in it that new ones are copied from. It lives as long as this process; its
/// end shuts it down.
struct Shared {
    admin: PgConnectOptions,
    socket_dir: PathBuf,
}

const TEMPLATE: &str = "template_coursestream";

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        // A thread and a runtime of their own: tests bring theirs along, and those end with the tests.
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(start())
        })
        .join()
        .unwrap()
    })
}

async fn start() -> Shared {
    let dir = std::env::temp_dir().join(format!("coursestream-tests-{}", std::process::id()));
    let cluster = PrivateCluster::start(&dir).await.expect("a private PostgreSQL for the tests");
    let admin = cluster.connect_options("postgres");
    let mut connection = admin.connect().await.unwrap();
    connection.execute("create database template_coursestream").await.unwrap();
    connection.close().await.unwrap();
    let socket_dir = cluster.socket_dir().to_owned();
    let shared = Shared { admin, socket_dir };
    service::run(&["migrate", "--database-url", &url(&shared, TEMPLATE)]).await;
    // Dropping it would stop it.
    std::mem::forget(cluster);
    shared
}

fn url(shared: &Shared, name: &str) -> String {
    format!("postgres://coursestream@localhost/{name}?host={}", shared.socket_dir.display())
}

/// A migrated, empty database.
pub struct Database {
    pub url: String,
    options: PgConnectOptions,
}

impl Database {
    pub async fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let shared = tokio::task::spawn_blocking(shared).await.unwrap();
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = shared.admin.connect().await.unwrap();
        let create = format!("create database {name} template {TEMPLATE}");
        connection.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
        connection.close().await.unwrap();
        Self { url: url(shared, &name), options: shared.admin.clone().database(&name) }
    }

    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// A connection as the database's owner.
    pub async fn connect(&self) -> PgConnection {
        self.options.connect().await.unwrap()
    }
}

/// A PostgreSQL of the test's own, which it may break.
pub struct Cluster {
    dir: tempfile::TempDir,
    cluster: Option<PrivateCluster>,
}

impl Cluster {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The user that PostgreSQL runs as has to get in.
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let cluster = Some(PrivateCluster::start(dir.path()).await.unwrap());
        Self { dir, cluster }
    }

    fn running(&self) -> &PrivateCluster {
        self.cluster.as_ref().expect("the cluster runs")
    }

    pub fn database(&self) -> Database {
        let cluster = self.running();
        let url = format!("postgres://coursestream@localhost/coursestream?host={}", cluster.socket_dir().display());
        Database { url, options: cluster.connect_options("coursestream") }
    }

    /// The same database through a proxy.
    pub fn database_at(&self, port: u16) -> Database {
        let url = format!("postgres://coursestream@127.0.0.1:{port}/coursestream");
        Database { url, options: self.running().connect_options("coursestream") }
    }

    pub fn socket(&self) -> PathBuf {
        self.running().socket_dir().join(".s.PGSQL.5432")
    }

    /// Fast shutdown, as an operator does it.
    pub async fn stop(&mut self) {
        self.cluster.take().expect("the cluster runs").stop().await.unwrap();
    }

    /// Immediate shutdown: as good as a crash.
    pub async fn crash(&mut self) {
        let cluster = self.cluster.take().expect("the cluster runs");
        let postmaster = Pid::from_raw(cluster.postmaster_pid().cast_signed());
        kill(postmaster, Signal::SIGQUIT).unwrap();
        let _ = cluster.exited().await;
    }

    /// Another server that follows this one, and whose word every commit of this one waits for.
    pub async fn standby(&self) -> Self {
        let primary = self.running();
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let data = dir.path().join("postgres/data");
        std::fs::create_dir_all(&data).unwrap();
        let server = std::fs::read_link(format!("/proc/{}/exe", primary.postmaster_pid())).unwrap();
        let copy = tokio::process::Command::new(server.with_file_name("pg_basebackup"))
            .args(["--username=coursestream", "--write-recovery-conf", "--checkpoint=fast", "--pgdata"])
            .arg(&data)
            .arg("--host")
            .arg(primary.socket_dir())
            .output()
            .await
            .unwrap();
        assert!(copy.status.success(), "{}", String::from_utf8_lossy(&copy.stderr));
        // The copy is its server's alone, as the original is.
        let owner = std::fs::metadata(primary.data_dir()).unwrap();
        for entry in walk(&data) {
            std::os::unix::fs::chown(entry, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let cluster = PrivateCluster::start(dir.path()).await.unwrap();

        let mut connection = primary.connect_options("coursestream").connect().await.unwrap();
        connection.execute("alter system set synchronous_standby_names = '*'").await.unwrap();
        connection.execute("select pg_reload_conf()").await.unwrap();
        connection.close().await.unwrap();
        Self { dir, cluster: Some(cluster) }
    }

    /// Ends a standby's following: it is the primary from then on.
    pub async fn promote(&self) {
        let mut connection = self.running().connect_options("coursestream").connect().await.unwrap();
        connection.execute("select pg_promote()").await.unwrap();
        connection.close().await.unwrap();
    }

    pub async fn start_again(&mut self) {
        self.cluster = Some(PrivateCluster::start(self.dir.path()).await.unwrap());
    }
}

/// A folder and all that is in it.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() { found.extend(walk(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}
