//! Clients that follow a session to its end, on every transport, over every trouble.

use serde_json::Value;

use super::world::World;
use crate::support::{
    service::PATIENCE,
    socket::{Received, Socket, assert_whole},
    socketio::{POLLING, Setup, UPGRADE, VERSIONS, WEBSOCKET},
    sse::{Resume, Sse},
};

/// Follows a session on all transports at once.
pub(super) async fn on_all(world: &World, session: &str) -> Following {
    let (websocket, sse, socketio) = tokio::join!(
        tokio::time::timeout(4 * PATIENCE, over_websocket(world, session)),
        tokio::time::timeout(4 * PATIENCE, over_sse(world, session)),
        tokio::time::timeout(4 * PATIENCE, over_socketio(world, session)),
    );
    Following {
        websocket: websocket.unwrap_or_else(|_| panic!("{session}: no end over WebSocket")),
        sse: sse.unwrap_or_else(|_| panic!("{session}: no end over SSE")),
        socketio: socketio.unwrap_or_else(|_| panic!("{session}: no end over Socket.IO")),
    }
}

/// What the clients have seen.
pub(super) struct Following {
    websocket: Vec<Received>,
    sse: Vec<Received>,
    /// Each once and in order: the client itself sees to it.
    socketio: Vec<u64>,
}

impl Following {
    /// Holds it against the log: every event once, in order, as it is there.
    pub(super) fn check(&self, world: &World, events: &[Value]) {
        for received in [&self.websocket, &self.sse] {
            assert_whole(received);
            assert_eq!(received.len(), events.len(), "{:?}", events.last());
            for (frame, event) in received.iter().zip(events) {
                if !frame.is_complete() {
                    assert_eq!(&frame.data, event);
                }
            }
        }
        assert_eq!(self.socketio.len(), events.len(), "{:?}", events.last());
        world.tally.add("events checked, on each of three transports", events.len() as u64);
    }
}

async fn over_websocket(world: &World, session: &str) -> Vec<Received> {
    let mut received: Vec<Received> = Vec::new();
    loop {
        let Some(mut socket) = Socket::try_connect(&world.any_url()).await else {
            world.pause(10..100).await;
            continue;
        };
        if socket.try_join_after(session, received.len() as u64).await.is_none() {
            continue;
        }
        // Some connections are cut by their own clients.
        let patience = if world.random(0..2) == 0 { usize::MAX } else { received.len() + 5 };
        while let Some(frame) = socket.next().await {
            assert_ne!(frame.event, "session_error", "{}", frame.data);
            let is_complete = frame.is_complete();
            received.extend(frame.offset().map(|_| frame));
            if is_complete {
                return received;
            }
            if received.len() >= patience {
                break;
            }
        }
        world.tally.add("reconnections over WebSocket", 1);
        socket.cut();
    }
}

async fn over_sse(world: &World, session: &str) -> Vec<Received> {
    let mut received: Vec<Received> = Vec::new();
    loop {
        let last_event_id = received.last().and_then(Received::offset).unwrap_or(0).to_string();
        let resume = Resume::header(&last_event_id);
        let opened = Sse::try_open(&world.streaming, &world.any_url(), session, resume).await;
        let Some(mut stream) = opened else {
            world.pause(10..100).await;
            continue;
        };
        while let Ok(Some(frame)) = stream.try_next().await {
            let is_complete = frame.is_complete();
            received.extend(frame.offset().map(|_| frame));
            if is_complete {
                return received;
            }
        }
        world.tally.add("reconnections over SSE", 1);
    }
}

async fn over_socketio(world: &World, session: &str) -> Vec<u64> {
    let setup = Setup {
        version: VERSIONS[usize::from(world.random(0..2) == 0)],
        transports: [WEBSOCKET, POLLING, UPGRADE][usize::try_from(world.random(0..3)).unwrap()],
        joins: ["always", "unrecovered", "counted", "both"][usize::try_from(world.random(0..4)).unwrap()],
    };
    let id = format!("{session} {} {} {}", setup.version, setup.transports.join("+"), setup.joins);
    let sessions = [session.to_owned()];
    let mut client = world.socketio.lock().await.open(&id, &world.any_url(), &sessions, &setup).await;
    client.until(|client| client.has_all()).await;
    world.socketio.lock().await.close(&client).await;
    world.tally.add("reconnections over Socket.IO", client.connects as u64 - 1);
    world.tally.add("of these, with recovered state", client.recoveries as u64);
    client.log.remove(session).unwrap().offsets
}
