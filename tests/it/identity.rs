//! A customer's identity as the agents see it: names, addresses, signing in.

use serde_json::{Value, json};

use crate::session::signed_as;
use crate::support::agent::{Agent, bare};
use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server, TENANT};

on_both_servers!(signing_in_during_a_chat, the_first_name_sets_the_address);

fn who(customer: &Customer) -> Value {
    customer.welcome["session"]["customer"].clone()
}

fn local(address: &str) -> &str {
    address.split('@').next().unwrap()
}

/// A chat with a customer whose name is known, from beginning to end; returns its address.
async fn chat_with_ann(gateway: &Gateway, alice: &Agent) -> (Customer, String) {
    let hello = json!({"identity": signed_as("ann", "Ann Lee")});
    let mut ann = Customer::greet(gateway.address, TENANT, hello).await;
    ann.acked("k1", "An order of mine").await;
    let address = bare(&alice.message_of("An order of mine").await).to_owned();
    alice.send(&address, "It is on its way.").await;
    ann.find(|frame| frame["text"] == "It is on its way.").await;
    alice.send(&address, "!close").await;
    ann.find(|frame| frame["state"] == "closed").await;
    (ann, address)
}

async fn signing_in_during_a_chat(server: Server) {
    let mut gateway = Gateway::start(server, Ground::Full, "").await;
    let alice = gateway.agent("alice").await;
    let (mut ann, known) = chat_with_ann(&gateway, &alice).await;
    assert!(local(&known).starts_with("ann-lee-"), "{known}");

    let mut tab = gateway.customer().await;
    let conversation = tab.acked("m1", "Nobody knows me").await["conversation"].clone();
    let chat = bare(&alice.message_of("Nobody knows me").await).to_owned();
    alice.send(&chat, "Hello.").await;
    tab.find(|frame| frame["text"] == "Hello.").await;
    let (token, anonymous) = (tab.token(), who(&tab));
    drop(tab);

    // The page signs the customer in: the chat continues for the customer …
    let hello = |subject: &str| {
        json!({
            "session": token, "identity": signed_as(subject, "Ann Lee"),
            "conversation": conversation, "last_seq": 0,
        })
    };
    let mut tab = Customer::greet(gateway.address, TENANT, hello("ann")).await;
    assert_eq!(tab.welcome["conversation"]["id"], conversation);
    assert_eq!((who(&tab), tab.caught_up().await.len()), (anonymous, 3));
    // … and for the agent, in the same window, who gets a notice of who it is.
    let told = alice.message_with("signed in as Ann Lee").await;
    assert_eq!(bare(&told), chat);
    assert!(told["body"].as_str().unwrap().contains(local(&known)), "{told}");
    alice.send(&chat, "Good to see you again.").await;
    tab.find(|frame| frame["text"] == "Good to see you again.").await;
    tab.acked("m2", "Likewise").await;
    assert_eq!(bare(&alice.message_of("Likewise").await), chat);

    // Another device of the customer leads to the same chat; another subject does not.
    let bye = ann.until("bye").await;
    assert_eq!(bye["reason"], "signed_in");
    let mut phone = ann.return_as(gateway.address, None).await;
    assert_eq!(phone.welcome["conversation"]["id"], conversation);
    phone.acked("p1", "From the phone").await;
    assert_eq!(bare(&alice.message_of("From the phone").await), chat);
    let bob = Customer::greet(gateway.address, TENANT, hello("bob")).await;
    assert_ne!(who(&bob), who(&tab));
    assert_eq!(bob.welcome["conversation"], Value::Null);

    // After the close the history is there, and an agent who writes again is answered.
    alice.send(&chat, "!close").await;
    tab.find(|frame| frame["state"] == "closed").await;
    let mut tab = Customer::greet(gateway.address, TENANT, hello("ann")).await;
    assert_eq!(tab.welcome["conversation"]["id"], conversation);
    assert!(tab.caught_up().await.len() >= 6);
    alice.send(&chat, "!reopen").await;
    tab.find(|frame| frame["state"] == "active").await;
    alice.send(&chat, "One more thing.").await;
    tab.find(|frame| frame["text"] == "One more thing.").await;
    alice.send(&chat, "!close").await;
    tab.find(|frame| frame["state"] == "closed").await;

    // Days later it is the same customer, who can still read it. Nobody writes while the clock is
    // moved.
    gateway.stop_first().await;
    for table in
        ["log SET at = at - 172800000", "conversations SET active_at = active_at - 172800000"]
    {
        gateway.db.tamper(&format!("UPDATE {table}")).await;
    }
    let node = gateway.node().await;
    let mut tab = Customer::greet(node.address, TENANT, hello("ann")).await;
    assert_eq!(who(&tab), who(&ann));
    assert!(tab.caught_up().await.len() >= 6);
    node.end().await;
    gateway.end().await;
}

async fn the_first_name_sets_the_address(server: Server) {
    let gateway = Gateway::start(server, Ground::Embedded, "").await;
    let alice = gateway.agent("alice").await;
    let mut tab = gateway.customer().await;
    let mut earlier = tab.return_as(gateway.address, None).await;
    tab.say(json!({"type": "start", "id": "s1", "answers": {"name": "Zoë Müller"}})).await;
    tab.find(|frame| frame["id"] == "s1").await;
    tab.acked("m1", "Hello").await;
    let offer = alice.message_of("Hello").await;
    let chat = bare(&offer).to_owned();
    assert!(local(&chat).starts_with("zoe-muller-"), "{chat}");
    // The tab opened before the form has the same name, from the same address.
    earlier.acked("m2", "From the other tab").await;
    let words = alice.message_of("From the other tab").await;
    assert_eq!((bare(&words), &words["nick"]), (&*chat, &json!("Zoë Müller")));
    alice.send(&chat, "Good morning.").await;
    earlier.find(|frame| frame["text"] == "Good morning.").await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_known_on_every_node() {
    let gateway = Gateway::start(Server::Prosody, Ground::Full, "").await;
    let alice = gateway.agent("alice").await;
    let node = gateway.node().await;
    let mut tab = gateway.customer().await;
    let mut earlier = tab.return_as(node.address, None).await;
    tab.say(json!({"type": "start", "id": "s1", "answers": {"name": "Ann Lee"}})).await;
    tab.find(|frame| frame["id"] == "s1").await;
    tab.acked("m1", "Hello").await;
    let chat = bare(&alice.message_of("Hello").await).to_owned();
    tab.say(json!({"type": "end", "id": "e1"})).await;
    tab.find(|frame| frame["state"] == "closed").await;
    drop(tab);
    // The other node was not told the name; it applies from its tab's next conversation.
    earlier.find(|frame| frame["state"] == "closed").await;
    crate::nodes::until_taken(&mut earlier, "m2", "One more thing").await;
    let words = alice.message_of("One more thing").await;
    assert_eq!((bare(&words), &words["nick"]), (&*chat, &json!("Ann Lee")));
    node.end().await;
    gateway.end().await;
}
