//! The tools that people point at a database, and what they ask of its catalogue before they show anything.

use std::process::Stdio;

use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;

use super::model::{History, ask};
use crate::support::service::PATIENCE;

/// Runs psql as an analyst and returns what it printed.
async fn psql(history: &History, commands: &[&str]) -> String {
    let url = history.database.url.replacen("coursestream@", "coursestream_analyst@", 1);
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--set=ON_ERROR_STOP=1", &url]).stdin(Stdio::null()).kill_on_drop(true);
    for command in commands {
        psql.args(["-c", command]);
    }
    let output = tokio::time::timeout(PATIENCE, psql.output()).await.expect("psql ends").expect("psql is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn psql_shows_what_there_is_and_what_it_means() {
    let history = History::shared().await;
    let shown = psql(history, &[r"\dn+", r"\dv+", r"\dt", r"\df+", r"\l", r"\du", r"\dp"]).await;
    for wanted in ["What analysts read", "Every run that is kept", "first_session_at"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let shown = psql(history, &[r"\d+ runs", r"\d+ analytics.*"]).await;
    for wanted in ["What the course is to be about", "Position of the event in its session", "Tokens times price"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/analytics");
    let shown = psql(history, &[&std::fs::read_to_string(scripts.join("failure_causes.sql")).unwrap()]).await;
    assert!(shown.contains("timed_out"), "{shown}");
    let copied = psql(history, &[r"\copy (select session_id from runs) to pstdout csv header"]).await;
    assert_eq!(copied.lines().count(), history.runs.len() + 1);
}

async fn views(options: &PgConnectOptions) -> Vec<String> {
    let mut views = ask(
        options,
        "select relname from pg_class where relnamespace = 'analytics'::regnamespace and relkind = 'v' order by relname collate \"C\"",
    )
    .await
    .concat();
    views.sort();
    views
}

/// What Grafana's query builder looks up: the version, the schemas, the tables on the search path by their bare names, the
/// columns of one.
#[tokio::test]
async fn grafana_finds_the_views_and_their_columns() {
    let history = History::shared().await;
    let analyst = history.analyst();
    let version = ask(&analyst, "select current_setting('server_version_num')::int / 100 as version").await;
    assert!(version[0][0].parse::<u32>().unwrap() >= 1_500);
    assert_eq!(ask(&analyst, "select extversion from pg_extension where extname = 'timescaledb'").await.len(), 0);
    let schemas = "select schema_name as name from information_schema.schemata
        where schema_name not in ('information_schema', 'pg_catalog', 'pg_toast') order by schema_name";
    assert!(ask(&analyst, schemas).await.concat().contains(&"analytics".to_owned()));
    let on_path = "quote_ident(table_schema) in (
        select case when trim(entry) = '\"$user\"' then user else trim(entry) end
        from unnest(string_to_array(current_setting('search_path'), ',')) as entry)";
    let tables = format!(
        "select case when {on_path} then quote_ident(table_name)
            else quote_ident(table_schema) || '.' || quote_ident(table_name) end as \"table\"
        from information_schema.tables
        where quote_ident(table_schema) not in ('information_schema', 'pg_catalog')
        order by case when {on_path} then 0 else 1 end, 1"
    );
    let mut tables = ask(&analyst, &tables).await.concat();
    tables.sort();
    assert_eq!(tables, views(&history.database.options()).await, "these and nothing else");
    for table in ["runs", "analytics.runs"] {
        let columns = format!(
            "select quote_ident(column_name) as \"column\", data_type as \"type\" from information_schema.columns
            where case when array_length(parse_ident('{table}'), 1) = 2
                then quote_ident(table_schema) = (parse_ident('{table}'))[1] and quote_ident(table_name) = (parse_ident('{table}'))[2]
                else quote_ident(table_name) = '{table}' and {on_path} end"
        );
        let columns = ask(&analyst, &columns).await;
        let types = |wanted: &str| columns.iter().filter(|column| column[1] == wanted).count();
        assert!(columns.len() > 15 && types("timestamp with time zone") == 2 && types("uuid") == 3, "{columns:?}");
    }
}

/// What Metabase looks up when it syncs: relations with their descriptions, what may be read, columns with types and
/// comments, keys, and a sample of each to guess at the meaning of its columns.
#[tokio::test]
async fn metabase_finds_the_views_their_columns_and_comments() {
    let history = History::shared().await;
    let analyst = history.analyst();
    let views = views(&history.database.options()).await;
    let relations = "select n.nspname as schema, c.relname as name, d.description, s.n_live_tup
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        left join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
        left join pg_stat_user_tables s on s.schemaname = n.nspname and s.relname = c.relname
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'f', 'm')
            and has_schema_privilege(n.oid, 'usage')
            and (has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select'))
        order by c.relname";
    let mut relations = ask(&analyst, relations).await;
    relations.sort();
    assert_eq!(relations.iter().map(|relation| relation[1].clone()).collect::<Vec<_>>(), views);
    assert!(relations.iter().all(|relation| relation[0] == "analytics" && !relation[2].is_empty()), "{relations:?}");

    let columns = "select c.column_name as name, c.udt_name as database_type, c.ordinal_position - 1 as position, c.table_name,
            key.column_name is not null as is_key,
            col_description(format('%I.%I', c.table_schema::text, c.table_name::text)::regclass::oid, c.ordinal_position) as comment,
            c.is_nullable, c.is_identity
        from information_schema.columns c
        left join (
            select k.table_schema, k.table_name, k.column_name
            from information_schema.table_constraints t
            join information_schema.key_column_usage k using (constraint_name, table_schema, table_name)
            where t.constraint_type = 'PRIMARY KEY'
        ) as key using (table_schema, table_name, column_name)
        where c.table_schema !~ '^information_schema|catalog_history|pg_'
        order by c.table_name, c.ordinal_position";
    let columns = ask(&analyst, columns).await;
    assert!(columns.len() > 100 && columns.iter().all(|column| !column[5].is_empty()), "{columns:?}");
    let keys = "select conname from pg_catalog.pg_constraint c join pg_catalog.pg_class r on r.oid = c.conrelid
        join pg_catalog.pg_namespace n on n.oid = r.relnamespace where c.contype = 'f' and n.nspname = 'analytics'";
    ask(&analyst, keys).await;
    let types = "select nspname, typname from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where t.oid in (select distinct enumtypid from pg_enum)";
    ask(&analyst, types).await;
    assert_eq!(ask(&analyst, "show timezone").await.len(), 1);
    for view in views {
        // Named in full and in quotes, as it writes everything.
        let sample = format!(r#"select * from "analytics"."{view}" limit 100"#);
        let rows = ask(&analyst, &sample).await;
        assert!(!rows.is_empty() || view == "courses", "{view} has something to show");
        ask(&analyst, &format!(r#"select count(*) as "count" from "analytics"."{view}""#)).await;
    }
}

/// What JDBC's metadata calls ask, which most other tools are built on.
#[tokio::test]
async fn jdbc_tools_find_the_views_and_their_columns() {
    let history = History::shared().await;
    let analyst = history.analyst();
    let tables = "select current_database() as table_cat, n.nspname as table_schem, c.relname as table_name,
            case c.relkind when 'r' then 'TABLE' when 'v' then 'VIEW' end as table_type, d.description as remarks
        from pg_catalog.pg_namespace n
        join pg_catalog.pg_class c on c.relnamespace = n.oid
        left join pg_catalog.pg_description d on c.oid = d.objoid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
        where c.relkind in ('r', 'v', 'p') and n.nspname like 'analytics'
        order by table_type, table_schem, table_name";
    assert_eq!(ask(&analyst, tables).await.len(), views(&history.database.options()).await.len());
    let columns = "select a.attname, a.atttypid, a.attnotnull, a.atttypmod, t.typtype,
            row_number() over (partition by a.attrelid order by a.attnum) as attnum,
            pg_catalog.pg_get_expr(def.adbin, def.adrelid) as adsrc, dsc.description, pg_catalog.format_type(a.atttypid, a.atttypmod)
        from pg_catalog.pg_namespace n
        join pg_catalog.pg_class c on c.relnamespace = n.oid
        join pg_catalog.pg_attribute a on a.attrelid = c.oid
        join pg_catalog.pg_type t on a.atttypid = t.oid
        left join pg_catalog.pg_attrdef def on a.attrelid = def.adrelid and a.attnum = def.adnum
        left join pg_catalog.pg_description dsc on c.oid = dsc.objoid and a.attnum = dsc.objsubid
        where a.attnum > 0 and not a.attisdropped and n.nspname like 'analytics' and c.relname like 'run\\_costs'";
    let columns = ask(&analyst, &columns.replace("\\\\", "\\")).await;
    assert_eq!(columns.len(), 9, "{columns:?}");
}
