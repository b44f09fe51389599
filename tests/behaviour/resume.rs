//! Clients that come, go, and come back: every event once and in order.

use crate::support::{
    api::Api,
    database::Database,
    service::Service,
    socket::{Socket, assert_contiguous},
};

#[tokio::test]
async fn a_client_that_joins_after_the_end_has_it_all() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let summary = api.wait_for_end(&session).await;
    assert_eq!(summary["status"], "completed", "{summary}");

    let mut socket = Socket::connect(&service).await;
    socket.join(&session).await;
    let status = socket.expect("session_status").await;
    assert_eq!(status["status"], "completed");
    let received = socket.until_complete().await;
    assert_contiguous(&received, 1);
    assert_eq!(received.len() as u64, summary["lastOffset"].as_u64().unwrap());
    assert_eq!(received.last().unwrap().data["courseId"], summary["courseId"]);
}
