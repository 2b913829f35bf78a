//! How customers and desks appear in agents' contact lists: presences and roster entries.
//!
//! Invariant: names and pages are cleaned here; no stanza is made for an invalid address.

use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::presence::{Presence, Show, Type};
use xmpp_parsers::roster::{Group, Item, Roster, Subscription};
use xmpp_parsers::vcard_update::{Photo, VCardUpdate};

use super::iq;
use super::parts::nick;
use crate::bridge::{address, clean};
use crate::chat::effect::ContactPresence;
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain};

/// The current presence of a contact, under this name.
pub fn current(
    domain: &LinkDomain,
    agent: &AgentJid,
    peer: &Peer,
    name: &str,
    presence: &ContactPresence,
) -> Option<Element> {
    let (show, page) = match presence {
        ContactPresence::Online(page) => (None, page.as_deref()),
        ContactPresence::Away => (Some(Show::Away), None),
        ContactPresence::Offline => {
            return self::presence(domain, agent, peer, None, Type::Unavailable);
        }
    };
    let mut presence = Presence::available();
    presence.from = Some(address::speaker(domain, peer)?);
    presence.to = Some(address::client(agent, None)?);
    presence.show = show;
    if let Some(page) = page {
        presence.set_status("", clean::text(page));
    }
    presence.payloads.push(nick(name));
    presence.payloads.push(VCardUpdate { photo: Some(Photo { data: None }) }.into());
    presence.payloads.extend(iq::caps(peer).map(Element::from));
    Some(presence.into())
}

/// A presence without details, but for a `name` if there is one; subscriptions are sent from the
/// bare JID.
pub fn presence(
    domain: &LinkDomain,
    agent: &AgentJid,
    peer: &Peer,
    name: Option<&str>,
    type_: Type,
) -> Option<Element> {
    let from = match type_ {
        Type::Unavailable => address::speaker(domain, peer)?,
        _ => address::bare(domain, peer)?.into(),
    };
    let mut presence = Presence::new(type_);
    presence.from = Some(from);
    presence.to = Some(address::client(agent, None)?);
    presence.payloads.extend(name.map(nick));
    Some(presence.into())
}

/// A query that writes an entry, a name and a group, into an agent's roster; without one it removes
/// the entry (XEP-0356).
pub fn write(
    domain: &LinkDomain,
    agent: &AgentJid,
    peer: &Peer,
    entry: Option<(&str, &str)>,
    id: String,
) -> Option<Element> {
    let clean = |text| clean::text(text).into_owned();
    let item = Item {
        jid: address::bare(domain, peer)?,
        name: entry.map(|(name, _)| clean(name)),
        subscription: if entry.is_some() { Subscription::Both } else { Subscription::Remove },
        ask: Default::default(),
        groups: entry.map(|(_, group)| Group(clean(group))).into_iter().collect(),
        approved: None,
    };
    let query = Roster { ver: None, items: vec![item] };
    let from = Jid::new(domain.as_str()).ok()?;
    let to = address::client(agent, None)?;
    Some(Iq::from_set(id, query).with_from(from).with_to(to).into())
}
