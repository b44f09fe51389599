//! The native WebSocket: its own rules, and those that every transport keeps.

use rand::seq::SliceRandom;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{
    api::Api,
    chance::chance,
    database::Database,
    outside::Outside,
    service::Service,
    socket::{Received, Socket, assert_contiguous, assert_whole},
};

const NOBODY: &str = "01990000-0000-7000-8000-000000000000";

async fn node() -> (Service, Api) {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    (service, api)
}

/// The next frame must be a refusal.
async fn expect_error(socket: &mut Socket, code: &str) -> Value {
    let error = socket.expect("session_error").await;
    assert_eq!(error["code"], code, "{error}");
    assert!(!error["message"].as_str().unwrap().is_empty());
    error
}

/// Fails if anything comes that the client did not just ask for. Frames keep their order, so what was due before the answer would
/// come before it.
async fn assert_quiet(socket: &mut Socket) {
    for _ in 0..3 {
        socket.send("are_you_there", Value::Null).await;
        expect_error(socket, "bad_request").await;
    }
}

/// The next `count` frames, which must be events of the log.
async fn expect_events(socket: &mut Socket, count: usize) -> Vec<Received> {
    let mut received = Vec::new();
    for _ in 0..count {
        let frame = socket.next().await.expect("the connection stays up");
        assert!(frame.offset().is_some(), "{frame:?}");
        received.push(frame);
    }
    received
}

#[tokio::test]
async fn the_status_comes_first_and_again_when_it_changes() {
    let database = Database::create().await;
    // This node only takes runs in, so the session is surely queued when the client joins.
    let service = Service::start_with(&database, &["--max-running", "0"]).await;
    let session = Api::of(&service).generate("Rust ownership").await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    let status = socket.expect("session_status").await;
    assert_eq!(status, json!({"sessionId": session, "status": "queued", "lastOffset": 0}));

    let _running = Service::start(&database).await;
    let mut frames = Vec::new();
    let last = loop {
        let frame = socket.next().await.expect("the connection stays up");
        let is_last = frame.event == "session_status" && frame.data["status"] == "completed";
        frames.push(frame);
        if is_last {
            break frames.len() - 1;
        }
    };
    let statuses: Vec<(usize, &str)> = frames
        .iter()
        .enumerate()
        .filter(|(_, frame)| frame.event == "session_status")
        .map(|(at, frame)| (at, frame.data["status"].as_str().unwrap()))
        .collect();
    assert_eq!(statuses, [(1, "running"), (last, "completed")], "right behind the events that change it");
    assert_eq!(frames[0].data["type"], "session_started");
    assert!(frames[last - 1].is_complete());
    assert_eq!(frames[last].data["lastOffset"], frames[last - 1].data["offset"]);
    assert_quiet(&mut socket).await;
}

#[tokio::test]
async fn replaying_an_ended_session_does_not_take_its_status_back() {
    let (service, api) = node().await;
    let producer = Outside::create(&api).await;
    producer.log(2).await;
    producer.end().await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    let status = socket.expect("session_status").await;
    assert_eq!((&status["status"], &status["lastOffset"]), (&"completed".into(), &4.into()));
    assert_whole(&expect_events(&mut socket, 4).await);
    assert_quiet(&mut socket).await;
}

#[tokio::test]
async fn envelopes_and_completions_are_as_promised() {
    let (service, api) = node().await;
    let producer = Outside::create(&api).await;
    let data = json!({"nested": [1, 2.5, {"deep": null}], "text": "Größe \u{1f41d} </script> \u{2028}"});
    producer.append(&json!([{"type": "success", "message": "Done \"so far\"\n", "data": data}])).await;
    producer.end().await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    socket.expect("session_status").await;
    let received = expect_events(&mut socket, 3).await;
    let mut update = received[1].data.clone();
    let timestamp = update.as_object_mut().unwrap().remove("timestamp").unwrap();
    let timestamp = timestamp.as_str().unwrap();
    assert_eq!(timestamp.len(), "2026-01-31T12:00:00.123Z".len(), "{timestamp}");
    assert!(timestamp.ends_with('Z'), "{timestamp}");
    let expected = json!({
        "sessionId": producer.session, "offset": 2, "type": "success", "message": "Done \"so far\"\n", "data": data,
    });
    assert_eq!(update, expected);
    let complete = &received[2].data;
    assert_eq!(complete, &json!({"success": true, "sessionId": producer.session, "offset": 3}));
}

