//! A client that does not read costs little and delays nobody, and loses nothing.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{
    api::Api,
    database::Database,
    outside::Outside,
    service::Service,
    socket::{Received, Socket, assert_whole},
    sse::{Resume, Sse},
};

const MIB: u64 = 1 << 20;
const READERS: usize = 100;
/// Of the session that is too much to hold: what the slow client is due.
const APPENDS: usize = 96;
const MESSAGES: usize = 8;
const MESSAGE_BYTES: usize = 110_000;
const GROWTH_MAX: u64 = 64 * MIB;

/// What a process takes of the memory, in bytes: now, or at its worst.
fn memory(service: &Service, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches(|character: char| !character.is_ascii_digit()).parse::<u64>().unwrap() * 1024
}

fn large_messages() -> Value {
    json!(vec![json!({"type": "log", "message": "x".repeat(MESSAGE_BYTES)}); MESSAGES])
}

/// Sees to it that a client that does not read is not taken for one that is gone.
async fn stay_heard(socket: &mut Socket) {
    socket.send_message(Message::Pong(Bytes::new())).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_costs_little_and_delays_nobody() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (shared, large) = (Outside::create(&api).await, Outside::create(&api).await);

    let mut slow = Socket::connect(&service).await;
    slow.join(&large.session).await;
    slow.join(&shared.session).await;
    let mut slow_stream = Sse::open(&api, &large.session, Resume::default()).await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut reader = Socket::connect(&service).await;
        reader.join(&shared.session).await;
        reader.expect("session_status").await;
        readers.push(reader);
    }
    let mut keen = Socket::connect(&service).await;
    keen.join(&large.session).await;
    keen.expect("session_status").await;
    let before = memory(&service, "VmRSS:");

    // The readers' session and the large one grow side by side; one reader of the large one reads.
    let load = async {
        for _ in 0..APPENDS {
            large.append(&large_messages()).await;
            shared.log(5).await;
            stay_heard(&mut slow).await;
        }
        large.end().await;
        shared.end().await;
    };
    let everybody = join_all(readers.iter_mut().map(Socket::until_complete));
    let ((), received, keen_received) = futures_util::join!(load, everybody, keen.until_complete());
    for received in &received {
        assert_whole(received);
    }
    assert_whole(&keen_received);
    let due = (APPENDS * MESSAGES * MESSAGE_BYTES) as u64;
    assert!(due > GROWTH_MAX, "the test is about something");
    let worst = memory(&service, "VmHWM:");
    println!("{} MiB before, {} MiB at worst, {} MiB due", before / MIB, worst / MIB, due / MIB);
    assert!(
        worst.saturating_sub(before) < GROWTH_MAX,
        "{} MiB before, {} MiB at worst, {} MiB due",
        before / MIB,
        worst / MIB,
        due / MIB
    );

    // Now it reads.
    let (mut of_large, mut of_shared) = (Vec::new(), Vec::new());
    while [&of_large, &of_shared]
        .iter()
        .any(|frames: &&Vec<Received>| !frames.last().is_some_and(Received::is_complete))
    {
        let frame = slow.next().await.expect("the connection stays up");
        assert_ne!(frame.event, "session_error", "{}", frame.data);
        if frame.offset().is_none() {
            continue;
        }
        let frames = if frame.data["sessionId"] == *large.session { &mut of_large } else { &mut of_shared };
        frames.push(frame);
    }
    assert_whole(&of_large);
    assert_whole(&of_shared);
    assert_eq!(of_large.len(), keen_received.len());
    assert_eq!(of_shared.len(), received[0].len());
    assert_whole(&slow_stream.until_end().await);
}

#[tokio::test]
async fn clients_that_do_not_read_keep_the_database_from_nobody() {
    let database = Database::create().await;
    // Fewer connections than there are sessions that want to be read.
    let service = Service::start_with(&database, &["--database-connections", "2", "--offline-pace", "0ms"]).await;
    let api = Api::of(&service);
    let mut producers = Vec::new();
    for _ in 0..8 {
        let producer = Outside::create(&api).await;
        for _ in 0..4 {
            producer.append(&large_messages()).await;
        }
        producer.end().await;
        producers.push(producer);
    }
    let mut silent = Vec::new();
    for _ in 0..3 {
        let mut socket = Socket::connect(&service).await;
        for producer in &producers {
            socket.join(&producer.session).await;
        }
        silent.push(socket);
    }
    // Everybody else gets on with their work.
    for _ in 0..5 {
        let session = api.generate("Rust ownership").await;
        let mut socket = Socket::connect(&service).await;
        socket.join(&session).await;
        let received = socket.until_complete().await;
        assert_whole(&received);
        assert_eq!(received.last().unwrap().data["success"], true);
    }
    for socket in &mut silent {
        let mut ends = 0;
        while ends < producers.len() {
            let frame = socket.next().await.expect("the connection stays up");
            assert_ne!(frame.event, "session_error", "{}", frame.data);
            ends += usize::from(frame.is_complete());
        }
    }
}
