//! Where the owner of each link is, seen from this node.
//!
//! Invariant: what is handed over here is a hint or an idempotent command; whoever needs an answer
//! asks again until it comes.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use tokio::sync::mpsc;

use crate::chat::event::{CustomerCommand, CustomerConnection};
use crate::chat::ids::{LinkDomain, TenantKey};

/// What an edge tells the owner of a link.
#[derive(Debug, Clone)]
pub(crate) enum ToOwner {
    /// A customer commands something.
    Command(Box<CustomerCommand>),
    /// Which of a customer's sockets are open.
    Connected(CustomerConnection),
}

/// Nobody can take it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoOwner;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Switchboard {
    here: RwLock<HashMap<LinkDomain, mpsc::Sender<ToOwner>>>,
    /// Tenants of links owned here of whom an agent is in.
    staffed: RwLock<HashSet<TenantKey>>,
}

impl Switchboard {
    /// This node owns the link from now on.
    pub(crate) fn connect(&self, link: LinkDomain, owner: mpsc::Sender<ToOwner>) {
        self.here.write().unwrap_or_else(PoisonError::into_inner).insert(link, owner);
    }

    /// This node does not own the link any more.
    pub(crate) fn disconnect(&self, link: &LinkDomain) {
        self.here.write().unwrap_or_else(PoisonError::into_inner).remove(link);
    }

    fn owner(&self, link: &LinkDomain) -> Option<mpsc::Sender<ToOwner>> {
        self.here.read().unwrap_or_else(PoisonError::into_inner).get(link).cloned()
    }

    /// Hands something to the link's owner, unless it has too much to do.
    pub(crate) fn hand(&self, link: &LinkDomain, what: ToOwner) -> Result<(), NoOwner> {
        self.owner(link).ok_or(NoOwner)?.try_send(what).map_err(|_| NoOwner)
    }

    /// Which tenants have an agent in, of those named.
    pub(crate) fn put_staffed<'a>(&self, tenants: impl Iterator<Item = (&'a TenantKey, bool)>) {
        let mut staffed = self.staffed.write().unwrap_or_else(PoisonError::into_inner);
        for (tenant, in_now) in tenants {
            if in_now {
                staffed.insert(tenant.clone());
            } else {
                staffed.remove(tenant);
            }
        }
    }

    /// Whether an agent of the tenant is in.
    pub(crate) fn is_staffed(&self, tenant: &TenantKey) -> bool {
        self.staffed.read().unwrap_or_else(PoisonError::into_inner).contains(tenant)
    }
}
