//! Responses to agents' queries: service discovery, vCards, versions.
//!
//! Invariants: every query gets exactly one response, immediately; only features that the widget
//! shows are advertised.

use std::sync::LazyLock;

use xmpp_parsers::caps::{compute_disco, hash_caps};
use xmpp_parsers::disco::{
    DiscoInfoQuery, DiscoInfoResult, DiscoItemsResult, Identity, Item as DiscoItem,
};
use xmpp_parsers::hashes::Algo;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType};
use xmpp_parsers::version::VersionResult;

use super::roster::Roster;
use crate::bridge::address::{self, Book, Target};
use crate::bridge::custom_to_xmpp::{line, stanza};
use crate::bridge::{clean, quote};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain};

/// The name of the software in entity capabilities.
pub(super) const NODE: &str = "couplet";

/// Features of a customer's address: what the widget shows.
const CUSTOMER_FEATURES: [&str; 13] = [
    stanza::OOB,
    quote::FALLBACK,
    stanza::RETRACT,
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
const OWN_FEATURES: [&str; 6] =
    [ns::CAPS, ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::VCARD, ns::VERSION];

static CUSTOMER: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| hashed(&customer()));
static DESK: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| hashed(&desk()));

/// The verification string of an address's features (XEP-0115).
pub(super) fn verification(peer: &Peer) -> Option<Vec<u8>> {
    match peer {
        Peer::Customer(_) => CUSTOMER.clone(),
        Peer::Desk(_) => DESK.clone(),
    }
}

/// The response to an agent's query.
pub(super) fn answer(
    domain: &LinkDomain,
    book: &Book,
    roster: &Roster,
    agent: &AgentJid,
    target: &Target,
    iq: &Element,
) -> Option<Element> {
    let from = Jid::new(iq.attr("to")?).ok()?;
    let to = Jid::new(iq.attr("from")?).ok()?;
    let id = iq.attr("id").unwrap_or_default().to_owned();
    let payload = iq.children().next();
    let answered = payload.and_then(|payload| {
        let (name, ns) = (payload.name(), payload.ns());
        let result = match (iq.attr("type")?, name, ns.as_str()) {
            ("get", "query", ns::DISCO_INFO) => info(target, payload)?,
            ("get", "query", ns::DISCO_ITEMS) => items(domain, book, roster, agent, target),
            ("get", "ping", ns::PING) => return Some(Iq::empty_result(to.clone(), id.clone())),
            ("get", "vCard", ns::VCARD) => vcard(roster, agent, target)?,
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
                stanza::error(ErrorType::Cancel, condition, "This is not offered here.")
            };
            stanza::iq_error(from, to, id, error)
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
        let known = hashed(&info)?;
        let known = xmpp_parsers::caps::Caps::new(
            NODE,
            xmpp_parsers::hashes::Hash::new(Algo::Sha_1, known),
        );
        if xmpp_parsers::caps::query_caps(known).node.as_deref() != Some(&node) {
            return None;
        }
        info.node = Some(node);
    }
    Some(info.into())
}

/// The desks of an agent; customers are not listed.
fn items(
    domain: &LinkDomain,
    book: &Book,
    roster: &Roster,
    agent: &AgentJid,
    target: &Target,
) -> Element {
    let desks = book.tenants_of(agent).filter(|_| matches!(target, Target::Domain));
    let items = desks.filter_map(|tenant| {
        let jid = address::bare(domain, &Peer::Desk(tenant.clone()))?.into();
        let name = roster.desk_name(agent, tenant).map(str::to_owned);
        Some(DiscoItem { jid, node: None, name })
    });
    DiscoItemsResult { node: None, items: items.collect(), rsm: None }.into()
}

/// The vCard of a customer or a desk: a name.
fn vcard(roster: &Roster, agent: &AgentJid, target: &Target) -> Option<Element> {
    let name = match target {
        Target::Domain => return None,
        Target::Peer(peer @ Peer::Customer(localpart)) => {
            line::customer_name(roster.name_of(agent, localpart), peer)
        }
        Target::Peer(Peer::Desk(tenant)) => {
            roster.desk_name(agent, tenant).unwrap_or(tenant.as_str()).to_owned()
        }
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

fn hashed(info: &DiscoInfoResult) -> Option<Vec<u8>> {
    hash_caps(&compute_disco(info), Algo::Sha_1).ok().map(|hash| hash.hash)
}
