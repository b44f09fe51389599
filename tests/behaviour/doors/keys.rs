//! API keys: made, shown once, kept as hashes, revoked.

use reqwest::Method;
use sqlx::Row;

use super::callers::{Guarded, create_key, guarded};
use crate::support::{
    api::Answer,
    service::{self, PATIENCE},
};

async fn status(guarded: &Guarded, key: &str, path: &str) -> u16 {
    Answer::to(guarded.api.request(Method::GET, path).bearer_auth(key)).await.status.as_u16()
}

async fn wait_for(guarded: &Guarded, key: &str, wanted: u16) {
    let waited = async {
        while status(guarded, key, "/metrics").await != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("the key gets there");
}

#[tokio::test]
async fn a_key_is_shown_once_and_kept_as_a_hash() {
    let guarded = guarded(&[]).await;
    let key = create_key(&guarded.database, &["operator"]).await;
    let (id, secret) = key.strip_prefix("csk_").unwrap().split_once('_').unwrap();
    // Made while the service runs, it is taken at once.
    assert_eq!(status(&guarded, &key, "/metrics").await, 200);
    let listed = service::run(&["keys", "list", "--database-url", &guarded.database.url]).await;
    assert!(listed.contains(id) && listed.contains("operator"), "{listed}");
    assert!(!listed.contains(secret), "{listed}");
    let mut connection = guarded.database.connect().await;
    let rows =
        sqlx::query("select k::text as row from coursestream.api_keys k").fetch_all(&mut connection).await.unwrap();
    for row in rows {
        assert!(!row.get::<String, _>("row").contains(secret));
    }
    assert!(!guarded.service.stderr().contains(secret), "secrets are not logged");
}

#[tokio::test]
async fn a_revoked_key_is_refused_by_every_node_within_seconds() {
    let guarded = guarded(&[]).await;
    let other = super::callers::start(&guarded.database, &[]).await;
    let other = crate::support::api::Api::of(&other);
    let key = create_key(&guarded.database, &["operator"]).await;
    let elsewhere = || async { Answer::to(other.request(Method::GET, "/metrics").bearer_auth(&key)).await.status };
    assert_eq!(status(&guarded, &key, "/metrics").await, 200);
    let id = key.split('_').nth(1).unwrap();
    service::run(&["keys", "revoke", "--database-url", &guarded.database.url, id]).await;
    wait_for(&guarded, &key, 401).await;
    let waited = async {
        while elsewhere().await != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, waited).await;
    let (again, stdout, _) = service::try_run(&["keys", "revoke", "--database-url", &guarded.database.url, id]).await;
    assert_eq!(again.code(), Some(1), "{stdout}");
}

#[tokio::test]
async fn a_key_runs_out() {
    let guarded = guarded(&[]).await;
    let url = &guarded.database.url;
    let arguments =
        ["keys", "create", "--database-url", url, "--name", "x", "--role", "operator", "--expires-in", "2s"];
    let key = service::run(&arguments).await.trim_end().to_owned();
    wait_for(&guarded, &key, 401).await;
}

#[tokio::test]
async fn last_use_is_noted() {
    let guarded = guarded(&[]).await;
    let key = create_key(&guarded.database, &["operator"]).await;
    assert_eq!(status(&guarded, &key, "/metrics").await, 200);
    let mut connection = guarded.database.connect().await;
    let noted = async {
        let used = "select count(*) as used from coursestream.api_keys where last_used_at is not null";
        while sqlx::query(used).fetch_one(&mut connection).await.unwrap().get::<i64, _>("used") == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, noted).await.expect("the use is noted");
}

#[tokio::test]
async fn what_looks_like_a_key_is_none() {
    let guarded = guarded(&[]).await;
    let key = create_key(&guarded.database, &["operator"]).await;
    let other = create_key(&guarded.database, &["operator"]).await;
    let mixed = format!("{}_{}", key.rsplit_once('_').unwrap().0, other.rsplit_once('_').unwrap().1);
    for wrong in [mixed, key.to_uppercase(), format!("{key}0"), key[..key.len() - 1].to_owned(), "csk__".to_owned()] {
        assert_eq!(status(&guarded, &wrong, "/metrics").await, 401, "{wrong}");
    }
}

#[tokio::test]
async fn roles_are_checked_where_keys_are_made() {
    let database = crate::support::database::Database::create().await;
    let arguments = ["keys", "create", "--database-url", &database.url, "--name", "x", "--role", "king"];
    let (status, _, stderr) = service::try_run(&arguments).await;
    assert!(!status.success() && stderr.contains("producer, auditor or operator"), "{stderr}");
    let (status, _, stderr) = service::try_run(&arguments[..6]).await;
    assert!(!status.success() && stderr.contains("--role"), "{stderr}");
}
