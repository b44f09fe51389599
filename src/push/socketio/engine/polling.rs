//! HTTP long-polling: the client's GET waits for packets, its POST brings some.
//!
//! A handler is dropped when its client has hung up. What it had taken or read is lost then, so the session ends with it (see
//! `session::turns`) and the client begins anew. poem drops it on a reset only: after an orderly close
//! it lets the handler run on, and the session ends with its heartbeat.

use std::net::IpAddr;

use poem::{Body, Response, error::ReadBodyError, http::header};

use super::{
    Engine, Options,
    packet::{self, Packet},
    refusal::Refusal,
    session::{Phase, Request, Session},
};

/// One answer's packets, in bytes, unless the first alone is larger. Small, so that a client on a slow line gets through it
/// between two pings.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Opens a session; the answer is the handshake.
pub(super) fn open(engine: &Engine, address: IpAddr) -> Response {
    let session = engine.open(Phase::Polling, address);
    // What the application may have queued by now comes with the first poll.
    answer(session.take_handshake())
}

/// Waits for packets.
pub(super) async fn poll(session: &Session) -> Result<Response, Refusal> {
    let begun = session.begin(Request::Poll).ok_or(Refusal::BadRequest)?;
    let packets = session.take_for_poll(ANSWER_BYTES_MAX).await;
    begun.done();
    packets.map(answer).ok_or(Refusal::BadRequest)
}

fn answer(packets: impl IntoIterator<Item = Packet>) -> Response {
    Response::builder()
        .content_type("text/plain; charset=UTF-8")
        .header(header::CACHE_CONTROL, "no-store")
        .body(packet::encode_payload(packets))
}

/// Takes packets in.
pub(super) async fn post(session: &Session, body: Body, options: &Options) -> Result<Response, Refusal> {
    let begun = session.begin(Request::Post).ok_or(Refusal::BadRequest)?;
    let body = tokio::select! {
        body = body.into_bytes_limit(options.payload_bytes_max) => body,
        // A body that trickles in does not outlive the session.
        () = session.closed() => return Err(Refusal::SessionUnknown),
    };
    let body = body.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => Refusal::TooLarge,
        _ => Refusal::BadRequest,
    })?;
    let packets = packet::decode_payload(&body, options.packets_max).map_err(|_| Refusal::BadRequest)?;
    for packet in packets {
        session.receive(packet).await.map_err(|_| Refusal::BadRequest)?;
    }
    begun.done();
    Ok(Response::builder().content_type("text/html").header(header::CACHE_CONTROL, "no-store").body("ok"))
}
