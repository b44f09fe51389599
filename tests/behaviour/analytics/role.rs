//! The role that analysts log in as: it reads the views, and nothing else.

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row, postgres::PgConnectOptions};

use crate::support::{
    database::{Cluster, Database},
    service,
};

const ANALYST: &str = "coursestream_analyst";

async fn names(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    let rows = connection.fetch_all(AssertSqlSafe(sql.to_owned())).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn views(connection: &mut PgConnection) -> Vec<String> {
    names(
        connection,
        "select relname::text from pg_class where relnamespace = 'analytics'::regnamespace and relkind = 'v'",
    )
    .await
}

/// The SQLSTATE of the refusal.
async fn refused(connection: &mut PgConnection, sql: &str) -> String {
    // Not prepared, as psql sends it.
    match connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await {
        Ok(_) => panic!("not refused: {sql}"),
        Err(error) => error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned(),
    }
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";
const READ_ONLY: &str = "25006";

#[tokio::test]
async fn an_analyst_reads_every_view_and_has_limits() {
    let database = Database::create().await;
    let mut analyst = database.options().username(ANALYST).connect().await.unwrap();
    let views = views(&mut database.connect().await).await;
    assert!(views.len() >= 12, "{views:?}");
    for view in views {
        let sql = format!("select * from {view} limit 1");
        analyst.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{view}: {error}"));
    }
    for (setting, value) in [
        ("statement_timeout", "1min"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("default_transaction_read_only", "on"),
        ("search_path", "analytics"),
    ] {
        let is: String =
            sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(&mut analyst).await.unwrap();
        assert_eq!(is, value, "{setting}");
    }
}

#[tokio::test]
async fn an_analyst_is_refused_everything_else() {
    let database = Database::create().await;
    let mut owner = database.connect().await;
    owner.execute("create schema other").await.unwrap();
    owner.execute("create table other.notes as select 1 as note").await.unwrap();
    owner.execute("create table public.notes as select 1 as note").await.unwrap();
    let mut statements: Vec<String> = [
        "select * from other.notes",
        "select * from public.notes",
        "create table public.mine (id int)",
        "create table analytics.mine (id int)",
        "create view analytics.mine as select 1",
        "create schema mine",
        "create function analytics.mine() returns int language sql as 'select 1'",
        "drop view analytics.runs",
        "alter view analytics.runs set (security_invoker = true)",
        "comment on view analytics.runs is ''",
        "create role mine",
        "alter role coursestream_analyst superuser",
        "set role coursestream",
        "set session authorization coursestream",
        "copy (select 1) to '/tmp/mine'",
        "copy (select 1) to program 'true'",
        "select pg_read_file('postgresql.conf')",
        "select pg_ls_dir('.')",
        "select lo_import('/etc/hostname')",
        "select pg_reload_conf()",
        "select rolpassword from pg_authid",
    ]
    .map(str::to_owned)
    .into();
    let tables = "select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace
        where nspname = 'coursestream' and relkind in ('r', 'p', 'v', 'm', 'S')";
    let tables = names(&mut owner, tables).await;
    assert!(tables.iter().any(|table| table == "coursestream.secrets"), "{tables:?}");
    for table in tables {
        statements.push(format!("select * from {table}"));
        statements.push(format!("delete from {table}"));
        statements.push(format!("select * from analytics.runs where exists (select from {table})"));
    }
    let functions = "select format('coursestream.%I(%s)', proname, (
            select string_agg('null', ', ') from generate_series(1, pronargs)))
        from pg_proc where pronamespace = 'coursestream'::regnamespace and prorettype <> 'trigger'::regtype";
    let functions = names(&mut owner, functions).await;
    assert!(functions.len() >= 5, "{functions:?}");
    statements.extend(functions.iter().map(|function| format!("select {function}")));
    for view in views(&mut owner).await {
        statements.push(format!("insert into analytics.{view} default values"));
        statements.push(format!("delete from analytics.{view}"));
        statements.push(format!("truncate analytics.{view}"));
    }

    // As it logs in, and once it has lifted what are mere defaults.
    let mut analyst = database.options().username(ANALYST).connect().await.unwrap();
    for sql in &statements {
        let code = refused(&mut analyst, sql).await;
        assert!([INSUFFICIENT_PRIVILEGE, READ_ONLY, "42809", "55000"].contains(&code.as_str()), "{sql}: {code}");
    }
    analyst.execute("set default_transaction_read_only = off").await.unwrap();
    for sql in &statements {
        let code = refused(&mut analyst, sql).await;
        // 42809: no table; 55000: not to be done to such a view, whoever asks.
        assert!([INSUFFICIENT_PRIVILEGE, "42809", "55000"].contains(&code.as_str()), "{sql}: {code}");
    }
    // Statistics on what is in the tables are kept from it as well.
    let rows: i64 = sqlx::query_scalar("select count(*) from pg_stats where schemaname = 'coursestream'")
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn nobody_but_the_analyst_is_let_into_the_views() {
    let database = Database::create().await;
    let mut owner = database.connect().await;
    owner.execute("create role passer_by").await.unwrap();
    owner.execute("set role passer_by").await.unwrap();
    for sql in ["select * from analytics.runs", "select analytics.first_session_at(now())"] {
        assert_eq!(refused(&mut owner, sql).await, INSUFFICIENT_PRIVILEGE, "{sql}");
    }
    owner.execute("reset role").await.unwrap();
    owner.execute("drop role passer_by").await.unwrap();
}

fn url(cluster: &Cluster, user: &str, database: &str) -> String {
    let socket = cluster.socket();
    format!("postgres://{user}@localhost/{database}?host={}", socket.parent().unwrap().display())
}

async fn connect(url: &str) -> PgConnection {
    url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}

async fn runs_seen(cluster: &Cluster, database: &str) -> i64 {
    let mut analyst = connect(&url(cluster, ANALYST, database)).await;
    let seen = sqlx::query_scalar("select count(*) from analytics.runs").fetch_one(&mut analyst).await.unwrap();
    analyst.close().await.unwrap();
    seen
}

#[tokio::test]
async fn databases_of_one_cluster_share_the_role_and_migrate_at_the_same_time() {
    let cluster = Cluster::start().await;
    let mut admin = connect(&url(&cluster, "coursestream", "coursestream")).await;
    let databases = ["one", "two", "three"];
    for name in databases {
        admin.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    }
    let urls = databases.map(|name| url(&cluster, "coursestream", name));
    let migrate = async |url: &str| service::run(&["migrate", "--database-url", url]).await;
    tokio::join!(migrate(&urls[0]), migrate(&urls[1]), migrate(&urls[2]));
    for name in databases {
        assert_eq!(runs_seen(&cluster, name).await, 0);
    }
}

#[tokio::test]
async fn where_no_role_may_be_made_the_migration_goes_on_and_it_can_be_made_later() {
    let cluster = Cluster::start().await;
    let mut admin = connect(&url(&cluster, "coursestream", "coursestream")).await;
    admin.execute("create role tenant login").await.unwrap();
    admin.execute("create database rented owner tenant").await.unwrap();
    service::run(&["migrate", "--database-url", &url(&cluster, "tenant", "rented")]).await;
    let missing: bool = sqlx::query_scalar("select not exists (select from pg_roles where rolname = $1)")
        .bind(ANALYST)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert!(missing);

    let provide = "select coursestream.provide_analyst()";
    let mut tenant = connect(&url(&cluster, "tenant", "rented")).await;
    assert_eq!(names(&mut tenant, provide).await, ["missing"]);
    let mut admin = connect(&url(&cluster, "coursestream", "rented")).await;
    assert_eq!(names(&mut admin, provide).await, ["provided"]);
    assert_eq!(runs_seen(&cluster, "rented").await, 0);
    // The owner may grant, now that the role is there: after a migration that brought more to read.
    assert_eq!(names(&mut tenant, provide).await, ["provided"]);
}
