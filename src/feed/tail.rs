//! The moving end of one session on this node, and what its subscribers share.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared as SharedFuture},
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Shared, recent::Recent};
use crate::{
    event::{Offset, SessionId},
    store::{SessionHead, Store, StoreError},
    wire::Frame,
};

/// Frames of one read. Reads start at multiples of it, so that subscribers who replay the same session at their own
/// paces share them.
pub(super) const PAGE: u64 = 512;
/// Finished and running reads that are kept for those who come a little later.
const PAGES_KEPT: usize = 4;
/// A session that nobody has read for so long, and in which nothing has happened, gives back what it kept.
const IDLE_AFTER: Duration = Duration::from_secs(10);
/// How old the answer to "where does the session stand" may be for a client that joins.
const HEAD_FRESH: Duration = Duration::from_millis(500);

type Read<T> = SharedFuture<BoxFuture<'static, Result<T, Arc<StoreError>>>>;
type Frames = Arc<[Arc<Frame>]>;

pub(super) struct Tail {
    session_id: SessionId,
    feed: Weak<Shared>,
    store: Store,
    state: Mutex<State>,
    /// The highest offset known to be committed. Subscribers wait on it.
    moved: watch::Sender<Offset>,
    has_ended: AtomicBool,
}

struct State {
    recent: Recent,
    used_at: Instant,
    pages: VecDeque<(Offset, Read<Frames>)>,
    head: Option<(Instant, Read<Option<SessionHead>>)>,
}

impl Tail {
    pub(super) fn new(session_id: SessionId, feed: &Arc<Shared>) -> Self {
        let recent = Recent::new(Arc::clone(&feed.recent));
        Self {
            session_id,
            feed: Arc::downgrade(feed),
            store: feed.store.clone(),
            state: Mutex::new(State { recent, used_at: Instant::now(), pages: VecDeque::new(), head: None }),
            moved: watch::Sender::default(),
            has_ended: AtomicBool::new(false),
        }
    }

    pub(super) const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// Nothing will follow; no need to ask the log about it any more.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    pub(super) fn watch(&self) -> watch::Receiver<Offset> {
        self.moved.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over committed frames and wakes the subscribers once for all of them.
    pub(super) fn extend(&self, frames: Vec<Arc<Frame>>) {
        let Some(last) = frames.last() else { return };
        let offset = last.offset();
        if last.is_terminal() {
            self.has_ended.store(true, Ordering::Relaxed);
        }
        self.keep(frames);
        self.moved_to(offset);
    }

    fn keep(&self, frames: Vec<Arc<Frame>>) {
        let mut state = self.state();
        if frames.iter().any(|frame| !frame.event().kind.is_stream_message()) {
            // The status has changed: a join must not be told the old one.
            state.head = None;
        }
        state.used_at = Instant::now();
        state.recent.extend(frames);
    }

    /// Drops what it kept for those who come a little later, where nobody has come.
    pub(super) fn forget_if_idle(&self) {
        let mut state = self.state();
        if state.used_at.elapsed() >= IDLE_AFTER {
            state.recent.clear();
            state.pages = VecDeque::new();
        }
    }

    pub(super) fn moved_to(&self, last: Offset) {
        self.moved.send_if_modified(|known| {
            let is_news = last > *known;
            if is_news {
                *known = last;
            }
            is_news
        });
    }

    /// Up to `limit` frames behind the cursor, from memory if they are there, else from the log. Empty where there are none.
    pub(super) async fn read(&self, cursor: Offset, limit: usize) -> Result<Vec<Arc<Frame>>, Arc<StoreError>> {
        let behind = self.moved.borrow().get().saturating_sub(cursor.get());
        let is_near = behind < PAGE;
        let page = {
            let mut state = self.state();
            if let Some(frames) = state.recent.after(cursor, limit) {
                return Ok(frames);
            }
            // Close to the end all stand at the same cursor. Far from it everyone has his own; pages make them meet.
            let start = if is_near { cursor } else { Offset::new(cursor.get() / PAGE * PAGE) };
            state.used_at = Instant::now();
            self.page(&mut state, start)
        };
        let frames = page.await?;
        if is_near {
            self.keep(frames.to_vec());
        }
        let behind: Vec<Arc<Frame>> =
            frames.iter().filter(|frame| frame.offset() > cursor).take(limit).cloned().collect();
        if !behind.is_empty() {
            return Ok(behind);
        }
        // The page was cut short by its size, or its read began before the log had grown past the cursor. Waiting
        // would be wrong: the move that there is to hear of has been heard already.
        let frames = self.read_log(cursor).await?;
        Ok(frames.iter().take(limit).cloned().collect())
    }

