//! A row with files, as several stanzas, because agents' clients show one file in each.

use xmpp_parsers::chatstates::ChatState;
use xmpp_parsers::displayed_markers::Markable;
use xmpp_parsers::message::Id;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::receipts::Request;
use xmpp_parsers::stanza_id::OriginId;

use super::relation::reply_to;
use crate::bridge::custom_to_xmpp::line;
use crate::bridge::custom_to_xmpp::parts::{delay, is_customers, nick, spoken};
use crate::bridge::xmlns::OOB;
use crate::bridge::{address, file};
use crate::chat::effect::{ToAgent, ToAgentContent};
use crate::chat::ids::{LinkDomain, Timestamp};
use crate::chat::row::RowKind;

/// The stanzas of a row with files, as text: one for its text, if any, and one for each file, whose
/// body is the link, because clients show a file only then. Only the last one asks for a
/// confirmation, which counts for the whole row. `site` is the public address of this gateway.
pub fn shared(
    domain: &LinkDomain,
    site: &str,
    to_agent: &ToAgent,
    now: Timestamp,
) -> Option<String> {
    let ToAgentContent::Row { row, name, quoted } = &to_agent.content else { return None };
    let RowKind::Files { files, text, .. } = &row.kind else { return None };
    let from = address::speaker(domain, &to_agent.from)?;
    let to = address::client(&to_agent.agent, to_agent.resource.as_deref())?;
    let body = line::row(row, &to_agent.agent);
    let reply = quoted.as_deref().zip(body.as_deref());
    let reply = reply.and_then(|(quoted, body)| reply_to(domain, to_agent, quoted, body));
    // A link is sent alone: its sender, and what it replies to, are in the stanza before.
    let said = !text.is_empty() || !is_customers(row) || reply.is_some();
    let words = reply.as_ref().map(|reply| reply.text.clone()).or(body.map(Into::into));
    let words = words.filter(|_| said);
    let links = files.iter().map(|file| format!("{site}{}", file::path(&row.tenant, file, now)));
    let bodies: Vec<(String, bool)> = words
        .into_iter()
        .map(|words| (words, false))
        .chain(links.map(|link| (link, true)))
        .collect();
    let last = bodies.len().checked_sub(1)?;
    let mut reply = reply.map(|reply| reply.payloads).filter(|_| said);
    let mut written = String::new();
    for (part, (body, is_link)) in bodies.into_iter().enumerate() {
        let mut words = spoken(from.clone(), to.clone(), &body, to_agent.conversation);
        let id = address::part_id(row.pos, part);
        words.payloads.push(OriginId { id: id.clone() }.into());
        words.id = Some(Id(id));
        if is_customers(row) && part == last {
            words.payloads.push(Request.into());
            words.payloads.push(Markable.into());
        }
        if is_customers(row) {
            words.payloads.push(ChatState::Active.into());
            words.payloads.push(nick(&line::customer_name(name.as_deref(), &to_agent.from)));
        }
        words.payloads.extend(delay(domain, row.at, now));
        words.payloads.extend(reply.take().into_iter().flatten());
        if is_link {
            let url = Element::builder("url", OOB).append(body);
            words.payloads.push(Element::builder("x", OOB).append(url).build());
        }
        written.push_str(&String::from(&Element::from(words)));
    }
    Some(written)
}
