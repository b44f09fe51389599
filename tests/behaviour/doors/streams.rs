//! How a caller says who he is on each transport, and what becomes of a stream whose token expires.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Executor;
use tokio_tungstenite::tungstenite::{
    Error,
    client::IntoClientRequest,
    http::{HeaderValue, Response},
};

use super::callers::{Guarded, Kind, NOWHERE, OTHER_USER, guarded, token};
use crate::{
    socketio::socket::{Packet, Socket as SocketIo},
    support::{
        api::{Answer, USER},
        service::{self, PATIENCE},
        socket::{Socket, assert_contiguous},
        sse::{Resume, Sse},
    },
};

type Handshake = Result<(Socket, Response<Option<Vec<u8>>>), u16>;

async fn handshake(guarded: &Guarded, headers: &[(&'static str, String)]) -> Handshake {
    let mut request = guarded.service.ws_url().into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((stream, response)) => Ok((Socket::of(stream), response)),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_websocket_is_opened_by_header_by_subprotocol_or_by_a_first_frame() {
    let guarded = guarded(&[]).await;
    let (session, _) = guarded.finished_run().await;
    let token = guarded.credential(Kind::Owner).unwrap();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let (mut socket, _) =
            handshake(&guarded, &[("authorization", format!("{scheme} {token}"))]).await.ok().unwrap();
        socket.join(&session).await;
        socket.expect("session_status").await;
    }
    let offered = format!("coursestream, bearer.{token}");
    let (mut socket, response) = handshake(&guarded, &[("sec-websocket-protocol", offered)]).await.ok().unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "coursestream", "the token is not repeated");
    socket.join(&session).await;
    socket.expect("session_status").await;

    let (mut socket, _) = handshake(&guarded, &[]).await.ok().unwrap();
    socket.send("authenticate", json!({"token": token})).await;
    let answer = socket.expect("authenticated").await;
    assert!(answer["expiresAt"].is_string(), "{answer}");
    socket.join(&session).await;
    socket.expect("session_status").await;
}

#[tokio::test]
async fn a_websocket_with_a_wrong_token_is_refused_in_the_handshake() {
    let guarded = guarded(&[]).await;
    for wrong in [
        ("authorization", format!("Bearer {}", token(USER, -1))),
        ("authorization", "Bearer nonsense".to_owned()),
        ("authorization", "Basic dXNlcjpwYXNz".to_owned()),
        ("sec-websocket-protocol", format!("coursestream, bearer.{}", token(USER, -1))),
    ] {
        assert_eq!(handshake(&guarded, std::slice::from_ref(&wrong)).await.err(), Some(401), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_websocket_that_does_not_say_who_it_is_is_closed() {
    let guarded = guarded(&[]).await;
    let mut socket = Socket::connect(&guarded.service).await;
    socket.join(NOWHERE).await;
    let error = socket.expect("session_error").await;
    assert_eq!(error["code"], "unauthorized");
    // 1008: policy violation.
    assert_eq!(socket.close_code().await, 1008);
}

#[tokio::test]
async fn a_stream_whose_token_expires_goes_on_from_its_offset_with_a_fresh_one() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let mut socket = Socket::connect(&guarded.service).await;
    socket.send("authenticate", json!(token(USER, 2))).await;
    socket.expect("authenticated").await;
    socket.join(&outside.session).await;
    socket.expect("session_status").await;
    let mut received = vec![socket.next().await.unwrap()];
    let error = socket.expect("session_error").await;
    assert_eq!(error["code"], "unauthorized", "{error}");
    // Nothing is sent to somebody who is nobody.
    outside.log(3).await;
    socket.join(&outside.session).await;
    let error = socket.expect("session_error").await;
    assert_eq!((&error["code"], &error["sessionId"]), (&json!("unauthorized"), &json!(outside.session)));
    // Neither does another take his place.
    socket.send("authenticate", json!(token(OTHER_USER, 600))).await;
    assert_eq!(socket.expect("session_error").await["code"], "forbidden");
    socket.send("authenticate", json!(token(USER, -1))).await;
    assert_eq!(socket.expect("session_error").await["code"], "unauthorized");
    socket.send("authenticate", json!(token(USER, 600))).await;
    socket.expect("authenticated").await;
    outside.log(1).await;
    for _ in 0..4 {
        received.push(socket.next().await.unwrap());
    }
    assert_contiguous(&received, 1);
}

#[tokio::test]
async fn a_stream_whose_token_has_expired_ends_within_a_minute() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let mut socket = Socket::connect(&guarded.service).await;
    socket.send("authenticate", json!(token(USER, 2))).await;
    socket.expect("authenticated").await;
    socket.join(&outside.session).await;
    let (code, received) = socket.rest_and_close_code().await;
    assert_eq!((code, received.len()), (1008, 1));
}

#[tokio::test]
async fn a_socket_io_client_goes_on_with_a_fresh_token_too() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let mut socket = SocketIo::connect_with(&guarded.service, &json!({"token": token(USER, 2)})).await;
    let (answer, _) = socket.ask("join_session", json!(outside.session)).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let mut received = socket.take(1).await;
    assert_eq!(socket.expect("session_error").await["code"], "unauthorized");
    outside.log(2).await;
    let (answer, before) = socket.ask("authenticate", json!(token(USER, 600))).await;
    assert_eq!(answer["ok"], true, "{answer}");
    // The answer as an event, and nothing that was written meanwhile.
    assert!(before.iter().all(|event| event.offset().is_none()), "{before:?}");
    received.extend(socket.take(2).await);
    assert_contiguous(&received, 1);
}

#[tokio::test]
async fn server_sent_events_end_when_the_token_does() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let path = format!("/api/v1/sessions/{}/stream", outside.session);
    let request = guarded.api.request(Method::GET, &path).bearer_auth(token(USER, 2));
    let mut stream = Sse::of(request.send().await.unwrap(), Resume::default());
    stream.expect("session_status").await;
    stream.expect("course_generation_update").await;
    assert_eq!(stream.expect("session_error").await["code"], "unauthorized");
    assert!(stream.next().await.is_none());
}

