//! The access trail: every read of the history is in it before it is answered.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use super::{assert_clear, assert_problem, assert_timestamp, assert_unharmed};
use crate::support::{
    api::{Answer, Api},
    database::{Cluster, Database},
    service::{self, PATIENCE, Service},
};

async fn trail(api: &Api, query: &str) -> Vec<Value> {
    let (status, page) = api.get(&format!("/api/v1/audit/access?{query}")).await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

fn operations(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["operation"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_read_is_in_the_trail_with_what_was_asked_and_answered() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
    for (path, status) in [
        ("/api/v1/sessions?topic=%00".to_owned(), 400),
        ("/api/v1/sessions?status=failed&limit=3".to_owned(), 200),
        (format!("/api/v1/sessions/{session}"), 404),
        (format!("/api/v1/sessions/{session}/events?after=7"), 404),
        (format!("/api/v1/sessions/{session}/export?format=csv&after=7"), 404),
        (format!("/api/v1/sessions/{session}/seal"), 404),
        ("/api/v1/seals?limit=5".to_owned(), 200),
        (format!("/api/v1/sessions/{session}/verify"), 404),
        ("/api/v1/verify?limit=5".to_owned(), 200),
        ("/api/v1/courses".to_owned(), 200),
        (format!("/api/v1/courses/{session}"), 404),
    ] {
        assert_eq!(api.get(&path).await.0, status, "{path}");
    }
    // What is no read of the history is in no trail.
    api.get("/api/v1/course-generation/sessions").await;
    api.get("/health/ready").await;

    let entries = trail(&api, "").await;
    let expected = [
        "getCourse",
        "listCourses",
        "verifyHistory",
        "verifySession",
        "listSeals",
        "getSeal",
        "exportSession",
        "getSessionEvents",
        "getSession",
        "listSessions",
        "listSessions",
    ];
    assert_eq!(operations(&entries), expected);
    for entry in &entries {
        assert_timestamp(&entry["at"]);
        assert_eq!(entry["address"], "127.0.0.1");
        assert!(entry.get("principal").is_none(), "{entry}");
    }
    let told = |entry: &Value| (entry["sessionId"].clone(), entry["parameters"].clone(), entry["status"].clone());
    assert_eq!(told(&entries[0]), (Value::Null, json!({"id": session}), json!(404)));
    assert_eq!(told(&entries[2]), (Value::Null, json!({"limit": "5"}), json!(200)));
    for entry in [&entries[3], &entries[5]] {
        assert_eq!(told(entry), (json!(session), json!({}), json!(404)));
    }
    assert_eq!(told(&entries[4]), (Value::Null, json!({"limit": "5"}), json!(200)));
    assert_eq!(told(&entries[6]), (json!(session), json!({"format": "csv", "after": "7"}), json!(404)));
    assert_eq!(told(&entries[7]), (json!(session), json!({"after": "7"}), json!(404)));
    assert_eq!(told(&entries[9]), (Value::Null, json!({"status": "failed", "limit": "3"}), json!(200)));
    assert_eq!(entries[10]["status"], 400);
    // Reading the trail is a read.
    assert_eq!(trail(&api, "operation=listAccesses").await.len(), 1);
    assert_unharmed(&service);
}

/// Of a parameter that is given twice the operation may read the first: whoever reads one thing cannot have the trail tell another.
#[tokio::test]
async fn nothing_that_is_said_as_well_hides_what_was_read() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let [read, pretended] = ["0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeee0", "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeee1"];
    api.get(&format!("/api/v1/sessions?user_id={read}&user_id={pretended}&status=failed&status=completed")).await;
    api.get(&format!("/api/v1/courses/{read}?id={pretended}")).await;
    let entries = trail(&api, "").await;
    assert_eq!(entries[0]["parameters"], json!({"id": [read, pretended]}));
    let asked = json!({"user_id": [read, pretended], "status": ["failed", "completed"]});
    assert_eq!(entries[1]["parameters"], asked);
}

#[tokio::test]
async fn the_trail_is_filtered_and_turned_page_by_page() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let sessions = ["0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeee0", "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeee1"];
    for number in 0..6 {
        api.get(&format!("/api/v1/sessions/{}", sessions[number % 2])).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let all = trail(&api, "operation=getSession").await;
    assert_eq!(all.len(), 6);
    assert_eq!(trail(&api, &format!("session_id={}", sessions[1])).await.len(), 3);
    assert_eq!(trail(&api, "operation=getSession&address=127.0.0.1").await.len(), 6);
    assert_eq!(trail(&api, "operation=getSession&address=192.0.2.7").await, [] as [Value; 0]);
    assert_eq!(trail(&api, "operation=getSession&principal=nobody").await, [] as [Value; 0]);
    let third = all[3]["at"].as_str().unwrap();
    assert_eq!(trail(&api, &format!("operation=getSession&after={third}")).await, all[..4]);
    assert_eq!(trail(&api, &format!("operation=getSession&before={third}")).await, all[4..]);

    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let (_, page) = api.get(&format!("/api/v1/audit/access?operation=getSession&limit=2{cursor}")).await;
        paged.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all);
    for (query, field) in
        [("session_id=x", "session_id"), ("address=here", "address"), ("after=now", "after"), ("limit=0", "limit")]
    {
        let answer = Answer::to(api.request(Method::GET, &format!("/api/v1/audit/access?{query}"))).await;
        let problem = assert_problem(&answer, 400, "bad_request");
        assert_clear(problem["detail"].as_str().unwrap(), field);
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn nobody_names_another_address_but_a_proxy_that_is_trusted() {
    let database = Database::create().await;
    for (arguments, address) in
        [(&["--offline-pace", "0ms"][..], "127.0.0.1"), (&["--trusted-proxy", "127.0.0.0/8"], "192.0.2.7")]
    {
        let service = Service::start_with(&database, arguments).await;
        let api = Api::of(&service);
        let request = api.request(Method::GET, "/api/v1/sessions").header("X-Forwarded-For", "198.51.100.1, 192.0.2.7");
        assert_eq!(Answer::to(request).await.status, 200);
        assert_eq!(trail(&api, "operation=listSessions&limit=1").await[0]["address"], address);
    }
}

#[tokio::test]
async fn many_reads_at_once_are_all_in_the_trail() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let reads = (0..200).map(|number| {
        let api = &api;
        async move { api.get(&format!("/api/v1/sessions?limit=1&user_id=00000000-0000-4000-8000-{number:012}")).await.0 }
    });
    let statuses = futures_util::future::join_all(reads).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let mut connection = database.connect().await;
    let recorded = "select count(distinct parameters ->> 'user_id') from coursestream.access_trail";
    let recorded: i64 = connection.fetch_one(recorded).await.unwrap().get(0);
    assert_eq!(recorded, 200);
    assert_unharmed(&service);
}

/// What cannot be recorded is not answered, whether or not it could be read.
#[tokio::test]
async fn a_read_that_cannot_be_recorded_is_not_answered() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let mut connection = database.connect().await;
    connection.execute("alter table coursestream.access_trail rename to elsewhere").await.unwrap();
    let answer = Answer::to(api.request(Method::GET, "/api/v1/sessions")).await;
    assert_problem(&answer, 503, "unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    connection.execute("alter table coursestream.elsewhere rename to access_trail").await.unwrap();
    assert_eq!(api.get("/api/v1/sessions").await.0, 200);
    assert_eq!(operations(&trail(&api, "").await), ["listSessions"]);
}

#[tokio::test]
async fn what_was_answered_survives_the_service_and_the_database() {
    let mut cluster = Cluster::start().await;
    let database = cluster.database();
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    for _ in 0..5 {
        assert_eq!(api.get("/api/v1/sessions").await.0, 200);
    }
    service.kill().await;
    cluster.crash().await;
    cluster.start_again().await;
    let service = Service::start(&database).await;
    assert_eq!(trail(&Api::of(&service), "operation=listSessions").await.len(), 5);
}

#[tokio::test]
async fn entries_are_changed_by_nobody_and_dropped_when_their_time_is_over() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    assert_eq!(api.get("/api/v1/sessions").await.0, 200);
    let mut connection = database.connect().await;
    for change in [
        "update coursestream.access_trail set status = 0",
        "delete from coursestream.access_trail",
        "truncate coursestream.access_trail",
    ] {
        let error = connection.execute(AssertSqlSafe(change)).await.expect_err(change).into_database_error().unwrap();
        assert_eq!(error.code().as_deref(), Some("23001"), "{change}: {error}");
    }
    let prune = ["prune", "--database-url", &database.url, "--access-retention"];
    service::run(&[&prune[..], &["1h"]].concat()).await;
    assert_eq!(trail(&api, "operation=listSessions").await.len(), 1);
    let dropped = async {
        while !service::run(&[&prune[..], &["1ms"]].concat()).await.contains("entries of the access trail dropped") {}
    };
    tokio::time::timeout(PATIENCE, dropped).await.expect("they are dropped");
    assert_eq!(trail(&api, "operation=listSessions").await, [] as [Value; 0]);
    let _ = connection.close().await;
}
