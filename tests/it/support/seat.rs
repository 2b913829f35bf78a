//! An agent with a minimal client that sends stanza by stanza what an agent's client sends. Faster
//! to start than a whole client, and able to send what no client would.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::VecDeque;

use couplet_kit::servers::Xmpp;
use couplet_kit::stanza::{self, STANZAS, bare, body, condition, message, received};
use xmpp_parsers::minidom::Element;

use super::customer::{Customer, PATIENCE};
use super::xmpp_client::Client;

pub(crate) const CORRECT: &str = "urn:xmpp:message-correct:0";
pub(crate) const RETRACT: &str = "urn:xmpp:message-retract:1";
pub(crate) const REPLY: &str = "urn:xmpp:reply:0";
pub(crate) const FALLBACK: &str = "urn:xmpp:fallback:0";

pub(crate) struct Seat {
    pub(crate) jid: String,
    /// Whether it sends receipts, as clients do (XEP-0184).
    pub(crate) confirms: bool,
    client: Client,
    /// Stanzas that arrived while another was waited for.
    kept: VecDeque<Element>,
    numbered: u64,
}

impl Seat {
    /// Registers an account if it does not exist, and logs in.
    pub(crate) async fn login(server: &Xmpp, name: &str) -> Self {
        Self::login_as(server, name, "seat").await
    }

    /// The same with a given resource.
    pub(crate) async fn login_as(server: &Xmpp, name: &str, resource: &str) -> Self {
        let client = Client::login(server, name, resource).await;
        let jid = client.jid.clone();
        Self { jid, confirms: true, client, kept: VecDeque::new(), numbered: 0 }
    }

    /// Sets the availability: empty, `away`, `dnd`, `unavailable`….
    pub(crate) async fn show(&mut self, show: &str) {
        self.client.write(&stanza::presence(show)).await;
    }

    /// Sends XML as it is.
    pub(crate) async fn write(&mut self, xml: &str) {
        self.client.write(xml).await;
    }

    /// Sends a message with a receipt requested; returns the stanza's id.
    pub(crate) async fn say(&mut self, to: &str, text: &str) -> String {
        let id = self.fresh();
        self.say_as(&id, to, text).await;
        id
    }

    /// The same under a given id.
    pub(crate) async fn say_as(&mut self, id: &str, to: &str, text: &str) {
        self.say_with("", id, to, text).await;
    }

    /// Corrects a message (XEP-0308).
    pub(crate) async fn corrects(&mut self, said: &str, to: &str, text: &str) -> String {
        let id = self.fresh();
        self.corrects_as(&id, said, to, text).await;
        id
    }

    /// The same under a given id.
    pub(crate) async fn corrects_as(&mut self, id: &str, said: &str, to: &str, text: &str) {
        let replace = format!("<replace xmlns='{CORRECT}' id='{said}'/>");
        self.say_with(&replace, id, to, text).await;
    }

    /// Retracts a message (XEP-0424), with a fallback text for clients without support.
    pub(crate) async fn takes_back(&mut self, said: &str, to: &str) -> String {
        let id = self.fresh();
        let more = format!(
            "<retract xmlns='{RETRACT}' id='{said}'/><fallback xmlns='{FALLBACK}' for='{RETRACT}'/>\
             <store xmlns='urn:xmpp:hints'/>"
        );
        self.say_with(&more, &id, to, "I took a message back.").await;
        id
    }

    /// Replies to a message (XEP-0461), with a quote for clients without support.
    pub(crate) async fn replies(
        &mut self,
        said: &str,
        to: &str,
        quote: &str,
        text: &str,
    ) -> String {
        let id = self.fresh();
        let quote = format!("> {quote}\n");
        let more = format!(
            "<reply xmlns='{REPLY}' to='{to}' id='{said}'/><fallback xmlns='{FALLBACK}' for='{REPLY}'>\
             <body start='0' end='{}'/></fallback>",
            quote.chars().count()
        );
        self.say_with(&more, &id, to, &format!("{quote}{text}")).await;
        id
    }

    /// Sends what a server sends when it bounces a message. Any client may send it for itself.
    pub(crate) async fn gives_back(&mut self, id: &str, chat: &str) {
        let error =
            format!("<error type='cancel'><service-unavailable xmlns='{STANZAS}'/></error>");
        self.write(&format!("<message type='error' id='{id}' to='{chat}'>{error}</message>")).await;
    }

    async fn say_with(&mut self, more: &str, id: &str, to: &str, text: &str) {
        self.write(&message(to, id, text, more)).await;
    }

    /// An id not used before.
    pub(crate) fn fresh(&mut self) -> String {
        self.numbered += 1;
        format!("s{}", self.numbered)
    }

