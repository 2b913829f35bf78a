//! The customers' sockets of this node.
//!
//! Invariant: a socket is in the hub from before its welcome is read from the store until it is
//! dropped, so that nothing can fall between the two.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ByeReason;
use super::mailbox::{Letter, Mailbox};
use crate::chat::ids::{CustomerId, LinkDomain};
use crate::chat::model::Customer;

/// A customer with the sockets that are open here.
#[derive(Debug)]
struct Present {
    customer: Customer,
    link: LinkDomain,
    page: Option<Arc<str>>,
    sockets: Vec<(u64, Arc<Mailbox>)>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Hub {
    present: Mutex<HashMap<CustomerId, Present>>,
    next: AtomicU64,
    /// Letters that may wait for one socket.
    limit: usize,
}

impl Hub {
    pub(crate) fn new(limit: usize) -> Self {
        Self { present: Mutex::default(), next: AtomicU64::new(1), limit }
    }

    /// A socket has opened: its number and its mailbox.
    pub(crate) fn enter(
        &self,
        customer: &Customer,
        link: &LinkDomain,
        page: Option<Arc<str>>,
    ) -> (u64, Arc<Mailbox>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mailbox = Arc::new(Mailbox::default());
        let mut present = self.lock();
        let here = present.entry(customer.id).or_insert_with(|| Present {
            customer: customer.clone(),
            link: link.clone(),
            page: None,
            sockets: Vec::with_capacity(1),
        });
        here.customer = customer.clone();
        here.page = page.or_else(|| here.page.take());
        here.sockets.push((number, mailbox.clone()));
        (number, mailbox)
    }

    /// A socket has closed; says whether it was the customer's last one here.
    pub(crate) fn leave(&self, customer: CustomerId, number: u64) -> bool {
        let mut present = self.lock();
        let Some(here) = present.get_mut(&customer) else { return false };
        here.sockets.retain(|(other, _)| *other != number);
        if here.sockets.is_empty() {
            present.remove(&customer);
            return true;
        }
        false
    }

    /// The customer went to another page.
    pub(crate) fn turn(&self, customer: CustomerId, page: Option<Arc<str>>) {
        if let Some(here) = self.lock().get_mut(&customer) {
            here.page = page;
        }
    }

    /// Puts a letter into every socket's mailbox.
    pub(crate) fn tell(&self, customer: CustomerId, letter: Letter) {
        if let Some(here) = self.lock().get(&customer) {
            for (_, mailbox) in &here.sockets {
                mailbox.put(letter.clone(), self.limit);
            }
        }
    }

    /// Puts a letter into the mailbox of one socket.
    pub(crate) fn tell_socket(&self, customer: CustomerId, number: u64, letter: Letter) {
        if let Some(here) = self.lock().get(&customer)
            && let Some((_, mailbox)) = here.sockets.iter().find(|(other, _)| *other == number)
        {
            mailbox.put(letter, self.limit);
        }
    }

    /// Puts a letter into the mailboxes of all sockets of a link.
    pub(crate) fn tell_link(&self, link: &LinkDomain, letter: &Letter) {
        for here in self.lock().values().filter(|here| here.link == *link) {
            for (_, mailbox) in &here.sockets {
                mailbox.put(letter.clone(), self.limit);
            }
        }
    }

    /// Says goodbye to all; `spread_ms` is how far apart they may come back.
    pub(crate) fn dismiss(&self, reason: ByeReason, spread_ms: u32) {
        let present = self.lock();
        let sockets = present.values().flat_map(|here| &here.sockets);
        let all = u64::try_from(sockets.clone().count()).unwrap_or(u64::MAX).max(1);
        for (index, (_, mailbox)) in (0_u64..).zip(sockets) {
            let after = u64::from(spread_ms) * index / all;
            let reconnect_after_ms = u32::try_from(after).unwrap_or(spread_ms);
            mailbox.put(Letter::Bye { reason, reconnect_after_ms }, usize::MAX);
        }
    }

    /// The customers of a link who are here, each with the page he is on.
    pub(crate) fn on_link(&self, link: &LinkDomain) -> Vec<(Customer, Option<Arc<str>>)> {
        let present = self.lock();
        let here = present.values().filter(|here| here.link == *link);
        here.map(|here| (here.customer.clone(), here.page.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CustomerId, Present>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
