//! PgBouncer in transaction mode between the pool and the database, with a direct way for the append lanes and LISTEN.
//!
//! It has to keep prepared statements, as it does from version 1.21 on; `scripts/setup` sees to one, and `PGBOUNCER_BIN` names it.

use std::{path::PathBuf, process::Stdio};

use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
};

use super::{Producer, follows_without_loss};
use crate::support::{
    api::Api,
    database::{Cluster, Database},
    service::{PATIENCE, Service},
    socket::{Socket, assert_whole},
};

/// A PgBouncer before a cluster. Killed when it is dropped.
struct Pooler {
    port: u16,
    _dir: TempDir,
    _child: Child,
}

impl Pooler {
    async fn start(program: &str, cluster: &Cluster) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let socket = cluster.socket();
        let settings = format!(
            "[databases]\n\
             coursestream = host={} user=coursestream\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = 3\n\
             max_prepared_statements = 200\n",
            socket.parent().unwrap().display()
        );
        let file = dir.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(program);
        // As root it refuses to run, and the socket's folder is its server's user's alone.
        if nix::unistd::geteuid().is_root() {
            let owner = std::fs::metadata(socket.parent().unwrap()).unwrap();
            let (uid, gid) = (std::os::unix::fs::MetadataExt::uid(&owner), std::os::unix::fs::MetadataExt::gid(&owner));
            command.uid(uid).gid(gid);
        }
        let child = command
            .arg("--quiet")
            .arg(&file)
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let listens = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listens).await.expect("PgBouncer listens");
        Self { port, _dir: dir, _child: child }
    }
}

/// `None`, and a word, where there is none that is new enough.
fn program() -> Option<String> {
    let program = std::env::var("PGBOUNCER_BIN").ok().filter(|program| PathBuf::from(program).exists());
    if program.is_none() {
        println!("skipped: PGBOUNCER_BIN names no PgBouncer 1.21 or newer");
    }
    program
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_carries_everything_but_listen_and_the_lanes() {
    let Some(program) = program() else { return };
    let cluster = Cluster::start().await;
    let pooler = Pooler::start(&program, &cluster).await;
    let direct = cluster.database().url;
    let pooled: Database = cluster.database_at(pooler.port);
    let settings = ["--offline-pace", "50ms", "--listen-database-url", &direct, "--lease-ttl", "2s"];
    let (a, b) = (Service::start_with(&pooled, &settings).await, Service::start_with(&pooled, &settings).await);

    let run = Api::of(&a).generate("Rust ownership").await;
    let mut run_socket = Socket::connect(&b).await;
    run_socket.join(&run).await;
    let producer = Producer::start(&a).await;
    let mut socket = Socket::connect(&b).await;
    socket.join(&producer.session).await;
    let received = run_socket.until_complete().await;
    assert_whole(&received);
    assert_eq!(received.last().unwrap().data["success"], true);
    producer.reaches(&a, 200).await;
    follows_without_loss(&mut socket, 200).await;
    assert!(producer.stop_and_check(&b).await > 0);
    // Many readers share three connections to the server, each with its prepared statements.
    let api = Api::of(&a);
    let reads = (0..50).map(|_| async { assert_eq!(api.events(&run).await.len(), received.len()) });
    futures_util::future::join_all(reads).await;
    let (_, ready) = api.get("/health/ready").await;
    assert_eq!(ready["wakeups"], true, "{ready}");
}
