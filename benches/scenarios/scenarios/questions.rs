//! A long history, and what people ask of it: over the API, as those do who look into it, and in SQL, as analysts do.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use reqwest::{Client, StatusCode};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row as _};

use super::{
    lived::{Lived, TOPIC},
    rows::{HOUR_MS, now_ms, settle},
};
use crate::{
    figures::{Figures, Row},
    histogram::Histogram,
    options::Options,
    server::Server,
};

/// Askings of each question after the first.
const TIMES: usize = 10;
/// Less often where one takes long.
const LONG: Duration = Duration::from_secs(1);
const TIMES_LONG: usize = 2;

pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let server = Server::start(&options.program).await?;
    let mut database = server.database().await?;
    let lived = Lived::of(i64::from(options.questions_events), now_ms());
    let begin = Instant::now();
    lived.insert(&mut database).await?;
    settle(&mut database).await?;
    eprintln!("    {} events of {} sessions took {:.0?}", lived.events(), lived.sessions(), begin.elapsed());

    let mut rows = Vec::new();
    let mut plans = String::new();
    let api = Api::of(&server);
    for (name, path) in paths(&mut database, &lived).await? {
        match api.ask(&path).await? {
            Some(_) => rows.push((name.to_owned(), measure(async || api.ask(&path).await).await?)),
            None => eprintln!("    {name}: this build has no {path}"),
        }
    }
    if options.plans.is_some() {
        explain_all(&mut database).await?;
        for (name, path) in paths(&mut database, &lived).await? {
            let before = server.postgres_log()?.len();
            api.ask(&path).await?;
            let log = server.postgres_log()?;
            let _ =
                writeln!(plans, "-- {name}\n-- GET {path}\n{}\n", looked_into(log.get(before..).unwrap_or_default()));
        }
    }
    let mut analyst = server.database_as("coursestream_analyst").await?;
    for (name, sql) in questions()? {
        rows.push((format!("SQL: {name}"), measure(async || ask(&mut analyst, &sql).await).await?));
        if options.plans.is_some() {
            let _ = writeln!(plans, "-- {name}\n{sql}\n{}\n", plan(&mut database, &sql).await?);
        }
    }
    if let Some(file) = &options.plans {
        std::fs::write(file, plans).with_context(|| format!("write {}", file.display()))?;
    }
    analyst.close().await?;
    server.stop().await?;
    Ok(rows)
}

/// The requests by what they ask.
async fn paths(database: &mut PgConnection, lived: &Lived) -> Result<Vec<(&'static str, String)>> {
    let (middle, user): (uuid::Uuid, uuid::Uuid) =
        sqlx::query_as("select session_id, user_id from coursestream.sessions order by created_at offset $1 limit 1")
            .bind(lived.sessions() / 2)
            .fetch_one(&mut *database)
            .await?;
    let at = |ms: i64| chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ");
    let (from, to) = (lived.begin_ms(), lived.end_ms());
    let half = from.midpoint(to);
    let long = lived.long_session();
    let sessions = |query: &str| format!("/api/v1/sessions?limit=50{query}");
    Ok(vec![
        ("list the newest 50", sessions("")),
        ("list 50 from the middle", sessions(&format!("&started_before={}", at(half)))),
        ("list an hour", sessions(&format!("&started_after={}&started_before={}", at(half), at(half + HOUR_MS)))),
        ("filter by status: failed", sessions("&status=failed")),
        ("filter by status: running, of which there is none", sessions("&status=running")),
        ("filter by user", sessions(&format!("&user_id={user}"))),
        ("filter by topic", sessions(&format!("&topic={TOPIC}"))),
        ("filter by topic that nobody has", sessions("&topic=nobody-asked-for-this")),
        ("read one session", format!("/api/v1/sessions/{middle}")),
        ("read 500 events from the archive", format!("/api/v1/sessions/{long}/events?after=1000&limit=500")),
        ("read 500 events of one type", format!("/api/v1/sessions/{long}/events?type=success&limit=500")),
        ("export a log as NDJSON", format!("/api/v1/sessions/{long}/export?format=ndjson")),
        ("export a log as CSV", format!("/api/v1/sessions/{long}/export?format=csv")),
        ("summary of the last day", "/api/v1/analytics/summary".to_owned()),
        ("summary of everything", format!("/api/v1/analytics/summary?from={}&to={}&bucket=1d", at(from), at(to))),
    ])
}

