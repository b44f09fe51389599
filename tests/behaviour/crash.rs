//! Processes that are killed in the middle of their work: what a client has received stays, and the run comes to its end.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::Rng;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::Api,
    chance::chance,
    database::Database,
    model::Model,
    scripted::Reply,
    service::{PATIENCE, Service},
    socket::{Received, Socket, assert_whole},
    sse::{Resume, Sse},
};

/// Long enough to be killed in the middle, with leases that run out soon.
const RUN: [&str; 6] = ["--offline-pace", "60ms", "--calls-per-run", "1", "--lease-ttl", "1s"];
const TERMINAL: [&str; 3] = ["session_completed", "session_failed", "session_cancelled"];

/// A directory that every user can reach: root's PostgreSQL runs as another one.
fn data_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    dir
}

fn postmaster(data_dir: &Path) -> Pid {
    try_postmaster(data_dir).unwrap()
}

/// `None` while it does not run.
fn try_postmaster(data_dir: &Path) -> Option<Pid> {
    let file = fs::read_to_string(data_dir.join("postgres/data/postmaster.pid")).ok()?;
    Some(Pid::from_raw(file.lines().next()?.parse().ok()?))
}

/// A client of one session, from crash to crash.
struct Follower {
    session: String,
    socket: Option<Socket>,
    received: Vec<Received>,
}

impl Follower {
    async fn join(service: &Service, session: String) -> Self {
        let mut follower = Self { session, socket: None, received: Vec::new() };
        follower.resume(service).await;
        follower
    }

    async fn resume(&mut self, service: &Service) {
        let mut socket = Socket::connect(service).await;
        let last_seen = self.received.last().map_or(0, |frame| frame.offset().unwrap());
        socket.join_after(&self.session, last_seen).await;
        socket.expect("session_status").await;
        self.socket = Some(socket);
    }

    /// Until it has `count` events, or all there are before the connection ends.
    async fn receive(&mut self, count: usize) {
        let socket = self.socket.as_mut().unwrap();
        while self.received.len() < count && !self.received.last().is_some_and(Received::is_complete) {
            let Some(frame) = socket.next().await else { return };
            assert_ne!(frame.event, "session_error", "{}", frame.data);
            if frame.offset().is_some() {
                self.received.push(frame);
            }
        }
    }

    async fn receive_to_the_end(&mut self) {
        self.receive(usize::MAX).await;
        assert_whole(&self.received);
    }
}

/// What was received before is in the log, at its offset and unchanged, and the log has one end.
async fn assert_kept(api: &Api, follower: &Follower) {
    let events = api.events(&follower.session).await;
    for (frame, event) in follower.received.iter().zip(&events) {
        if frame.is_complete() {
            assert_eq!(frame.data["offset"], event["offset"]);
        } else {
            assert_eq!(&frame.data, event);
        }
    }
    let is_terminal = |event: &&Value| TERMINAL.contains(&event["type"].as_str().unwrap());
    let ends: Vec<&Value> = events.iter().filter(is_terminal).collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends[0], events.last().unwrap());
    assert_eq!(ends[0]["type"], "session_completed");
    assert!(follower.received.len() <= events.len());
}

async fn followers(service: &Service, count: usize) -> Vec<Follower> {
    let api = Api::of(service);
    let mut followers = Vec::new();
    for number in 0..count {
        let session = api.generate(&format!("Topic {number}")).await;
        followers.push(Follower::join(service, session).await);
    }
    followers
}

/// After the last restart: everybody comes back and has it all.
async fn assert_all_come_through(service: &Service, followers: &mut [Follower]) {
    let api = Api::of(service);
    for follower in &mut *followers {
        follower.resume(service).await;
        api.wait_for_end(&follower.session).await;
        assert_kept(&api, follower).await;
        follower.receive_to_the_end().await;
        assert_kept(&api, follower).await;
    }
    assert_counted_once(&api, followers.len()).await;
}

