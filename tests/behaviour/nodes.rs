//! Several nodes on one database: runs that outlive theirs, queues, cancellation from anywhere.

use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    answers,
    api::{Api, USER},
    database::{Cluster, Database},
    model::Model,
    proxy::Proxy,
    scripted::Reply,
    service::{PATIENCE, Service},
    socket::{Socket, assert_contiguous},
};

/// A pace at which a run of some twelve steps is still under way when a test has looked at it.
const SLOW: &[&str] = &["--offline-pace", "300ms", "--calls-per-run", "1"];

fn steps(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .filter(|event| event["type"] == "success")
        .map(|event| {
            let data = &event["data"];
            format!("{} {} {}", data["step"], data["part"], data["lesson"])
        })
        .collect()
}

fn terminal(events: &[Value]) -> Vec<&Value> {
    events
        .iter()
        .filter(|event| event["type"].as_str().unwrap().starts_with("session_") && event["type"] != "session_started")
        .collect()
}

fn assert_each_step_once(events: &[Value]) {
    let done = steps(events);
    let mut distinct = done.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), done.len(), "a step was done twice: {done:?}");
}

fn assert_offsets_have_no_holes(events: &[Value]) {
    let offsets: Vec<u64> = events.iter().map(|event| event["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, (1..=offsets.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn started_on_one_node_followed_on_another_cancelled_from_a_third() {
    let database = Database::create().await;
    let (a, b, c) = (
        Service::start_with(&database, SLOW).await,
        Service::start_with(&database, SLOW).await,
        Service::start_with(&database, SLOW).await,
    );
    let session = Api::of(&a).generate("Rust ownership").await;
    let mut socket = Socket::connect(&b).await;
    socket.join(&session).await;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let frame = socket.next().await.unwrap();
        seen.extend(frame.offset().map(|_| frame));
    }
    let (status, answer) =
        Api::of(&c).post(&format!("/api/v1/course-generation/session/{session}/cancel"), &json!({})).await;
    assert_eq!((status, answer["status"].as_str()), (StatusCode::OK, Some("cancelled")), "{answer}");
    seen.extend(socket.until_complete().await);
    assert_contiguous(&seen, 1);
    let last = seen.last().unwrap();
    assert_eq!(last.data["success"], false);
    assert_eq!(last.data["cancelled"], true);
    let events = Api::of(&a).events(&session).await;
    assert_eq!(terminal(&events).len(), 1);
}

#[tokio::test]
async fn a_run_whose_node_is_killed_goes_on_elsewhere_with_the_first_missing_step() {
    let database = Database::create().await;
    let settings = [SLOW, &["--lease-ttl", "2s"]].concat();
    let a = Service::start_with(&database, &settings).await;
    let session = Api::of(&a).generate("Rust ownership").await;
    Api::of(&a).wait_for(&session, |summary| summary["counts"]["success"].as_u64() >= Some(3)).await;
    let b = Service::start_with(&database, &settings).await;
    let mut socket = Socket::connect(&b).await;
    socket.join(&session).await;
    a.kill().await;

    let received = socket.until_complete().await;
    assert_contiguous(&received, 1);
    assert_eq!(received.last().unwrap().data["success"], true);
    let events = Api::of(&b).events(&session).await;
    assert_each_step_once(&events);
    let summary = Api::of(&b).wait_for_end(&session).await;
    assert_eq!(summary["attempts"], 2);
    let is_takeover = |event: &&Value| event["type"] == "log" && event["data"]["attempt"] == 2;
    assert_eq!(events.iter().filter(is_takeover).count(), 1);
}

/// The model counts: what is in the log is not asked for again, and what died with its node is asked for once more.
#[tokio::test]
async fn a_run_that_is_taken_over_pays_for_no_step_twice_but_those_under_way() {
    const UNDER_WAY: usize = 4;
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut model = Model::start({
        let asked = Arc::clone(&asked);
        move |request| {
            let mut asked = asked.lock().unwrap();
            asked.push(answers::step(&request));
            let reply = if asked.len() == UNDER_WAY { Reply::Silence } else { answers::course(&request) };
            async move { reply }
        }
    })
    .await;
    let database = Database::create().await;
    let settings = ["--calls-per-run", "1", "--lease-ttl", "2s"];
    let a = answers::node(&database, &model.base_url, &settings).await;
    let session = Api::of(&a).generate("Beekeeping").await;
    for _ in 0..UNDER_WAY {
        model.asked().await;
    }
    let b = answers::node(&database, &model.base_url, &settings).await;
    a.kill().await;
    let summary = Api::of(&b).wait_for_end(&session).await;
    assert_eq!((&summary["status"], &summary["attempts"]), (&json!("completed"), &json!(2)), "{summary}");

    let asked = asked.lock().unwrap().clone();
    let (before, after) = asked.split_at(UNDER_WAY);
    assert_eq!(after[0], before[UNDER_WAY - 1], "the step under way comes first");
    let mut distinct = asked.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(asked.len(), distinct.len() + 1, "{asked:?}");
}

#[tokio::test]
async fn a_node_that_was_paused_past_its_lease_writes_nothing_more() {
    let database = Database::create().await;
    let settings = [SLOW, &["--lease-ttl", "1s"]].concat();
    let a = Service::start_with(&database, &settings).await;
    let session = Api::of(&a).generate("Rust ownership").await;
    Api::of(&a).wait_for(&session, |summary| summary["counts"]["success"].as_u64() >= Some(2)).await;
    a.signal(Signal::SIGSTOP);
    let b = Service::start_with(&database, &settings).await;
    Api::of(&b).wait_for(&session, |summary| summary["attempts"] == 2).await;
    a.signal(Signal::SIGCONT);
    Api::of(&b).wait_for_end(&session).await;

    let events = Api::of(&b).events(&session).await;
    assert_offsets_have_no_holes(&events);
    assert_each_step_once(&events);
    assert_eq!(terminal(&events).len(), 1);
    assert_eq!(terminal(&events)[0]["offset"], events.len());
}

#[tokio::test]
async fn a_node_that_is_stopped_hands_its_runs_back_at_once() {
    let database = Database::create().await;
    // A lease that would outlast the test: only handing it back lets another node go on.
    let settings = [SLOW, &["--lease-ttl", "1h", "--shutdown-grace", "100ms"]].concat();
    let a = Service::start_with(&database, &settings).await;
    let session = Api::of(&a).generate("Rust ownership").await;
    Api::of(&a).wait_for(&session, |summary| summary["counts"]["success"].as_u64() >= Some(2)).await;
    let b = Service::start_with(&database, &settings).await;
    assert!(a.terminate().await.success());
    let summary = Api::of(&b).wait_for_end(&session).await;
    assert_eq!(summary["status"], "completed");
    assert_each_step_once(&Api::of(&b).events(&session).await);
}

#[tokio::test]
async fn a_run_that_is_interrupted_too_often_has_failed() {
    let database = Database::create().await;
    let settings = [SLOW, &["--lease-ttl", "1s", "--attempts-per-run", "2"]].concat();
    let mut session = None;
    for attempt in 1..=2 {
        let node = Service::start_with(&database, &settings).await;
        let api = Api::of(&node);
        let session = match &session {
            Some(session) => session,
            None => session.insert(api.generate("Rust ownership").await),
        };
        api.wait_for(session, |summary| summary["attempts"] == attempt).await;
        node.kill().await;
    }
    let session = session.unwrap();
    let node = Service::start_with(&database, &settings).await;
    let summary = Api::of(&node).wait_for_end(&session).await;
    assert_eq!(summary["status"], "failed");
    assert_eq!(summary["error"], "the run was interrupted 2 times and is given up");
}

#[tokio::test]
async fn runs_beyond_the_bound_wait_and_start_in_order_wherever_there_is_room() {
    let database = Database::create().await;
    let settings = [SLOW, &["--max-running", "1"]].concat();
    let a = Service::start_with(&database, &settings).await;
    let api = Api::of(&a);
    let first = api.generate("first").await;
    api.wait_for(&first, |summary| summary["status"] == "running").await;
    let second = api.generate("second").await;
    let third = api.generate("third").await;
    let queued = api.wait_for(&second, |_| true).await;
    assert_eq!((&queued["status"], &queued["lastOffset"]), (&json!("queued"), &json!(0)));

    let b = Service::start_with(&database, &settings).await;
    let began = Api::of(&b).wait_for(&second, |summary| summary["status"] != "queued").await;
    assert_eq!(began["status"], "running");
    let waiting = api.wait_for(&third, |_| true).await;
    assert_eq!(waiting["status"], "queued", "the older of the two starts first");
    for session in [&first, &second, &third] {
        assert_eq!(api.wait_for_end(session).await["status"], "completed");
    }
}

#[tokio::test]
async fn a_full_queue_is_said_and_when_to_come_back() {
    let database = Database::create().await;
    let settings = [SLOW, &["--max-running", "1", "--max-queued", "1"]].concat();
    let node = Service::start_with(&database, &settings).await;
    let api = Api::of(&node);
    let first = api.generate("first").await;
    api.wait_for(&first, |summary| summary["status"] == "running").await;
    api.generate("second").await;
    let body = json!({"course_topic": "third", "user_id": USER});
    let response = api.http.post(node.url("/api/v1/course-generation/generate")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["success"], false);
    let (_, list) = api.get("/api/v1/course-generation/sessions").await;
    assert_eq!(list["sessions"].as_array().unwrap().len(), 2, "nothing was created");
}

/// However many ask at once, and on however many nodes.
#[tokio::test]
async fn the_queue_is_never_longer_than_its_bound() {
    let database = Database::create().await;
    let settings = [SLOW, &["--max-running", "0", "--max-queued", "5"]].concat();
    let (a, b) = (Service::start_with(&database, &settings).await, Service::start_with(&database, &settings).await);
    let (a, b) = (Api::of(&a), Api::of(&b));
    let starts = (0..40).map(|number| {
        let body = json!({"course_topic": format!("Run {number}"), "user_id": USER});
        let api = if number % 2 == 0 { &a } else { &b };
        async move { api.post("/api/v1/course-generation/generate", &body).await.0 }
    });
    let statuses = futures_util::future::join_all(starts).await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 5);
    assert!(statuses.iter().all(|status| [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(status)));
}

#[tokio::test]
async fn a_queued_run_can_be_cancelled() {
    let database = Database::create().await;
    let settings = [SLOW, &["--max-running", "1"]].concat();
    let node = Service::start_with(&database, &settings).await;
    let api = Api::of(&node);
    let first = api.generate("first").await;
    api.wait_for(&first, |summary| summary["status"] == "running").await;
    let second = api.generate("second").await;
    let (status, _) = api.post(&format!("/api/v1/course-generation/session/{second}/cancel"), &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let events = api.events(&second).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "session_cancelled");
}

/// Whoever asks for it, and wherever: one of them has cancelled the run, and the others are told that it is.
#[tokio::test]
async fn of_many_cancellations_one_wins_and_none_gets_in_another_s_way() {
    let database = Database::create().await;
    let (a, b) = (Service::start_with(&database, SLOW).await, Service::start_with(&database, SLOW).await);
    let (a, b) = (Api::of(&a), Api::of(&b));
    let session = a.generate("Rust ownership").await;
    let path = format!("/api/v1/course-generation/session/{session}/cancel");
    let cancels = (0..16).map(|number| {
        let api = if number % 2 == 0 { &a } else { &b };
        api.post(&path, &Value::Null)
    });
    let mut statuses: Vec<StatusCode> =
        futures_util::future::join_all(cancels).await.into_iter().map(|(status, _)| status).collect();
    statuses.sort();
    let mut expected = [StatusCode::CONFLICT; 16];
    expected[0] = StatusCode::OK;
    assert_eq!(statuses, expected);
    assert_eq!(terminal(&a.events(&session).await).len(), 1);
}

/// A node that stops has interrupted its runs, but that is not held against them.
#[tokio::test]
async fn a_run_outlasts_any_number_of_orderly_restarts() {
    let database = Database::create().await;
    let settings = ["--offline-pace", "1h", "--attempts-per-run", "2", "--shutdown-grace", "0s"];
    let mut session = None;
    for attempt in 1..=4 {
        let node = Service::start_with(&database, &settings).await;
        let api = Api::of(&node);
        let session = match &session {
            Some(session) => session,
            None => session.insert(api.generate("Rust ownership").await),
        };
        api.wait_for(session, |summary| summary["attempts"] == attempt).await;
        assert!(node.terminate().await.success());
    }
    let node = Service::start(&database).await;
    assert_eq!(Api::of(&node).wait_for_end(&session.unwrap()).await["status"], "completed");
}

/// Whatever holds the database up: the node ends, and nobody else waits for its leases longer than they last.
#[tokio::test]
async fn a_node_that_is_told_to_stop_does_not_wait_for_its_database() {
    let cluster = Cluster::start().await;
    let proxy = Proxy::start(&cluster.socket()).await;
    let settings = [SLOW, &["--lease-ttl", "2s", "--shutdown-grace", "1s"]].concat();
    let node = Service::start_with(&cluster.database_at(proxy.port), &settings).await;
    let other = Service::start_with(&cluster.database(), &[SLOW, &["--lease-ttl", "2s"]].concat()).await;
    let session = Api::of(&node).generate("Rust ownership").await;
    Api::of(&node).wait_for(&session, |summary| summary["counts"]["success"].as_u64() >= Some(1)).await;
    proxy.stall();
    assert!(node.terminate().await.success());
    assert_eq!(Api::of(&other).wait_for_end(&session).await["status"], "completed");
    assert_each_step_once(&Api::of(&other).events(&session).await);
}

#[tokio::test]
async fn a_node_that_stops_serves_until_whoever_sends_it_requests_has_noticed() {
    let database = Database::create().await;
    let node = Service::start_with(&database, &["--shutdown-delay", "3s"]).await;
    let api = Api::of(&node);
    node.signal(Signal::SIGTERM);
    let noticed = async { while api.get("/health/ready").await.0 != StatusCode::SERVICE_UNAVAILABLE {} };
    tokio::time::timeout(PATIENCE, noticed).await.expect("it says that it stops");
    assert_eq!(api.get("/api/v1/course-generation/sessions").await.0, StatusCode::OK);
    assert!(node.ended().await.success());
}

/// Cancellations and completions race; each session has one end, and who lost is told.
#[tokio::test]
async fn of_a_cancellation_and_a_completion_one_wins() {
    let database = Database::create().await;
    let node = Service::start_with(&database, &["--offline-pace", "5ms"]).await;
    let api = Api::of(&node);
    let (mut cancelled, mut completed) = (0, 0);
    for round in 0..12 {
        let session = api.generate(&format!("round {round}")).await;
        // Near the end of the run, nearer in every round.
        api.wait_for(&session, |summary| summary["counts"]["success"].as_u64() >= Some(round)).await;
        let (status, answer) =
            api.post(&format!("/api/v1/course-generation/session/{session}/cancel"), &json!({})).await;
        let summary = api.wait_for_end(&session).await;
        match status {
            StatusCode::OK => {
                cancelled += 1;
                assert_eq!(summary["status"], "cancelled");
            }
            StatusCode::CONFLICT => {
                completed += 1;
                assert_eq!(summary["status"], "completed", "{answer}");
            }
            other => panic!("{other}: {answer}"),
        }
        let events = api.events(&session).await;
        assert_offsets_have_no_holes(&events);
        assert_eq!(terminal(&events).len(), 1, "{events:?}");
        assert_eq!(terminal(&events)[0]["offset"], events.len());
    }
    assert!(cancelled > 0, "{completed} completed");
}

/// Two nodes are replaced one after the other while runs are started and followed.
#[tokio::test]
async fn a_rolling_restart_loses_nothing_and_fails_no_run() {
    let database = Database::create().await;
    let settings = ["--offline-pace", "60ms", "--shutdown-grace", "50ms"];
    let mut nodes = [Service::start_with(&database, &settings).await, Service::start_with(&database, &settings).await];
    let mut sessions = Vec::new();
    for restart in 0..4 {
        for number in 0..3 {
            let api = Api::of(&nodes[number % 2]);
            sessions.push(api.generate(&format!("run {restart}.{number}")).await);
        }
        let replacement = Service::start_with(&database, &settings).await;
        let old = std::mem::replace(&mut nodes[restart % 2], replacement);
        assert!(old.terminate().await.success());
    }
    for session in &sessions {
        let mut socket = Socket::connect(&nodes[0]).await;
        socket.join(session).await;
        let received = socket.until_complete().await;
        assert_contiguous(&received, 1);
        assert_eq!(received.last().unwrap().data["success"], true);
        assert_each_step_once(&Api::of(&nodes[1]).events(session).await);
    }
}
