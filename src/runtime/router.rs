//! Knows where the owner of each link is, and sends events to it.
//!
//! Invariant: an event is a hint or an idempotent command; a sender that needs a response repeats
//! it until one comes.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::peers::{PeerMessage, PeerSender};
use super::socket_event::SocketEvent;
use crate::chat::effect::Answer;
use crate::chat::event::{CustomerEvent, SocketAddress};
use crate::chat::ids::{LinkDomain, NodeId, TenantKey};
use crate::chat::refusal::CommandError;

/// No owner can accept the event now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoOwner;

/// Where the owner of a link is.
#[derive(Debug, Clone)]
enum Place {
    Here(mpsc::Sender<CustomerEvent>),
    There(NodeId),
}

#[derive(Debug)]
pub(crate) struct Router {
    owners: RwLock<HashMap<LinkDomain, Place>>,
    peers: PeerSender,
    /// Tenants of links owned here that have an agent online.
    staffed: RwLock<HashSet<TenantKey>>,
}

impl Router {
    pub(super) fn new(peers: PeerSender) -> Self {
        Self { owners: RwLock::default(), peers, staffed: RwLock::default() }
    }

    /// This node owns the link now.
    pub(super) fn here(&self, link: &LinkDomain, owner: mpsc::Sender<CustomerEvent>) {
        self.place(link, Some(Place::Here(owner)));
    }

    /// Another node owns the link; returns whether that is new.
    pub(super) fn there(&self, link: &LinkDomain, node: NodeId) -> bool {
        let known = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        let is_news = !matches!(known.get(link), Some(Place::There(other)) if *other == node);
        drop(known);
        if is_news {
            self.place(link, Some(Place::There(node)));
        }
        is_news
    }

    /// The owner of the link is unknown.
    pub(super) fn nowhere(&self, link: &LinkDomain) {
        self.place(link, None);
    }

    fn place(&self, link: &LinkDomain, place: Option<Place>) {
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        match place {
            Some(place) => owners.insert(link.clone(), place),
            None => owners.remove(link),
        };
    }

    /// Sends an event to the link's owner.
    ///
    /// # Errors
    /// If the owner is unknown, unreachable or overloaded.
    pub(crate) fn send_to_owner(
        &self,
        link: &LinkDomain,
        event: CustomerEvent,
    ) -> Result<(), NoOwner> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        let taken = match owners.get(link) {
            Some(Place::Here(owner)) => owner.try_send(event).is_ok(),
            Some(Place::There(node)) => {
                self.peers.send(*node, PeerMessage::ToOwner { link: link.clone(), event })
            }
            None => false,
        };
        taken.then_some(()).ok_or(NoOwner)
    }

    /// Delivers an event from another node to a link owned here. A command that cannot be accepted
    /// (the term has not begun, has ended, or is overloaded) is refused, so that its socket knows
    /// at once.
    pub(super) fn deliver_here(&self, link: &LinkDomain, event: CustomerEvent) {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        let left = match owners.get(link) {
            Some(Place::Here(owner)) => owner.try_send(event).err().map(TrySendError::into_inner),
            _ => Some(event),
        };
        if let Some(CustomerEvent::Input(input)) = left
            && let Some(command) = input.command()
        {
            let (id, error) = (Some(command.id.clone()), CommandError::Moved);
            let refused = SocketEvent::Answer(Answer::Refused { id, error });
            let SocketAddress { node, socket } = input.socket;
            self.peers.tell_socket(node, input.customer.id, socket, refused);
        }
    }

    pub(super) fn elsewhere(&self) -> Vec<LinkDomain> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        let there = owners.iter().filter(|(_, place)| matches!(place, Place::There(_)));
        there.map(|(link, _)| link.clone()).collect()
    }

    /// Updates which of these tenants have an agent online.
    pub(super) fn put_staffed<'a>(&self, tenants: impl Iterator<Item = (&'a TenantKey, bool)>) {
        let mut staffed = self.staffed.write().unwrap_or_else(PoisonError::into_inner);
        for (tenant, in_now) in tenants {
            if in_now {
                staffed.insert(tenant.clone());
            } else {
                staffed.remove(tenant);
            }
        }
    }

    /// Whether a tenant whose link is owned here has an agent online; `None` if another node owns
    /// it.
    pub(crate) fn is_staffed(&self, link: &LinkDomain, tenant: &TenantKey) -> Option<bool> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        matches!(owners.get(link), Some(Place::Here(_)))
            .then(|| self.staffed.read().unwrap_or_else(PoisonError::into_inner).contains(tenant))
    }
}
