//! The native WebSocket: `GET /ws`.
//!
//! Text frames in both directions, `{"event":…,"data":…}`. Reading and writing run side by side, so that a peer that takes
//! nothing can still be heard, or be found silent.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::{
    FutureExt, SinkExt, StreamExt,
    future::BoxFuture,
    stream::{FuturesUnordered, SplitSink, SplitStream},
};
use poem::{Request, Response, RouteMethod, endpoint::make};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::tungstenite::{
    Bytes, Error, Message,
    error::CapacityError,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use tokio_util::sync::CancellationToken;

use super::{
    Change, Gauge, Meter, Outgoing, Pump, Push, Turn, caller,
    upgrade::{self, Socket},
};
use crate::{
    auth::bearer,
    store::Transport,
    wire::{AsProblem, Authenticate, ErrorCode, Form, Join, Leave, Problem, ServerEvent},
};

/// What is read at all, or as much as is allowed: a larger frame than allowed earns an answer, one larger than this closes the
/// connection.
const FRAME_BYTES_READ: usize = 1 << 20;
const PING_EVERY: Duration = Duration::from_secs(25);
/// A peer from which nothing came for so long, no pong either, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How long an ending connection may take: for the last answers, and again for the closing handshake.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// Commands that were read and not yet carried out; past it the reader waits.
const COMMANDS_MAX: usize = 16;

/// Answers handshakes and serves the connections.
pub fn route(push: Push) -> RouteMethod {
    poem::get(make(move |request| {
        let push = push.clone();
        async move { open(push, &request).await.unwrap_or_else(|problem| AsProblem::respond(&problem)) }
    }))
}

/// A caller says who he is in the handshake's header, in a subprotocol, or in the first frame.
async fn open(push: Push, request: &Request) -> Result<Response, Problem> {
    let mut caller = caller(request);
    if caller.granted.is_none()
        && let Some(token) = bearer::from_subprotocols(upgrade::subprotocols(request))
    {
        caller.granted = Some(push.auth.authenticate(token).await?);
    }
    let pump = push.pump(&caller, Transport::WebSocket)?;
    let connections = push.connections.clone();
    let config = upgrade::config(push.frame_bytes_max.max(FRAME_BYTES_READ));
    let reading = Reading {
        meter: Meter { limits: push.limits.clone(), address: caller.address },
        frame_bytes_max: push.frame_bytes_max,
    };
    Ok(upgrade::upgrade(&connections, request, config, move |socket| serve(pump, reading, push.shutdown, socket)))
}

enum Command {
    Authenticate(Authenticate),
    Join(Join),
    Leave(Leave),
    Refuse(ServerEvent),
}

/// A frame from a client.
#[derive(Deserialize)]
struct ClientFrame {
    event: String,
    #[serde(default)]
    data: Value,
}

async fn serve(pump: Pump, reading: Reading, shutdown: CancellationToken, socket: Socket) {
    let _gauge = Gauge::new("websocket");
    let (mut sink, mut stream) = socket.split();
    let (commands, received) = mpsc::channel(COMMANDS_MAX);
    let heard = Heard::new();
    let end = {
        // Each is polled only when it is woken itself: a delivery must not cost a look at the socket's other side.
        let mut parts: FuturesUnordered<BoxFuture<'_, Part>> = FuturesUnordered::new();
        parts.push(read(&mut stream, commands, &heard, &reading).map(Part::Read).boxed());
        parts.push(write(&mut sink, received, pump, shutdown).map(Part::Written).boxed());
        parts.push(heard.silence().map(|()| Part::Silent).boxed());
        match parts.next().await {
            Some(Part::Read(end)) => {
                // What was read before the end is answered; then the writer ends too.
                let _ = timeout(FAREWELL_MAX, parts.next()).await;
                end
            }
            Some(Part::Written(Ok(end))) => end,
            Some(Part::Written(Err(_)) | Part::Silent) | None => End::Lost,
        }
    };
    let _ = timeout(FAREWELL_MAX, farewell(end, sink, stream)).await;
}

/// The part of a connection that ended first.
enum Part {
    Read(End),
    Written(Result<End, Error>),
    Silent,
}

/// Why a connection is over.
enum End {
    /// The peer said goodbye.
    Closed,
    /// The peer sent what is not read: the rest of its bytes cannot be told from frames.
    Unreadable,
    /// This node stops.
    Restart,
    /// The caller did not say who he is, or is not any more.
    Unauthorized,
    Lost,
}

/// The closing handshake (RFC 6455, section 7.1).
async fn farewell(
    end: End,
    mut sink: SplitSink<Socket, Message>,
    mut stream: SplitStream<Socket>,
) -> Result<(), Error> {
    let close = |code, reason: &'static str| Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    match end {
        // The answer is queued already.
        End::Closed => sink.close().await,
        End::Restart => {
            // The IANA registry: 1012, Service Restart. Clients reconnect with their offsets.
            sink.send(close(CloseCode::Restart, "the server restarts")).await?;
            while let Some(Ok(_)) = stream.next().await {}
            Ok(())
        }
        End::Unreadable => {
            sink.send(close(CloseCode::Size, "the frame is too large")).await?;
            // Closing on unread bytes resets the connection, and the peer would lose what was sent to it last.
            if let Ok(mut socket) = sink.reunite(stream) {
                let mut unread = [0; 4_096];
                while socket.get_mut().read(&mut unread).await? > 0 {}
            }
            Ok(())
        }
        End::Unauthorized => {
            sink.send(close(CloseCode::Policy, "a valid token is needed")).await?;
            while let Some(Ok(_)) = stream.next().await {}
            Ok(())
        }
        End::Lost => Ok(()),
    }
}

