//! A history that was never lived: made up by a seed, so that what is to come of a question can be worked out here, from the
//! same runs, without SQL.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::{DateTime, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::support::database::Database;

pub(super) const HOUR_MS: i64 = 3_600_000;
/// 2026-01-05T00:00:00Z, a Monday.
pub(super) const FROM_MS: i64 = 1_767_571_200_000;
const HOURS: i64 = 72;
const RUNS: usize = 3_000;
const EVENTS_MIN: usize = 100_000;

pub(super) struct Run {
    pub(super) id: Uuid,
    pub(super) topic: &'static str,
    pub(super) user: Uuid,
    pub(super) producer: Option<&'static str>,
    pub(super) provider: &'static str,
    pub(super) model: Option<&'static str>,
    pub(super) status: &'static str,
    pub(super) started_ms: i64,
    pub(super) ended_ms: Option<i64>,
    pub(super) attempts: u32,
    /// Of a failed run.
    pub(super) failure: Option<Failure>,
    pub(super) course: Option<Uuid>,
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) events: Vec<Event>,
    pub(super) joins: Vec<Join>,
}

#[derive(Clone, Copy)]
pub(super) struct Failure {
    pub(super) cause: &'static str,
    pub(super) step: Option<&'static str>,
}

pub(super) struct Event {
    pub(super) kind: &'static str,
    pub(super) at_ms: i64,
    pub(super) step: Option<Step>,
    data: Option<String>,
}

#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) model: &'static str,
    pub(super) tries: u32,
    pub(super) duration_ms: u64,
    pub(super) completion_tokens: u64,
}

pub(super) struct Join {
    pub(super) transport: &'static str,
    pub(super) last_seen: u64,
    pub(super) replayed: u64,
}

/// A price of a model by the time from which on it holds.
pub(super) struct Price {
    pub(super) model: &'static str,
    pub(super) from_ms: i64,
    pub(super) currency: &'static str,
    pub(super) prompt: f64,
    pub(super) completion: f64,
}

pub(super) const PRICES: [Price; 3] = [
    Price { model: "large", from_ms: FROM_MS - HOUR_MS, currency: "USD", prompt: 2.5, completion: 10.0 },
    Price { model: "large", from_ms: FROM_MS + 30 * HOUR_MS, currency: "USD", prompt: 2.0, completion: 8.0 },
    Price { model: "local", from_ms: FROM_MS + 24 * HOUR_MS, currency: "EUR", prompt: 0.1, completion: 0.4 },
];

const TOPICS: [&str; 12] = [
    "Rust ownership",
    "rust  ownership",
    " Rust Ownership ",
    "Bread",
    "Bread for beginners",
    "SQL",
    "sql",
    "Weaving",
    "Chess",
    "Zürich",
    "100% cotton",
    "Tides",
];
/// The model that is asked, and its name as its server tells it.
const MODELS: [(&str, &str, &str); 3] =
    [("openai", "large", "large-2025-08-07"), ("openai", "local", "local"), ("openai", "unpriced", "unpriced-1")];

pub(super) struct History {
    pub(super) database: Database,
    pub(super) runs: Vec<Run>,
}

impl History {
    /// The history, in a database that all tests share and none changes.
    pub(super) async fn shared() -> &'static Self {
        static SHARED: OnceCell<History> = OnceCell::const_new();
        SHARED.get_or_init(Self::create).await
    }

    /// The same in a database of the test's own.
    pub(super) async fn create() -> Self {
        let database = Database::create().await;
        let runs = runs();
        load(&mut database.connect().await, &runs).await;
        Self { database, runs }
    }

    pub(super) fn analyst(&self) -> PgConnectOptions {
        self.database.options().username("coursestream_analyst")
    }

    pub(super) fn events(&self) -> impl Iterator<Item = (&Run, &Event)> {
        self.runs.iter().flat_map(|run| run.events.iter().map(move |event| (run, event)))
    }

    /// Runs by what a function makes of them, in its order.
    pub(super) fn by<K: Ord>(&self, key: impl Fn(&Run) -> K) -> BTreeMap<K, Vec<&Run>> {
        let mut groups: BTreeMap<K, Vec<&Run>> = BTreeMap::new();
        for run in &self.runs {
            groups.entry(key(run)).or_default().push(run);
        }
        groups
    }
}

