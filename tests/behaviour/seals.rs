//! Seals: every ended session gets one, in a chain, and what is done to the history afterwards is named.

mod chain;
mod cost;
mod keeping;
mod projections;
mod recipe;
mod sealing;
mod tampering;

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use crate::support::{
    api::Api,
    database::Database,
    outside::Outside,
    service::{self, PATIENCE, Service},
};

/// As soon as a session has ended.
const AT_ONCE: [&str; 4] = ["--seal-every", "0s", "--offline-pace", "0ms"];

/// Waits until the session has its seal.
async fn wait_for_seal(api: &Api, session: &str) -> Value {
    let waited = async {
        loop {
            let (status, seal) = api.get(&format!("/api/v1/sessions/{session}/seal")).await;
            if status == StatusCode::OK {
                return seal;
            }
            assert_eq!((status, &seal["code"]), (StatusCode::NOT_FOUND, &json!("not_sealed")), "{seal}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("the session is sealed")
}

/// An ended and sealed session of six events, with data of all sorts.
async fn sealed_session(api: &Api) -> String {
    let producer = Outside::create(api).await;
    let messages = json!([
        {"type": "log", "message": "two", "data": {"b": 1.0, "a": [1e21, -0.0, 9007199254740993_u64]}},
        {"type": "progress", "message": "three\u{2028}ü\u{7f}\"", "data": {"é": "\u{e000}", "😀": null, "1": true}},
        {"type": "log", "message": "=four"},
        {"type": "error", "message": "", "data": "five"},
    ]);
    producer.append(&messages).await;
    producer.end().await;
    wait_for_seal(api, &producer.session).await;
    producer.session
}

/// A connection that no trigger stops.
async fn intruder(database: &Database) -> PgConnection {
    let mut connection = database.connect().await;
    connection.execute("set session_replication_role = replica").await.unwrap();
    connection
}

async fn execute(connection: &mut PgConnection, sql: impl Into<String>) -> u64 {
    connection.execute(AssertSqlSafe(sql.into())).await.unwrap().rows_affected()
}

async fn count(connection: &mut PgConnection, sql: impl Into<String>) -> i64 {
    connection.fetch_one(AssertSqlSafe(sql.into())).await.unwrap().get(0)
}

/// What a check finds, over the API, page by page, and by the command: both must say the same.
struct Check {
    /// What was checked, added up over the pages.
    totals: Value,
    findings: Vec<Value>,
    /// The command's last line but one.
    summary: String,
    head: String,
}

impl Check {
    async fn of(database: &Database, api: &Api) -> Self {
        let (mut findings, mut totals, mut head) = (Vec::new(), json!({}), String::new());
        let mut after = Some(0);
        while let Some(position) = after {
            let (status, page) = api.get(&format!("/api/v1/verify?limit=2&after={position}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            let found = page["findings"].as_array().unwrap();
            assert_eq!(page["intact"], found.is_empty(), "{page}");
            findings.extend(found.iter().cloned());
            for name in ["seals", "sessions", "events", "dropped"] {
                totals[name] = json!(totals[name].as_u64().unwrap_or(0) + page[name].as_u64().unwrap());
            }
            head = page["head"]["sha256"].as_str().unwrap().to_owned();
            after = page["nextAfter"].as_u64();
        }
        let (status, stdout, stderr) = service::try_run(&["verify", "--database-url", &database.url]).await;
        let code = i32::from(!findings.is_empty());
        assert_eq!(status.code(), Some(code), "{stdout}{stderr}\n{findings:#?}");
        let mut said: Vec<&str> = stdout.lines().collect();
        assert_eq!(said.pop().unwrap().rsplit_once(' ').unwrap().1, head);
        let summary = said.pop().unwrap().to_owned();
        said.sort_unstable();
        let mut details: Vec<&str> = findings.iter().map(|finding| finding["detail"].as_str().unwrap()).collect();
        details.sort_unstable();
        // A partition is told of once a page.
        assert!(
            said == details || details.iter().any(|detail| detail.contains("partition")),
            "{said:#?}\n{details:#?}"
        );
        Self { totals, findings, summary, head }
    }

    fn assert_clean(&self) {
        assert!(self.findings.is_empty(), "{:#?}", self.findings);
    }

    /// What was found about a session: what, and at which offsets.
    fn about(&self, session: &str) -> Vec<(&str, Vec<u64>)> {
        let about = self.findings.iter().filter(|finding| finding["sessionId"] == session);
        about
            .map(|finding| {
                let offsets = ["firstOffset", "lastOffset", "movedTo"].iter().filter_map(|name| finding[name].as_u64());
                (finding["what"].as_str().unwrap(), offsets.collect())
            })
            .collect()
    }

    /// All that was found.
    fn words(&self) -> Vec<&str> {
        self.findings.iter().map(|finding| finding["what"].as_str().unwrap()).collect()
    }
}

/// A service whose sessions are sealed at once.
async fn start(database: &Database) -> Service {
    Service::start_with(database, &AT_ONCE).await
}
