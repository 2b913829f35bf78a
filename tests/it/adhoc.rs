//! Commands through forms (XEP-0050), as clients give them, on real servers.

use couplet_kit::stanza::bare;
use xmpp_parsers::minidom::Element;

use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::Seat;

in_each_case!(a_supervisors_and_an_agents_way_through {
    prosody(Server::Prosody),
    plain_prosody(Server::PlainProsody),
    ejabberd(Server::Ejabberd),
});

const COMMANDS: &str = "http://jabber.org/protocol/commands";

/// Gives a command, or a step of it.
async fn command(seat: &mut Seat, to: &str, attributes: &str, fields: &[(&str, &str)]) -> Element {
    let id = seat.fresh();
    let fields = fields
        .iter()
        .map(|(var, value)| format!("<field var='{var}'><value>{value}</value></field>"));
    let fields = fields.collect::<String>();
    let form = if fields.is_empty() {
        String::new()
    } else {
        format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
    };
    seat.write(&format!(
        "<iq type='set' id='{id}' to='{to}'>\
         <command xmlns='{COMMANDS}' {attributes}>{form}</command></iq>"
    ))
    .await;
    seat.find("a reply", |el| el.name() == "iq" && el.attr("id") == Some(&id)).await
}

async fn nodes(seat: &mut Seat, to: &str) -> Vec<String> {
    let query =
        format!("<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>");
    let reply = seat.ask(to, &query).await;
    assert_eq!(reply.attr("from"), Some(to), "{}", String::from(&reply));
    let items = reply.children().next().unwrap().children();
    items.filter_map(|item| item.attr("node").map(str::to_owned)).collect()
}

fn stage(reply: &Element) -> &Element {
    let found = reply.get_child("command", COMMANDS);
    found.unwrap_or_else(|| panic!("{}", String::from(reply)))
}

fn note(reply: &Element) -> String {
    let command = stage(reply);
    assert_eq!(command.attr("status"), Some("completed"));
    command.get_child("note", COMMANDS).unwrap().text()
}

async fn a_supervisors_and_an_agents_way_through(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let mut bob = Seat::login(&plan.xmpp, &plan.account("bob")).await;
    plan.employ(&bob.jid, "bob").await;
    let mut mallory = plan.stranger("mallory").await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    alice.show("").await;
    ann.acked("m1", "Do they lie flat?").await;
    let chat = bare(&alice.hears("Do they lie flat?").await).to_owned();
    alice.say(&chat, "They do.").await;
    ann.entry(|entry| entry["text"] == "They do.").await;
    bob.show("").await;
    gateway.until_status(&mut bob, "Bob: available").await;

    // The list, at each address, bare and with a resource. The bare domain is asked too: servers
    // have swallowed queries to it.
    let (desk, domain) = (gateway.desk(), gateway.domain.to_string());
    let of_chat = nodes(&mut alice, &chat).await;
    assert!(of_chat.contains(&"transfer".to_owned()), "{of_chat:?}");
    assert_eq!(nodes(&mut alice, &format!("{chat}/web")).await, of_chat);
    assert!(nodes(&mut alice, &desk).await.contains(&"status".to_owned()));
    assert!(nodes(&mut alice, &domain).await.contains(&"close".to_owned()));
    for to in [&chat, &desk, &domain] {
        let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        let info = String::from(&alice.ask(to, info).await);
        assert!(info.contains(COMMANDS), "{to}: {info}");
        let refused = command(&mut mallory, to, "node='status' action='execute'", &[]).await;
        assert!(String::from(&refused).contains("item-not-found"), "{to}");
    }

    // Handed over by a form; the same command as in the chat.
    let form = command(&mut alice, &chat, "node='transfer' action='execute'", &[]).await;
    let session = stage(&form).attr("sessionid").unwrap().to_owned();
    assert_eq!(stage(&form).attr("status"), Some("executing"));
    let step = format!("node='transfer' sessionid='{session}' action='complete'");
    let filled = [("how", "ask"), ("to", "Bob"), ("note", "the invoice is 1042")];
    let asked = command(&mut alice, &chat, &step, &filled).await;
    assert!(note(&asked).starts_with("Asked Bob."), "{}", note(&asked));
    bob.hears_of("“the invoice is 1042”").await;
    let declined = command(&mut bob, &chat, "node='no' action='execute'", &[]).await;
    let session = stage(&declined).attr("sessionid").unwrap().to_owned();
    let step = format!("node='no' sessionid='{session}'");
    let declined = command(&mut bob, &chat, &step, &[("reason", "lunch")]).await;
    assert_eq!(note(&declined), "no: done");
    alice.hears_of("declined: “lunch”").await;
    let over = command(&mut bob, &chat, &step, &[("reason", "lunch")]).await;
    assert!(String::from(&over).contains("bad-sessionid"));

    // What a customer wrote comes as a message of the desk.
    let who = command(&mut alice, &chat, "node='who' action='execute'", &[]).await;
    assert_eq!(note(&who), format!("The answer is in the chat with {desk}."));
    let told = alice.hears_of(", open for").await;
    assert_eq!(bare(&told), desk);

    // On the domain the form asks whom it is about.
    let form = command(&mut alice, &domain, "node='close' action='execute'", &[]).await;
    let session = stage(&form).attr("sessionid").unwrap().to_owned();
    let step = format!("node='close' sessionid='{session}' action='next'");
    let localpart = chat.split('@').next().unwrap();
    let filled = [("customer", localpart), ("words", "Good bye.")];
    let closed = command(&mut alice, &domain, &step, &filled).await;
    assert_eq!(note(&closed), "close: done");
    ann.entry(|entry| entry["text"] == "Good bye.").await;
    ann.entry(|entry| entry["kind"] == "closed").await;
    gateway.end().await;
}
