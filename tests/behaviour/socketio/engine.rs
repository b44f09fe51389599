//! Engine.IO 4, rule by rule, on an engine whose application sends every message back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use coursestream::push::socketio::engine::{Link, Message, Options, Text};
use futures_util::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;

use super::raw::{InProcess, Polling, Websocket, code, request};
use crate::support::service::PATIENCE;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

fn options() -> Options {
    Options {
        ping_interval: LONG,
        ping_timeout: LONG,
        upgrade_timeout: LONG,
        payload_bytes_max: 10_000,
        packets_max: 8,
        polling_name: "polling",
        websocket_name: "websocket",
    }
}

async fn echo(mut link: Link) {
    while let Some(message) = link.receive().await {
        if link.send(message).await.is_err() {
            return;
        }
    }
}

async fn start() -> InProcess {
    InProcess::start(options(), echo).await
}

#[tokio::test]
async fn handshakes_name_what_the_server_promises() {
    let server = start().await;
    let promised = |sid: &Value, upgrades: Value| json!({"sid": sid, "upgrades": upgrades, "pingInterval": 60_000, "pingTimeout": 60_000, "maxPayload": 10_000});
    let polling = Polling::open(&server.url).await;
    assert_eq!(*polling.handshake, promised(&polling.handshake["sid"], json!(["websocket"])));
    let (_socket, handshake) = Websocket::open(&server.url).await;
    assert_eq!(handshake, promised(&handshake["sid"], json!([])));
    assert_ne!(handshake["sid"], polling.handshake["sid"]);
}

#[tokio::test]
async fn what_is_no_request_of_the_protocol_gets_its_error_code() {
    let server = start().await;
    let sid = Polling::open(&server.url).await.sid().to_owned();
    let cases = [
        (Method::GET, "?EIO=4".to_owned(), 0),
        (Method::GET, "?EIO=4&transport=carrier-pigeon".to_owned(), 0),
        (Method::GET, "?EIO=4&transport=polling&sid=unknown".to_owned(), 1),
        (Method::POST, "?EIO=4&transport=polling".to_owned(), 2),
        (Method::PUT, "?EIO=4&transport=polling".to_owned(), 2),
        (Method::PUT, format!("?EIO=4&transport=polling&sid={sid}"), 3),
        (Method::GET, "?EIO=4&transport=websocket".to_owned(), 3),
        (Method::GET, "?EIO=4&transport=polling&sid=a&sid=b".to_owned(), 3),
        (Method::GET, "?EIO=3&transport=polling".to_owned(), 5),
        (Method::GET, "?transport=polling".to_owned(), 5),
    ];
    for (method, query, expected) in cases {
        let answer = request(method.clone(), &format!("{}{query}", server.url)).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{method} {query}");
        assert_eq!(code(answer).await, expected, "{method} {query}");
    }
}

#[tokio::test]
async fn messages_go_both_ways_over_polling() {
    let server = start().await;
    let polling = Polling::open(&server.url).await;
    let body = "4first\x1ebAQIDBA==\x1e4third";
    assert_eq!(polling.post(body).await, StatusCode::OK);
    let mut received = Vec::new();
    while received.len() < 3 {
        received.extend(polling.poll().await);
    }
    assert_eq!(received.join("\x1e"), body);
}

#[tokio::test]
async fn messages_go_both_ways_over_websocket() {
    let server = start().await;
    let (mut socket, _) = Websocket::open(&server.url).await;
    socket.send("4hello").await;
    assert_eq!(socket.text().await, "4hello");
    socket.send_binary(&[1, 2, 3]).await;
    assert_eq!(socket.next().await, Some(tungstenite::Message::binary(vec![1, 2, 3])));
}

