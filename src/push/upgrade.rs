//! The WebSocket opening handshake (RFC 6455, section 4.2) on a poem request.
//!
//! Why not poem's own extractor: it copies every text frame for every subscriber and fixes the buffers' sizes. Here a
//! frame that was encoded once goes to all of them.

use std::{future::Future, sync::Arc};

use poem::{
    Request, Response, Upgraded,
    http::{StatusCode, header},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};
use tokio_util::task::TaskTracker;

use crate::limits::Held;

pub(super) type Socket = WebSocketStream<Upgraded>;

/// Bytes that are gathered for one write to the socket.
const WRITE_BUFFER_BYTES: usize = 64 << 10;
const READ_BUFFER_BYTES: usize = 4 << 10;

/// Buffers of a connection whose peer may send messages of up to `message_bytes_max`.
pub(super) fn config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        // A message larger than this cannot be queued at all: room for the largest event and then some.
        .max_write_buffer_size(32 << 20)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

/// The one subprotocol that is spoken here (RFC 6455, section 1.9). A page that offers it may offer its token beside it, as
/// `bearer.<token>`: the only header that it can fill.
const SUBPROTOCOL: &str = "coursestream";

/// The subprotocols that the client offers.
pub(super) fn subprotocols(request: &Request) -> impl Iterator<Item = &str> {
    let headers = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    headers.filter_map(|header| header.to_str().ok()).flat_map(|header| header.split(',')).map(str::trim)
}

/// Answers the handshake and runs `serve` on the socket, among `connections`.
pub(super) fn upgrade<F, Fut>(
    connections: &TaskTracker,
    request: &Request,
    config: WebSocketConfig,
    serve: F,
) -> Response
where
    F: FnOnce(Socket) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let Some(key) = handshake_key(request) else { return refuse("this is a WebSocket endpoint") };
    let Ok(upgrade) = request.take_upgrade() else { return refuse("the connection cannot be upgraded") };
    // What counts this connection goes on counting it.
    let held = request.extensions().get::<Arc<Held>>().cloned();
    connections.spawn(async move {
        let _held = held;
        if let Ok(upgraded) = upgrade.await {
            serve(WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await).await;
        }
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
    if subprotocols(request).any(|protocol| protocol == SUBPROTOCOL) {
        response.header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL).finish()
    } else {
        response.finish()
    }
}

fn handshake_key(request: &Request) -> Option<&str> {
    let has = |name, token: &str| {
        request.header(name).is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    let is_handshake = has(header::CONNECTION.as_str(), "upgrade")
        && has(header::UPGRADE.as_str(), "websocket")
        && has(header::SEC_WEBSOCKET_VERSION.as_str(), "13");
    request.header(header::SEC_WEBSOCKET_KEY).filter(|_| is_handshake)
}

fn refuse(reason: &'static str) -> Response {
    Response::builder()
        .status(StatusCode::UPGRADE_REQUIRED)
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .content_type("text/plain; charset=utf-8")
        .body(reason)
}
