//! `.sqlx`, the cache that SQL is checked against where no database is near: it must be of the statements and the schema that are
//! in use. `scripts/prepare` renews it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Column, Either, Executor, SqlSafeStr, SqlStr, Statement};

use crate::support::database::Database;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cached statements by their hash.
fn cached() -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(root().join(".sqlx")).expect("the cache is checked in");
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let hash =
                name.strip_prefix("query-").unwrap_or_else(|| panic!("{name} is no cached statement")).to_owned();
            (hash, serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn every_cached_statement_fits_the_schema() {
    let database = Database::create().await;
    let mut connection = database.connect().await;
    let cached = cached();
    assert!(!cached.is_empty());
    for (hash, entry) in cached {
        let text = entry["query"].as_str().unwrap().to_owned();
        let sql: SqlStr = AssertSqlSafe(text.clone()).into_sql_str();
        let statement = connection.prepare(sql).await.unwrap_or_else(|error| panic!("{hash}: {error}\n{text}"));
        let names: Vec<&str> = statement.columns().iter().map(Column::name).collect();
        let columns = entry["describe"]["columns"].as_array().unwrap();
        let cached_names: Vec<&str> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
        assert_eq!(names, cached_names, "{hash}\n{text}");
        let parameters = match statement.parameters() {
            Some(Either::Left(types)) => types.len(),
            Some(Either::Right(count)) => count,
            None => 0,
        };
        let cached_parameters = entry["describe"]["parameters"]["Left"].as_array().unwrap().len();
        assert_eq!(parameters, cached_parameters, "{hash}\n{text}");
    }
}

#[test]
fn the_cache_has_every_statement_of_the_source_and_no_other() {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    let mut found = BTreeMap::new();
    for file in files {
        for statement in statements(&std::fs::read_to_string(&file).unwrap()) {
            let hash = hex::encode(Sha256::digest(&statement));
            found.insert(hash, (file.clone(), statement));
        }
    }
    assert!(!found.is_empty());
    let cached: BTreeSet<String> = cached().into_keys().collect();
    for (hash, (file, statement)) in &found {
        assert!(cached.contains(hash), "not in the cache; run scripts/prepare: {}\n{statement}", file.display());
    }
    for hash in &cached {
        assert!(found.contains_key(hash), "the source has no statement {hash} any more; run scripts/prepare");
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The literals in `query!(…)`, `query_as!(Type, …)` and `query_scalar!(…)`.
fn statements(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices("sqlx::query") {
        let rest = &source[at + "sqlx::query".len()..];
        let rest = rest.strip_prefix("_as").or_else(|| rest.strip_prefix("_scalar")).unwrap_or(rest);
        let Some(rest) = rest.strip_prefix("!(") else { continue };
        let start = rest.find('"').unwrap();
        let literal = if rest[..start].ends_with("r#") {
            let body = &rest[start + 1..];
            body[..body.find("\"#").unwrap()].to_owned()
        } else {
            let body = &rest[start + 1..];
            let end = body.char_indices().find(|(i, c)| *c == '"' && !body[..*i].ends_with('\\')).unwrap().0;
            assert!(!body[..end].contains('\\'), "write statements with escapes as r#\"…\"#: {}", &body[..end]);
            body[..end].to_owned()
        };
        found.push(literal);
    }
    found
}