/// When the peer was last heard.
struct Heard {
    began: Instant,
    last_ms: AtomicU64,
}

impl Heard {
    fn new() -> Self {
        Self { began: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    fn now(&self) {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(elapsed_ms, Ordering::Relaxed);
    }

    /// Returns once the peer has been silent for too long.
    async fn silence(&self) {
        loop {
            let last = self.began + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            if last.elapsed() >= SILENCE_MAX {
                return;
            }
            tokio::time::sleep_until(last + SILENCE_MAX).await;
        }
    }
}

/// How much is read of a client.
struct Reading {
    meter: Meter,
    frame_bytes_max: usize,
}

impl Reading {
    fn too_large(&self) -> Command {
        refuse(format!("a frame must not be larger than {} bytes", self.frame_bytes_max))
    }
}

async fn read(
    stream: &mut SplitStream<Socket>,
    commands: mpsc::Sender<Command>,
    heard: &Heard,
    reading: &Reading,
) -> End {
    while let Some(message) = stream.next().await {
        heard.now();
        reading.meter.take(message.as_ref().map_or(0, Message::len)).await;
        let command = match message {
            Ok(Message::Text(text)) if text.len() > reading.frame_bytes_max => reading.too_large(),
            Ok(Message::Text(text)) => parse(&text),
            Ok(Message::Binary(_)) => refuse("frames must be text".to_owned()),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                let _ = commands.send(reading.too_large()).await;
                return End::Unreadable;
            }
            Ok(Message::Close(_)) => return End::Closed,
            Err(_) => return End::Lost,
        };
        if commands.send(command).await.is_err() {
            return End::Lost;
        }
    }
    End::Lost
}

fn refuse(message: String) -> Command {
    Command::Refuse(ServerEvent::Error { session_id: None, code: ErrorCode::BadRequest, message })
}

fn parse(text: &str) -> Command {
    let frame: ClientFrame = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(error) => return refuse(format!("a frame must be JSON of the form {{\"event\":…,\"data\":…}}: {error}")),
    };
    let parsed = match frame.event.as_str() {
        "join_session" => Join::parse(&frame.data).map(Command::Join),
        "leave_session" => Leave::parse(&frame.data).map(Command::Leave),
        "authenticate" => Authenticate::parse(&frame.data).map(Command::Authenticate),
        _ => return refuse("event: must be join_session, leave_session or authenticate".to_owned()),
    };
    parsed.unwrap_or_else(|error| Command::Refuse(error.into()))
}

/// Writes until the node stops, or the reader has ended and all it read is answered.
async fn write(
    sink: &mut SplitSink<Socket, Message>,
    mut commands: mpsc::Receiver<Command>,
    mut pump: Pump,
    shutdown: CancellationToken,
) -> Result<End, Error> {
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(End::Restart),
            command = commands.recv() => match command {
                None => return Ok(End::Lost),
                Some(Command::Authenticate(Authenticate { token })) => {
                    let answer = pump.authenticate(&token).await.unwrap_or_else(|refused| refused);
                    sink.send(Message::Text(answer.native())).await?;
                }
                Some(Command::Join(join)) => {
                    let answer = pump.join(join).await.unwrap_or_else(|refused| refused);
                    sink.send(Message::Text(answer.native())).await?;
                }
                Some(Command::Leave(leave)) => pump.leave(leave.session_id),
                Some(Command::Refuse(error)) => sink.send(Message::Text(error.native())).await?,
            },
            _ = pings.tick() => sink.send(Message::Ping(Bytes::new())).await?,
            turn = pump.next() => match turn {
                Turn::Delivery(delivery) => {
                    for item in &delivery.items {
                        let text = match item {
                            Outgoing::Frame(frame) => frame.native().clone(),
                            Outgoing::Event(event) => event.native(),
                        };
                        sink.feed(Message::Text(text)).await?;
                    }
                    // Waits until the kernel took it all: a client that does not read holds up only itself.
                    sink.flush().await?;
                }
                Turn::Change(Change::Lapsed(told)) => sink.send(Message::Text(told.native())).await?,
                Turn::Change(Change::Over(told)) => {
                    sink.send(Message::Text(told.native())).await?;
                    return Ok(End::Unauthorized);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_frame_is_too_strange(
            text in prop_oneof![
                ".{0,200}",
                "\\{\"event\":\"(join_session|leave_session|authenticate|x)\"(,\"data\":[0-9\\[\\]{}\",:a-z]{0,60})?\\}",
            ],
        ) {
            let _ = parse(&text);
        }
    }

    #[test]
    fn a_frame_that_is_nested_too_deeply_is_refused() {
        for open in ["[", "{\"a\":"] {
            let frame = format!("{{\"event\":\"join_session\",\"data\":{}", open.repeat(20_000));
            assert!(matches!(parse(&frame), Command::Refuse(_)));
        }
    }
}
