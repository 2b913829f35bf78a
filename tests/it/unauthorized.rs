//! Permissions: somebody without business with a customer can neither learn anything about them nor
//! reach them.

use serde_json::json;
use xmpp_parsers::minidom::Element;

use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::{Bystanders, Seat};
use couplet_kit::stanza::{bare, body, condition};

in_each_case!({ strangers, what_customers_never_receive } {
    prosody(Server::Prosody),
    plain_prosody(Server::PlainProsody),
    ejabberd(Server::Ejabberd),
});

/// Queries that an agent's client may send to an address.
const QUERIES: [&str; 10] = [
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    "<vCard xmlns='vcard-temp'/>",
    "<ping xmlns='urn:xmpp:ping'/>",
    "<query xmlns='jabber:iq:version'/>",
    "<query xmlns='jabber:iq:last'/>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>",
    "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info' node='close'/>",
    "<command xmlns='http://jabber.org/protocol/commands' node='close' action='execute'/>",
];

/// Everything returned to a client that tries everything on an address, with address and ids
/// normalised; the last attempt is answered last.
async fn tried(seat: &mut Seat, address: &str) -> Vec<String> {
    seat.so_far().await;
    for kind in ["", "type='probe'", "type='subscribe'", "type='unavailable'", "type='unsubscribe'"]
    {
        seat.write(&format!("<presence to='{address}' {kind}/>")).await;
    }
    for (number, query) in QUERIES.iter().enumerate() {
        for target in [address.to_owned(), format!("{address}/web")] {
            let iq = format!("<iq type='get' id='q{number}' to='{target}'>{query}</iq>");
            seat.write(&iq).await;
        }
    }
    let told = [
        "<received xmlns='urn:xmpp:receipts' id='c1'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='c1'/>",
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<body>I am a stranger</body><request xmlns='urn:xmpp:receipts'/>",
        "<body>!close</body>",
        "<body>!who</body>",
        "<body>!reopen</body>",
    ];
    for (number, told) in told.iter().enumerate() {
        let head = format!("type='chat' id='m{number}' to='{address}'");
        seat.write(&format!("<message {head}>{told}</message>")).await;
    }
    // Each message with a body is refused, all in the same way; the last of them is the last of
    // all.
    let mut answers = vec![];
    for number in 3..told.len() {
        let id = format!("m{number}");
        let refused = seat.find("a refusal", |el| el.attr("id") == Some(&id)).await;
        assert_eq!(refused.attr("type"), Some("error"));
        assert_eq!(condition(&refused).unwrap().0, "item-not-found");
        answers.push(plain(&refused, address));
    }
    let mut others = seat.so_far().await;
    others.retain(|el| bare(el) == address);
    let mut others: Vec<_> = others.iter().map(|el| plain(el, address)).collect();
    assert!(others.len() >= 2 * QUERIES.len(), "every query is answered: {others:#?}");
    // Messages and queries do not wait for each other.
    others.sort();
    answers.extend(others);
    answers
}

/// A stanza without the address it came from, the name derived from it, and an id of its own.
fn plain(element: &Element, address: &str) -> String {
    let localpart = address.split('@').next().unwrap();
    let made = format!("Visitor {}", &localpart[..4]);
    let plain = String::from(element).replace(localpart, "X").replace(&made, "Visitor X");
    match element.attr("id").filter(|id| uuid::Uuid::parse_str(id).is_ok()) {
        Some(id) => plain.replace(id, "ID"),
        None => plain,
    }
}

