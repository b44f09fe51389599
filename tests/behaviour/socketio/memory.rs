//! What a connection costs the server. Not a test of a rule: run it by name, with `--ignored --nocapture`.

use futures_util::future::join_all;

use super::socket::Socket;
use crate::support::{api::Api, database::Database, service::Service, socket::assert_contiguous};

const CONNECTIONS: usize = 1_000;

/// Memory of the process in KiB, as the kernel counts it.
fn resident_kib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_thousand_connections_on_one_session() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "3s"]).await;
    let api = Api::of(&service);
    let session = api.generate("Everyone watches").await;
    // Everything that is made once is there.
    let mut first = Socket::connect(&service).await;
    first.join(&session).await;
    first.take(1).await;
    let before = resident_kib(&service);
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut socket = Socket::connect(&service).await;
        socket.join(&session).await;
        socket.expect("session_status").await;
        sockets.push(socket);
    }
    let joined = resident_kib(&service);
    let logs = join_all(sockets.iter_mut().map(Socket::until_complete)).await;
    for log in &logs {
        assert_contiguous(log, 1);
    }
    let served = resident_kib(&service);
    let each = |kib: u64| (kib - before) as f64 / CONNECTIONS as f64;
    println!(
        "{CONNECTIONS} connections: {before} KiB before, {joined} joined ({:.1} KiB each), {served} once served {} events each ({:.1} KiB each)",
        each(joined),
        logs[0].len(),
        each(served)
    );
}
