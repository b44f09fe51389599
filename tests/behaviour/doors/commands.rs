//! The client commands show a token, out of the environment or a file.

use super::callers::{Kind, guarded};
use crate::support::{api::USER, service};

#[tokio::test]
async fn a_command_with_a_token_is_its_user() {
    let guarded = guarded(&[]).await;
    let token = guarded.credential(Kind::Owner).unwrap();
    let server = guarded.service.base_url.clone();
    let generate = ["generate", "Rust ownership", "--server", &server, "--user-id", USER];
    let (status, stdout, stderr) = service::try_run_with_env(&generate, &[("COURSESTREAM_TOKEN", &token)]).await;
    assert!(status.success(), "{stdout}{stderr}");
    let (_, listed) = guarded.get(Kind::Owner, "/api/v1/sessions").await;
    let session = listed["items"][0]["sessionId"].as_str().unwrap().to_owned();

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{token}\n")).unwrap();
    let tail = ["tail", &session, "--json", "--server", &server, "--token-file", file.path().to_str().unwrap()];
    let (status, stdout, stderr) = service::try_run(&tail).await;
    assert!(status.success() && stdout.contains("session_completed"), "{stdout}{stderr}");
    assert!(!format!("{stdout}{stderr}").contains(&token));
}

#[tokio::test]
async fn a_command_without_one_is_told_so() {
    let guarded = guarded(&[]).await;
    let server = guarded.service.base_url.clone();
    let (status, stdout, stderr) =
        service::try_run(&["generate", "Rust ownership", "--server", &server, "--user-id", USER]).await;
    assert!(!status.success() && stderr.contains("a token or a key is needed"), "{stdout}{stderr}");
}
