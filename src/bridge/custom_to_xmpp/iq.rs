//! Queries: the responses to those of agents (service discovery, vCards, versions), and pings of
//! ours.
//!
//! Invariants: every query gets exactly one response, immediately; only features that the widget
//! shows are advertised.

use std::sync::LazyLock;

use xmpp_parsers::caps::{Caps, compute_disco, hash_caps, query_caps};
use xmpp_parsers::disco::{
    DiscoInfoQuery, DiscoInfoResult, DiscoItemsResult, Identity, Item as DiscoItem,
};
use xmpp_parsers::hashes::Algo;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use xmpp_parsers::ping::Ping;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};
use xmpp_parsers::version::VersionResult;

use super::parts::error;
use super::{line, stanza};
use crate::bridge::address::{self, Target};
use crate::bridge::{clean, quote, xmlns};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain, TenantKey};

/// The name of the software in entity capabilities.
const NODE: &str = "couplet";

/// Features of a customer's address: what the widget shows.
const CUSTOMER_FEATURES: [&str; 14] = [
    xmlns::COMMANDS,
    xmlns::OOB,
    quote::FALLBACK,
    xmlns::RETRACT,
    quote::REPLY,
    ns::MESSAGE_CORRECT,
    ns::CAPS,
    ns::CHATSTATES,
    ns::DISCO_INFO,
    ns::DISPLAYED_MARKERS,
    ns::PING,
    ns::RECEIPTS,
    ns::VCARD,
    ns::VERSION,
];

/// Features of a desk, and of the component itself.
const OWN_FEATURES: [&str; 7] =
    [xmlns::COMMANDS, ns::CAPS, ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::VCARD, ns::VERSION];

static CUSTOMER: LazyLock<Option<Caps>> = LazyLock::new(|| hashed(&customer()));
static DESK: LazyLock<Option<Caps>> = LazyLock::new(|| hashed(&desk()));

/// The capabilities of an address (XEP-0115).
pub(super) fn caps(peer: &Peer) -> Option<Caps> {
    match peer {
        Peer::Customer(_) => CUSTOMER.clone(),
        Peer::Desk(_) => DESK.clone(),
    }
}

/// A ping of one client of an agent (XEP-0199), from a desk of theirs.
pub fn ping(
    domain: &LinkDomain,
    desk: &TenantKey,
    agent: &AgentJid,
    resource: &str,
    id: String,
) -> Option<Element> {
    let from = address::speaker(domain, &Peer::Desk(desk.clone()))?;
    let to = address::client(agent, Some(resource))?;
    Some(Iq::from_get(id, Ping).with_from(from).with_to(to).into())
}

/// A ping of our domain to itself, as text. It is sent to a full JID: ejabberd from 24 on does not
/// forward queries to the bare domain of a privileged component.
pub fn barrier(own: &str, id: &str) -> String {
    format!(
        "<iq from='{own}' id='{id}' to='{own}/barrier' type='get'>\
         <ping xmlns='urn:xmpp:ping'/></iq>"
    )
}

/// An error response to a query.
pub fn error_response(from: Jid, to: Jid, id: String, error: StanzaError) -> Element {
    Iq::from_error(id, error).with_from(from).with_to(to).into()
}