#[tokio::test]
async fn a_body_that_is_no_payload_closes_its_session_only() {
    let server = start().await;
    let bystander = Polling::open(&server.url).await;
    let too_many = ["4x"; 9].join("\x1e");
    // Clients do not open, ping, answer probes or upgrade over polling.
    for body in ["abc", "", "4ok\x1e", "b%%", "0{}", "2", "2probe", "5", &too_many] {
        let polling = Polling::open(&server.url).await;
        assert_eq!(polling.post(body.to_owned()).await, StatusCode::BAD_REQUEST, "{body:?}");
        polling.assert_closed().await;
    }
    let polling = Polling::open(&server.url).await;
    assert_eq!(polling.post("4".repeat(10_001)).await, StatusCode::PAYLOAD_TOO_LARGE);
    polling.assert_closed().await;
    assert_eq!(bystander.post("4still here").await, StatusCode::OK);
    assert_eq!(bystander.poll().await, ["4still here"]);
}

#[tokio::test]
async fn a_frame_that_is_no_packet_closes_the_websocket() {
    let server = start().await;
    for packet in ["abc", "", "2", "5", "2probe", &"4".repeat(10_001)] {
        let (mut socket, _) = Websocket::open(&server.url).await;
        socket.send(packet).await;
        socket.until_closed().await;
    }
}

#[tokio::test]
async fn a_second_poll_closes_the_session() {
    let server = start().await;
    let polling = Polling::open(&server.url).await;
    let (mut answers, mut refusals) = (Vec::new(), 0);
    // Whichever comes first waits; the other ends it.
    let (first, second) = tokio::join!(polling.get(), polling.get());
    for answer in [first, second] {
        match answer.status() {
            StatusCode::OK => answers.push(answer.text().await.unwrap()),
            status => {
                assert_eq!(status, StatusCode::BAD_REQUEST);
                refusals += 1;
            }
        }
    }
    assert_eq!((answers, refusals), (vec!["1".to_owned()], 1));
    polling.assert_closed().await;
}

