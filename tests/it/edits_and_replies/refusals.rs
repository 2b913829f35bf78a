//! What an agent sends and the customer cannot receive: refused with an error that contains the
//! text, and with a notice.

use super::Served;
use crate::support::gateway::Server;
use crate::support::seat::spoken;
use couplet_kit::stanza::body;

on_both_servers!(a_refusal_is_seen, commands_never_reach_the_customer, calls_are_declined);

async fn a_refusal_is_seen(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    let closed = on.alice.say(&chat, "！close Thank you!").await;
    on.ann.entry(|entry| entry["text"] == "Thank you!").await;
    on.ann.find(|frame| frame["state"] == "closed").await;
    on.alice.receipt_for(&closed).await;
    let late = on.alice.say(&chat, "Your refund is on its way.").await;
    let error = on.alice.find("an error", |el| el.attr("id") == Some(&*late)).await;
    assert_eq!(error.attr("type"), Some("error"));
    // Another client of the agent may find the error in the archive, and must not take its text for
    // a message of the customer.
    let returned = "⚙ Not sent: Your refund is on its way.";
    assert_eq!(body(&error).as_deref(), Some(returned), "with its text, marked");
    assert!(
        error.has_child("no-store", "urn:xmpp:hints"),
        "kept out of archives that honour hints"
    );
    let said = "⚙ Not sent: this conversation is closed. Type !reopen to start a new one.";
    let first = on.alice.hears(said).await;
    assert_eq!(spoken(&first).as_deref(), Some(said));
    // Dino treats two messages with the same text and no id as one.
    on.alice.say(&chat, "Is it?").await;
    let second = on.alice.hears(said).await;
    let ids = [first.attr("id"), second.attr("id")];
    assert!(ids[0].is_some() && ids[0] != ids[1], "{ids:?}");
    on.gateway.end().await;
}

async fn commands_never_reach_the_customer(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    let asked = on.alice.say(&chat, "!ask Which size? | A5 | A4").await;
    on.alice.receipt_for(&asked).await;
    on.ann.entry(|entry| entry["text"] == "Which size?").await;
    for words in ["!ask Which size? | A5", "Which size do you want?"] {
        let id = on.alice.corrects(&asked, &chat, words).await;
        assert_eq!(on.alice.error_for(&id).await.0, "not-acceptable", "{words}");
    }
    for words in ["! clsoe", "!who are you?", "!reopen", "!form Only a title"] {
        let id = on.alice.say(&chat, words).await;
        on.alice.error_for(&id).await;
    }
    let id = on.alice.say(&chat, "> ⚙ email: ann@example.org\nThanks").await;
    on.alice.receipt_for(&id).await;
    assert_eq!(on.ann.until("entry").await["text"], "Thanks", "and nothing before it");
    on.gateway.end().await;
}

async fn calls_are_declined(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    on.alice
        .write(&format!(
            "<message to='{chat}/web' type='chat' id='call1'><propose xmlns='urn:xmpp:jingle-message:0' id='c1'>\
             <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>"
        ))
        .await;
    let declined = on
        .alice
        .find("a refusal of the call", |el| el.has_child("reject", "urn:xmpp:jingle-message:0"))
        .await;
    let reject = declined.get_child("reject", "urn:xmpp:jingle-message:0").unwrap();
    assert_eq!(reject.attr("id"), Some("c1"));
    on.alice.hears("⚙ Not sent: customers can't take calls. Please write to them.").await;
    on.alice
        .write(&format!(
            "<message to='{chat}' id='i1'><body>Come to the room</body>\
             <x xmlns='jabber:x:conference' jid='room@muc.example.org'/></message>"
        ))
        .await;
    on.alice.hears("⚙ Not sent: customers can't join group chats.").await;
    // A file that is only announced is confirmed, so that the client does not resend it.
    on.alice
        .write(&format!(
            "<message to='{chat}' type='chat' id='f1'><file-sharing xmlns='urn:xmpp:sfs:0'/>\
             <request xmlns='urn:xmpp:receipts'/></message>"
        ))
        .await;
    on.alice.receipt_for("f1").await;
    let id = on.alice.say(&chat, "Ready?").await;
    on.alice.receipt_for(&id).await;
    assert_eq!(on.ann.until("entry").await["text"], "Ready?", "and nothing before it");
    on.gateway.end().await;
}
