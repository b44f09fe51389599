//! The database goes on elsewhere: its machine is lost, and a standby takes its place behind the same name.

use super::{Producer, follows_without_loss};
use crate::support::{
    api::Api,
    database::Cluster,
    proxy::Proxy,
    service::Service,
    socket::{Socket, assert_whole},
};

#[tokio::test]
async fn a_standby_that_takes_over_at_another_address_is_found() {
    let mut primary = Cluster::start().await;
    let proxy = Proxy::start(&primary.socket()).await;
    let database = primary.database_at(proxy.port);
    let service = Service::start_with(&database, &["--offline-pace", "200ms", "--lease-ttl", "30s"]).await;
    let standby = primary.standby().await;
    let run = Api::of(&service).generate("Rust ownership").await;
    let mut run_socket = Socket::connect(&service).await;
    run_socket.join(&run).await;
    let producer = Producer::start(&service).await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    producer.reaches(&service, 20).await;

    primary.crash().await;
    standby.promote().await;
    proxy.lead_to(&standby.socket());
    proxy.cut();

    let (_, before) = Api::of(&service).get(&format!("/api/v1/sessions/{}", producer.session)).await;
    let more = before["lastOffset"].as_u64().unwrap_or(20) + 20;
    producer.reaches(&service, more).await;
    follows_without_loss(&mut socket, more).await;
    assert!(producer.stop_and_check(&service).await > 0);
    let received = run_socket.until_complete().await;
    assert_whole(&received);
    assert_eq!(received.last().unwrap().data["success"], true, "the run goes on after it");
}