#[tokio::test]
async fn a_second_join_changes_nothing_and_earns_a_fresh_status() {
    let (service, api) = node().await;
    let producer = Outside::create(&api).await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    assert_eq!(socket.expect("session_status").await["lastOffset"], 1);
    expect_events(&mut socket, 1).await;
    for round in 0..3 {
        let last = producer.log(2).await;
        let received = expect_events(&mut socket, 2).await;
        assert_contiguous(&received, last - 1);
        // Both forms of the payload.
        if round % 2 == 0 {
            socket.join(&producer.session).await;
        } else {
            socket.send("join_session", json!({"sessionId": producer.session})).await;
        }
        let status = socket.expect("session_status").await;
        assert_eq!(status, json!({"sessionId": producer.session, "status": "running", "lastOffset": last}));
        assert_quiet(&mut socket).await;
    }
    producer.end().await;
    assert!(socket.next().await.unwrap().is_complete());
    assert_eq!(socket.expect("session_status").await["status"], "completed");
    socket.join(&producer.session).await;
    assert_eq!(socket.expect("session_status").await["status"], "completed");
    assert_quiet(&mut socket).await;
}

#[tokio::test]
async fn a_status_that_was_asked_for_is_not_told_again_as_news() {
    let (service, api) = node().await;
    let producer = Outside::create(&api).await;
    producer.log(500).await;
    let mut socket = Socket::connect(&service).await;
    // The second join is on its way while the first is served, and the end of the session with it.
    socket.join(&producer.session).await;
    producer.end().await;
    socket.join(&producer.session).await;
    socket.send("that_is_all", Value::Null).await;
    let (mut frames, mut is_answered) = (Vec::new(), false);
    while !is_answered || !frames.iter().any(Received::is_complete) {
        let frame = socket.next().await.expect("the connection stays up");
        is_answered |= frame.event == "session_error";
        frames.push(frame);
    }
    let end = frames.iter().position(Received::is_complete).unwrap();
    let completed = |frame: &Received| frame.event == "session_status" && frame.data["status"] == "completed";
    if frames[..end].iter().any(completed) {
        assert_quiet(&mut socket).await;
    } else if !frames[end..].iter().any(completed) {
        assert_eq!(socket.expect("session_status").await["status"], "completed");
    }
}

#[tokio::test]
async fn an_explicit_offset_moves_a_join_to_another_place() {
    let (service, api) = node().await;
    let producer = Outside::create(&api).await;
    let last = producer.log(9).await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    socket.expect("session_status").await;
    assert_contiguous(&expect_events(&mut socket, 10).await, 1);

    // Back, to the start, to the end.
    for seen in [4, 0, last] {
        socket.join_after(&producer.session, seen).await;
        assert_eq!(socket.expect("session_status").await["lastOffset"], last);
        assert_contiguous(&expect_events(&mut socket, usize::try_from(last - seen).unwrap()).await, seen + 1);
        assert_quiet(&mut socket).await;
    }
    // And it is followed from there on, once.
    producer.log(1).await;
    assert_contiguous(&expect_events(&mut socket, 1).await, last + 1);
    assert_quiet(&mut socket).await;
}

