//! The log is what is sealed. What is kept beside it, a session's row and its courses, is held against it: what was forged there is
//! named, and an honest history, however it went, is intact.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::{AT_ONCE, Check, execute, intruder, start, wait_for_seal};
use crate::support::{
    api::{Api, USER},
    database::Database,
    outside::Outside,
    scripted::{self, Scripted},
    service::{self, Service},
};

/// Does something by hand, and checks what is found of the session: over the API, of it alone and of all, and by the command.
async fn found(database: &Database, api: &Api, session: &str, sql: &str) -> Value {
    let mut connection = intruder(database).await;
    assert!(execute(&mut connection, sql).await > 0, "{sql}");
    let check = Check::of(database, api).await;
    assert_eq!(check.about(session).len(), 1, "{sql}: {:#?}", check.findings);
    assert_eq!(check.findings.len(), 1, "{sql}: {:#?}", check.findings);
    let (_, alone) = api.get(&format!("/api/v1/sessions/{session}/verify")).await;
    assert_eq!((&alone["intact"], &alone["findings"]), (&json!(false), &json!(check.findings)), "{sql}: {alone}");
    check.findings[0].clone()
}

/// A run that came to its end, and was sealed.
async fn sealed_run(api: &Api, topic: &str) -> String {
    let session = api.generate(topic).await;
    wait_for_seal(api, &session).await;
    session
}

/// The course of a run, as an event carries it.
async fn generated(api: &Api, session: &str) -> Value {
    let events = api.events(session).await;
    events.into_iter().find(|event| event["type"] == "course_generated").unwrap()["data"].take()
}

/// All that a log tells of its session.
const COLUMNS: [&str; 20] = [
    "topic",
    "search_web",
    "user_id",
    "created_at",
    "producer",
    "status",
    "ended_at",
    "last_offset",
    "log_count",
    "progress_count",
    "success_count",
    "error_count",
    "course_generated_count",
    "course_id",
    "error",
    "provider",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "attempts",
];

#[tokio::test]
async fn each_column_of_a_session_that_was_altered_is_named() {
    let database = Database::create().await;
    let service = start(&database).await;
    let api = Api::of(&service);
    let session = sealed_run(&api, "Rust ownership").await;
    sealed_run(&api, "Rust borrowing").await;
    let mut connection = intruder(&database).await;
    execute(&mut connection, "create table public.kept as select * from coursestream.sessions").await;
    let restored = COLUMNS.map(|column| format!("{column} = k.{column}")).join(", ");
    let restore =
        format!("update coursestream.sessions s set {restored} from public.kept k where k.session_id = s.session_id");
    let mut named = BTreeSet::new();
    let alterations: [(&str, &[&str]); 20] = [
        ("topic = 'Another'", &["topic"]),
        ("search_web = not search_web", &["search_web"]),
        ("user_id = session_id", &["user_id"]),
        ("created_at = created_at - interval '1 ms'", &["created_at"]),
        ("producer = 'somebody'", &["producer"]),
        ("status = 'failed'", &["status"]),
        ("status = 'running', ended_at = null", &["status", "ended_at"]),
        ("ended_at = ended_at + interval '1 ms'", &["ended_at"]),
        ("last_offset = last_offset + 1", &["last_offset"]),
        ("log_count = log_count - 1", &["log_count"]),
        ("progress_count = 0", &["progress_count"]),
        ("success_count = 1", &["success_count"]),
        ("error_count = -1", &["error_count"]),
        ("course_generated_count = 2", &["course_generated_count"]),
        ("course_id = session_id", &["course_id"]),
        ("error = 'none'", &["error"]),
        ("provider = null", &["provider"]),
        ("model = 'another'", &["model"]),
        ("prompt_tokens = prompt_tokens + 1, completion_tokens = 7", &["prompt_tokens", "completion_tokens"]),
        ("attempts = 7", &["attempts"]),
    ];
    for (set, columns) in alterations {
        let sql = format!("update coursestream.sessions set {set} where session_id = '{session}'");
        let finding = found(&database, &api, &session, &sql).await;
        assert_eq!((&finding["what"], &finding["columns"]), (&json!("session_altered"), &json!(columns)));
        let said = format!("the session's row is not what its log says: {}", columns.join(", "));
        assert_eq!(finding["detail"], format!("session {session} (seal 1): {said}"));
        named.extend(columns);
        execute(&mut connection, &*restore).await;
        Check::of(&database, &api).await.assert_clean();
    }
    assert_eq!(named, COLUMNS.iter().collect());
    // A session that a search does not find any more.
    let hide = format!("delete from coursestream.session_topics where session_id = '{session}'");
    let finding = found(&database, &api, &session, &hide).await;
    assert_eq!(finding["columns"], json!(["session_topics"]));
    service::run(&["rebuild", "--database-url", &database.url]).await;
    Check::of(&database, &api).await.assert_clean();
    // What the table would refuse.
    execute(&mut connection, "alter table coursestream.sessions drop constraint sessions_status_check").await;
    let gossip = format!("update coursestream.sessions set status = 'gossip' where session_id = '{session}'");
    assert_eq!(found(&database, &api, &session, &gossip).await["columns"], json!(["status"]));
}

