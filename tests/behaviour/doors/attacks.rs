//! What attackers try. Each is refused, and the node lives on.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, Row};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::callers::{Kind, NOWHERE, guarded};
use crate::{
    socketio::socket::Socket as SocketIo,
    support::{
        api::{Answer, Api, USER},
        database::Database,
        service::Service,
        socket::Socket,
    },
};

/// A page of another origin opens a socket in somebody's browser: it brings what browsers send by themselves, and gets nowhere.
#[tokio::test]
async fn cross_site_websocket_hijacking() {
    let guarded = guarded(&["--cors-origin", "https://app.example.com"]).await;
    let token = guarded.credential(Kind::Owner).unwrap();
    let session = guarded.finished_run().await.0;
    let shake = |origin: &'static str, cookie: String| {
        let mut request = guarded.service.ws_url().into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        tokio_tungstenite::connect_async(request)
    };
    let cookie = format!("token={token}; authorization=Bearer {token}");
    assert!(shake("https://evil.test", cookie.clone()).await.is_err(), "another origin is refused");
    assert!(shake("https://app.example.com.evil.test", cookie.clone()).await.is_err());
    // Nor is anything in a cookie a credential, on an origin that may call.
    let (stream, _) = shake("https://app.example.com", cookie).await.unwrap();
    let mut socket = Socket::of(stream);
    socket.join(&session).await;
    assert_eq!(socket.expect("session_error").await["code"], "unauthorized");
    let polling = guarded.service.url("/socket.io/?EIO=4&transport=polling");
    let answer = Answer::to(guarded.api.http.get(polling).header("origin", "https://evil.test")).await;
    assert_eq!(answer.status, 403);
}

