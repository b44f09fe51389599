//! Pruning and retention beside seals: nothing is archived or dropped unsealed, and what was dropped in time is no finding.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Executor;

use super::{AT_ONCE, Check, count, execute, intruder, sealed_session};
use crate::support::{
    api::Api,
    database::Database,
    service::{self, PATIENCE, Service},
};

/// Narrow partitions, and nobody who prunes unless the test does.
const BY_HAND: [&str; 4] = ["--partition-width", "1s", "--prune-every", "1h"];

async fn prune(database: &Database, arguments: &[&str]) -> String {
    service::run(&[&["prune", "--database-url", &database.url, "--session-ttl", "0s"], arguments].concat()).await
}

/// Prunes until it has dropped something.
async fn drop_history(database: &Database) {
    let waited = async {
        while prune(database, &["--history-retention", "1s"]).await.trim().ends_with("partitions dropped: 0") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("the history is dropped");
}

async fn archive(database: &Database, api: &Api, session: &str) {
    api.wait_for_async(session, async |summary: &Value| {
        prune(database, &[]).await;
        summary["archived"] == true
    })
    .await;
}

#[tokio::test]
async fn history_that_was_dropped_in_time_is_no_finding() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&AT_ONCE[..], &BY_HAND].concat()).await;
    let api = Api::of(&service);
    let old = sealed_session(&api).await;
    let (_, seal) = api.get(&format!("/api/v1/sessions/{old}/seal")).await;
    archive(&database, &api, &old).await;
    Check::of(&database, &api).await.assert_clean();
    drop_history(&database).await;
    let young = sealed_session(&api).await;

    let check = Check::of(&database, &api).await;
    check.assert_clean();
    assert_eq!(
        (&check.totals["dropped"], &check.totals["sessions"], &check.totals["seals"]),
        (&json!(1), &json!(1), &json!(3))
    );
    assert!(check.summary.contains("dropped by retention: 1,"), "{}", check.summary);
    // The session is gone, its seal is not, and says so.
    assert_eq!(api.get(&format!("/api/v1/sessions/{old}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(api.get(&format!("/api/v1/sessions/{old}/seal")).await, (StatusCode::OK, seal));
    let (_, verified) = api.get(&format!("/api/v1/sessions/{old}/verify")).await;
    let expected = json!({"sessionId": old, "intact": true, "dropped": true, "events": 0, "findings": []});
    assert_eq!(verified, expected);
    let said = service::run(&["verify", &old, "--database-url", &database.url]).await;
    assert!(said.contains("history dropped by retention, findings: 0"), "{said}");
    let mut connection = database.connect().await;
    let of_old = format!("where session_id = '{old}'");
    assert_eq!(count(&mut connection, format!("select count(*) from coursestream.seal_leaves {of_old}")).await, 0);

    // What the chain says to be dropped covers what was sealed before, and nothing else.
    execute(&mut intruder(&database).await, format!("delete from coursestream.events where session_id = '{young}'"))
        .await;
    let check = Check::of(&database, &api).await;
    assert_eq!(check.about(&young), [("log_removed", vec![])]);
    assert_eq!(check.findings.len(), 1);
    // And a link that says so can no more be altered than others.
    let widen =
        "update coursestream.seals set upper_bound = 'ffffffff-ffff-ffff-ffff-ffffffffffff' where kind = 'retention'";
    assert_eq!(execute(&mut intruder(&database).await, widen).await, 1);
    assert!(Check::of(&database, &api).await.words().contains(&"seal_altered"));
}

#[tokio::test]
async fn a_drop_that_was_cut_short_is_told_of_once() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &[&AT_ONCE[..], &BY_HAND].concat()).await;
    let api = Api::of(&service);
    let old = sealed_session(&api).await;
    archive(&database, &api, &old).await;
    // Somebody reads the archive, so that the partition cannot be dropped.
    let mut reader = database.connect().await;
    reader.execute("begin").await.unwrap();
    reader.execute("select count(*) from coursestream.events_archive").await.unwrap();
    let mut connection = database.connect().await;
    let links = "select count(*) from coursestream.seals where kind = 'retention'";
    while count(&mut connection, links).await == 0 {
        let said = prune(&database, &["--history-retention", "1s"]).await;
        assert!(said.trim().ends_with("partitions dropped: 0"), "{said}");
    }
    // The session is gone, its events are still there.
    assert_eq!(api.get(&format!("/api/v1/sessions/{old}")).await.0, StatusCode::NOT_FOUND);
    let events = format!("select count(*) from coursestream.events_archive where session_id = '{old}'");
    assert_eq!(count(&mut connection, &*events).await, 6);
    Check::of(&database, &api).await.assert_clean();

    reader.execute("rollback").await.unwrap();
    drop_history(&database).await;
    assert_eq!(count(&mut connection, &*events).await, 0);
    assert_eq!(count(&mut connection, links).await, 1);
    Check::of(&database, &api).await.assert_clean();
}

#[tokio::test]
async fn nothing_is_archived_before_it_is_sealed() {
    let database = Database::create().await;
    // Sealing would take its time here.
    let settings = [&["--seal-every", "1h", "--offline-pace", "0ms"][..], &BY_HAND].concat();
    let service = Service::start_with(&database, &settings).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    let mut holder = database.connect().await;
    holder.execute("begin").await.unwrap();
    holder.execute("select from coursestream.turns where what = 'seals' for update").await.unwrap();
    let over = format!(
        "select count(*) from coursestream.partitions where lower_bound <= '{session}' and '{session}' < upper_bound
            and upper_bound < coursestream.uuid_floor((extract(epoch from clock_timestamp()) * 1000)::bigint - 10500)"
    );
    while count(&mut holder, &*over).await == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = prune(&database, &[]).await;
    assert!(said.starts_with("sessions expired: 1, "), "{said}");
    let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
    assert_eq!((&summary["status"], &summary["archived"]), (&json!("expired"), &json!(false)));
    holder.execute("rollback").await.unwrap();
    // The pass that archives it seals it first.
    archive(&database, &api, &session).await;
    let (status, seal) = api.get(&format!("/api/v1/sessions/{session}/seal")).await;
    assert_eq!(status, StatusCode::OK, "{seal}");
    Check::of(&database, &api).await.assert_clean();
}
