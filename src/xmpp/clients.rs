//! Agents' clients as the link knows them: what their presences say, and whether they answer.
//!
//! A server that waits for a lost client to come back (XEP-0198) says for minutes that it is there. So
//! a client that was sent something and is not heard is pinged (XEP-0199), and one that used to answer
//! and does not answer now is not there, until something comes from it.
//!
//! Invariants: a client that never answered a ping is not judged by one, and soon gets none; silence
//! counts only while the server itself keeps up; a client is looked at for one reason at a time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::event::Availability;
use crate::chat::ids::AgentJid;

/// How long a client may take to confirm what it was sent before anybody wonders.
const UNCONFIRMED: Duration = Duration::from_secs(3);

/// One that was heard so recently is there.
const RECENT: Duration = Duration::from_secs(10);

/// How long the answer to a ping may take: a phone has to wake up for it.
const PINGED: Duration = Duration::from_secs(10);

/// A client that has left so many pings unanswered, and answered none, gets no more.
const TRIES: u8 = 3;

/// One client.
#[derive(Debug)]
struct Client {
    availability: Availability,
    heard: Instant,
    /// Since when it has been sent something and was not heard.
    owes: Option<Instant>,
    /// Since when it owes the answer to a ping.
    pinged: Option<Instant>,
    /// Whether it ever answered one.
    answers: bool,
    tries: u8,
    /// It has not answered: it is not there.
    lost: bool,
    /// When it is looked at next.
    look: Option<Instant>,
}

/// What is to be done about a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It is to be asked whether it is there.
    Ping { agent: AgentJid, resource: Arc<str> },
    /// It is not there, and has not been heard since then.
    Lost { agent: AgentJid, resource: Arc<str>, since: Instant },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Clients {
    all: HashMap<AgentJid, HashMap<Arc<str>, Client>>,
    looks: BTreeSet<(Instant, AgentJid, Arc<str>)>,
}

impl Clients {
    /// The stream is gone, and with it all that was known.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.looks.clear();
    }

    /// Forgets everybody else's.
    pub(super) fn retain(&mut self, knows: impl Fn(&AgentJid) -> bool) {
        self.all.retain(|agent, _| knows(agent));
        self.looks.retain(|(_, agent, _)| knows(agent));
    }

    /// Whether anything was heard of an agent.
    pub(super) fn knows(&self, agent: &AgentJid) -> bool {
        self.all.contains_key(agent)
    }

    /// Whether a client of the agent is there.
    pub(super) fn is_here(&self, agent: &AgentJid) -> bool {
        self.all.get(agent).is_some_and(|clients| clients.values().any(|client| !client.lost))
    }

    /// A presence came; says whether it is news. `Gone` from no client in particular means all.
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
            // Of a lost one the runtime has heard.
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
        // The server may have said it for one that is lost: it is to say so itself.
        if client.lost && client.look.is_none() {
            client.owes = Some(now);
            client.look = Some(now);
            self.looks.insert((now, agent.clone(), resource.clone()));
        }
        false
    }

    /// Something else came from a client; where it was lost, it is there again, as available as it was.
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

    /// A ping was answered by a client itself.
    pub(super) fn answers(&mut self, agent: &AgentJid, resource: &str) {
        if let Some(client) = self.client(agent, resource) {
            client.answers = true;
        }
    }

    /// A ping came back as an error: of a client that used to answer its server says that it is not
    /// there. Of others it says nothing, for many a client knows no pings.
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

    /// An agent was sent something that clients confirm.
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

    /// When a client is looked at next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.looks.first().map(|(at, ..)| *at)
    }

    /// What is due. While the server is `behind`, nobody's silence counts.
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

    /// When it is to be pinged, where it is: it owes something, or it is not known whether it answers.
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

    /// What is due at each second from 1 on, as a word.
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
        // Its server still says that it is there: it is asked itself.
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
    fn nobodys_silence_counts_while_the_server_is_behind() {
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
    fn who_leaves_is_not_looked_at() {
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
