//! Clients that come, go, and come back: every event once and in order.

use std::time::Duration;

use futures_util::future::join_all;
use rand::{Rng, rngs::StdRng};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{
    api::Api,
    chance::chance,
    database::Database,
    outside::Outside,
    service::Service,
    socket::{Received, Socket, assert_contiguous, assert_whole},
    sse::{Resume, Sse, ask},
};

const CUTS: usize = 50;
/// Slow enough for a run to be cut many times, one step after the other.
const SLOW_RUN: [&str; 4] = ["--offline-pace", "100ms", "--calls-per-run", "1"];

/// What a client that is cut again and again has of a session.
#[derive(Default)]
struct Account {
    received: Vec<Received>,
}

impl Account {
    fn last_seen(&self) -> u64 {
        self.received.last().map_or(0, |frame| frame.offset().unwrap())
    }

    fn note(&mut self, frame: Received) {
        assert_ne!(frame.event, "session_error", "{}", frame.data);
        if frame.offset().is_some() {
            self.received.push(frame);
        }
    }

    fn has_ended(&self) -> bool {
        self.received.last().is_some_and(Received::is_complete)
    }
}

/// How long a connection lives: often not even until its join is answered.
fn lifetime(chance: &mut StdRng) -> Duration {
    Duration::from_millis(chance.random_range(0..40))
}

/// The log as the API has it must be what was received.
async fn assert_equals_log(api: &Api, session: &str, received: &[Received]) {
    let events = api.events(session).await;
    assert_eq!(received.len(), events.len());
    let (last, updates) = received.split_last().unwrap();
    for (frame, event) in updates.iter().zip(&events) {
        assert_eq!(frame.event, "course_generation_update");
        assert_eq!(&frame.data, event);
    }
    assert_eq!(last.data["success"], true);
    assert_eq!(events.last().unwrap()["type"], "session_completed");
}

#[tokio::test]
async fn a_socket_that_is_cut_at_fifty_moments_misses_nothing() {
    let mut chance = chance();
    let database = Database::create().await;
    let service = Service::start_with(&database, &SLOW_RUN).await;
    let api = Api::of(&service);
    let mut cuts = 0;
    // A run may be over before all the cuts are made.
    while cuts < CUTS {
        let session = api.generate("Rust ownership").await;
        let mut account = Account::default();
        while !account.has_ended() {
            let mut socket = Socket::connect(&service).await;
            socket.join_after(&session, account.last_seen()).await;
            let until = lifetime(&mut chance);
            let read = async {
                while !account.has_ended() {
                    account.note(socket.next().await.expect("only the client cuts"));
                }
            };
            if cuts == CUTS {
                read.await;
            } else if tokio::time::timeout(until, read).await.is_err() {
                socket.cut();
                cuts += 1;
            }
        }
        assert_whole(&account.received);
        assert_equals_log(&api, &session, &account.received).await;
    }
}

#[tokio::test]
async fn an_event_stream_that_is_cut_at_fifty_moments_misses_nothing() {
    let mut chance = chance();
    let database = Database::create().await;
    let service = Service::start_with(&database, &SLOW_RUN).await;
    let api = Api::of(&service);
    let mut cuts = 0;
    while cuts < CUTS {
        let session = api.generate("Rust ownership").await;
        let mut account = Account::default();
        let mut last_event_id: Option<String> = None;
        while !account.has_ended() {
            let resume = Resume { last_event_id: last_event_id.as_deref(), last_seen_offset: None };
            let mut stream = Sse::open(&api, &session, resume).await;
            let until = lifetime(&mut chance);
            let read = async {
                while let Some(frame) = stream.next().await {
                    account.note(frame);
                }
            };
            if cuts == CUTS {
                read.await;
                assert!(account.has_ended(), "the stream ends only after the terminal event");
            } else if tokio::time::timeout(until, read).await.is_err() {
                cuts += 1;
            }
            last_event_id = stream.last_event_id.clone();
        }
        assert_whole(&account.received);
        assert_equals_log(&api, &session, &account.received).await;
    }
}

#[tokio::test]
async fn a_client_that_joins_late_has_what_was_and_what_comes() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let producer = Outside::create(&api).await;
    // More than one page of the log.
    let so_far = producer.log(700).await;

    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    let mut stream = Sse::open(&api, &producer.session, Resume::default()).await;
    for status in [socket.expect("session_status").await, stream.expect("session_status").await] {
        assert_eq!(status["status"], "running");
        assert_eq!(status["lastOffset"], so_far);
    }
    producer.log(3).await;
    producer.end().await;

    let received = socket.until_complete().await;
    assert_whole(&received);
    assert_equals_log(&api, &producer.session, &received).await;
    assert_whole(&stream.until_end().await);
}

#[tokio::test]
async fn a_client_that_joins_after_the_end_has_it_all() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let summary = api.wait_for_end(&session).await;
    assert_eq!(summary["status"], "completed", "{summary}");

    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    let status = socket.expect("session_status").await;
    assert_eq!(status["status"], "completed");
    let received = socket.until_complete().await;
    assert_whole(&received);
    assert_eq!(received.len() as u64, summary["lastOffset"].as_u64().unwrap());
    assert_eq!(received.last().unwrap().data["courseId"], summary["courseId"]);

    let received = Sse::open(&api, &session, Resume::default()).await.until_end().await;
    assert_whole(&received);
    assert_equals_log(&api, &session, &received).await;
}