/// The questions that come with the service, by name.
fn questions() -> Result<Vec<(String, String)>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/analytics");
    let mut questions = Vec::new();
    for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            questions.push((name, std::fs::read_to_string(&path)?));
        }
    }
    questions.sort();
    Ok(questions)
}

/// What one answer was.
struct Answer {
    rows: u64,
    bytes: u64,
}

async fn measure(mut ask: impl AsyncFnMut() -> Result<Option<Answer>>) -> Result<Figures> {
    let mut times = Histogram::default();
    let mut timed = async || {
        let begin = Instant::now();
        let answer = ask().await?.context("there was an answer before")?;
        anyhow::Ok((begin.elapsed(), answer))
    };
    let (first, answer) = timed().await?;
    for _ in 0..if first > LONG { TIMES_LONG } else { TIMES } {
        let (took, _) = timed().await?;
        times.record_nanos(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
    let mut figures = Figures::default();
    figures.set("answer_first_ms", first.as_secs_f64() * 1e3);
    figures.set_times(["answer_p50_ms", "answer_p99_ms", "answer_max_ms"], &times);
    figures.set("answer_rows", answer.rows as f64);
    figures.set("answer_kib", answer.bytes as f64 / 1024.0);
    Ok(figures)
}

struct Api {
    http: Client,
    base_url: String,
}

impl Api {
    fn of(server: &Server) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: Client::new(), base_url: format!("http://{}", server.address) }
    }

    /// Reads an answer to its end without keeping it; `None` where there is no such path.
    async fn ask(&self, path: &str) -> Result<Option<Answer>> {
        let response = self.http.get(format!("{}{path}", self.base_url)).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        ensure!(response.status().is_success(), "{path}: {}", response.status());
        let mut answer = Answer { rows: 0, bytes: 0 };
        let mut body = response.bytes_stream();
        while let Some(bytes) = body.next().await {
            let bytes = bytes?;
            answer.bytes += bytes.len() as u64;
            answer.rows += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        }
        Ok(Some(answer))
    }
}

async fn ask(analyst: &mut PgConnection, sql: &str) -> Result<Option<Answer>> {
    let mut rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(analyst);
    let mut answer = Answer { rows: 0, bytes: 0 };
    while let Some(row) = rows.next().await {
        answer.rows += 1;
        let row = row?;
        answer.bytes += (0..row.len())
            .filter_map(|place| row.try_get_raw(place).ok()?.as_bytes().ok())
            .map(|cell| cell.len() as u64)
            .sum::<u64>();
    }
    Ok(Some(answer))
}

/// Has PostgreSQL log how it carries out each statement of the service, whose connections are cut for it: settings are read when
/// one begins.
async fn explain_all(database: &mut PgConnection) -> Result<()> {
    for statement in [
        "alter database coursestream set session_preload_libraries = 'auto_explain'",
        "alter database coursestream set auto_explain.log_min_duration = 0",
        "alter database coursestream set auto_explain.log_analyze = on",
        "alter database coursestream set auto_explain.log_buffers = on",
        "select pg_terminate_backend(pid) from pg_stat_activity
            where backend_type = 'client backend' and pid <> pg_backend_pid()",
    ] {
        sqlx::query(statement).execute(&mut *database).await?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}

/// A plan without the partitions that were not looked into.
fn looked_into(plan: &str) -> String {
    let lines = plan.lines().filter(|line| !line.contains("never executed"));
    lines.fold(String::new(), |plan, line| plan + line + "\n")
}

async fn plan(database: &mut PgConnection, sql: &str) -> Result<String> {
    let explain = format!("explain (analyze, buffers) {sql}");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(database).await?;
    let lines = rows.iter().map(|row| row.try_get::<String, _>(0)).collect::<Result<Vec<_>, _>>()?;
    Ok(looked_into(&lines.join("\n")))
}
