//! Ended sessions expire, whole partitions move to the archive and are dropped in the end; running sessions notice nothing.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use crate::support::{
    api::{Answer, Api},
    database::Database,
    service::{self, PATIENCE, Service},
    socket::{Received, Socket, assert_contiguous},
};

/// Everything within seconds.
const FAST: [&str; 6] = ["--session-ttl", "1s", "--partition-width", "1s", "--prune-every", "1s"];
/// Narrow partitions, and nobody who prunes unless the test does.
const BY_HAND: [&str; 4] = ["--partition-width", "1s", "--prune-every", "1h"];

async fn prune(database: &Database, arguments: &[&str]) -> String {
    let mut all = vec!["prune", "--database-url", &database.url];
    all.extend(arguments);
    service::run(&all).await.trim().to_owned()
}

/// Prunes until the wanted line is printed.
async fn prune_until(database: &Database, arguments: &[&str], wanted: impl Fn(&str) -> bool) -> String {
    let waited = async {
        loop {
            let said = prune(database, arguments).await;
            if wanted(&said) {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("pruning gets there")
}

async fn count(connection: &mut PgConnection, sql: impl Into<String>) -> i64 {
    connection.fetch_one(AssertSqlSafe(sql.into())).await.unwrap().get(0)
}

/// Waits until a count is not zero.
async fn wait_until(connection: &mut PgConnection, sql: &str) {
    let waited = async {
        while count(connection, sql).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("never: {sql}"));
}

/// Partitions whose time is over and whose sessions have all ended.
const RIPE: &str = "select count(*) from coursestream.partitions p where archived_at is null
    and upper_bound < coursestream.uuid_floor((extract(epoch from clock_timestamp()) * 1000)::bigint - 10500)
    and exists (select from coursestream.sessions s where s.session_id >= p.lower_bound and s.session_id < p.upper_bound)
    and not exists (select from coursestream.sessions s
        where s.session_id >= p.lower_bound and s.session_id < p.upper_bound and s.ended_at is null)";

fn in_table(table: &str, session: &str) -> String {
    format!("select count(*) from coursestream.{table} where session_id = '{session}'")
}

async fn cancel(api: &Api, session: &str) {
    let (status, answer) = api.post(&format!("/api/v1/course-generation/session/{session}/cancel"), &Value::Null).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn an_ended_session_expires_and_its_history_stays_as_it_was() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&["--offline-pace", "0ms"], &FAST[..]].concat()).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let summary = api.wait_for_end(&session).await;
    let events_path = format!("/api/v1/sessions/{session}/events?limit=1000");
    let events = Answer::to(api.request(Method::GET, &events_path)).await.text;
    let course_path = format!("/api/v1/courses/{}", summary["courseId"].as_str().unwrap());
    let course = api.get(&course_path).await;

    api.wait_for(&session, |summary| summary["status"] == "expired").await;
    let mut socket = Socket::connect(&service).await;
    for last_seen in [None, Some(0), summary["lastOffset"].as_u64(), Some(9_999)] {
        match last_seen {
            None => socket.join(&session).await,
            Some(offset) => socket.join_after(&session, offset).await,
        }
        let error = socket.expect("session_error").await;
        assert_eq!((&error["code"], &error["sessionId"]), (&json!("session_expired"), &json!(session)));
    }
    let stream = Answer::to(api.request(Method::GET, &format!("/api/v1/sessions/{session}/stream"))).await;
    assert_eq!(stream.status, 410);
    assert!(stream.is_problem());
    assert_eq!(stream.json()["code"], "session_expired");
    let (status, body) = api.get(&format!("/api/v1/course-generation/session/{session}/status")).await;
    let expected =
        json!({"success": true, "sessionId": session, "status": "expired", "lastOffset": summary["lastOffset"]});
    assert_eq!((status.as_u16(), body), (200, expected));
    let (_, listed) = api.get("/api/v1/course-generation/sessions").await;
    assert_eq!(listed["sessions"], json!([]));
    let answer =
        Answer::to(api.request(Method::POST, &format!("/api/v1/course-generation/session/{session}/cancel"))).await;
    assert_eq!(answer.status, 409);

    let archived = api.wait_for(&session, |summary| summary["archived"] == true).await;
    let mut expected = summary.clone();
    expected["status"] = json!("expired");
    expected["archived"] = json!(true);
    assert_eq!(archived, expected);
    assert!(Answer::to(api.request(Method::GET, &events_path)).await.text == events, "the same bytes");
    assert_eq!(api.get(&course_path).await, course);
    let mut connection = database.connect().await;
    assert_eq!(count(&mut connection, in_table("events", &session)).await, 0);
    let rows = count(&mut connection, in_table("events_archive", &session)).await;
    assert_eq!(Some(rows), summary["lastOffset"].as_i64());
    // The join is refused for the same reason as before.
    socket.join(&session).await;
    assert_eq!(socket.expect("session_error").await["code"], "session_expired");
    assert!(!service.stderr().contains("panicked"));
}

#[tokio::test]
async fn a_session_that_runs_through_it_all_is_never_touched() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&["--offline-pace", "4s"], &FAST[..]].concat()).await;
    let api = Api::of(&service);
    let long = api.generate("One that takes its time").await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&long).await;

    // In a partition of its own, else it would have to wait for the other.
    let mut connection = database.connect().await;
    let over = format!(
        "select count(*) from coursestream.partitions where lower_bound <= '{long}' and '{long}' < upper_bound
            and upper_bound < coursestream.uuid_floor((extract(epoch from clock_timestamp()) * 1000)::bigint)"
    );
    wait_until(&mut connection, &over).await;
    let short = api.generate("One that is over soon").await;
    cancel(&api, &short).await;
    api.wait_for(&short, |summary| summary["archived"] == true).await;
    let (_, summary) = api.get(&format!("/api/v1/sessions/{long}")).await;
    assert_eq!((&summary["status"], &summary["archived"]), (&json!("running"), &json!(false)));
    let before = count(&mut connection, in_table("events", &long)).await;
    assert!(before > 0);
    assert_eq!(count(&mut connection, in_table("events_archive", &long)).await, 0);

    // It goes on streaming, live and from the log.
    let mut received: Vec<Received> = Vec::new();
    while received.len() as i64 <= before {
        let frame = socket.next().await.expect("the connection stays up");
        received.extend(frame.offset().is_some().then_some(frame));
    }
    cancel(&api, &long).await;
    received.extend(socket.until_complete().await);
    assert_contiguous(&received, 1);
    let mut late = Socket::connect(&service).await;
    late.join(&long).await;
    let replayed = late.until_complete().await;
    let [received, replayed] =
        [received, replayed].map(|all| all.into_iter().map(|frame| frame.data).collect::<Vec<_>>());
    assert_eq!(received, replayed);
    // And then its time comes as well.
    api.wait_for(&long, |summary| summary["archived"] == true).await;
}