    /// The shared read of the page behind `start`.
    fn page(&self, state: &mut State, start: Offset) -> Read<Frames> {
        if let Some((_, read)) = state.pages.iter().find(|(at, _)| *at == start) {
            // A page that is not full is only good for those who wait for it now.
            let is_stale = read.peek().is_some_and(|frames| {
                frames.as_ref().map_or(true, |frames| frames.len() < usize::try_from(PAGE).unwrap_or(usize::MAX))
            });
            if !is_stale {
                return read.clone();
            }
            state.pages.retain(|(at, _)| *at != start);
        }
        let read = self.read_log(start);
        state.pages.push_back((start, read.clone()));
        if state.pages.len() > PAGES_KEPT {
            state.pages.pop_front();
        }
        read
    }

    fn read_log(&self, after: Offset) -> Read<Frames> {
        metrics::counter!("coursestream_feed_reads_total").increment(1);
        let (store, session_id) = (self.store.clone(), self.session_id);
        in_a_task(async move { read_log(&store, session_id, after).await })
    }

    /// Where the session stands. Clients that join at the same time share one answer; `anew` insists on a new one.
    pub(super) async fn head(&self, anew: bool) -> Result<Option<SessionHead>, StoreError> {
        let read = {
            let mut state = self.state();
            match &state.head {
                Some((at, read)) if !anew && at.elapsed() < HEAD_FRESH => read.clone(),
                _ => {
                    let (store, session_id) = (self.store.clone(), self.session_id);
                    let read = in_a_task(async move { store.find_head(session_id).await });
                    state.head = Some((Instant::now(), read.clone()));
                    read
                }
            }
        };
        let head = match read.await {
            Ok(head) => head,
            Err(_) => {
                // The shared answer was an error: ask for ourselves, and let the error be ours.
                self.state().head = None;
                self.store.find_head(self.session_id).await?
            }
        };
        if let Some(head) = head {
            self.moved_to(head.last_offset);
            if head.phase.is_ended() {
                self.has_ended.store(true, Ordering::Relaxed);
            }
        }
        Ok(head)
    }
}

/// Reads in a task of its own. A subscriber polls its reads only while its peer takes what it has, and may be gone before they
/// are done; meanwhile they would hold connections of the pool, and a few silent clients would hold them all.
fn in_a_task<T, F>(read: F) -> Read<T>
where
    T: Clone + Send + Sync + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let task = AbortOnDropHandle::new(tokio::spawn(read));
    async move {
        match task.await {
            Ok(result) => result.map_err(Arc::new),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Aborted, which only the end of the runtime does to a task that is waited for.
            Err(_) => std::future::pending().await,
        }
    }
    .boxed()
    .shared()
}

async fn read_log(store: &Store, session_id: SessionId, after: Offset) -> Result<Frames, StoreError> {
    let page = store.read_after(session_id, after, usize::try_from(PAGE).unwrap_or(usize::MAX)).await?;
    metrics::counter!("coursestream_events_replayed_total").increment(page.events.len() as u64);
    Ok(page.events.into_iter().map(|event| Arc::new(Frame::new(event))).collect())
}

impl Drop for Tail {
    fn drop(&mut self) {
        let Some(feed) = self.feed.upgrade() else { return };
        let mut tails = feed.tails();
        // A new tail of the session may be there already.
        if tails.get(&self.session_id).is_some_and(|tail| tail.strong_count() == 0) {
            tails.remove(&self.session_id);
        }
    }
}
