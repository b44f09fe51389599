//! What one caller may have of a node.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::callers::{Kind, guarded};
use crate::support::{
    api::{Answer, Api, USER},
    database::Database,
    service::{PATIENCE, Service},
    socket::Socket,
};

async fn open(arguments: &[&str]) -> (Service, Api) {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&["--offline-pace", "0ms"], arguments].concat()).await;
    let api = Api::of(&service);
    (service, api)
}

fn assert_busy(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds));
}

/// What a metric says; 0 where it is not there.
async fn metric(api: &Api, name: &str) -> f64 {
    let text = Answer::to(api.request(Method::GET, "/metrics")).await.text;
    let line = text.lines().find(|line| line.starts_with(name));
    line.map_or(0.0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

#[tokio::test]
async fn requests_of_an_address_are_counted() {
    let (_service, api) = open(&["--requests-per-address", "2"]).await;
    let mut refused = 0;
    for _ in 0..30 {
        let answer = Answer::to(api.request(Method::GET, "/health/live")).await;
        if answer.status != 200 {
            assert_busy(&answer);
            refused += 1;
        }
    }
    assert!(refused > 0, "the bucket holds ten seconds' worth");
    let answer = Answer::to(api.request(Method::POST, "/api/v1/course-generation/generate").json(&json!({}))).await;
    assert_busy(&answer);
    assert_eq!(answer.json()["success"], false, "in the form that clients of this path expect");
    let counted = async {
        while metric(&api, "coursestream_limited_total{limit=\"requests\"}").await == 0.0 {
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.expect("refusals are counted");
}

#[tokio::test]
async fn requests_of_a_caller_are_counted_wherever_he_comes_from() {
    let guarded = guarded(&["--requests-per-caller", "1"]).await;
    let mut statuses = Vec::new();
    for _ in 0..15 {
        statuses.push(guarded.get(Kind::Owner, "/api/v1/sessions").await.0);
    }
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(guarded.get(Kind::OtherUser, "/api/v1/sessions").await.0, 200, "each has his own");
}

#[tokio::test]
async fn a_client_behind_a_proxy_is_told_from_the_others() {
    let (_service, api) = open(&["--requests-per-address", "1", "--trusted-proxy", "127.0.0.1"]).await;
    let from = |client: &str| api.request(Method::GET, "/health/live").header("x-forwarded-for", client);
    let mut busy = false;
    for _ in 0..15 {
        busy |= Answer::to(from("1.1.1.1, 192.0.2.1")).await.status == 429;
    }
    assert!(busy);
    assert_eq!(Answer::to(from("192.0.2.1, 192.0.2.2")).await.status, 200, "another client");
    assert_busy(&Answer::to(from("8.8.8.8, 192.0.2.1")).await);
}

#[tokio::test]
async fn a_header_that_nobody_vouches_for_is_not_believed() {
    let (_service, api) = open(&["--requests-per-address", "1"]).await;
    let mut busy = false;
    for number in 0..15 {
        let client = format!("192.0.2.{number}");
        let request = api.request(Method::GET, "/health/live").header("x-forwarded-for", client);
        busy |= Answer::to(request).await.status == 429;
    }
    assert!(busy, "or anybody would be as many as he likes");
}

async fn raw(service: &Service, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// All that comes until the connection ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the connection ends");
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn connections_of_an_address_are_counted_sockets_among_them() {
    let (service, _) = open(&["--connections-per-address", "3"]).await;
    let socket = Socket::connect(&service).await;
    let (first, second) = (raw(&service, b"").await, raw(&service, b"").await);
    let refused = rest(raw(&service, b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: "), "{refused:?}");
    // Any of them makes room, an upgraded one too.
    socket.cut();
    let heard = async {
        loop {
            let answer =
                rest(raw(&service, b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await)
                    .await;
            if answer.starts_with("HTTP/1.1 200") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("there is room again");
    drop((first, second));
}

#[tokio::test]
async fn a_head_that_trickles_in_is_not_waited_for() {
    let (service, _) = open(&["--header-timeout", "1s"]).await;
    for start in [&b""[..], b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-slow: "] {
        let _ = rest(raw(&service, start).await).await;
    }
}

#[tokio::test]
async fn a_body_that_trickles_in_is_not_waited_for() {
    let (service, _) = open(&["--body-timeout", "1s"]).await;
    let head =
        b"POST /api/v1/course-generation/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
        content-length: 1000\r\nconnection: close\r\n\r\n{\"course_topic\"";
    let answer = rest(raw(&service, head).await).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
}

#[tokio::test]
async fn bodies_are_as_large_as_is_allowed() {
    let (_service, api) = open(&["--body-bytes-max", "2000"]).await;
    let body = |bytes: usize| json!({"course_topic": "x".repeat(bytes), "user_id": USER});
    let post = |body: Value| api.request(Method::POST, "/api/v1/course-generation/generate").json(&body);
    assert_eq!(Answer::to(post(body(400))).await.status, 200);
    assert_eq!(Answer::to(post(body(2_000))).await.status, 413);
}

#[tokio::test]
async fn bytes_of_an_address_are_counted() {
    let (service, api) = open(&["--bytes-per-address", "1000"]).await;
    let post =
        || api.request(Method::POST, "/api/v1/course-generation/generate").json(&json!({"x": "x".repeat(4_000)}));
    let mut busy = 0;
    for _ in 0..5 {
        let answer = Answer::to(post()).await;
        if answer.status == 429 {
            assert_busy(&answer);
            busy += 1;
        }
    }
    assert!(busy > 0, "10,000 bytes at once are all there are");
    // A socket is not refused: it is not read on.
    let mut socket = Socket::connect(&service).await;
    socket.send("are_you_there", json!("x".repeat(1_000))).await;
    assert_eq!(socket.expect("session_error").await["code"], "bad_request");
}

#[tokio::test]
async fn messages_without_bytes_are_not_for_nothing() {
    let (service, api) = open(&["--bytes-per-address", "1000"]).await;
    let mut socket = Socket::connect(&service).await;
    // 400 bytes, and as many answers.
    for _ in 0..200 {
        socket.send_text("{}").await;
    }
    let slowed = async {
        while metric(&api, r#"coursestream_limited_total{limit="bytes"}"#).await == 0.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, slowed).await.expect("it is not read on");
}

#[tokio::test]
async fn streams_and_joined_sessions_of_a_caller_are_counted() {
    let guarded = guarded(&["--streams-per-caller", "2", "--joined-per-caller", "1"]).await;
    let (mine, other) = (guarded.outside_session().await.session, guarded.outside_session().await.session);
    let token = guarded.credential(Kind::Owner);
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = Socket::connect(&guarded.service).await;
        socket.send("authenticate", json!(token)).await;
        sockets.push(socket);
    }
    let mut third = sockets.pop().unwrap();
    let (first, second) = (sockets.swap_remove(0), sockets.swap_remove(0));
    let (mut first, mut second) = (first, second);
    first.expect("authenticated").await;
    second.expect("authenticated").await;
    assert_eq!(third.expect("session_error").await["code"], "too_many_sessions");
    let path = format!("/api/v1/sessions/{mine}/stream");
    assert_busy(&Answer::to(guarded.request(Kind::Owner, Method::GET, &path)).await);

    first.join(&mine).await;
    first.expect("session_status").await;
    second.join(&other).await;
    assert_eq!(second.expect("session_error").await["code"], "too_many_sessions");
    // Joining again is not joining more.
    first.join(&mine).await;
    loop {
        let frame = first.next().await.unwrap();
        if frame.offset().is_none() {
            assert_eq!(frame.event, "session_status", "{}", frame.data);
            break;
        }
    }
    first.send("leave_session", json!(mine)).await;
    let joined = async {
        loop {
            second.join(&other).await;
            if second.next().await.unwrap().event == "session_status" {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, joined).await.expect("what was left makes room");
}

#[tokio::test]
async fn runs_of_a_user_are_counted_on_all_nodes_together() {
    // Nothing is carried out here, so whatever is started stays.
    let guarded = guarded(&["--runs-per-user", "2", "--max-running", "0"]).await;
    let other_node = super::callers::start(&guarded.database, &["--runs-per-user", "2", "--max-running", "0"]).await;
    let other_node = Api::of(&other_node);
    let body = json!({"course_topic": "Rust", "user_id": USER});
    let path = "/api/v1/course-generation/generate";
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let (status, answer) = guarded.post(Kind::Owner, path, &body).await;
        assert_eq!(status, 200, "{answer}");
        sessions.push(answer["sessionId"].as_str().unwrap().to_owned());
    }
    for api in [&guarded.api, &other_node] {
        let request = api.request(Method::POST, path).bearer_auth(guarded.credential(Kind::Owner).unwrap());
        assert_busy(&Answer::to(request.json(&body)).await);
    }
    let cancel = format!("/api/v1/course-generation/session/{}/cancel", sessions[0]);
    assert_eq!(guarded.post(Kind::Owner, &cancel, &Value::Null).await.0, 200);
    assert_eq!(guarded.post(Kind::Owner, path, &body).await.0, 200);
}
