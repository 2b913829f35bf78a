//! Which agents are online.
//!
//! Invariants: an agent is online by presence only, and as available as their most available
//! client. After the stream was lost nothing is known until presences come again; until then an
//! agent who writes counts as online, but only for the grace period. An agent counts as gone only
//! after the grace period, which does not run while there is no stream to hear from them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::event::Availability;
use super::ids::{Pos, Timestamp};

/// How long an agent may be offline or silent before their conversations are reassigned, in
/// milliseconds.
pub(super) const GRACE_MS: i64 = 30_000;
/// A message that bounces again within this time, in milliseconds, was resent in vain.
const IN_VAIN_MS: i64 = 10_000;
/// Bounces within this time, in milliseconds, come from several clients at once.
pub(super) const TOGETHER_MS: i64 = 1_000;
/// For how many clients of an agent it is remembered that they send receipts.
const CONFIRMING: usize = 16;

#[derive(Debug)]
struct Client {
    availability: Availability,
    /// The last row at the time when it was last heard from.
    heard: Pos,
    /// It wrote something but its presence has not come: it counts until the grace period is over.
    unannounced: bool,
}

/// One agent's clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: HashMap<Arc<str>, Client>,
    /// Since when no client is known by its presence.
    absent_since: Option<Timestamp>,
    /// Whether a presence has come since the stream was connected.
    heard: bool,
    /// Nothing is resent until then: the clients of an agent come online within moments of each
    /// other.
    pub(super) sent_again_until: Timestamp,
    /// Clients that have sent receipts (XEP-0184), so that a missing receipt means something.
    confirming: BTreeSet<Arc<str>>,
    /// When one of them last left.
    left_at: Option<Timestamp>,
    /// Messages that bounced a moment ago while another client was online.
    returned: BTreeMap<Pos, Timestamp>,
}

impl Clients {
    /// The stream was lost: nothing is known any more.
    pub(super) fn forget(&mut self) {
        *self = Self { confirming: std::mem::take(&mut self.confirming), ..Self::default() };
    }

    /// The stream is connected: from `now` on the agent has the grace period to be heard from.
    pub(super) fn expect(&mut self, now: Timestamp) {
        self.forget();
        self.absent_since = Some(now);
    }

    /// A presence came; returns whether its client was offline until now. `Gone` without a resource
    /// means all clients. `head` is the last row.
    pub(super) fn hear(
        &mut self,
        now: Timestamp,
        head: Pos,
        resource: &Arc<str>,
        availability: Availability,
    ) -> bool {
        self.heard = true;
        let mut is_new = false;
        match availability {
            Availability::Gone if resource.is_empty() => self.known.clear(),
            Availability::Gone => {
                if self.known.remove(resource).is_some() {
                    self.left_at = Some(now);
                }
            }
            _ => {
                let client = Client { availability, heard: head, unannounced: false };
                is_new = self.known.insert(resource.clone(), client).is_none();
            }
        }
        if self.known.values().all(|client| client.unannounced) {
            self.absent_since.get_or_insert(now);
        } else {
            self.absent_since = None;
        }
        is_new
    }

    /// A client has not responded since then: it counts as gone until it is heard from again.
    pub(super) fn lose(&mut self, now: Timestamp, since: Timestamp, resource: &Arc<str>) {
        let was_there = self.absent_since.is_none();
        self.hear(now, Pos(0), resource, Availability::Gone);
        if was_there && let Some(absent_since) = &mut self.absent_since {
            *absent_since = since.min(now);
        }
    }

    /// A client sent something; returns whether it was offline until now. If it wrote something
    /// (`speaks`), the agent keeps their conversations for another grace period. Before any
    /// presence has come, the client also counts as online for that long, because its presence may
    /// be on its way.
    pub(super) fn hear_from(
        &mut self,
        now: Timestamp,
        head: Pos,
        resource: &Arc<str>,
        speaks: bool,
    ) -> bool {
        if let Some(client) = self.known.get_mut(resource) {
            client.heard = client.heard.max(head);
        }
        let is_announced = self.known.values().any(|client| !client.unannounced);
        if is_announced || !speaks || resource.is_empty() {
            return false;
        }
        self.absent_since = Some(now);
        if self.heard {
            return false;
        }
        let client = Client { availability: Availability::Away, heard: head, unannounced: true };
        self.known.insert(resource.clone(), client).is_none()
    }

    /// If the grace period is over, clients that only wrote no longer count. Returns whether it is.
    pub(super) fn is_gone(&mut self, now: Timestamp) -> bool {
        let gone = self.gone_at().is_some_and(|at| at <= now);
        if gone {
            self.known.clear();
        }
        gone
    }

    /// A client has sent a receipt.
    pub(super) fn confirms(&mut self, resource: &Arc<str>) {
        if self.confirming.len() < CONFIRMING && !self.confirming.contains(resource) {
            self.confirming.insert(resource.clone());
        }
    }

    /// Whether a client sends receipts; `otherwise` decides if none of the agent's clients has so
    /// far.
    pub(super) fn is_confirming(&self, resource: &str, otherwise: impl Fn() -> bool) -> bool {
        self.confirming.contains(resource) || self.confirming.is_empty() && otherwise()
    }

