//! The log is the truth: nobody changes it, and what is projected from it can always be made from it again.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use crate::support::{
    api::{Api, USER},
    database::Database,
    scripted::{self, Scripted},
    service::{self, Service},
    socket::{Socket, assert_contiguous},
};

/// Runs `coursestream prune` until a session's events are in the archive.
async fn archive(database: &Database, api: &Api, session: &str) {
    api.wait_for_async(session, async |summary: &Value| {
        if summary["archived"] == true {
            return true;
        }
        service::run(&["prune", "--database-url", &database.url, "--session-ttl", "0s"]).await;
        false
    })
    .await;
}

async fn check(database: &Database) -> (bool, String) {
    let (status, stdout, stderr) = service::try_run(&["rebuild", "--check", "--database-url", &database.url]).await;
    assert!(matches!(status.code(), Some(0 | 1)), "{status}: {stdout}{stderr}");
    (status.success(), stdout)
}

async fn assert_no_difference(database: &Database, sessions: usize) {
    let (is_equal, said) = check(database).await;
    assert!(is_equal, "{said}");
    assert_eq!(said.trim(), format!("sessions compared: {sessions}, differences: 0"));
}

async fn execute(connection: &mut PgConnection, sql: impl Into<String>) -> u64 {
    connection.execute(AssertSqlSafe(sql.into())).await.unwrap().rows_affected()
}

#[tokio::test]
async fn events_are_changed_by_nobody() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "0ms", "--partition-width", "1s"]).await;
    let api = Api::of(&service);
    let archived = api.generate("In the archive").await;
    api.wait_for_end(&archived).await;
    archive(&database, &api, &archived).await;
    let live = api.generate("In the log").await;
    api.wait_for_end(&live).await;
    let before = (api.events(&live).await, api.events(&archived).await);

    let mut connection = database.connect().await;
    let partition = |session: &str| {
        format!(
            "(select tableoid::regclass::text from (select tableoid, session_id from coursestream.events union all select tableoid, session_id from coursestream.events_archive) as log where session_id = '{session}' limit 1)"
        )
    };
    let mut tables =
        vec![("coursestream.events".to_owned(), &live), ("coursestream.events_archive".to_owned(), &archived)];
    for session in [&live, &archived] {
        let row = connection.fetch_one(AssertSqlSafe(format!("select {}", partition(session)))).await.unwrap();
        tables.push((row.get(0), session));
    }
    assert_ne!(tables[2].0, tables[3].0);
    for (table, session) in &tables {
        for change in [
            format!("update {table} set message = 'another' where session_id = '{session}'"),
            format!("update {table} set data = null where session_id = '{session}' and \"offset\" = 1"),
            format!("delete from {table} where session_id = '{session}'"),
            format!("delete from {table}"),
            format!("truncate {table}"),
            format!("truncate {table} cascade"),
            format!(
                "insert into {table} select * from {table} where session_id = '{session}' and \"offset\" = 1
                    on conflict (session_id, \"offset\") do update set message = 'another'"
            ),
        ] {
            let error = connection.execute(AssertSqlSafe(change.clone())).await.expect_err(&change);
            let error = error.into_database_error().unwrap();
            assert_eq!(error.code().as_deref(), Some("23001"), "{change}: {error}");
            assert!(error.message().contains("immutable"), "{error}");
        }
    }
    assert_eq!((api.events(&live).await, api.events(&archived).await), before);
}

