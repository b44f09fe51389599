//! Follows one session's log to its end over the native WebSocket, and resumes by itself.
//!
//! Owns the connection: it is opened, joined after the last-seen offset, watched for silence, given up and opened again with
//! jittered backoff. What a frame says is read in [`frame`], what it means is decided in [`position`]. Refuses to print,
//! and to invent: an event that the server sent twice is passed on once, and one that it skipped is asked for again.

use std::{collections::VecDeque, time::Duration};

use backon::ExponentialBackoff;
use futures_util::{SinkExt, Stream, StreamExt, stream};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderValue, StatusCode, header::AUTHORIZATION},
    },
};

use self::{
    frame::{Completion, Frame, SessionError, join_frame},
    patience::Patience,
    position::{Position, Step},
};
use super::address::ServerAddress;
use crate::event::{Event, Offset, SessionId};

pub mod frame;
pub mod patience;
pub mod position;
#[cfg(test)]
mod tests;

#[derive(Clone, Debug)]
pub enum Item {
    Status {
        status: String,
        last_offset: Offset,
    },
    Event(Event),
    /// The session ended; the stream ends after it. `offset` is the terminal event's, and is not beyond the offset to start after
    /// where that was the terminal event itself.
    Complete(Completion),
    Disconnected {
        retry_in: Duration,
        reason: String,
    },
    /// The session is joined again, after at least one [`Item::Disconnected`].
    Reconnected,
}

/// Why a follower gave up. The stream ends after it.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error(transparent)]
    Refused(SessionError),
    #[error("{url} does not take WebSocket connections: {reason}")]
    NoWebSocket { url: String, reason: String },
    #[error("gave up on {url} after {attempts} attempts: {reason}")]
    Unreachable { url: String, attempts: usize, reason: String },
}

