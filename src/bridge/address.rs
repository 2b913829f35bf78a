//! JIDs and localparts: parsing, normalising, and whose they are.
//!
//! Invariants: an [`AgentJid`] made here is a normalised bare JID with a localpart; who is not in
//! the [`Book`] is a stranger, and a stranger learns nothing.

use std::collections::{HashMap, HashSet};

use xmpp_parsers::jid::{BareJid, Jid};

use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain, Localpart, Pos, TenantKey};

/// The resource that speaks for a customer.
pub const CUSTOMER_RESOURCE: &str = "web";

/// The resource that speaks for a desk.
pub const DESK_RESOURCE: &str = "desk";

/// Why an agent's address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAgent {
    /// It is not a JID at all.
    #[error("{0} is not a JID")]
    NotJid(String),
    /// It names a server or a single client.
    #[error("{0} is not a bare JID like alice@example.org")]
    NotBare(String),
}

/// Parses and normalises the bare JID of an agent (RFC 7622).
pub fn agent(raw: &str) -> Result<AgentJid, BadAgent> {
    let jid = Jid::new(raw.trim()).map_err(|_| BadAgent::NotJid(raw.to_owned()))?;
    match jid.try_into_full() {
        Err(bare) if bare.node().is_some() => Ok(AgentJid::normalised(bare.as_str())),
        _ => Err(BadAgent::NotBare(raw.to_owned())),
    }
}

