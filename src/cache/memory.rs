//! Cache and message bus within this process, for a single node.
//!
//! Invariants: at most [`ENTRIES`] entries and [`BYTES`] bytes are kept; an excess evicts the
//! entries that expire first. Time is the runtime's, so tests can control it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::ports::bus::{Bus, BusError};
use crate::ports::cache::{Cache, CacheError};

use super::topics::Topics;
use super::ttl::ttl;

const ENTRIES: usize = 100_000;
/// Keys and values together.
const BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Memory(Mutex<Shelf>);

impl Memory {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Shelf::new(ENTRIES, BYTES)))
    }

    /// The entries, without the expired ones, and the present time.
    fn shelf(&self) -> (MutexGuard<'_, Shelf>, Instant) {
        let now = Instant::now();
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.clear_until(now);
        (shelf, now)
    }
}

#[async_trait]
impl Cache for Memory {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        let (shelf, _) = self.shelf();
        Ok(shelf.entries.get(key).map(|entry| entry.value.clone()))
    }

    async fn set(&self, key: &str, value: Bytes, time: Duration) -> Result<(), CacheError> {
        let (mut shelf, now) = self.shelf();
        shelf.put(key, value, now + ttl(time));
        Ok(())
    }

    async fn ping(&self) -> Result<(), CacheError> {
        Ok(())
    }
}

/// The entries, indexed by key and by expiry.
#[derive(Debug)]
struct Shelf {
    entries: HashMap<Arc<str>, Entry>,
    ends: BTreeSet<(Instant, Arc<str>)>,
    bytes: usize,
    most_entries: usize,
    most_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    ends: Instant,
}

impl Shelf {
    fn new(most_entries: usize, most_bytes: usize) -> Self {
        let (entries, ends) = (HashMap::new(), BTreeSet::new());
        Self { entries, ends, bytes: 0, most_entries, most_bytes }
    }

    fn put(&mut self, key: &str, value: Bytes, ends: Instant) {
        self.take(key);
        let size = key.len() + value.len();
        if size > self.most_bytes {
            return;
        }
        while self.entries.len() >= self.most_entries || self.bytes + size > self.most_bytes {
            let Some((_, soonest)) = self.ends.first().cloned() else { break };
            self.take(&soonest);
        }
        let key: Arc<str> = key.into();
        self.bytes += size;
        self.ends.insert((ends, Arc::clone(&key)));
        self.entries.insert(key, Entry { value, ends });
    }

    fn take(&mut self, key: &str) {
        if let Some((key, entry)) = self.entries.remove_entry(key) {
            self.bytes -= key.len() + entry.value.len();
            self.ends.remove(&(entry.ends, key));
        }
    }

    fn clear_until(&mut self, now: Instant) {
        while let Some((_, over)) = self.ends.first().filter(|(ends, _)| *ends <= now).cloned() {
            self.take(&over);
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Local(Mutex<Listeners>);

#[derive(Debug, Default)]
struct Listeners {
    topics: Topics,
    /// At this number of topics all are searched for dropped subscribers; then it is set to twice
    /// what is left.
    sweep_at: usize,
}

impl Local {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bus for Local {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), BusError> {
        let mut listeners = self.listeners();
        listeners.topics.deliver(topic, &message);
        listeners.topics.forget(topic);
        Ok(())
    }

    async fn subscribe(&self, topic: &str) -> Result<mpsc::Receiver<Bytes>, BusError> {
        let mut listeners = self.listeners();
        if listeners.topics.len() >= listeners.sweep_at {
            listeners.topics.forget_all();
            listeners.sweep_at = 2 * listeners.topics.len() + 16;
        }
        listeners.topics.forget(topic);
        let (_, receiver) = listeners.topics.listen(topic);
        Ok(receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(shelf: &Shelf) -> Vec<&str> {
        shelf.ends.iter().map(|(_, key)| &**key).collect()
    }

    #[test]
    fn what_would_end_soonest_goes_first() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut shelf = Shelf::new(3, 1000);
        shelf.put("c", "".into(), at(3));
        shelf.put("a", "".into(), at(1));
        shelf.put("b", "".into(), at(2));
        shelf.put("d", "".into(), at(4));
        assert_eq!(keys(&shelf), ["b", "c", "d"]);
        shelf.clear_until(at(3));
        assert_eq!(keys(&shelf), ["d"]);
    }

    #[test]
    fn bytes_are_bounded_and_counted_back() {
        let ends = Instant::now();
        let mut shelf = Shelf::new(100, 10);
        shelf.put("a", "1234".into(), ends);
        shelf.put("b", "1234".into(), ends);
        assert_eq!(shelf.bytes, 10);
        shelf.put("a", "123".into(), ends);
        assert_eq!((shelf.bytes, shelf.entries.len()), (9, 2));
        shelf.put("c", "123456".into(), ends);
        assert_eq!(keys(&shelf), ["c"]);
        shelf.put("d", "0123456789".into(), ends);
        assert_eq!(keys(&shelf), ["c"], "a value that can never fit evicts nothing");
        shelf.take("c");
        assert_eq!((shelf.bytes, shelf.ends.len()), (0, 0));
    }

    #[tokio::test]
    async fn topics_without_listeners_are_forgotten() {
        let bus = Local::new();
        for n in 0..1000 {
            drop(bus.subscribe(&format!("topic {n}")).await.unwrap());
        }
        assert!(bus.listeners().topics.len() <= 16);
        bus.publish("topic 999", Bytes::new()).await.unwrap();
        assert!(!bus.listeners().topics.contains("topic 999"));
    }
}
