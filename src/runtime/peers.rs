//! Messages between nodes, over the bus.
//!
//! Every node subscribes to its own topic. A message may be lost, duplicated or late: commands are
//! idempotent and their client resends them; an entry is sent as the number of the last entry of
//! its conversation and is read from the store.
//!
//! The format is the core's own types as JSON, one message per line, below a line with the version.
//! Lines are decoded one by one, so a message that this version does not know is dropped alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::socket_event::SocketEvent;
use crate::chat::effect::CustomerNotice;
use crate::chat::event::CustomerEvent;
use crate::chat::ids::{CustomerId, LinkDomain, NodeId};
use crate::ports::bus::Bus;

/// The first line of every publication. An incompatible change of the format gets another number.
const VERSION: &str = "couplet peers 1";

/// Messages that may queue for the bus; more are dropped.
const WAITING: usize = 16_384;
/// Messages per publication.
const BATCH: usize = 256;
/// Interval at which a disconnected bus is tried again.
const PROBE: Duration = Duration::from_millis(500);

/// A message to another node.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum PeerMessage {
    /// For the owner of a link.
    ToOwner { link: LinkDomain, event: CustomerEvent },
    /// For one socket of a customer, or for all of them.
    ToSockets {
        customer: CustomerId,
        /// `None`: all of the customer's sockets.
        socket: Option<u64>,
        event: SocketEvent,
    },
}

/// Sends messages to other nodes.
#[derive(Debug, Clone)]
pub(super) struct PeerSender {
    sender: mpsc::Sender<(NodeId, PeerMessage)>,
    cut: Arc<watch::Sender<bool>>,
}

impl PeerSender {
    /// Sends a message to a node; returns `false` if it is certain to be lost.
    pub(super) fn send(&self, to: NodeId, message: PeerMessage) -> bool {
        !*self.cut.borrow() && self.sender.try_send((to, message)).is_ok()
    }

    /// Sends an event to all sockets of a customer on a node.
    pub(super) fn tell(&self, to: NodeId, customer: CustomerId, event: SocketEvent) {
        self.send(to, PeerMessage::ToSockets { customer, socket: None, event });
    }

    /// Sends an event to one socket of a customer.
    pub(super) fn tell_socket(
        &self,
        to: NodeId,
        customer: CustomerId,
        socket: u64,
        event: SocketEvent,
    ) {
        self.send(to, PeerMessage::ToSockets { customer, socket: Some(socket), event });
    }

    /// Whether the bus is disconnected, and each change of that.
    pub(super) fn cut(&self) -> watch::Receiver<bool> {
        self.cut.subscribe()
    }
}

/// The topic that a node subscribes to.
pub(super) fn topic(node: NodeId) -> String {
    format!("node:{node}")
}

/// Starts the task that publishes what is sent.
pub(super) fn spawn(bus: Arc<dyn Bus>) -> PeerSender {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let cut = Arc::new(watch::Sender::new(false));
    let is_cut = cut.clone();
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(BATCH);
        while receiver.recv_many(&mut batch, BATCH).await > 0 {
            let mut by_node: HashMap<NodeId, Vec<PeerMessage>> = HashMap::new();
            for (node, message) in batch.drain(..) {
                by_node.entry(node).or_default().push(message);
            }
            for (node, messages) in by_node {
                let sent = bus.publish(&topic(node), encode(messages)).await;
                if let Err(error) = sent
                    && !is_cut.send_replace(true)
                {
                    tracing::warn!(
                        %error,
                        "message bus disconnected; messages to other nodes are lost until it is back"
                    );
                }
            }
            // While it is disconnected no message is accepted, so only a probe can find that it is
            // back.
            while *is_cut.borrow() {
                tokio::time::sleep(PROBE).await;
                if bus.publish("probe", Bytes::new()).await.is_ok() {
                    is_cut.send_replace(false);
                    tracing::info!("message bus connected again");
                }
            }
        }
    });
    PeerSender { sender, cut }
}

fn encode(messages: Vec<PeerMessage>) -> Bytes {
    let mut text = VERSION.as_bytes().to_vec();
    for message in messages {
        let start = text.len();
        text.push(b'\n');
        // Variants that exist only within a node are left out.
        if serde_json::to_writer(&mut text, &short(message)).is_err() {
            text.truncate(start);
        }
    }
    text.into()
}

/// Replaces an entry by the number of its conversation's last entry.
fn short(message: PeerMessage) -> PeerMessage {
    match message {
        PeerMessage::ToSockets {
            customer,
            socket,
            event: SocketEvent::Notice(CustomerNotice::Entry(row)),
        } => {
            let (conversation, seq) = (row.conversation, row.seq.unwrap_or_default());
            let event = SocketEvent::Head { conversation, seq };
            PeerMessage::ToSockets { customer, socket, event }
        }
        message => message,
    }
}

/// Decodes a publication: its messages, and the number of lines that could not be read.
pub(super) fn decode(publication: &[u8]) -> (Vec<PeerMessage>, usize) {
    let mut lines = publication.split(|byte| *byte == b'\n');
    if lines.next() != Some(VERSION.as_bytes()) {
        return (Vec::new(), lines.count().max(1));
    }
    let (mut messages, mut unread) = (Vec::new(), 0);
    for line in lines {
        match serde_json::from_slice(line) {
            Ok(message) => messages.push(message),
            Err(_) => unread += 1,
        }
    }
    (messages, unread)
}

#[cfg(test)]
mod tests;