impl Run {
    pub(super) fn duration_ms(&self) -> Option<f64> {
        self.ended_ms.map(|ended| (ended - self.started_ms) as f64)
    }

    pub(super) fn first_event_ms(&self) -> f64 {
        (self.events[0].at_ms - self.started_ms) as f64
    }

    pub(super) fn queue_wait_ms(&self) -> Option<f64> {
        let waited = self.producer.is_none() && self.events[0].kind == "session_started";
        waited.then(|| self.first_event_ms())
    }

    pub(super) fn is(&self, status: &str) -> bool {
        self.status == status
    }
}

pub(super) fn moment(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

fn runs() -> Vec<Run> {
    let mut chance = StdRng::seed_from_u64(20_260_105);
    let mut runs: Vec<Run> = (0..RUNS).map(|number| run(number, &mut chance)).collect();
    runs.sort_by_key(|run| run.id);
    let events: usize = runs.iter().map(|run| run.events.len()).sum();
    assert!(events >= EVENTS_MIN, "{events} events are too few");
    runs
}

/// A UUIDv7 of the moment.
fn id(at_ms: i64, chance: &mut StdRng) -> Uuid {
    let noise: u128 = chance.random::<u128>() & 0x0000_0000_0000_0fff_3fff_ffff_ffff_ffff;
    Uuid::from_u128((at_ms as u128) << 80 | 0x0000_0000_0000_7000_8000_0000_0000_0000 | noise)
}

fn run(number: usize, chance: &mut StdRng) -> Run {
    let is_open = number % 1_000 == 999;
    // What is still open began in the last hour, and an outside producer has it: nobody takes it up.
    let hours = if is_open { HOURS - 1..HOURS } else { 0..HOURS };
    let started_ms = FROM_MS + hours.start * HOUR_MS + chance.random_range(0..(hours.end - hours.start) * HOUR_MS);
    let producer = (is_open || number % 10 == 3).then_some("importer");
    let (provider, model, answers_as) = *MODELS.choose(chance).unwrap();
    let (provider, model) = if producer.is_some() { ("importer", None) } else { (provider, Some(model)) };
    let status = match (is_open, chance.random_range(0..100)) {
        (true, _) => "running",
        (_, 0..80) => "completed",
        (_, 80..92) => "failed",
        _ => "cancelled",
    };
    let attempts = if producer.is_some() { 0 } else { 1 + u32::from(chance.random_range(0..20) == 0) };
    let mut run = Run {
        id: id(started_ms + chance.random_range(-500..500), chance),
        topic: TOPICS.choose(chance).unwrap(),
        user: Uuid::from_u128(0x1111_1111_1111_4111_8111_0000_0000_0000 | u128::from(chance.random_range(0..400_u32))),
        producer,
        provider,
        model,
        status,
        started_ms,
        ended_ms: None,
        attempts,
        failure: None,
        course: None,
        prompt_tokens: 0,
        completion_tokens: 0,
        events: Vec::new(),
        joins: Vec::new(),
    };
    // The id decides the partition: none lies before the first.
    if run.id < id(FROM_MS, &mut StdRng::seed_from_u64(0)) {
        run.id = id(FROM_MS + 1, chance);
    }
    live(&mut run, answers_as, chance);
    join(&mut run, chance);
    run
}

/// Gives a run its events.
fn live(run: &mut Run, answers_as: &'static str, chance: &mut StdRng) {
    let mut at = run.started_ms + if run.producer.is_some() { 0 } else { chance.random_range(1..5_000) };
    let push = |events: &mut Vec<Event>, kind, at_ms, data: Option<serde_json::Value>, step| {
        events.push(Event { kind, at_ms, step, data: data.map(|data| data.to_string()) });
    };
    // Some are cancelled before a node took them up: nothing but their end is in the log then.
    let is_taken_up = !(run.is("cancelled") && run.producer.is_none() && chance.random_range(0..4) == 0);
    if is_taken_up {
        let data = json!({"provider": run.provider, "model": run.model, "attempt": run.attempts.min(1)});
        push(&mut run.events, "session_started", at, Some(data), None);
        let steps = chance.random_range(10..26);
        for number in 0..steps {
            at += chance.random_range(1..2_000);
            let (name, part, lesson) = match number {
                0 => ("structure", None, None),
                1..4 => ("lessons", Some(number), None),
                _ => ("content", Some(number % 3 + 1), Some(number / 3)),
            };
            push(&mut run.events, "progress", at, Some(json!({"step": name, "part": part})), None);
            if chance.random_range(0..4) == 0 {
                push(&mut run.events, "log", at, None, None);
            }
            let duration_ms = chance.random_range(200..20_000);
            at += i64::try_from(duration_ms).unwrap();
            let step = Step {
                name,
                model: answers_as,
                tries: 1 + u32::from(chance.random_range(0..8) == 0) + u32::from(chance.random_range(0..30) == 0),
                duration_ms,
                completion_tokens: chance.random_range(100..3_000),
            };
            let prompt_tokens = chance.random_range(200..900);
            if run.producer.is_some() {
                push(&mut run.events, "success", at, Some(json!({"imported": number})), None);
                continue;
            }
            run.prompt_tokens += prompt_tokens;
            run.completion_tokens += step.completion_tokens;
            let data = json!({
                "step": name, "part": part, "lesson": lesson, "result": {"title": "\t“\\u0000” in JSON\n", "step": "none"},
                "usage": {"promptTokens": prompt_tokens, "completionTokens": step.completion_tokens},
                "model": answers_as, "attempt": 1, "tries": step.tries, "durationMs": duration_ms, "done": number, "percent": 7,
            });
            push(&mut run.events, "success", at, Some(data), Some(step));
        }
    }
    at += chance.random_range(1..1_000);
    match run.status {
        "completed" => {
            let course = id(at, chance);
            run.course = Some(course);
            push(&mut run.events, "course_generated", at, Some(json!({"courseId": course})), None);
            push(&mut run.events, "session_completed", at, Some(json!({"courseId": course})), None);
        }
        "failed" => {
            let step = ["structure", "lessons", "content"].choose(chance).copied();
            let (cause, step) = match (run.producer, chance.random_range(0..6)) {
                (Some(_), _) => ("producer", None),
                (None, 0) => ("interrupted", None),
                (None, 1..3) => ("timed_out", step),
                (None, 3) => ("unavailable", step),
                // As older versions wrote it.
                (None, 4) => ("unknown", None),
                (None, _) => ("invalid_answer", step),
            };
            run.failure = Some(Failure { cause, step });
            push(&mut run.events, "error", at, None, None);
            let data = match cause {
                "producer" | "unknown" => json!({"error": "it broke"}),
                _ => json!({"error": "it broke", "cause": cause, "step": step, "part": null, "lesson": null}),
            };
            push(&mut run.events, "session_failed", at, Some(data), None);
        }
        "cancelled" => push(&mut run.events, "session_cancelled", at, None, None),
        _ => return,
    }
    run.ended_ms = Some(at);
}

fn join(run: &mut Run, chance: &mut StdRng) {
    let transports = ["websocket", "socketio", "sse"];
    let last = run.events.len() as u64;
    let count = chance.random_range(0..3);
    let chosen: Vec<&str> = transports.choose_multiple(chance, count).copied().collect();
    for transport in chosen {
        run.joins.push(Join { transport, last_seen: 0, replayed: chance.random_range(0..=last) });
        for _ in 0..chance.random_range(0..3) {
            let last_seen = chance.random_range(1..=last);
            run.joins.push(Join { transport, last_seen, replayed: chance.random_range(0..=last - last_seen) });
        }
    }
}

async fn load(connection: &mut PgConnection, runs: &[Run]) {
    // An hour more on both sides: a run's id may be on the other side of a border than its start.
    for hour in 0..=HOURS {
        let ensured: bool = sqlx::query_scalar("select coursestream.ensure_partition($1, $2)")
            .bind(FROM_MS + hour * HOUR_MS)
            .bind(HOUR_MS)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert!(ensured);
    }
    let (mut sessions, mut events, mut joins) = (String::new(), String::new(), String::new());
    for run in runs {
        let count = |kind: &str| run.events.iter().filter(|event| event.kind == kind).count();
        let cells = [
            run.id.to_string(),
            run.topic.to_owned(),
            "false".to_owned(),
            run.user.to_string(),
            moment(run.started_ms).to_rfc3339(),
            optional(run.producer),
            run.status.to_owned(),
            optional(run.ended_ms.map(|at| moment(at).to_rfc3339())),
            run.events.len().to_string(),
            count("log").to_string(),
            count("progress").to_string(),
            count("success").to_string(),
            count("error").to_string(),
            count("course_generated").to_string(),
            optional(run.course),
            optional(run.failure.map(|_| "it broke")),
            run.provider.to_owned(),
            optional(run.model),
            run.prompt_tokens.to_string(),
            run.completion_tokens.to_string(),
            run.attempts.to_string(),
        ];
        line(&mut sessions, &cells);
        for (offset, event) in (1..).zip(&run.events) {
            let data = event.data.as_deref().map(escape);
            let at = moment(event.at_ms).to_rfc3339();
            let offset: u32 = offset;
            let cells = [
                run.id.to_string(),
                offset.to_string(),
                event.kind.to_owned(),
                "A line".to_owned(),
                optional(data),
                at,
            ];
            line(&mut events, &cells);
        }
        for join in &run.joins {
            let cells = [
                run.id.to_string(),
                join.transport.to_owned(),
                join.last_seen.to_string(),
                join.replayed.to_string(),
                moment(run.started_ms).to_rfc3339(),
                Uuid::nil().to_string(),
            ];
            line(&mut joins, &cells);
        }
    }
    let sessions_copy = "copy coursestream.sessions (session_id, topic, search_web, user_id, created_at, producer, status, ended_at,
        last_offset, log_count, progress_count, success_count, error_count, course_generated_count, course_id, error, provider, model,
        prompt_tokens, completion_tokens, attempts) from stdin";
    let events_copy = "copy coursestream.events (session_id, \"offset\", type, message, data, recorded_at) from stdin";
    let joins_copy = "copy coursestream.joins (session_id, transport, last_seen, replayed, joined_at, node) from stdin";
    for (statement, rows) in [(sessions_copy, sessions), (events_copy, events), (joins_copy, joins)] {
        let mut copy = connection.copy_in_raw(statement).await.unwrap();
        copy.send(rows.as_bytes()).await.unwrap();
        copy.finish().await.unwrap();
    }
    for Price { model, from_ms, currency, prompt, completion } in PRICES {
        sqlx::query("insert into coursestream.model_prices values ('openai', $1, $2, $3, $4::float8::numeric, $5::float8::numeric, 'made up')")
            .bind(model)
            .bind(moment(from_ms))
            .bind(currency)
            .bind(prompt)
            .bind(completion)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    connection.execute("analyze coursestream.sessions, coursestream.events, coursestream.joins").await.unwrap();
}

fn line(rows: &mut String, cells: &[String]) {
    writeln!(rows, "{}", cells.join("\t")).unwrap();
}

/// As COPY's text format has it.
fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "\\N".to_owned(), |value| value.to_string())
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t")
}

/// What an analyst's query answers, as text; an absent value is empty.
pub(super) async fn ask(options: &PgConnectOptions, sql: &str) -> Vec<Vec<String>> {
    use sqlx::{AssertSqlSafe, ConnectOptions, Row, ValueRef};
    let mut connection = options.connect().await.unwrap();
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let cell = |row: &sqlx::postgres::PgRow, place| {
        let value = row.try_get_raw(place).unwrap();
        if value.is_null() { String::new() } else { value.as_str().unwrap().to_owned() }
    };
    let answer = rows.iter().map(|row| (0..row.len()).map(|place| cell(row, place)).collect()).collect();
    connection.close().await.unwrap();
    answer
}
