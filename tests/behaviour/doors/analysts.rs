//! Analysts who see one user's runs, whatever they try.

use reqwest::StatusCode;
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row};

use super::callers::OTHER_USER;
use crate::support::{
    api::{Api, USER},
    database::Database,
    service::Service,
};

async fn names(connection: &mut PgConnection, schema: &str) -> Vec<String> {
    let sql = format!(
        "select relname::text from pg_class where relnamespace = '{schema}'::regnamespace and relkind = 'v' order by 1"
    );
    connection.fetch_all(AssertSqlSafe(sql)).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn count(connection: &mut PgConnection, sql: String) -> i64 {
    connection.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0)
}

/// A login of the cluster that is tied to a user of this database.
async fn analyst(database: &Database, role: &str, user_id: &str) -> PgConnection {
    let mut owner = database.connect().await;
    let provide = format!("select coursestream.provide_user_analyst('{role}', '{user_id}')");
    owner.execute(AssertSqlSafe(provide)).await.unwrap();
    owner.close().await.unwrap();
    database.options().username(role).connect().await.unwrap()
}

async fn run(api: &Api, user_id: &str, topic: &str) -> String {
    let body = json!({"course_topic": topic, "user_id": user_id});
    let (status, answer) = api.post("/api/v1/course-generation/generate", &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let session = answer["sessionId"].as_str().unwrap().to_owned();
    api.wait_for_end(&session).await;
    session
}

#[tokio::test]
async fn an_analyst_of_one_user_sees_that_users_runs_in_every_view() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let mine = run(&api, USER, "Rust ownership").await;
    run(&api, OTHER_USER, "The other's secret").await;

    let mut owner = database.connect().await;
    let (all, own) = (names(&mut owner, "analytics").await, names(&mut owner, "analytics_own").await);
    let mirrored: Vec<&String> = own.iter().filter(|name| *name != "all_events").collect();
    assert_eq!(mirrored, all.iter().collect::<Vec<_>>(), "call coursestream.mirror_analytics() in the migration");

    let mut analyst_of_one = analyst(&database, "analyst_of_one", USER).await;
    let sessions = "select string_agg(session_id::text, ',') from runs";
    assert_eq!(analyst_of_one.fetch_one(sessions).await.unwrap().get::<String, _>(0), mine);
    let mut analyst_of_nobody = analyst(&database, "analyst_of_nobody", "33333333-3333-4333-8333-333333333333").await;
    for view in &own {
        let rows = count(&mut analyst_of_nobody, format!("select count(*) from {view}")).await;
        assert_eq!(rows, 0, "{view} shows rows to somebody who has none");
        let text = format!("select count(*) from {view} as row where row::text ilike '%secret%'");
        assert_eq!(count(&mut analyst_of_one, text).await, 0, "{view} shows another's rows");
    }
    for view in ["events", "steps", "run_latencies", "hourly_runs", "topics", "users", "courses"] {
        assert!(count(&mut analyst_of_one, format!("select count(*) from {view}")).await > 0, "{view}");
    }
}

#[tokio::test]
async fn an_analyst_of_another_user_is_refused_what_leads_around_the_views() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    run(&api, OTHER_USER, "The other's secret").await;
    let mut analyst = analyst(&database, "analyst_of_another", USER).await;
    analyst.execute("set default_transaction_read_only = off").await.unwrap();
    for statement in [
        "select * from analytics.runs",
        "select * from analytics.events",
        "select * from coursestream.sessions",
        "select * from coursestream.events",
        "select * from coursestream.analyst_users",
        "select coursestream.provide_user_analyst('analyst_of_another', '22222222-2222-4222-8222-222222222222')",
        "set role coursestream_analyst",
        "set role coursestream",
        "set session authorization coursestream",
        "create view analytics_own.mine as select 1",
        "create or replace view analytics_own.runs as select 1",
    ] {
        let error = analyst.execute(sqlx::raw_sql(statement)).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{statement}: {error}");
    }
    // A function that is asked before the filter would tell of rows that are not shown: the barrier keeps it waiting.
    analyst
        .execute(sqlx::raw_sql(
            "create function pg_temp.tell(topic text) returns boolean language plpgsql cost 0.0001 as
                $$ begin raise exception 'seen: %', topic; end $$",
        ))
        .await
        .unwrap();
    let mut owner = database.connect().await;
    for view in names(&mut owner, "analytics_own").await {
        let columns = format!(
            "select string_agg(format('pg_temp.tell(%I::text)', attname), ' and ') from pg_attribute
            where attrelid = 'analytics_own.{view}'::regclass and attnum > 0"
        );
        let asked: String = owner.fetch_one(sqlx::AssertSqlSafe(columns)).await.unwrap().get(0);
        assert_eq!(count(&mut analyst, format!("select count(*) from {view} where {asked}")).await, 0, "{view}");
    }
    for statement in [
        "select count(*) from runs where pg_temp.tell(topic)",
        "select count(*) from runs where topic::integer = 1",
        "select count(*) from events where pg_temp.tell(message)",
        "select count(*) from joins where pg_temp.tell(transport)",
    ] {
        let rows = analyst.fetch_one(sqlx::raw_sql(statement)).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rows.get::<i64, _>(0), 0, "{statement}");
    }
}

/// Any login may listen to a channel and send on it, if it knows its name.
#[tokio::test]
async fn an_analyst_neither_hears_nor_wakes_the_nodes() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let analyst = analyst(&database, "analyst_who_listens", USER).await;
    analyst.close().await.unwrap();
    let options = database.options().username("analyst_who_listens");
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let mut listener = sqlx::postgres::PgListener::connect_with(&pool).await.unwrap();
    let mut owner = database.connect().await;
    let secret = "select 'coursestream_' || left(encode(value, 'hex'), 32) from coursestream.secrets where name = 'wakeup_channel'";
    let channel: String = owner.fetch_one(secret).await.unwrap().get(0);
    listener.listen_all(["coursestream", &channel]).await.unwrap();
    run(&api, OTHER_USER, "The other's secret").await;
    let heard = listener.recv().await.unwrap();
    assert_eq!(heard.channel(), channel, "nothing is said where everybody can hear it");
    let error = sqlx::query("select value from coursestream.secrets").fetch_all(&mut listener).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{error}");
}
