//! Least privilege in the database: a node that can add events and read them, and do neither harm nor repair to any.

use reqwest::Method;
use serde_json::json;
use sqlx::{ConnectOptions, Connection, Executor, Row};

use crate::support::{
    api::{Answer, Api, USER},
    database::Database,
    service::{self, PATIENCE, Service},
};

const ROLE: &str = "service_of_the_tests";

/// The database as a node's role sees it.
async fn as_service(database: &Database) -> Database {
    as_service_that_keeps(database, "30d").await
}

/// The same, where it may drop what is older.
async fn as_service_that_keeps(database: &Database, retention: &str) -> Database {
    let grant = ["migrate", "--database-url", &database.url, "--grant-service-role", ROLE];
    let kept = ["--history-retention", retention, "--access-retention", retention];
    service::run(&[&grant[..], &kept].concat()).await;
    database.as_role(ROLE)
}

#[tokio::test]
async fn a_node_does_all_of_its_work_without_owning_anything() {
    let database = Database::create().await;
    let restricted = as_service_that_keeps(&database, "15s").await;
    let fast = [
        "--offline-pace",
        "0ms",
        "--session-ttl",
        "1s",
        "--prune-every",
        "1s",
        "--partition-width",
        "1s",
        "--history-retention",
        "15s",
    ];
    let service = Service::start_with(&restricted, &fast).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    assert_eq!(api.wait_for_end(&session).await["status"], "completed");
    let (status, created) = api.post("/api/v1/sessions", &json!({"topic": "x", "user_id": USER})).await;
    assert_eq!(status, 201, "{created}");
    let outside = created["sessionId"].as_str().unwrap();
    let path = format!("/api/v1/sessions/{outside}/messages");
    let request = api.request(Method::POST, &path).header("producer-id", "p").header("producer-seq", "0");
    assert_eq!(Answer::to(request.json(&json!([{"type": "log", "message": "x"}]))).await.status, 200);
    // What does not end stays where it is, and its partition with it.
    let ended = api.post(&format!("/api/v1/sessions/{outside}/end"), &json!({"status": "completed"})).await;
    assert_eq!(ended.0, 200, "{}", ended.1);
    for path in ["/api/v1/sessions", "/api/v1/courses", "/api/v1/audit/access", "/health/ready", "/metrics"] {
        assert_eq!(Answer::to(api.request(Method::GET, path)).await.status, 200, "{path}");
    }
    // It moves whole partitions all the same, and drops them when their time is over.
    api.wait_for(&session, |summary| summary["archived"] == true).await;
    let gone = async {
        while api.get(&format!("/api/v1/sessions/{session}")).await.0 != 404 {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the history ends");
    let log = service.stderr();
    assert!(!log.contains("permission denied") && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn a_node_can_neither_change_nor_take_away_an_event() {
    let database = Database::create().await;
    let restricted = as_service(&database).await;
    let service = Service::start(&restricted).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    let mut owner = database.connect().await;
    let name = "select name from coursestream.partitions order by lower_bound limit 1";
    let partition: String = owner.fetch_one(name).await.unwrap().get(0);
    let mut connection = restricted.options().connect().await.unwrap();
    for statement in [
        "update coursestream.events set message = 'x'".to_owned(),
        "delete from coursestream.events".to_owned(),
        "truncate coursestream.events".to_owned(),
        "insert into coursestream.events_archive select * from coursestream.events".to_owned(),
        "alter table coursestream.events disable trigger all".to_owned(),
        "drop table coursestream.events".to_owned(),
        format!("select * from coursestream.{partition}"),
        format!("delete from coursestream.{partition}"),
        format!("alter table coursestream.events detach partition coursestream.{partition}"),
        "delete from coursestream.partitions".to_owned(),
        "update coursestream.secrets set value = value".to_owned(),
        "insert into coursestream.api_keys select * from coursestream.api_keys".to_owned(),
        "update coursestream.api_keys set revoked_at = null".to_owned(),
        "select coursestream.provide_service('postgres')".to_owned(),
        "set session_replication_role = replica".to_owned(),
        "create table coursestream.mine ()".to_owned(),
    ] {
        let error = connection.execute(sqlx::AssertSqlSafe(statement.clone())).await.unwrap_err();
        // 42501: insufficient privilege, or not the owner.
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{statement}: {error}");
    }
    // The functions with their owner's rights do no more than they are for.
    for (statement, words) in [
        (format!("select coursestream.archive_partition('{partition}')"), "not expired"),
        (format!("select coursestream.drop_partition('{partition}')"), "no rows"),
        ("select coursestream.archive_partition('events; drop table x')".to_owned(), "no rows"),
    ] {
        let error = connection.execute(sqlx::AssertSqlSafe(statement.clone())).await.unwrap_err();
        assert!(error.to_string().contains(words), "{statement}: {error}");
    }
    connection.close().await.unwrap();
}

/// A node that was taken over cannot end the retention of what the owner keeps, nor delete what leads to it.
#[tokio::test]
async fn a_node_drops_nothing_before_its_time_whatever_it_is_told() {
    let database = Database::create().await;
    let restricted = as_service(&database).await;
    let hasty = ["--offline-pace", "0ms", "--session-ttl", "0s", "--prune-every", "1s", "--partition-width", "1s"];
    let hasty = [&hasty[..], &["--history-retention", "1s", "--access-retention", "0s"]].concat();
    let service = Service::start_with(&restricted, &hasty).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    assert_eq!(api.get("/api/v1/audit/access").await.0, 200, "which is written down");
    api.wait_for(&session, |summary| summary["archived"] == true).await;

    let mut owner = database.connect().await;
    let archived =
        "select name from coursestream.partitions where archived_at is not null order by lower_bound limit 1";
    let partition: String = owner.fetch_one(archived).await.unwrap().get(0);
    let mut connection = restricted.options().connect().await.unwrap();
    for statement in [
        "delete from coursestream.sessions",
        "delete from coursestream.seal_leaves",
        "delete from coursestream.joins",
        "delete from coursestream.access_trail",
        "update coursestream.retention_floors set kept = '0'",
        "insert into coursestream.retention_floors values ('access', '0')",
    ] {
        let error = connection.execute(statement).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{statement}: {error}");
    }
    for function in ["delete_history('{}', 5)", "drop_partition('{}')"] {
        let statement = format!("select coursestream.{}", function.replace("{}", &partition));
        let error = connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap_err();
        assert!(error.to_string().contains("is to be kept"), "{function}: {error}");
    }
    let trail = "select coursestream.delete_accesses('ffffffff-ffff-ffff-ffff-ffffffffffff', 5000)";
    assert_eq!(connection.fetch_one(trail).await.unwrap().get::<i64, _>(0), 0, "nothing is old enough");
    assert_eq!(api.get(&format!("/api/v1/sessions/{session}")).await.0, 200);
    let log = service.stderr();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "a pass skips what is kept: {log}");
}

#[tokio::test]
async fn a_node_that_may_not_migrate_says_who_has_to() {
    let database = Database::create().await;
    let restricted = as_service(&database).await;
    let mut owner = database.connect().await;
    owner.execute("delete from coursestream._sqlx_migrations where version = (select max(version) from coursestream._sqlx_migrations)").await.unwrap();
    let arguments = ["serve", "--bind", "127.0.0.1:0", "--database-url", &restricted.url];
    let (status, _, stderr) = service::try_run(&arguments).await;
    assert!(!status.success() && stderr.contains("--grant-service-role"), "{stderr}");
}

#[tokio::test]
async fn a_node_with_a_private_cluster_is_not_its_superuser() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let service = Service::start_in(dir.path(), &["--offline-pace", "0ms"]).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    assert_eq!(api.wait_for_end(&session).await["status"], "completed");
    let options = coursestream::postgres::PrivateCluster::connect_options_beside(dir.path(), "coursestream").unwrap();
    let mut admin = options.connect().await.unwrap();
    let others = "select count(*) from pg_stat_activity
        where datname = 'coursestream' and backend_type = 'client backend' and pid <> pg_backend_pid()
            and usename <> 'coursestream_service'";
    let count: i64 = admin.fetch_one(others).await.unwrap().get(0);
    assert_eq!(count, 0, "every connection of the node is its role's");
    let power = "select rolsuper or rolcreaterole or rolcreatedb from pg_roles where rolname = 'coursestream_service'";
    assert!(!admin.fetch_one(power).await.unwrap().get::<bool, _>(0));
    admin.close().await.unwrap();
}

#[tokio::test]
async fn no_login_of_an_analyst_keeps_nodes_waiting() {
    let database = Database::create().await;
    let restricted = as_service(&database).await;
    let mut analyst = database.options().username("coursestream_analyst").connect().await.unwrap();
    analyst.execute("set default_transaction_read_only = off").await.unwrap();
    for statement in [
        "select from coursestream.turns for update",
        "select from coursestream.turns for key share",
        "do $$ begin lock table coursestream.turns; end $$",
        "update coursestream.turns set what = what",
    ] {
        let error = analyst.execute(statement).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{statement}: {error}");
    }
    // Every key that nodes might take turns by.
    let keys = "select pg_advisory_lock(hashtext('coursestream.' || what)) from unnest(array['seals', 'prune', 'queue',
        'partitions', 'provide_service', 'roles']) as what";
    analyst.execute(keys).await.unwrap();
    as_service(&database).await;
    let narrow = ["--offline-pace", "0ms", "--seal-every", "0s", "--partition-width", "1s", "--prune-every", "1h"];
    let service = Service::start_with(&restricted, &narrow).await;
    let api = Api::of(&service);
    for topic in ["Rust ownership", "Rust borrowing"] {
        let session = api.generate(topic).await;
        api.wait_for_end(&session).await;
        // An hour later, as it were: in a partition that has to be made.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    let said = service::run(&["prune", "--database-url", &restricted.url, "--session-ttl", "0s"]).await;
    assert!(said.starts_with("sessions expired: 2, "), "{said}");
    let mut owner = database.connect().await;
    let unsealed = "select count(*) from coursestream.sessions where sealed_at is null";
    assert_eq!(owner.fetch_one(unsealed).await.unwrap().get::<i64, _>(0), 0);
    assert!(!service.stderr().contains("ERROR"), "{}", service.stderr());
}
