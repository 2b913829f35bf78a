//! Agents' clients as the link knows them: what their presences say, and whether they respond.
//!
//! A server that waits for a lost client to reconnect (XEP-0198) reports it as online for minutes.
//! So a client that was sent something and is silent is pinged (XEP-0199), and a client that used
//! to respond and does not respond now counts as gone until something comes from it.
//!
//! Invariants: a client that never responded to a ping is not judged by one, and soon gets none.
//! Silence counts only while the server itself keeps up. At most one check of a client is pending.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::event::Availability;
use crate::chat::ids::AgentJid;

/// How long a client may take to confirm what it was sent before it is pinged.
const UNCONFIRMED: Duration = Duration::from_secs(3);

/// A client that was heard this recently is online.
const RECENT: Duration = Duration::from_secs(10);

/// How long the response to a ping may take: a phone has to wake up for it.
const PINGED: Duration = Duration::from_secs(10);

/// A client that has never responded, and left this many pings without response, gets no more.
const TRIES: u8 = 3;

#[derive(Debug)]
struct Client {
    availability: Availability,
    heard: Instant,
    /// Since when it has been silent although it was sent something.
    owes: Option<Instant>,
    /// Since when a ping is pending.
    pinged: Option<Instant>,
    /// Whether it ever responded to a ping.
    answers: bool,
    tries: u8,
    /// It did not respond: it counts as gone.
    lost: bool,
    /// When it is checked next.
    look: Option<Instant>,
}

/// What is to be done about a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Ping it.
    Ping { agent: AgentJid, resource: Arc<str> },
    /// It counts as gone; it was last heard at `since`.
    Lost { agent: AgentJid, resource: Arc<str>, since: Instant },
}

#[derive(Debug, Default)]
pub(super) struct Clients {
    all: HashMap<AgentJid, HashMap<Arc<str>, Client>>,
    looks: BTreeSet<(Instant, AgentJid, Arc<str>)>,
}

