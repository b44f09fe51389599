//! Microbenchmarks of what every message passes through: `cargo bench --bench pieces`.

use std::{hint::black_box, sync::Arc};

use chrono::{DateTime, Utc};
use coursestream::{
    event::{Event, EventType, Offset, SessionId},
    projection::SessionState,
    seal::LogDigest,
    wire::{Frame, Join, check_json},
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::value::RawValue;

const SESSION: &str = "019b0d3c-8a5e-7c1e-9f00-3b1c5a7d9e42";
const MESSAGE: &str = "Lesson 2.3 is written: learning objectives, key concepts, examples and a quiz of three.";
const DATA: &str =
    r#"{"step":"lesson_content","part":2,"lesson":3,"title":"References, moves, lifetimes","tokens":1843}"#;

fn event(offset: u64) -> Event {
    let (kind, data) = match offset {
        1 => (EventType::SessionStarted, r#"{"topic":"Rust","provider":"offline","attempt":1}"#),
        offset if offset % 10 == 0 => (EventType::Progress, DATA),
        _ => (EventType::Log, DATA),
    };
    Event {
        session_id: SESSION.parse::<SessionId>().expect("a UUID"),
        offset: Offset::new(offset),
        kind,
        message: MESSAGE.to_owned(),
        data: Some(Arc::from(RawValue::from_string(data.to_owned()).expect("JSON"))),
        timestamp: "2026-01-31T12:00:00.123Z".parse::<DateTime<Utc>>().expect("a timestamp"),
    }
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encoding");
    let event = event(17);
    group.throughput(Throughput::Elements(1));
    group.bench_function("envelope", |bencher| {
        bencher.iter(|| serde_json::to_string(black_box(&event)).expect("events serialise"));
    });
    // A fresh frame each time: a frame keeps what it has encoded.
    group.bench_function("native frame", |bencher| {
        bencher.iter_batched_ref(|| Frame::new(event.clone()), |frame| frame.native().clone(), BatchSize::SmallInput);
    });
    group.finish();
}

fn folding(criterion: &mut Criterion) {
    let events: Vec<Event> = (1..=1_000).map(event).collect();
    let mut group = criterion.benchmark_group("fold");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("1,000 events", |bencher| bencher.iter(|| SessionState::fold(black_box(&events))));
    group.finish();
}

fn sealing(criterion: &mut Criterion) {
    let events: Vec<Event> = (1..=28).map(event).collect();
    let mut group = criterion.benchmark_group("seal");
    group.throughput(Throughput::Elements(1));
    group.bench_function("log of 28 events", |bencher| {
        bencher.iter(|| {
            let mut digest = LogDigest::default();
            black_box(&events).iter().for_each(|event| digest.add(event));
            digest.finish()
        });
    });
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parsing");
    let join = format!(r#"{{"sessionId":"{SESSION}","lastSeenOffset":17}}"#);
    group.bench_function("join payload", |bencher| {
        bencher.iter(|| {
            let payload: serde_json::Value = serde_json::from_str(black_box(&join)).expect("JSON");
            Join::parse(&payload).expect("a join")
        });
    });
    let message = format!(r#"{{"type":"log","message":"{MESSAGE}","data":{DATA}}}"#);
    assert_eq!(message.len(), 220, "the size that the scenarios use");
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("check_json of 220 bytes", |bencher| {
        bencher.iter(|| check_json(black_box(&message)).expect("valid"));
    });
    group.finish();
}

criterion_group!(pieces, encoding, folding, sealing, parsing);
criterion_main!(pieces);
