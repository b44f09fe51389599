//! Recovery by tokens, seen on raw sockets: what a client that comes back is given, and what it is not.

use serde_json::{Value, json};
use sqlx::Executor;

use super::{
    raw::Websocket,
    socket::{Socket, url},
};
use crate::support::{api::Api, database::Database, service::Service, socket::assert_contiguous};

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

/// A socket that has been served the first `count` events of a session and handled no more than those.
async fn interrupted(service: &Service, session: &str, count: usize) -> Socket {
    let mut socket = Socket::connect(service).await;
    socket.join(session).await;
    assert_contiguous(&socket.take(count).await, 1);
    socket
}

#[tokio::test]
async fn a_client_goes_on_without_joining_again() {
    let (_database, service, api) = start().await;
    let (session, last) = ended(&api).await;
    let socket = interrupted(&service, &session, 5).await;
    let (sid, pid) = (socket.sid.clone(), socket.pid.clone());
    let mut socket = socket.reconnect(&service).await;
    assert_eq!(socket.pid, pid, "the same pid: recovered");
    assert_ne!(socket.sid, sid);
    let status = socket.expect("session_status").await;
    assert_eq!(status["lastOffset"], json!(last));
    assert_contiguous(&socket.until_complete().await, 6);
    // It has all of it now.
    let mut socket = socket.reconnect(&service).await;
    socket.expect("session_status").await;
    socket.assert_silent().await;
}

#[tokio::test]
async fn a_client_that_joins_all_the_same_is_served_once() {
    let (_database, service, api) = start().await;
    let (session, last) = ended(&api).await;
    let bare = json!(session);
    // One that keeps count by itself says what its token says.
    let counted = json!({"sessionId": session, "lastSeenOffset": 5});
    for join in [bare, counted] {
        let mut socket = interrupted(&service, &session, 5).await.reconnect(&service).await;
        let (answer, mut received) = socket.ask("join_session", join).await;
        assert_eq!(answer, json!({"ok": true, "lastOffset": last}));
        received.retain(|event| event.offset().is_some());
        while received.last().is_none_or(|event| !event.is_complete()) {
            received.extend(socket.take(1).await);
        }
        assert_contiguous(&received, 6);
        socket.assert_silent().await;
    }
}

#[tokio::test]
async fn an_explicit_offset_still_moves_a_recovered_socket() {
    let (_database, service, api) = start().await;
    let (session, _) = ended(&api).await;
    let mut socket = interrupted(&service, &session, 5).await.reconnect(&service).await;
    assert_contiguous(&socket.until_complete().await, 6);
    for last_seen in [2, 5, 5] {
        socket.emit("join_session", json!({"sessionId": session, "lastSeenOffset": last_seen})).await;
        socket.expect("session_status").await;
        assert_contiguous(&socket.until_complete().await, last_seen + 1);
    }
}

#[tokio::test]
async fn all_sessions_of_a_socket_are_recovered() {
    let (_database, service, api) = start().await;
    let ((first, first_last), (second, second_last)) = (ended(&api).await, ended(&api).await);
    let mut socket = Socket::connect(&service).await;
    socket.emit("join_session", json!({"sessionId": first, "lastSeenOffset": first_last})).await;
    socket.emit("join_session", json!({"sessionId": second, "lastSeenOffset": second_last - 4})).await;
    assert_contiguous(&socket.take(2).await, second_last - 3);
    let mut socket = socket.reconnect(&service).await;
    let mut statuses = [socket.expect("session_status").await, socket.expect("session_status").await];
    statuses.sort_by_key(|status| status["sessionId"].as_str().unwrap().to_owned());
    assert_eq!([&statuses[0]["sessionId"], &statuses[1]["sessionId"]], [&json!(first), &json!(second)]);
    assert_contiguous(&socket.until_complete().await, second_last - 1);
    socket.assert_silent().await;
}

#[tokio::test]
async fn tokens_are_taken_after_a_restart_and_by_other_nodes() {
    let (database, service, api) = start().await;
    let (session, _) = ended(&api).await;
    let socket = interrupted(&service, &session, 3).await;
    let other = Service::start(&database).await;
    let mut socket = socket.reconnect(&other).await;
    assert_contiguous(&socket.take(3).await, 4);
    service.kill().await;
    other.kill().await;
    let service = Service::start(&database).await;
    let pid = socket.pid.clone();
    let mut socket = socket.reconnect(&service).await;
    assert_eq!(socket.pid, pid);
    assert_contiguous(&socket.until_complete().await, 7);
}