async fn ticket(guarded: &Guarded, kind: Kind, session: &str) -> String {
    let path = format!("/api/v1/course-generation/session/{session}/ticket");
    let (status, answer) = guarded.post(kind, &path, &Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["expiresAt"].is_string(), "{answer}");
    answer["ticket"].as_str().unwrap().to_owned()
}

async fn open(guarded: &Guarded, session: &str, ticket: &str) -> Answer {
    let path = format!("/api/v1/sessions/{session}/stream?ticket={ticket}&lastSeenOffset=1");
    Answer::to(guarded.api.request(Method::GET, &path)).await
}

#[tokio::test]
async fn a_ticket_opens_the_stream_of_its_session_and_nothing_else() {
    let guarded = guarded(&[]).await;
    let (session, other) = (guarded.finished_run().await.0, guarded.finished_run().await.0);
    let bought = ticket(&guarded, Kind::Owner, &session).await;
    // A dropped connection comes back with the same URL.
    for _ in 0..2 {
        let answer = open(&guarded, &session, &bought).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.contains("course_generation_complete"));
    }
    assert_eq!(open(&guarded, &other, &bought).await.status, 401, "swapped");
    assert_eq!(open(&guarded, NOWHERE, &bought).await.status, 401);
    let mut forged = bought.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    assert_eq!(open(&guarded, &session, &String::from_utf8(forged).unwrap()).await.status, 401);
    for path in ["", "/events"] {
        let path = format!("/api/v1/sessions/{session}{path}?ticket={bought}");
        assert_eq!(Answer::to(guarded.api.request(Method::GET, &path)).await.status, 401, "{path}");
    }
    for place in ["authorization", "cookie"] {
        let path = format!("/api/v1/sessions/{session}/stream");
        let request = guarded.api.request(Method::GET, &path).header(place, format!("Bearer {bought}"));
        assert_eq!(Answer::to(request).await.status, 401, "{place}");
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_its_time() {
    let guarded = guarded(&["--ticket-ttl", "1s"]).await;
    let (session, _) = guarded.finished_run().await;
    let bought = ticket(&guarded, Kind::Owner, &session).await;
    let refused = async {
        loop {
            let answer = open(&guarded, &session, &bought).await;
            if answer.status == StatusCode::UNAUTHORIZED {
                return;
            }
            assert_eq!(answer.status, 200);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("the ticket runs out");
}

#[tokio::test]
async fn a_ticket_of_another_node_is_as_good() {
    let guarded = guarded(&[]).await;
    let (session, _) = guarded.finished_run().await;
    let bought = ticket(&guarded, Kind::Auditor, &session).await;
    let other = super::callers::start(&guarded.database, &[]).await;
    let api = crate::support::api::Api::of(&other);
    let path = format!("/api/v1/sessions/{session}/stream?ticket={bought}&lastSeenOffset=1");
    assert_eq!(Answer::to(api.request(Method::GET, &path)).await.status, 200);
}

/// Follows a session with a key, and has had the first of its events.
async fn follow(guarded: &Guarded, key: &str, session: &str) -> Socket {
    let mut socket = Socket::connect(&guarded.service).await;
    socket.send("authenticate", json!(key)).await;
    socket.expect("authenticated").await;
    socket.join(session).await;
    socket.expect("session_status").await;
    socket.expect("course_generation_update").await;
    socket
}

#[tokio::test]
async fn a_revoked_key_ends_what_it_had_opened() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let key = super::callers::create_key(&guarded.database, &["auditor"]).await;
    let mut socket = follow(&guarded, &key, &outside.session).await;
    service::run(&["keys", "revoke", "--database-url", &guarded.database.url, &key]).await;
    assert_eq!(socket.expect("session_error").await["code"], "unauthorized");
    let request = guarded.api.request(Method::GET, "/api/v1/sessions").bearer_auth(&key);
    assert_eq!(Answer::to(request).await.status, 401);
}

#[tokio::test]
async fn a_key_that_opens_less_than_before_does_not_take_its_streams_along() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let key = super::callers::create_key(&guarded.database, &["auditor", "operator"]).await;
    let mut socket = follow(&guarded, &key, &outside.session).await;
    let mut owner = guarded.database.connect().await;
    let narrow = "update coursestream.api_keys set roles = '{operator}' where roles = '{auditor,operator}'";
    assert_eq!(owner.execute(narrow).await.unwrap().rows_affected(), 1);
    assert_eq!(socket.expect("session_error").await["code"], "unauthorized");
    outside.log(1).await;
    socket.send("authenticate", json!(key)).await;
    let next = socket.next().await.unwrap();
    assert_eq!((next.event.as_str(), &next.data["code"]), ("session_error", &json!("forbidden")), "{next:?}");
}

#[tokio::test]
async fn while_the_service_is_open_tokens_are_nobodys_business() {
    let database = crate::support::database::Database::create().await;
    let service = crate::support::service::Service::start(&database).await;
    let api = crate::support::api::Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    let request = api.request(Method::GET, &format!("/api/v1/sessions/{session}")).bearer_auth("an old one");
    assert_eq!(Answer::to(request).await.status, 200);
    let mut socket = Socket::connect(&service).await;
    socket.send("authenticate", json!("an old one")).await;
    assert_eq!(socket.expect("authenticated").await, json!({"expiresAt": null}));
    socket.join(&session).await;
    socket.expect("session_status").await;
    let mut socket = SocketIo::connect_with(&service, &json!({"token": "an old one"})).await;
    socket.join(&session).await;
    assert!(matches!(socket.next().await, Some(Packet::Event(_))));
}

/// A key reads what is others'. Users, who follow what is their own, are in no trail for it.
#[tokio::test]
async fn whoever_follows_by_office_is_in_the_trail_whatever_the_transport() {
    let guarded = guarded(&[]).await;
    let (session, _) = guarded.finished_run().await;
    for kind in [Kind::Owner, Kind::Auditor] {
        let token = guarded.credential(kind).unwrap();
        let mut socket = Socket::connect(&guarded.service).await;
        socket.send("authenticate", json!(token)).await;
        socket.expect("authenticated").await;
        socket.join_after(&session, 3).await;
        socket.expect("session_status").await;
        let mut socket = SocketIo::try_connect_with(&guarded.service, &json!({"token": token})).await.unwrap();
        let (answer, _) = socket.ask("join_session", json!(session)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        let path = format!("/api/v1/sessions/{session}/stream?lastSeenOffset=5");
        let stream = guarded.request(kind, Method::GET, &path).send().await.unwrap();
        assert_eq!(stream.status(), StatusCode::OK);
        // What is refused was not read.
        let nowhere = guarded.request(kind, Method::GET, &format!("/api/v1/sessions/{NOWHERE}/stream"));
        assert_eq!(nowhere.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    }
    let trail = guarded.request(Kind::Auditor, Method::GET, "/api/v1/audit/access?operation=join_session");
    let trail = Answer::to(trail).await.json();
    let entries = trail["items"].as_array().unwrap();
    let told: Vec<Value> = entries.iter().map(|entry| entry["parameters"].clone()).collect();
    let expected = [
        json!({"transport": "sse", "lastSeenOffset": "5"}),
        json!({"transport": "socketio"}),
        json!({"transport": "websocket", "lastSeenOffset": "3"}),
    ];
    assert_eq!(told, expected);
    for entry in entries {
        assert_eq!((&entry["sessionId"], &entry["status"]), (&json!(session), &json!(200)));
        assert_eq!(entry["address"], "127.0.0.1");
        assert!(entry["principal"].as_str().unwrap().starts_with("key:"), "{entry}");
    }

    // What cannot be recorded is not sent.
    let mut connection = guarded.database.connect().await;
    connection.execute("alter table coursestream.access_trail rename to elsewhere").await.unwrap();
    let mut socket = Socket::connect(&guarded.service).await;
    socket.send("authenticate", json!(guarded.credential(Kind::Auditor).unwrap())).await;
    socket.expect("authenticated").await;
    socket.join(&session).await;
    let error = socket.expect("session_error").await;
    assert_eq!((&error["code"], &error["sessionId"]), (&json!("internal"), &json!(session)));
}