#[tokio::test]
async fn an_offset_beyond_the_end_is_refused_and_an_earlier_join_stands() {
    let (service, api) = node().await;
    let producer = Outside::create(&api).await;
    let mut socket = Socket::connect(&service).await;
    for ahead in [2, 1_000_000, u64::MAX] {
        socket.join_after(&producer.session, ahead).await;
        let error = expect_error(&mut socket, "offset_ahead").await;
        assert_eq!(error["sessionId"], producer.session.as_str());
    }
    // A refused join is no join.
    producer.log(1).await;
    assert_quiet(&mut socket).await;

    socket.join_after(&producer.session, 2).await;
    socket.expect("session_status").await;
    socket.join_after(&producer.session, 3).await;
    expect_error(&mut socket, "offset_ahead").await;
    producer.log(1).await;
    assert_contiguous(&expect_events(&mut socket, 1).await, 3);
}

#[tokio::test]
async fn an_unknown_session_is_refused() {
    let (service, api) = node().await;
    let mut socket = Socket::connect(&service).await;
    socket.join(NOBODY).await;
    let error = expect_error(&mut socket, "session_not_found").await;
    assert_eq!(error["sessionId"], NOBODY);
    socket.join_after(NOBODY, 7).await;
    expect_error(&mut socket, "session_not_found").await;
    assert_usable(&mut socket, &api).await;
}

/// A connection must work after whatever was sent on it.
async fn assert_usable(socket: &mut Socket, api: &Api) {
    let producer = Outside::create(api).await;
    producer.end().await;
    socket.join(&producer.session).await;
    assert_eq!(socket.expect("session_status").await["status"], "completed");
    assert_whole(&expect_events(socket, 2).await);
}

