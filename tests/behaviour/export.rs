//! Exports: the whole log as a file, from the API and from the command, however the connection, the server and the database behave.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tokio::io::AsyncReadExt;

use crate::support::{
    api::{Answer, Api},
    database::{Cluster, Database},
    outside::Outside,
    proxy::Proxy,
    service::{self, PATIENCE, Service},
};

const MIB: u64 = 1 << 20;
const LONG: u64 = 40_000;

async fn export(api: &Api, session: &str, query: &str) -> Answer {
    Answer::to(api.request(Method::GET, &format!("/api/v1/sessions/{session}/export{query}"))).await
}

/// A running session with events of all sorts, its last offset 6.
async fn outside(api: &Api) -> Outside<'_> {
    let producer = Outside::create(api).await;
    let messages = r#"[{"type":"log","message":"a \"quoted\", one\r\nof two lines","data":{"b":1.0,
          "a":"\u00e9"}},
        {"type":"progress","message":"=SUM(A1)","data":-5},
        {"type":"log","message":"'\u2028\ud83e\udd80"},
        {"type":"error","message":"","data":"+1"},
        {"type":"success","message":"done","data":null}]"#;
    let url = api.url(&format!("/api/v1/sessions/{}/messages", producer.session));
    let request = api.http.post(url).header("content-type", "application/json").body(messages);
    assert_eq!(Answer::to(request).await.status, StatusCode::OK);
    producer
}

/// A long ended log, put into the tables.
async fn long_log(connection: &mut PgConnection) -> String {
    let session = uuid::Uuid::now_v7().to_string();
    let sql = format!(
        r#"with created as (
            insert into coursestream.sessions (session_id, topic, search_web, user_id, created_at, producer, status, ended_at,
                last_offset, log_count)
            values ('{session}', 'A long one', false, '11111111-1111-4111-8111-111111111111', now(), 'test', 'completed', now(),
                {LONG}, {LONG} - 1)
        )
        insert into coursestream.events (session_id, "offset", type, message, data, recorded_at)
        select '{session}', number, case number when {LONG} then 'session_completed' else 'log' end,
            repeat('long ', 160) || number, json_build_object('number', number), date_trunc('milliseconds', now())
        from generate_series(1, {LONG}) as number"#
    );
    connection
        .execute(
            "select coursestream.ensure_partition((extract(epoch from clock_timestamp()) * 1000)::bigint, 3600000)",
        )
        .await
        .unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    session
}

