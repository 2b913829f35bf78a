//! JIDs and localparts: parsing, normalising, and to whom they belong.
//!
//! Invariants: an [`AgentJid`] made here is a normalised bare JID with a localpart and a Unicode
//! domain (RFC 7622 has no punycode), so that `xn--bcher-kva.example` and `bücher.example` are the
//! same. An address that is not in the [`Book`] is unauthorized, and learns nothing.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use xmpp_parsers::jid::{BareJid, Jid};

use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain, Localpart, Pos, TenantKey};

/// The resource in the JIDs of customers.
pub const CUSTOMER_RESOURCE: &str = "web";

/// The resource in the JIDs of desks.
pub const DESK_RESOURCE: &str = "desk";

/// Why an agent's address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAgent {
    #[error("{0} is not a JID")]
    NotJid(String),
    /// It names a server or a single client.
    #[error("{0} is not a bare JID like alice@example.org")]
    NotBare(String),
}

/// Parses and normalises the bare JID of an agent (RFC 7622).
pub fn agent(raw: &str) -> Result<AgentJid, BadAgent> {
    let jid = normal(raw.trim()).ok_or_else(|| BadAgent::NotJid(raw.to_owned()))?;
    match jid.try_into_full() {
        Err(bare) if bare.node().is_some() => Ok(AgentJid::normalised(bare.as_str())),
        _ => Err(BadAgent::NotBare(raw.to_owned())),
    }
}

fn normal(raw: &str) -> Option<Jid> {
    let jid = Jid::new(raw).ok()?;
    let domain = jid.domain().as_str();
    if !domain.contains("xn--") {
        return Some(jid);
    }
    let (letters, Ok(())) = idna::domain_to_unicode(domain) else { return Some(jid) };
    let node = jid.node().map_or_else(String::new, |node| format!("{node}@"));
    let resource = jid.resource().map_or_else(String::new, |resource| format!("/{resource}"));
    Jid::new(&format!("{node}{letters}{resource}")).ok()
}

/// Whether agents may have accounts on a host: one of those named or, if none is named, a parent of
/// the component's own domain, which is the server that the link connects to.
pub fn host_allowed(host: &str, domain: &LinkDomain, named: &[String]) -> bool {
    if named.is_empty() {
        let own = normal(domain.as_str());
        let own = own.as_ref().map_or(domain.as_str(), Jid::as_str);
        own.strip_suffix(host).is_some_and(|rest| rest.ends_with('.'))
    } else {
        let is_host = |name: &str| normal(name).is_some_and(|name| name.as_str() == host);
        named.iter().any(|name| name.eq_ignore_ascii_case(host) || is_host(name))
    }
}

/// The host of an agent's address.
pub fn host(agent: &AgentJid) -> &str {
    agent.as_str().rsplit_once('@').map_or("", |(_, host)| host)
}

/// The agents of a link, by tenant.
#[derive(Debug, Clone, Default)]
pub struct Book {
    tenants: HashMap<TenantKey, HashSet<AgentJid>>,
    agents: HashSet<AgentJid>,
}

impl Book {
    pub fn new(agents: impl IntoIterator<Item = (TenantKey, AgentJid)>) -> Self {
        let mut book = Self::default();
        for (tenant, agent) in agents {
            book.agents.insert(agent.clone());
            book.tenants.entry(tenant).or_default().insert(agent);
        }
        book
    }

    /// The agent that an address belongs to, with any resource.
    pub fn agent(&self, address: &Address<'_>) -> Option<&AgentJid> {
        self.agents.get(address.bare())
    }

    /// Whether this is an agent of the link.
    pub fn knows(&self, agent: &AgentJid) -> bool {
        self.agents.contains(agent)
    }

    /// Whether this is an agent of the tenant.
    pub fn serves(&self, agent: &AgentJid, tenant: &TenantKey) -> bool {
        self.tenants.get(tenant).is_some_and(|agents| agents.contains(agent))
    }

    /// The tenants that an agent serves.
    pub fn tenants_of<'a>(&'a self, agent: &'a AgentJid) -> impl Iterator<Item = &'a TenantKey> {
        self.tenants.iter().filter(move |(_, all)| all.contains(agent)).map(|(tenant, _)| tenant)
    }

