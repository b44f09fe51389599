//! Subscribers: any number of connections on one thread, one session each.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, LocalSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    histogram::Histogram,
    ledger::Ledger,
    publisher::is_measured,
    socket::{Frame, Ping, Said, Socket, Transport, Way},
    tally::Tally,
    token::nanos,
};

const READ_BYTES: usize = 256 << 10;
const JOIN_MAX: Duration = Duration::from_secs(120);

/// One subscriber.
pub struct Seat {
    pub tally: Tally,
    /// The offset with which it has caught up.
    pub goal: u64,
    /// When it had; see [`nanos`].
    pub caught_up: Option<u64>,
}

impl Seat {
    pub fn new(session: usize) -> Self {
        Self { tally: Tally::new(session), goal: 0, caught_up: None }
    }
}

/// Connected subscribers.
pub struct Crowd {
    thread: JoinHandle<Result<Gathered>>,
    stop: CancellationToken,
    ledger: Arc<Ledger>,
    counts: Arc<Counts>,
    seats: u64,
}

#[derive(Default)]
struct Counts {
    joined: AtomicU64,
    caught_up: AtomicU64,
}

/// What the subscribers have seen.
pub struct Gathered {
    pub seats: Vec<Seat>,
    /// From sending a message to its receipt, of messages that are measured.
    pub latency: Histogram,
}

/// What the subscribers of the thread share.
struct Common {
    way: Way,
    ledger: Arc<Ledger>,
    counts: Arc<Counts>,
    buffer: RefCell<Vec<u8>>,
    latency: RefCell<Histogram>,
    connecting: Semaphore,
    stop: CancellationToken,
}

impl Crowd {
    /// Connects everybody, `at_once` of them at a time, each to go on behind what it has seen.
    pub fn enter(way: Way, ledger: &Arc<Ledger>, seats: Vec<Seat>, at_once: usize) -> Result<Self> {
        let stop = CancellationToken::new();
        let counts = Arc::new(Counts::default());
        let crowd_size = seats.len() as u64;
        let work = {
            let (ledger, counts, stop) = (ledger.clone(), counts.clone(), stop.clone());
            move || -> Result<Gathered> {
                let common = Common {
                    way,
                    ledger,
                    counts,
                    buffer: RefCell::new(vec![0; READ_BYTES]),
                    latency: RefCell::default(),
                    connecting: Semaphore::new(at_once),
                    stop,
                };
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                LocalSet::new().block_on(&runtime, common.run(seats))
            }
        };
        let thread = thread::Builder::new().name("subscribers".to_owned()).spawn(work)?;
        Ok(Self { thread, stop, ledger: ledger.clone(), counts, seats: crowd_size })
    }

    /// Waits until everybody has joined.
    pub async fn joined(&self) -> Result<()> {
        self.wait_for(&self.counts.joined, "join").await
    }

    /// Waits until everybody has come to its goal.
    pub async fn caught_up(&self) -> Result<()> {
        self.wait_for(&self.counts.caught_up, "catch up").await
    }

    async fn wait_for(&self, count: &AtomicU64, what: &str) -> Result<()> {
        let begin = Instant::now();
        while count.load(Relaxed) < self.seats {
            self.ledger.check()?;
            let so_far = count.load(Relaxed);
            ensure!(begin.elapsed() < JOIN_MAX, "only {so_far} of {} subscribers {what} in {JOIN_MAX:?}", self.seats);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.ledger.check()
    }

    /// Cuts all connections, without a word to the server.
    pub async fn leave(self) -> Result<Gathered> {
        self.stop.cancel();
        let thread = self.thread;
        let gathered = tokio::task::spawn_blocking(move || thread.join()).await?;
        gathered.map_err(|_| anyhow::anyhow!("the subscribers panicked"))?
    }
}

impl Common {
    async fn run(self, seats: Vec<Seat>) -> Result<Gathered> {
        let common = Rc::new(self);
        let mut members = JoinSet::new();
        for mut seat in seats {
            let common = common.clone();
            members.spawn_local(async move {
                tokio::select! {
                    () = common.stop.cancelled() => {}
                    failed = common.follow(&mut seat) => {
                        let error = failed.context("a subscriber").map_or_else(|error| error, |()| unreachable!());
                        common.ledger.report(format!("{error:#}"));
                    }
                }
                seat
            });
        }
        let mut seats = Vec::with_capacity(members.len());
        while let Some(seat) = members.join_next().await {
            seats.push(seat?);
        }
        let latency = common.latency.take();
        Ok(Gathered { seats, latency })
    }

    /// Follows the session until the connection fails, which it must not.
    async fn follow(&self, seat: &mut Seat) -> Result<()> {
        let permit = self.connecting.acquire().await?;
        let mut socket = Socket::open(self.way).await?;
        socket.join(&self.ledger.sessions[seat.tally.session].id, seat.tally.offset).await?;
        let mut permit = Some(permit);
        loop {
            let mut ping = None;
            poll_fn(|task| {
                let mut buffer = self.buffer.borrow_mut();
                let mut arrivals = Arrivals::default();
                let polled = socket.poll_read(task, &mut buffer, &mut |transport, frame| {
                    match frame {
                        Frame::Text(text) => self.take(seat, transport, text, &mut arrivals)?,
                        Frame::Ping(payload) => arrivals.ping = Some(Ping::WebSocket(payload.to_vec())),
                    }
                    Ok(())
                });
                self.settle(seat, &arrivals);
                // Later statuses tell of changes.
                if arrivals.has_joined && permit.take().is_some() {
                    self.counts.joined.fetch_add(1, Relaxed);
                }
                ping = arrivals.ping.take();
                polled
            })
            .await?;
            if let Some(ping) = ping {
                socket.pong(ping).await?;
            }
        }
    }

    fn take(&self, seat: &mut Seat, transport: Transport, text: &[u8], arrivals: &mut Arrivals) -> Result<()> {
        let event = match transport.read(text) {
            Said::Event(event) => event,
            Said::Greeting => return Ok(()),
            Said::Ping => {
                arrivals.ping = Some(Ping::EngineIo);
                return Ok(());
            }
            Said::Other => b"",
        };
        if event.starts_with(b"course_generation_") {
            let at = *arrivals.at.get_or_insert_with(nanos);
            if let Some(token) = seat.tally.count(text) {
                arrivals.messages += 1;
                if is_measured(token.lane) {
                    self.latency.borrow_mut().record_nanos(at.saturating_sub(token.nanos));
                }
            }
        } else if event.starts_with(b"session_status") {
            arrivals.has_joined = true;
        } else {
            bail!("the server sent {}", String::from_utf8_lossy(&text[..text.len().min(300)]));
        }
        Ok(())
    }

    /// Once a read and not once a message.
    fn settle(&self, seat: &mut Seat, arrivals: &Arrivals) {
        if let Some(at) = arrivals.at
            && arrivals.messages > 0
        {
            self.ledger.delivered(arrivals.messages, at);
        }
        let is_there = seat.tally.offset >= seat.goal && (arrivals.at.is_some() || arrivals.has_joined);
        if is_there && seat.caught_up.is_none() {
            seat.caught_up = Some(arrivals.at.unwrap_or_else(nanos));
            self.counts.caught_up.fetch_add(1, Relaxed);
        }
    }
}

/// What one read brought.
#[derive(Default)]
struct Arrivals {
    /// When, as far as messages are concerned.
    at: Option<u64>,
    messages: u64,
    has_joined: bool,
    ping: Option<Ping>,
}
