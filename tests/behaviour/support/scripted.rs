//! A server that answers what it is told, byte for byte: for what no well-behaved server can be made to send.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

#[derive(Clone)]
pub(crate) enum Reply {
    /// Written as it is; then the connection is closed.
    Bytes(Vec<u8>),
    /// The request is read and never answered.
    Silence,
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into())
}

/// A body that ends before its announced length.
pub(crate) fn cut(body: &str) -> Reply {
    let length = body.len() + 100;
    Reply::Bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into())
}

pub(crate) struct Received {
    pub(crate) path: String,
    /// The headers as they came, names in lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

pub(crate) struct Scripted {
    pub(crate) base_url: String,
    received: Arc<Mutex<Vec<Received>>>,
    server: JoinHandle<()>,
}

impl Scripted {
    /// Answers the first request with the first reply and so on; the last one serves all that follow.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        let server = tokio::spawn(async move {
            let mut silent = Vec::new();
            let mut replies = replies.into_iter().peekable();
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let request = read(&mut stream).await;
                log.lock().unwrap().push(request);
                let reply = replies.next().unwrap();
                if replies.peek().is_none() {
                    replies = vec![reply.clone()].into_iter().peekable();
                }
                match reply {
                    // The client may have hung up already: its business.
                    Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
                    Reply::Silence => silent.push(stream),
                }
            }
        });
        Self { base_url, received, server }
    }

    /// Takes what came in since the last time.
    pub(crate) fn received(&self) -> Vec<Received> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) async fn read(stream: &mut BufReader<TcpStream>) -> Received {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "the request ends within its head");
    }
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let lower: Vec<String> = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| format!("{}: {}", name.to_lowercase(), value.trim()))
        .collect();
    let length = lower.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    Received { path, head: lower.join("\n"), body: serde_json::from_slice(&body).unwrap() }
}
