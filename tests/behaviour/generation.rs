//! Runs against model servers, end to end: what they make, how they fail, and how they are stopped.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};

use crate::support::{
    aimock::Aimock,
    answers::{FIXTURES, completion, course, node, refusal, user_message},
    api::{Api, USER},
    database::Database,
    model::Model,
    scripted::{Received as Asked, Reply},
    service::Service,
    socket::{Socket, assert_whole},
};

fn messages(events: &[Value], kind: &str) -> Vec<String> {
    let of_kind = events.iter().filter(|event| event["type"] == kind);
    of_kind.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

async fn generate_with_search(api: &Api, topic: &str) -> String {
    let body = json!({"course_topic": topic, "user_id": USER, "search_web": true});
    let (status, answer) = api.post("/api/v1/course-generation/generate", &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["sessionId"].as_str().unwrap().to_owned()
}

async fn cancel(api: &Api, session: &str) -> (StatusCode, Value) {
    api.post(&format!("/api/v1/course-generation/session/{session}/cancel"), &Value::Null).await
}

#[tokio::test]
async fn a_model_s_answers_become_a_course() {
    let model = Aimock::with_course().await;
    let database = Database::create().await;
    let service = node(&database, &model.base_url, &[]).await;
    let api = Api::of(&service);
    let session = api.generate("Beekeeping").await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    let received = socket.until_complete().await;
    assert_whole(&received);
    let complete = &received.last().unwrap().data;
    assert_eq!(complete["success"], true, "{complete}");

    let fixtures: Value = serde_json::from_str(FIXTURES).unwrap();
    let fixtures = fixtures["fixtures"].as_array().unwrap();
    let paid = |field: &str| -> u64 {
        fixtures.iter().map(|fixture| fixture["response"]["usage"][field].as_u64().unwrap()).sum()
    };
    let summary = api.wait_for_end(&session).await;
    assert_eq!(summary["status"], "completed");
    assert_eq!((&summary["provider"], &summary["model"]), (&"openai".into(), &"test-model".into()));
    let usage = json!({"promptTokens": paid("prompt_tokens"), "completionTokens": paid("completion_tokens")});
    assert_eq!(summary["usage"], usage);
    assert_eq!(summary["courseId"], complete["courseId"]);
    assert_eq!(model.journal().await.len(), fixtures.len(), "no step is asked for twice");

    // What the event carries, what the API returns and what the model said are one course.
    let generated = received.iter().find(|frame| frame.data["type"] == "course_generated").unwrap();
    let generated = &generated.data["data"];
    let (status, saved) = api.get(&format!("/api/v1/courses/{}", complete["courseId"].as_str().unwrap())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(saved, generated["course"]);
    assert_eq!(saved["title"], "Beekeeping for beginners");
    let lessons: Vec<usize> =
        saved["parts"].as_array().unwrap().iter().map(|part| part["lessons"].as_array().unwrap().len()).collect();
    assert_eq!(lessons, [2, 1]);
    for lesson in saved["parts"].as_array().unwrap().iter().flat_map(|part| part["lessons"].as_array().unwrap()) {
        for question in lesson["content"]["quiz"]["questions"].as_array().unwrap() {
            let options = question["options"].as_array().unwrap();
            assert_eq!(options.iter().filter(|option| option["is_correct"] == true).count(), 1);
        }
    }
}

#[tokio::test]
async fn a_web_search_that_fails_is_told_in_the_log_and_the_course_comes_without_it() {
    let model = Model::start(async |asked: Asked| {
        if asked.path.ends_with("/responses") { refusal(400, "No web search on this plan") } else { course(&asked) }
    })
    .await;
    let database = Database::create().await;
    let service = node(&database, &model.base_url, &[]).await;
    let api = Api::of(&service);
    let session = generate_with_search(&api, "Beekeeping").await;
    let summary = api.wait_for_end(&session).await;
    assert_eq!((&summary["status"], &summary["searchWeb"]), (&"completed".into(), &true.into()), "{summary}");
    let log = messages(&api.events(&session).await, "log");
    let told = log.iter().filter(|line| line.contains("web search failed")).count();
    assert!(told >= 1, "{log:?}");
    assert!(log.iter().any(|line| line.contains("No web search on this plan")), "{log:?}");
    assert!(log.iter().any(|line| line.contains("generation goes on without it")), "{log:?}");
}

#[tokio::test]
async fn a_failing_model_server_is_asked_again_and_the_log_tells() {
    let asked_before = AtomicUsize::new(0);
    let model = Model::start(move |asked: Asked| {
        let number = asked_before.fetch_add(1, Ordering::Relaxed);
        async move {
            match number {
                0 => refusal(503, "overloaded"),
                1 => completion(r#"{"title": "No parts"}"#),
                _ => course(&asked),
            }
        }
    })
    .await;
    let database = Database::create().await;
    let service = node(&database, &model.base_url, &[]).await;
    let api = Api::of(&service);
    let session = api.generate("Beekeeping").await;
    let summary = api.wait_for_end(&session).await;
    assert_eq!(summary["status"], "completed", "{summary}");
    let events = api.events(&session).await;
    let log = messages(&events, "log");
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].starts_with("the model server answered 503; retrying in "), "{log:?}");
    assert!(log[0].ends_with("(attempt 2 of 4)"), "{log:?}");
    assert!(log[1].starts_with("the course structure: the answer is not usable ("), "{log:?}");
    assert!(log[1].ends_with("asking again, try 2 of 3"), "{log:?}");
    // In their place: between the beginning of the step and its result.
    let position = |message: &str| events.iter().position(|event| event["message"].as_str().unwrap().contains(message));
    let places =
        [position("Working on the course structure"), position("503"), position("try 2 of 3"), position("2 parts")];
    assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
    let line = &events[places[1].unwrap()];
    assert_eq!(line["data"]["level"], "warn", "{line}");
}

#[tokio::test]
async fn a_model_without_a_valid_answer_ends_the_session_in_words() {
    let model = Model::start(async |_| completion(r#""I would rather talk about the weather""#)).await;
    let database = Database::create().await;
    let service = node(&database, &model.base_url, &[]).await;
    let api = Api::of(&service);
    let session = api.generate("Beekeeping").await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    let received = socket.until_complete().await;
    assert_whole(&received);
    let complete = &received.last().unwrap().data;
    assert_eq!(complete["success"], false);
    assert!(complete.get("courseId").is_none() && complete.get("cancelled").is_none(), "{complete}");
    let error = complete["error"].as_str().unwrap();
    assert!(error.contains("the course structure"), "which step: {error}");
    assert!(error.contains("the model gave no usable answer in 3 tries"), "{error}");

    let events = api.events(&session).await;
    assert_eq!(messages(&events, "session_failed").len(), 1);
    assert_eq!(messages(&events, "error"), [error]);
    assert_eq!(messages(&events, "log").len(), 2, "one line for each further try");
    let summary = api.wait_for_end(&session).await;
    assert_eq!((&summary["status"], &summary["error"]), (&"failed".into(), &error.into()));
    // Answers that were of no use were paid for all the same.
    assert_eq!(summary["usage"], json!({"promptTokens": 30, "completionTokens": 60}));
}

#[tokio::test]
async fn a_refused_key_ends_the_session_in_words_and_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let model = Model::start(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { refusal(401, "Incorrect API key provided") }
    })
    .await;
    let database = Database::create().await;
    let service = node(&database, &model.base_url, &[]).await;
    let api = Api::of(&service);
    let session = api.generate("Beekeeping").await;
    let summary = api.wait_for_end(&session).await;
    assert_eq!(summary["status"], "failed");
    assert!(summary["error"].as_str().unwrap().contains("API key"), "{summary}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn runs_at_the_same_time_keep_their_log_lines_apart() {
    const TOPICS: [&str; 2] = ["Alpha", "Omega"];
    let together = Arc::new(Barrier::new(TOPICS.len()));
    // Each try of the one waits for a try of the other, so they are under way at the same time.
    let model = Model::start(move |asked: Asked| {
        let together = together.clone();
        async move {
            together.wait().await;
            let topic = TOPICS.into_iter().find(|topic| user_message(&asked).contains(topic)).unwrap();
            completion(&format!("\"Nothing about {topic}\""))
        }
    })
    .await;
    let database = Database::create().await;
    let service = node(&database, &model.base_url, &[]).await;
    let api = Api::of(&service);
    let sessions = [api.generate(TOPICS[0]).await, api.generate(TOPICS[1]).await];
    for (session, (own, other)) in sessions.iter().zip([(TOPICS[0], TOPICS[1]), (TOPICS[1], TOPICS[0])]) {
        api.wait_for_end(session).await;
        let events = api.events(session).await;
        let log = messages(&events, "log");
        assert_eq!(log.len(), 2, "{log:?}");
        assert!(log.iter().all(|line| line.contains(own)), "{log:?}");
        assert!(!json!(events).to_string().contains(other));
    }
}

#[tokio::test]
async fn more_runs_than_a_node_takes_are_queued() {
    let (release, released) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = release.clone();
    let arrived = released.clone();
    let model = Model::start(move |asked: Asked| {
        let (gate, arrived) = (gate.clone(), arrived.clone());
        async move {
            if user_message(&asked).contains("First") {
                arrived.notify_one();
                gate.notified().await;
            }
            refusal(401, "no")
        }
    })
    .await;
    let database = Database::create().await;
    let service = node(&database, &model.base_url, &["--max-running", "1"]).await;
    let api = Api::of(&service);
    let first = api.generate("First").await;
    released.notified().await;
    let second = api.generate("Second").await;
    let status = async |session: &str| api.get(&format!("/api/v1/course-generation/session/{session}/status")).await.1;
    assert_eq!(status(&first).await["status"], "running");
    assert_eq!(status(&second).await["status"], "queued");
    release.notify_one();
    assert_eq!(api.wait_for_end(&first).await["status"], "failed");
    assert_eq!(api.wait_for_end(&second).await["status"], "failed");
}

#[tokio::test]
async fn a_cancelled_run_ends_once_and_its_model_call_is_aborted() {
    let mut model = Model::start(async |_| Reply::Silence).await;
    let database = Database::create().await;
    let service = node(&database, &model.base_url, &[]).await;
    let api = Api::of(&service);
    let session = api.generate("Beekeeping").await;
    model.asked().await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    // Before it is cancelled: whoever joins later is told of that at once, and of no change.
    assert_eq!(socket.expect("session_status").await["status"], "running");

    let (status, answer) = cancel(&api, &session).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer, json!({"success": true, "sessionId": session, "status": "cancelled"}));
    model.hung_up().await;

    let received = socket.until_complete().await;
    assert_whole(&received);
    let complete = &received.last().unwrap().data;
    assert_eq!((&complete["success"], &complete["cancelled"]), (&false.into(), &true.into()), "{complete}");
    assert!(!complete["error"].as_str().unwrap().is_empty());
    assert_eq!(socket.expect("session_status").await["status"], "cancelled");

    let (status, answer) = cancel(&api, &session).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(answer["success"], false);
    let events = api.events(&session).await;
    assert_eq!(events.last().unwrap()["type"], "session_cancelled");
    assert_eq!(events.len(), received.len(), "nothing follows the end");
    let summary = api.wait_for_end(&session).await;
    assert_eq!(summary["status"], "cancelled");
}

#[tokio::test]
async fn a_run_is_cancelled_from_another_node() {
    let mut model = Model::start(async |_| Reply::Silence).await;
    let database = Database::create().await;
    let _running = node(&database, &model.base_url, &[]).await;
    let other = node(&database, &model.base_url, &["--max-running", "0"]).await;
    let api = Api::of(&other);
    let session = api.generate("Beekeeping").await;
    model.asked().await;
    assert_eq!(cancel(&api, &session).await.0, StatusCode::OK);
    model.hung_up().await;
    assert_eq!(api.wait_for_end(&session).await["status"], "cancelled");
}

#[tokio::test]
async fn a_queued_run_is_cancelled_before_it_starts() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--max-running", "0"]).await;
    let api = Api::of(&service);
    let session = api.generate("Beekeeping").await;
    assert_eq!(cancel(&api, &session).await.0, StatusCode::OK);
    let events = api.events(&session).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "session_cancelled");
    let _running = Service::start(&database).await;
    // The other node has looked for work once it has done some.
    let next = api.generate("Beekeeping").await;
    assert_eq!(api.wait_for_end(&next).await["status"], "completed");
    assert_eq!(api.events(&session).await.len(), 1);
}

