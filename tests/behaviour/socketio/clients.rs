//! The clients that exist, on networks and nodes that fail: no event is lost, none comes twice, the order holds, and each
//! session completes once. [`Client`] fails as soon as one of these is broken.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::support::{
    api::Api,
    database::Database,
    forwarder::Forwarder,
    service::Service,
    socketio::{Client, Node, POLLING, Setup, UPGRADE, VERSIONS, WEBSOCKET},
};

const CLIENTS: usize = 5;
const DROPS: usize = 12;
const JOINS: [&str; 4] = ["always", "unrecovered", "counted", "both"];
/// Runs that take their time, two after the other, so that there is always something under way.
const PACED: [&str; 6] = ["--offline-pace", "300ms", "--max-running", "2", "--lease-ttl", "1s"];

async fn start_runs(api: &Api, count: usize) -> Vec<String> {
    let mut sessions = Vec::new();
    for number in 0..count {
        sessions.push(api.generate(&format!("Topic {number}")).await);
    }
    sessions
}

/// It has all of every session's log, once.
async fn assert_complete(api: &Api, client: &Client) {
    for (session, log) in &client.log {
        let last = api.wait_for_end(session).await["lastOffset"].as_u64().unwrap();
        assert_eq!((log.offsets.len() as u64, log.completions), (last, 1), "{}: {session}", client.id);
    }
}

/// When a connection is cut.
enum Moment {
    /// So many events after it was made, or at the end.
    AfterEvents(usize),
    /// As soon as the client is connected: before the first event, and while an upgrade begins.
    Connected,
    /// Wherever it is then: in the handshake, in the upgrade, between two polls.
    Blindly(Duration),
}

impl Moment {
    fn any(random: &mut StdRng) -> Self {
        match random.random_range(0..4) {
            0 => Self::Connected,
            1 => Self::Blindly(Duration::from_millis(random.random_range(0..40))),
            _ => Self::AfterEvents(random.random_range(1..8)),
        }
    }

    async fn wait(&self, client: &mut Client) {
        match self {
            Self::AfterEvents(count) => {
                let wanted = client.events() + count;
                client.until(|client| client.is_connected && (client.events() >= wanted || client.has_all())).await;
            }
            Self::Connected => client.until(|client| client.is_connected).await,
            Self::Blindly(pause) => tokio::time::sleep(*pause).await,
        }
    }
}

/// Cuts the client's connection again and again, then lets it finish.
async fn harass(mut client: Client, forwarder: &Forwarder, targets: &[&Service], seed: u64) -> Client {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..DROPS {
        Moment::any(&mut random).wait(&mut client).await;
        forwarder.point_at(targets[random.random_range(0..targets.len())]);
        forwarder.cut();
        // A client that polls may have had no request under way: then it is the next one's turn.
        while client.is_connected
            && tokio::time::timeout(Duration::from_millis(20), client.until(|client| !client.is_connected))
                .await
                .is_err()
        {
            forwarder.cut();
        }
    }
    client.until(|client| client.is_connected && client.has_all()).await;
    client
}

async fn random_drops(transports: &[&str], seed: u64) {
    let database = Database::create().await;
    let (one, other) = tokio::join!(Service::start_with(&database, &PACED), Service::start_with(&database, &PACED));
    let api = Api::of(&one);
    let sessions = start_runs(&api, 6).await;
    let mut node = Node::start();
    let forwarders = [
        Forwarder::to(&one).await,
        Forwarder::to(&one).await,
        Forwarder::to(&one).await,
        Forwarder::to(&one).await,
        Forwarder::to(&other).await,
    ];
    // Some stay on a node, some are moved between the two.
    let (stay, move_about) = ([&one], [&one, &other]);
    let mut harassed = Vec::new();
    for (number, forwarder) in forwarders.iter().enumerate() {
        let setup = Setup { version: VERSIONS[number % 2], transports, joins: JOINS[number % 4] };
        // The first two are what exists: one session each.
        let joined = if number < 2 { &sessions[number..=number] } else { &sessions[..] };
        let client = node.open(&format!("client {number}"), &forwarder.url, joined, &setup).await;
        let targets = if number % 2 == 0 { &stay[..] } else { &move_about[..] };
        harassed.push(harass(client, forwarder, targets, seed + number as u64));
    }
    assert_eq!(harassed.len(), CLIENTS);
    for mut client in futures_util::future::join_all(harassed).await {
        node.settle(&mut client).await;
        assert_complete(&api, &client).await;
        let is_recovering = !client.id.ends_with('2');
        assert_eq!(client.recoveries > 0, is_recovering, "{}: {} connects", client.id, client.connects);
    }
}

