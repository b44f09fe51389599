//! The chain itself: links that are altered, replaced, taken out or cut off, partitions that are gone, and what a kept head is good for.

use coursestream::seal::Sum;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::Executor;

use super::{Check, count, execute, intruder, sealed_session, start, wait_for_seal};
use crate::support::{
    api::{Answer, Api},
    database::Database,
    service::{self, Service},
};

/// A service with five sealed sessions.
async fn five(database: &Database) -> (Service, Vec<String>) {
    let service = start(database).await;
    let api = Api::of(&service);
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(sealed_session(&api).await);
    }
    (service, sessions)
}

#[tokio::test]
async fn seals_are_changed_by_nobody() {
    let database = Database::create().await;
    let (_service, sessions) = five(&database).await;
    let mut connection = database.connect().await;
    for change in [
        "update coursestream.seals set sealed_at = now()",
        "delete from coursestream.seals where position = 5",
        "truncate coursestream.seals",
        "update coursestream.seal_leaves set leaves = ''",
        "delete from coursestream.seal_leaves",
        "truncate coursestream.seal_leaves",
    ] {
        let error = connection.execute(change).await.expect_err(change).into_database_error().unwrap();
        assert_eq!(error.code().as_deref(), Some("23001"), "{change}: {error}");
        assert!(error.message().contains("immutable"), "{error}");
    }
    // Not even twice the same.
    let twice = format!(
        "insert into coursestream.seals select 6, kind, previous_sha256, sha256(sha256), sealed_at, session_id, last_offset,
            log_sha256, export_sha256, leaves_sha256 from coursestream.seals where session_id = '{}'",
        sessions[0]
    );
    connection.execute(sqlx::AssertSqlSafe(twice)).await.expect_err("one seal a session");
}

#[tokio::test]
async fn an_altered_seal_is_named() {
    for set in [
        "log_sha256 = sha256('x')",
        "export_sha256 = sha256('x')",
        "leaves_sha256 = sha256('x')",
        "last_offset = 5",
        "sealed_at = sealed_at - interval '1 day'",
        "session_id = '01990000-0000-7000-8000-000000000000'",
        "sha256 = sha256('x')",
    ] {
        let database = Database::create().await;
        let (service, sessions) = five(&database).await;
        let api = Api::of(&service);
        let sql = format!("update coursestream.seals set {set} where position = 3");
        assert_eq!(execute(&mut intruder(&database).await, sql).await, 1);
        let check = Check::of(&database, &api).await;
        let at_3 = check.findings.iter().find(|finding| finding["position"] == 3).unwrap_or_else(|| panic!("{set}"));
        assert_eq!(at_3["what"], "seal_altered", "{set}: {:#?}", check.findings);
        let others: Vec<&str> = check.words().into_iter().filter(|word| *word != "seal_altered").collect();
        let expected: &[&str] = match set.split(' ').next().unwrap() {
            "sha256" => &["chain_broken"],
            // The session has lost it.
            "session_id" => &["seal_removed"],
            _ => &[],
        };
        assert_eq!(others, expected, "{set}: {:#?}", check.findings);
        let (_, alone) = api.get(&format!("/api/v1/sessions/{}/verify", sessions[2])).await;
        assert_eq!(alone["intact"], false, "{alone}");
    }
}