    /// Every agent with each tenant they serve.
    pub fn pairs(&self) -> impl Iterator<Item = (&TenantKey, &AgentJid)> {
        self.tenants.iter().flat_map(|(tenant, all)| all.iter().map(move |agent| (tenant, agent)))
    }

    /// What an agent's stanza to this address is for; none if the address does not exist, or is the
    /// desk of a tenant that the agent does not serve.
    pub fn target(
        &self,
        agent: &AgentJid,
        to: &Address<'_>,
        domain: &LinkDomain,
    ) -> Option<Target> {
        if to.domain() != domain.as_str() {
            return None;
        }
        let Some(local) = to.local() else { return Some(Target::Domain) };
        match self.tenants.get_key_value(local) {
            Some((tenant, agents)) => {
                agents.contains(agent).then(|| Target::Peer(Peer::Desk(tenant.clone())))
            }
            None => Some(Target::Peer(Peer::Customer(Localpart::new(local).ok()?))),
        }
    }
}

/// A JID in a stanza, normalised (RFC 7622).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a>(Cow<'a, str>);

impl<'a> Address<'a> {
    /// Parses a JID; none if it is invalid. Most JIDs are normalised already, because servers write
    /// them, and normalising needs the Unicode tables, so it is done only where it may be
    /// necessary.
    pub fn read(raw: &'a str) -> Option<Self> {
        if is_normal(raw) {
            return Some(Self(Cow::Borrowed(raw)));
        }
        Some(Self(Cow::Owned(normal(raw)?.into_inner())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The JID without its resource.
    pub fn bare(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(bare, _)| bare)
    }

    pub fn local(&self) -> Option<&str> {
        self.bare().split_once('@').map(|(local, _)| local)
    }

    pub fn domain(&self) -> &str {
        self.bare().split_once('@').map_or(self.bare(), |(_, domain)| domain)
    }

    pub fn resource(&self) -> Option<&str> {
        self.0.split_once('/').map(|(_, resource)| resource)
    }

    /// As a type that stanzas are built from.
    pub fn jid(&self) -> Option<Jid> {
        Jid::new(&self.0).ok()
    }
}

/// Whether a JID is in normal form, as far as a quick check of its ASCII characters can tell.
fn is_normal(raw: &str) -> bool {
    let plain = |part: &str| {
        (1..=253).contains(&part.len())
            && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
    };
    let (bare, resource) = match raw.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (raw, None),
    };
    let (local, domain) = match bare.split_once('@') {
        Some((local, domain)) => (Some(local), domain),
        None => (None, bare),
    };
    // Two hyphens may begin punycode.
    let is_ascii_name = || domain.as_bytes().windows(2).all(|pair| pair != b"--");
    plain(domain)
        && is_ascii_name()
        && local.is_none_or(plain)
        && resource.is_none_or(is_plain_resource)
}

fn is_plain_resource(resource: &str) -> bool {
    (1..=1_023).contains(&resource.len()) && resource.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// What an address on the link's domain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The component's domain itself.
    Domain,
    /// A customer or a desk.
    Peer(Peer),
}

/// The bare JID of a customer or a desk.
pub fn bare(domain: &LinkDomain, peer: &Peer) -> Option<BareJid> {
    let (local, _) = speaks(peer);
    BareJid::new(&format!("{local}@{domain}")).ok()
}

/// The localpart and the resource of a customer's or a desk's JID.
pub fn speaks(peer: &Peer) -> (&str, &'static str) {
    match peer {
        Peer::Customer(localpart) => (localpart.as_str(), CUSTOMER_RESOURCE),
        Peer::Desk(tenant) => (tenant.as_str(), DESK_RESOURCE),
    }
}

/// The full JID of a customer or a desk.
pub fn speaker(domain: &LinkDomain, peer: &Peer) -> Option<Jid> {
    let (_, resource) = speaks(peer);
    bare(domain, peer)?.with_resource_str(resource).ok().map(Jid::from)
}

/// The JID of an agent: with the resource of one of their clients, or bare if none is given.
pub fn client(agent: &AgentJid, resource: Option<&str>) -> Option<Jid> {
    let bare = BareJid::new(agent.as_str()).ok()?;
    match resource {
        Some(resource) if !resource.is_empty() => {
            bare.with_resource_str(resource).ok().map(Jid::from)
        }
        _ => Some(bare.into()),
    }
}

/// As [`client`], but as text.
pub fn reached<'a>(agent: &'a AgentJid, resource: Option<&str>) -> Option<Cow<'a, str>> {
    let resource = resource.filter(|resource| !resource.is_empty());
    if !is_normal(agent.as_str()) || !resource.is_none_or(is_plain_resource) {
        return client(agent, resource).map(|jid| Cow::Owned(jid.into_inner()));
    }
    Some(match resource {
        Some(resource) => Cow::Owned(format!("{agent}/{resource}")),
        None => Cow::Borrowed(agent.as_str()),
    })
}

