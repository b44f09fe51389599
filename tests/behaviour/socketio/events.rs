//! Our events on Socket.IO: the contract's rules, seen on raw sockets.

use serde_json::{Value, json};

use super::{
    raw::{Polling, Websocket},
    socket::{Packet, Socket, url},
};
use crate::support::{
    api::Api,
    database::Database,
    service::{PATIENCE, Service},
    socket::assert_contiguous,
};

const NOWHERE: &str = "0199aaaa-0000-7000-8000-000000000000";

async fn start() -> (Database, Service, Api) {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    (database, service, api)
}

async fn ended(api: &Api) -> (String, u64) {
    let session = api.generate("Bread baking").await;
    let last = api.wait_for_end(&session).await["lastOffset"].as_u64().unwrap();
    (session, last)
}

#[tokio::test]
async fn a_join_is_answered_with_the_status_and_the_whole_log() {
    let (_database, service, api) = start().await;
    let (session, last) = ended(&api).await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    let status = socket.expect("session_status").await;
    assert_eq!(status, json!({"sessionId": session, "status": "completed", "lastOffset": last}));
    let received = socket.until_complete().await;
    assert_contiguous(&received, 1);
    let log = api.events(&session).await;
    assert_eq!(received.len(), log.len());
    for (received, event) in received.iter().zip(&log).take(log.len() - 1) {
        assert_eq!((received.event.as_str(), &received.data), ("course_generation_update", event));
    }
    let complete = &received.last().unwrap().data;
    assert_eq!((&complete["success"], &complete["offset"]), (&json!(true), &json!(last)));
    socket.assert_silent().await;
}

#[tokio::test]
async fn a_live_session_is_followed_and_its_status_told() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "20ms"]).await;
    let api = Api::of(&service);
    let session = api.generate("Sailing").await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    let (mut offsets, mut statuses) = (Vec::new(), Vec::new());
    while statuses.last() != Some(&json!("completed")) {
        let Some(Packet::Event(event)) = socket.next().await else { panic!("the connection stays up") };
        offsets.extend(event.offset());
        if event.event == "session_status" {
            statuses.push(event.data["status"].clone());
        }
    }
    assert_eq!(offsets, (1..=offsets.len() as u64).collect::<Vec<_>>());
    statuses.dedup();
    assert!(statuses.ends_with(&[json!("running"), json!("completed")]), "{statuses:?}");
}

#[tokio::test]
async fn a_join_may_say_where_it_goes_on_from() {
    let (_database, service, api) = start().await;
    let (session, last) = ended(&api).await;
    let mut socket = Socket::connect(&service).await;
    socket.emit("join_session", json!({"sessionId": session, "lastSeenOffset": last - 3})).await;
    socket.expect("session_status").await;
    assert_contiguous(&socket.until_complete().await, last - 2);
    // Again, from elsewhere.
    socket.emit("join_session", json!({"sessionId": session, "lastSeenOffset": 1})).await;
    socket.expect("session_status").await;
    assert_contiguous(&socket.until_complete().await, 2);
    // Again, without a word: nothing but the status.
    socket.join(&session).await;
    socket.expect("session_status").await;
    socket.assert_silent().await;
}

#[tokio::test]
async fn who_asks_for_an_answer_gets_one() {
    let (_database, service, api) = start().await;
    let (session, last) = ended(&api).await;
    let mut socket = Socket::connect(&service).await;
    let (answer, before) = socket.ask("join_session", json!(session)).await;
    assert_eq!(answer, json!({"ok": true, "lastOffset": last}));
    assert_eq!(before.len(), 1, "the status, and nothing of the log");
    socket.until_complete().await;
    let (answer, _) = socket.ask("leave_session", json!(session)).await;
    assert_eq!(answer, json!({"ok": true}));
}