/// However often a run was begun again: it is one in the history, and one in the summary.
async fn assert_counted_once(api: &Api, runs: usize) {
    let (_, history) = api.get("/api/v1/sessions?limit=200").await;
    assert_eq!(history["items"].as_array().unwrap().len(), runs, "{history}");
    let (_, summary) = api.get("/api/v1/analytics/summary").await;
    let total = &summary["total"];
    assert_eq!((&total["started"], &total["completed"]), (&json!(runs), &json!(runs)), "{total}");
    let in_buckets = |figure: &str| -> u64 {
        summary["buckets"].as_array().unwrap().iter().map(|bucket| bucket[figure].as_u64().unwrap()).sum()
    };
    assert_eq!((in_buckets("started"), in_buckets("completed")), (runs as u64, runs as u64), "{summary}");
}

#[tokio::test]
async fn what_a_client_received_survives_kill_9_of_the_service() {
    let database = Database::create().await;
    let mut service = Service::start_with(&database, &RUN).await;
    let mut clients = followers(&service, 3).await;
    for crash in 1..=2 {
        for client in &mut clients {
            client.receive(6 * crash).await;
        }
        service.kill().await;
        // What was on its way counts as received.
        for client in &mut clients {
            client.receive(usize::MAX).await;
        }
        service = Service::start_with(&database, &RUN).await;
        for client in &mut clients {
            client.resume(&service).await;
        }
    }
    assert_all_come_through(&service, &mut clients).await;
    let log = Api::of(&service).events(&clients[0].session).await;
    assert!(log.iter().any(|event| event["message"].as_str().unwrap().contains("interrupted and goes on")));
}

#[tokio::test]
async fn what_a_client_received_survives_kill_9_of_service_and_postgres() {
    let dir = data_dir();
    let service = Service::start_in(dir.path(), &RUN).await;
    let mut clients = followers(&service, 3).await;
    for client in &mut clients {
        client.receive(8).await;
    }
    kill(postmaster(dir.path()), Signal::SIGKILL).unwrap();
    service.kill().await;
    for client in &mut clients {
        client.receive(usize::MAX).await;
    }
    let service = Service::start_in(dir.path(), &RUN).await;
    assert_all_come_through(&service, &mut clients).await;
    assert!(service.terminate().await.success());
}

#[tokio::test]
async fn a_run_and_its_clients_outlast_kill_9_of_postgres() {
    let dir = data_dir();
    let service = Service::start_in(dir.path(), &RUN).await;
    let api = Api::of(&service);
    let mut clients = followers(&service, 2).await;
    for client in &mut clients {
        client.receive(6).await;
    }
    let first = postmaster(dir.path());
    kill(first, Signal::SIGKILL).unwrap();
    // On the same connections.
    for client in &mut clients {
        client.receive_to_the_end().await;
        assert_kept(&api, client).await;
    }
    assert_ne!(postmaster(dir.path()), first, "the service has started it again");
    assert!(service.terminate().await.success());
}

#[tokio::test]
async fn connections_to_the_database_that_are_cut_cost_no_event() {
    const CUTS: usize = 10;
    let mut chance = chance();
    let database = Database::create().await;
    let running = Service::start_with(&database, &["--offline-pace", "60ms", "--calls-per-run", "1"]).await;
    let other = Service::start_with(&database, &["--max-running", "0"]).await;
    let session = Api::of(&running).generate("Rust ownership").await;
    let mut near = Follower::join(&running, session.clone()).await;
    let mut far = Follower::join(&other, session).await;

    let mut scissors = database.connect().await;
    for _ in 0..CUTS {
        near.receive(near.received.len() + chance.random_range(1..=3)).await;
        // Pools, append lanes and listeners of both nodes.
        sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
            .execute(&mut scissors)
            .await
            .unwrap();
    }
    for follower in [&mut near, &mut far] {
        follower.receive_to_the_end().await;
        assert_kept(&Api::of(&running), follower).await;
    }
    for service in [&running, &other] {
        assert!(!service.stderr().contains("panicked"), "{}", service.stderr());
    }
}

