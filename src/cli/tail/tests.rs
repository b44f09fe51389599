use serde_json::{Value, json};

use super::*;
use crate::cli::fake_server::Fake;

fn log() -> Fake {
    Fake::with_log(&[
        ("session_started", "Started", Value::Null),
        ("log", "two\nlines", Value::Null),
        ("progress", "half", json!({"done": 1, "total": 2})),
        ("success", "there", Value::Null),
        ("session_completed", "Completed", json!({"courseId": "c-1"})),
    ])
}

async fn tail(fake: Fake, after: u64, json: bool) -> (String, anyhow::Result<()>) {
    let (fake, api) = fake.serve().await;
    let mut tail = Tail { api, session: fake.session, printed: Offset::new(after), json, out: Vec::new() };
    let result = tail.print(Patience { attempts_before_join_max: 1, ..Patience::default() }).await;
    (String::from_utf8(tail.out).unwrap(), result)
}

fn offsets(lines: &str) -> Vec<u64> {
    lines.lines().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn a_log_is_printed_with_its_terminal_event() {
    let (printed, result) = tail(log(), 0, false).await;
    result.unwrap();
    assert_eq!(offsets(&printed), [1, 2, 3, 4, 5]);
    assert_eq!(printed.lines().nth(1), Some(r"    2  2026-01-31T12:00:00.123Z  log                two\nlines"));
    assert_eq!(printed.lines().last(), Some("    5  2026-01-31T12:00:00.123Z  session_completed  Completed"));
}

#[tokio::test]
async fn json_is_one_envelope_a_line_and_the_terminal_event_is_one_too() {
    for expired in [false, true] {
        let (printed, result) = tail(Fake { expired, ..log() }, 3, true).await;
        result.unwrap();
        let envelopes: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = envelopes.iter().map(|envelope| envelope["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["success", "session_completed"]);
        assert_eq!(envelopes[1]["data"], json!({"courseId": "c-1"}));
    }
}

#[tokio::test]
async fn an_expired_session_is_printed_from_its_history() {
    let (printed, result) = tail(Fake { expired: true, ..log() }, 0, false).await;
    result.unwrap();
    assert_eq!(offsets(&printed), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn after_the_last_event_nothing_is_printed() {
    let (printed, result) = tail(Fake { expired: true, ..log() }, 5, false).await;
    result.unwrap();
    assert_eq!(printed, "");
}

#[tokio::test]
async fn a_reader_that_goes_ends_it_quietly() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (fake, api) = log().serve().await;
    let mut tail = Tail { api, session: fake.session, printed: Offset::ZERO, json: true, out: Gone };
    let error = tail.print(Patience::default()).await.unwrap_err();
    assert!(is_broken_pipe(&error), "{error:#}");
}