#[tokio::test]
async fn a_client_that_left_in_the_middle_goes_on_there_after_the_end() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let last = api.wait_for_end(&session).await["lastOffset"].as_u64().unwrap();

    for seen in [1, last / 2, last - 1] {
        let mut socket = Socket::connect(&service).await;
        socket.join_after(&session, seen).await;
        socket.expect("session_status").await;
        let received = socket.until_complete().await;
        assert_contiguous(&received, seen + 1);
        assert_eq!(received.last().unwrap().offset(), Some(last));

        let mut stream = Sse::open(&api, &session, Resume::header(&seen.to_string())).await;
        let received = stream.until_end().await;
        assert_contiguous(&received, seen + 1);
        assert_eq!(received.last().unwrap().offset(), Some(last));
    }
}

#[tokio::test]
async fn many_clients_at_once_each_have_it_all() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "10ms"]).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let by_socket = join_all((0..20).map(|_| async {
        let mut socket = Socket::connect(&service).await;
        socket.join(&session).await;
        socket.until_complete().await
    }));
    let by_stream =
        join_all((0..20).map(|_| async { Sse::open(&api, &session, Resume::default()).await.until_end().await }));
    let (by_socket, by_stream) = futures_util::join!(by_socket, by_stream);
    for received in by_socket.iter().chain(&by_stream) {
        assert_whole(received);
        assert_equals_log(&api, &session, received).await;
    }
}

#[tokio::test]
async fn a_client_of_one_node_follows_a_run_on_another() {
    let database = Database::create().await;
    let serving = Service::start_with(&database, &["--max-running", "0"]).await;
    let api = Api::of(&serving);
    let session = api.generate("Rust ownership").await;
    let mut socket = Socket::connect(&serving).await;
    socket.join(&session).await;
    let status = socket.expect("session_status").await;
    assert_eq!((&status["status"], &status["lastOffset"]), (&"queued".into(), &0.into()));

    let _running = Service::start(&database).await;
    let received = socket.until_complete().await;
    assert_whole(&received);
    assert_equals_log(&api, &session, &received).await;
}

#[tokio::test]
async fn an_event_stream_says_the_status_first_and_when_it_changes() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let producer = Outside::create(&api).await;
    let mut stream = Sse::open(&api, &producer.session, Resume::default()).await;
    let status = stream.expect("session_status").await;
    assert_eq!(status["sessionId"], producer.session.as_str());
    assert_eq!(status["status"], "running");
    let started = stream.expect("course_generation_update").await;
    assert_eq!(started["type"], "session_started");
    producer.end().await;
    let complete = stream.expect("course_generation_complete").await;
    assert_eq!(complete["success"], true);
    let status = stream.expect("session_status").await;
    assert_eq!((&status["status"], &status["lastOffset"]), (&"completed".into(), &2.into()));
    assert!(stream.next().await.is_none(), "the stream ends with the session");
}

#[tokio::test]
async fn an_event_stream_is_over_for_a_client_that_has_it_all() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let producer = Outside::create(&api).await;
    let last = producer.log(3).await;
    // Not over while the session goes on.
    drop(Sse::open(&api, &producer.session, Resume::header(&last.to_string())).await);
    producer.end().await;
    let last = (last + 1).to_string();
    for resume in [Resume::header(&last), Resume::query(&last)] {
        assert_eq!(ask(&api, &producer.session, resume).await.status(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn the_last_event_id_wins_over_the_query() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let producer = Outside::create(&api).await;
    producer.log(9).await;
    producer.end().await;

    let by_query = Sse::open(&api, &producer.session, Resume::query("4")).await.until_end().await;
    assert_contiguous(&by_query, 5);
    let both = Resume { last_event_id: Some("7"), last_seen_offset: Some("4") };
    assert_contiguous(&Sse::open(&api, &producer.session, both).await.until_end().await, 8);
    let from_start = Resume { last_event_id: Some("0"), last_seen_offset: Some("4") };
    assert_whole(&Sse::open(&api, &producer.session, from_start).await.until_end().await);
}

#[tokio::test]
async fn an_event_stream_that_cannot_be_is_refused() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = Outside::create(&api).await.session;
    let refused = async |session: &str, resume| {
        let response = ask(&api, session, resume).await;
        let status = response.status();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.unwrap();
        (status, problem["code"].as_str().unwrap().to_owned())
    };
    for nonsense in ["-1", "1.5", "+1", "seven", "0x1", "1 2", "18446744073709551616", "9223372036854775808"] {
        for resume in [Resume::header(nonsense), Resume::query(nonsense)] {
            let (status, code) = refused(&session, resume).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{nonsense:?}");
            assert!(["bad_request", "offset_ahead"].contains(&code.as_str()), "{nonsense:?}: {code}");
        }
    }
    let ahead = refused(&session, Resume::header("2")).await;
    assert_eq!(ahead, (StatusCode::BAD_REQUEST, "offset_ahead".to_owned()));
    for unknown in ["01990000-0000-7000-8000-000000000000", "nonsense"] {
        let answer = refused(unknown, Resume::default()).await;
        assert_eq!(answer, (StatusCode::NOT_FOUND, "session_not_found".to_owned()));
    }
}