#[tokio::test]
async fn projections_equal_their_events_however_a_session_ended_and_after_pruning() {
    let database = Database::create().await;
    let refusing = Scripted::start(vec![scripted::json(400, r#"{"error":{"message":"no"}}"#)]).await;
    let runs = ["--partition-width", "1s", "--provider", "openai", "--openai-base-url", &refusing.base_url];
    let service = Service::start_with_env(&database, &runs, &[("OPENAI_API_KEY", "none")]).await;
    let api = Api::of(&service);
    let failed = api.generate("One that fails").await;
    let summary = api.wait_for_end(&failed).await;
    assert_eq!(summary["status"], "failed", "{summary}");
    drop(service);

    let service = Service::start_with(&database, &["--partition-width", "1s", "--offline-pace", "1h"]).await;
    let api = Api::of(&service);
    let cancelled = api.generate("One that is cancelled").await;
    api.wait_for(&cancelled, |summary| summary["status"] == "running").await;
    api.post(&format!("/api/v1/course-generation/session/{cancelled}/cancel"), &Value::Null).await;
    assert_eq!(api.wait_for_end(&cancelled).await["status"], "cancelled");
    drop(service);

    let service = Service::start_with(&database, &["--offline-pace", "0ms", "--partition-width", "1s"]).await;
    let api = Api::of(&service);
    let completed = api.generate("One that completes").await;
    let summary = api.wait_for_end(&completed).await;
    assert_eq!(summary["status"], "completed", "{summary}");
    let (_, produced) = api.post("/api/v1/sessions", &json!({"topic": "From outside", "user_id": USER})).await;
    let produced = produced["sessionId"].as_str().unwrap();
    let events = api.events(&completed).await;
    let generated = events.iter().find(|event| event["type"] == "course_generated").unwrap();
    // Two courses in one session: the second is as much a projection as the first.
    let mut data = [generated["data"].clone(), generated["data"].clone()];
    for (data, id) in
        data.iter_mut().zip(["0199aaaa-0000-7000-8000-000000000001", "0199aaaa-0000-7000-8000-000000000002"])
    {
        data["courseId"] = json!(id);
        data["course"]["id"] = json!(id);
    }
    let messages = json!([
        {"type": "success", "message": "Paid", "data": {"usage": {"promptTokens": 7, "completionTokens": 11}}},
        {"type": "course_generated", "message": "The first", "data": data[0]},
        {"type": "error", "message": "Hm", "data": {"usage": "none of ours", "attempt": "x"}},
        {"type": "course_generated", "message": "The second", "data": data[1]},
    ]);
    let (status, answer) = api.post(&format!("/api/v1/sessions/{produced}/messages"), &messages).await;
    assert_eq!(status, 200, "{answer}");
    assert_no_difference(&database, 4).await;
    let (status, answer) = api.post(&format!("/api/v1/sessions/{produced}/end"), &json!({"status": "failed"})).await;
    assert_eq!(status, 200, "{answer}");
    assert_no_difference(&database, 4).await;

    archive(&database, &api, &completed).await;
    assert_no_difference(&database, 4).await;

    // Rebuilding what is right changes nothing, and repairing one thing does not break another.
    let courses = api.get("/api/v1/courses").await;
    assert_eq!(courses.1["items"].as_array().unwrap().len(), 3);
    let mut connection = database.connect().await;
    execute(
        &mut connection,
        format!("update coursestream.sessions set log_count = 99 where session_id = '{produced}'"),
    )
    .await;
    let said = service::run(&["rebuild", "--database-url", &database.url]).await;
    assert!(said.trim().ends_with("sessions rebuilt: 4, differences: 1"), "{said}");
    assert_eq!(api.get("/api/v1/courses").await, courses);
    assert_no_difference(&database, 4).await;
}

#[tokio::test]
async fn what_was_altered_by_hand_is_found_and_repaired() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let other = api.generate("Rust borrowing").await;
    let summary = api.wait_for_end(&session).await;
    api.wait_for_end(&other).await;
    let course = summary["courseId"].as_str().unwrap();
    let saved = api.get(&format!("/api/v1/courses/{course}")).await;
    assert_no_difference(&database, 2).await;

    let mut connection = database.connect().await;
    let sessions = |set: &str| format!("update coursestream.sessions set {set} where session_id = '{session}'");
    let lesson = |set: &str| {
        format!(
            "update coursestream.course_lessons set {set} where course_id = '{course}' and part_number = 1 and lesson_number = 1"
        )
    };
    for (alteration, what) in [
        (sessions("status = 'failed'"), "status"),
        (sessions("status = 'running', ended_at = null"), "ended_at"),
        (sessions("ended_at = ended_at + interval '1 millisecond'"), "ended_at"),
        (sessions("last_offset = last_offset - 1"), "last_offset"),
        (sessions("last_offset = last_offset + 1"), "last_offset"),
        (sessions("log_count = log_count + 1"), "log_count"),
        (sessions("progress_count = 0"), "progress_count"),
        (sessions("course_id = null"), "course_id"),
        (sessions("error = 'none'"), "error"),
        (sessions("provider = 'another'"), "provider"),
        (sessions("model = null"), "model"),
        (sessions("prompt_tokens = prompt_tokens + 1"), "prompt_tokens"),
        (sessions("completion_tokens = completion_tokens + 1"), "completion_tokens"),
        (sessions("attempts = 7"), "attempts"),
        (sessions("topic = 'Another'"), "topic"),
        (sessions("search_web = not search_web"), "search_web"),
        (sessions("user_id = session_id"), "user_id"),
        (sessions("created_at = created_at - interval '1 millisecond'"), "created_at"),
        (sessions("producer = 'somebody'"), "producer"),
        (format!("delete from coursestream.session_topics where session_id = '{session}'"), "session_topics"),
        (lesson("title = 'Another'"), "course"),
        (lesson("content = jsonb_set(content, '{quiz,questions,0,options,0,is_correct}', 'false')"), "course"),
        (
            format!("update coursestream.course_parts set learning_goals = '{{}}' where course_id = '{course}'"),
            "course",
        ),
        (format!("update coursestream.courses set title = 'Another' where course_id = '{course}'"), "course"),
        (format!("update coursestream.courses set user_id = '{other}' where course_id = '{course}'"), "course"),
        (format!("delete from coursestream.course_lessons where course_id = '{course}' and part_number = 1"), "course"),
        (format!("delete from coursestream.courses where course_id = '{course}'"), "course"),
    ] {
        assert!(execute(&mut connection, &*alteration).await > 0, "{alteration}");
        let (is_equal, said) = check(&database).await;
        assert!(!is_equal, "{alteration} was not found");
        let line = said.lines().find(|line| line.contains(&format!(": {what} is ")));
        let line = line.unwrap_or_else(|| panic!("{alteration}: {what} is not named in\n{said}"));
        assert!(line.contains(&session), "{alteration}: {line}");
        assert!(!said.contains(&other), "{alteration}: {said}");

        let said = service::run(&["rebuild", "--database-url", &database.url]).await;
        assert!(said.contains(&session), "{said}");
        assert_no_difference(&database, 2).await;
        assert_eq!(api.get(&format!("/api/v1/sessions/{session}")).await.1, summary, "{alteration}");
        assert_eq!(api.get(&format!("/api/v1/courses/{course}")).await, saved, "{alteration}");
    }
}

#[tokio::test]
async fn a_course_that_no_event_brought_is_found_and_taken_away() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let summary = api.wait_for_end(&session).await;
    let mut connection = database.connect().await;
    execute(
        &mut connection,
        format!(
            "insert into coursestream.courses select gen_random_uuid(), session_id, user_id, 'Forged', description, target_audience,
                prerequisites, total_duration, created_at from coursestream.courses where session_id = '{session}'"
        ),
    )
    .await;
    let (is_equal, said) = check(&database).await;
    assert!(!is_equal && said.contains(&session) && said.contains(": course is "), "{said}");
    service::run(&["rebuild", "--database-url", &database.url]).await;
    assert_no_difference(&database, 1).await;
    let (_, page) = api.get("/api/v1/courses").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["courseId"], summary["courseId"]);
}