#[tokio::test]
async fn a_seal_that_was_replaced_by_a_valid_one_breaks_the_chain() {
    let database = Database::create().await;
    let (service, sessions) = five(&database).await;
    let api = Api::of(&service);
    let session = &sessions[2];
    // Its log is altered, and the seal computed anew, as somebody would who has read how it is done.
    let mut seal = wait_for_seal(&api, session).await;
    let mut connection = intruder(&database).await;
    let sql = format!("update coursestream.events set message = 'x' where session_id = '{session}' and \"offset\" = 4");
    execute(&mut connection, sql).await;
    let export = Answer::to(api.request(Method::GET, &format!("/api/v1/sessions/{session}/export"))).await.text;
    let envelopes: Vec<serde_json::Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let canonical: Vec<u8> = envelopes
        .iter()
        .flat_map(|envelope| [serde_json_canonicalizer::to_vec(envelope).unwrap(), b"\n".to_vec()].concat())
        .collect();
    let leaves: Vec<u8> = export
        .lines()
        .flat_map(|line| sha256(&line.as_bytes()[line.find("\"type\"").unwrap()..])[..16].to_vec())
        .collect();
    for (name, bytes) in
        [("logSha256", canonical.as_slice()), ("exportSha256", export.as_bytes()), ("leavesSha256", leaves.as_slice())]
    {
        seal[name] = json!(hex::encode(sha256(bytes)));
    }
    seal.as_object_mut().unwrap().remove("sha256");
    let sum = hex::encode(sha256(&serde_json_canonicalizer::to_vec(&seal).unwrap()));
    let column = |name: &str| format!("decode('{}', 'hex')", seal[name].as_str().unwrap());
    let sql = format!(
        "update coursestream.seals set log_sha256 = {}, export_sha256 = {}, leaves_sha256 = {}, sha256 = decode('{sum}', 'hex')
        where session_id = '{session}'",
        column("logSha256"),
        column("exportSha256"),
        column("leavesSha256")
    );
    assert_eq!(execute(&mut connection, sql).await, 1);
    let sql = format!(
        "update coursestream.seal_leaves set leaves = decode('{}', 'hex') where session_id = '{session}'",
        hex::encode(&leaves)
    );
    assert_eq!(execute(&mut connection, sql).await, 1);

    let check = Check::of(&database, &api).await;
    assert_eq!(check.words(), ["chain_broken"], "{:#?}", check.findings);
    assert_eq!(check.findings[0]["position"], 4);
    let (_, alone) = api.get(&format!("/api/v1/sessions/{session}/verify")).await;
    assert_eq!(alone["findings"], json!(check.findings), "the session alone shows it as well");
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).to_vec()
}

