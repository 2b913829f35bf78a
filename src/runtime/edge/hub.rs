//! The customers' sockets on this node.
//!
//! Invariant: a socket is in the hub from before its welcome is read from the store until it is
//! dropped, so that no event falls between the two. The hub is sharded, each part with its own
//! lock: sockets that open and close do not delay events for others, and no table grows by all
//! customers of a node at once.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mailbox::Mailbox;
use crate::chat::ids::{CustomerId, LinkDomain};
use crate::chat::model::Customer;
use crate::runtime::socket_event::{ByeReason, SocketEvent};

/// A customer and their sockets on this node.
#[derive(Debug)]
struct Present {
    customer: Customer,
    link: LinkDomain,
    page: Option<Arc<str>>,
    sockets: Vec<(u64, Arc<Mailbox>)>,
}

type Part = HashMap<CustomerId, Present>;

/// Number of shards; a power of two.
const PARTS: usize = 16;

#[derive(Debug)]
pub(crate) struct Hub {
    parts: [Mutex<Part>; PARTS],
    next: AtomicU64,
    /// The node is stopping: every socket is closed.
    dismissed: AtomicBool,
    /// Events that may queue for one socket.
    limit: usize,
}

impl Hub {
    pub(crate) fn new(limit: usize) -> Self {
        let (parts, next) = (Default::default(), AtomicU64::new(1));
        Self { parts, next, dismissed: AtomicBool::new(false), limit }
    }

    /// Adds a socket; returns its number and its mailbox.
    pub(crate) fn enter(
        &self,
        customer: &Customer,
        link: &LinkDomain,
        page: Option<Arc<str>>,
    ) -> (u64, Arc<Mailbox>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mailbox = Arc::new(Mailbox::default());
        let mut present = self.part_of(customer.id);
        let here = present.entry(customer.id).or_insert_with(|| Present {
            customer: customer.clone(),
            link: link.clone(),
            page: None,
            sockets: Vec::with_capacity(1),
        });
        here.customer = customer.clone();
        here.page = page.or_else(|| here.page.take());
        here.sockets.push((number, mailbox.clone()));
        if self.dismissed.load(Ordering::SeqCst) {
            mailbox.put(SocketEvent::Bye { reason: ByeReason::Restart, reconnect_after_ms: 0 }, 1);
        }
        (number, mailbox)
    }

    /// Removes a socket; returns whether it was the customer's last one here.
    pub(crate) fn leave(&self, customer: CustomerId, number: u64) -> bool {
        let mut present = self.part_of(customer);
        let Some(here) = present.get_mut(&customer) else { return false };
        here.sockets.retain(|(other, _)| *other != number);
        if here.sockets.is_empty() {
            present.remove(&customer);
            return true;
        }
        false
    }

    /// Records the page that the customer is on.
    pub(crate) fn turn(&self, customer: CustomerId, page: Option<Arc<str>>) {
        if let Some(here) = self.part_of(customer).get_mut(&customer) {
            here.page = page;
        }
    }

    /// Replaces what is known of the customer.
    pub(crate) fn know(&self, customer: &Customer) {
        if let Some(here) = self.part_of(customer.id).get_mut(&customer.id) {
            here.customer = customer.clone();
        }
    }

    /// Sends an event to all sockets of a customer.
    pub(crate) fn tell(&self, customer: CustomerId, event: SocketEvent) {
        let present = self.part_of(customer);
        let sockets = present.get(&customer).map(|here| &*here.sockets);
        // Most customers have one socket, whose event need not be cloned.
        if let Some(((_, last), others)) = sockets.and_then(<[_]>::split_last) {
            for (_, mailbox) in others {
                mailbox.put(event.clone(), self.limit);
            }
            last.put(event, self.limit);
        }
    }

    /// Sends an event to one socket.
    pub(crate) fn tell_socket(&self, customer: CustomerId, number: u64, event: SocketEvent) {
        if let Some(here) = self.part_of(customer).get(&customer)
            && let Some((_, mailbox)) = here.sockets.iter().find(|(other, _)| *other == number)
        {
            mailbox.put(event, self.limit);
        }
    }

    /// Sends an event to all sockets of a link.
    pub(crate) fn tell_link(&self, link: &LinkDomain, event: &SocketEvent) {
        for part in self.parts() {
            for here in part.values().filter(|here| here.link == *link) {
                for (_, mailbox) in &here.sockets {
                    mailbox.put(event.clone(), self.limit);
                }
            }
        }
    }