#[tokio::test]
async fn a_second_post_beside_the_first_closes_the_session() {
    let server = start().await;
    let polling = Polling::open(&server.url).await;
    let (sent, endless) = tokio::sync::oneshot::channel::<()>();
    let body = stream::once(async { Ok::<_, std::io::Error>("4a".to_owned()) }).chain(stream::once(async move {
        let _ = endless.await;
        Ok(String::new())
    }));
    let first = tokio::spawn({
        let polling = polling.clone();
        async move { polling.post(reqwest::Body::wrap_stream(body)).await }
    });
    // The first may not have got there yet; each that is taken alone is fine.
    let refused = async { while polling.post("4b").await == StatusCode::OK {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("a post beside another is refused");
    drop(sent);
    assert_eq!(first.await.unwrap(), StatusCode::BAD_REQUEST);
    polling.until_closed().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_on_its_poll_has_closed() {
    let server = start().await;
    let closes = async {
        loop {
            // A session of its own each time: a poll beside one that is not over yet would close it as well.
            let polling = Polling::open(&server.url).await;
            polling.poll_and_hang_up(Duration::from_millis(10)).await;
            for _ in 0..50 {
                if polling.post("6").await != StatusCode::OK {
                    return polling;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // In vain: the request had not got there by then.
        }
    };
    tokio::time::timeout(PATIENCE, closes).await.expect("the session is closed").assert_closed().await;
}

#[tokio::test]
async fn pings_are_answered_or_the_session_ends() {
    let server = InProcess::start(Options { ping_interval: SHORT, ..options() }, echo).await;
    let polling = Polling::open(&server.url).await;
    let (mut socket, _) = Websocket::open(&server.url).await;
    for _ in 0..3 {
        assert_eq!(polling.poll().await, ["2"]);
        assert_eq!(polling.post("3").await, StatusCode::OK);
        assert_eq!(socket.text().await, "2");
        socket.send("3").await;
    }
    let server = InProcess::start(Options { ping_interval: SHORT, ping_timeout: SHORT, ..options() }, echo).await;
    let polling = Polling::open(&server.url).await;
    let (mut socket, _) = Websocket::open(&server.url).await;
    polling.until_closed().await;
    socket.until_closed().await;
}

#[tokio::test]
async fn a_client_may_close() {
    let server = start().await;
    let polling = Polling::open(&server.url).await;
    // The poll that is under way, or comes right after, ends without a word.
    let (answer, status) = tokio::join!(polling.poll(), polling.post("1"));
    assert_eq!((answer, status), (vec!["6".to_owned()], StatusCode::OK));
    polling.assert_closed().await;
    let (mut socket, _) = Websocket::open(&server.url).await;
    socket.send("1").await;
    socket.until_closed().await;
}

#[tokio::test]
async fn an_upgrade_takes_along_what_waits() {
    let server = start().await;
    let polling = Polling::open(&server.url).await;
    let waiting = tokio::spawn({
        let polling = polling.clone();
        async move { polling.poll().await }
    });
    let mut socket = Websocket::connect(&server.url, &format!("&sid={}", polling.sid())).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    assert_eq!(waiting.await.unwrap(), ["6"]);
    // Sent by the old way while the new one is not open yet.
    assert_eq!(polling.post("4between").await, StatusCode::OK);
    socket.send("5").await;
    assert_eq!(socket.text().await, "4between");
    socket.send("4after").await;
    assert_eq!(socket.text().await, "4after");

    assert_eq!(polling.get().await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(polling.post("4x").await, StatusCode::BAD_REQUEST);
    let mut second = Websocket::connect(&server.url, &format!("&sid={}", polling.sid())).await;
    second.until_closed().await;
    socket.send("4undisturbed").await;
    assert_eq!(socket.text().await, "4undisturbed");
}

#[tokio::test]
async fn an_upgrade_that_fails_leaves_polling_as_it_was() {
    let server = InProcess::start(Options { upgrade_timeout: SHORT, ..options() }, echo).await;
    let polling = Polling::open(&server.url).await;
    let sid = format!("&sid={}", polling.sid());
    for packets in [&["4too early"][..], &["2probe", "4too early"], &["2probe", "junk"], &["2probe"], &[]] {
        let mut socket = Websocket::connect(&server.url, &sid).await;
        for packet in packets {
            socket.send(packet).await;
        }
        socket.until_closed().await;
        assert_eq!(polling.post("4on").await, StatusCode::OK, "{packets:?}");
        let mut received = polling.poll().await;
        while received == ["6"] {
            received = polling.poll().await;
        }
        assert_eq!(received, ["4on"], "{packets:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_poll_is_not_sent_more_than_fits() {
    const TEXT_BYTES: usize = 1_000;
    let sent = Arc::new(AtomicUsize::new(0));
    let server = InProcess::start(options(), {
        let sent = sent.clone();
        move |link: Link| {
            let sent = sent.clone();
            async move {
                while link.send(Message::Text(Text::new(&"x".repeat(TEXT_BYTES)))).await.is_ok() {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    })
    .await;
    let polling = Polling::open(&server.url).await;
    let mut received = 0;
    while received < 1_000 {
        let packets = polling.poll().await;
        let bytes: usize = packets.iter().map(String::len).sum();
        assert!(bytes <= (64 << 10) + TEXT_BYTES, "one answer is bounded: {bytes}");
        received += packets.len();
        // One that is being sent, and a queue of 64 KiB.
        assert!(sent.load(Ordering::Relaxed) <= received + (64 << 10) / TEXT_BYTES + 2);
    }
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let server = start().await;
    let polling = Polling::open(&server.url).await;
    let (mut socket, _) = Websocket::open(&server.url).await;
    let waiting = tokio::spawn({
        let polling = polling.clone();
        async move { polling.get().await }
    });
    // The poll waits by the time that a message of its session has come back.
    polling.post("4x").await;
    assert_eq!(waiting.await.unwrap().text().await.unwrap(), "4x");
    let waiting = tokio::spawn({
        let polling = polling.clone();
        async move { polling.get().await }
    });
    server.shutdown.cancel();
    socket.until_closed().await;
    let answer = waiting.await.unwrap();
    // It came before the stop, or after it.
    match answer.status() {
        StatusCode::OK => assert_eq!(answer.text().await.unwrap(), "1"),
        status => assert!(matches!(status, StatusCode::BAD_REQUEST | StatusCode::SERVICE_UNAVAILABLE), "{status}"),
    }
    let answer = request(Method::GET, &format!("{}?EIO=4&transport=polling", server.url)).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}