#[tokio::test]
async fn ndjson_is_the_envelopes_as_they_are_on_the_wire() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let producer = outside(&api).await;
    let answer = export(&api, &producer.session, "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{}.ndjson\"", producer.session));
    assert_eq!(answer.header("coursestream-last-offset"), "6");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.text.ends_with("}\n"));
    let lines: Vec<&str> = answer.text.trim_end().split('\n').collect();
    assert_eq!(lines.len(), 6);
    // To the byte, but for the line break within a datum.
    let page =
        Answer::to(api.request(Method::GET, &format!("/api/v1/sessions/{}/events", producer.session))).await.text;
    let items = page.strip_prefix("{\"items\":[").unwrap().split("],\"lastOffset\"").next().unwrap();
    assert_eq!(lines.join(","), items.replace('\n', " "));
    assert!(lines[1].contains(r#""data":{"b":1.0,           "a":"\u00e9"}"#), "{}", lines[1]);
    assert_eq!(export(&api, &producer.session, "?format=ndjson&after=0").await.text, answer.text);

    // Behind an offset, and where nothing is behind it.
    for after in 1..=6 {
        let part = export(&api, &producer.session, &format!("?after={after}")).await;
        let rest: String = lines[after..].iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(part.text, rest);
        assert!(part.header("content-disposition").ends_with(&format!("-after-{after}.ndjson\"")));
    }
}

#[tokio::test]
async fn csv_can_be_read_by_any_reader_and_runs_no_formula() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let producer = outside(&api).await;
    let answer = export(&api, &producer.session, "?format=csv").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert!(answer.header("content-disposition").ends_with(".csv\""));
    let mut reader = csv::Reader::from_reader(answer.text.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().collect::<Vec<_>>(),
        ["sessionId", "offset", "timestamp", "type", "message", "data"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let events = api.events(&producer.session).await;
    assert_eq!(rows.len(), events.len());
    for (row, event) in rows.iter().zip(&events) {
        assert_eq!(row[0], producer.session);
        assert_eq!(row[1], event["offset"].to_string());
        assert_eq!((&row[2], &row[3]), (event["timestamp"].as_str().unwrap(), event["type"].as_str().unwrap()));
        for cell in [&row[4], &row[5]] {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
        assert_eq!(row[4].strip_prefix('\'').unwrap_or(&row[4]), event["message"].as_str().unwrap());
        let data = row[5].strip_prefix('\'').unwrap_or(&row[5]);
        let data: Value = if data.is_empty() { Value::Null } else { serde_json::from_str(data).unwrap() };
        assert_eq!(data, event["data"]);
    }
    assert_eq!((&rows[2][4], &rows[2][5], &rows[3][4]), ("'=SUM(A1)", "'-5", "''\u{2028}🦀"));
    // Parts put together are the whole.
    let whole = answer.text;
    let part = export(&api, &producer.session, "?format=csv&after=4").await.text;
    assert!(whole.ends_with(&part) && part.starts_with(&producer.session), "{part}");
}

#[tokio::test]
async fn an_export_is_the_same_however_old_the_session_is() {
    let database = Database::create().await;
    let settings = ["--offline-pace", "0ms", "--partition-width", "1s", "--prune-every", "1h"];
    let service = Service::start_with(&database, &settings).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    let both = async || [export(&api, &session, "").await.text, export(&api, &session, "?format=csv").await.text];
    let live = both().await;
    assert_eq!(live[0].lines().count(), api.events(&session).await.len());
    let mut seen = Vec::new();
    api.wait_for_async(&session, async |summary: &Value| {
        service::run(&["prune", "--database-url", &database.url, "--session-ttl", "0s"]).await;
        summary["archived"] == true
    })
    .await;
    seen.push(both().await);
    assert!(seen.iter().all(|later| *later == live));
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = outside(&api).await.session;
    let unknown = "01990000-0000-7000-8000-000000000000";
    for (session, query, status, code, words) in [
        (unknown, "", 404, "session_not_found", "no such session"),
        ("nonsense", "", 404, "session_not_found", "no such session"),
        (session.as_str(), "?after=7", 400, "offset_ahead", "after: 7 is beyond the end of the log, which is at 6"),
        (session.as_str(), "?after=-1", 400, "bad_request", "after: "),
        (session.as_str(), "?after=x", 400, "bad_request", "after: "),
        (session.as_str(), "?format=xml", 400, "bad_request", "format: must be ndjson or csv"),
        (session.as_str(), "?format=", 400, "bad_request", "format: must be ndjson or csv"),
    ] {
        let answer = export(&api, session, query).await;
        assert_eq!((answer.status.as_u16(), answer.is_problem()), (status, true), "{query}: {}", answer.text);
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}

#[tokio::test]
async fn a_long_export_takes_little_memory_and_is_what_was_sealed() {
    let database = Database::create().await;
    let session = long_log(&mut database.connect().await).await;
    let service = Service::start_with(&database, &["--seal-every", "0s"]).await;
    let api = Api::of(&service);
    let seal = async {
        loop {
            let (status, seal) = api.get(&format!("/api/v1/sessions/{session}/seal")).await;
            if status == StatusCode::OK {
                return seal;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let seal = tokio::time::timeout(PATIENCE, seal).await.expect("it is sealed");
    let before = resident(&service);
    let mut response = api.request(Method::GET, &format!("/api/v1/sessions/{session}/export")).send().await.unwrap();
    let (mut hash, mut lines, mut bytes, mut most) = (Sha256::new(), 0, 0, before);
    while let Some(chunk) = response.chunk().await.unwrap() {
        hash.update(&chunk);
        lines += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        bytes += chunk.len() as u64;
        most = most.max(resident(&service));
    }
    assert_eq!(lines, LONG);
    let sum = hex::encode(hash.finalize());
    assert_eq!(seal["exportSha256"], sum);
    assert!(bytes > 32 * MIB, "{bytes}");
    assert!(most - before < 12 * MIB, "{} bytes of memory for an export of {bytes}", most - before);
}

/// What a process takes of the memory now, in bytes.
fn resident(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn an_export_that_fails_in_the_middle_does_not_end_in_order() {
    let cluster = Cluster::start().await;
    let direct = cluster.database();
    service::run(&["migrate", "--database-url", &direct.url]).await;
    let session = long_log(&mut direct.connect().await).await;
    let proxy = Proxy::start(&cluster.socket()).await;
    let service = Service::start_with(&cluster.database_at(proxy.port), &["--seal-every", "1h"]).await;
    let api = Api::of(&service);
    let mut response = api.request(Method::GET, &format!("/api/v1/sessions/{session}/export")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut received = response.chunk().await.unwrap().unwrap().len() as u64;
    // The database goes away.
    drop(proxy);
    let broken = async {
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => received += chunk.len() as u64,
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    };
    assert!(tokio::time::timeout(PATIENCE, broken).await.expect("it ends"), "in order, after {received} bytes");
    assert!(service.stderr().contains("an export broke off"), "{}", service.stderr());
    assert_eq!(export(&api, &session, "").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_command_writes_what_the_api_has() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = outside(&api).await.session;
    let server = ["--server", &service.base_url];
    let ndjson = export(&api, &session, "").await.text;
    assert_eq!(service::run(&[&["export", &session], &server[..]].concat()).await, ndjson);
    let csv = service::run(&[&["export", &session, "--format", "csv"], &server[..]].concat()).await;
    assert_eq!(csv, export(&api, &session, "?format=csv").await.text);
    let part = service::run(&[&["export", &session, "--after", "4"], &server[..]].concat()).await;
    assert!(ndjson.ends_with(&part) && part.lines().count() == 2);

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.ndjson");
    let file = file.to_str().unwrap();
    assert_eq!(service::run(&[&["export", &session, "--output", file], &server[..]].concat()).await, "");
    assert_eq!(std::fs::read_to_string(file).unwrap(), ndjson);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "and no other file");

    let unknown = "01990000-0000-7000-8000-000000000000";
    let absent = dir.path().join("absent.ndjson");
    let absent = absent.to_str().unwrap();
    for (arguments, words) in [
        (vec![unknown], "no such session"),
        (vec![unknown, "--output", absent], "no such session"),
        (vec![&session, "--after", "7"], "beyond the end of the log"),
        (vec![&session, "--output", "/nowhere/log"], "cannot write"),
        (vec![&session, "--format", "xml"], "invalid value"),
    ] {
        let (status, stdout, stderr) = service::try_run(&[&["export"], &server[..], &arguments].concat()).await;
        assert_eq!((status.code(), stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no part of what failed");
}

#[tokio::test]
async fn the_command_goes_on_when_the_server_comes_back() {
    let database = Database::create().await;
    let session = long_log(&mut database.connect().await).await;
    let settings = ["--seal-every", "1h"];
    let service = Service::start_with(&database, &settings).await;
    let address = service.address().to_owned();
    let mut command = service::start(&["export", &session, "--server", &service.base_url]);
    let mut stdout = command.stdout.take().unwrap();
    // It has begun, and stands still because nobody reads on.
    let mut written = vec![0; 100_000];
    stdout.read_exact(&mut written).await.unwrap();
    service.kill().await;
    let service = Service::start_at(&address, &database, &settings).await;
    tokio::time::timeout(PATIENCE, stdout.read_to_end(&mut written)).await.expect("it ends").unwrap();
    let output = tokio::time::timeout(PATIENCE, command.wait_with_output()).await.expect("it ends").unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("connection lost"), "{stderr}");
    let expected = export(&Api::of(&service), &session, "").await.text;
    assert!(written == expected.as_bytes(), "{} bytes and not {}: {stderr}", written.len(), expected.len());
}

#[tokio::test]
async fn an_export_of_a_running_session_ends_where_the_log_did_when_it_began() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let producer = outside(&api).await;
    let first = export(&api, &producer.session, "").await;
    assert_eq!(first.text.lines().count(), 6);
    producer.log(2).await;
    producer.end().await;
    let rest = export(&api, &producer.session, "?after=6").await;
    assert_eq!((rest.text.lines().count(), rest.header("coursestream-last-offset")), (3, "9"));
    assert_eq!(export(&api, &producer.session, "").await.text, first.text + &rest.text);
    assert_eq!(json!(api.events(&producer.session).await.len()), json!(9));
}
