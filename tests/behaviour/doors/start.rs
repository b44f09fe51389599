//! Safe by default: what a node refuses to do, and what it never says.

use crate::support::{
    api::{Answer, Api},
    database::Database,
    service::{self, Service},
};

const SECRET: &str = "a secret that nobody may ever see";

#[tokio::test]
async fn an_open_node_binds_to_loopback_alone() {
    let database = Database::create().await;
    for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let (status, _, stderr) = service::try_run(&["serve", "--bind", bind, "--database-url", &database.url]).await;
        assert!(!status.success(), "{bind}");
        assert!(stderr.contains("--insecure-open") && stderr.contains("--api-keys"), "{bind}: {stderr}");
    }
    let service = Service::start_at("0.0.0.0:0", &database, &["--insecure-open"]).await;
    drop(service);
    let service = Service::start_at("0.0.0.0:0", &database, &["--api-keys"]).await;
    let port = service.base_url.rsplit_once(':').unwrap().1;
    let answer = reqwest::get(format!("http://127.0.0.1:{port}/api/v1/sessions")).await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn settings_that_would_let_others_in_are_refused() {
    let database = Database::create().await;
    let serve = ["serve", "--bind", "127.0.0.1:0", "--database-url", &database.url];
    for (arguments, words) in [
        (&["--jwks-url", "https://id.example.com/jwks"][..], "--jwt-audience"),
        (&["--jwks-url", "http://id.example.com/jwks", "--jwt-issuer", "i", "--jwt-audience", "a"], "https"),
        (&["--jwt-secret-file", "/nowhere", "--jwt-issuer", "i", "--jwt-audience", "a"], "/nowhere"),
        (&["--jwt-issuer", "i"], "--jwks-url"),
    ] {
        let (status, _, stderr) = service::try_run(&[&serve, arguments].concat()).await;
        assert!(!status.success(), "{arguments:?}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn secrets_are_in_no_help_no_error_and_no_log() {
    let database = Database::create().await;
    let url = format!("postgres://coursestream:{}@127.0.0.1:1/x", SECRET.replace(' ', "_"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), SECRET).unwrap();
    let env = [("COURSESTREAM_JWT_SECRET", SECRET), ("DATABASE_URL", &url), ("OPENAI_API_KEY", SECRET)];
    let mut seen = Vec::new();
    for arguments in [
        &["serve", "--help"][..],
        &["serve", "--bind", "nonsense"],
        &["serve", "--bind", "127.0.0.1:0"],
        &["serve", "--bind", "127.0.0.1:0", "--jwt-secret-file", file.path().to_str().unwrap()],
        &["migrate", "--help"],
        &["migrate"],
        &["keys", "list"],
    ] {
        let (_, stdout, stderr) = service::try_run_with_env(arguments, &env).await;
        seen.push(format!("{arguments:?}\n{stdout}{stderr}"));
    }
    let arguments = [
        "--jwt-secret-file",
        file.path().to_str().unwrap(),
        "--jwt-issuer",
        "i",
        "--jwt-audience",
        "a",
        "--log",
        "debug",
    ];
    let service = Service::start_with(&database, &arguments).await;
    let api = Api::of(&service);
    let answer = Answer::to(api.request(reqwest::Method::GET, "/metrics").bearer_auth(SECRET.replace(' ', "."))).await;
    seen.push(answer.text);
    seen.push(service.stderr());
    for text in seen {
        assert!(!text.contains(SECRET) && !text.contains(&SECRET.replace(' ', "_")), "{text}");
        assert!(!text.contains(&SECRET.replace(' ', ".")), "{text}");
    }
}