#[tokio::test]
async fn frames_that_are_not_understood_are_refused_and_the_connection_stays_up() {
    let (service, api) = node().await;
    let mut socket = Socket::connect(&service).await;
    let unreadable = [
        "",
        "{",
        "null",
        "[]",
        "7",
        "\"join_session\"",
        "{}",
        r#"{"data":"x"}"#,
        r#"{"event":7}"#,
        r#"{"event":"join_session","event":"leave_session"}"#,
        r#"{"event":"join_session"} trailing"#,
        r#"{"event":"unknown","data":{}}"#,
        r#"{"event":"session_status","data":{}}"#,
        r#"{"event":"JOIN_SESSION","data":"x"}"#,
    ];
    for text in unreadable {
        socket.send_text(text).await;
        let error = expect_error(&mut socket, "bad_request").await;
        assert!(error.get("sessionId").is_none(), "{text}: {error}");
    }
    // Deeper than any parser's stack.
    socket.send_text(&format!(r#"{{"event":"join_session","data":{}"#, "[".repeat(60_000))).await;
    expect_error(&mut socket, "bad_request").await;
    socket.send_message(Message::binary(br#"{"event":"join_session","data":"x"}"#.to_vec())).await;
    expect_error(&mut socket, "bad_request").await;
    assert_usable(&mut socket, &api).await;
}

#[tokio::test]
async fn joins_of_what_is_no_session_id_are_refused() {
    let (service, api) = node().await;
    let mut socket = Socket::connect(&service).await;
    let payloads = [
        json!(null),
        json!(7),
        json!([]),
        json!([NOBODY]),
        json!(""),
        json!("not-a-uuid"),
        json!(format!("{NOBODY} ")),
        json!("0199\u{0}"),
        json!({}),
        json!({"sessionId": null}),
        json!({"sessionId": 7}),
        json!({"sessionId": "not-a-uuid"}),
        json!({"session_id": NOBODY}),
    ];
    for payload in &payloads {
        for event in ["join_session", "leave_session"] {
            socket.send(event, payload.clone()).await;
            expect_error(&mut socket, "bad_request").await;
        }
    }
    for offset in [json!(-1), json!(1.5), json!("1"), json!([]), json!(true), json!(-1e300)] {
        socket.send("join_session", json!({"sessionId": NOBODY, "lastSeenOffset": offset})).await;
        let error = expect_error(&mut socket, "bad_request").await;
        assert_eq!(error["sessionId"], NOBODY, "{error}");
    }
    assert_usable(&mut socket, &api).await;
}

#[tokio::test]
async fn a_join_may_be_a_string_or_an_object() {
    let (service, api) = node().await;
    let producer = Outside::create(&api).await;
    let id = &producer.session;
    let payloads = [
        json!(id),
        json!({"sessionId": id}),
        json!({"sessionId": id, "lastSeenOffset": null}),
        json!({"sessionId": id, "lastSeenOffset": 0}),
        json!({"sessionId": id, "lastSeenOffset": 0, "futureField": [1]}),
    ];
    for payload in payloads {
        let mut socket = Socket::connect(&service).await;
        socket.send("join_session", payload).await;
        assert_eq!(socket.expect("session_status").await["sessionId"], id.as_str());
        assert_contiguous(&expect_events(&mut socket, 1).await, 1);
        for leave in [json!(id), json!({"sessionId": id})] {
            socket.send("leave_session", leave).await;
        }
        assert_quiet(&mut socket).await;
    }
}

#[tokio::test]
async fn a_frame_over_64_kib_is_refused_and_one_below_is_read() {
    const LIMIT: usize = 64 << 10;
    let (service, api) = node().await;
    let mut socket = Socket::connect(&service).await;
    let frame = |bytes: usize| {
        let start = format!(r#"{{"event":"join_session","data":{{"sessionId":"{NOBODY}","padding":""#);
        let end = r#""}}"#;
        format!("{start}{}{end}", "x".repeat(bytes - start.len() - end.len()))
    };
    socket.send_text(&frame(LIMIT)).await;
    expect_error(&mut socket, "session_not_found").await;
    for bytes in [LIMIT + 1, 2 * LIMIT, 900 << 10] {
        socket.send_text(&frame(bytes)).await;
        expect_error(&mut socket, "bad_request").await;
    }
    socket.send_message(Message::binary(Bytes::from(vec![0; 2 * LIMIT]))).await;
    expect_error(&mut socket, "bad_request").await;
    assert_usable(&mut socket, &api).await;
}

#[tokio::test]
async fn frames_may_be_as_large_as_the_node_is_told() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--frame-bytes-max", "2097152"]).await;
    let frame = |bytes: usize| {
        format!(r#"{{"event":"join_session","data":{{"sessionId":"{NOBODY}","padding":"{}"}}}}"#, "x".repeat(bytes))
    };
    let mut socket = Socket::connect(&service).await;
    socket.send_text(&frame(2_000_000)).await;
    expect_error(&mut socket, "session_not_found").await;
    socket.send_text(&frame(2_097_152)).await;
    expect_error(&mut socket, "bad_request").await;
    let (_, handshake) = crate::socketio::raw::Websocket::open(&crate::socketio::socket::url(&service)).await;
    assert_eq!(handshake["maxPayload"], 2_097_152);
}

#[tokio::test]
async fn a_frame_without_measure_is_answered_before_the_connection_is_closed() {
    let (service, _) = node().await;
    let mut socket = Socket::connect(&service).await;
    socket.send_large(8 << 20).await;
    expect_error(&mut socket, "bad_request").await;
    assert!(socket.next().await.is_none(), "what lies in the pipe behind it cannot be told from frames");
}

#[tokio::test]
async fn several_sessions_share_a_connection() {
    let mut chance = chance();
    let (service, api) = node().await;
    let mut producers = Vec::new();
    for _ in 0..5 {
        producers.push(Outside::create(&api).await);
    }
    let mut socket = Socket::connect(&service).await;
    for producer in &producers {
        socket.join(&producer.session).await;
    }
    // What happens in one is told between what happens in the others.
    let mut turns: Vec<usize> = (0..producers.len()).cycle().take(40).collect();
    turns.shuffle(&mut chance);
    for turn in turns {
        producers[turn].log(3).await;
    }
    for producer in &producers {
        producer.end().await;
    }
    let mut received: Vec<Vec<Received>> = vec![Vec::new(); producers.len()];
    let mut joined = vec![false; producers.len()];
    while received.iter().any(|frames| !frames.last().is_some_and(Received::is_complete)) {
        let frame = socket.next().await.expect("the connection stays up");
        let whose = producers.iter().position(|producer| frame.data["sessionId"] == *producer.session).unwrap();
        if frame.offset().is_some() {
            assert!(joined[whose], "the status of a session comes before its events");
            received[whose].push(frame);
        } else {
            assert_eq!(frame.event, "session_status");
            joined[whose] = true;
        }
    }
    for frames in &received {
        assert_whole(frames);
        assert_eq!(frames.len(), 1 + 8 * 3 + 1);
    }
}

#[tokio::test]
async fn a_session_that_was_left_is_silent() {
    let (service, api) = node().await;
    let (left, kept) = (Outside::create(&api).await, Outside::create(&api).await);
    let mut socket = Socket::connect(&service).await;
    for producer in [&left, &kept] {
        socket.join(&producer.session).await;
        socket.expect("session_status").await;
        expect_events(&mut socket, 1).await;
    }
    socket.send("leave_session", json!(left.session)).await;
    assert_quiet(&mut socket).await;
    left.log(5).await;
    kept.log(1).await;
    let received = expect_events(&mut socket, 1).await;
    assert_eq!(received[0].data["sessionId"], kept.session.as_str());
    left.end().await;
    assert_quiet(&mut socket).await;

    // Leaving what was never joined is no error, and what was left can be joined anew.
    socket.send("leave_session", json!(NOBODY)).await;
    socket.join_after(&left.session, 1).await;
    assert_eq!(socket.expect("session_status").await["status"], "completed");
    assert_contiguous(&expect_events(&mut socket, 6).await, 2);
}

#[tokio::test]
async fn sessions_that_have_ended_take_no_place_from_others() {
    let (service, api) = node().await;
    let mut socket = Socket::connect(&service).await;
    for _ in 0..70 {
        let outside = Outside::create(&api).await;
        outside.end().await;
        socket.join(&outside.session).await;
        assert_contiguous(&socket.until_complete().await, 1);
    }
}

#[tokio::test]
async fn a_connection_joins_64_sessions_and_no_more() {
    let (service, api) = node().await;
    let mut sessions = Vec::new();
    for _ in 0..65 {
        sessions.push(Outside::create(&api).await.session);
    }
    let (one_more, first) = sessions.split_last().unwrap();
    let mut socket = Socket::connect(&service).await;
    for session in first {
        socket.join(session).await;
    }
    let mut received = Vec::new();
    while received.len() < 2 * first.len() {
        received.push(socket.next().await.expect("the connection stays up"));
    }
    assert!(received.iter().all(|frame| frame.event != "session_error"));

    socket.join(one_more).await;
    let error = expect_error(&mut socket, "too_many_sessions").await;
    assert_eq!(error["sessionId"], one_more.as_str());
    // A second join is no new one.
    socket.join(&first[0]).await;
    socket.expect("session_status").await;
    socket.join_after(&first[0], 0).await;
    socket.expect("session_status").await;
    expect_events(&mut socket, 1).await;
    // Who leaves one may join another.
    socket.send("leave_session", json!(first[0])).await;
    socket.join(one_more).await;
    assert_eq!(socket.expect("session_status").await["sessionId"], one_more.as_str());
    expect_events(&mut socket, 1).await;
}

#[tokio::test]
async fn a_request_that_is_no_handshake_is_told_so() {
    let (service, api) = node().await;
    let response = api.http.get(service.url("/ws")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()["upgrade"], "websocket");
}

#[tokio::test]
async fn a_ping_is_answered() {
    let (service, _) = node().await;
    let mut socket = Socket::connect(&service).await;
    socket.send_message(Message::Ping(Bytes::from_static(b"hello"))).await;
    assert_eq!(socket.next_message().await, Some(Message::Pong(Bytes::from_static(b"hello"))));
}

#[tokio::test]
async fn a_closing_handshake_is_answered() {
    let (service, _) = node().await;
    let mut socket = Socket::connect(&service).await;
    socket.send_message(Message::Close(None)).await;
    assert!(matches!(socket.next_message().await, Some(Message::Close(_))));
}
