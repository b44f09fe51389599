//! The follower against a scripted server: one script per connection, which cuts, repeats, skips and falls silent as told.
//! Whatever the script, each event is seen once and in order, and the stream ends.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt, pin_mut};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::{
    FollowError, Item, follow,
    frame::{ErrorCode, Outcome},
    patience::Patience,
};
use crate::{
    cli::address::ServerAddress,
    event::{Offset, SessionId},
};

#[derive(Clone, Debug)]
enum Act {
    Status(&'static str, u64),
    Event(u64),
    /// An event of some other session.
    Stray(u64),
    Complete(u64, Value),
    Error(&'static str),
    Ping,
    Text(&'static str),
    /// Says nothing until the client goes.
    Silence,
    /// Closes with a handshake; a script that ends without it cuts the connection.
    Close,
    /// Answers the upgrade with this HTTP status; only as the first act.
    Http(u16),
}
use Act::{Close, Complete, Error, Event, Http, Ping, Silence, Status, Stray, Text};

struct Run {
    items: Vec<Item>,
    error: Option<FollowError>,
    /// The last-seen offset of every join, in order.
    joins: Vec<u64>,
}

impl Run {
    fn offsets(&self) -> Vec<u64> {
        let offset = |item: &Item| match item {
            Item::Event(event) => Some(event.offset.get()),
            _ => None,
        };
        self.items.iter().filter_map(offset).collect()
    }

    fn count(&self, wanted: impl Fn(&Item) -> bool) -> usize {
        self.items.iter().filter(|item| wanted(item)).count()
    }

    fn outcome(&self) -> Option<(u64, Outcome)> {
        match self.items.last() {
            Some(Item::Complete(completion)) => Some((completion.offset.get(), completion.outcome.clone())),
            _ => None,
        }
    }

    #[track_caller]
    fn assert_whole(&self, offsets: std::ops::RangeInclusive<u64>) {
        assert!(self.error.is_none(), "gave up: {:?}", self.error);
        assert_eq!(self.offsets(), offsets.clone().collect::<Vec<_>>());
        assert_eq!(self.outcome().map(|(offset, _)| offset), Some(offsets.end() + 1), "{:?}", self.items);
    }
}

fn impatient() -> Patience {
    Patience {
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(4),
        attempts_before_join_max: 5,
        attempts_max: 5,
        ..Patience::default()
    }
}

fn completed(offset: u64) -> Act {
    Complete(offset, json!({"success": true, "courseId": "c-1"}))
}

/// Follows `scripts` from after `last_seen`; connections past the last script replay it.
async fn run_with(scripts: Vec<Vec<Act>>, last_seen: u64, patience: Patience) -> Run {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server: ServerAddress = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let joins = Arc::new(Mutex::new(Vec::new()));
    let session = SessionId::generate();
    let serving = {
        let joins = joins.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let script = scripts[connection.min(scripts.len() - 1)].clone();
                play(stream, script, session, &joins).await;
            }
        })
    };
    let (mut items, mut error) = (Vec::new(), None);
    {
        let stream = follow(&server, session, Offset::new(last_seen), patience);
        pin_mut!(stream);
        while let Some(item) = stream.next().await {
            match item {
                Ok(item) => items.push(item),
                Err(given_up) => error = Some(given_up),
            }
        }
    }
    serving.abort();
    let joins = joins.lock().unwrap().clone();
    Run { items, error, joins }
}

async fn run(scripts: Vec<Vec<Act>>) -> Run {
    run_with(scripts, 0, impatient()).await
}

