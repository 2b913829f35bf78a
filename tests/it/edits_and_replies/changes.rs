//! Whose messages may be changed, until when, and how a change is refused otherwise.

use serde_json::Value;

use super::{Served, edit, retract, told};
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::{CORRECT, about};
use couplet_kit::stanza::bare;

on_both_servers!(changes_by_the_customer, changes_by_the_agent, changes_by_a_colleague);

/// The code of a refusal that does not repeat the customer's text.
fn code(error: &Value) -> &str {
    assert_eq!(error["type"], "error", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(!message.is_empty() && !message.contains("secret"), "{error}");
    error["code"].as_str().unwrap()
}

async fn changes_by_the_customer(server: Server) {
    let mut on = Served::on(server).await;
    let refused = on.ann.does(edit("e1", "nothing", "secret")).await;
    assert_eq!(code(&refused), "conflict", "never sent");
    let morning = on.morning.clone();
    let refused = on.ann.does(retract("e2", &morning)).await;
    assert_eq!(code(&refused), "conflict", "an agent's message is not the customer's");
    let refused = on.ann.does(edit("e3", "m1", "  ")).await;
    assert_eq!(code(&refused), "bad_frame", "an edit needs a text");

    // Named by any of its ids, from any device; a resent command is executed once.
    let mut phone = on.ann.return_as(on.gateway.address, None).await;
    assert_eq!(phone.does(edit("e4", "m1", "Hello there")).await["seq"], 4);
    assert_eq!(told(&on.ann.until("entry").await), r#"4 edit target 1 "Hello there""#);
    assert_eq!(on.ann.does(edit("e5", "e4", "Hello all")).await["seq"], 5);
    assert_eq!(on.ann.does(edit("e5", "e4", "Hello all")).await["seq"], 5, "the same again");
    assert_eq!(on.ann.does(retract("e6", "m1")).await["seq"], 6);
    let refused = on.ann.does(edit("e7", "m1", "secret")).await;
    assert_eq!(code(&refused), "conflict", "not there any more");
    let refused = on.ann.does(retract("e8", "e5")).await;
    assert_eq!(code(&refused), "conflict", "nor by another of its names");
    for text in ["Hello there", "Hello all"] {
        assert_eq!(about(&on.alice.hears(text).await, "replace", CORRECT), Some(&*on.hello));
    }

    // Once the conversation is over, nothing in it changes any more.
    on.ann.acked("m2", "Bye").await;
    on.alice.say(&on.chat, "!close").await;
    on.ann.find(|frame| frame["state"] == "closed").await;
    let refused = on.ann.does(retract("e9", "m2")).await;
    assert_eq!(code(&refused), "not_open");
    on.ann.acked("n1", "Me again").await;
    let refused = on.ann.does(retract("e10", "m2")).await;
    assert_eq!(code(&refused), "conflict", "it is in another conversation");
    let read = on.ann.history(&on.conversation).await;
    let read: Vec<_> = read.iter().map(told).collect();
    assert_eq!(read[0], "1 message", "no text is left of it");
    assert_eq!(read[3..6], ["4 edit target 1", "5 edit target 1", "6 retract target 1"]);
    assert_eq!(read[6], r#"7 message "Bye""#);
    on.gateway.end().await;
}

async fn changes_by_the_agent(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    let not_taken_back = (
        "item-not-found".to_owned(),
        "Not deleted: that isn't a message of yours in this conversation.".to_owned(),
    );
    for said in [on.hello.clone(), "nothing".to_owned()] {
        let id = on.alice.takes_back(&said, &chat).await;
        assert_eq!(on.alice.error_for(&id).await, not_taken_back, "{said}");
    }
    // A correction that the agent may not make is delivered as a message: their text is not lost.
    let (hello, morning) = (on.hello.clone(), on.morning.clone());
    let id = on.alice.corrects(&hello, &chat, "How are you?").await;
    on.alice.receipt_for(&id).await;
    assert_eq!(told(&on.ann.until("entry").await), r#"4 message "How are you?""#);

    // Corrected, and corrected again; resent by the agent's client it is executed once.
    let first = on.alice.corrects(&morning, &chat, "Good evening").await;
    for _ in 0..2 {
        on.alice.corrects_as("second", &first, &chat, "Good evening.").await;
        on.alice.receipt_for("second").await;
    }
    let back = on.alice.takes_back(&morning, &chat).await;
    on.alice.receipt_for(&back).await;
    let id = on.alice.takes_back(&first, &chat).await;
    assert_eq!(on.alice.error_for(&id).await, not_taken_back, "not there any more");
    for wanted in [
        r#"5 edit target 3 "Good evening""#,
        r#"6 edit target 3 "Good evening.""#,
        "7 retract target 3",
    ] {
        assert_eq!(told(&on.ann.until("entry").await), wanted);
    }
    let read = on.read_anew().await;
    assert!(read.iter().all(|entry| entry["text"] != "Good evening."), "{read:?}");

    on.alice.say(&chat, "!close").await;
    on.ann.find(|frame| frame["state"] == "closed").await;
    for late in [
        on.alice.takes_back("second", &chat).await,
        on.alice.corrects(&id, &chat, "Too late").await,
    ] {
        let (condition, text) = on.alice.error_for(&late).await;
        assert_eq!(condition, "conflict");
        assert!(text.contains("closed"), "{text}");
    }
    on.gateway.end().await;
}

async fn changes_by_a_colleague(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut bob = plan.seat("bob").await;
    bob.show("dnd").await;
    let mut on = Served::by(plan).await;
    let (chat, morning) = (on.chat.clone(), on.morning.clone());
    bob.show("").await;
    on.gateway.until_status(&mut bob, "Bob: available").await;

    // Alice's server bounces a message: Bob has the customer now, and gets the history in its
    // latest version.
    on.alice.confirms = false;
    on.ann.does(edit("e1", "m1", "Hello there")).await;
    let last = on.alice.hears("Hello there").await.attr("id").unwrap().to_owned();
    on.alice.gives_back(&last, &chat).await;
    let first = bob.hears("Hello there").await;
    assert_eq!((bare(&first), first.attr("id")), (&*chat, Some(&*on.hello)));
    bob.hears("⚙ Alice: Good morning.").await;
    let id = bob.say(&chat, "Bob here.").await;
    bob.receipt_for(&id).await;

    // Bob may not change Alice's message, and Alice no longer has the customer.
    let id = bob.takes_back(&morning, &chat).await;
    assert_eq!(bob.error_for(&id).await.0, "item-not-found");
    let id = on.alice.corrects(&morning, &chat, "Good evening.").await;
    let taken = ("conflict".to_owned(), "Not sent: Bob is handling this conversation.".to_owned());
    assert_eq!(on.alice.error_for(&id).await, taken);
    let id = on.alice.takes_back(&morning, &chat).await;
    assert_eq!(on.alice.error_for(&id).await, taken);
    let read = on.read_anew().await;
    assert_eq!(told(&read[2]), r#"3 message "Good morning.""#);
    assert!(read.iter().skip(4).all(|entry| entry["target"].is_null()), "{read:?}");
    on.gateway.end().await;
}
