//! Customers of this link with sockets on other nodes: soft state that those nodes repeat.
//!
//! Invariant: an entry that is not repeated in time is removed, so the customers of a node that
//! died are removed.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::ids::{CustomerId, NodeId};
use crate::chat::model::Customer;

/// How long a node's announcement is valid; it is repeated every 10 s.
const HOLDS: Duration = Duration::from_secs(35);

#[derive(Debug, Default)]
pub(super) struct RemoteSockets {
    present: HashMap<CustomerId, (Customer, Vec<(NodeId, Instant)>)>,
}

impl RemoteSockets {
    /// A node announces that a customer has a socket there.
    pub(super) fn hear(&mut self, customer: &Customer, node: NodeId) {
        let (_, nodes) =
            self.present.entry(customer.id).or_insert_with(|| (customer.clone(), Vec::new()));
        nodes.retain(|(other, _)| *other != node);
        nodes.push((node, Instant::now()));
    }

    /// A node announces that a customer has no socket there any more.
    pub(super) fn leave(&mut self, customer: CustomerId, node: NodeId) {
        if let Some((_, nodes)) = self.present.get_mut(&customer) {
            nodes.retain(|(other, _)| *other != node);
            if nodes.is_empty() {
                self.present.remove(&customer);
            }
        }
    }

    /// The nodes on which a customer has sockets.
    pub(super) fn nodes(&self, customer: CustomerId) -> impl Iterator<Item = NodeId> + '_ {
        self.present.get(&customer).into_iter().flat_map(|(_, nodes)| nodes).map(|(node, _)| *node)
    }

    /// Removes and returns the customers of nodes that have been silent too long.
    pub(super) fn expired(&mut self) -> Vec<(Customer, NodeId)> {
        let mut gone = Vec::new();
        self.present.retain(|_, (customer, nodes)| {
            nodes.retain(|(node, at)| {
                let holds = at.elapsed() < HOLDS;
                if !holds {
                    gone.push((customer.clone(), *node));
                }
                holds
            });
            !nodes.is_empty()
        });
        gone
    }
}