#[tokio::test]
async fn rebuilding_beside_a_running_service_disturbs_nobody() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "50ms"]).await;
    let api = Api::of(&service);
    let mut sockets = Vec::new();
    let mut sessions = Vec::new();
    for number in 0..6 {
        let session = api.generate(&format!("Topic {number}")).await;
        let mut socket = Socket::connect(&service).await;
        socket.join(&session).await;
        sockets.push(socket);
        sessions.push(session);
    }
    let mut rebuilds = 0;
    loop {
        let (is_equal, said) = check(&database).await;
        assert!(is_equal, "{said}");
        let said = service::run(&["rebuild", "--database-url", &database.url]).await;
        assert!(said.trim().ends_with("differences: 0"), "{said}");
        rebuilds += 1;
        let (_, listed) = api.get("/api/v1/course-generation/sessions").await;
        if listed["sessions"].as_array().unwrap().iter().all(|session| session["status"] == "completed") {
            break;
        }
    }
    assert!(rebuilds > 1, "the runs were over before anything was rebuilt");
    for (mut socket, session) in sockets.into_iter().zip(sessions) {
        let received = socket.until_complete().await;
        assert_contiguous(&received, 1);
        let (_, summary) = api.get(&format!("/api/v1/sessions/{session}")).await;
        assert_eq!(received.len() as u64, summary["lastOffset"].as_u64().unwrap());
        assert_eq!(summary["status"], "completed");
    }
    assert_no_difference(&database, 6).await;
}
