//! Agents' stanzas, to their bytes and from them.

use std::hint::black_box;
use std::sync::Arc;

use couplet_cost::bridge::address::Book;
use couplet_cost::bridge::custom_to_xmpp::stanza;
use couplet_cost::bridge::xmpp_to_custom::decoded::{Context, Decoded};
use couplet_cost::bridge::xmpp_to_custom::plain;
use couplet_cost::chat::effect::{ToAgent, ToAgentContent};
use couplet_cost::chat::event::{AgentContent, AgentInput, Event, Peer};
use couplet_cost::chat::ids::{LinkDomain, Timestamp};
use couplet_cost::chat::row::Author;

use super::{
    Rounds, WORDS, alice, client_id, conversation, domain, each, localpart, numbered, row, tenant,
};

/// When stanzas are written: the time of their rows.
const NOW: Timestamp = Timestamp(1_770_000_000_000);

/// A customer's message.
pub(super) fn message_out() -> anyhow::Result<Rounds> {
    out(|number| {
        let name = Some("Ann Lee".into());
        Ok((None, ToAgentContent::Row { row: row(number, Author::Customer)?, name, quoted: None }))
    })
}

/// The receipt for an agent's message.
pub(super) fn receipt_out() -> anyhow::Result<Rounds> {
    out(|number| {
        let stanza = client_id(number).into();
        Ok((Some("gajim.X3K9QZ7P".into()), ToAgentContent::Received { stanza }))
    })
}

fn out(
    content: impl Fn(u64) -> anyhow::Result<(Option<Arc<str>>, ToAgentContent)>,
) -> anyhow::Result<Rounds> {
    let domain = domain()?;
    let stanzas = numbered(|number| {
        let (resource, content) = content(number)?;
        Ok(ToAgent {
            agent: alice(),
            resource,
            from: Peer::Customer(localpart(number)),
            conversation: Some(conversation(number)),
            content,
        })
    })?;
    Ok(each(stanzas, move |to_agent| written(&domain, &to_agent)))
}

/// Writes a stanza as the stream does.
fn written(domain: &LinkDomain, to_agent: &ToAgent) -> bool {
    let line_id = || "line".to_owned();
    let text = stanza::text(domain, to_agent, NOW, &line_id);
    text.is_some_and(|text| black_box(text).starts_with("<message"))
}

/// An agent's message, as their client sends it and their server forwards it.
pub(super) fn message_in() -> anyhow::Result<Rounds> {
    let stanza = |number| {
        let (to, id, thread) = (localpart(number), client_id(number), conversation(number));
        Ok(format!(
            "<message xmlns='jabber:component:accept' xml:lang='en' to='{to}@chat.example.org/web' \
             from='alice@example.org/gajim.X3K9QZ7P' type='chat' id='{id}'><body>{WORDS}</body>\
             <origin-id xmlns='urn:xmpp:sid:0' id='{id}'/><request xmlns='urn:xmpp:receipts'/>\
             <markable xmlns='urn:xmpp:chat-markers:0'/>\
             <active xmlns='http://jabber.org/protocol/chatstates'/><thread>{thread}</thread>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='alice@example.org' id='{id}'/></message>"
        ))
    };
    into(numbered(stanza)?, |said| {
        let is_text = matches!(&said.content, AgentContent::Text { text, .. } if **text == *WORDS);
        is_text && said.wants_receipt
    })
}

/// The receipt of an agent's client for a customer's message.
pub(super) fn receipt_in() -> anyhow::Result<Rounds> {
    let stanza = |number| {
        let (to, id) = (localpart(number), client_id(number));
        Ok(format!(
            "<message xmlns='jabber:component:accept' to='{to}@chat.example.org/web' \
             from='alice@example.org/gajim.X3K9QZ7P' type='chat' id='{id}'>\
             <received xmlns='urn:xmpp:receipts' id='p{number}'/>\
             <store xmlns='urn:xmpp:hints'/></message>"
        ))
    };
    into(numbered(stanza)?, |said| matches!(said.content, AgentContent::Received { .. }))
}

/// Reads stanzas as the stream does.
fn into(
    stanzas: Vec<String>,
    is_right: impl Fn(&AgentInput) -> bool + 'static,
) -> anyhow::Result<Rounds> {
    let (domain, book) = (domain()?, Book::new([(tenant()?, alice())]));
    Ok(each(stanzas, move |xml| {
        let context = Context { domain: &domain, book: &book, fresh: &|| conversation(0) };
        match black_box(plain::read(&xml, context)) {
            Some(Decoded::Event(Event::Agent(input))) => is_right(&input),
            _ => false,
        }
    }))
}
