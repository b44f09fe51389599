//! Does the load generator see what it is there to see? A proxy before the node's WebSocket spoils known frames, and the counts
//! must be known numbers, not zero.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

use super::load::Load;
use crate::{
    figures::Row,
    options::Options,
    publisher::{self, Pace},
    server::Server,
    socket::{Frame, Frames},
    tally::Faults,
    token::Token,
};

const SUBSCRIBERS: u64 = 5;
const MESSAGES: u64 = 1_000;
/// Of every hundred messages.
const LOST: u64 = 10;
const DOUBLED: u64 = 30;
const SWAPPED: u64 = 50;
const STRAYED: u64 = 70;

pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let server = Server::start(&options.program).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let proxy = listener.local_addr()?;
    let spoiling = tokio::spawn(listen(listener, server.address));
    let load = Load { lanes: 1, ..Load::fanout(SUBSCRIBERS as usize, Pace::FlatOut { under_way_max: 100_000 }) };
    let (ledger, crowd) = load.set_up(server.address, proxy).await?;
    let plan = publisher::Plan { messages_max: MESSAGES, ..load.plan(Duration::from_secs(60), false) };
    let published = publisher::publish(server.address, &ledger, plan).await?;
    // What was lost never comes: this ends only where nothing has moved for a while.
    ledger.wait_for_deliveries().await;
    let found = load.tear_down(&ledger, crowd, &published).await?.faults;
    spoiling.abort();
    server.stop().await?;

    let each = SUBSCRIBERS * MESSAGES / 100;
    let expected = Faults {
        // A strayed message is missing where it should be.
        gaps: 2 * each,
        undelivered: 0,
        duplicates: each,
        out_of_order: each,
        // Lost: the one behind it. Doubled: the second one. Swapped: both.
        broken_offsets: (1 + 1 + 2) * each,
        misrouted: each,
        disagreements: 0,
    };
    ensure!(found == expected, "the proxy's faults were miscounted:\n{found:?}, but it made\n{expected:?}");
    eprintln!("    all faults of the proxy were found: {found:?}");
    Ok(Vec::new())
}

async fn listen(listener: TcpListener, server: SocketAddr) -> Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = TcpStream::connect(server).await?.into_split();
        connections.spawn(pass(from_client, to_server));
        connections.spawn(spoil(from_server, to_client));
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    Ok(())
}

async fn spoil(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> Result<()> {
    let mut head = Vec::new();
    let head_bytes = loop {
        ensure!(from.read_buf(&mut head).await? > 0, "the server closed the connection");
        if let Some(at) = memmem::find(&head, b"\r\n\r\n") {
            break at + 4;
        }
    };
    let mut read = head.split_off(head_bytes);
    to.write_all(&head).await?;
    let (mut frames, mut spoiler) = (Frames::default(), Spoiler::default());
    loop {
        let mut out = Vec::new();
        frames.take(&read, &mut |frame| {
            if let Frame::Text(text) = frame {
                spoiler.forward(text, &mut out);
            }
            Ok(())
        })?;
        to.write_all(&out).await?;
        read.clear();
        if from.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Spoiler {
    messages: u64,
    held: Option<Vec<u8>>,
}

impl Spoiler {
    fn forward(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if Token::find(text).is_none() {
            return write(out, text);
        }
        let place = self.messages % 100;
        self.messages += 1;
        match place {
            LOST => {}
            DOUBLED => {
                write(out, text);
                write(out, text);
            }
            SWAPPED => self.held = Some(text.to_vec()),
            STRAYED => {
                let mut strayed = text.to_vec();
                if let Some(at) = memmem::find(&strayed, b"cs!") {
                    strayed[at + 3..at + 7].copy_from_slice(b"00ff");
                }
                write(out, &strayed);
            }
            _ => {
                write(out, text);
                if let Some(held) = self.held.take() {
                    write(out, &held);
                }
            }
        }
    }
}

/// As a text frame of a length that takes two bytes or none.
fn write(out: &mut Vec<u8>, text: &[u8]) {
    out.push(0x81);
    if text.len() < 126 {
        out.push(text.len() as u8);
    } else {
        out.push(126);
        out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    }
    out.extend_from_slice(text);
}
