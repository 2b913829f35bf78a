//! Everything besides plain messages: edits, retractions, replies, questions, ratings, and messages
//! left while no agent is online. Run on Prosody and ejabberd.

use serde_json::{Value, json};

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Plan, Server};
use crate::support::seat::Seat;
use couplet_kit::stanza::bare;

mod changes;
mod clients;
mod faults;
mod left;
mod questions;
mod rating;
mod refusals;
mod wall;

/// A customer and an agent in conversation, whose entries are: "Hello" (1, the command `m1`),
/// joined (2), "Good morning." (3).
struct Served {
    gateway: Gateway,
    ann: Customer,
    alice: Seat,
    chat: String,
    conversation: String,
    /// The id of "Hello" on the agent's side.
    hello: String,
    morning: String,
}

impl Served {
    async fn on(server: Server) -> Self {
        // The test writes faster than a person does.
        let limits = "[limits]\nmessage_burst = 200\n";
        Self::by(Gateway::plan(server, Ground::Embedded, limits).await).await
    }

    async fn by(plan: Plan) -> Self {
        let mut alice = plan.seat("alice").await;
        let gateway = plan.open().await;
        let mut ann = gateway.customer().await;
        let (conversation, chat, hello, morning) = greeted(&mut ann, &mut alice).await;
        Self { gateway, ann, alice, chat, conversation, hello, morning }
    }

    /// The customer's socket breaks; they reconnect having seen everything up to `last`.
    async fn comes_back(&mut self, last: u64) {
        let seen = Some((self.conversation.as_str(), last));
        self.ann = self.ann.return_as(self.gateway.address, seen).await;
    }

    /// All entries, as another device of the customer's loads them.
    async fn read_anew(&self) -> Vec<Value> {
        let mut device = self.ann.return_as(self.gateway.address, None).await;
        device.caught_up().await
    }
}

/// Both greet each other; returns the conversation, the customer's address, and the ids of the two
/// messages.
async fn greeted(ann: &mut Customer, alice: &mut Seat) -> (String, String, String, String) {
    let ack = ann.insisted("m1", "Hello").await;
    let conversation = ack["conversation"].as_str().unwrap().to_owned();
    let offer = alice.hears("Hello").await;
    let (chat, hello) = (bare(&offer).to_owned(), offer.attr("id").unwrap().to_owned());
    let morning = alice.say(&chat, "Good morning.").await;
    alice.receipt_for(&morning).await;
    ann.entry(|entry| entry["text"] == "Good morning.").await;
    (conversation, chat, hello, morning)
}

fn edit(id: &str, target: &str, text: &str) -> Value {
    json!({"type": "edit", "id": id, "target": target, "text": text})
}

fn retract(id: &str, target: &str) -> Value {
    json!({"type": "retract", "id": id, "target": target})
}

fn reply(id: &str, to: u64, text: &str) -> Value {
    json!({"type": "message", "id": id, "reply_to": to, "text": text})
}

/// An entry in short form, on one line.
fn told(entry: &Value) -> String {
    let of = |field: &str| match &entry[field] {
        Value::Null => String::new(),
        value => format!(" {field} {value}"),
    };
    let text = entry["text"].as_str().map(|text| format!(" {text:?}")).unwrap_or_default();
    let kind = entry["kind"].as_str().unwrap();
    format!("{} {kind}{}{}{text}", entry["seq"], of("target"), of("reply_to"))
}