#[tokio::test]
async fn history_is_dropped_with_all_that_belongs_to_it_once_its_time_is_over() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&["--offline-pace", "0ms"], &BY_HAND[..]].concat()).await;
    let api = Api::of(&service);
    let old = api.generate("An old one").await;
    let summary = api.wait_for_end(&old).await;
    let course = summary["courseId"].as_str().unwrap();
    let mut connection = database.connect().await;
    wait_until(&mut connection, RIPE).await;
    let young = api.generate("A young one").await;
    api.wait_for_end(&young).await;

    let said = prune(&database, &["--session-ttl", "0s"]).await;
    assert!(said.starts_with("sessions expired: 2, partitions archived: "), "{said}");
    let said = prune(&database, &["--session-ttl", "0s", "--history-retention", "1h"]).await;
    assert!(said.ends_with("partitions dropped: 0"), "{said}");
    assert_eq!(api.get(&format!("/api/v1/sessions/{old}")).await.0, 200);

    let partition = "select name from coursestream.partitions where archived_at is not null";
    let names: Vec<String> = connection.fetch_all(partition).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(!names.is_empty());
    let said = prune_until(&database, &["--session-ttl", "0s", "--history-retention", "1s"], |said| {
        !said.ends_with("partitions dropped: 0")
    })
    .await;
    assert!(said.starts_with("sessions expired: 0, "), "{said}");
    for path in [
        format!("/api/v1/sessions/{old}"),
        format!("/api/v1/sessions/{old}/events"),
        format!("/api/v1/courses/{course}"),
    ] {
        assert_eq!(api.get(&path).await.0, 404, "{path}");
    }
    for table in ["events", "events_archive", "sessions", "courses"] {
        assert_eq!(count(&mut connection, in_table(table, &old)).await, 0, "{table}");
    }
    for name in &names {
        let left = format!(
            "select count(*) from pg_class where relname = '{name}' and relnamespace = 'coursestream'::regnamespace"
        );
        assert_eq!(count(&mut connection, left).await, 0, "{name} is gone");
    }
    let (is_equal, said, _) = service::try_run(&["rebuild", "--check", "--database-url", &database.url]).await;
    assert!(is_equal.success(), "{said}");
}