#[tokio::test]
async fn a_course_that_was_forged_is_named() {
    let database = Database::create().await;
    let service = start(&database).await;
    let api = Api::of(&service);
    let session = sealed_run(&api, "Rust ownership").await;
    let data = generated(&api, &session).await;
    let course = data["courseId"].as_str().unwrap();
    let of_course = format!("where course_id = '{course}'");
    for (sql, what) in [
        (format!("update coursestream.courses set title = 'Another' {of_course}"), "course_altered"),
        (format!("update coursestream.courses set user_id = session_id {of_course}"), "course_altered"),
        (format!("update coursestream.courses set created_at = now() {of_course}"), "course_altered"),
        (format!("update coursestream.course_parts set learning_goals = '{{}}' {of_course}"), "course_altered"),
        (
            format!(
                "update coursestream.course_lessons
                set content = jsonb_set(content, '{{quiz,questions,0,options,0,is_correct}}', 'false') {of_course}"
            ),
            "course_altered",
        ),
        (
            format!("update coursestream.course_lessons set content = content - 'examples' {of_course}"),
            "course_altered",
        ),
        (
            format!("delete from coursestream.course_lessons {of_course} and part_number = 1 and lesson_number = 1"),
            "course_altered",
        ),
        (format!("delete from coursestream.courses {of_course}"), "course_removed"),
    ] {
        let finding = found(&database, &api, &session, &sql).await;
        assert_eq!((&finding["what"], &finding["courseId"]), (&json!(what), &json!(course)), "{sql}");
        service::run(&["rebuild", "--database-url", &database.url]).await;
        Check::of(&database, &api).await.assert_clean();
    }
    let insert = "insert into coursestream.courses
        select '0199aaaa-0000-7000-8000-000000000001', session_id, user_id, title, description, target_audience, prerequisites,
            total_duration, created_at from coursestream.courses";
    let finding = found(&database, &api, &session, insert).await;
    assert_eq!(finding["what"], "course_inserted");
    assert_eq!(finding["courseId"], "0199aaaa-0000-7000-8000-000000000001");
}