/// The log of `session` after `last_seen`, to its end. Does nothing until it is polled; dropping it closes the connection.
/// The stream is cancel-safe: `next()` may lose a race in a `select!` and be called again.
pub fn follow(
    server: &ServerAddress,
    session: SessionId,
    last_seen: Offset,
    patience: Patience,
) -> impl Stream<Item = Result<Item, FollowError>> + Send + use<> {
    let follower = Follower {
        url: server.websocket(),
        authorization: server.authorization(),
        position: Position::after(session, last_seen),
        backoff: patience.backoff(),
        patience,
        link: Link::Down { wait: Duration::ZERO },
        ready: VecDeque::new(),
        attempts: 0,
        joined_before: false,
        lost_before: false,
        over: false,
    };
    stream::unfold(follower, |mut follower| async move { follower.next().await.map(|item| (item, follower)) })
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

enum Link {
    Down { wait: Duration },
    Up { socket: Box<Socket>, opened_at: Instant, joined: bool },
}

/// Why an attempt to connect failed.
enum ConnectError {
    Passing(String),
    Lasting(String),
}

struct Follower {
    url: String,
    authorization: Option<HeaderValue>,
    position: Position,
    patience: Patience,
    backoff: ExponentialBackoff,
    link: Link,
    ready: VecDeque<Item>,
    /// Losses in a row that brought nothing new.
    attempts: usize,
    joined_before: bool,
    lost_before: bool,
    over: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Item, FollowError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if self.over {
                self.leave().await;
                return None;
            }
            if let Err(error) = self.step().await {
                self.over = true;
                return Some(Err(error));
            }
        }
    }

    async fn step(&mut self) -> Result<(), FollowError> {
        match &mut self.link {
            Link::Down { wait } => {
                tokio::time::sleep(*wait).await;
                match self.connect().await {
                    Ok(socket) => {
                        self.link = Link::Up { socket: Box::new(socket), opened_at: Instant::now(), joined: false };
                        Ok(())
                    }
                    Err(ConnectError::Passing(reason)) => self.lost(reason),
                    Err(ConnectError::Lasting(reason)) => {
                        Err(FollowError::NoWebSocket { url: self.url.clone(), reason })
                    }
                }
            }
            Link::Up { socket, opened_at, joined } => {
                // Pings alone do not answer a join: until its status has come, the silence is counted from the opening.
                let since = if *joined { Instant::now() } else { *opened_at };
                match timeout_at(since + self.patience.silence, socket.next()).await {
                    Err(_) => self.lost(format!("no sign of life for {} s", self.patience.silence.as_secs())),
                    Ok(None | Some(Ok(Message::Close(_)))) => self.lost("the server closed the connection".to_owned()),
                    Ok(Some(Err(error))) => self.lost(error.to_string()),
                    Ok(Some(Ok(Message::Text(text)))) => self.hear(&text),
                    // Reading on sends the pong that a ping asks for.
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_)))) => {
                        Ok(())
                    }
                }
            }
        }
    }

    async fn connect(&self) -> Result<Socket, ConnectError> {
        let opening = async {
            let mut request = self.url.as_str().into_client_request()?;
            if let Some(token) = &self.authorization {
                request.headers_mut().insert(AUTHORIZATION, token.clone());
            }
            let (mut socket, _) = connect_async(request).await?;
            let join = join_frame(self.position.session(), self.position.last_seen());
            socket.send(Message::text(join)).await?;
            Ok(socket)
        };
        match timeout(self.patience.connect, opening).await {
            Ok(Ok(socket)) => Ok(socket),
            Ok(Err(error)) if is_lasting(&error) => Err(ConnectError::Lasting(error.to_string())),
            Ok(Err(error)) => Err(ConnectError::Passing(error.to_string())),
            Err(_) => Err(ConnectError::Passing("the connection did not open in time".to_owned())),
        }
    }

    fn hear(&mut self, text: &str) -> Result<(), FollowError> {
        let frame = match Frame::parse(text) {
            Ok(frame) => frame,
            // To skip it could skip an event, so it is handled like a gap.
            Err(error) => return self.lost(error.to_string()),
        };
        match self.position.take(frame) {
            Step::Status(report) => {
                self.joined();
                self.ready.push_back(Item::Status { status: report.status, last_offset: report.last_offset });
            }
            Step::Event(event) => {
                self.joined();
                self.fresh_backoff();
                self.ready.push_back(Item::Event(event));
            }
            Step::Complete(completion) => {
                self.joined();
                self.ready.push_back(Item::Complete(completion));
                self.over = true;
            }
            Step::Ignore => {}
            Step::Gap { expected, got } => {
                return self.lost(format!("the server skipped from offset {expected} to {got}"));
            }
            Step::Retry(error) => return self.lost(error.to_string()),
            Step::GiveUp(error) => return Err(FollowError::Refused(error)),
        }
        Ok(())
    }

    fn joined(&mut self) {
        if let Link::Up { joined, .. } = &mut self.link
            && !*joined
        {
            *joined = true;
            self.joined_before = true;
            if std::mem::take(&mut self.lost_before) {
                self.ready.push_back(Item::Reconnected);
            }
        }
    }

    fn lost(&mut self, reason: String) -> Result<(), FollowError> {
        if let Link::Up { opened_at, joined: true, .. } = &self.link
            && opened_at.elapsed() >= self.patience.steady_after
        {
            self.fresh_backoff();
        }
        self.attempts += 1;
        let attempts_max =
            if self.joined_before { self.patience.attempts_max } else { self.patience.attempts_before_join_max };
        if self.attempts >= attempts_max {
            return Err(FollowError::Unreachable { url: self.url.clone(), attempts: self.attempts, reason });
        }
        let retry_in = self.backoff.next().unwrap_or(self.patience.backoff_max);
        self.link = Link::Down { wait: retry_in };
        self.lost_before = true;
        self.ready.push_back(Item::Disconnected { retry_in, reason });
        Ok(())
    }

    /// An answered join alone earns no fresh backoff: a server that answers and then cuts, or always skips the same event, would
    /// be asked as fast as it can answer.
    fn fresh_backoff(&mut self) {
        if self.attempts > 0 {
            self.attempts = 0;
            self.backoff = self.patience.backoff();
        }
    }

    /// The log is over, so nothing depends on this: a server that does not answer is not waited for.
    async fn leave(&mut self) {
        if let Link::Up { socket, .. } = &mut self.link {
            let _ = timeout(Duration::from_millis(500), socket.close()).await;
        }
    }
}

/// Whether the next attempt would end in the same way.
fn is_lasting(error: &tungstenite::Error) -> bool {
    match error {
        tungstenite::Error::Url(_) | tungstenite::Error::HttpFormat(_) => true,
        tungstenite::Error::Http(response) => {
            let status = response.status();
            let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
            !status.is_server_error() && !passing.contains(&status)
        }
        _ => false,
    }
}
