//! What callers hold at a time.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Busy, HELD_RETRY_AFTER, refuse};

/// How many of something each holds. One that holds none takes no memory.
pub(super) struct Counts<K> {
    of: &'static str,
    held: Arc<Mutex<HashMap<K, u32>>>,
}

/// Something that is held for as long as this lives. The default holds nothing.
#[derive(Default)]
pub struct Held(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(let_go) = self.0.take() {
            let_go();
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

fn lock<K>(held: &Mutex<HashMap<K, u32>>) -> MutexGuard<'_, HashMap<K, u32>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Copy + Eq + Hash + Send + Sync + 'static> Counts<K> {
    pub(super) fn new(of: &'static str) -> Self {
        Self { of, held: Arc::default() }
    }

    /// One more, unless that would be more than `max`.
    pub(super) fn hold(&self, key: K, max: Option<NonZeroU32>) -> Result<Held, Busy> {
        let Some(max) = max else { return Ok(Held::default()) };
        {
            let mut held = lock(&self.held);
            let count = held.get(&key).copied().unwrap_or(0);
            if count >= max.get() {
                return Err(refuse(self.of, HELD_RETRY_AFTER));
            }
            held.insert(key, count + 1);
        }
        let held = self.held.clone();
        Ok(Held(Some(Box::new(move || {
            let mut held = lock(&held);
            match held.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(held.remove(&key)),
            }
        }))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_let_go_can_be_had_again_and_takes_no_memory() {
        let counts = Counts::new("things");
        let max = NonZeroU32::new(2);
        let (first, second) = (counts.hold(1, max).unwrap(), counts.hold(1, max).unwrap());
        assert_eq!(counts.hold(1, max).unwrap_err().of, "things");
        let other = counts.hold(2, max).unwrap();
        drop(first);
        let third = counts.hold(1, max).unwrap();
        drop((second, third, other));
        assert!(lock(&counts.held).is_empty());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let counts = Counts::new("things");
        let _held: Vec<Held> = (0..100).map(|_| counts.hold(1, None).unwrap()).collect();
        assert!(lock(&counts.held).is_empty());
    }
}
