//! Which pages may use Socket.IO: long-polling by CORS, WebSocket by its Origin.

use reqwest::{Client, Method, StatusCode};

use super::{raw::Polling, socket::url};
use crate::support::{database::Database, service::Service};

const FRIEND: &str = "https://pr-7.example.app";
const STRANGER: &str = "https://evil.test";

#[tokio::test]
async fn foreign_pages_are_refused_on_every_transport() {
    let database = Database::create().await;
    let arguments = ["--offline-pace", "0ms", "--cors-origin", "https://*.example.app"];
    let service = Service::start_with(&database, &arguments).await;
    let polling = Polling::open(&url(&service)).await;
    let http = Client::new();
    let handshake = format!("{}?EIO=4&transport=polling", url(&service));
    let upgrade = format!("{}?EIO=4&transport=websocket", url(&service));
    for (origin, allowed) in [(FRIEND, true), (STRANGER, false)] {
        let requests = [
            (http.get(&handshake), StatusCode::OK),
            (http.post(&polling.url).header("content-type", "text/plain").body("6"), StatusCode::OK),
            (
                http.get(&upgrade)
                    .header("connection", "upgrade")
                    .header("upgrade", "websocket")
                    .header("sec-websocket-version", "13")
                    .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                StatusCode::SWITCHING_PROTOCOLS,
            ),
        ];
        for (request, answer) in requests {
            let response = request.header("origin", origin).send().await.unwrap();
            let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            if allowed {
                assert_eq!(response.status(), answer);
                // With credentials: an existing client may be set to `withCredentials`.
                assert_eq!(header("access-control-allow-origin").as_deref(), Some(origin));
                assert_eq!(header("access-control-allow-credentials").as_deref(), Some("true"));
            } else {
                assert_eq!(response.status(), StatusCode::FORBIDDEN);
                assert_eq!(header("access-control-allow-origin"), None);
            }
        }
    }
}

#[tokio::test]
async fn extra_headers_are_asked_for_first() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "0ms", "--cors-origin", FRIEND]).await;
    let response = Client::new()
        .request(Method::OPTIONS, format!("{}?EIO=4&transport=polling", url(&service)))
        .header("origin", FRIEND)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
        .send()
        .await
        .unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    assert_eq!(response.headers()["access-control-allow-origin"], FRIEND);
    assert_eq!(response.headers()["access-control-allow-credentials"], "true");
}