#[tokio::test]
async fn a_removed_seal_is_named_with_its_session() {
    let database = Database::create().await;
    let (service, sessions) = five(&database).await;
    let api = Api::of(&service);
    execute(&mut intruder(&database).await, "delete from coursestream.seals where position in (1, 3, 4)").await;
    let check = Check::of(&database, &api).await;
    for session in [&sessions[0], &sessions[2], &sessions[3]] {
        assert_eq!(check.about(session), [("seal_removed", vec![])], "{:#?}", check.findings);
    }
    let details: Vec<&str> = check.findings.iter().map(|finding| finding["detail"].as_str().unwrap()).collect();
    assert!(details.contains(&"seal 1 was removed") && details.contains(&"seals 3 to 4 were removed"), "{details:?}");
    assert_eq!(check.findings.len(), 5, "{details:?}");
    let (_, alone) = api.get(&format!("/api/v1/sessions/{}/verify", sessions[3])).await;
    assert_eq!(alone["findings"][0]["what"], "seal_removed", "{alone}");
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_named() {
    let database = Database::create().await;
    let (service, sessions) = five(&database).await;
    let api = Api::of(&service);
    execute(&mut intruder(&database).await, "delete from coursestream.seals where position >= 4").await;
    let check = Check::of(&database, &api).await;
    assert_eq!(check.words(), ["seal_removed"; 2], "{:#?}", check.findings);
    for session in &sessions[3..] {
        assert_eq!(check.about(session), [("seal_removed", vec![])]);
    }
    // All of it.
    execute(&mut intruder(&database).await, "delete from coursestream.seals").await;
    assert_eq!(Check::of(&database, &api).await.words(), ["seal_removed"; 5]);
}

#[tokio::test]
async fn a_kept_head_tells_of_an_end_that_was_cut_off_without_a_trace() {
    let database = Database::create().await;
    let (service, sessions) = five(&database).await;
    let api = Api::of(&service);
    let kept = Check::of(&database, &api).await.head;
    let ask = async || {
        let (status, page) = api.get(&format!("/api/v1/verify?head={kept}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let (code, said, _) = service::try_run(&["verify", "--head", &kept, "--database-url", &database.url]).await;
        assert_eq!(code.code(), Some(i32::from(page["intact"] == false)), "{said}");
        let found = page["findings"].as_array().unwrap().len();
        assert!(said.contains(&format!(", findings: {found}\n")), "{said}");
        page["findings"].clone()
    };
    sealed_session(&api).await;
    assert_eq!(ask().await, json!([]), "a head stays in the chain as it grows");

    // The last two sessions, and all that tells of them.
    let mut connection = intruder(&database).await;
    for table in ["events", "sessions", "seals", "seal_leaves"] {
        let sql = format!("delete from coursestream.{table} where session_id >= '{}'", sessions[4]);
        execute(&mut connection, sql).await;
    }
    Check::of(&database, &api).await.assert_clean();
    let findings = ask().await;
    assert_eq!(findings[0]["what"], "head_unknown", "{findings}");
    assert!(findings[0]["detail"].as_str().unwrap().contains(&kept));
}

#[tokio::test]
async fn a_partition_that_was_dropped_by_hand_is_named() {
    let settings = [&super::AT_ONCE[..], &["--partition-width", "1s", "--prune-every", "1h"]].concat();
    for statement in
        ["drop table coursestream.", "alter table coursestream.events_archive detach partition coursestream."]
    {
        let database = Database::create().await;
        let service = Service::start_with(&database, &settings).await;
        let api = Api::of(&service);
        let old = sealed_session(&api).await;
        let archived = api.wait_for_async(&old, async |summary: &serde_json::Value| {
            service::run(&["prune", "--database-url", &database.url, "--session-ttl", "0s"]).await;
            summary["archived"] == true
        });
        archived.await;
        let young = sealed_session(&api).await;
        let mut connection = intruder(&database).await;
        let name: String = {
            use sqlx::Row;
            let sql = format!(
                "select name from coursestream.partitions where lower_bound <= '{old}' and '{old}' < upper_bound"
            );
            connection.fetch_one(sqlx::AssertSqlSafe(sql)).await.unwrap().get(0)
        };
        execute(&mut connection, format!("{statement}{name}")).await;
        let check = Check::of(&database, &api).await;
        assert_eq!(check.words(), ["partition_removed"], "{:#?}", check.findings);
        let detail = check.findings[0]["detail"].as_str().unwrap();
        assert_eq!(detail, format!("partition {name} was removed, and with it the logs of 1 sealed sessions"),);
        assert_eq!(check.about(&young), []);
        let (_, alone) = api.get(&format!("/api/v1/sessions/{old}/verify")).await;
        assert_eq!(alone["findings"], json!(check.findings), "{alone}");

        // And where not even the list of partitions knows of it any more.
        execute(&mut connection, format!("delete from coursestream.partitions where name = '{name}'")).await;
        let check = Check::of(&database, &api).await;
        assert_eq!(check.about(&old), [("log_removed", vec![])], "{:#?}", check.findings);
    }
}

#[tokio::test]
async fn a_check_is_bounded_by_time_and_size() {
    let database = Database::create().await;
    let (service, sessions) = five(&database).await;
    let api = Api::of(&service);
    let third = wait_for_seal(&api, &sessions[2]).await;
    let at = third["sealedAt"].as_str().unwrap();
    let seals = async |query: &str| {
        let (status, page) = api.get(&format!("/api/v1/verify?{query}")).await;
        assert_eq!((status, &page["intact"]), (StatusCode::OK, &json!(true)), "{page}");
        (page["seals"].as_u64().unwrap(), page["nextAfter"].as_u64())
    };
    assert_eq!(seals("").await, (5, None));
    assert_eq!(seals("limit=2").await, (2, Some(2)));
    assert_eq!(seals("limit=2&after=4").await, (1, None));
    assert_eq!(seals("after=5").await, (0, None));
    assert_eq!(seals(&format!("from={at}")).await.0 + seals(&format!("to={at}")).await.0, 5);
    assert!(seals(&format!("from={at}")).await.0 >= 3);
    // Beyond what the database can tell.
    assert_eq!(seals("from=-262143-01-01T00:00:00Z&to=%2B262142-01-01T00:00:00Z").await.0, 5);
    assert_eq!(seals("to=-5000-01-01T00:00:00Z").await.0, 0);
    for query in [
        "limit=0",
        "limit=1001",
        "after=-1",
        "after=9007199254740992",
        "from=today",
        // Nothing was sealed in it, and so nothing would be found.
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z",
        "head=abc",
        &format!("head={}", "g".repeat(64)),
    ] {
        let answer = Answer::to(api.request(Method::GET, &format!("/api/v1/verify?{query}"))).await;
        assert_eq!((answer.status.as_u16(), answer.is_problem()), (400, true), "{query}: {}", answer.text);
        let field = query.split('=').next().unwrap();
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(field), "{}", answer.text);
    }
    let (_, problem) = api.get("/api/v1/verify?head=abc").await;
    assert_eq!(problem["detail"], "head: must be a SHA-256: 64 hexadecimal digits");
    // Links that are not asked for are not found missing.
    let mut connection = intruder(&database).await;
    execute(&mut connection, "delete from coursestream.seals where position = 2").await;
    assert_eq!(seals("after=3").await, (2, None));
    assert_eq!(count(&mut connection, "select count(*) from coursestream.seals").await, 4);
}

#[tokio::test]
async fn the_chain_is_read_link_by_link_and_each_proves_the_one_before_it() {
    let database = Database::create().await;
    let (service, sessions) = five(&database).await;
    let api = Api::of(&service);
    let mut connection = intruder(&database).await;
    // As when history is dropped: a link of its own kind, whose hash is the object's as well.
    let lower = sessions.iter().min().unwrap();
    let told = format!(
        r#"insert into coursestream.seals (position, kind, previous_sha256, sha256, sealed_at, lower_bound, upper_bound, sessions)
        select 6, 'retention', h.sha256, sha256(convert_to(format(
            '{{"kind":"retention","lowerBound":"%s","position":6,"previousSha256":"%s","sealedAt":"%s","sessions":1,"upperBound":"%s"}}',
            '{lower}', encode(h.sha256, 'hex'), to_char(h.sealed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '{lower}'
        ), 'UTF8')), h.sealed_at, '{lower}', '{lower}', 1
        from coursestream.seals h where position = 5"#
    );
    assert_eq!(execute(&mut connection, told).await, 1);
    let (mut links, mut after) = (Vec::new(), 0);
    loop {
        let (status, page) = api.get(&format!("/api/v1/seals?limit=2&after={after}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        links.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["nextAfter"].as_u64() else { break };
        after = next;
    }
    assert_eq!(links.len(), 6);
    let mut previous = "0".repeat(64);
    for (position, link) in (1_u64..).zip(&links) {
        assert_eq!((&link["position"], &link["previousSha256"]), (&json!(position), &json!(previous)));
        let mut hashed = link.clone();
        previous = hashed.as_object_mut().unwrap().remove("sha256").unwrap().as_str().unwrap().to_owned();
        assert_eq!(Sum::of(&serde_json_canonicalizer::to_vec(&hashed).unwrap()).to_string(), previous);
    }
    for link in &links[..5] {
        let (_, alone) = api.get(&format!("/api/v1/sessions/{}/seal", link["sessionId"].as_str().unwrap())).await;
        assert_eq!((&alone, &link["kind"]), (link, &json!("session")));
    }
    let dropped = &links[5];
    assert_eq!((&dropped["kind"], &dropped["sessions"]), (&json!("retention"), &json!(1)));
    assert_eq!((&dropped["lowerBound"], dropped.get("sessionId")), (&json!(lower), None));
    let (_, end) = api.get("/api/v1/seals?after=6").await;
    assert_eq!(end, json!({"items": []}));
    for query in ["limit=0", "limit=1001", "after=-1", "after=9007199254740992", "after=x"] {
        let answer = Answer::to(api.request(Method::GET, &format!("/api/v1/seals?{query}"))).await;
        assert_eq!((answer.status.as_u16(), answer.is_problem()), (400, true), "{query}: {}", answer.text);
    }
}
