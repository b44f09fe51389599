//! Socket.IO at `/socket.io/`: Engine.IO 4 and Socket.IO protocol 5, for clients from `socket.io-client` 4 on.
//!
//! In layers, each of which knows only the one below: [`engine`] (sessions of messages over long-polling and WebSocket),
//! [`connection`] (namespaces, events, acks), and on top our events (`handler`), which go on where a client stood by the tokens
//! that it brings ([`recovery`]). No state of a client is kept here when its connection ends.

pub mod connection;
pub mod engine;
mod handler;
pub mod packet;
pub mod recovery;

use std::time::Duration;

use poem::Endpoint;

use self::{
    engine::{Engine, Options},
    handler::Handler,
    recovery::Keys,
};
use super::Push;

/// A connection that has not asked for a namespace by then is closed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);
/// The same where it has to say who it is.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(10);

fn options(payload_bytes_max: usize) -> Options {
    Options {
        // Those of the reference server, which clients and proxies are used to.
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        upgrade_timeout: Duration::from_secs(10),
        payload_bytes_max,
        packets_max: 256,
        polling_name: "socketio_polling",
        websocket_name: "socketio_websocket",
    }
}

/// Answers all requests of the path.
pub fn endpoint(push: Push, keys: Keys) -> impl Endpoint + use<> {
    let (connections, shutdown) = (push.connections.clone(), push.shutdown.clone());
    let limits = push.limits.clone();
    let connect_timeout = if push.auth.is_open() { CONNECT_TIMEOUT } else { INTRODUCTION_TIMEOUT };
    let engine = Engine::new(options(push.frame_bytes_max), connections, shutdown, move |link| {
        let handler = Handler::new(push.clone(), link.address, keys.clone());
        connection::serve(link, handler, connect_timeout)
    });
    engine.limited(limits).endpoint()
}
