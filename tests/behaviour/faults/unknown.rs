//! Commits whose answer is lost, while others write to the same sessions.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use tokio::sync::Notify;

use crate::support::{
    api::Api,
    database::{Cluster, Database},
    outside::Outside,
    proxy::Proxy,
    service::{PATIENCE, Service},
};

fn message(text: &str) -> Value {
    json!([{"type": "log", "message": text}])
}

async fn append(api: &Api, session: &str, text: &str) -> (StatusCode, Value) {
    api.post(&format!("/api/v1/sessions/{session}/messages"), &message(text)).await
}

fn messages(events: &[Value]) -> Vec<&str> {
    events.iter().filter(|event| event["type"] == "log").map(|event| event["message"].as_str().unwrap()).collect()
}

/// Waits until the log has so many events, as the database itself tells.
async fn wait_for(database: &Database, session: &str, count: i64) {
    let mut connection = database.connect().await;
    let query = "select last_offset from coursestream.sessions where session_id = $1::uuid";
    let there = async {
        while sqlx::query_scalar::<_, i64>(query).bind(session).fetch_one(&mut connection).await.unwrap() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("it is committed");
    connection.close().await.unwrap();
}

/// Two nodes; the answers of the database to the first one's appends can be withheld.
struct Nodes {
    database: Database,
    proxy: Proxy,
    near: Service,
    other: Service,
}

impl Nodes {
    async fn start(cluster: &Cluster) -> Self {
        let proxy = Proxy::start(&cluster.socket()).await;
        let database = cluster.database();
        let direct = cluster.database_at(proxy.port).url;
        Self {
            near: Service::start_with(&database, &["--listen-database-url", &direct]).await,
            other: Service::start(&database).await,
            database,
            proxy,
        }
    }
}

#[tokio::test]
async fn an_append_that_was_committed_unheard_is_not_written_again_whatever_others_append() {
    let cluster = Cluster::start().await;
    let nodes = Nodes::start(&cluster).await;
    let (near, other) = (Api::of(&nodes.near), Api::of(&nodes.other));
    let session = Outside::create(&other).await.session;
    assert_eq!(append(&near, &session, "before").await.0, StatusCode::OK);
    nodes.proxy.withhold();
    let unheard = async {
        wait_for(&nodes.database, &session, 3).await;
        assert_eq!(append(&other, &session, "between").await.0, StatusCode::OK);
        nodes.proxy.release();
        nodes.proxy.cut();
    };
    let ((status, answer), ()) = tokio::join!(append(&near, &session, "unheard"), unheard);
    assert_eq!((status, &answer), (StatusCode::OK, &json!({"firstOffset": 3, "lastOffset": 3})));
    assert_eq!(messages(&other.events(&session).await), ["before", "unheard", "between"]);
}

#[tokio::test]
async fn of_a_batch_that_was_committed_unheard_every_session_is_told_the_truth() {
    let cluster = Cluster::start().await;
    let nodes = Nodes::start(&cluster).await;
    let (near, other) = (Api::of(&nodes.near), Api::of(&nodes.other));
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(Outside::create(&other).await.session);
    }
    assert_eq!(append(&near, &sessions[0], "before").await.0, StatusCode::OK);
    nodes.proxy.withhold();
    // The first goes alone; the others gather behind it, and go together once it is resolved.
    let committed = Notify::new();
    let (near, committed) = (&near, &committed);
    let appends = sessions.iter().enumerate().map(|(number, session)| async move {
        if number > 0 {
            committed.notified().await;
        }
        append(near, session, "unheard").await
    });
    let unheard = async {
        wait_for(&nodes.database, &sessions[0], 3).await;
        committed.notify_waiters();
        assert_eq!(append(&other, &sessions[0], "between").await.0, StatusCode::OK);
        // A connection whose answers pass again, and one more that is lost with whatever it carries.
        nodes.proxy.cut();
        nodes.proxy.release();
        nodes.proxy.cut();
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(appends), unheard);
    for ((status, answer), session) in answers.into_iter().zip(&sessions) {
        assert_eq!(status, StatusCode::OK, "{answer}");
        let events = other.events(session).await;
        let at = answer["firstOffset"].as_u64().unwrap();
        assert_eq!(events[usize::try_from(at).unwrap() - 1]["message"], "unheard");
        assert_eq!(messages(&events).iter().filter(|message| **message == "unheard").count(), 1, "{events:?}");
    }
}

/// An operator who looks at one row for too long holds up nobody else.
#[tokio::test]
async fn a_session_whose_row_is_locked_holds_up_no_other() {
    let database = Database::create().await;
    let settings = ["--offline-pace", "300ms", "--calls-per-run", "1", "--lease-ttl", "6s"];
    let node = Service::start_with(&database, &settings).await;
    let api = Api::of(&node);
    let mut runs = Vec::new();
    for number in 0..4 {
        runs.push(api.generate(&format!("Run {number}")).await);
    }
    for run in &runs {
        api.wait_for(run, |summary| summary["counts"]["success"].as_u64() >= Some(1)).await;
    }
    let _other = Service::start_with(&database, &settings).await;
    let outside = Outside::create(&api).await.session;

    let mut connection = database.connect().await;
    connection.execute("begin").await.unwrap();
    let lock = "select from coursestream.sessions where session_id = $1::uuid for update";
    sqlx::query(lock).bind(&runs[0]).execute(&mut connection).await.unwrap();
    // All that concerns the session itself is told that it cannot be done now.
    let cancels = (0..12).map(|_| {
        let path = format!("/api/v1/course-generation/session/{}/cancel", runs[0]);
        async {
            let path = path;
            api.post(&path, &Value::Null).await.0
        }
    });
    for status in futures_util::future::join_all(cancels).await {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(append(&api, &outside, "meanwhile").await.0, StatusCode::OK);
    for run in &runs[1..] {
        let summary = api.wait_for_end(run).await;
        assert_eq!((&summary["status"], &summary["attempts"]), (&json!("completed"), &json!(1)), "{summary}");
    }
    assert_eq!(api.get("/health/ready").await.0, StatusCode::OK);
    connection.execute("rollback").await.unwrap();
    assert_eq!(api.wait_for_end(&runs[0]).await["status"], "completed");
}