    /// Closes all sockets, each with a time to reconnect; sockets that are added later are closed
    /// at once.
    pub(crate) fn dismiss(&self) {
        // Before the parts are read: a socket that is added to one of them later sees it.
        self.dismissed.store(true, Ordering::SeqCst);
        let mut sockets: Vec<Arc<Mailbox>> = Vec::new();
        for part in self.parts() {
            let here = part.values().flat_map(|here| &here.sockets);
            sockets.extend(here.map(|(_, mailbox)| mailbox.clone()));
        }
        let all = u64::try_from(sockets.len()).unwrap_or(u64::MAX);
        let spread = spread_ms(all);
        for (index, mailbox) in (0_u64..).zip(sockets) {
            let reconnect_after_ms = u32::try_from(spread * index / all.max(1)).unwrap_or(0);
            let bye = SocketEvent::Bye { reason: ByeReason::Restart, reconnect_after_ms };
            mailbox.put(bye, usize::MAX);
        }
    }

    /// The customers of a link who have a socket here, each with the page they are on.
    pub(crate) fn on_link(&self, link: &LinkDomain) -> Vec<(Customer, Option<Arc<str>>)> {
        let mut customers = Vec::new();
        for part in self.parts() {
            let here = part.values().filter(|here| here.link == *link);
            customers.extend(here.map(|here| (here.customer.clone(), here.page.clone())));
        }
        customers
    }

    /// The ids of these customers.
    pub(crate) fn ids_on(&self, link: &LinkDomain) -> HashSet<CustomerId> {
        let mut ids = HashSet::new();
        for part in self.parts() {
            ids.extend(part.iter().filter(|(_, here)| here.link == *link).map(|(id, _)| *id));
        }
        ids
    }

    /// A customer who has a socket here, with the page they are on.
    pub(crate) fn find(&self, customer: CustomerId) -> Option<(Customer, Option<Arc<str>>)> {
        let part = self.part_of(customer);
        part.get(&customer).map(|here| (here.customer.clone(), here.page.clone()))
    }

    /// The shard of a customer: the last bits of an id are random.
    fn part_of(&self, customer: CustomerId) -> MutexGuard<'_, Part> {
        let [first, ..] = &self.parts;
        let number = usize::from(customer.0.as_bytes()[15]) % PARTS;
        lock(self.parts.get(number).unwrap_or(first))
    }

    fn parts(&self) -> impl Iterator<Item = MutexGuard<'_, Part>> {
        self.parts.iter().map(lock)
    }
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The period over which this number of clients reconnects: a hundred per second while they are
/// few, more per second if they are many, so that nobody waits long.
fn spread_ms(sockets: u64) -> u64 {
    (sockets * 10).min(1_000 + sockets * 45 / 100).min(10_000)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::ids::{Localpart, TenantKey};

    fn customer(number: u128) -> Customer {
        Customer {
            id: CustomerId(Uuid::from_u128(number)),
            tenant: TenantKey::new("acme").unwrap(),
            localpart: Localpart::new(&format!("c{number}")).unwrap(),
            name: None,
            conversations: 0,
        }
    }

    #[tokio::test]
    async fn every_socket_gets_events_whichever_shard_its_customer_is_in() {
        let hub = Hub::new(9);
        let (ours, other) =
            (LinkDomain::new("chat.example").unwrap(), LinkDomain::new("else.example").unwrap());
        let mut mailboxes = Vec::new();
        for number in 0..100 {
            let link = if number % 2 == 0 { &ours } else { &other };
            mailboxes.push(hub.enter(&customer(number), link, None).1);
            // Every customer has two tabs.
            mailboxes.push(hub.enter(&customer(number), link, None).1);
        }
        assert_eq!(hub.on_link(&ours).len(), 50);
        hub.tell(customer(7).id, SocketEvent::NewOwner);
        hub.tell_link(&ours, &SocketEvent::NewOwner);
        for (place, mailbox) in mailboxes.iter().enumerate() {
            let number = place / 2;
            if number == 7 || number % 2 == 0 {
                assert!(matches!(mailbox.next().await, SocketEvent::NewOwner));
            }
        }
        hub.dismiss();
        for mailbox in &mailboxes {
            assert!(matches!(mailbox.next().await, SocketEvent::Bye { .. }));
        }
        let (_, late) = hub.enter(&customer(500), &ours, None);
        assert!(matches!(late.next().await, SocketEvent::Bye { .. }));
    }

    #[test]
    fn many_are_spread_further_than_few() {
        let spread = [0, 1, 100, 2_000, 20_000, 1_000_000].map(spread_ms);
        assert_eq!(spread, [0, 10, 1_000, 1_900, 10_000, 10_000]);
    }
}
