//! The customer's name and address as agents see them, whichever copy an edge has.

use super::stage::Stage;
use crate::chat::commands::AgentCommand;
use crate::chat::effect::{Contact, Effect, ToAgentContent};
use crate::chat::event::{CustomerConnection, CustomerEvent, Event, SignedIn};
use crate::chat::ids::{Localpart, NodeId};
use crate::chat::model::Customer;

impl Stage {
    /// From now on edges have this copy of a customer.
    fn copy_is(&mut self, customer: &Customer) {
        self.store.customers.insert(customer.id, customer.clone());
    }

    /// The names and addresses under which agents saw customers since the last call.
    fn shown(&mut self) -> Vec<(Option<String>, String)> {
        let told = self.left.drain(..).filter_map(|effect| match effect {
            Effect::Contact { contact: Contact::Shown { customer, .. }, .. } => {
                Some((customer.name.map(|name| name.to_string()), customer.localpart.to_string()))
            }
            Effect::Send(stanza) => match (stanza.content, stanza.from) {
                (
                    ToAgentContent::Row { name: Some(name), .. },
                    crate::chat::event::Peer::Customer(at),
                ) => Some((Some(name.to_string()), at.to_string())),
                _ => None,
            },
            _ => None,
        });
        let mut shown: Vec<_> = told.collect();
        shown.dedup();
        shown
    }
}

fn mia(at: &str) -> Vec<(Option<String>, String)> {
    vec![(Some("Mia Lee".to_owned()), at.to_owned())]
}

#[test]
fn a_copy_without_the_name_does_not_take_it_away() {
    let mut on = Stage::acme(&[("ann", 2)]);
    let nameless = on.customer("mia");
    let named = Customer { name: Some("Mia Lee".into()), ..nameless.clone() };
    on.connects("mia", true);
    on.copy_is(&named);
    on.starts("mia", "s1", "default");
    on.answers("ann", "mia", "Yes?");
    assert_eq!(on.shown(), mia("mia"));
    // Another tab, opened before the form was filled in: now, and in its node's report every ten
    // seconds.
    on.copy_is(&nameless);
    on.says("mia", "From the other tab");
    on.connects("mia", false);
    on.connects("mia", true);
    assert_eq!(on.shown(), mia("mia"));
    // A new term: the database has the name, the tab does not.
    on.copy_is(&named);
    on.crash();
    on.reconnects(&["ann"]);
    on.copy_is(&nameless);
    on.connects("mia", true);
    on.says("mia", "Still I");
    assert_eq!(on.shown(), mia("mia"));
}

#[test]
fn a_name_given_late_is_shown() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Yes?");
    on.shown();
    let named = Customer { name: Some("Mia Lee".into()), ..on.customer("mia") };
    on.copy_is(&named);
    on.says("mia", "I am Mia");
    assert_eq!(on.shown(), mia("mia"));
    // Their page gives another name when they return.
    let renamed = Customer { name: Some("Mia Wu".into()), ..named };
    on.copy_is(&renamed);
    on.connects("mia", true);
    assert_eq!(on.shown(), [(Some("Mia Wu".to_owned()), "mia".to_owned())]);
}

#[test]
fn an_address_says_the_name_where_no_agent_saw_another() {
    let mut on = Stage::acme(&[("ann", 2)]);
    let before = on.customer("mia");
    on.connects("mia", true);
    let at = Localpart::new("mia-lee-67kb").unwrap();
    let named = Customer { name: Some("Mia Lee".into()), localpart: at, ..before.clone() };
    on.copy_is(&named);
    on.starts("mia", "s1", "default");
    assert_eq!(on.shown(), mia("mia-lee-67kb"));
    on.answers("ann", "mia-lee-67kb", "Yes?");
    on.copy_is(&before);
    on.says("mia", "From a tab of before");
    on.answers("ann", "mia-lee-67kb", "I see.");
    assert!(!on.heard("ann").iter().any(|line| line.contains("refused")));
    assert_eq!(on.shown(), mia("mia-lee-67kb"));
    // The former address belongs to nobody.
    on.answers("ann", "mia", "Hello?");
    assert_eq!(on.heard("ann"), ["mia refused: NotFound"]);
}

#[test]
fn an_address_that_an_agent_saw_stays() {
    let mut on = Stage::acme(&[("ann", 2)]);
    let before = on.customer("mia");
    on.says("mia", "Hello");
    on.shown();
    let at = Localpart::new("mia-lee-67kb").unwrap();
    on.copy_is(&Customer { name: Some("Mia Lee".into()), localpart: at, ..before });
    on.says("mia", "I am Mia");
    assert_eq!(on.shown(), mia("mia"));
    on.answers("ann", "mia", "Yes?");
    on.so_far();
}

#[test]
fn the_agent_of_a_conversation_is_told_who_signed_in() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Yes?");
    on.so_far();
    let customer = Customer { name: Some("Mia Lee".into()), ..on.customer("mia") };
    let known_as = Some(Localpart::new("mia-lee-67kb").unwrap());
    let at_home = on.customer("homely");
    on.connects("homely", true);
    let home = Some(at_home.id);
    let signed_in = Some(SignedIn { known_as, conversations: 2, home });
    let node = NodeId(uuid::Uuid::from_u128(1));
    let connection =
        CustomerConnection { customer, node, online: true, opened: true, page: None, signed_in };
    on.event(Event::Customer(CustomerEvent::Connected(connection)));
    let told = on.heard("ann");
    assert!(
        told.iter().any(|line| line.contains("SignedIn") && line.contains("Mia Lee")),
        "{told:?}"
    );
    assert!(on.heard("bob").is_empty());
    assert_eq!(on.shown(), mia("mia"));
    // Another device of theirs, without an open conversation, is led here; now, and whenever one
    // opens.
    assert_eq!(on.heard("homely"), ["elsewhere"]);
    // The chat window is the same, in both directions.
    on.answers("ann", "mia", "Good to see you.");
    assert!(on.heard("mia").iter().any(|line| line.contains("Good to see you.")));
    on.ends("mia", "e1");
    on.orders("ann", "mia", AgentCommand::Reopen);
    assert_eq!(on.heard("homely"), ["elsewhere"]);
}