/// The response to an agent's query of an address that has this name in their contact list. The
/// `desks` of the agent, each with its name, are listed as items of the domain.
pub fn response<'a>(
    domain: &LinkDomain,
    target: &Target,
    name: Option<&str>,
    desks: impl Iterator<Item = (&'a TenantKey, Option<&'a str>)>,
    iq: &Element,
) -> Option<Element> {
    let from = Jid::new(iq.attr("to")?).ok()?;
    let to = Jid::new(iq.attr("from")?).ok()?;
    let id = iq.attr("id").unwrap_or_default().to_owned();
    let payload = iq.children().next();
    let answered = payload.and_then(|payload| {
        let result = match (iq.attr("type")?, payload.name(), payload.ns().as_str()) {
            ("get", "query", ns::DISCO_INFO) => info(target, payload)?,
            ("get", "query", ns::DISCO_ITEMS) => items(domain, target, desks),
            ("get", "ping", ns::PING) => return Some(Iq::empty_result(to.clone(), id.clone())),
            ("get", "vCard", ns::VCARD) => vcard(target, name)?,
            ("get", "query", ns::VERSION) => version().into(),
            _ => return None,
        };
        Some(Iq::Result { from: None, to: Some(to.clone()), id: id.clone(), payload: Some(result) })
    });
    Some(match answered {
        Some(result) => result.with_from(from).into(),
        None => {
            let nodes = payload.is_some_and(|payload| {
                payload.has_ns(ns::PUBSUB) || payload.is("query", ns::DISCO_INFO)
            });
            // "No such node" rather than "no such service": a client that looks for encryption keys
            // learns at once that there are none.
            let error = if nodes {
                stanza::not_found()
            } else {
                let condition = DefinedCondition::ServiceUnavailable;
                error(ErrorType::Cancel, condition, "This is not offered here.")
            };
            error_response(from, to, id, error)
        }
    })
}

/// Features of an address; `None` for a node that does not exist.
fn info(target: &Target, query: &Element) -> Option<Element> {
    let mut info = match target {
        Target::Domain => disco("gateway", "web", &OWN_FEATURES),
        Target::Peer(Peer::Customer(_)) => customer(),
        Target::Peer(Peer::Desk(_)) => desk(),
    };
    let asked = DiscoInfoQuery::try_from(query.clone()).ok().and_then(|query| query.node);
    if let Some(node) = asked {
        if query_caps(hashed(&info)?).node.as_deref() != Some(&node) {
            return None;
        }
        info.node = Some(node);
    }
    Some(info.into())
}

/// The desks of an agent; customers are not listed.
fn items<'a>(
    domain: &LinkDomain,
    target: &Target,
    desks: impl Iterator<Item = (&'a TenantKey, Option<&'a str>)>,
) -> Element {
    let desks = desks.filter(|_| matches!(target, Target::Domain));
    let items = desks.filter_map(|(tenant, name)| {
        let jid = address::bare(domain, &Peer::Desk(tenant.clone()))?.into();
        Some(DiscoItem { jid, node: None, name: name.map(str::to_owned) })
    });
    DiscoItemsResult { node: None, items: items.collect(), rsm: None }.into()
}

/// The vCard of a customer or a desk: a name.
fn vcard(target: &Target, name: Option<&str>) -> Option<Element> {
    let name = match target {
        Target::Domain => return None,
        Target::Peer(peer @ Peer::Customer(_)) => line::customer_name(name, peer),
        Target::Peer(Peer::Desk(tenant)) => name.unwrap_or(tenant.as_str()).to_owned(),
    };
    let mut card = Element::bare("vCard", ns::VCARD);
    for field in ["FN", "NICKNAME"] {
        let mut named = Element::bare(field, ns::VCARD);
        named.append_text_node(clean::text(&name));
        card.append_child(named);
    }
    Some(card)
}

fn version() -> VersionResult {
    VersionResult {
        name: "Couplet".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        os: None,
    }
}

fn customer() -> DiscoInfoResult {
    disco("client", "web", &CUSTOMER_FEATURES)
}

fn desk() -> DiscoInfoResult {
    disco("client", "bot", &OWN_FEATURES)
}

fn disco(category: &str, type_: &str, features: &[&str]) -> DiscoInfoResult {
    DiscoInfoResult {
        node: None,
        identities: vec![Identity::new(category, type_, "en", "Couplet")],
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
        extensions: Vec::new(),
    }
}

fn hashed(info: &DiscoInfoResult) -> Option<Caps> {
    Some(Caps::new(NODE, hash_caps(&compute_disco(info), Algo::Sha_1).ok()?))
}
