//! Which agents are there.
//!
//! Invariants: presence alone makes an agent present, who is as available as their most available
//! client. After the stream was lost nothing is known of them until their presence comes again: until
//! then whoever speaks is there, but only for as long as the grace. Only after the grace they count as
//! gone, and the grace does not run while there is no stream on which they could be heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::event::Availability;
use super::ids::{Pos, Timestamp};

/// How long an agent may be silent or offline before his conversations are taken back, in milliseconds.
pub(super) const GRACE_MS: i64 = 30_000;
/// A message that comes back once more within so many milliseconds was sent again in vain.
const IN_VAIN_MS: i64 = 10_000;
/// What comes back within so many milliseconds comes back from several clients at once.
pub(super) const TOGETHER_MS: i64 = 1_000;
/// Of how many clients of an agent it is remembered that they give receipts.
const CONFIRMING: usize = 16;

/// One client.
#[derive(Debug)]
struct Client {
    availability: Availability,
    /// The last row there was when it was last heard.
    heard: Pos,
    /// It has spoken, but its presence has not come: it counts until the grace is over.
    unannounced: bool,
}

/// One agent's clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: HashMap<Arc<str>, Client>,
    /// Since when none of them is known to be there by its presence.
    absent_since: Option<Timestamp>,
    /// Whether a presence has come since the stream stands.
    heard: bool,
    /// Until when nothing is sent again: a client's fellows come within moments of it.
    pub(super) sent_again_until: Timestamp,
    /// Those that have given receipts (XEP-0184): of them a missing one means something.
    confirming: BTreeSet<Arc<str>>,
    /// When one of them left last.
    left_at: Option<Timestamp>,
    /// Which messages came back a moment ago while another client was there.
    returned: BTreeMap<Pos, Timestamp>,
}

impl Clients {
    /// The stream was lost: nothing is known any more, and nothing can be.
    pub(super) fn forget(&mut self) {
        *self = Self { confirming: std::mem::take(&mut self.confirming), ..Self::default() };
    }

    /// The stream stands: he has the grace from `now` on to be heard.
    pub(super) fn expect(&mut self, now: Timestamp) {
        self.forget();
        self.absent_since = Some(now);
    }

    /// A presence came; says whether it is of a client that was not there before. `Gone` from no
    /// client in particular means all of them. `head` is the last row there is.
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

    /// A client has not answered since then: it counts as gone until it is heard again.
    pub(super) fn lose(&mut self, now: Timestamp, since: Timestamp, resource: &Arc<str>) {
        let was_there = self.absent_since.is_none();
        self.hear(now, Pos(0), resource, Availability::Gone);
        if was_there && let Some(absent_since) = &mut self.absent_since {
            *absent_since = since.min(now);
        }
    }

    /// A client sent something; says whether it is one that was not there before. `speaks` where it
    /// is words: they keep what an agent has for another grace. Before any presence has come they
    /// also make the client count for that long, for its presence may still be under way.
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

    /// The grace may be over: then whoever only spoke is there no more. Says whether it is.
    pub(super) fn is_gone(&mut self, now: Timestamp) -> bool {
        let gone = self.gone_at().is_some_and(|at| at <= now);
        if gone {
            self.known.clear();
        }
        gone
    }

    /// A client has given a receipt.
    pub(super) fn confirms(&mut self, resource: &Arc<str>) {
        if self.confirming.len() < CONFIRMING && !self.confirming.contains(resource) {
            self.confirming.insert(resource.clone());
        }
    }

    /// Whether a client gives receipts; as `otherwise` says where no client of theirs was seen to.
    pub(super) fn is_confirming(&self, resource: &str, otherwise: impl Fn() -> bool) -> bool {
        self.confirming.contains(resource) || self.confirming.is_empty() && otherwise()
    }

    /// A message came back from a client that was lost; says whether another is there all the same,
    /// so that the message is to be sent again. Where it was and comes back once more, that is so of
    /// all of them.
    pub(super) fn outlive(&mut self, now: Timestamp, pos: Pos) -> bool {
        // The server says of a client that it is gone in the same moment as it gives back its messages.
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

    /// Whether the agent would come anew now, rather than be heard of for the first time since the
    /// stream stands.
    pub(super) fn would_return(&self, now: Timestamp) -> bool {
        self.availability().is_some() || self.gone_at().is_some_and(|at| at <= now)
    }

    /// Whether any client of his is there.
    pub(super) fn is_here(&self) -> bool {
        !self.known.is_empty()
    }

    /// How available he is; none while it is not known.
    pub(super) fn availability(&self) -> Option<Availability> {
        match self.known.values().map(|client| client.availability).max() {
            Some(best) => Some(best),
            None => self.heard.then_some(Availability::Gone),
        }
    }

    /// When he counts as gone, where none of his clients is there.
    pub(super) fn gone_at(&self) -> Option<Timestamp> {
        self.absent_since.map(|since| since.plus(GRACE_MS))
    }

    /// Whether this client of his is there.
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
    fn an_agent_is_as_available_as_his_most_available_client() {
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
    fn words_count_for_presence_only_while_it_is_not_known_and_only_for_the_grace() {
        let desk: Arc<str> = "desk".into();
        let mut clients = Clients::default();
        clients.expect(Timestamp(0));
        assert!(!clients.hear_from(Timestamp(1), Pos(1), &desk, false) && !clients.is_here());
        assert!(clients.hear_from(Timestamp(2), Pos(1), &desk, true) && clients.is_here());
        assert!(!clients.hear_from(Timestamp(9), Pos(2), &desk, true), "not once more");
        assert!(!clients.is_gone(Timestamp(8 + GRACE_MS)));
        assert!(clients.is_gone(Timestamp(9 + GRACE_MS)) && !clients.is_here());
        // One who said that they are gone keeps what they have for a while, and that is all.
        hear(&mut clients, 50_000, "desk", Availability::Gone);
        assert!(!clients.hear_from(Timestamp(60_000), Pos(3), &desk, true) && !clients.is_here());
        assert_eq!(clients.gone_at(), Some(Timestamp(60_000 + GRACE_MS)));
    }

    #[test]
    fn what_comes_back_from_one_client_says_nothing_of_another() {
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
