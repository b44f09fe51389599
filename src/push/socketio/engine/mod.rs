//! Engine.IO 4: sessions of messages over long-polling, WebSocket, and the upgrade from the one to the other.
//!
//! Knows messages and nothing of what they mean. The rules are those of the Engine.IO protocol, revision 4, and where it is
//! silent those of the reference server (`engine.io` 6), which the clients were written against.
//!
//! A session belongs to the node that opened it: behind a load balancer, long-polling and the upgrade need sticky routing.

mod http;
mod packet;
mod polling;
mod queue;
mod refusal;
mod session;
mod websocket;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Serialize;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{limits::Limits, push::Meter};
use packet::Packet;
pub use packet::{Message, Text};
pub use session::Closed;
use session::{Ending, Phase, Session};

/// Messages that were read and not yet handled; past it the client waits.
const INCOMING_MAX: usize = 16;

/// What a server promises and allows.
#[derive(Clone, Debug)]
pub struct Options {
    pub ping_interval: Duration,
    /// How long a pong may take.
    pub ping_timeout: Duration,
    /// How long an upgrade may take.
    pub upgrade_timeout: Duration,
    /// The largest message, and the largest body of a POST, that a client may send, in bytes.
    pub payload_bytes_max: usize,
    /// Packets that one POST may hold.
    pub packets_max: usize,
    /// What connections are counted as in the metrics.
    pub polling_name: &'static str,
    pub websocket_name: &'static str,
}

type Serve = Arc<dyn Fn(Link) -> BoxFuture<'static, ()> + Send + Sync>;

/// The sessions of one path. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    serve: Serve,
    connections: TaskTracker,
    shutdown: CancellationToken,
    limits: Limits,
}

/// The application's end of a session.
pub struct Link {
    /// Where the session was opened from.
    pub address: IpAddr,
    session: Arc<Session>,
    incoming: mpsc::Receiver<Message>,
}

impl Link {
    /// The next message of the client; `None` once there will be no more. Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Option<Message> {
        self.incoming.recv().await
    }

    /// Waits while the client is too far behind, then queues the message.
    ///
    /// # Errors
    ///
    /// [`Closed`].
    pub async fn send(&self, message: Message) -> Result<(), Closed> {
        self.session.send(message).await
    }
}

/// The handshake (`open` packet).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Handshake<'a> {
    sid: &'a str,
    upgrades: &'a [&'a str],
    ping_interval: u128,
    ping_timeout: u128,
    max_payload: usize,
}

impl Engine {
    /// `serve` runs once per session. When it returns, the session is closed; when the session ends first, it is dropped.
    /// All that runs for a session runs in `connections`; `shutdown` closes every session in a way that makes clients reconnect.
    pub fn new<F, Fut>(options: Options, connections: TaskTracker, shutdown: CancellationToken, serve: F) -> Self
    where
        F: Fn(Link) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let serve: Serve = Arc::new(move |link| serve(link).boxed());
        let (sessions, limits) = (Mutex::default(), Limits::none());
        Self { shared: Arc::new(Shared { options, sessions, serve, connections, shutdown, limits }) }
    }

    /// Bounds what clients may send a second. Before the engine is shared.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.limits = limits;
        }
        self
    }

    fn options(&self) -> &Options {
        &self.shared.options
    }

    fn find(&self, sid: &str) -> Option<Arc<Session>> {
        self.shared.sessions().get(sid).filter(|session| !session.is_closed() || session.owes_noop()).cloned()
    }

    /// Opens a session; its handshake is the first packet in its queue.
    fn open(&self, phase: Phase, address: IpAddr) -> Arc<Session> {
        let opened = Instant::now();
        let options = self.options();
        let (sender, incoming) = mpsc::channel(INCOMING_MAX);
        // Whoever knows the id can take part in the session: 122 random bits.
        let sid = Uuid::new_v4().simple().to_string();
        let meter = Meter { limits: self.shared.limits.clone(), address };
        let session = Arc::new(Session::new(sid, phase, options, sender, meter));
        let handshake = Handshake {
            sid: &session.sid,
            upgrades: if phase == Phase::Polling { &["websocket"] } else { &[] },
            ping_interval: options.ping_interval.as_millis(),
            ping_timeout: options.ping_timeout.as_millis(),
            max_payload: options.payload_bytes_max,
        };
        let handshake = serde_json::to_string(&handshake).expect("a handshake serialises");
        session.push(Packet::Open(format!("0{handshake}").into()));
        self.shared.sessions().insert(session.sid.clone(), session.clone());
        let registered = Registered { shared: self.shared.clone(), session: session.clone() };
        let link = Link { address, session: session.clone(), incoming };
        self.shared.connections.spawn(async move {
            let Registered { shared, session } = &registered;
            tokio::select! {
                () = (shared.serve)(link) => {}
                () = session.heartbeat(opened, &shared.options) => {}
                () = session.closed() => {}
                () = shared.shutdown.cancelled() => {}
            }
            if session.owes_noop() {
                session.noop_taken().await;
            }
        });
        session
    }
}

impl Shared {
    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that can be found by its id. It is closed and forgotten when its task ends, even by a panic.
struct Registered {
    shared: Arc<Shared>,
    session: Arc<Session>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.session.close(Ending::Server);
        self.shared.sessions().remove(&self.session.sid);
    }
}
