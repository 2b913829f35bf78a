//! Customers of this link whose sockets are on other nodes: soft state that their edges repeat.
//!
//! Invariant: what is not repeated in time is forgotten, so a node that died takes its customers
//! with it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::ids::{CustomerId, NodeId};
use crate::chat::model::Customer;

/// How long an edge's word holds; it repeats it every 10 s.
const HOLDS: Duration = Duration::from_secs(35);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct RemoteSockets {
    present: HashMap<CustomerId, (Customer, Vec<(NodeId, Instant)>)>,
}

impl RemoteSockets {
    /// An edge says that a customer is there.
    pub(super) fn hear(&mut self, customer: &Customer, node: NodeId) {
        let (_, nodes) =
            self.present.entry(customer.id).or_insert_with(|| (customer.clone(), Vec::new()));
        nodes.retain(|(other, _)| *other != node);
        nodes.push((node, Instant::now()));
    }

    /// An edge says that a customer is gone.
    pub(super) fn leave(&mut self, customer: CustomerId, node: NodeId) {
        if let Some((_, nodes)) = self.present.get_mut(&customer) {
            nodes.retain(|(other, _)| *other != node);
            if nodes.is_empty() {
                self.present.remove(&customer);
            }
        }
    }

    /// The nodes on which a customer is.
    pub(super) fn nodes(&self, customer: CustomerId) -> impl Iterator<Item = NodeId> + '_ {
        self.present.get(&customer).into_iter().flat_map(|(_, nodes)| nodes).map(|(node, _)| *node)
    }

    /// Takes out those whose edges have been silent for too long.
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