#[tokio::test]
async fn what_is_not_authentic_starts_afresh() {
    let (_database, service, api) = start().await;
    let (session, _) = ended(&api).await;
    let (stranger, _) = ended(&api).await;
    let socket = interrupted(&service, &session, 5).await;
    let (pid, offset) = (socket.pid.as_str(), socket.offset.as_str());
    let other = interrupted(&service, &stranger, 3).await;
    // The session of one stamp with the signature of another.
    let (own_signature, others) = (offset.rsplit_once('.').unwrap().1, other.offset.rsplit_once('.').unwrap().0);
    let forged_session = format!("{others}.{own_signature}");
    let forged_offset = offset.replacen(".5.", ".4.", 1);
    assert_ne!(forged_offset, offset);
    let cases: [Value; 9] = [
        json!({"pid": "AAAA.AAAA", "offset": offset}),
        json!({"pid": format!("{pid}x"), "offset": offset}),
        json!({"pid": offset, "offset": offset}),
        json!({"pid": pid, "offset": forged_session}),
        json!({"pid": pid, "offset": forged_offset}),
        json!({"pid": pid, "offset": format!("{offset}~{forged_session}")}),
        json!({"pid": pid, "offset": ""}),
        // Before the first event there is no offset.
        json!({"pid": pid}),
        json!({"pid": 5, "offset": [], "token": "the user's own"}),
    ];
    for auth in cases {
        let mut fresh = Socket::connect_with(&service, &auth).await;
        assert_ne!(fresh.pid, pid, "{auth}");
        fresh.assert_silent().await;
        fresh.join(&session).await;
        fresh.expect("session_status").await;
        assert_contiguous(&fresh.until_complete().await, 1);
        // The new pid is as good as any.
        let pid = fresh.pid.clone();
        assert_eq!(fresh.reconnect(&service).await.pid, pid);
    }
}

#[tokio::test]
async fn the_first_nodes_agree_on_a_key() {
    let (database, service, api) = start().await;
    let (session, _) = ended(&api).await;
    service.kill().await;
    database.connect().await.execute("delete from coursestream.secrets").await.unwrap();
    let (one, other) = tokio::join!(Service::start(&database), Service::start(&database));
    let socket = interrupted(&one, &session, 2).await;
    let pid = socket.pid.clone();
    let socket = socket.reconnect(&other).await;
    assert_eq!(socket.pid, pid);
}

#[tokio::test]
async fn a_session_that_has_expired_meanwhile_is_reported() {
    let database = Database::create().await;
    let service =
        Service::start_with(&database, &["--offline-pace", "0ms", "--session-ttl", "1s", "--prune-every", "1s"]).await;
    let api = Api::of(&service);
    let (session, _) = ended(&api).await;
    let socket = interrupted(&service, &session, 2).await;
    let expired = async {
        loop {
            let mut socket = Socket::connect(&service).await;
            if socket.ask("join_session", json!(session)).await.0["code"] == json!("session_expired") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::support::service::PATIENCE, expired).await.expect("the session expires");
    let mut socket = socket.reconnect(&service).await;
    assert_eq!(socket.expect("session_error").await["code"], "session_expired");
    socket.assert_silent().await;
}

#[tokio::test]
async fn a_node_that_stops_lets_its_sockets_go_on_elsewhere() {
    let (database, service, api) = start().await;
    let (session, _) = ended(&api).await;
    let mut socket = interrupted(&service, &session, 4).await;
    let other = Service::start(&database).await;
    let (status, ()) = tokio::join!(service.terminate(), async {
        // What was under way still comes, then the end.
        while socket.next().await.is_some() {}
    });
    assert!(status.success(), "{status}");
    let mut socket = socket.reconnect(&other).await;
    socket.expect("session_status").await;
    socket.assert_silent().await;
}

#[tokio::test]
async fn while_the_log_cannot_be_read_clients_are_sent_to_try_again() {
    let (database, service, api) = start().await;
    let (session, _) = ended(&api).await;
    let socket = interrupted(&service, &session, 4).await;
    let auth = socket.auth();
    drop(socket);
    let mut owner = database.connect().await;
    owner.execute("alter table coursestream.sessions rename to away").await.unwrap();

    // Told that it was recovered, it would not join again; told that it was not, it would begin anew.
    let (mut waiting, _) = Websocket::open(&url(&service)).await;
    waiting.send(&format!("40{auth}")).await;
    assert_eq!(waiting.next().await, None);
    // Existing clients join when they connect, and at no other time.
    let mut joining = Socket::connect(&service).await;
    joining.join(&session).await;
    assert_eq!(joining.expect("session_error").await["code"], "internal");
    assert!(joining.next().await.is_none());

    owner.execute("alter table coursestream.away rename to sessions").await.unwrap();
    let mut socket = Socket::connect_with(&service, &auth).await;
    assert_eq!(socket.pid, auth["pid"].as_str().unwrap());
    socket.expect("session_status").await;
    assert_contiguous(&socket.until_complete().await, 5);
}
