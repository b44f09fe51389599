//! Socket.IO 5, rule by rule: namespaces, packets, attachments, and what closes a connection.

use std::time::Duration;

use coursestream::push::socketio::{
    connection::{self, Admission, Application, Event, Out},
    engine::{Closed, Options},
};
use serde_json::{Map, Value, json};

use super::{
    raw::{InProcess, Websocket},
    socket::{Packet, Socket, url},
};
use crate::support::{database::Database, service::Service};

async fn start() -> (Database, Service) {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    (database, service)
}

#[tokio::test]
async fn only_the_main_namespace_is_there() {
    let (_database, service) = start().await;
    let (mut socket, _) = Websocket::open(&url(&service)).await;
    for connect in ["40/random", "40/random,", r#"40/random,{"token":"x"}"#] {
        socket.send(connect).await;
        assert_eq!(socket.text().await, r#"44/random,{"message":"Invalid namespace"}"#);
    }
    socket.send(r#"40{"token":"x"}"#).await;
    assert!(socket.text().await.starts_with(r#"40{"#));
}

#[tokio::test]
async fn every_connection_has_ids_of_its_own() {
    let (_database, service) = start().await;
    let (one, other) = (Socket::connect(&service).await, Socket::connect(&service).await);
    assert_ne!(one.sid, other.sid);
    assert_ne!(one.pid, other.pid);
}

#[tokio::test]
async fn a_packet_that_breaks_the_protocol_closes_its_connection_only() {
    let (_database, service) = start().await;
    let mut bystander = Socket::connect(&service).await;
    let packets = [
        "4abc",
        "42{}",
        "42[]",
        r#"42["connect"]"#,
        r#"42abc["join_session"]"#,
        r#"42["join_session""#,
        "43[1]",
        "44{}",
        "40",
        r#"42/random,["join_session","x"]"#,
        "41/random,",
        // More attachments than one packet may have, and a packet in the place of one.
        r#"4511-["join_session"]"#,
        r#"451-["join_session",{"_placeholder":true,"num":0}]"#,
    ];
    for packet in packets {
        let mut socket = Socket::connect(&service).await;
        socket.websocket.send(packet).await;
        socket.websocket.send(r#"42["join_session","x"]"#).await;
        // The second is not answered any more.
        assert!(socket.next().await.is_none(), "{packet}");
    }
    for packet in [r#"42["join_session","x"]"#, "41", "40[]", "4"] {
        let (mut socket, _) = Websocket::open(&url(&service)).await;
        socket.send(packet).await;
        assert_eq!(socket.next().await, None, "{packet}");
    }
    let mut binary = Socket::connect(&service).await;
    binary.websocket.send_binary(&[1, 2, 3]).await;
    assert!(binary.next().await.is_none());
    bystander.assert_silent().await;
}

#[tokio::test]
async fn attachments_are_awaited_and_acks_allowed() {
    let (_database, service) = start().await;
    let mut socket = Socket::connect(&service).await;
    socket.websocket.send(r#"452-3["photo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#).await;
    socket.websocket.send_binary(&[1]).await;
    socket.websocket.send_binary(&[2]).await;
    // An event that we do not know, whole.
    assert_eq!(socket.expect("session_error").await["code"], "bad_request");
    let Some(Packet::Ack { id: 3, answer }) = socket.next().await else { panic!("an ack is expected") };
    assert_eq!(answer["ok"], json!(false));
    // Nobody asked for this one.
    socket.websocket.send("439[]").await;
    socket.assert_silent().await;
}

#[tokio::test]
async fn a_namespace_can_be_left_and_connected_again() {
    let (_database, service) = start().await;
    let mut socket = Socket::connect(&service).await;
    socket.websocket.send("41").await;
    socket.websocket.send("40").await;
    assert!(socket.websocket.text().await.starts_with(r#"40{"#));
    socket.assert_silent().await;
}

/// Lets everyone in and has nothing to say.
struct Silent;

impl Application for Silent {
    type Work = ();

    async fn connect(&mut self, _: &str, _: Map<String, Value>) -> Admission {
        Admission::Accepted(Map::new())
    }

    async fn connected(&mut self, _: &str, _: &Out<'_>) -> Result<(), Closed> {
        Ok(())
    }

    async fn event(&mut self, _: Event, _: &Out<'_>) -> Result<(), Closed> {
        Ok(())
    }

    fn disconnected(&mut self, _: &str) {}

    async fn next(&mut self) {
        std::future::pending().await
    }

    async fn carry_out(&mut self, (): (), _: &Out<'_>) -> Result<(), Closed> {
        Ok(())
    }
}

#[tokio::test]
async fn a_connection_that_is_in_no_namespace_is_closed_after_a_while() {
    let minute = Duration::from_secs(60);
    let options = Options {
        ping_interval: minute,
        ping_timeout: minute,
        upgrade_timeout: minute,
        payload_bytes_max: 1_000,
        packets_max: 8,
        polling_name: "polling",
        websocket_name: "websocket",
    };
    let server = InProcess::start(options, |link| connection::serve(link, Silent, Duration::from_millis(50))).await;
    let (mut never, _) = Websocket::open(&server.url).await;
    let (mut left, _) = Websocket::open(&server.url).await;
    let (mut stays, _) = Websocket::open(&server.url).await;
    for socket in [&mut left, &mut stays] {
        socket.send("40").await;
        assert!(socket.text().await.starts_with(r#"40{"#));
    }
    left.send("41").await;
    never.until_closed().await;
    left.until_closed().await;
    stays.send("40/another,").await;
    assert!(stays.text().await.starts_with(r#"40/another,{"#));
}
