//! What the common queries cost as the history grows: their plans, on a history that is large enough for the planner to care. The
//! statements are those of the program, as the compile-time cache has them.

use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use crate::support::database::Database;

/// Sessions of the generated history: thirty days of them, the last hour not expired.
const SESSIONS: u32 = 40_000;
/// A session of ten thousand events.
const LARGE: &str = "018f0000-0000-7000-8000-000000000000";
const USER: &str = "'00000000-0000-4000-8000-000000000007'";

/// The statement of the program that contains all of these texts.
fn statement(texts: &[&str]) -> String {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let statements = std::fs::read_dir(cache).unwrap().map(|file| {
        let cached: Value = serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        cached["query"].as_str().unwrap().to_owned()
    });
    let mut found: Vec<String> =
        statements.filter(|statement| texts.iter().all(|text| statement.contains(text))).collect();
    assert_eq!(found.len(), 1, "{texts:?}: {found:?}");
    found.remove(0)
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The plan of a statement with these values, as the pool's connections plan it.
async fn plan(connection: &mut PgConnection, statement: &str, values: &str) -> Value {
    execute(connection, "set plan_cache_mode = force_custom_plan; set jit = off; deallocate all").await;
    execute(connection, &format!("prepare planned as {statement}")).await;
    let explain = format!("explain (analyze, costs off, timing off, format json) execute planned ({values})");
    let row = connection.fetch_one(AssertSqlSafe(explain)).await.unwrap();
    row.get::<Value, _>(0)[0]["Plan"].clone()
}

/// All nodes of a plan.
fn nodes(plan: &Value) -> Vec<&Value> {
    let below = plan["Plans"].as_array().into_iter().flatten();
    std::iter::once(plan).chain(below.flat_map(nodes)).collect()
}

/// Rows that a node read, those that it threw away included.
fn rows_read(node: &Value) -> f64 {
    let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
    let lost = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
    (number("Actual Rows") + lost) * number("Actual Loops").max(1.0)
}

/// Fails unless the big tables are read through indexes alone, and no more of them than a few pages.
fn assert_bounded(plan: &Value, what: &str, rows_max: f64) {
    for node in nodes(plan) {
        let table = node["Relation Name"].as_str().unwrap_or_default();
        let is_big =
            table == "sessions" || table == "session_topics" || table == "courses" || table.starts_with("events");
        assert!(node["Node Type"] != "Seq Scan" || !is_big, "{what}: reads all of {table}:\n{plan:#}");
        assert!(rows_read(node) <= rows_max, "{what}: {} rows in {}:\n{plan:#}", rows_read(node), node["Node Type"]);
    }
}

/// A made-up history: topics, users and statuses spread evenly, ids and partitions as the program makes them.
async fn fill(connection: &mut PgConnection) {
    for sql in [
        "set search_path = coursestream, public".to_owned(),
        "select count(ensure_partition((extract(epoch from g) * 1000)::bigint, 3600000))
            from generate_series(now() - interval '30 days 1 hour', now(), interval '1 hour') g"
            .to_owned(),
        format!(
            "create temp table made as
            select n, at, (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
                || '8' || substr(md5(n::text), 4, 15))::uuid as id
            from (select n, now() - interval '30 days' * (1 - n::float8 / {SESSIONS}) as at
                from generate_series(1, {SESSIONS}) n) as moments"
        ),
        "insert into sessions (session_id, topic, search_web, user_id, created_at, status, ended_at, last_offset, expired_at)
            select id, (array['Rust ownership', 'Bread', 'History of Rome', 'Gardening'])[1 + n % 4] || ' ' || n, false,
                ('00000000-0000-4000-8000-' || lpad(to_hex(n % 400), 12, '0'))::uuid, date_trunc('milliseconds', at),
                case when n % 50 = 0 then 'failed' else 'completed' end, at, 3,
                case when at < now() - interval '1 hour' then at end
            from made"
            .to_owned(),
        "insert into events select id, o, case o when 3 then 'session_completed' else 'log' end, 'x', null, at
            from made, generate_series(1, 3) o where n % 10 = 0"
            .to_owned(),
        "select ensure_partition(('x' || replace(left('018f0000-0000', 13), '-', ''))::bit(48)::bigint, 3600000)".to_owned(),
        format!("insert into events select '{LARGE}', o, 'log', 'x', null, now() from generate_series(1, 10000) o"),
        "insert into courses select gen_random_uuid(), session_id, user_id, topic, 'x', 'x', '{}', 'x', created_at
            from sessions"
            .to_owned(),
        "select archive_partition(name) from partitions
            where upper_bound < uuid_floor((extract(epoch from now() - interval '2 hours') * 1000)::bigint)"
            .to_owned(),
        "analyze".to_owned(),
    ] {
        execute(connection, &sql).await;
    }
}

#[tokio::test]
async fn common_queries_cost_the_same_however_long_the_history_is() {
    let database = Database::create().await;
    let mut connection = database.connect().await;
    fill(&mut connection).await;
    let of =
        |sql: &str| format!("(select {sql} from coursestream.sessions s order by session_id limit 1 offset 20000)");
    let middle = connection.fetch_one(AssertSqlSafe(of("session_id::text"))).await.unwrap().get::<String, _>(0);

    let list = statement(&["join coursestream.session_topics", "order by session_id desc"]);
    // cursor, statuses, expired too, user, topic, after, before, the ids of both, limit
    for (what, values, rows_max) in [
        ("newest first", "null, null, false, null, null, null, null, null, null, 51".to_owned(), 60.0),
        ("from a cursor", format!("'{middle}', null, false, null, null, null, null, null, null, 51"), 60.0),
        ("by user", format!("null, null, false, {USER}, null, null, null, null, null, 51"), 110.0),
        ("by status", "null, array['running'], false, null, null, null, null, null, null, 51".to_owned(), 60.0),
        ("by a rare status", "null, array['failed'], false, null, null, null, null, null, null, 51".to_owned(), 60.0),
        ("expired", "null, array['expired'], true, null, null, null, null, null, null, 51".to_owned(), 200.0),
        (
            "by time",
            format!("null, null, false, null, null, null, now() - interval '10 days', null, '{middle}', 51"),
            60.0,
        ),
        ("by a rare topic", "null, null, false, null, '%rome 12346%', null, null, null, null, 51".to_owned(), 60.0),
        ("by a common topic", "null, null, false, null, '%rust%', null, null, null, null, 51".to_owned(), 400.0),
    ] {
        let plan = plan(&mut connection, &list, &values).await;
        assert_bounded(&plan, what, rows_max);
    }

    let courses = statement(&["from coursestream.courses c", "order by created_at desc"]);
    for (what, values, rows_max) in [
        ("courses", "null, null, null, 51".to_owned(), 60.0),
        ("courses of a user", format!("{USER}, null, null, 51"), 110.0),
        ("courses from a cursor", format!("null, now() - interval '9 days', '{middle}', 51"), 60.0),
    ] {
        let plan = plan(&mut connection, &courses, &values).await;
        assert_bounded(&plan, what, rows_max);
    }

    let events = statement(&["union all", "from coursestream.events_archive", "order by \"offset\" limit"]);
    for (what, values) in [
        ("the first events of a session", format!("'{LARGE}', 0, 501, null")),
        ("later events of a session", format!("'{LARGE}', 9000, 501, null")),
        ("some types of events", format!("'{LARGE}', 0, 501, array['log', 'error']")),
    ] {
        let plan = plan(&mut connection, &events, &values).await;
        assert_bounded(&plan, what, 510.0);
    }
    let plan = plan(&mut connection, &events, &format!("'{middle}', 0, 501, null")).await;
    let partitions: Vec<&str> = nodes(&plan)
        .iter()
        .filter_map(|node| node["Relation Name"].as_str())
        .filter(|name| *name != "events")
        .collect();
    assert_eq!(partitions.len(), 1, "one partition is enough: {partitions:?}\n{plan:#}");
}

/// An update of what every append changes moves no index entry: whoever indexes one of these columns makes appends slower.
#[tokio::test]
async fn appends_leave_the_indexes_of_sessions_alone() {
    let database = Database::create().await;
    let mut connection = database.connect().await;
    let changed = "select count(*) from pg_index i join pg_attribute a on a.attrelid = i.indrelid
        where i.indrelid = 'coursestream.sessions'::regclass
            and a.attname = any(array['last_offset', 'log_count', 'progress_count', 'success_count', 'error_count',
                'course_generated_count', 'prompt_tokens', 'completion_tokens', 'last_append_id', 'lease_expires_at'])
            and (a.attnum = any(i.indkey) or pg_get_expr(i.indpred, i.indrelid) like '%' || a.attname || '%')";
    let indexed: i64 = connection.fetch_one(changed).await.unwrap().get(0);
    assert_eq!(indexed, 0);
}