    /// A message bounced from a lost client; returns whether another client is online nevertheless,
    /// so that the message is to be resent. If it was resent already and bounces again, all clients
    /// are lost.
    pub(super) fn outlive(&mut self, now: Timestamp, pos: Pos) -> bool {
        // The server reports a client as gone at the same moment as it bounces the client's
        // messages.
        let just_left = self.left_at.is_some_and(|at| now.since(at) < IN_VAIN_MS);
        let is_another = match self.known.len() {
            0 => false,
            1 => just_left,
            _ => true,
        };
        if !is_another && !self.known.values().any(|client| client.heard >= pos) {
            return false;
        }
        self.returned.retain(|_, at| now.since(*at) < IN_VAIN_MS);
        let first = *self.returned.entry(pos).or_insert(now);
        now.since(first) <= TOGETHER_MS
    }

    /// Whether a presence now would be a return, rather than the first news of the agent since the
    /// stream was connected.
    pub(super) fn would_return(&self, now: Timestamp) -> bool {
        self.availability().is_some() || self.gone_at().is_some_and(|at| at <= now)
    }

    /// Whether any client of the agent is online.
    pub(super) fn is_here(&self) -> bool {
        !self.known.is_empty()
    }

    /// The agent's availability; none while it is not known.
    pub(super) fn availability(&self) -> Option<Availability> {
        match self.known.values().map(|client| client.availability).max() {
            Some(best) => Some(best),
            None => self.heard.then_some(Availability::Gone),
        }
    }

    /// When the agent counts as gone, if none of their clients is online.
    pub(super) fn gone_at(&self) -> Option<Timestamp> {
        self.absent_since.map(|since| since.plus(GRACE_MS))
    }

    pub(super) fn has(&self, resource: &str) -> bool {
        self.known.contains_key(resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(clients: &mut Clients, at: i64, resource: &str, availability: Availability) {
        clients.hear(Timestamp(at), Pos(0), &resource.into(), availability);
    }

    #[test]
    fn an_agent_is_as_available_as_their_most_available_client() {
        let mut clients = Clients::default();
        assert_eq!(clients.availability(), None);
        hear(&mut clients, 0, "phone", Availability::Away);
        hear(&mut clients, 0, "desk", Availability::Busy);
        assert_eq!(clients.availability(), Some(Availability::Away));
        hear(&mut clients, 0, "phone", Availability::Gone);
        assert_eq!(clients.availability(), Some(Availability::Busy));
        assert!(clients.has("desk") && !clients.has("phone"));
        hear(&mut clients, 7, "", Availability::Gone);
        assert_eq!(clients.availability(), Some(Availability::Gone));
        assert_eq!(clients.gone_at(), Some(Timestamp(7 + GRACE_MS)));
    }

    #[test]
    fn the_grace_begins_once_and_only_with_a_stream() {
        let mut clients = Clients::default();
        clients.expect(Timestamp(5));
        hear(&mut clients, 9, "desk", Availability::Gone);
        assert_eq!(clients.gone_at(), Some(Timestamp(5 + GRACE_MS)));
        hear(&mut clients, 10, "desk", Availability::Busy);
        assert_eq!(clients.gone_at(), None);
        clients.forget();
        assert_eq!((clients.gone_at(), clients.availability()), (None, None));
    }

    #[test]
    fn writing_counts_as_presence_only_while_it_is_unknown_and_only_for_the_grace_period() {
        let desk: Arc<str> = "desk".into();
        let mut clients = Clients::default();
        clients.expect(Timestamp(0));
        assert!(!clients.hear_from(Timestamp(1), Pos(1), &desk, false) && !clients.is_here());
        assert!(clients.hear_from(Timestamp(2), Pos(1), &desk, true) && clients.is_here());
        assert!(!clients.hear_from(Timestamp(9), Pos(2), &desk, true), "not once more");
        assert!(!clients.is_gone(Timestamp(8 + GRACE_MS)));
        assert!(clients.is_gone(Timestamp(9 + GRACE_MS)) && !clients.is_here());
        // An agent who went offline keeps their conversations for the grace period; writing adds no
        // more.
        hear(&mut clients, 50_000, "desk", Availability::Gone);
        assert!(!clients.hear_from(Timestamp(60_000), Pos(3), &desk, true) && !clients.is_here());
        assert_eq!(clients.gone_at(), Some(Timestamp(60_000 + GRACE_MS)));
    }

    #[test]
    fn a_bounce_from_one_client_says_nothing_about_another() {
        let desk: Arc<str> = "desk".into();
        let mut clients = Clients::default();
        hear(&mut clients, 0, "desk", Availability::Free);
        assert!(!clients.outlive(Timestamp(1), Pos(5)), "the only one, and not heard since");
        clients.hear_from(Timestamp(2), Pos(5), &desk, false);
        assert!(clients.outlive(Timestamp(3), Pos(5)) && !clients.outlive(Timestamp(3), Pos(6)));
        assert!(clients.outlive(Timestamp(3 + TOGETHER_MS), Pos(5)), "of several at once");
        assert!(!clients.outlive(Timestamp(4 + TOGETHER_MS), Pos(5)), "sent again in vain");
        assert!(clients.outlive(Timestamp(4 + IN_VAIN_MS), Pos(5)), "that was long ago");
        hear(&mut clients, 0, "phone", Availability::Away);
        assert!(clients.outlive(Timestamp(5), Pos(9)));
    }
}