#[tokio::test]
async fn history_that_is_not_archived_is_not_dropped_whatever_its_age() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&["--offline-pace", "1h"], &BY_HAND[..]].concat()).await;
    let api = Api::of(&service);
    let running = api.generate("One that runs").await;
    api.wait_for(&running, |summary| summary["status"] == "running").await;
    let ended = api.generate("One that has ended").await;
    cancel(&api, &ended).await;
    let mut connection = database.connect().await;
    let over = "select count(*) from coursestream.partitions
        where upper_bound < coursestream.uuid_floor((extract(epoch from clock_timestamp()) * 1000)::bigint - 10500)
        and exists (select from coursestream.sessions s where s.ended_at is null
            and s.session_id >= lower_bound and s.session_id < upper_bound)";
    wait_until(&mut connection, over).await;
    for _ in 0..3 {
        prune(&database, &["--session-ttl", "1h", "--history-retention", "0s"]).await;
    }
    for session in [&running, &ended] {
        let (status, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
        assert_eq!((status.as_u16(), &summary["archived"]), (200, &json!(false)));
    }
    assert_eq!(api.events(&running).await[0]["type"], "session_started");
}

#[tokio::test]
async fn one_process_prunes_at_a_time() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&["--offline-pace", "0ms"], &BY_HAND[..]].concat()).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    let mut connection = database.connect().await;
    connection.execute("select pg_advisory_lock(hashtext('coursestream.prune'))").await.unwrap();
    assert_eq!(prune(&database, &["--session-ttl", "0s"]).await, "another process is pruning; nothing was done");
    let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
    assert_eq!(summary["status"], "completed");
    connection.execute("select pg_advisory_unlock(hashtext('coursestream.prune'))").await.unwrap();
    let said = prune(&database, &["--session-ttl", "0s"]).await;
    assert!(said.starts_with("sessions expired: 1, "), "{said}");
    assert_eq!(api.get(&format!("/api/v1/sessions/{session}")).await.1["status"], "expired");
}

#[tokio::test]
async fn prunings_that_meet_do_everything_once() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&["--offline-pace", "0ms"], &BY_HAND[..]].concat()).await;
    let api = Api::of(&service);
    for number in 0..5 {
        let session = api.generate(&format!("Topic {number}")).await;
        api.wait_for_end(&session).await;
    }
    let said = futures_util::future::join_all((0..6).map(|_| prune(&database, &["--session-ttl", "0s"]))).await;
    let expired: Vec<&String> = said.iter().filter(|said| said.starts_with("sessions expired: 5, ")).collect();
    assert_eq!(expired.len(), 1, "{said:?}");
    for other in said.iter().filter(|said| *said != expired[0]) {
        assert!(other.starts_with("another process") || other.starts_with("sessions expired: 0, "), "{said:?}");
    }
}