/// The stanza id of a row: always the same, so that a repeat is recognized.
pub fn row_id(pos: Pos) -> String {
    format!("p{}", pos.0)
}

/// The id of one of several stanzas of a row; the first has the id of the row itself.
pub fn part_id(pos: Pos, part: usize) -> String {
    if part == 0 { row_id(pos) } else { format!("p{}-{part}", pos.0) }
}

/// The row that a stanza id belongs to; none for ids that are not ours.
pub fn row_of(id: &str) -> Option<Pos> {
    let digits = id.strip_prefix('p')?;
    let digits = match digits.split_once('-') {
        Some((digits, part))
            if matches!(part.as_bytes(), [b'1'..=b'9'] | [b'1'..=b'9', b'0'..=b'9']) =>
        {
            digits
        }
        _ => digits,
    };
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
            ("ünal@xn--bcher-kva.example", Some("ünal@bücher.example")),
            ("ünal@XN--BCHER-KVA.example", Some("ünal@bücher.example")),
            ("bob@xn--55qx5d.cn", Some("bob@公司.cn")),
            ("bob@xn--.example", None),
            ("bob@two--hyphens.example", Some("bob@two--hyphens.example")),
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
            ("bücher.example", &["xn--bcher-kva.example".to_owned()][..], true),
            ("bücher.example", &["bücher.example".to_owned()][..], true),
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
        let target = |agent, to: &str| book.target(agent, &Address::read(to).unwrap(), &domain);
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
        assert_eq!(book.agent(&Address::read("ALICE@example.org/x").unwrap()), Some(&alice));
        assert_eq!(book.agent(&Address::read("example.org").unwrap()), None);

        // In either form, where it was added and where a stanza comes from.
        let forms = ["ünal@bücher.example", "ünal@xn--bcher-kva.example"];
        for added in forms {
            let unal = agent(added).unwrap();
            let book = Book::new([(TenantKey::new("acme").unwrap(), unal.clone())]);
            for from in forms {
                let from = format!("{from}/phone");
                assert_eq!(book.agent(&Address::read(&from).unwrap()), Some(&unal), "{from}");
            }
        }
    }

    #[test]
    fn what_looks_normal_is() {
        for raw in [
            "example.org",
            "alice@example.org",
            "alice.b-1@example.org/Phone of Alice / 2",
            "k3f9@chat.example.org/web",
            "Alice@EXAMPLE.org/Home",
            "ünal@bücher.example/x",
            "alice@example.org/straße",
        ] {
            let (address, jid) = (Address::read(raw).unwrap(), Jid::new(raw).unwrap());
            assert_eq!(address.as_str(), jid.as_str());
            assert_eq!(address.bare(), jid.to_bare().as_str());
            assert_eq!(address.local(), jid.node().map(|node| node.as_str()));
            assert_eq!(address.domain(), jid.domain().as_str());
            assert_eq!(address.resource(), jid.resource().map(|resource| resource.as_str()));
            assert_eq!(address.jid(), Some(jid));
        }
        for raw in ["", "@", "a@", "@example.org", "alice@example.org/", "a b@example.org", "a@b@c"]
        {
            assert_eq!(Address::read(raw), None, "{raw:?}");
        }
    }
}
