//! What is said besides plain words: edits, retractions, replies, questions, ratings, and messages
//! that are left while nobody is in. Held by Prosody and ejabberd.

use serde_json::{Value, json};

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Plan, Server};
use crate::support::seat::{Seat, bare};

mod changes;
mod clients;
mod faults;
mod left;
mod questions;
mod rating;
mod refusals;
mod wall;

/// A customer and an agent in conversation: "Hello" (1, the command `m1`), joined (2), "Good
/// morning." (3).
struct Served {
    gateway: Gateway,
    ann: Customer,
    alice: Seat,
    /// The customer's address.
    chat: String,
    conversation: String,
    /// The id of "Hello", as the agent knows it.
    hello: String,
    /// The id of "Good morning."
    morning: String,
}

impl Served {
    async fn on(server: Server) -> Self {
        // A test tries more at once than a person does.
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

    /// The customer's socket breaks; he comes back and has seen everything up to here.
    async fn comes_back(&mut self, last: u64) {
        let seen = Some((self.conversation.as_str(), last));
        self.ann = self.ann.return_as(self.gateway.address, seen).await;
    }

    /// Everything that was said, as a device of the customer's reads it that was never here.
    async fn read_anew(&self) -> Vec<Value> {
        let mut device = self.ann.return_as(self.gateway.address, None).await;
        device.caught_up().await
    }
}

/// They greet each other: the conversation, the customer's address, the ids of their words.
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

/// What an entry says of itself, on one line.
fn told(entry: &Value) -> String {
    let of = |field: &str| match &entry[field] {
        Value::Null => String::new(),
        value => format!(" {field} {value}"),
    };
    let text = entry["text"].as_str().map(|text| format!(" {text:?}")).unwrap_or_default();
    let kind = entry["kind"].as_str().unwrap();
    format!("{} {kind}{}{}{text}", entry["seq"], of("target"), of("reply_to"))
}
