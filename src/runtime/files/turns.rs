//! Limits how many operations run at a time: per key, and in all.
//!
//! Invariants: nobody waits longer than `patience`. A key without a running operation uses no
//! memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

type Held<K> = Arc<Mutex<HashMap<K, Arc<Semaphore>>>>;

pub(super) struct Turns<K> {
    each: usize,
    all: Arc<Semaphore>,
    held: Held<K>,
}

/// Counts as one operation until it is dropped.
pub(super) struct Turn<K: Copy + Eq + Hash> {
    // In this order: the drop of the key's last turn removes the key.
    _one: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
    _own: Own<K>,
}

impl<K: Copy + Eq + Hash> Turns<K> {
    pub(super) fn new(each: usize, all: usize) -> Self {
        Self { each, all: Arc::new(Semaphore::new(all)), held: Held::default() }
    }

    /// Waits for a turn, at most for `patience`.
    pub(super) async fn take(&self, key: K, patience: Duration) -> Option<Turn<K>> {
        let own = self.own(key);
        let turn = async {
            let one = own.turns.clone().acquire_owned().await.ok()?;
            let of_all = self.all.clone().acquire_owned().await.ok()?;
            Some((one, of_all))
        };
        let (one, of_all) = timeout(patience, turn).await.ok()??;
        Some(Turn { _one: one, _of_all: of_all, _own: own })
    }

    fn own(&self, key: K) -> Own<K> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = held.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone();
        drop(held);
        Own { key, turns, held: self.held.clone() }
    }
}

/// The turns of one key, as long as an operation holds one or waits for it.
struct Own<K: Copy + Eq + Hash> {
    key: K,
    turns: Arc<Semaphore>,
    held: Held<K>,
}

impl<K: Copy + Eq + Hash> Drop for Own<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // The table's reference and this one; no other can be made while the table is locked.
        if Arc::strong_count(&self.turns) <= 2 {
            held.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_key_is_limited_and_all_together() {
        const SHORT: Duration = Duration::from_secs(5);
        let turns = Turns::new(2, 3);
        let first = turns.take('a', SHORT).await.unwrap();
        let second = turns.take('a', SHORT).await.unwrap();
        assert!(turns.take('a', SHORT).await.is_none(), "of one");
        let third = turns.take('b', SHORT).await.unwrap();
        assert!(turns.take('b', SHORT).await.is_none(), "of all");
        // Whoever waits gets the next turn.
        let (next, ()) = tokio::join!(turns.take('a', SHORT), async { drop(first) });
        assert!(next.is_some());
        drop((next, second, third));
        assert!(turns.held.lock().unwrap().is_empty());
        assert_eq!(turns.all.available_permits(), 3);
    }
}
