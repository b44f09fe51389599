//! How sessions come by their seals: whichever way they end, on whichever node, whatever happens to it meanwhile.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection, Row};

use super::{AT_ONCE, Check, count, execute, intruder, sealed_session, start, wait_for_seal};
use crate::support::{
    api::{Answer, Api},
    database::Database,
    outside::Outside,
    service::{PATIENCE, Service},
};

const UNSEALED: &str = "select count(*) from coursestream.sessions where ended_at is not null and sealed_at is null";

/// Ended sessions with their events, put into the tables of a service that is not looking. Their rows are what their logs say.
pub async fn past_sessions(connection: &mut PgConnection, sessions: u32, events: u32) {
    let sql = format!(
        r#"with past as (
            select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
                || '7' || substr(md5(number::text), 1, 3) || '8' || substr(md5(number::text), 4, 15))::uuid as id
            from generate_series(1, {sessions}) as number
        ), inserted as (
            insert into coursestream.sessions (session_id, topic, search_web, user_id, created_at, producer, status, ended_at,
                last_offset, log_count, provider)
            select id, 'The past', false, '11111111-1111-4111-8111-111111111111', date_trunc('milliseconds', now()), 'test',
                'completed', date_trunc('milliseconds', now()), {events}, {events} - 2, 'test' from past
        )
        insert into coursestream.events (session_id, "offset", type, message, data, recorded_at)
        select id, number, case number when 1 then 'session_started' when {events} then 'session_completed' else 'log' end,
            'Message ' || number,
            case when number = 1 then json_build_object('topic', 'The past', 'provider', 'test')
                when number % 3 = 0 then json_build_object('number', number) end,
            date_trunc('milliseconds', now())
        from past cross join generate_series(1, {events}) as number"#
    );
    connection
        .execute(
            "select coursestream.ensure_partition((extract(epoch from clock_timestamp()) * 1000)::bigint, 3600000)",
        )
        .await
        .unwrap();
    execute(connection, sql).await;
}

