//! The views: described, the same wherever the events are, and not to be broken by what a producer sends.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, postgres::PgConnectOptions};

use super::model::{FROM_MS, HOUR_MS, History, ask};
use crate::support::{
    api::{Answer, Api},
    database::Database,
    outside::Outside,
    scripted::{Scripted, json as answer},
    service::{self, Service},
};

fn analyst(database: &Database) -> PgConnectOptions {
    database.options().username("coursestream_analyst")
}

#[tokio::test]
async fn every_view_column_and_function_is_described() {
    let database = Database::create().await;
    let mut connection = database.connect().await;
    let silent = "
        select format('view %s', relname) as what from pg_class
        where relnamespace = 'analytics'::regnamespace and relkind in ('v', 'm', 'r', 'p') and obj_description(oid, 'pg_class') is null
        union all
        select format('column %s.%s', relname, attname) from pg_class c join pg_attribute a on a.attrelid = c.oid
        where relnamespace = 'analytics'::regnamespace and relkind in ('v', 'm', 'r', 'p') and attnum > 0 and not attisdropped
            and col_description(c.oid, attnum) is null
        union all
        select format('function %s', proname) from pg_proc
        where pronamespace = 'analytics'::regnamespace and obj_description(oid, 'pg_proc') is null
        union all
        select 'the schema' where obj_description('analytics'::regnamespace, 'pg_namespace') is null";
    let rows = connection.fetch_all(silent).await.unwrap();
    let silent: Vec<String> = rows.iter().map(|row| row.get("what")).collect();
    assert_eq!(silent, [] as [String; 0], "has no COMMENT");
    let described: i64 = sqlx::query_scalar(
        "select count(*) from pg_description where classoid = 'pg_class'::regclass and objoid in (
            select oid from pg_class where relnamespace = 'analytics'::regnamespace)",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(described > 100, "{described}");
}

/// What every view says, in short.
async fn answers(options: &PgConnectOptions) -> BTreeMap<String, Vec<Vec<String>>> {
    let views = "select table_name from information_schema.views where table_schema = 'analytics'";
    let mut answers = BTreeMap::new();
    for view in ask(options, views).await.concat() {
        let sql =
            format!(r"select count(*), md5(string_agg(v::text, E'\n' order by v::text)) from analytics.{view} as v");
        let answer = ask(options, &sql).await;
        answers.insert(view, answer);
    }
    assert!(answers.len() >= 12, "{answers:?}");
    answers
}

async fn count(connection: &mut PgConnection, sql: &str) -> i64 {
    connection.fetch_one(AssertSqlSafe(sql.to_owned())).await.unwrap().get(0)
}

#[tokio::test]
async fn answers_are_the_same_before_and_after_pruning() {
    let history = History::create().await;
    let mut connection = history.database.connect().await;
    let mut before = answers(&history.analyst()).await;
    let url = &history.database.url;
    let said =
        service::run(&["prune", "--database-url", url, "--session-ttl", "0s", "--history-retention", "36500d"]).await;
    assert!(said.contains("partitions dropped: 0"), "{said}");
    let live = count(&mut connection, "select count(*) from coursestream.events").await;
    let archived = count(&mut connection, "select count(*) from coursestream.events_archive").await;
    assert!(
        live > 0 && archived > live,
        "some hours are archived, those with an open session are not: {live}, {archived}"
    );
    let mut after = answers(&history.analyst()).await;
    for answers in [&mut before, &mut after] {
        // The sessions that are open stay so: an hour may have passed, and with it a line was added.
        answers.remove("concurrency");
    }
    assert_eq!(before, after);

    // The oldest half goes, with all that belongs to it.
    let border_ms = FROM_MS + 36 * HOUR_MS;
    let age_ms = chrono::Utc::now().timestamp_millis() - border_ms;
    let retention = format!("{age_ms}ms");
    let said =
        service::run(&["prune", "--database-url", url, "--session-ttl", "0s", "--history-retention", &retention]).await;
    assert!(said.contains("partitions dropped: 36"), "{said}");
    let border = border_ms as u128;
    let kept: Vec<_> = history.runs.iter().filter(|run| run.id.as_u128() >> 80 >= border).collect();
    let wanted = [
        ("runs", kept.len()),
        ("events", kept.iter().map(|run| run.events.len()).sum()),
        ("steps", kept.iter().flat_map(|run| &run.events).filter(|event| event.step.is_some()).count()),
        ("joins", kept.iter().map(|run| run.joins.len()).sum()),
        ("failures", kept.iter().filter(|run| run.is("failed")).count()),
    ];
    for (view, rows) in wanted {
        let answer = ask(&history.analyst(), &format!("select count(*) from analytics.{view}")).await;
        assert_eq!(answer, [[rows.to_string()]], "{view}");
    }
    connection.close().await.unwrap();
}

