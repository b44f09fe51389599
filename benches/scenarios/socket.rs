//! The client's side of RFC 6455, as much of it as a subscriber needs: the handshake, the join, frames out of whatever pieces
//! the network makes of them. Many frames come with one read, and none of them is copied. Over it, where that is asked for,
//! Engine.IO 4 and Socket.IO 5, as `socket.io-client` speaks them with `transports: ["websocket"]`.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context as Task, Poll, ready},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use crate::server::loopback;

const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
const HANDSHAKE_BYTES_MAX: usize = 8 << 10;
const FRAME_BYTES_MAX: u64 = 32 << 20;

const TEXT: u8 = 0x1;
const PONG: u8 = 0xa;

/// What is spoken over the WebSocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    #[default]
    Native,
    SocketIo,
}

/// Where subscribers connect, and what they speak.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub address: SocketAddr,
    pub transport: Transport,
}

impl Way {
    pub const fn native(address: SocketAddr) -> Self {
        Self { address, transport: Transport::Native }
    }
}

impl Transport {
    const fn path(self) -> &'static str {
        match self {
            Self::Native => "/ws",
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket",
        }
    }

    /// What a text frame of an event begins with.
    const fn before_event(self) -> &'static [u8] {
        match self {
            Self::Native => br#"{"event":""#,
            Self::SocketIo => br#"42[""#,
        }
    }

    /// What a text frame says.
    pub fn read(self, text: &[u8]) -> Said<'_> {
        if let Some(event) = text.strip_prefix(self.before_event()) {
            return Said::Event(event);
        }
        match (self, text) {
            (Transport::SocketIo, b"2") => Said::Ping,
            // Engine.IO's handshake, and the answer of the namespace.
            (Transport::SocketIo, [b'0', b'{', ..] | [b'4', b'0', ..]) => Said::Greeting,
            _ => Said::Other,
        }
    }
}

pub struct Socket {
    transport: Transport,
    stream: TcpStream,
    frames: Frames,
}

impl Socket {
    /// Connects and shakes hands.
    pub async fn open(way: Way) -> Result<Self> {
        timeout(HANDSHAKE_MAX, Self::shake_hands(way)).await.context("the handshake takes too long")?
    }

    async fn shake_hands(Way { address, transport }: Way) -> Result<Self> {
        let address = loopback(address)?;
        let mut stream = TcpStream::connect(address).await.context("connect")?;
        stream.set_nodelay(true)?;
        // The key would prove to a browser that no cache answered; here there is none, so it may be any.
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: Y291cnNlc3RyZWFtLWJuYw==\r\n\r\n",
            transport.path()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(1 << 10);
        let head_bytes = loop {
            ensure!(stream.read_buf(&mut answer).await? > 0, "the server closed the connection");
            if let Some(at) = memmem::find(&answer, b"\r\n\r\n") {
                break at + 4;
            }
            ensure!(answer.len() < HANDSHAKE_BYTES_MAX, "the handshake's answer is too long");
        };
        let is_upgraded = answer.starts_with(b"HTTP/1.1 101 ");
        ensure!(is_upgraded, "no upgrade: {}", String::from_utf8_lossy(&answer[..head_bytes]));
        answer.drain(..head_bytes);
        let mut socket = Self { transport, stream, frames: Frames { rest: answer } };
        if transport == Transport::SocketIo {
            // Into the main namespace. What is sent meanwhile is kept for it by the server.
            socket.say("40").await?;
        }
        Ok(socket)
    }

    pub async fn join(&mut self, session_id: &str, last_seen: u64) -> Result<()> {
        let payload = format!(r#"{{"sessionId":"{session_id}","lastSeenOffset":{last_seen}}}"#);
        let join = match self.transport {
            Transport::Native => format!(r#"{{"event":"join_session","data":{payload}}}"#),
            Transport::SocketIo => format!(r#"42["join_session",{payload}]"#),
        };
        self.say(&join).await
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(&masked(TEXT, text.as_bytes())).await?)
    }

    /// Answers a ping: the WebSocket's own, or Engine.IO's.
    pub async fn pong(&mut self, ping: Ping) -> Result<()> {
        match ping {
            Ping::WebSocket(payload) => Ok(self.stream.write_all(&masked(PONG, &payload)).await?),
            Ping::EngineIo => self.say("3").await,
        }
    }

    /// Reads once into a buffer that all sockets of the thread share, and hands out the frames that are complete.
    pub fn poll_read(
        &mut self,
        task: &mut Task<'_>,
        buffer: &mut [u8],
        on_frame: &mut impl FnMut(Transport, Frame<'_>) -> Result<()>,
    ) -> Poll<Result<()>> {
        let mut read = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(task, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Err(anyhow::anyhow!("the server closed the connection")));
        }
        let transport = self.transport;
        Poll::Ready(self.frames.take(read.filled(), &mut |frame| on_frame(transport, frame)))
    }
}

pub enum Ping {
    WebSocket(Vec<u8>),
    EngineIo,
}

pub enum Said<'a> {
    /// From the event's name on.
    Event(&'a [u8]),
    Greeting,
    Ping,
    Other,
}

pub enum Frame<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
}

/// Cuts frames out of the stream.
#[derive(Default)]
pub struct Frames {
    /// The beginning of a frame whose end has not come yet.
    rest: Vec<u8>,
}

impl Frames {
    pub fn take(&mut self, read: &[u8], on_frame: &mut impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        if self.rest.is_empty() {
            let used = take_all(read, on_frame)?;
            self.rest.extend_from_slice(&read[used..]);
        } else {
            self.rest.extend_from_slice(read);
            let used = take_all(&self.rest, on_frame)?;
            self.rest.drain(..used);
        }
        if self.rest.is_empty() {
            // Thousands of sockets that are waiting should hold nothing.
            self.rest = Vec::new();
        }
        Ok(())
    }
}

/// Hands out the complete frames at the front and returns how many bytes they took.
fn take_all(bytes: &[u8], on_frame: &mut impl FnMut(Frame<'_>) -> Result<()>) -> Result<usize> {
    let mut used = 0;
    while let Some((head, head_bytes, length)) = header(&bytes[used..])? {
        let Some(payload) = bytes.get(used + head_bytes..used + head_bytes + length) else { break };
        match head {
            0x81 => on_frame(Frame::Text(payload))?,
            0x89 => on_frame(Frame::Ping(payload))?,
            0x8a => {}
            0x88 => bail!("the server closed the connection: {}", String::from_utf8_lossy(&payload[2.min(length)..])),
            _ => bail!("a frame that this client does not know: {head:#x}"),
        }
        used += head_bytes + length;
    }
    Ok(used)
}

/// The first byte, the header's length and the payload's; `None` until they are all there.
fn header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>> {
    let [head, length, rest @ ..] = bytes else { return Ok(None) };
    ensure!(length & 0x80 == 0, "a server's frames are not masked");
    let (extra, length) = match (*length, rest) {
        (126, [a, b, ..]) => (2, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, rest) if rest.len() >= 8 => (8, rest[..8].iter().fold(0, |length, byte| length << 8 | u64::from(*byte))),
        (126 | 127, _) => return Ok(None),
        (length, _) => (0, u64::from(length)),
    };
    ensure!(length <= FRAME_BYTES_MAX, "a frame of {length} bytes");
    Ok(Some((*head, 2 + extra, length as usize)))
}

/// A client's frame. Its mask is zero, which leaves the payload as it is: masks protect proxies, and there is none.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