/// Waits until nothing is unsealed.
pub async fn wait_until_sealed(connection: &mut PgConnection) {
    let waited = async {
        while count(connection, UNSEALED).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("all are sealed");
}

/// Each session once, at positions without a hole.
async fn assert_chain(connection: &mut PgConnection, sessions: i64) {
    let row = connection
        .fetch_one("select count(*), min(position), max(position), count(distinct session_id) from coursestream.seals")
        .await
        .unwrap();
    let found: [i64; 4] = [row.get(0), row.get(1), row.get(2), row.get(3)];
    assert_eq!(found, [sessions, 1, sessions, sessions]);
}

#[tokio::test]
async fn every_way_to_end_is_sealed() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--seal-every", "0s", "--offline-pace", "1h"]).await;
    let api = Api::of(&service);
    let cancelled = api.generate("One that is cancelled").await;
    api.wait_for(&cancelled, |summary| summary["status"] == "running").await;
    let running = Outside::create(&api).await;
    for path in ["seal", "verify"] {
        for (session, code) in [(&cancelled, "not_sealed"), (&"nonsense".to_owned(), "session_not_found")] {
            let answer = Answer::to(api.request(Method::GET, &format!("/api/v1/sessions/{session}/{path}"))).await;
            assert_eq!((answer.status.as_u16(), answer.is_problem()), (404, true), "{}", answer.text);
            assert_eq!(answer.json()["code"], code);
        }
    }
    let (status, _) = api.post(&format!("/api/v1/course-generation/session/{cancelled}/cancel"), &Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let first = wait_for_seal(&api, &cancelled).await;
    running.end().await;
    let second = wait_for_seal(&api, &running.session).await;
    assert_eq!((&first["position"], &second["position"]), (&json!(1), &json!(2)));
    assert_eq!(first["previousSha256"], "0".repeat(64));
    assert_eq!(second["previousSha256"], first["sha256"]);
    for (session, seal) in [(&cancelled, &first), (&running.session, &second)] {
        let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
        assert_eq!((&seal["lastOffset"], &seal["sessionId"]), (&summary["lastOffset"], &json!(session)));
        assert!(seal["sealedAt"].as_str() >= summary["endedAt"].as_str(), "{seal}");
        assert_eq!(seal["kind"], "session");
    }
    Check::of(&database, &api).await.assert_clean();
}

#[tokio::test]
async fn nodes_that_seal_at_the_same_time_make_one_chain() {
    let database = Database::create().await;
    let nodes = [start(&database).await, start(&database).await, start(&database).await];
    let apis: Vec<Api> = nodes.iter().map(Api::of).collect();
    let ended = futures_util::future::join_all((0..60).map(async |number: usize| {
        let producer = Outside::create(&apis[number % 3]).await;
        producer.log(number + 1).await;
        producer.end().await;
    }));
    ended.await;
    let mut connection = database.connect().await;
    wait_until_sealed(&mut connection).await;
    assert_chain(&mut connection, 60).await;
    let check = Check::of(&database, &apis[0]).await;
    check.assert_clean();
    assert_eq!((&check.totals["sessions"], &check.totals["seals"]), (&json!(60), &json!(60)));
    for node in &nodes {
        let log = node.stderr();
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    }
}

#[tokio::test]
async fn sessions_that_ended_before_there_were_seals_are_sealed_wherever_they_are() {
    let database = Database::create().await;
    let settings = [&AT_ONCE[..], &["--partition-width", "1s", "--prune-every", "1h"]].concat();
    let service = Service::start_with(&database, &settings).await;
    let api = Api::of(&service);
    let archived = sealed_session(&api).await;
    api.wait_for_async(&archived, async |summary: &Value| {
        crate::support::service::run(&["prune", "--database-url", &database.url, "--session-ttl", "0s"]).await;
        summary["archived"] == true
    })
    .await;
    let live = sealed_session(&api).await;
    service.kill().await;
    // As the migration leaves them.
    let mut connection = intruder(&database).await;
    for sql in [
        "delete from coursestream.seals",
        "delete from coursestream.seal_leaves",
        "update coursestream.sessions set sealed_at = null",
    ] {
        execute(&mut connection, sql).await;
    }
    let service = start(&database).await;
    let api = Api::of(&service);
    wait_for_seal(&api, &archived).await;
    wait_for_seal(&api, &live).await;
    assert_chain(&mut connection, 2).await;
    Check::of(&database, &api).await.assert_clean();
}

#[tokio::test]
async fn a_node_that_is_killed_while_it_seals_leaves_no_half_of_it() {
    let database = Database::create().await;
    let mut connection = database.connect().await;
    past_sessions(&mut connection, 1_500, 28).await;
    for _ in 0..3 {
        let before = count(&mut connection, UNSEALED).await;
        let service = start(&database).await;
        let waited = async {
            while count(&mut connection, UNSEALED).await == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.expect("it begins");
        service.kill().await;
    }
    assert!(count(&mut connection, UNSEALED).await > 0, "it was killed in the middle");
    let service = start(&database).await;
    wait_until_sealed(&mut connection).await;
    assert_chain(&mut connection, 1_500).await;
    let (_, checked) = Api::of(&service).get("/api/v1/verify?limit=1000").await;
    assert_eq!((&checked["intact"], &checked["nextAfter"]), (&json!(true), &json!(1_000)), "{checked}");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_keeps_no_other_from_its_seal() {
    let database = Database::create().await;
    let mut connection = intruder(&database).await;
    past_sessions(&mut connection, 3, 5).await;
    execute(&mut connection, "alter table coursestream.events drop constraint events_type_check").await;
    let sql = "update coursestream.events set type = 'gossip' where \"offset\" = 2
        and session_id = (select session_id from coursestream.sessions order by session_id limit 1)";
    assert_eq!(execute(&mut connection, sql).await, 1);
    let service = start(&database).await;
    let api = Api::of(&service);
    let young = sealed_session(&api).await;
    assert_eq!(count(&mut connection, UNSEALED).await, 1);
    assert!(service.stderr().contains("so it cannot be sealed"), "{}", service.stderr());
    wait_for_seal(&api, &young).await;
}

#[tokio::test]
async fn a_sealed_session_that_lost_its_mark_keeps_no_other_from_its_seal() {
    let database = Database::create().await;
    let mut connection = intruder(&database).await;
    let service = start(&database).await;
    let api = Api::of(&service);
    let old = sealed_session(&api).await;
    let sql = format!("update coursestream.sessions set sealed_at = null where session_id = '{old}'");
    assert_eq!(execute(&mut connection, sql).await, 1);
    let young = sealed_session(&api).await;
    wait_for_seal(&api, &young).await;
    wait_until_sealed(&mut connection).await;
    assert_chain(&mut connection, 2).await;
    assert!(service.stderr().contains("its row did not say so"), "{}", service.stderr());
    Check::of(&database, &api).await.assert_clean();
}

#[tokio::test]
async fn a_log_with_a_hole_is_sealed_as_it_is() {
    let database = Database::create().await;
    past_sessions(&mut database.connect().await, 1, 5).await;
    let mut connection = intruder(&database).await;
    execute(&mut connection, "delete from coursestream.events where \"offset\" in (2, 5)").await;
    let service = start(&database).await;
    let api = Api::of(&service);
    wait_until_sealed(&mut connection).await;
    // The seal holds, and what is told of the session is not what its log says.
    let check = Check::of(&database, &api).await;
    assert_eq!(check.words(), ["session_altered"]);
    assert_eq!(check.findings[0]["columns"], json!(["status", "ended_at", "last_offset", "log_count"]));
    assert!(service.stderr().contains("not whole before it is sealed"), "{}", service.stderr());
    let fill = "insert into coursestream.events select session_id, 2, 'log', 'Here it is', null, recorded_at
        from coursestream.events where \"offset\" = 1";
    execute(&mut connection, fill).await;
    let check = Check::of(&database, &api).await;
    assert_eq!(check.words(), ["events_inserted"]);
    assert_eq!(check.findings[0]["firstOffset"], 2);
}

#[tokio::test]
async fn who_ends_a_session_does_not_wait_for_the_chain() {
    let database = Database::create().await;
    let service = start(&database).await;
    let api = Api::of(&service);
    // Somebody is at the chain, and stays there.
    let mut connection = database.connect().await;
    connection.execute("begin").await.unwrap();
    connection.execute("select from coursestream.turns where what = 'seals' for update").await.unwrap();
    connection
        .execute("lock table coursestream.seals, coursestream.seal_leaves in access exclusive mode")
        .await
        .unwrap();
    for _ in 0..20 {
        let producer = Outside::create(&api).await;
        producer.end().await;
    }
    assert_eq!(count(&mut connection, UNSEALED).await, 20);
    connection.execute("rollback").await.unwrap();
    // The next one that ends brings the others along.
    sealed_session(&api).await;
    wait_until_sealed(&mut connection).await;
    assert_chain(&mut connection, 21).await;
}

#[tokio::test]
async fn a_long_log_is_sealed_like_any_other() {
    let database = Database::create().await;
    let mut connection = database.connect().await;
    past_sessions(&mut connection, 1, 12_345).await;
    let service = start(&database).await;
    let api = Api::of(&service);
    wait_until_sealed(&mut connection).await;
    let check = Check::of(&database, &api).await;
    check.assert_clean();
    assert_eq!(check.totals["events"], 12_345);
    let mut connection = intruder(&database).await;
    execute(&mut connection, "update coursestream.events set message = 'x' where \"offset\" in (7000, 7001, 12000)")
        .await;
    let check = Check::of(&database, &api).await;
    let at: Vec<u64> = check.findings.iter().map(|finding| finding["firstOffset"].as_u64().unwrap()).collect();
    assert_eq!((check.words(), at), (vec!["events_altered"; 2], vec![7_000, 12_000]));
}

#[tokio::test]
async fn metrics_tell_how_sealing_gets_on() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--seal-every", "1h", "--offline-pace", "0ms"]).await;
    let api = Api::of(&service);
    let metric = async |name: &str| {
        let text = Answer::to(api.request(Method::GET, "/metrics")).await.text;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
    };
    assert_eq!(metric("coursestream_sessions_unsealed").await, Some(0.0));
    assert_eq!(metric("coursestream_oldest_unsealed_seconds").await, Some(0.0));
    assert_eq!(metric("coursestream_seal_position").await, Some(0.0));
    // Sealing takes its time here.
    Outside::create(&api).await.end().await;
    assert_eq!(metric("coursestream_sessions_unsealed").await, Some(1.0));
    assert!(metric("coursestream_oldest_unsealed_seconds").await > Some(0.0));
    drop(service);
    let mut connection = database.connect().await;
    past_sessions(&mut connection, 7, 3).await;
    let service = start(&database).await;
    let api = Api::of(&service);
    wait_until_sealed(&mut connection).await;
    let text = Answer::to(api.request(Method::GET, "/metrics")).await.text;
    assert!(text.contains("coursestream_seal_position 8\n"), "{text}");
    assert!(text.contains("coursestream_sessions_sealed_total 8\n"), "{text}");
}