impl Clients {
    /// The stream is gone, and everything known with it.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.looks.clear();
    }

    /// Drops the clients of everybody else.
    pub(super) fn retain(&mut self, knows: impl Fn(&AgentJid) -> bool) {
        self.all.retain(|agent, _| knows(agent));
        self.looks.retain(|(_, agent, _)| knows(agent));
    }

    /// Whether a presence of the agent is known.
    pub(super) fn knows(&self, agent: &AgentJid) -> bool {
        self.all.contains_key(agent)
    }

    /// Whether a client of the agent is online.
    pub(super) fn is_here(&self, agent: &AgentJid) -> bool {
        self.all.get(agent).is_some_and(|clients| clients.values().any(|client| !client.lost))
    }

    /// Handles a presence; returns whether it is a change. `Gone` from no particular client means
    /// all.
    pub(super) fn presence(
        &mut self,
        agent: &AgentJid,
        resource: &Arc<str>,
        availability: Availability,
        now: Instant,
    ) -> bool {
        let clients = self.all.entry(agent.clone()).or_default();
        if availability == Availability::Gone {
            if resource.is_empty() {
                clients.clear();
                self.looks.retain(|(_, other, _)| other != agent);
                return true;
            }
            let gone = clients.remove(resource);
            if let Some(at) = gone.as_ref().and_then(|client| client.look) {
                self.looks.remove(&(at, agent.clone(), resource.clone()));
            }
            // The runtime knows already that a lost client is gone.
            return gone.is_some_and(|client| !client.lost);
        }
        let Some(client) = clients.get_mut(resource) else {
            let look = now + UNCONFIRMED;
            let client = Client {
                availability,
                heard: now,
                owes: None,
                pinged: None,
                answers: false,
                tries: 0,
                lost: false,
                look: Some(look),
            };
            clients.insert(resource.clone(), client);
            self.looks.insert((look, agent.clone(), resource.clone()));
            return true;
        };
        if std::mem::replace(&mut client.availability, availability) != availability {
            client.is_heard(now);
            client.lost = false;
            return true;
        }
        // The server may have sent it for a client that is lost: only the client itself counts.
        if client.lost && client.look.is_none() {
            client.owes = Some(now);
            client.look = Some(now);
            self.looks.insert((now, agent.clone(), resource.clone()));
        }
        false
    }

    /// Something else came from a client; if it was lost, it is back, with its last availability.
    pub(super) fn heard(
        &mut self,
        agent: &AgentJid,
        resource: &str,
        now: Instant,
    ) -> Option<(Arc<str>, Availability)> {
        let clients = self.all.get_mut(agent)?;
        let client = clients.get_mut(resource)?;
        client.is_heard(now);
        if !std::mem::take(&mut client.lost) {
            return None;
        }
        let availability = client.availability;
        let (resource, _) = clients.get_key_value(resource)?;
        Some((resource.clone(), availability))
    }

    /// A client itself has responded to a ping.
    pub(super) fn answers(&mut self, agent: &AgentJid, resource: &str) {
        if let Some(client) = self.client(agent, resource) {
            client.answers = true;
        }
    }

    /// A ping came back as an error: for a client that used to respond, the server says that it is
    /// gone. For others it means nothing, because many clients do not support pings.
    pub(super) fn refused(
        &mut self,
        agent: &AgentJid,
        resource: &str,
        now: Instant,
    ) -> Option<Due> {
        let client = self.client(agent, resource)?;
        client.pinged = None;
        if !client.answers {
            client.tries = TRIES;
            client.owes = None;
            return None;
        }
        let since = client.owes.unwrap_or(now);
        let was_lost = std::mem::replace(&mut client.lost, true);
        let (agent, resource) = (agent.clone(), resource.into());
        (!was_lost).then_some(Due::Lost { agent, resource, since })
    }

    /// The agent was sent something that clients confirm.
    pub(super) fn sent(&mut self, agent: &AgentJid, now: Instant) {
        let Some(clients) = self.all.get_mut(agent) else { return };
        for (resource, client) in clients {
            if client.lost || !client.answers && client.tries >= TRIES {
                continue;
            }
            client.owes.get_or_insert(now);
            if client.look.is_none() {
                let at = now + UNCONFIRMED;
                client.look = Some(at);
                self.looks.insert((at, agent.clone(), resource.clone()));
            }
        }
    }

    /// When the next check is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.looks.first().map(|(at, ..)| *at)
    }

    /// The checks that are due. While the server is `behind`, silence of clients does not count.
    pub(super) fn due(&mut self, now: Instant, behind: bool) -> Vec<Due> {
        let mut due = Vec::new();
        while let Some((at, agent, resource)) = self.looks.pop_first() {
            if at > now {
                self.looks.insert((at, agent, resource));
                break;
            }
            let Some(client) = self.client(&agent, &resource) else { continue };
            client.look = None;
            let again = match client.pinged {
                Some(_) if behind => Some(now + PINGED),
                Some(at) => {
                    client.pinged = None;
                    let since = client.owes.take().unwrap_or(at);
                    if client.answers && !std::mem::replace(&mut client.lost, true) {
                        let (agent, resource) = (agent.clone(), resource.clone());
                        due.push(Due::Lost { agent, resource, since });
                    }
                    None
                }
                None => client.doubtful_at().map(|at| {
                    if at > now {
                        return at;
                    }
                    client.pinged = Some(now);
                    client.tries = client.tries.saturating_add(u8::from(!client.answers));
                    due.push(Due::Ping { agent: agent.clone(), resource: resource.clone() });
                    now + PINGED
                }),
            };
            client.look = again;
            if let Some(at) = again {
                self.looks.insert((at, agent, resource));
            }
        }
        due
    }

    fn client(&mut self, agent: &AgentJid, resource: &str) -> Option<&mut Client> {
        self.all.get_mut(agent)?.get_mut(resource)
    }
}

impl Client {
    fn is_heard(&mut self, now: Instant) {
        self.heard = now;
        self.owes = None;
        self.pinged = None;
    }