#[tokio::test]
async fn a_run_that_takes_its_nodes_down_with_it_is_given_up() {
    let model = Model::start(async |_| Reply::Silence).await;
    let database = Database::create().await;
    let settings = ["--provider", "openai", "--attempts-per-run", "2", "--lease-ttl", "1s"];
    let env = [("OPENAI_BASE_URL", model.base_url.as_str())];
    let start = async || Service::start_with_env(&database, &settings, &env).await;

    let mut service = start().await;
    let session = Api::of(&service).generate("Rust ownership").await;
    for attempt in 1..=2 {
        Api::of(&service).wait_for(&session, |summary| summary["attempts"] == attempt).await;
        service.kill().await;
        service = start().await;
    }
    let summary = Api::of(&service).wait_for_end(&session).await;
    assert_eq!(summary["status"], "failed", "{summary}");
    assert_eq!(summary["error"], "the run was interrupted 2 times and is given up");
}

#[tokio::test]
async fn a_second_service_on_a_data_directory_works_beside_the_first() {
    let dir = data_dir();
    let mut first = Service::start_in(dir.path(), &["--offline-pace", "0ms"]).await;
    let postgres = postmaster(dir.path());
    let second = Service::start_in(dir.path(), &["--offline-pace", "0ms"]).await;
    assert_eq!(postmaster(dir.path()), postgres, "there is one PostgreSQL for both");

    // They are two nodes of one service.
    let session = Api::of(&second).generate("Rust ownership").await;
    let mut client = Follower::join(&first, session).await;
    client.receive_to_the_end().await;
    assert!(second.terminate().await.success());
    let session = Api::of(&first).generate("Rust ownership").await;
    assert_eq!(Api::of(&first).wait_for_end(&session).await["status"], "completed");

    // The PostgreSQL goes with the one that started it, and the other starts it again, however the first has ended.
    for is_killed in [false, true] {
        let second = Service::start_in(dir.path(), &["--offline-pace", "0ms"]).await;
        let postgres = postmaster(dir.path());
        if is_killed {
            first.kill().await;
        } else {
            assert!(first.terminate().await.success());
        }
        let api = Api::of(&second);
        let waited = tokio::time::timeout(PATIENCE, async {
            while api.get("/health/ready").await.1["status"] != "ok"
                || try_postmaster(dir.path()).is_none_or(|pid| pid == postgres)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        waited.await.expect("it runs the database itself");
        assert_eq!(api.wait_for_end(&api.generate("Rust ownership").await).await["status"], "completed");
        first = second;
    }
    assert!(first.terminate().await.success());
}

#[tokio::test]
async fn a_node_that_is_told_to_stop_sends_its_clients_away_and_hands_its_runs_back() {
    let database = Database::create().await;
    // A lease that nobody could wait for; steps too long for the grace.
    let settings = ["--offline-pace", "60ms", "--calls-per-run", "1", "--lease-ttl", "1h", "--shutdown-grace", "0s"];
    let service = Service::start_with(&database, &settings).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let mut client = Follower::join(&service, session.clone()).await;
    let mut idle = Socket::connect(&service).await;
    let mut stream = Sse::open(&api, &session, Resume::default()).await;
    client.receive(6).await;

    let (status, idle_code, streamed) = futures_util::join!(service.terminate(), idle.close_code(), stream.until_end());
    assert_eq!(status.code(), Some(0));
    assert_eq!(idle_code, 1012);
    let (code, rest) = client.socket.take().unwrap().rest_and_close_code().await;
    assert_eq!(code, 1012);
    client.received.extend(rest);
    assert!(!streamed.iter().any(Received::is_complete), "the stream ends, the session does not");

    let service = Service::start_with(&database, &RUN).await;
    assert_all_come_through(&service, std::slice::from_mut(&mut client)).await;
}
