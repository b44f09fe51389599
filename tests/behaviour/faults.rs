//! Trouble with the database: restarts, crashes, cut and stalled connections. Appends wait or fail with a clear error; what was
//! answered is in the log once; clients stay connected and catch up.

mod disk;
mod failover;
mod pooler;
mod unknown;

use std::{collections::HashMap, sync::Arc, time::Duration};

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use tokio::sync::watch;

use crate::support::{
    api::{Api, USER},
    database::{Cluster, Database},
    proxy::Proxy,
    service::{PATIENCE, Service},
    socket::{Socket, assert_contiguous},
};

/// Appends numbered messages, one after the other, until told to stop, and remembers how each was answered.
struct Producer {
    session: String,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<HashMap<u64, StatusCode>>,
}

impl Producer {
    async fn start(service: &Service) -> Self {
        let api = Arc::new(Api::of(service));
        let body = json!({"topic": "faults", "user_id": USER});
        let (status, created) = api.post("/api/v1/sessions", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        let session = created["sessionId"].as_str().unwrap().to_owned();
        let (stop, stopped) = watch::channel(false);
        let path = format!("/api/v1/sessions/{session}/messages");
        let task = tokio::spawn(async move {
            let mut answers = HashMap::new();
            for number in 0.. {
                if *stopped.borrow() {
                    break;
                }
                let message = json!([{"type": "log", "message": "n", "data": {"number": number}}]);
                let (status, answer) = api.post(&path, &message).await;
                if status != StatusCode::OK {
                    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
                    assert!(answer["detail"].is_string(), "{answer}");
                }
                answers.insert(number, status);
            }
            answers
        });
        Self { session, stop, task }
    }

    /// Stops, and checks the log against the answers: what was answered with success is there once, what was not may be there
    /// once.
    async fn stop_and_check(self, service: &Service) -> usize {
        self.stop.send_replace(true);
        let answers = self.task.await.unwrap();
        let events = Api::of(service).events(&self.session).await;
        let mut found: HashMap<u64, usize> = HashMap::new();
        for (expected, event) in (1..).zip(&events) {
            assert_eq!(event["offset"], expected, "a hole in the log");
            if let Some(number) = event["data"]["number"].as_u64() {
                *found.entry(number).or_default() += 1;
            }
        }
        for (number, status) in &answers {
            let times = found.get(number).copied().unwrap_or(0);
            let is_right = if *status == StatusCode::OK { times == 1 } else { times <= 1 };
            assert!(is_right, "message {number}, answered with {status}, is in the log {times} times");
        }
        answers.values().filter(|status| **status == StatusCode::OK).count()
    }

    /// Waits until so many messages are in the log.
    async fn reaches(&self, service: &Service, count: u64) {
        Api::of(service).wait_for(&self.session, |summary| summary["lastOffset"].as_u64() >= Some(count)).await;
    }
}

/// Follows a session until the given message is there, without the connection ever being closed.
async fn follows_without_loss(socket: &mut Socket, until: u64) {
    let mut received = Vec::new();
    while received.len() < usize::try_from(until).unwrap() {
        let frame = socket.next().await.expect("the client stays connected");
        assert_ne!(frame.event, "session_error", "{}", frame.data);
        received.extend(frame.offset().map(|_| frame));
    }
    assert_contiguous(&received, 1);
}

async fn restarts(crash: bool) {
    let mut cluster = Cluster::start().await;
    let service = Service::start_with(&cluster.database(), &["--offline-pace", "200ms", "--lease-ttl", "30s"]).await;
    let run = Api::of(&service).generate("Rust ownership").await;
    let mut run_socket = Socket::connect(&service).await;
    run_socket.join(&run).await;
    let producer = Producer::start(&service).await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    producer.reaches(&service, 20).await;

    if crash {
        cluster.crash().await;
    } else {
        cluster.stop().await;
    }
    cluster.start_again().await;

    let (_, before) = Api::of(&service).get(&format!("/api/v1/sessions/{}", producer.session)).await;
    let more = before["lastOffset"].as_u64().unwrap_or(20) + 20;
    producer.reaches(&service, more).await;
    follows_without_loss(&mut socket, more).await;
    assert!(producer.stop_and_check(&service).await > 0);
    let received = run_socket.until_complete().await;
    assert_contiguous(&received, 1);
    assert_eq!(received.last().unwrap().data["success"], true, "the run goes on after it");
}

#[tokio::test]
async fn a_restart_of_the_database_is_waited_for() {
    restarts(false).await;
}

#[tokio::test]
async fn a_crash_of_the_database_is_waited_for() {
    restarts(true).await;
}

async fn terminate_all(database: &Database) {
    let mut connection = database.connect().await;
    connection
        .execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()")
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn terminated_connections_of_every_kind_are_replaced() {
    let cluster = Cluster::start().await;
    let database = cluster.database();
    let service = Service::start(&database).await;
    let producer = Producer::start(&service).await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    for round in 1..=8 {
        producer.reaches(&service, round * 15).await;
        terminate_all(&database).await;
    }
    producer.reaches(&service, 140).await;
    follows_without_loss(&mut socket, 140).await;
    producer.stop_and_check(&service).await;
}

#[tokio::test]
async fn a_connection_cut_during_a_commit_doubles_nothing() {
    let cluster = Cluster::start().await;
    let proxy = Proxy::start(&cluster.socket()).await;
    let service = Service::start(&cluster.database_at(proxy.port)).await;
    let producers = [Producer::start(&service).await, Producer::start(&service).await, Producer::start(&service).await];
    for round in 1..=25 {
        producers[0].reaches(&service, round * 6).await;
        proxy.cut();
    }
    for producer in producers {
        producer.stop_and_check(&service).await;
    }
}

#[tokio::test]
async fn a_stalled_network_delays_and_doubles_nothing() {
    let cluster = Cluster::start().await;
    let proxy = Proxy::start(&cluster.socket()).await;
    let service = Service::start(&cluster.database_at(proxy.port)).await;
    let producer = Producer::start(&service).await;
    producer.reaches(&service, 10).await;
    proxy.stall();
    // The node says that it cannot serve; a probe of its health is not held up by the database for long.
    let api = Api::of(&service);
    let (status, ready) = api.get("/health/ready").await;
    assert_eq!((status, &ready["database"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)), "{ready}");
    proxy.release();
    producer.reaches(&service, 40).await;
    producer.stop_and_check(&service).await;
}

#[tokio::test]
async fn a_read_only_database_is_an_error_that_says_so_and_passes() {
    let cluster = Cluster::start().await;
    let database = cluster.database();
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (_, created) = api.post("/api/v1/sessions", &json!({"topic": "read-only", "user_id": USER})).await;
    let path = format!("/api/v1/sessions/{}/messages", created["sessionId"].as_str().unwrap());
    let message = json!([{"type": "log", "message": "n"}]);

    let mut connection = database.connect().await;
    connection.execute("alter database coursestream set default_transaction_read_only = on").await.unwrap();
    connection.close().await.unwrap();
    terminate_all(&database).await;
    let (status, answer) = api.post(&path, &message).await;
    assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")), "{answer}");

    let mut connection = database.connect().await;
    // A transaction of its own: the statement after it is to be outside of the read-only one.
    connection.execute("set default_transaction_read_only = off").await.unwrap();
    connection.execute("alter database coursestream set default_transaction_read_only = off").await.unwrap();
    connection.close().await.unwrap();
    terminate_all(&database).await;
    let written = async { while api.post(&path, &message).await.0 != StatusCode::OK {} };
    tokio::time::timeout(PATIENCE, written).await.expect("appends go on");
}

/// The listener's connection stalls, so no NOTIFY arrives: the sweep finds what another node wrote, and health says so.
#[tokio::test]
async fn lost_wakeups_cost_time_and_no_event() {
    let cluster = Cluster::start().await;
    let proxy = Proxy::start(&cluster.socket()).await;
    let writer = Service::start(&cluster.database()).await;
    let direct = cluster.database_at(proxy.port).url;
    let follower = Service::start_with(&cluster.database(), &["--listen-database-url", &direct]).await;
    let api = Api::of(&follower);
    wait_for_ready(&api, |ready| ready["wakeups"] == true).await;
    proxy.stall();
    let producer = Producer::start(&writer).await;
    let mut socket = Socket::connect(&follower).await;
    socket.join(&producer.session).await;
    follows_without_loss(&mut socket, 30).await;
    let ready = wait_for_ready(&api, |ready| ready["wakeups"] == false).await;
    assert_eq!(ready["status"], "degraded");
    let metrics = api.http.get(follower.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("coursestream_wakeups_arriving 0"), "{metrics}");
    proxy.cut();
    proxy.release();
    wait_for_ready(&api, |ready| ready["wakeups"] == true).await;
    producer.stop_and_check(&writer).await;
}

async fn wait_for_ready(api: &Api, wanted: impl Fn(&Value) -> bool) -> Value {
    let waited = async {
        loop {
            let (_, ready) = api.get("/health/ready").await;
            if wanted(&ready) {
                return ready;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("the node gets there")
}

#[tokio::test]
async fn a_database_without_a_free_connection_is_waited_for() {
    let cluster = Cluster::start().await;
    let database = cluster.database();
    let service = Service::start(&database).await;
    let producer = Producer::start(&service).await;
    producer.reaches(&service, 10).await;
    // Takes every place that becomes free, also those of the service.
    let mut taken = Vec::new();
    terminate_all(&database).await;
    while let Ok(connection) = sqlx::PgConnection::connect_with(&database.options()).await {
        taken.push(connection);
    }
    assert!(taken.len() > 50);
    for connection in taken {
        connection.close().await.unwrap();
    }
    producer.reaches(&service, 40).await;
    producer.stop_and_check(&service).await;
}