#[tokio::test]
async fn an_honest_history_is_intact_however_its_sessions_ended() {
    let database = Database::create().await;
    let narrow = ["--partition-width", "1s", "--prune-every", "1h", "--seal-every", "0s"];
    let refusing = Scripted::start(vec![scripted::json(400, r#"{"error":{"message":"no"}}"#)]).await;
    let failing = ["--provider", "openai", "--openai-base-url", &refusing.base_url];
    let service =
        Service::start_with_env(&database, &[&narrow[..], &failing].concat(), &[("OPENAI_API_KEY", "none")]).await;
    let mut sessions = vec![sealed_run(&Api::of(&service), "One that fails").await];
    drop(service);

    // One run, and one that waits for it.
    let one = ["--offline-pace", "1h", "--max-running", "1"];
    let service = Service::start_with(&database, &[&narrow[..], &one].concat()).await;
    let api = Api::of(&service);
    let running = api.generate("One that is cancelled").await;
    api.wait_for(&running, |summary| summary["status"] == "running").await;
    let queued = api.generate("One that never starts").await;
    for session in [&queued, &running] {
        let (status, answer) =
            api.post(&format!("/api/v1/course-generation/session/{session}/cancel"), &Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        wait_for_seal(&api, session).await;
    }
    let told = &api.events(&queued).await[0];
    assert_eq!((&told["type"], &told["offset"]), (&json!("session_cancelled"), &json!(1)));
    let (_, summary) = api.get(&format!("/api/v1/sessions/{queued}")).await;
    for field in ["topic", "userId", "searchWeb", "startedAt"] {
        assert_eq!(told["data"][field], summary[field], "{field}");
    }
    sessions.extend([running, queued.clone()]);
    drop(service);

    // One whose node is killed.
    let slow = ["--offline-pace", "60ms", "--lease-ttl", "1s"];
    let service = Service::start_with(&database, &[&narrow[..], &slow].concat()).await;
    let api = Api::of(&service);
    let resumed = api.generate("One that is taken over").await;
    api.wait_for(&resumed, |summary| summary["counts"]["success"].as_u64() > Some(1)).await;
    service.kill().await;
    let service = Service::start_with(&database, &[&narrow[..], &slow].concat()).await;
    let api = Api::of(&service);
    assert_eq!(api.wait_for_end(&resumed).await["attempts"], 2);
    wait_for_seal(&api, &resumed).await;

    // Outside producers, of whom two bring the same course.
    let data = generated(&api, &resumed).await;
    for (id, status) in [(1, "completed"), (2, "failed"), (2, "completed")] {
        let mut data = data.clone();
        data["courseId"] = json!(format!("0199aaaa-0000-7000-8000-00000000000{id}"));
        data["course"]["id"] = data["courseId"].clone();
        data["course"]["title"] = json!(format!("Of {status}"));
        let (_, created) = api.post("/api/v1/sessions", &json!({"topic": "Anything", "user_id": USER})).await;
        let session = created["sessionId"].as_str().unwrap().to_owned();
        let messages = json!([
            {"type": "success", "message": "Paid", "data": {"usage": {"promptTokens": 7, "completionTokens": 11}}},
            {"type": "success", "message": "Not so", "data": {"usage": [7, 11], "attempt": 7, "topic": 7}},
            {"type": "course_generated", "message": "", "data": data},
        ]);
        let (answered, answer) = api.post(&format!("/api/v1/sessions/{session}/messages"), &messages).await;
        assert_eq!(answered, 200, "{answer}");
        api.post(&format!("/api/v1/sessions/{session}/end"), &json!({"status": status})).await;
        wait_for_seal(&api, &session).await;
        sessions.push(session);
    }
    sessions.push(resumed);
    Check::of(&database, &api).await.assert_clean();

    // In the archive as well, and rebuilt.
    for session in &sessions {
        api.wait_for_async(session, async |summary: &Value| {
            service::run(&["prune", "--database-url", &database.url, "--session-ttl", "0s"]).await;
            summary["archived"] == true
        })
        .await;
    }
    let said = service::run(&["rebuild", "--database-url", &database.url]).await;
    assert_eq!(said.trim(), format!("sessions rebuilt: {}, differences: 0", sessions.len()));
    Check::of(&database, &api).await.assert_clean();
    // What never started is told of all the same.
    let forge = format!("update coursestream.sessions set topic = 'Another' where session_id = '{queued}'");
    assert_eq!(found(&database, &api, &queued, &forge).await["columns"], json!(["topic"]));
}

#[tokio::test]
async fn a_course_that_went_with_the_history_of_another_session_is_no_finding() {
    let database = Database::create().await;
    let by_hand = ["--partition-width", "1s", "--prune-every", "1h"];
    let service = Service::start_with(&database, &[&AT_ONCE[..], &by_hand].concat()).await;
    let api = Api::of(&service);
    let run = sealed_run(&api, "Rust ownership").await;
    let mut data = generated(&api, &run).await;
    data["courseId"] = json!("0199aaaa-0000-7000-8000-000000000001");
    data["course"]["id"] = data["courseId"].clone();
    let bring = async || {
        let producer = Outside::create(&api).await;
        producer.append(&json!([{"type": "course_generated", "message": "", "data": data}])).await;
        producer.end().await;
        wait_for_seal(&api, &producer.session).await;
        producer.session
    };
    let first = bring().await;
    let prune = async |retention: &str| {
        let arguments =
            ["prune", "--database-url", &database.url, "--session-ttl", "0s", "--history-retention", retention];
        service::run(&arguments).await
    };
    api.wait_for_async(&first, async |summary: &Value| {
        prune("30d").await;
        summary["archived"] == true
    })
    .await;
    let second = bring().await;
    Check::of(&database, &api).await.assert_clean();
    // Only what ended before the second one.
    while api.get(&format!("/api/v1/sessions/{first}")).await.0 == 200 {
        prune("12s").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(api.get(&format!("/api/v1/courses/{}", data["courseId"].as_str().unwrap())).await.0, 404);
    assert_eq!(api.get(&format!("/api/v1/sessions/{second}")).await.0, 200);
    Check::of(&database, &api).await.assert_clean();
}
