//! Which agents are there.
//!
//! Invariants: an agent is as available as his most available client. After the stream was lost
//! nothing is known of him until his presence comes again. Only after the grace he counts as gone,
//! and the grace does not run while there is no stream on which he could be heard.

use std::collections::HashMap;
use std::sync::Arc;

use super::event::Availability;
use super::ids::Timestamp;

/// How long an agent may be silent or offline before his conversations are taken back, in milliseconds.
pub(super) const GRACE_MS: i64 = 30_000;

/// One agent's clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: HashMap<Arc<str>, Availability>,
    /// Since when none of his clients is known to be there.
    absent_since: Option<Timestamp>,
    /// Whether a presence has come since the stream stands.
    heard: bool,
    /// Until when nothing is sent again: a client's fellows come within moments of it.
    pub(super) sent_again_until: Timestamp,
}

impl Clients {
    /// The stream was lost: nothing is known any more, and nothing can be.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The stream stands: he has the grace from `now` on to be heard.
    pub(super) fn expect(&mut self, now: Timestamp) {
        *self = Self { absent_since: Some(now), ..Self::default() };
    }

    /// A presence came; says whether it is of a client that was not there before. `Gone` from no
    /// client in particular means all of them.
    pub(super) fn hear(
        &mut self,
        now: Timestamp,
        resource: &Arc<str>,
        availability: Availability,
    ) -> bool {
        self.heard = true;
        let mut is_new = false;
        match availability {
            Availability::Gone if resource.is_empty() => self.known.clear(),
            Availability::Gone => {
                self.known.remove(resource);
            }
            _ => is_new = self.known.insert(resource.clone(), availability).is_none(),
        }
        if self.known.is_empty() {
            self.absent_since.get_or_insert(now);
        } else {
            self.absent_since = None;
        }
        is_new
    }

    /// Whether any client of his is there.
    pub(super) fn is_here(&self) -> bool {
        !self.known.is_empty()
    }

    /// How available he is; none while it is not known.
    pub(super) fn availability(&self) -> Option<Availability> {
        match self.known.values().max() {
            Some(best) => Some(*best),
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
        clients.hear(Timestamp(at), &resource.into(), availability);
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
}
