//! Requests that no well-behaved client makes. They are refused; the node lives on and blames nobody else.

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::assert_unharmed;
use crate::support::{
    api::{Answer, Api},
    database::Database,
    service::{PATIENCE, Service},
};

#[tokio::test]
async fn nothing_that_is_asked_for_breaks_the_node() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    let long = "x".repeat(7_000);
    let ids =
        [session.as_str(), "..", "%00", "%ff%fe", "%F0%9F%A6%80", "'; drop table sessions; --", "-1", "null", &long];
    let paths = [
        "/api/v1/sessions/{}",
        "/api/v1/sessions/{}/events",
        "/api/v1/sessions/{}/stream?lastSeenOffset=1",
        "/api/v1/courses/{}",
        "/api/v1/course-generation/session/{}/status",
        "/api/v1/course-generation/session/{}/cancel",
        "/docs/{}",
        "/ws/{}",
        "/{}",
    ];
    let values =
        ["", "%00", "%ff", "-9223372036854775809", "18446744073709551616", "1e9", "NaN", "null", "[]", "%F0%9F%A6%80"];
    for path in paths {
        for id in ids {
            for method in [Method::GET, Method::POST, Method::OPTIONS, Method::HEAD, Method::TRACE] {
                let answer = Answer::to(api.request(method.clone(), &path.replace("{}", id))).await;
                assert!(answer.status.as_u16() < 500, "{method} {path} {id}: {}", answer.text);
            }
        }
    }
    for value in values {
        for query in ["after", "limit", "type", "lastSeenOffset", "user_id", "cursor"] {
            for path in [format!("/api/v1/sessions/{session}/events"), "/api/v1/courses".to_owned()] {
                let answer = Answer::to(api.request(Method::GET, &format!("{path}?{query}={value}"))).await;
                assert!(answer.status.as_u16() < 500, "{path}?{query}={value}: {}", answer.text);
            }
        }
        for header in ["Last-Event-ID", "Idempotency-Key", "Authorization", "Origin", "Content-Type"] {
            let path = format!("/api/v1/sessions/{session}/stream");
            let answer = Answer::to(api.request(Method::GET, &path).header(header, value)).await;
            assert!(answer.status.as_u16() < 500, "{header}: {value}: {}", answer.text);
        }
    }
    for body in
        [vec![0; 100], vec![0xff; 100], b"{\"course_topic\":{\"course_topic\":{}}}".to_vec(), vec![b'{'; 100_000]]
    {
        for content_type in ["application/json", "application/json; charset=utf-16", "text/plain", ";;;"] {
            let request = api.request(Method::POST, "/api/v1/course-generation/generate");
            let answer = Answer::to(request.header("content-type", content_type).body(body.clone())).await;
            assert!(answer.status.is_client_error(), "{content_type}: {}", answer.text);
        }
    }
    assert_eq!(api.wait_for_end(&session).await["status"], "completed");
    assert_unharmed(&service);
}

#[tokio::test]
async fn bytes_that_are_no_request_close_their_own_connection_only() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let address = service.base_url.strip_prefix("http://").unwrap();
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\norigin: \xff\xfe\r\nconnection: close\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\norigin: http://\xff\r\nconnection: close\r\n\r\n",
        b"POST /api/v1/course-generation/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\nconnection: close\r\n\r\n{",
        b"POST /api/v1/course-generation/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // It may be reset as well: the other end has said what it had to say.
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection ends");
        let head = String::from_utf8_lossy(&answer);
        assert!(!head.starts_with("HTTP/1.1 5"), "{:?}: {head}", String::from_utf8_lossy(bytes));
    }
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    assert_eq!(api.wait_for_end(&session).await["status"], "completed");
    assert_unharmed(&service);
}
