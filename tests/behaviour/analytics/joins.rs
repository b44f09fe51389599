//! Who came to follow what, over what, from where: noted without anybody waiting for it.

use serde_json::{Value, json};
use sqlx::Executor;

use super::model::ask;
use crate::support::{
    api::Api,
    database::Database,
    outside::Outside,
    service::{PATIENCE, Service},
    socket::Socket,
    sse::{Resume, Sse},
};

/// Waits until so many joins are written, and returns them in order.
async fn joins(database: &Database, count: usize) -> Vec<Vec<String>> {
    let analyst = database.options().username("coursestream_analyst");
    let sql = "select transport, last_seen_offset, replayed_events, is_resume from analytics.joins
        order by transport, last_seen_offset";
    let waited = async {
        loop {
            let rows = ask(&analyst, sql).await;
            if rows.len() >= count {
                return rows;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("the joins are written")
}

async fn join_over_socketio(api: &Api, session: &str) {
    let path = "/socket.io/?EIO=4&transport=polling";
    let text = async |url: String| api.http.get(url).send().await.unwrap().text().await.unwrap();
    let open = text(api.url(path)).await;
    let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
    let url = format!("{}&sid={}", api.url(path), open["sid"].as_str().unwrap());
    let post = async |packet: String| assert_eq!(api.http.post(&url).body(packet).send().await.unwrap().status(), 200);
    post("40".to_owned()).await;
    assert!(text(url.clone()).await.starts_with("40"));
    post(format!(r#"42["join_session",{}]"#, json!({"sessionId": session, "lastSeenOffset": 3}))).await;
    assert!(text(url.clone()).await.contains("session_status"));
}

#[tokio::test]
async fn every_join_is_noted_with_what_it_missed() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let outside = Outside::create(&api).await;
    assert_eq!(outside.log(9).await, 10);

    let mut socket = Socket::connect(&service).await;
    socket.join(&outside.session).await;
    socket.expect("session_status").await;
    // Again without an offset is no join, with one it is.
    socket.join(&outside.session).await;
    socket.join_after(&outside.session, 7).await;
    // Refused: beyond the end.
    socket.join_after(&outside.session, 11).await;
    let mut stream = Sse::open(&api, &outside.session, Resume::header("10")).await;
    stream.expect("session_status").await;
    join_over_socketio(&api, &outside.session).await;

    let expected = [
        ["socketio", "3", "7", "t"],
        ["sse", "10", "0", "t"],
        ["websocket", "0", "10", "f"],
        ["websocket", "7", "3", "t"],
    ];
    assert_eq!(joins(&database, 4).await, expected);
    let resumes = "select transport, joins, resumes, replayed_events from analytics.resumes order by transport";
    let analyst = database.options().username("coursestream_analyst");
    let expected = [["socketio", "1", "1", "7"], ["sse", "1", "1", "0"], ["websocket", "2", "1", "13"]];
    assert_eq!(ask(&analyst, resumes).await, expected);
}

#[tokio::test]
async fn nobody_waits_for_a_join_to_be_written() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let outside = Outside::create(&api).await;
    outside.log(4).await;
    // As a database would behave that takes everything but these.
    let mut holder = database.connect().await;
    holder.execute("begin; lock table coursestream.joins in access exclusive mode").await.unwrap();
    for _ in 0..100 {
        let mut socket = Socket::connect(&service).await;
        socket.join(&outside.session).await;
        socket.expect("session_status").await;
        for offset in 1..=5 {
            assert_eq!(socket.expect("course_generation_update").await["offset"], offset);
        }
    }
    holder.execute("rollback").await.unwrap();
    assert_eq!(joins(&database, 100).await.len(), 100);
}

#[tokio::test]
async fn what_was_noted_is_written_when_the_node_stops() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let outside = Outside::create(&api).await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&outside.session).await;
    socket.expect("session_status").await;
    assert!(service.terminate().await.success());
    let rows = ask(&database.options(), "select count(*) from coursestream.joins").await;
    assert_eq!(rows, [["1"]]);
}
