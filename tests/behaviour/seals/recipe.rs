//! What the README tells those who have neither the database nor this program: its commands do what it says, with the tools that
//! it names.

use std::{path::Path, process::Command};

use super::{sealed_session, start, wait_for_seal};
use crate::support::{api::Api, database::Database};

/// The block of commands in the README that has this word in it.
fn commands(word: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut blocks = readme.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.find(|block| block.contains(word)).unwrap().to_owned()
}

#[tokio::test]
async fn an_exported_log_is_checked_with_standard_tools() {
    let database = Database::create().await;
    let service = start(&database).await;
    let api = Api::of(&service);
    let generated = api.generate("Rust ownership").await;
    api.wait_for_end(&generated).await;
    for session in [sealed_session(&api).await, generated] {
        let seal = wait_for_seal(&api, &session).await;
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts"), dir.path().join("scripts"))
            .unwrap();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &commands("exportSha256")])
            .current_dir(dir.path())
            .env("SERVER", &service.base_url)
            .env("SESSION", &session)
            .output()
            .unwrap();
        let (said, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}{errors}");
        let sums: Vec<&str> = said.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
        let expected: Vec<&str> =
            ["exportSha256", "logSha256", "sha256"].iter().map(|name| seal[name].as_str().unwrap()).collect();
        assert_eq!(sums, expected, "{said}");
    }
}