    /// When it is to be pinged, if at all: it has not confirmed something, or may not support
    /// pings.
    fn doubtful_at(&self) -> Option<Instant> {
        match self.owes {
            Some(_) if !self.answers && self.tries >= TRIES => None,
            Some(owes) if self.lost => Some(owes),
            Some(owes) => Some((owes + UNCONFIRMED).max(self.heard + RECENT)),
            None if !self.answers && self.tries == 0 => Some(self.heard),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> AgentJid {
        AgentJid::normalised("ann@example.org")
    }

    /// What is due at each second from 1 on, in a word.
    fn watched(
        clients: &mut Clients,
        begun: Instant,
        seconds: std::ops::Range<u64>,
    ) -> Vec<String> {
        let mut words = Vec::new();
        for second in seconds {
            for due in clients.due(begun + Duration::from_secs(second), false) {
                words.push(match due {
                    Due::Ping { resource, .. } => format!("{second}: ping {resource}"),
                    Due::Lost { resource, since, .. } => {
                        let since = since.duration_since(begun).as_secs();
                        format!("{second}: {resource} lost since {since}")
                    }
                });
            }
        }
        words
    }

    fn here(answers: bool) -> (Clients, Instant) {
        let begun = Instant::now();
        let mut clients = Clients::default();
        assert!(clients.presence(&ann(), &"desk".into(), Availability::Free, begun));
        assert_eq!(watched(&mut clients, begun, 0..4), ["3: ping desk"]);
        if answers {
            clients.heard(&ann(), "desk", begun + Duration::from_secs(3));
            clients.answers(&ann(), "desk");
        }
        (clients, begun)
    }

    #[test]
    fn one_that_answered_and_is_silent_now_is_lost_until_it_is_heard() {
        let (mut clients, begun) = here(true);
        assert_eq!(watched(&mut clients, begun, 4..60), [""; 0], "nothing was sent");
        clients.sent(&ann(), begun + Duration::from_secs(60));
        clients.sent(&ann(), begun + Duration::from_secs(62));
        assert_eq!(
            watched(&mut clients, begun, 60..200),
            ["63: ping desk", "73: desk lost since 60"]
        );
        assert!(!clients.is_here(&ann()) && clients.knows(&ann()));
        clients.sent(&ann(), begun + Duration::from_secs(200));
        assert_eq!(watched(&mut clients, begun, 200..300), [""; 0]);
        let later = begun + Duration::from_secs(300);
        // The server still reports it: it is pinged itself.
        assert!(!clients.presence(&ann(), &"desk".into(), Availability::Free, later));
        assert_eq!(watched(&mut clients, begun, 300..400), ["300: ping desk"]);
        let back = clients.heard(&ann(), "desk", later);
        assert_eq!(back, Some(("desk".into(), Availability::Free)));
        assert!(clients.is_here(&ann()));
        assert_eq!(clients.heard(&ann(), "desk", later), None);
    }

    #[test]
    fn one_that_confirms_is_not_pinged() {
        let (mut clients, begun) = here(true);
        for second in 10..60 {
            clients.sent(&ann(), begun + Duration::from_secs(second));
            clients.heard(&ann(), "desk", begun + Duration::from_secs(second + 1));
        }
        assert_eq!(watched(&mut clients, begun, 10..100), [""; 0]);
    }

    #[test]
    fn one_that_never_answered_a_ping_is_not_judged_by_it_and_soon_gets_none() {
        let (mut clients, begun) = here(false);
        let mut pings = 0;
        for second in (20..400).step_by(20) {
            clients.sent(&ann(), begun + Duration::from_secs(second));
            let words = watched(&mut clients, begun, second..second + 20);
            assert!(words.iter().all(|word| word.ends_with("ping desk")), "{words:?}");
            pings += words.len();
        }
        assert_eq!(pings, 2);
        assert!(clients.is_here(&ann()));
    }

    #[test]
    fn silence_does_not_count_while_the_server_is_behind() {
        let (mut clients, begun) = here(true);
        let at = |second| begun + Duration::from_secs(second);
        clients.sent(&ann(), at(20));
        assert_eq!(watched(&mut clients, begun, 20..24), ["23: ping desk"]);
        assert!(clients.due(at(33), true).is_empty());
        assert_eq!(clients.due(at(40), false), []);
        assert_eq!(watched(&mut clients, begun, 41..60), ["43: desk lost since 20"]);
    }

    #[test]
    fn an_error_says_that_one_is_gone_only_where_it_used_to_answer() {
        let (mut clients, begun) = here(false);
        assert_eq!(clients.refused(&ann(), "desk", begun), None);
        clients.sent(&ann(), begun);
        assert_eq!(watched(&mut clients, begun, 4..60), [""; 0]);
        let (mut clients, begun) = here(true);
        clients.sent(&ann(), begun);
        let lost = clients.refused(&ann(), "desk", begun + Duration::from_secs(1));
        assert!(matches!(lost, Some(Due::Lost { since, .. }) if since == begun), "{lost:?}");
        assert_eq!(clients.refused(&ann(), "desk", begun), None, "once");
    }

    #[test]
    fn a_client_that_left_is_not_checked() {
        let (mut clients, begun) = here(true);
        clients.sent(&ann(), begun + Duration::from_secs(20));
        assert!(clients.presence(&ann(), &"desk".into(), Availability::Gone, begun));
        assert_eq!(clients.next(), None);
        let (mut clients, begun) = here(true);
        clients.sent(&ann(), begun + Duration::from_secs(20));
        assert!(clients.presence(&ann(), &"".into(), Availability::Gone, begun));
        assert_eq!(clients.next(), None);
    }
}
