//! Two nodes, each behind a network that can be cut on both of its sides, and how clients reach them.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use rand::{Rng, distr::uniform::SampleRange, rngs::StdRng};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

use super::tally::Tally;
use crate::support::{
    chance::chance,
    database::{Cluster, Database},
    forwarder::Forwarder,
    proxy::Proxy,
    service::{PATIENCE, Service},
    socketio,
};

/// Model calls of one run at once: what a node that dies may leave unwritten.
pub(super) const CALLS_PER_RUN: u64 = 3;
/// Longer than any fault lasts.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

pub(super) struct Node {
    /// What clients connect to.
    pub(super) front: Forwarder,
    /// The way to the database.
    pub(super) back: Proxy,
    database: Database,
    service: tokio::sync::Mutex<Option<Service>>,
}

impl Node {
    async fn start(cluster: &Cluster, model_url: &str) -> Self {
        let back = Proxy::start(&cluster.socket()).await;
        let database = cluster.database_at(back.port);
        let service = launch(&database, model_url).await;
        Self { front: Forwarder::to(&service).await, back, database, service: Some(service).into() }
    }

    /// Takes the process away, to do with it what is to be done.
    pub(super) async fn take(&self) -> Service {
        let service = self.service.lock().await.take().expect("the node runs");
        let log = service.stderr();
        assert!(!log.contains("panicked"), "{log}");
        service
    }

    pub(super) async fn put_back(&self, service: Service) {
        self.front.point_at(&service);
        *self.service.lock().await = Some(service);
    }
}

async fn launch(database: &Database, model_url: &str) -> Service {
    let calls = CALLS_PER_RUN.to_string();
    let settings = [
        "--provider",
        "openai",
        "--openai-base-url",
        model_url,
        "--openai-model",
        "test-model",
        "--lease-ttl",
        "2s",
        "--calls-per-run",
        &calls,
        "--shutdown-grace",
        "300ms",
        // Trouble is what this is about: nobody gives up, and nobody is turned away.
        "--attempts-per-run",
        "1000",
        "--tries-per-step",
        "20",
    ];
    Service::start_with(database, &settings).await
}

pub(super) struct World {
    pub(super) nodes: [Node; 2],
    pub(super) tally: Tally,
    pub(super) socketio: tokio::sync::Mutex<socketio::Node>,
    /// For streams, which have no end that could be waited for.
    pub(super) streaming: Client,
    model_url: String,
    http: Client,
    random: Mutex<StdRng>,
    until: Instant,
}

impl World {
    pub(super) async fn start(cluster: &Cluster, model_url: &str, duration: Duration) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let nodes = [Node::start(cluster, model_url).await, Node::start(cluster, model_url).await];
        Self {
            nodes,
            tally: Tally::default(),
            socketio: socketio::Node::start().into(),
            streaming: Client::new(),
            model_url: model_url.to_owned(),
            http: Client::builder().timeout(ANSWER_TIMEOUT).build().unwrap(),
            random: chance().into(),
            until: Instant::now() + duration,
        }
    }

    /// Starts a process in a node's place.
    pub(super) async fn start_node(&self, place: usize) {
        let node = &self.nodes[place];
        node.put_back(launch(&node.database, &self.model_url).await).await;
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    pub(super) fn random(&self, range: impl SampleRange<u64>) -> u64 {
        self.random.lock().unwrap().random_range(range)
    }

    pub(super) async fn pause(&self, milliseconds: impl SampleRange<u64>) {
        tokio::time::sleep(Duration::from_millis(self.random(milliseconds))).await;
    }

    /// The address of either node.
    pub(super) fn any_url(&self) -> String {
        self.nodes[usize::from(self.random(0..2) == 0)].front.url.clone()
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.any_url()))
    }

    /// Asks, on any node, until there is an answer that is not about the trouble. Only for what may be repeated.
    pub(super) async fn insist(
        &self,
        method: Method,
        path: &str,
        finish: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> (StatusCode, Value) {
        let asking = async {
            loop {
                match finish(self.request(method.clone(), path)).send().await {
                    Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                        self.tally.add("requests answered with 503, and repeated", 1);
                    }
                    Ok(response) => {
                        let status = response.status();
                        if let Ok(answer) = response.json().await {
                            return (status, answer);
                        }
                        self.tally.add("requests whose answer was cut, and repeated", 1);
                    }
                    Err(_) => self.tally.add("requests without an answer, and repeated", 1),
                }
                self.pause(20..200).await;
            }
        };
        tokio::time::timeout(2 * PATIENCE, asking).await.unwrap_or_else(|_| panic!("{path} is never answered"))
    }

    /// The whole log of a session, from the API.
    pub(super) async fn events(&self, session: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.len();
            let path = format!("/api/v1/sessions/{session}/events?after={after}");
            let (status, page) = self.insist(Method::GET, &path, |request| request).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            events.extend(page["items"].as_array().unwrap().iter().cloned());
            if page["nextAfter"].is_null() {
                return events;
            }
        }
    }

    /// Both nodes stop in order.
    pub(super) async fn stop(&self) {
        for node in &self.nodes {
            assert!(node.take().await.terminate().await.success());
        }
    }
}