async fn play(mut stream: TcpStream, script: Vec<Act>, session: SessionId, joins: &Mutex<Vec<u64>>) {
    if let Some(Http(status)) = script.first() {
        let mut request = [0; 4096];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
        let answer = format!("HTTP/1.1 {status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
        return;
    }
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let Some(Ok(Message::Text(join))) = socket.next().await else { return };
    let join: Value = serde_json::from_str(&join).unwrap();
    assert_eq!(join["event"], "join_session");
    assert_eq!(join["data"]["sessionId"], json!(session));
    joins.lock().unwrap().push(join["data"]["lastSeenOffset"].as_u64().unwrap());

    for act in script {
        let (event, data) = match act {
            Status(status, last) => {
                ("session_status", json!({"sessionId": session, "status": status, "lastOffset": last}))
            }
            Event(offset) => ("course_generation_update", envelope(session, offset)),
            Stray(offset) => ("course_generation_update", envelope(SessionId::generate(), offset)),
            Complete(offset, mut payload) => {
                payload["sessionId"] = json!(session);
                payload["offset"] = json!(offset);
                ("course_generation_complete", payload)
            }
            Error(code) => ("session_error", json!({"sessionId": session, "code": code, "message": "no"})),
            Ping => {
                let _ = socket.send(Message::Ping("alive".into())).await;
                continue;
            }
            Text(text) => {
                let _ = socket.send(Message::text(text)).await;
                continue;
            }
            Silence => {
                while let Some(Ok(_)) = socket.next().await {}
                return;
            }
            Close => {
                let _ = socket.close(None).await;
                return;
            }
            Http(_) => unreachable!("an HTTP answer is the first act"),
        };
        let frame = json!({"event": event, "data": data}).to_string();
        let _ = socket.send(Message::text(frame)).await;
    }
}

fn envelope(session: SessionId, offset: u64) -> Value {
    json!({"sessionId": session, "offset": offset, "type": "log", "message": format!("line {offset}"),
           "timestamp": "2026-01-31T12:00:00.123Z"})
}

#[tokio::test]
async fn a_log_is_followed_to_its_end() {
    let run = run(vec![vec![Status("running", 2), Event(1), Event(2), Ping, Event(3), completed(4)]]).await;
    run.assert_whole(1..=3);
    assert_eq!(run.outcome().unwrap().1, Outcome::Completed { course_id: Some("c-1".to_owned()) });
    assert_eq!(run.joins, [0]);
    assert_eq!(run.count(|item| matches!(item, Item::Disconnected { .. } | Item::Reconnected)), 0);
}

#[tokio::test]
async fn a_cut_connection_resumes_after_the_last_seen_offset() {
    // Cut at every point of the log: before the status, after it, between any two events, before the terminal event.
    let whole = || vec![Status("running", 4), Event(1), Event(2), Event(3), Event(4), completed(5)];
    for cut in 0..whole().len() {
        let seen = cut.saturating_sub(1) as u64;
        let mut second = vec![Status("running", 4)];
        second.extend((seen + 1..=4).map(Event));
        second.push(completed(5));
        let run = run(vec![whole()[..cut].to_vec(), second]).await;
        run.assert_whole(1..=4);
        // A cut may overtake what was sent before it, never what was seen.
        assert_eq!(run.joins.first(), Some(&0));
        assert!(run.joins.iter().all(|join| *join <= seen), "cut at {cut}: {:?}", run.joins);
        assert_eq!(run.count(|item| matches!(item, Item::Reconnected)), 1, "cut at {cut}");
    }
}

#[tokio::test]
async fn reconnected_comes_between_the_loss_and_the_next_event() {
    let run =
        run(vec![vec![Status("running", 1), Event(1), Close], vec![Status("running", 2), Event(2), completed(3)]])
            .await;
    let order: Vec<_> = run
        .items
        .iter()
        .map(|item| match item {
            Item::Status { .. } => "status",
            Item::Event(_) => "event",
            Item::Complete(_) => "complete",
            Item::Disconnected { .. } => "lost",
            Item::Reconnected => "back",
        })
        .collect();
    assert_eq!(order, ["status", "event", "lost", "back", "status", "event", "complete"]);
    assert_eq!(run.joins, [0, 1]);
}

#[tokio::test]
async fn duplicates_and_other_sessions_are_passed_over() {
    let run = run(vec![vec![
        Status("running", 2),
        Event(1),
        Event(1),
        Stray(2),
        Stray(9),
        Event(2),
        Event(1),
        Text(r#"{"event":"from_the_future","data":{"a":1}}"#),
        Event(3),
        completed(4),
    ]])
    .await;
    run.assert_whole(1..=3);
    assert_eq!(run.joins, [0]);
}

#[tokio::test]
async fn a_gap_drops_the_connection_and_joins_again() {
    let rest = vec![Status("running", 3), Event(2), Event(3), completed(4)];
    let after_event = run(vec![vec![Status("running", 3), Event(1), Event(3), Silence], rest.clone()]).await;
    after_event.assert_whole(1..=3);
    assert_eq!(after_event.joins, [0, 1]);

    let before_end = run(vec![vec![Status("running", 3), Event(1), completed(4), Silence], rest]).await;
    before_end.assert_whole(1..=3);
    assert_eq!(before_end.joins, [0, 1]);
}

#[tokio::test]
async fn a_server_that_always_skips_is_given_up() {
    let run = run(vec![vec![Status("running", 3), Event(1), Event(3), Silence], vec![Event(3), Silence]]).await;
    assert_eq!(run.offsets(), [1]);
    assert!(matches!(run.error, Some(FollowError::Unreachable { attempts: 5, .. })), "{:?}", run.error);
}

#[tokio::test]
async fn an_unreadable_frame_is_treated_like_a_gap() {
    for garbage in ["", "[1", r#"{"event":"course_generation_update","data":{"offset":2}}"#] {
        let second = vec![Status("running", 2), Event(2), completed(3)];
        let run = run(vec![vec![Status("running", 2), Event(1), Text(garbage), Silence], second]).await;
        run.assert_whole(1..=2);
        assert_eq!(run.joins, [0, 1]);
    }
}

#[tokio::test]
async fn a_silent_connection_counts_as_lost() {
    let patience = Patience { silence: Duration::from_millis(200), ..impatient() };
    let second = vec![Status("running", 2), Event(2), completed(3)];
    let run = run_with(vec![vec![Status("running", 1), Event(1), Silence], second], 0, patience).await;
    run.assert_whole(1..=2);
    let reason = |item: &Item| matches!(item, Item::Disconnected { reason, .. } if reason.contains("no sign of life"));
    assert!(run.count(reason) >= 1, "{:?}", run.items);
}

#[tokio::test]
async fn final_errors_end_the_stream_at_once() {
    for (code, expected) in [
        ("bad_request", ErrorCode::BadRequest),
        ("unauthorized", ErrorCode::Unauthorized),
        ("forbidden", ErrorCode::Forbidden),
        ("session_not_found", ErrorCode::SessionNotFound),
        ("session_expired", ErrorCode::SessionExpired),
        ("offset_ahead", ErrorCode::OffsetAhead),
        ("from_the_future", ErrorCode::Unknown),
    ] {
        let run = run(vec![vec![Error(code), Silence]]).await;
        assert!(run.items.is_empty(), "{code}: {:?}", run.items);
        assert!(
            matches!(&run.error, Some(FollowError::Refused(error)) if error.code == expected),
            "{code}: {:?}",
            run.error
        );
        assert_eq!(run.joins, [0]);
    }
}

#[tokio::test]
async fn an_internal_error_is_tried_again() {
    let run = run(vec![
        vec![Error("internal"), Silence],
        vec![Status("running", 1), Event(1), Error("internal"), Silence],
        vec![Error("too_many_sessions"), Silence],
        vec![Status("running", 2), Event(2), completed(3)],
    ])
    .await;
    run.assert_whole(1..=2);
    assert_eq!(run.joins, [0, 0, 1, 1]);
}

#[tokio::test]
async fn a_start_in_the_middle_sees_only_what_lies_after_it() {
    let script = vec![Status("running", 7), Event(6), Event(7), completed(8)];
    let run = run_with(vec![script], 5, impatient()).await;
    run.assert_whole(6..=7);
    assert_eq!(run.joins, [5]);
}

#[tokio::test]
async fn a_start_at_the_terminal_event_ends_by_the_status() {
    for (status, outcome) in [
        ("completed", Outcome::Completed { course_id: None }),
        ("failed", Outcome::Failed { error: None }),
        ("cancelled", Outcome::Cancelled { error: None }),
    ] {
        let run = run_with(vec![vec![Status(status, 8), Silence]], 8, impatient()).await;
        assert_eq!(run.outcome(), Some((8, outcome)));
    }
}

#[tokio::test]
async fn an_ended_session_is_replayed_in_full_first() {
    let failed = Complete(3, json!({"success": false, "error": "no model"}));
    let first = run(vec![vec![Status("failed", 3), Event(1), Event(2), failed]]).await;
    first.assert_whole(1..=2);
    assert_eq!(first.outcome().unwrap().1, Outcome::Failed { error: Some("no model".to_owned()) });

    let cancelled = Complete(2, json!({"success": false, "error": "cancelled", "cancelled": true}));
    let second = run(vec![vec![Status("cancelled", 2), Event(1), cancelled]]).await;
    assert_eq!(second.outcome().unwrap().1, Outcome::Cancelled { error: Some("cancelled".to_owned()) });
}

#[tokio::test]
async fn an_upgrade_refused_for_good_is_not_tried_again() {
    for status in [401, 403, 404, 426] {
        let run = run(vec![vec![Http(status)]]).await;
        assert!(matches!(run.error, Some(FollowError::NoWebSocket { .. })), "{status}: {:?}", run.error);
        assert!(run.items.is_empty());
    }
}

#[tokio::test]
async fn an_upgrade_refused_for_now_is_tried_again() {
    for status in [429, 500, 502, 503] {
        let run = run(vec![vec![Http(status)], vec![Status("running", 1), Event(1), completed(2)]]).await;
        run.assert_whole(1..=1);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_given_up() {
    // Bound but not listening: connections are refused, and no other test can be given the port.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server: ServerAddress = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
    let items: Vec<_> = follow(&server, SessionId::generate(), Offset::ZERO, impatient()).collect().await;
    assert!(matches!(items.last(), Some(Err(FollowError::Unreachable { attempts: 5, .. }))), "{items:?}");
    assert_eq!(items.len(), 5, "four losses are told before the fifth ends it");
}
