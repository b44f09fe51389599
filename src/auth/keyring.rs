//! The API keys that hold at the moment, as this node knows them.
//!
//! All of them are in memory, read anew every few seconds: so a request asks no database, a revocation is known on every
//! node within that time, and nobody can make the node ask more by making keys up. While the database is away, what was
//! known last goes on for a while, then nobody is let in.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::sync::CancellationToken;

use super::{
    AuthError, Roles,
    keys::{KeyId, Presented},
};
use crate::store::{HeldKey, Store};

/// How often the keys are read.
pub(super) const REFRESH_EVERY: Duration = Duration::from_secs(2);
/// A key that is not known is a reason to look at once, but not more often than this.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How old what is known may be.
const STALE: Duration = Duration::from_secs(60);
/// How exact a key's last use is kept.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
pub(super) struct KeyGranted {
    pub(super) id: KeyId,
    pub(super) roles: Roles,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

pub(super) struct KeyRing {
    store: Store,
    known: Mutex<Known>,
    used: Mutex<HashMap<KeyId, Use>>,
    looking: AsyncMutex<()>,
}

#[derive(Default)]
struct Known {
    keys: Arc<HashMap<KeyId, HeldKey>>,
    read: Option<Instant>,
    looked: Option<Instant>,
}

/// Bounded by the number of keys: only those that were let in are noted.
struct Use {
    last: DateTime<Utc>,
    noted: Option<Instant>,
}

impl KeyRing {
    pub(super) fn new(store: Store) -> Self {
        Self { store, known: Mutex::default(), used: Mutex::default(), looking: AsyncMutex::default() }
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The roles of a key that is presented.
    pub(super) async fn find(&self, presented: &Presented) -> Result<KeyGranted, AuthError> {
        if !self.knows(presented.id) {
            // It may have been made a moment ago.
            self.look().await;
        }
        let (keys, is_stale) =
            self.known(|known| (known.keys.clone(), known.read.is_none_or(|read| read.elapsed() > STALE)));
        if is_stale {
            return Err(AuthError::Unavailable);
        }
        let key = keys.get(&presented.id).ok_or(AuthError::Invalid)?;
        if !presented.is(&key.sha256) {
            return Err(AuthError::Invalid);
        }
        let now = Utc::now();
        if key.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(AuthError::Expired);
        }
        self.used(|used| used.entry(presented.id).or_insert(Use { last: now, noted: None }).last = now);
        Ok(KeyGranted { id: presented.id, roles: key.roles, expires_at: key.expires_at })
    }

    /// Whether a key that was let in is still there, with these roles.
    pub(super) fn holds(&self, id: &KeyId, roles: Roles) -> bool {
        let keys = self.known(|known| known.keys.clone());
        keys.get(id)
            .is_some_and(|key| key.roles == roles && key.expires_at.is_none_or(|expires_at| expires_at > Utc::now()))
    }

    fn knows(&self, id: KeyId) -> bool {
        self.known(|known| known.keys.contains_key(&id) && known.read.is_some_and(|read| read.elapsed() < STALE))
    }

    fn used<T>(&self, look: impl FnOnce(&mut HashMap<KeyId, Use>) -> T) -> T {
        look(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the keys, unless that was just done.
    async fn look(&self) {
        let _looking = self.looking.lock().await;
        let may_look = self.known(|known| {
            let may_look = known.looked.is_none_or(|at| at.elapsed() > LOOK_EVERY);
            if may_look {
                known.looked = Some(Instant::now());
            }
            may_look
        });
        if may_look {
            self.read().await;
        }
    }

    async fn read(&self) {
        // When the reading began: what is revoked meanwhile may be missing from it.
        let began = Instant::now();
        match self.store.list_held_keys().await {
            Ok(keys) => {
                let keys: HashMap<KeyId, HeldKey> = keys.into_iter().map(|key| (key.id, key)).collect();
                self.used(|used| used.retain(|id, _| keys.contains_key(id)));
                self.known(|known| {
                    known.keys = Arc::new(keys);
                    known.read = Some(began);
                });
            }
            Err(error) => tracing::warn!(%error, "the API keys could not be read; those that are known are taken on"),
        }
    }

    /// Writes down when keys were last used.
    async fn note_use(&self) {
        let due: Vec<(KeyId, DateTime<Utc>)> = self.used(|used| {
            let due = used.iter_mut().filter(|(_, one)| one.noted.is_none_or(|at| at.elapsed() > USE_NOTED_EVERY));
            due.map(|(id, one)| {
                one.noted = Some(Instant::now());
                (*id, one.last)
            })
            .collect()
        });
        if !due.is_empty()
            && let Err(error) = self.store.note_key_use(&due).await
        {
            tracing::warn!(%error, "the last use of API keys could not be noted");
        }
    }

    pub(super) async fn run(&self, stop: CancellationToken) {
        loop {
            self.read().await;
            self.note_use().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REFRESH_EVERY) => {}
            }
        }
    }
}