#[tokio::test]
async fn runs_go_on_while_partitions_move_under_them() {
    let database = Database::create().await;
    let one = Service::start_with(&database, &[&["--offline-pace", "20ms"], &FAST[..]].concat()).await;
    let two = Service::start_with(&database, &[&["--offline-pace", "20ms"], &FAST[..]].concat()).await;
    let api = Api::of(&one);
    let mut connection = database.connect().await;
    let (mut sessions, mut follows) = (Vec::new(), Vec::new());
    // Until partitions have moved while runs appended and clients followed, across several of them.
    while count(&mut connection, "select count(*) from coursestream.partitions where archived_at is not null").await < 3
    {
        for service in [&one, &two] {
            let session = api.generate("Rust ownership").await;
            let mut socket = Socket::connect(service).await;
            socket.join(&session).await;
            sessions.push(session);
            follows.push(tokio::spawn(async move { socket.until_complete().await }));
        }
        let last = sessions.last().unwrap().clone();
        api.wait_for_end(&last).await;
    }
    for (session, follow) in sessions.iter().zip(follows) {
        let received = follow.await.unwrap();
        assert_contiguous(&received, 1);
        let summary = api.wait_for_end(session).await;
        assert_eq!(Some(received.len() as u64), summary["lastOffset"].as_u64());
        assert_eq!(api.events(session).await.len(), received.len());
    }
    let (is_equal, said, _) = service::try_run(&["rebuild", "--check", "--database-url", &database.url]).await;
    assert!(is_equal.success(), "{said}");
    for service in [&one, &two] {
        let log = service.stderr();
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    }
}

#[tokio::test]
async fn partitions_are_made_ahead() {
    let database = Database::create().await;
    let _service = Service::start_with(&database, &["--partition-width", "2s"]).await;
    let mut connection = database.connect().await;
    // A session that is created now, or in two seconds, finds its partition.
    let now = "(extract(epoch from clock_timestamp()) * 1000)::bigint";
    let covers = |ms: u32| {
        format!(
            "select count(*) from coursestream.partitions
            where lower_bound <= coursestream.uuid_floor({now} + {ms}) and coursestream.uuid_floor({now} + {ms}) < upper_bound"
        )
    };
    for ahead_ms in [0, 2_000] {
        wait_until(&mut connection, &covers(ahead_ms)).await;
    }
    // And so it goes on: later there are others.
    let last: String =
        connection.fetch_one("select max(upper_bound::text) from coursestream.partitions").await.unwrap().get(0);
    wait_until(&mut connection, &format!("select count(*) from coursestream.partitions where lower_bound >= '{last}'"))
        .await;
    // Without a hole, although nobody asked for them.
    let holes = "select count(*) from (select upper_bound, lead(lower_bound) over (order by lower_bound) as next
        from coursestream.partitions) as p where next <> upper_bound";
    assert_eq!(count(&mut connection, holes).await, 0);
}

#[tokio::test]
async fn a_busy_table_delays_the_pruning_and_not_the_runs() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&["--offline-pace", "0ms"], &BY_HAND[..]].concat()).await;
    let api = Api::of(&service);
    let old = api.generate("An old one").await;
    api.wait_for_end(&old).await;
    let mut connection = database.connect().await;
    wait_until(&mut connection, RIPE).await;

    // Somebody reads for a long time.
    let mut reader = database.connect().await;
    reader.execute("begin").await.unwrap();
    reader.execute("select count(*) from coursestream.events").await.unwrap();
    let url = database.url.clone();
    let pruning =
        tokio::spawn(async move { service::run(&["prune", "--database-url", &url, "--session-ttl", "0s"]).await });
    // The pass stands at the lock, and gives up, and stands there again.
    let waiting = "select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'";
    wait_until(&mut connection, waiting).await;
    let young = api.generate("A young one").await;
    let summary = api.wait_for_end(&young).await;
    assert_eq!(summary["status"], "completed", "{summary}");
    assert_eq!(api.get(&format!("/api/v1/sessions/{old}")).await.1["archived"], false);

    reader.execute("rollback").await.unwrap();
    let is_trying = !pruning.is_finished();
    let said = pruning.await.unwrap();
    assert!(said.starts_with("sessions expired: 1, "), "{said}");
    // On a slow machine it had tried often enough by then, and left the rest to the next pass.
    assert!(!is_trying || !said.contains("partitions archived: 0"), "the same pass tries again: {said}");
    api.wait_for_async(&old, async |summary: &Value| {
        prune(&database, &["--session-ttl", "0s"]).await;
        summary["archived"] == true
    })
    .await;
}