/// A page has its own name lead to this machine once it is loaded (DNS rebinding): to the browser it is then of one origin with
/// the service, and what it asks for comes without an `Origin`, or with its own.
#[tokio::test]
async fn a_name_that_was_made_to_lead_here_opens_no_open_node() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--cors-origin", "https://app.example.com"]).await;
    let api = Api::of(&service);
    let ask = async |api: &Api, host: &str, path: &str| {
        let request = api.request(Method::GET, path).header("host", host).header("connection", "upgrade");
        let request = request.header("upgrade", "websocket").header("sec-websocket-version", "13");
        let request = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let own = request.try_clone().unwrap().header("origin", format!("http://{host}"));
        (request.send().await.unwrap().status().as_u16(), own.send().await.unwrap().status().as_u16())
    };
    let (polling, websocket) = ("/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket");
    for path in ["/api/v1/sessions", "/ws", polling, websocket, "/metrics", "/"] {
        for host in ["evil.test", "evil.test:8080", "localhost.evil.test", "127.0.0.1.evil.test"] {
            assert_eq!(ask(&api, host, path).await, (403, 403), "{host} {path}");
        }
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "app.example.com"] {
            let (without, own) = ask(&api, host, path).await;
            assert!(without < 400 && own < 400, "{host} {path}: {without}, {own}");
        }
    }
    let start = api.request(Method::POST, "/api/v1/course-generation/generate").header("host", "evil.test");
    let body = json!({"course_topic": "Rust ownership", "user_id": USER});
    let answer = Answer::to(start.header("origin", "http://evil.test").json(&body)).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert!(answer.text.contains("Host: "), "{}", answer.text);
    // Where everybody is asked who he is, or the operator says so, a node has whatever name it is given.
    for arguments in [&["--api-keys"][..], &["--insecure-open"]] {
        let service = Service::start_with(&database, arguments).await;
        let answer = ask(&Api::of(&service), "courses.example.com", "/health/live").await;
        assert_eq!(answer, (200, 200), "{arguments:?}");
    }
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test]
async fn oversized_and_deeply_nested_json() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    for body in [
        nested(500_000),
        format!(r#"{{"course_topic":{},"user_id":"{USER}"}}"#, nested(400_000)),
        "{\"a\":".repeat(150_000),
        format!(r#"{{"course_topic":"{}","user_id":"{USER}"}}"#, "x".repeat(2 << 20)),
    ] {
        let request = api.request(Method::POST, "/api/v1/course-generation/generate");
        let answer = Answer::to(request.header("content-type", "application/json").body(body)).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
        assert!(answer.text.len() < 2_000, "an answer does not repeat what was sent");
    }
    // The node has hung up on some of those: on connections of their own.
    let api = Api::of(&service);
    // What a producer stores may be nested, but not so that a reader chokes on it.
    let (_, created) = api.post("/api/v1/sessions", &json!({"topic": "x", "user_id": USER})).await;
    let path = format!("/api/v1/sessions/{}/messages", created["sessionId"].as_str().unwrap());
    let message = format!(r#"[{{"type":"log","message":"x","data":{}}}]"#, nested(100_000));
    let request = api.request(Method::POST, &path).header("content-type", "application/json").body(message);
    assert_eq!(Answer::to(request).await.status, 400);

    let mut socket = Socket::connect(&service).await;
    for data in [nested(30_000), "{\"a\":".repeat(10_000)] {
        socket.send_text(&format!(r#"{{"event":"join_session","data":{data}}}"#)).await;
        assert_eq!(socket.expect("session_error").await["code"], "bad_request");
    }
    let mut socket = SocketIo::connect_with(&service, &Value::Null).await;
    socket.websocket.send(&format!(r#"42["join_session",{}]"#, nested(30_000))).await;
    // A packet that is no JSON ends its own connection.
    assert!(socket.websocket.next().await.is_none_or(|message| message.is_close()));
    assert_eq!(api.get("/health/live").await.0, 200);
}

#[tokio::test]
async fn a_flood_of_tiny_joins() {
    let guarded = guarded(&["--requests-per-caller", "200"]).await;
    let session = guarded.finished_run().await.0;
    let mut socket = Socket::connect(&guarded.service).await;
    socket.send("authenticate", json!(guarded.credential(Kind::Owner))).await;
    socket.expect("authenticated").await;
    let before = memory_kib(&guarded.service);
    // More than the bucket holds: the socket is not read faster than is allowed.
    let began = std::time::Instant::now();
    for number in 0..2_600_u64 {
        let id = uuid::Uuid::from_u64_pair(0x0199_0000_0000_7000, number);
        socket.send("join_session", json!(id.to_string())).await;
        assert_eq!(socket.expect("session_error").await["code"], "session_not_found");
    }
    // Nobody else waits meanwhile, and what was asked for is forgotten.
    assert_eq!(guarded.get(Kind::OtherUser, "/api/v1/sessions").await.0, 200);
    let grown = memory_kib(&guarded.service).saturating_sub(before);
    assert!(grown < 60_000, "grew by {grown} KiB in {:?}", began.elapsed());
    socket.join(&session).await;
    socket.expect("session_status").await;
}

fn memory_kib(service: &Service) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const INJECTIONS: [&str; 6] = [
    "'; drop table coursestream.sessions; --",
    "' or '1'='1",
    "\\'; select pg_sleep(10); --",
    "$$; drop schema coursestream cascade; $$",
    "%27%20OR%201=1",
    "{\"$ne\": null}",
];

#[tokio::test]
async fn sql_injection_through_every_text_field() {
    let guarded = guarded(&[]).await;
    let session = guarded.finished_run().await.0;
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    for text in INJECTIONS {
        let body = json!({"course_topic": text, "user_id": USER});
        let (status, answer) = guarded.post(Kind::Owner, "/api/v1/course-generation/generate", &body).await;
        assert!(status == 200 || status == 429, "{answer}");
        let started = json!({"topic": text, "user_id": USER, "producer": text});
        let (status, created) = guarded.post(Kind::Producer, "/api/v1/sessions", &started).await;
        assert_eq!(status, 201, "{created}");
        let id = created["sessionId"].as_str().unwrap();
        let (_, summary) = guarded.get(Kind::Owner, &format!("/api/v1/sessions/{id}")).await;
        assert_eq!(summary["topic"], text, "kept as it is");
        let append = |name: &str| {
            let path = format!("/api/v1/sessions/{id}/messages");
            let token = created["writeToken"].as_str().unwrap();
            let request = guarded.api.request(Method::POST, &path).bearer_auth(token);
            request.header("producer-id", name).header("producer-seq", "0")
        };
        let messages = json!([{"type": "log", "message": text, "data": {"text": text}}]);
        assert_eq!(Answer::to(append(text).json(&messages)).await.status, 200);
        for query in ["topic", "status", "cursor", "user_id", "started_after", "limit"] {
            let (status, answer) =
                guarded.get(Kind::Auditor, &format!("/api/v1/sessions?{query}={}", encode(text))).await;
            assert!(status == 200 || status == 400, "{query}: {answer}");
            if query == "topic" {
                let items = answer["items"].as_array().unwrap();
                assert!(items.iter().all(|item| item["topic"].as_str().unwrap().contains(text)), "{answer}");
            }
        }
        for path in ["sessions", "courses"] {
            let (status, _) = guarded.get(Kind::Auditor, &format!("/api/v1/{path}/{}", encode(text))).await;
            assert_eq!(status, 404);
        }
        let key = guarded.request(Kind::Owner, Method::POST, "/api/v1/course-generation/generate");
        let answer = Answer::to(key.header("idempotency-key", text).json(&body)).await;
        assert!(answer.status == 200 || answer.status == 429, "{}", answer.text);
        let mut socket = Socket::connect(&guarded.service).await;
        socket.send("authenticate", json!(text)).await;
        assert_eq!(socket.expect("session_error").await["code"], "unauthorized");
    }
    let (status, summary) = guarded.get(Kind::Owner, &format!("/api/v1/sessions/{session}")).await;
    assert_eq!((status, &summary["status"]), (200, &json!("completed")));
}

#[tokio::test]
async fn log_injection_through_every_text_field() {
    let guarded = guarded(&["--log", "debug,sqlx=info,hyper=info"]).await;
    let forged = "x\n2026-01-01T00:00:00.000000Z ERROR forged: by me\r\n\u{1b}[31mred";
    let body = json!({"course_topic": forged, "user_id": USER});
    guarded.post(Kind::Owner, "/api/v1/course-generation/generate", &body).await;
    let (_, created) = guarded
        .post(Kind::Producer, "/api/v1/sessions", &json!({"topic": forged, "user_id": USER, "producer": forged}))
        .await;
    let id = created["sessionId"].as_str().unwrap();
    let request = guarded.api.request(Method::POST, &format!("/api/v1/sessions/{id}/end"));
    let request = request.bearer_auth(created["writeToken"].as_str().unwrap());
    Answer::to(request.json(&json!({"status": "failed", "error": forged}))).await;
    let mut socket = Socket::connect(&guarded.service).await;
    socket.send("authenticate", json!(forged)).await;
    socket.expect("session_error").await;
    socket.send(forged, json!(forged)).await;
    socket.expect("session_error").await;
    let encoded = forged.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    for path in
        [format!("/api/v1/sessions/{encoded}"), format!("/{encoded}"), format!("/api/v1/sessions?topic={encoded}")]
    {
        guarded.get(Kind::Owner, &path).await;
    }
    let _ =
        SocketIo::try_connect_with(&guarded.service, &json!({"token": forged, "pid": forged, "offset": forged})).await;
    guarded.finished_run().await;
    let logged = guarded.service.stderr();
    assert!(!logged.lines().any(|line| line.starts_with("2026-01-01")), "{logged}");
    assert!(!logged.contains("\u{1b}[31mred"), "{logged}");
}

/// What hidden and missing things cost the database: the same number of statements.
#[tokio::test]
async fn what_is_hidden_costs_the_database_what_is_missing_does() {
    // So many that what the background does differently from time to time is small beside one look more.
    const REQUESTS: usize = 100;
    let guarded = guarded(&["--requests-per-caller", "10000", "--requests-per-address", "10000"]).await;
    let (session, course) = guarded.finished_run().await;
    let mut admin = guarded.database.connect().await;
    let mut cost = Vec::new();
    // What runs in the background goes on meanwhile, and the longer the requests take the more of it there is.
    let first = transactions(&mut admin).await;
    let idle_since = Instant::now();
    let mut before = transactions(&mut admin).await;
    let per_second = (before - first) as f64 / idle_since.elapsed().as_secs_f64();
    for (session, course) in [(session.as_str(), course.as_str()), (NOWHERE, NOWHERE)] {
        let since = Instant::now();
        for (method, path) in [
            (Method::GET, "/api/v1/course-generation/session/{session}/status"),
            (Method::POST, "/api/v1/course-generation/session/{session}/cancel"),
            (Method::POST, "/api/v1/course-generation/session/{session}/ticket"),
            (Method::GET, "/api/v1/sessions/{session}"),
            (Method::GET, "/api/v1/sessions/{session}/events"),
            (Method::GET, "/api/v1/sessions/{session}/export"),
            (Method::GET, "/api/v1/sessions/{session}/seal"),
            (Method::GET, "/api/v1/sessions/{session}/verify"),
            (Method::GET, "/api/v1/sessions/{session}/stream"),
            (Method::GET, "/api/v1/courses/{course}"),
        ] {
            let path = path.replace("{session}", session).replace("{course}", course);
            for _ in 0..REQUESTS {
                let answer = Answer::to(guarded.request(Kind::OtherUser, method.clone(), &path)).await;
                assert!(matches!(answer.status.as_u16(), 403 | 404), "{path}: {}", answer.text);
            }
        }
        let after = transactions(&mut admin).await;
        cost.push((after - before) as f64 - per_second * since.elapsed().as_secs_f64());
        before = after;
    }
    // One look more would be one more per request.
    let difference = (cost[0] - cost[1]).abs();
    assert!(difference < REQUESTS as f64 / 2.0, "hidden and missing: {cost:?} transactions");
    admin.close().await.unwrap();
}

/// Transactions that the database has committed: outside of one, each statement is one.
async fn transactions(connection: &mut sqlx::PgConnection) -> i64 {
    // A backend that falls idle reports what it did ten seconds later.
    tokio::time::sleep(Duration::from_secs(11)).await;
    connection.execute("select pg_stat_clear_snapshot()").await.unwrap();
    let count = "select xact_commit + xact_rollback as done from pg_stat_database where datname = current_database()";
    sqlx::query(count).fetch_one(connection).await.unwrap().get("done")
}
