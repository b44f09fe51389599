//! A client that is generated from the OpenAPI document: its types hold, and it reads a history.

use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::process::Command;

use crate::support::{
    api::Api,
    database::Database,
    service::{PATIENCE, Service},
};

/// Runs a program among the test tools to its end, which must be a success, and returns what it printed.
async fn run(program: &str, arguments: &[&str]) -> String {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools");
    assert!(
        tools.join("node_modules/openapi-fetch").exists(),
        "openapi-fetch is not installed: run npm ci in tests/tools"
    );
    let mut command = Command::new(program);
    command.args(arguments).current_dir(tools).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").expect(program);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test]
async fn a_generated_client_reads_a_history() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let mut sessions = Vec::new();
    for topic in ["One", "Two", "Three"] {
        let session = api.generate(topic).await;
        api.wait_for_end(&session).await;
        sessions.insert(0, session);
    }

    // Beside its modules, so that Node.js finds them.
    let compiled = tempfile::Builder::new()
        .prefix(".compiled-")
        .tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools"))
        .unwrap();
    let out = compiled.path().file_name().unwrap().to_str().unwrap();
    std::fs::write(compiled.path().join("package.json"), r#"{"type":"module"}"#).unwrap();
    run("node", &["node_modules/typescript/bin/tsc", "-p", "client", "--outDir", out]).await;
    let script = std::fs::canonicalize(script(compiled.path()).expect("the compiler writes the program")).unwrap();
    let printed = run("node", &[script.to_str().unwrap(), &service.base_url]).await;
    let read: Value = serde_json::from_str(&printed).unwrap();

    let listed: Vec<&str> =
        read["sessions"].as_array().unwrap().iter().map(|session| session["sessionId"].as_str().unwrap()).collect();
    assert_eq!(listed, sessions);
    assert_eq!(read["events"], Value::from(api.events(&sessions[0]).await));
    let (status, summary) = api.get(&format!("/api/v1/sessions/{}", sessions[0])).await;
    assert_eq!((status, &read["sessions"][0]), (StatusCode::OK, &summary));
    assert_eq!(read["course"]["id"], summary["courseId"]);
    assert_eq!(read["problem"], "session_not_found");
}

/// The compiled program, wherever the compiler has put it.
fn script(dir: &Path) -> Option<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).find_map(|path| {
        if path.is_dir() { script(&path) } else { Some(path).filter(|path| path.ends_with("read_history.js")) }
    })
}
