//! Whatever an agent's client sends is parsed, refused or ignored; and whatever a customer writes
//! becomes a stanza that an XML parser reads back unchanged.

#![no_main]

use couplet::bridge::address::Book;
use couplet::bridge::custom_to_xmpp::stanza;
use couplet::bridge::xmpp_to_custom::decoded::{Context, Decoded};
use couplet::bridge::xmpp_to_custom::input::decode;
use couplet::chat::effect::{ToAgent, ToAgentContent};
use couplet::chat::event::{AgentContent, Event};
use couplet::chat::ids::{AgentJid, ConversationId, LinkDomain, TenantKey, Timestamp};
use couplet::wire::TEXT_CHARS;
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;
use xmpp_parsers::minidom::Element;

fuzz_target!(|inner: &str| {
    let (Ok(domain), Ok(tenant)) = (LinkDomain::new("chat.example.org"), TenantKey::new("acme"))
    else {
        return;
    };
    let alice = AgentJid::normalised("alice@example.org");
    let book = Book::new([(tenant, alice.clone())]);
    let fresh = || ConversationId(Uuid::nil());
    let context = Context { domain: &domain, book: &book, fresh: &fresh };
    let stanza = format!(
        "<message xmlns='jabber:component:accept' from='alice@example.org/p' \
         to='k3f9@chat.example.org' id='m'>{inner}</message>"
    );
    let Ok(element) = stanza.parse::<Element>() else { return };
    let Decoded::Event(Event::Agent(input)) = decode(element, context) else { return };
    let AgentContent::Text { text, .. } = input.content else { return };
    assert!(text.chars().count() <= TEXT_CHARS);
    // What came in goes out again as a notice of the desk, and is still XML.
    let said = ToAgent {
        agent: alice,
        resource: None,
        from: input.to,
        conversation: None,
        content: ToAgentContent::Received { stanza: text },
    };
    let line_id = || "line".to_owned();
    if let Some(element) = stanza::message(&domain, &said, Timestamp(0), &line_id) {
        let mut written = Vec::new();
        element.write_to(&mut written).expect("it can be written");
        let written = String::from_utf8(written).expect("it is text");
        written.parse::<Element>().expect("it can be read again");
    }
});
