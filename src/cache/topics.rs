//! The subscribers of each topic, in this process.
//!
//! Invariants: a message goes to every subscriber of its topic; if the channel of one is full, that
//! one alone loses it. Delivery never waits. Subscribers that are gone are removed.

use std::collections::HashMap;

use bytes::Bytes;
use tokio::sync::mpsc;

/// Messages queued for one subscriber.
const WAITING: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Topics(HashMap<String, Vec<mpsc::Sender<Bytes>>>);

impl Topics {
    /// Adds a subscriber; the returned sender shows when the receiver is dropped.
    pub(super) fn listen(&mut self, topic: &str) -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.0.entry(topic.to_owned()).or_default().push(sender.clone());
        (sender, receiver)
    }

    pub(super) fn deliver(&self, topic: &str, message: &Bytes) {
        for listener in self.0.get(topic).into_iter().flatten() {
            if let Err(mpsc::error::TrySendError::Full(_)) = listener.try_send(message.clone()) {
                tracing::debug!(topic, "a subscriber does not keep up; dropped a message for it");
            }
        }
    }

    /// Removes the dropped subscribers of a topic; returns whether none is left.
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