    /// Sends a query; returns the response, which may be an error.
    pub(crate) async fn ask(&mut self, to: &str, query: &str) -> Element {
        let id = self.fresh();
        self.write(&format!("<iq type='get' id='{id}' to='{to}'>{query}</iq>")).await;
        self.find("an answer", |el| el.name() == "iq" && el.attr("id") == Some(&id)).await
    }

    /// The next matching stanza; those before it are kept for later.
    pub(crate) async fn find(&mut self, what: &str, wanted: impl Fn(&Element) -> bool) -> Element {
        if let Some(at) = self.kept.iter().position(&wanted) {
            return self.kept.remove(at).unwrap();
        }
        let search = async {
            loop {
                let element = self.client.next().await;
                if let Some(reaction) = stanza::reaction(&element, self.confirms) {
                    self.client.write(&reaction).await;
                }
                if wanted(&element) {
                    return element;
                }
                self.kept.push_back(element);
            }
        };
        match tokio::time::timeout(PATIENCE, search).await {
            Ok(found) => found,
            Err(_) => {
                let kept: Vec<String> = self.kept.iter().map(String::from).collect();
                panic!("{}: {what} did not come; what came: {kept:#?}", self.jid)
            }
        }
    }

    /// The next message with exactly this text.
    pub(crate) async fn hears(&mut self, text: &str) -> Element {
        self.find(text, |el| spoken(el).as_deref() == Some(text)).await
    }

    /// The next message whose text contains `part`.
    pub(crate) async fn hears_of(&mut self, part: &str) -> Element {
        self.find(part, |el| spoken(el).is_some_and(|text| text.contains(part))).await
    }

    /// The next text from an address.
    pub(crate) async fn answer_from(&mut self, bare: &str) -> String {
        let found = self.find(bare, |el| body(el).is_some() && stanza::bare(el) == bare).await;
        body(&found).unwrap_or_default()
    }

    /// The condition and the text of the error for a stanza.
    pub(crate) async fn error_for(&mut self, id: &str) -> (String, String) {
        let answers = |el: &Element| el.attr("type") == Some("error") && el.attr("id") == Some(id);
        condition(&self.find(&format!("an error for {id}"), answers).await).expect("a condition")
    }

    pub(crate) async fn receipt_for(&mut self, id: &str) {
        self.find(&format!("a receipt for {id}"), |el| received(el) == Some(id)).await;
    }

    /// Every stanza so far: all that was in flight before the server answers a ping.
    pub(crate) async fn so_far(&mut self) -> Vec<Element> {
        let host = self.jid.split('@').next_back().unwrap().to_owned();
        self.ask(&host, "<ping xmlns='urn:xmpp:ping'/>").await;
        self.kept.drain(..).collect()
    }

    /// Replies to the first message of a waiting customer, and so accepts them; returns the address
    /// of the chat, once the customer knows that they are served.
    pub(crate) async fn accept(&mut self, customer: &mut Customer, first: &str) -> String {
        let offer = self.hears(first).await;
        let chat = bare(&offer).to_owned();
        let id = self.say(&chat, "Good morning.").await;
        self.receipt_for(&id).await;
        customer.find(|frame| frame["text"] == "Good morning.").await;
        chat
    }
}

/// The text of a message that is no error.
pub(crate) fn spoken(element: &Element) -> Option<String> {
    body(element).filter(|_| element.attr("type") != Some("error"))
}

/// The id in this element of a message: `replace`, `retract`, `reply`.
pub(crate) fn about<'a>(message: &'a Element, name: &str, ns: &str) -> Option<&'a str> {
    message.get_child(name, ns)?.attr("id")
}

/// A customer and an agent in conversation, who must not notice what others do.
pub(crate) struct Bystanders {
    pub(crate) customer: Customer,
    pub(crate) seat: Seat,
    pub(crate) chat: String,
    turns: u64,
}

impl Bystanders {
    pub(crate) async fn meet(mut customer: Customer, mut seat: Seat) -> Self {
        customer.acked("first", "I only stand by.").await;
        let chat = seat.accept(&mut customer, "I only stand by.").await;
        Self::of(customer, seat, chat)
    }

    /// The same with a conversation that has already begun.
    pub(crate) fn of(customer: Customer, seat: Seat, chat: String) -> Self {
        Self { customer, seat, chat, turns: 0 }
    }

    /// Both send a message, and both receive it; the customer sees nothing else in between.
    pub(crate) async fn go_on(&mut self) {
        self.turns += 1;
        let (asked, told) =
            (format!("Question {}?", self.turns), format!("Answer {}.", self.turns));
        let ack = self.customer.acked(&format!("turn{}", self.turns), &asked).await;
        self.seat.hears(&asked).await;
        self.seat.say(&self.chat, &told).await;
        let entry = self.customer.until("entry").await;
        assert_eq!(entry["text"], told.as_str());
        assert_eq!(entry["seq"].as_u64(), ack["seq"].as_u64().map(|seq| seq + 1));
    }
}