#[tokio::test]
async fn what_is_over_or_unknown_cannot_be_cancelled() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Beekeeping").await;
    api.wait_for_end(&session).await;
    assert_eq!(cancel(&api, &session).await.0, StatusCode::CONFLICT);
    for unknown in ["01990000-0000-7000-8000-000000000000", "nonsense"] {
        let (status, answer) = cancel(&api, unknown).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(answer, json!({"success": false, "error": "Session not found"}));
    }
}

#[tokio::test]
async fn a_cancellation_that_races_the_end_leaves_one_terminal_event() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "1ms"]).await;
    let api = Api::of(&service);
    for round in 0..10 {
        let session = api.generate("Beekeeping").await;
        // A little later in the run every time.
        api.wait_for(&session, |summary| summary["lastOffset"].as_u64().unwrap() >= round * 3).await;
        let (status, answer) = cancel(&api, &session).await;
        let summary = api.wait_for_end(&session).await;
        let expected = match status {
            StatusCode::OK => "cancelled",
            StatusCode::CONFLICT => "completed",
            _ => panic!("{status}: {answer}"),
        };
        assert_eq!(summary["status"], expected);
        let events = api.events(&session).await;
        let is_terminal = |event: &&Value| {
            let kind = event["type"].as_str().unwrap();
            kind.starts_with("session_") && kind != "session_started"
        };
        assert_eq!(events.iter().filter(is_terminal).count(), 1);
        assert_eq!(events.last().unwrap()["type"], format!("session_{expected}"));
    }
}
