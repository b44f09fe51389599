//! Socket.IO's recovery tokens say where somebody stood, not who he is: they let nobody in.

use serde_json::{Value, json};

use super::callers::{Kind, guarded};
use crate::{socketio::socket::Socket, support::service::Service};

/// What somebody with a stolen pair of tokens sees.
fn stolen(from: &Socket, token: Option<String>) -> Value {
    let mut auth = from.auth();
    if let Some(token) = token {
        auth["token"] = json!(token);
    }
    auth
}

async fn connect(service: &Service, auth: &Value) -> Socket {
    Socket::connect_with(service, auth).await
}

#[tokio::test]
async fn a_recovery_token_widens_nothing() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let owner = json!({"token": guarded.credential(Kind::Owner)});
    let mut socket = connect(&guarded.service, &owner).await;
    socket.join(&outside.session).await;
    socket.take(1).await;

    // Nobody: not let in, whatever he holds.
    let refused = Socket::try_connect_with(&guarded.service, &stolen(&socket, None)).await.err().unwrap();
    assert_eq!(refused["data"]["code"], "unauthorized");
    // Another user: told that there is no such session, and sent nothing of it.
    let auth = stolen(&socket, guarded.credential(Kind::OtherUser));
    let mut thief = connect(&guarded.service, &auth).await;
    let error = thief.expect("session_error").await;
    assert_eq!((&error["code"], &error["sessionId"]), (&json!("session_not_found"), &json!(outside.session)));
    outside.log(2).await;
    thief.assert_silent().await;
    // The owner himself, on the same tokens, goes on.
    let auth = stolen(&socket, guarded.credential(Kind::Owner));
    let mut again = connect(&guarded.service, &auth).await;
    assert_eq!(again.pid, socket.pid, "recovered");
    again.expect("session_status").await;
    let offsets: Vec<u64> = again.take(2).await.iter().map(|event| event.offset().unwrap()).collect();
    assert_eq!(offsets, [2, 3]);
}

#[tokio::test]
async fn forged_recovery_tokens_recover_nothing() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let token = guarded.credential(Kind::Owner);
    let mut socket = connect(&guarded.service, &json!({"token": token})).await;
    socket.join(&outside.session).await;
    socket.take(1).await;
    let mut offset = socket.offset.clone().into_bytes();
    let last = offset.len() - 1;
    offset[last] = if offset[last] == b'A' { b'Q' } else { b'A' };
    for auth in [
        json!({"token": token, "pid": socket.pid, "offset": String::from_utf8(offset).unwrap()}),
        json!({"token": token, "pid": "forged", "offset": socket.offset}),
        json!({"token": token, "pid": socket.pid, "offset": "~".repeat(10_000)}),
        json!({"token": token, "pid": {"a": []}, "offset": 7}),
    ] {
        let mut forger = connect(&guarded.service, &auth).await;
        assert_ne!(forger.pid, socket.pid, "not recovered");
        forger.assert_silent().await;
    }
}

/// What was said once may be said again: a replayed token joins where it stood, as often as its owner likes, and only for him.
#[tokio::test]
async fn a_replayed_recovery_token_is_worth_what_its_caller_is() {
    let guarded = guarded(&[]).await;
    let outside = guarded.outside_session().await;
    let mut socket = connect(&guarded.service, &json!({"token": guarded.credential(Kind::Owner)})).await;
    socket.join(&outside.session).await;
    socket.take(1).await;
    let old = stolen(&socket, guarded.credential(Kind::Owner));
    outside.log(3).await;
    socket.take(3).await;
    for _ in 0..2 {
        let mut again = connect(&guarded.service, &old).await;
        again.expect("session_status").await;
        let offsets: Vec<u64> = again.take(3).await.iter().map(|event| event.offset().unwrap()).collect();
        assert_eq!(offsets, [2, 3, 4]);
    }
    let auth = stolen(&socket, guarded.credential(Kind::Producer));
    let mut producer = connect(&guarded.service, &auth).await;
    assert_eq!(producer.expect("session_error").await["code"], "forbidden");
}
