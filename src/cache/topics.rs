//! Who listens on what, in this process.
//!
//! Invariants: a message is handed to every listener of its topic or, where one's channel is full,
//! lost to that one alone; handing over never waits. A listener who is gone is forgotten.

use std::collections::HashMap;

use bytes::Bytes;
use tokio::sync::mpsc;

/// Messages that may wait for one listener.
const WAITING: usize = 1024;

/// Who listens on what.
#[derive(Debug, Default)]
pub(super) struct Topics(HashMap<String, Vec<mpsc::Sender<Bytes>>>);

impl Topics {
    /// Adds a listener; the sender is for finding out when he is gone.
    pub(super) fn listen(&mut self, topic: &str) -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.0.entry(topic.to_owned()).or_default().push(sender.clone());
        (sender, receiver)
    }

    /// Hands a message to everyone who listens.
    pub(super) fn deliver(&self, topic: &str, message: &Bytes) {
        for listener in self.0.get(topic).into_iter().flatten() {
            if let Err(mpsc::error::TrySendError::Full(_)) = listener.try_send(message.clone()) {
                tracing::debug!(topic, "a listener does not read; the message is lost to it");
            }
        }
    }

    /// Forgets the listeners of a topic who are gone; says whether that was the last of them.
    pub(super) fn forget(&mut self, topic: &str) -> bool {
        let Some(listeners) = self.0.get_mut(topic) else { return false };
        listeners.retain(|listener| !listener.is_closed());
        let last = listeners.is_empty();
        if last {
            self.0.remove(topic);
        }
        last
    }

    /// The same for all topics.
    pub(super) fn forget_all(&mut self) {
        self.0.retain(|_, listeners| {
            listeners.retain(|listener| !listener.is_closed());
            !listeners.is_empty()
        });
    }

    pub(super) fn contains(&self, topic: &str) -> bool {
        self.0.contains_key(topic)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
