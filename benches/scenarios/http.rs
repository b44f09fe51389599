//! HTTP/1.1 over one kept-alive connection, by hand: what a producer needs and no more.

use std::{io::Write, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::server::loopback;

/// The service answers with 503 after 10 s without its database.
const ANSWER_MAX: Duration = Duration::from_secs(15);
const ANSWER_BYTES_MAX: usize = 1 << 20;

pub struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(loopback(address)?).await.context("connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: Vec::new(), answer: Vec::new() })
    }

    /// Posts a JSON body and returns the answer's, which must be a success.
    pub async fn post(&mut self, path: &str, body: &[u8]) -> Result<&[u8]> {
        self.request.clear();
        write!(
            self.request,
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )?;
        self.request.extend_from_slice(body);
        let exchange = async {
            self.stream.write_all(&self.request).await?;
            read_answer(&mut self.stream, &mut self.answer).await
        };
        let (status, body_at) = timeout(ANSWER_MAX, exchange).await.context("no answer")??;
        let body = &self.answer[body_at..];
        ensure!((200..300).contains(&status), "POST {path}: {status} {}", String::from_utf8_lossy(body));
        Ok(body)
    }
}

/// Reads one answer; returns its status and where its body begins.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<(u16, usize)> {
    answer.clear();
    let mut ends_at = None;
    loop {
        let read = stream.read_buf(answer).await?;
        ensure!(read > 0, "the server closed the connection");
        ensure!(answer.len() < ANSWER_BYTES_MAX, "the answer is too long");
        if ends_at.is_none()
            && let Some(end) = memmem::find(answer, b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&answer[..end])?;
            let status: u16 = head.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
            ends_at = Some((status, end + 4, end + 4 + content_length(head)?));
        }
        if let Some((status, body_at, end)) = ends_at
            && answer.len() >= end
        {
            ensure!(answer.len() == end, "more came than was asked for");
            return Ok((status, body_at));
        }
    }
}

fn content_length(head: &str) -> Result<usize> {
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(value.trim().parse()?);
        }
    }
    bail!("the answer has no content-length: {head}")
}