/// Whether agents may live on a host: one of those named or, where none is, a parent of the
/// component's own domain, which is the server that the link leads to.
pub fn host_allowed(host: &str, domain: &LinkDomain, named: &[String]) -> bool {
    if named.is_empty() {
        domain.as_str().strip_suffix(host).is_some_and(|rest| rest.ends_with('.'))
    } else {
        named.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// The host of an agent's address.
pub fn host(agent: &AgentJid) -> &str {
    agent.as_str().rsplit_once('@').map_or("", |(_, host)| host)
}

/// The agents of a link: of which tenant is who.
#[derive(Debug, Clone, Default)]
pub struct Book {
    tenants: HashMap<TenantKey, HashSet<AgentJid>>,
    agents: HashSet<AgentJid>,
}

impl Book {
    /// The book of these agents.
    pub fn new(agents: impl IntoIterator<Item = (TenantKey, AgentJid)>) -> Self {
        let mut book = Self::default();
        for (tenant, agent) in agents {
            book.agents.insert(agent.clone());
            book.tenants.entry(tenant).or_default().insert(agent);
        }
        book
    }

    /// The agent a JID belongs to, whatever his client.
    pub fn agent(&self, jid: &Jid) -> Option<&AgentJid> {
        self.agents.get(&AgentJid::normalised(jid.to_bare().as_str()))
    }

    /// Whether he is an agent of this link.
    pub fn knows(&self, agent: &AgentJid) -> bool {
        self.agents.contains(agent)
    }

    /// Whether he is an agent of this tenant.
    pub fn serves(&self, agent: &AgentJid, tenant: &TenantKey) -> bool {
        self.tenants.get(tenant).is_some_and(|agents| agents.contains(agent))
    }

    /// The tenants he serves.
    pub fn tenants_of<'a>(&'a self, agent: &'a AgentJid) -> impl Iterator<Item = &'a TenantKey> {
        self.tenants.iter().filter(move |(_, all)| all.contains(agent)).map(|(tenant, _)| tenant)
    }

    /// Every agent with a tenant he serves.
    pub fn pairs(&self) -> impl Iterator<Item = (&TenantKey, &AgentJid)> {
        self.tenants.iter().flat_map(|(tenant, all)| all.iter().map(move |agent| (tenant, agent)))
    }

    /// Whose an address on our domain is, for an agent; none where it is nobody's, or a desk of a
    /// tenant he does not serve.
    pub fn target(&self, agent: &AgentJid, to: &Jid, domain: &LinkDomain) -> Option<Target> {
        if to.domain().as_str() != domain.as_str() {
            return None;
        }
        let Some(local) = to.node() else { return Some(Target::Domain) };
        match TenantKey::new(local.as_str()) {
            Ok(tenant) if self.tenants.contains_key(&tenant) => {
                self.serves(agent, &tenant).then_some(Target::Peer(Peer::Desk(tenant)))
            }
            _ => Some(Target::Peer(Peer::Customer(Localpart::new(local.as_str()).ok()?))),
        }
    }
}

/// Whose an address on our domain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The component itself.
    Domain,
    /// A customer or a desk.
    Peer(Peer),
}

/// The bare JID of a customer or a desk.
pub fn bare(domain: &LinkDomain, peer: &Peer) -> Option<BareJid> {
    let local = match peer {
        Peer::Customer(localpart) => localpart.as_str(),
        Peer::Desk(tenant) => tenant.as_str(),
    };
    BareJid::new(&format!("{local}@{domain}")).ok()
}

/// The full JID that speaks for a customer or a desk.
pub fn speaker(domain: &LinkDomain, peer: &Peer) -> Option<Jid> {
    let resource = match peer {
        Peer::Customer(_) => CUSTOMER_RESOURCE,
        Peer::Desk(_) => DESK_RESOURCE,
    };
    bare(domain, peer)?.with_resource_str(resource).ok().map(Jid::from)
}

/// The JID of an agent: of one of his clients, or bare where none is named.
pub fn client(agent: &AgentJid, resource: Option<&str>) -> Option<Jid> {
    let bare = BareJid::new(agent.as_str()).ok()?;
    match resource {
        Some(resource) if !resource.is_empty() => {
            bare.with_resource_str(resource).ok().map(Jid::from)
        }
        _ => Some(bare.into()),
    }
}

/// The stanza id of a row: always the same, so that a repeat is known for one.
pub fn row_id(pos: Pos) -> String {
    format!("p{}", pos.0)
}

/// The row that a stanza id stands for; none for ids of any other make.
pub fn row_of(id: &str) -> Option<Pos> {
    let digits = id.strip_prefix('p')?;
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    canonical.then(|| digits.parse().ok().map(Pos)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_bare_jids() {
        let table = [
            ("alice@example.org", Some("alice@example.org")),
            (" Alice@EXAMPLE.org ", Some("alice@example.org")),
            ("ünal@bücher.example", Some("ünal@bücher.example")),
            ("alice@example.org/phone", None),
            ("example.org", None),
            ("@example.org", None),
            ("alice@", None),
            ("", None),
            ("a b@example.org", None),
        ];
        for (raw, jid) in table {
            assert_eq!(agent(raw).ok().as_ref().map(AgentJid::as_str), jid, "{raw:?}");
        }
    }

    #[test]
    fn hosts_are_those_named_or_the_links_own() {
        let domain = LinkDomain::new("chat.example.org").unwrap();
        let none: &[String] = &[];
        let named = &["corp.example".to_owned()][..];
        let table = [
            ("example.org", none, true),
            ("org", none, true),
            ("chat.example.org", none, false),
            ("ample.org", none, false),
            ("evil.example", none, false),
            ("", none, false),
            ("corp.example", named, true),
            ("CORP.example", named, true),
            ("example.org", named, false),
        ];
        for (host, named, allowed) in table {
            assert_eq!(host_allowed(host, &domain, named), allowed, "{host:?} {named:?}");
        }
    }

    #[test]
    fn only_our_own_ids_are_rows() {
        assert_eq!(row_of(&row_id(Pos(1))), Some(Pos(1)));
        assert_eq!(row_of(&row_id(Pos(u64::MAX))), Some(Pos(u64::MAX)));
        for id in ["", "p", "p0", "p01", "p-1", "p+1", "p1x", "q1", "1", "p18446744073709551616"] {
            assert_eq!(row_of(id), None, "{id:?}");
        }
    }

    #[test]
    fn a_desk_is_its_own_agents_alone() {
        let domain = LinkDomain::new("chat.example.org").unwrap();
        let (acme, other) = (TenantKey::new("acme").unwrap(), TenantKey::new("other").unwrap());
        let alice = AgentJid::normalised("alice@example.org");
        let bob = AgentJid::normalised("bob@example.org");
        let book = Book::new([(acme.clone(), alice.clone()), (other, bob.clone())]);
        let target = |agent, to: &str| book.target(agent, &Jid::new(to).unwrap(), &domain);
        assert_eq!(
            target(&alice, "acme@chat.example.org/desk"),
            Some(Target::Peer(Peer::Desk(acme)))
        );
        assert_eq!(target(&bob, "acme@chat.example.org"), None);
        assert_eq!(target(&bob, "chat.example.org"), Some(Target::Domain));
        assert_eq!(
            target(&bob, "k3f9@chat.example.org/web"),
            Some(Target::Peer(Peer::Customer(Localpart::new("k3f9").unwrap())))
        );
        assert_eq!(target(&bob, "bad.local@chat.example.org"), None);
        assert_eq!(target(&bob, "k3f9@elsewhere.example"), None);
        assert_eq!(book.agent(&Jid::new("ALICE@example.org/x").unwrap()), Some(&alice));
        assert_eq!(book.agent(&Jid::new("example.org").unwrap()), None);
    }
}
