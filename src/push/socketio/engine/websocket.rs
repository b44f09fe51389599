//! WebSocket: a session of its own, or the upgrade of one that polls.

use std::{sync::Arc, time::Duration};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use poem::{Request, Response, http::StatusCode};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use super::{
    Engine, Options,
    packet::{Message, Packet},
    refusal::Refusal,
    session::{Ending, Phase, Session},
};
use crate::push::{
    self,
    upgrade::{self, Socket},
};

/// Bytes that are handed to the socket before it is flushed.
const BATCH_BYTES_MAX: usize = 64 << 10;
/// How long the peer may take to accept the closing frame.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Answers the handshake. A session that cannot be upgraded is answered as well, and its socket closed: that is what clients
/// of the reference server see.
pub(super) fn upgrade(engine: &Engine, request: &Request, session: Option<Arc<Session>>) -> Result<Response, Refusal> {
    let config = upgrade::config(engine.options().payload_bytes_max);
    let (serving, address) = (engine.clone(), push::caller(request).address);
    let response = upgrade::upgrade(&engine.shared.connections, request, config, move |socket| async move {
        match session {
            None => run(&serving.open(Phase::WebSocket, address), socket).await,
            Some(session) => take_over(&session, socket, serving.options()).await,
        }
    });
    if response.status() == StatusCode::SWITCHING_PROTOCOLS { Ok(response) } else { Err(Refusal::BadRequest) }
}

/// Goes on with the session on this socket if the client asks for it in time; otherwise the session polls on.
async fn take_over(session: &Session, mut socket: Socket, options: &Options) {
    let is_upgraded = match session.begin_upgrade() {
        None => false,
        Some(upgrade) => {
            let probed = tokio::select! {
                probed = timeout(options.upgrade_timeout, probe(&mut socket, || upgrade.probing())) => probed,
                () = session.closed() => Ok(None),
            };
            let is_upgraded = matches!(probed, Ok(Some(())));
            if is_upgraded {
                upgrade.done(options);
            }
            is_upgraded
        }
    };
    if is_upgraded {
        run(session, socket).await;
    } else {
        let _ = timeout(CLOSE_MAX, socket.close(None)).await;
    }
}

/// The client asks with a ping, waits for the pong and for its poll to end, and says that it has upgraded.
async fn probe(socket: &mut Socket, answered: impl FnOnce()) -> Option<()> {
    if next(socket).await? != Packet::Probe {
        return None;
    }
    socket.send(Packet::ProbeAnswer.into_frame()).await.ok()?;
    answered();
    (next(socket).await? == Packet::Upgrade).then_some(())
}

async fn next(socket: &mut Socket) -> Option<Packet> {
    loop {
        match socket.next().await?.ok()? {
            Frame::Text(text) => return Packet::decode(text).ok(),
            Frame::Ping(_) | Frame::Pong(_) => {}
            Frame::Binary(_) | Frame::Close(_) | Frame::Frame(_) => return None,
        }
    }
}

/// Until either side has had enough.
async fn run(session: &Session, socket: Socket) {
    let (sink, stream) = socket.split();
    let mut writing = std::pin::pin!(write(session, sink));
    tokio::select! {
        () = read(session, stream) => {}
        _ = &mut writing => return session.close(Ending::Server),
        () = session.closed() => {}
    }
    session.close(Ending::Server);
    // What is queued, and a goodbye, for a peer that takes them; one that takes nothing must not hold up the end.
    let _ = timeout(CLOSE_MAX, writing).await;
}

async fn read(session: &Session, mut stream: SplitStream<Socket>) {
    while let Some(Ok(frame)) = stream.next().await {
        let packet = match frame {
            Frame::Text(text) => Packet::decode(text).ok(),
            Frame::Binary(bytes) => Some(Packet::Message(Message::Binary(bytes))),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => continue,
            Frame::Close(_) => return,
        };
        let Some(packet) = packet else { return };
        if session.receive(packet).await.is_err() {
            return;
        }
    }
}

async fn write(session: &Session, mut sink: SplitSink<Socket, Frame>) -> Result<(), Error> {
    loop {
        let packets = session.take_for_websocket(BATCH_BYTES_MAX).await;
        if packets.is_empty() {
            let _ = timeout(CLOSE_MAX, sink.close()).await;
            return Ok(());
        }
        for packet in packets {
            sink.feed(packet.into_frame()).await?;
        }
        // Waits until the kernel took it all. Only then is more taken out of the queue: this is the back-pressure.
        sink.flush().await?;
    }
}