#[tokio::test]
async fn what_is_refused_is_said_and_the_connection_stays() {
    let (_database, service, api) = start().await;
    let (session, last) = ended(&api).await;
    let mut socket = Socket::connect(&service).await;
    let cases = [
        ("join_session", json!(NOWHERE), "session_not_found"),
        ("join_session", json!({"sessionId": session, "lastSeenOffset": last + 1}), "offset_ahead"),
        ("join_session", json!({"sessionId": session, "lastSeenOffset": -1}), "bad_request"),
        ("join_session", json!("not an id"), "bad_request"),
        ("join_session", json!({}), "bad_request"),
        ("join_session", Value::Null, "bad_request"),
        ("leave_session", json!(5), "bad_request"),
        ("make_coffee", json!("black"), "bad_request"),
    ];
    for (event, payload, code) in cases {
        let (answer, before) = socket.ask(event, payload.clone()).await;
        assert_eq!((&answer["ok"], &answer["code"]), (&json!(false), &json!(code)), "{event} {payload}");
        assert_eq!(before.len(), 1, "{before:?}");
        assert_eq!(before[0].event, "session_error");
        assert_eq!((&before[0].data["code"], &before[0].data["message"]), (&json!(code), &answer["message"]));
    }
    socket.join(&session).await;
    socket.expect("session_status").await;
    assert_contiguous(&socket.until_complete().await, 1);
}

#[tokio::test]
async fn a_session_that_was_left_is_silent_and_starts_anew() {
    let (_database, service, api) = start().await;
    let ((first, _), (second, _)) = (ended(&api).await, ended(&api).await);
    let mut socket = Socket::connect(&service).await;
    socket.join(&first).await;
    assert_contiguous(&socket.until_complete().await, 1);
    socket.emit("leave_session", json!({"sessionId": first})).await;
    socket.join(&second).await;
    let received = socket.until_complete().await;
    assert_contiguous(&received, 1);
    assert!(received.iter().all(|event| event.data["sessionId"] == json!(second)));
    socket.join(&first).await;
    assert_contiguous(&socket.until_complete().await, 1);
}

#[tokio::test]
async fn a_socket_may_join_sixty_four_sessions() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "1h", "--max-running", "1"]).await;
    let api = Api::of(&service);
    let mut socket = Socket::connect(&service).await;
    for _ in 0..64 {
        let session = api.generate("One of many").await;
        assert_eq!(socket.ask("join_session", json!(session)).await.0["ok"], json!(true));
    }
    let session = api.generate("One too many").await;
    let (answer, _) = socket.ask("join_session", json!(session)).await;
    assert_eq!(answer["code"], json!("too_many_sessions"));
    // All of them are in the cursor, and it still fits into a request.
    assert_eq!(socket.offset.split('~').count(), 64);
    let socket = socket.reconnect(&service).await;
    assert!(!socket.pid.is_empty());
}

#[tokio::test]
async fn polling_carries_the_same() {
    let (_database, service, api) = start().await;
    let (session, last) = ended(&api).await;
    let polling = Polling::open(&url(&service)).await;
    polling.post("40").await;
    assert!(polling.poll().await[0].starts_with(r#"40{"#));
    polling.post(format!("42{}", json!(["join_session", session]))).await;
    let mut events: Vec<Vec<Value>> = Vec::new();
    while events.last().is_none_or(|event| event[0] != "course_generation_complete") {
        for packet in polling.poll().await {
            events.push(serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap());
        }
    }
    assert_eq!(events[0][0], "session_status");
    let offsets: Vec<u64> = events[1..].iter().map(|event| event[1]["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, (1..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn connections_are_counted_by_transport() {
    let (_database, service, api) = start().await;
    let counted = async |transport: &str, wanted: u64| {
        let line = format!("coursestream_connections{{transport=\"socketio_{transport}\"}} {wanted}\n");
        let counted = async {
            loop {
                let metrics = api.http.get(service.url("/metrics")).send().await.unwrap().text().await.unwrap();
                if metrics.contains(&line) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, counted).await.unwrap_or_else(|_| panic!("{line}"));
    };
    let polling = Polling::open(&url(&service)).await;
    let socket = Socket::connect(&service).await;
    counted("polling", 1).await;
    counted("websocket", 1).await;
    let mut upgraded = Websocket::connect(&url(&service), &format!("&sid={}", polling.sid())).await;
    upgraded.send("2probe").await;
    assert_eq!(upgraded.text().await, "3probe");
    upgraded.send("5").await;
    counted("polling", 0).await;
    counted("websocket", 2).await;
    drop((socket, upgraded));
    counted("websocket", 0).await;
}