/// The partitions that a plan looks into.
async fn partitions(options: &PgConnectOptions, sql: &str) -> usize {
    let plan = ask(options, &format!("explain (analyze, costs off, timing off, summary off) {sql}")).await.concat();
    let looked_into = plan.iter().filter(|line| !line.contains("never executed"));
    let names = looked_into.filter_map(|line| line.split_once(" on events_")?.1.split_whitespace().next());
    // An index is named after its partition.
    names.map(|name| name.trim_end_matches("_pkey")).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_question_about_a_session_or_some_hours_leaves_the_rest_of_the_log_unread() {
    let history = History::shared().await;
    let analyst = history.analyst();
    let session = history.runs[history.runs.len() / 2].id;
    assert_eq!(partitions(&analyst, &format!("select * from events where session_id = '{session}'")).await, 1);
    assert_eq!(partitions(&analyst, &format!("select * from steps where session_id = '{session}'")).await, 1);
    assert_eq!(partitions(&analyst, &format!("select * from run_latencies where session_id = '{session}'")).await, 1);
    let hours =
        "session_id >= first_session_at('2026-01-06 10:00Z') and session_id < first_session_at('2026-01-06 12:00Z')";
    assert_eq!(partitions(&analyst, &format!("select * from events where {hours}")).await, 2);
    assert_eq!(partitions(&analyst, &format!("select step, count(*) from steps where {hours} group by step")).await, 2);
    // An hour more on both sides, for ids carry the clock of the node.
    assert_eq!(partitions(&analyst, "select * from hourly_runs where hour = '2026-01-06 10:00Z'").await, 3);
}

#[tokio::test]
async fn nothing_that_a_producer_sends_breaks_a_view() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let outside = Outside::create(&api).await;
    let raw = |data: &str| format!(r#"{{"type":"success","message":"A step?","data":{data}}}"#);
    // Text and not values: what is sent is what is meant.
    let data = [
        r#"{"step":"plain","part":3,"lesson":2,"tries":1,"durationMs":1500,"usage":{"promptTokens":7,"completionTokens":9},"model":"m"}"#,
        r#"{"step":"wrong","part":"x","lesson":-1,"tries":1.5,"durationMs":1e3,"attempt":99999999999999999999,"usage":7,"model":{"a":1}}"#,
        r#"{"step":"emoji \ud83d\ude00 and \\u0000 are fine","usage":[],"durationMs":null}"#,
        r#"{"step":"nul \u0000"}"#,
        r#"{"step":"half \ud83d"}"#,
        r#"{"step":"other half \ude00"}"#,
        r#"{"step":"escaped, then half \\\ud83d"}"#,
        r#"{"step":{"deep":[1,2]}}"#,
        r#"{"step":null}"#,
        "{}",
        "[]",
        r#"["step"]"#,
        "\"step\"",
        "17",
        "null",
        r#"{"step":"twice","step":"the last counts"}"#,
        r#"{"step":"fits no integer","part":3000000000,"lesson":2147483648,"attempt":999999999999999,"tries":4294967296,"durationMs":999999999}"#,
    ];
    let mut taken = 0;
    for data in data {
        let path = format!("/api/v1/sessions/{}/messages", outside.session);
        let request = api.http.post(api.url(&path)).header("content-type", "application/json");
        let status = request.body(format!("[{}]", raw(data))).send().await.unwrap().status();
        // What the API does not take cannot break anything either.
        assert!(status == 200 || status == 400, "{data}: {status}");
        taken += usize::from(status == 200);
    }
    assert!(taken >= 10, "{taken}");
    // As a later version of the API may let in what this one does not, or an earlier one did.
    let mut connection = database.connect().await;
    connection
        .execute("create temp table given as select session_id, last_offset from coursestream.sessions")
        .await
        .unwrap();
    for data in data {
        let insert = r#"insert into coursestream.events select session_id, 1000 + (select count(*) from coursestream.events),
            'success', 'A step?', $1::json, now() from given"#;
        sqlx::query(insert).bind(data).execute(&mut connection).await.unwrap();
    }
    answers(&analyst(&database)).await;
    let steps = ask(
        &analyst(&database),
        r#"select step, part, lesson, attempt, tries, model, duration_ms, prompt_tokens, completion_tokens from analytics.steps
            where "offset" > 1000 order by "offset""#,
    )
    .await;
    let row = |cells: [&str; 9]| cells.map(str::to_owned).to_vec();
    assert_eq!(
        steps,
        [
            row(["plain", "3", "2", "", "1", "m", "1500", "7", "9"]),
            row(["wrong", "", "", "", "", r#"{"a":1}"#, "", "", ""]),
            row(["emoji 😀 and \\u0000 are fine", "", "", "", "", "", "", "", ""]),
            row([r#"{"deep":[1,2]}"#, "", "", "", "", "", "", "", ""]),
            row(["the last counts", "", "", "", "", "", "", "", ""]),
            row(["fits no integer", "", "", "", "", "", "999999999", "", ""]),
        ]
    );
}

#[tokio::test]
async fn a_run_of_this_service_is_told_step_by_step() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let run = api.wait_for_end(&session).await;
    let steps = ask(
        &analyst(&database),
        "select step, part, lesson, attempt, tries, model, duration_ms >= 0, prompt_tokens is not null from analytics.steps
            order by step, part, lesson",
    )
    .await;
    assert_eq!(Some(steps.len() as u64), run["counts"]["success"].as_u64());
    let first = ["content", "1", "1", "1", "1", run["model"].as_str().unwrap(), "t", "t"];
    assert_eq!(steps[0], first);
    assert_eq!(steps.last().unwrap()[..3], ["structure", "", ""]);
    let latencies =
        "select queue_wait_ms >= 0, first_event_ms = queue_wait_ms, duration_ms from analytics.run_latencies";
    assert_eq!(ask(&analyst(&database), latencies).await, [["t", "t", &run["durationMs"].to_string()]]);
    let course =
        "select c.course_id, parts, lessons, topic from analytics.courses c join analytics.runs using (course_id)";
    let course = ask(&analyst(&database), course).await.concat();
    assert_eq!(course[0], run["courseId"].as_str().unwrap());
    assert_eq!(course[3], "Rust ownership");
    let lessons = steps.iter().filter(|step| step[0] == "content").count();
    assert_eq!(course[2], lessons.to_string());
}

#[tokio::test]
async fn a_failure_has_a_cause_and_a_place() {
    let model = Scripted::start(vec![answer(401, "{}")]).await;
    let database = Database::create().await;
    let arguments = ["--provider", "openai", "--openai-base-url", &model.base_url];
    let service = Service::start_with(&database, &arguments).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let run = api.wait_for_end(&session).await;
    assert_eq!(run["status"], "failed");
    let outside = Outside::create(&api).await;
    let (status, _) = api
        .post(&format!("/api/v1/sessions/{}/end", outside.session), &json!({"status": "failed", "error": "no flour"}))
        .await;
    assert_eq!(status, 200);
    let failures = "select cause, step, part, lesson, error, provider from analytics.failures order by started_at";
    let error = run["error"].as_str().unwrap();
    assert_eq!(
        ask(&analyst(&database), failures).await,
        [["unauthorized", "structure", "", "", error, "openai"], ["producer", "", "", "", "no flour", "outside"]]
    );
    let events: Vec<Value> = api.events(&session).await;
    assert_eq!(events.last().unwrap()["data"]["cause"], "unauthorized");
}

#[tokio::test]
async fn the_indexes_that_questions_need_cost_appends_nothing() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let outside = Outside::create(&api).await;
    for _ in 0..200 {
        outside.log(1).await;
    }
    let mut connection = database.connect().await;
    // Statistics come a moment later.
    let waited = async {
        loop {
            let (updated, hot): (i64, i64) = sqlx::query_as(
                "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where schemaname = 'coursestream' and relname = 'sessions'",
            )
            .fetch_one(&mut connection)
            .await
            .unwrap();
            if updated >= 200 {
                return (updated, hot);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let (updated, hot) = tokio::time::timeout(service::PATIENCE, waited).await.expect("the statistics come");
    // All but those that found no room on their page.
    assert!(hot * 10 >= updated * 9, "an append changes no index of the sessions: {hot} of {updated} updates are HOT");
}

/// What producers give for usage is one thing to the run's row, which a node writes, and to the steps, which SQL reads.
#[tokio::test]
async fn a_run_and_its_steps_count_the_same_tokens() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    for (usage, counted) in [
        (r#"{"promptTokens":7,"completionTokens":11}"#, [7, 11]),
        (r#"{"promptTokens":7}"#, [7, 0]),
        (r#"{"completionTokens":999999999,"cached":[]}"#, [0, 999_999_999]),
        ("{}", [0, 0]),
        ("[7,11]", [0, 0]),
        (r#"[{"promptTokens":7}]"#, [0, 0]),
        ("7", [0, 0]),
        ("null", [0, 0]),
        (r#""promptTokens""#, [0, 0]),
        (r#"{"promptTokens":1000000000,"completionTokens":11}"#, [0, 0]),
        (r#"{"promptTokens":"7","completionTokens":11}"#, [0, 0]),
        (r#"{"promptTokens":7.0,"completionTokens":11}"#, [0, 0]),
        (r#"{"promptTokens":7e0}"#, [0, 0]),
        (r#"{"promptTokens":-7,"completionTokens":11}"#, [0, 0]),
        (r#"{"promptTokens":null,"completionTokens":11}"#, [0, 0]),
        (r#"{"promptTokens":[7],"completionTokens":11}"#, [0, 0]),
        (r#"{"promptTokens":7,"promptTokens":8}"#, [8, 0]),
        (r#"{"promptTokens":7,"promptTokens":"8"}"#, [0, 0]),
        (r#"{"promptTokens":7},"usage":{"completionTokens":11}"#, [0, 11]),
        (r#"{"promptTokens":7},"usage":[]"#, [0, 0]),
    ] {
        let producer = Outside::create(&api).await;
        let path = format!("/api/v1/sessions/{}/messages", producer.session);
        let body = format!(r#"[{{"type":"success","message":"","data":{{"step":"mine","usage":{usage}}}}}]"#);
        let request = api.request(Method::POST, &path).header("content-type", "application/json").body(body);
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 200, "{usage}: {}", answer.text);
        let sql = format!(
            "select r.prompt_tokens, r.completion_tokens, coalesce(s.prompt_tokens, 0), coalesce(s.completion_tokens, 0)
            from analytics.runs r join analytics.steps s using (session_id) where session_id = '{}'",
            producer.session
        );
        let wanted = [counted, counted].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(ask(&analyst(&database), &sql).await, [wanted], "{usage}");
    }
}
