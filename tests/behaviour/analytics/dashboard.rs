//! The dashboard for Grafana: its queries run as the analyst, its metrics are there.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Value, json};

use super::model::{FROM_MS, HOUR_MS, History, ask, moment};
use crate::support::{
    api::Api,
    database::Database,
    service::{PATIENCE, Service},
    socket::Socket,
};

fn dashboard() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/analytics/grafana.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Panels with their targets; rows have none.
fn targets(dashboard: &Value) -> Vec<(String, Value)> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| {
        let title = panel["title"].as_str().unwrap().to_owned();
        panel["targets"].as_array().into_iter().flatten().map(move |target| (title.clone(), target.clone()))
    });
    targets.collect()
}

/// What Grafana makes of its macros for the span of the made-up history.
fn expand(sql: &str) -> String {
    let [from, to] = [FROM_MS, FROM_MS + 80 * HOUR_MS].map(|ms| format!("'{}'", moment(ms).to_rfc3339()));
    let mut expanded = sql.replace("$__timeFrom()", &from).replace("$__timeTo()", &to);
    while let Some(at) = expanded.find("$__timeFilter(") {
        let rest = &expanded[at + "$__timeFilter(".len()..];
        let (column, rest) = rest.split_once(')').unwrap();
        expanded = format!("{}{column} between {from} and {to}{rest}", &expanded[..at]);
    }
    assert!(!expanded.contains("$__"), "an unknown macro: {expanded}");
    expanded
}

#[tokio::test]
async fn every_query_of_the_dashboard_shows_something_to_the_analyst() {
    let history = History::shared().await;
    let dashboard = dashboard();
    let mut queries = 0;
    for (title, target) in targets(&dashboard) {
        let Some(sql) = target["rawSql"].as_str() else { continue };
        assert_eq!(target["datasource"]["uid"], "${postgres}", "{title}");
        let rows = ask(&history.analyst(), &expand(sql)).await;
        assert!(!rows.is_empty(), "{title}");
        if target["format"] == "time_series" {
            assert!(sql.contains(r#" as "time""#), "{title}");
            assert!(rows.windows(2).all(|pair| pair[0][0] <= pair[1][0]), "{title}: in the order of time");
        }
        queries += 1;
    }
    assert!(queries >= 10, "{queries}");
}

/// Days and hours are UTC's, whatever the time zone of the data source.
#[tokio::test]
async fn points_of_the_dashboard_do_not_move_with_the_time_zone() {
    let history = History::shared().await;
    let mut compared = 0;
    for (title, target) in targets(&dashboard()) {
        let Some(sql) = target["rawSql"].as_str().filter(|_| target["format"] == "time_series") else { continue };
        let sql = format!(r#"select extract(epoch from "time") from ({}) as points"#, expand(sql));
        let here = ask(&history.analyst().options([("TimeZone", "UTC")]), &sql).await;
        assert_eq!(ask(&history.analyst().options([("TimeZone", "Asia/Kathmandu")]), &sql).await, here, "{title}");
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
}

#[test]
fn panels_have_ids_places_and_descriptions_of_their_own() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(panel["type"] == "row" || panel["description"].is_string(), "{panel}");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|field| panel["gridPos"][field].as_u64().unwrap());
        assert!(x + w <= 24, "{panel}");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "two panels at {place:?}");
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variables: Vec<&Value> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(variables, [&json!("postgres"), &json!("prometheus")]);
}

/// Names of ours in an expression.
fn metrics(expression: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    expression.split(move |c| !is_name(c)).filter(|name| name.starts_with("coursestream_"))
}

#[tokio::test]
async fn every_metric_of_the_dashboard_is_measured() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    socket.until_complete().await;
    // One that comes later is served from the log.
    let mut late = Socket::connect(&service).await;
    late.join(&session).await;
    late.until_complete().await;

    let dashboard = dashboard();
    let expressions: Vec<String> =
        targets(&dashboard).iter().filter_map(|(_, target)| target["expr"].as_str().map(str::to_owned)).collect();
    let wanted: BTreeSet<&str> = expressions.iter().flat_map(|expression| metrics(expression)).collect();
    assert!(wanted.len() >= 10, "{wanted:?}");
    let waited = async {
        loop {
            let text = api.http.get(api.url("/metrics")).send().await.unwrap().text().await.unwrap();
            let measured: BTreeSet<&str> = text.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
            let missing: Vec<&str> = wanted.iter().copied().filter(|name| !measured.contains(name)).collect();
            if missing.is_empty() {
                return;
            }
            // Shown with a failure.
            println!("not measured yet: {missing:?}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("every metric is there");
}