#[tokio::test]
async fn random_drops_on_websocket() {
    random_drops(WEBSOCKET, 1_000).await;
}

#[tokio::test]
async fn random_drops_on_polling() {
    random_drops(POLLING, 2_000).await;
}

#[tokio::test]
async fn random_drops_around_the_upgrade() {
    random_drops(UPGRADE, 3_000).await;
}

/// One client of each kind: both versions, all transports, all ways to join.
async fn one_of_each(node: &mut Node, url: &str, sessions: &[String]) -> Vec<Client> {
    let mut clients = Vec::new();
    for (number, transports) in [WEBSOCKET, POLLING, UPGRADE].into_iter().enumerate() {
        for (other, joins) in JOINS.into_iter().enumerate() {
            let setup = Setup { version: VERSIONS[(number + other) % 2], transports, joins };
            let id = format!("{} {joins}", transports.join("+"));
            clients.push(node.open(&id, url, sessions, &setup).await);
        }
    }
    clients
}

#[tokio::test]
async fn a_server_that_is_killed_and_restarted_goes_on_where_clients_stand() {
    let database = Database::create().await;
    let mut service = Service::start_with(&database, &PACED).await;
    let address = service.address().to_owned();
    let api = Api::of(&service);
    let sessions = start_runs(&api, 3).await;
    let mut node = Node::start();
    let mut clients = one_of_each(&mut node, &service.base_url, &sessions).await;
    for round in 1..=3 {
        for client in &mut clients {
            client.until(|client| client.connects >= round && client.events() >= round * 15).await;
        }
        service.kill().await;
        service = Service::start_at(&address, &database, &PACED).await;
    }
    for mut client in clients {
        client.until(|client| client.connects > 3 && client.has_all()).await;
        node.settle(&mut client).await;
        assert_complete(&api, &client).await;
        assert_eq!(client.recoveries > 0, !client.id.ends_with("counted"), "{}", client.id);
    }
}

#[tokio::test]
async fn clients_move_between_two_nodes() {
    let database = Database::create().await;
    let (one, other) = tokio::join!(Service::start_with(&database, &PACED), Service::start_with(&database, &PACED));
    let api = Api::of(&one);
    let sessions = start_runs(&api, 3).await;
    let mut node = Node::start();
    let forwarder = Forwarder::to(&one).await;
    let mut clients = one_of_each(&mut node, &forwarder.url, &sessions).await;
    for (round, target) in (1..).zip([&other, &one, &other]) {
        for client in &mut clients {
            client.until(|client| client.connects >= round && client.events() >= round * 15).await;
        }
        forwarder.point_at(target);
        forwarder.cut();
    }
    for mut client in clients {
        client.until(|client| client.connects > 3 && client.has_all()).await;
        node.settle(&mut client).await;
        assert_complete(&api, &client).await;
    }
}

#[tokio::test]
async fn a_node_that_shuts_down_sends_its_clients_to_the_other() {
    let database = Database::create().await;
    let (one, other) = tokio::join!(Service::start_with(&database, &PACED), Service::start_with(&database, &PACED));
    let api = Api::of(&other);
    let sessions = start_runs(&api, 2).await;
    let mut node = Node::start();
    let forwarder = Forwarder::to(&one).await;
    let mut clients = one_of_each(&mut node, &forwarder.url, &sessions).await;
    for client in &mut clients {
        client.until(|client| client.events() >= 10).await;
    }
    forwarder.point_at(&other);
    // Nothing is cut: the node itself tells them.
    assert!(one.terminate().await.success());
    for mut client in clients {
        client.until(|client| client.connects > 1 && client.has_all()).await;
        node.settle(&mut client).await;
        assert_complete(&api, &client).await;
    }
}

#[tokio::test]
async fn transports_are_what_the_client_asked_for() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let sessions = start_runs(&api, 1).await;
    let mut node = Node::start();
    for version in VERSIONS {
        for (transports, transport) in [(WEBSOCKET, "websocket"), (POLLING, "polling"), (UPGRADE, "websocket")] {
            let setup = Setup { version, transports, joins: "always" };
            let id = format!("{version} {transports:?}");
            let mut client = node.open(&id, &service.base_url, &sessions, &setup).await;
            client.until(|client| client.has_all() && client.transport == transport).await;
            let answer = node.ask(&mut client, "join_session", json!(sessions[0])).await;
            assert_eq!(answer["ok"], json!(true), "{id}");
            assert_complete(&api, &client).await;
            node.close(&client).await;
        }
    }
}
