//! HTTP/1.1 on the listening socket.
//!
//! Why not poem's own server: it sets no deadline for a request's head, so a client that sends a byte now and then keeps a
//! connection for ever, and it counts no connections.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Request, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::listen::TcpAcceptor;
use crate::{
    http::TrustedProxies,
    limits::{Busy, Limits},
};

/// A request's line and headers, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 100;
/// How long a connection that is one too many is listened to, so that its client can read why.
const REFUSAL_MAX: Duration = Duration::from_secs(1);
/// Refusals that are worded at a time; beyond it connections are closed without a word.
const REFUSALS_MAX: usize = 256;

pub(super) struct ServerOptions {
    pub(super) limits: Limits,
    pub(super) proxies: TrustedProxies,
    pub(super) header_timeout: Duration,
    /// How long requests may take to end once the server stops.
    pub(super) drain: Duration,
}

/// Serves until told to stop, then takes no more requests and waits for those under way.
pub(super) async fn run(
    acceptor: TcpAcceptor,
    endpoint: impl IntoEndpoint<Endpoint: 'static>,
    options: ServerOptions,
    stop: CancellationToken,
) {
    let endpoint = Arc::new(endpoint.into_endpoint().map_to_response().boxed());
    let local = acceptor.address();
    let (connections, refusals) = (TaskTracker::new(), TaskTracker::new());
    let hard_stop = CancellationToken::new();
    loop {
        let (stream, remote) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = acceptor.accept() => accepted,
        };
        let held = if options.proxies.trusts(remote.ip()) {
            None
        } else {
            match options.limits.connection_from(remote.ip()) {
                Ok(held) => Some(Arc::new(held)),
                Err(busy) => {
                    if refusals.len() < REFUSALS_MAX {
                        refusals.spawn(timeout(REFUSAL_MAX, refuse(stream, busy)));
                    }
                    continue;
                }
            }
        };
        let endpoint = endpoint.clone();
        let answer = move |mut request: Request| {
            let endpoint = endpoint.clone();
            if let Some(held) = &held {
                // An upgraded connection goes on elsewhere: whoever serves it counts it on.
                request.extensions_mut().insert(held.clone());
            }
            async move { endpoint.get_response(request).await }
        };
        let (stop, hard_stop) = (stop.clone(), hard_stop.clone());
        let header_timeout = options.header_timeout;
        connections.spawn(async move {
            tokio::select! {
                () = serve(stream, local, remote, answer, header_timeout, stop) => {}
                () = hard_stop.cancelled() => {}
            }
        });
    }
    drop(acceptor);
    connections.close();
    if timeout(options.drain, connections.wait()).await.is_err() {
        hard_stop.cancel();
        connections.wait().await;
    }
}

async fn serve<F, Fut>(
    stream: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
    answer: F,
    header_timeout: Duration,
    stop: CancellationToken,
) where
    F: Fn(Request) -> Fut,
    Fut: Future<Output = Response>,
{
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (local, remote) = (LocalAddr(local.into()), RemoteAddr(remote.into()));
        let answered = answer((request, local, remote, Scheme::HTTP).into());
        async move { Ok::<_, Infallible>(hyper::Response::from(answered.await)) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).max_header_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    builder.header_read_timeout(Some(header_timeout).filter(|timeout| !timeout.is_zero()));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    tokio::select! {
        // Clients come and go, and say no goodbye.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// One connection too many of an address.
async fn refuse(mut stream: TcpStream, busy: Busy) {
    let body = format!(r#"{{"success":false,"error":"{busy}"}}"#);
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: {}\r\ncontent-length: {}\r\n\
        connection: close\r\n\r\n{body}",
        busy.retry_after_seconds(),
        body.len()
    );
    if stream.write_all(answer.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        // Closing on unread bytes resets the connection, and the client would lose the answer.
        let mut unread = [0; 1_024];
        while stream.read(&mut unread).await.is_ok_and(|bytes| bytes > 0) {}
    }
}