async fn strangers(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    plan.tenant("bolt", |_| {}).await;
    let alice = plan.seat("alice").await;
    // None of these is offered the customer: a non-agent, an agent of another tenant, a busy one.
    let mallory = plan.stranger("mallory").await;
    let erin = plan.seat_of("bolt", "erin", |_| {}).await;
    let mut dave = plan.seat("dave").await;
    dave.show("dnd").await;
    let gateway = plan.open().await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;

    let nobody = format!("abcdefghij@{}", gateway.domain);
    for mut stranger in [mallory, erin, dave] {
        let existing = tried(&mut stranger, &two.chat).await;
        let not = tried(&mut stranger, &nobody).await;
        assert_eq!(existing.len(), not.len(), "{}", stranger.jid);
        for (one, other) in existing.iter().zip(&not) {
            assert_eq!(one, other, "{}: nothing tells one from the other", stranger.jid);
        }
        two.go_on().await;
        assert!(
            two.seat
                .so_far()
                .await
                .iter()
                .all(|el| { !el.attr("from").is_some_and(|from| from.starts_with(&stranger.jid)) })
        );
    }
    // Nor is there a trace on the customer's side.
    let history = json!({"type": "history", "id": "h1"});
    two.customer.say(history).await;
    let history = two.customer.find(|frame| frame["for"] == "h1").await;
    assert!(!history.to_string().contains("stranger"));
}

async fn what_customers_never_receive(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    let (chat, me) = (two.chat.clone(), two.seat.jid.clone());

    // A message wrapped in another, or without text for the customer, is ignored.
    let inner = format!(
        "<message xmlns='jabber:client' type='chat' from='{me}' to='{chat}'><body>Forged</body></message>"
    );
    let forwarded = format!("<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>");
    for (type_, content) in [
        ("chat", format!("<body>Forged</body>{forwarded}")),
        ("chat", format!("<sent xmlns='urn:xmpp:carbons:2'>{forwarded}</sent>")),
        ("chat", format!("<received xmlns='urn:xmpp:carbons:2'>{forwarded}</received><body>Forged</body>")),
        ("normal", format!("<result xmlns='urn:xmpp:mam:2' id='1'>{forwarded}</result>")),
        ("headline", "<body>Forged</body>".to_owned()),
        ("groupchat", "<body>Forged</body>".to_owned()),
        ("error", "<body>Forged</body><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>".to_owned()),
        ("chat", "<body>  </body>".to_owned()),
        ("chat", "<subject>Forged</subject>".to_owned()),
    ] {
        let message = format!("<message type='{type_}' id='w1' to='{chat}'>{content}</message>");
        two.seat.write(&message).await;
        two.go_on().await;
    }

    // End-to-end encryption: refused with a hint, and its fallback text is not delivered.
    let fallback = "<body>I sent you an OMEMO encrypted message</body>";
    for (number, encrypted) in [
        "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted>",
        "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>x</payload></encrypted>",
        "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>",
        "<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>",
        "<body>aesgcm://host/file#key</body>",
    ]
    .iter()
    .enumerate()
    {
        let fallback = if encrypted.contains("<body>") { "" } else { fallback };
        let head = format!("type='chat' id='o{number}' to='{chat}'");
        two.seat.write(&format!("<message {head}>{encrypted}{fallback}</message>")).await;
        let (condition, text) = two.seat.error_for(&format!("o{number}")).await;
        assert_eq!(condition, "not-acceptable", "{encrypted}");
        assert!(text.contains("encrypted messages"), "{text}");
        two.go_on().await;
    }

    // A text that is too long is refused, not cut.
    let long = two.seat.say(&chat, &"é".repeat(8_001)).await;
    let (condition, text) = two.seat.error_for(&long).await;
    assert!(condition == "policy-violation" && text.contains("8,000"), "{condition}: {text}");
    two.go_on().await;
    two.seat.say(&chat, &"é".repeat(8_000)).await;
    let entry = two.customer.until("entry").await;
    assert_eq!(entry["text"].as_str().unwrap().chars().count(), 8_000);

    // A message without an id, of type normal, is delivered all the same.
    two.seat.write(&format!("<message to='{chat}'><body>Bare</body></message>")).await;
    assert_eq!(two.customer.until("entry").await["text"], "Bare");
    assert!(two.seat.so_far().await.iter().all(|el| body(el).as_deref() != Some("Forged")));
}
