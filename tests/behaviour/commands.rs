//! `coursestream generate` and `coursestream tail`, as somebody at a shell meets them.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};

use crate::support::{
    api::Api,
    database::Database,
    model::Model,
    outside::Outside,
    scripted,
    service::{PATIENCE, Service, run, start, try_run},
};

async fn next_line(lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>) -> Option<String> {
    tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("a line comes").unwrap()
}

fn session_in(stderr: &str) -> &str {
    stderr.lines().find_map(|line| line.strip_prefix("session ")).unwrap_or_else(|| panic!("no session in: {stderr}"))
}

#[tokio::test]
async fn generate_shows_the_run_and_says_where_the_course_is() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let (status, stdout, stderr) = try_run(&["generate", "Rust ownership", "--server", &service.base_url]).await;
    assert_eq!(status.code(), Some(0), "{stderr}");

    let session = session_in(&stderr);
    let summary = api.wait_for_end(session).await;
    let course_id = summary["courseId"].as_str().unwrap();
    let (_, course) = api.get(&format!("/api/v1/courses/{course_id}")).await;
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{stdout}");
    assert_eq!(lines[0], course["title"]);
    let parts = course["parts"].as_array().unwrap();
    let lessons: usize = parts.iter().map(|part| part["lessons"].as_array().unwrap().len()).sum();
    assert_eq!(lines[1], format!("{} parts, {lessons} lessons", parts.len()));
    assert_eq!(lines[2], format!("GET {}/api/v1/courses/{course_id}", service.base_url));
    assert!(lines[3].ends_with(session), "{stdout}");

    let done = stderr.lines().filter(|line| line.contains(" ok: ")).count() as u64;
    assert_eq!(summary["counts"]["success"], done, "each step is told once: {stderr}");
}

#[tokio::test]
async fn generate_of_a_run_that_fails_exits_with_1_and_says_why() {
    let model = Model::start(async |_| scripted::json(401, r#"{"error":{"message":"no"}}"#)).await;
    let database = Database::create().await;
    let env = [("OPENAI_BASE_URL", model.base_url.as_str())];
    let service = Service::start_with_env(&database, &["--provider", "openai"], &env).await;
    let (status, stdout, stderr) = try_run(&["generate", "Rust ownership", "--server", &service.base_url]).await;
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert_eq!(stdout, "");
    assert!(stderr.contains("the run failed: "), "{stderr}");
    assert!(stderr.contains("API key"), "{stderr}");
    assert!(stderr.contains(&format!("coursestream tail {}", session_in(&stderr))), "{stderr}");
}

#[tokio::test]
async fn generate_goes_on_when_the_server_comes_back() {
    let settings = ["--offline-pace", "60ms", "--calls-per-run", "1", "--lease-ttl", "1s"];
    let database = Database::create().await;
    let service = Service::start_with(&database, &settings).await;
    let mut command = start(&["generate", "Rust ownership", "--server", &service.base_url]);
    let mut errors = BufReader::new(command.stderr.take().unwrap()).lines();
    let mut stderr = String::new();
    while !stderr.contains(" ok: ") {
        stderr += &next_line(&mut errors).await.expect("the command runs");
        stderr.push('\n');
    }
    let address = service.address().to_owned();
    service.kill().await;
    let service = Service::start_at(&address, &database, &settings).await;
    while let Some(line) = next_line(&mut errors).await {
        stderr += &line;
        stderr.push('\n');
    }
    let output = tokio::time::timeout(PATIENCE, command.wait_with_output()).await.expect("the command ends").unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("connection lost"), "{stderr}");
    assert!(stderr.contains("connected again"), "{stderr}");
    let summary = Api::of(&service).wait_for_end(session_in(&stderr)).await;
    let done = stderr.lines().filter(|line| line.contains(" ok: ")).count() as u64;
    assert_eq!(summary["counts"]["success"], done, "each step is told once: {stderr}");
}

#[tokio::test]
async fn tail_prints_a_log_as_the_api_has_it() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    api.wait_for_end(&session).await;
    let events = api.events(&session).await;

    let server = ["--server", &service.base_url];
    let json = run(&[&["tail", &session, "--json"], &server[..]].concat()).await;
    let printed: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(printed, events);

    let text = run(&[&["tail", &session], &server[..]].concat()).await;
    assert_eq!(text.lines().count(), events.len());
    for (line, event) in text.lines().zip(&events) {
        let mut words = line.split_whitespace();
        assert_eq!(words.next().unwrap(), event["offset"].to_string());
        assert_eq!(words.next().unwrap(), event["timestamp"]);
        assert_eq!(words.next().unwrap(), event["type"]);
    }

    for after in [1, events.len() / 2, events.len() - 1, events.len()] {
        let offset = after.to_string();
        let rest = run(&[&["tail", &session, "--json", "--after", &offset], &server[..]].concat()).await;
        assert_eq!(rest.lines().count(), events.len() - after);
    }
}

#[tokio::test]
async fn tail_follows_a_session_to_its_end() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let producer = Outside::create(&api).await;
    let mut command = start(&["tail", &producer.session, "--json", "--server", &service.base_url]);
    let mut lines = BufReader::new(command.stdout.take().unwrap()).lines();
    let mut next = async || -> Value { serde_json::from_str(&next_line(&mut lines).await.unwrap()).unwrap() };
    assert_eq!(next().await["type"], "session_started");
    for _ in 0..3 {
        let last = producer.log(1).await;
        assert_eq!(next().await["offset"], last);
    }
    producer.end().await;
    assert_eq!(next().await["type"], "session_completed");
    let status = tokio::time::timeout(PATIENCE, command.wait()).await.expect("the command ends").unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn tail_of_what_cannot_be_read_exits_with_2_and_says_why() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = Outside::create(&api).await.session;
    let unknown = "01990000-0000-7000-8000-000000000000";
    for (arguments, words) in [
        (vec![unknown], "no such session"),
        (vec![&session, "--after", "7"], "beyond the end of the log"),
        (vec!["nonsense"], "invalid value"),
    ] {
        let (status, stdout, stderr) =
            try_run(&[&["tail", "--server", &service.base_url], &arguments[..]].concat()).await;
        assert_eq!(status.code(), Some(2), "{arguments:?}: {stderr}");
        assert_eq!(stdout, "");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn words_that_make_no_sense_exit_with_2() {
    for arguments in [
        &["generate", ""][..],
        &["generate", "x", "--server", "localhost:1"],
        &["generate", "x", "--user-id", "me"],
        &["serve", "--no-such-flag"],
        &["serve", "--lease-ttl", "soon"],
        &["make-me-a-course"],
    ] {
        let (status, stdout, stderr) = try_run(arguments).await;
        assert_eq!(status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout, "");
        assert!(!stderr.is_empty());
    }
}

#[tokio::test]
async fn what_reads_a_database_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("mistyped");
    for command in [&["verify"][..], &["rebuild", "--check"], &["prune"]] {
        let arguments = [command, &["--data-dir", missing.to_str().unwrap()]].concat();
        let (status, stdout, stderr) = try_run(&arguments).await;
        assert_ne!(status.code(), Some(0), "{arguments:?}");
        assert_eq!(stdout, "");
        assert!(stderr.contains("mistyped") && stderr.contains("--data-dir"), "{stderr}");
        assert!(!missing.exists());
    }
}
