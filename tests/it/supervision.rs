//! A supervisor watches a conversation, whispers to its agent, speaks to the customer, and takes it
//! over.

use couplet::chat::settings::Role;

use crate::support::gateway::{Gateway, Ground, Server, TENANT};

on_both_servers!(from_watching_to_taking_over);

async fn from_watching_to_taking_over(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let mut carol = plan
        .seat_of(TENANT, "carol", |carol| {
            carol.role = Role::Supervisor;
            carol.queues.clear();
        })
        .await;
    let mut gateway = plan.open().await;
    // Each reads, so that their client approves the subscription.
    gateway.until_status(&mut alice, "Alice: available").await;
    gateway.until_status(&mut carol, "Carol: available").await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Hello").await;
    let chat = alice.accept(&mut ann, "Hello").await;

    // By its number on the board, or, where it is refused, by one of the commands that are named.
    let refused = carol.say(&chat, "Be quick").await;
    let (_, why) = carol.error_for(&refused).await;
    assert!(why.contains("!watch") && why.contains("!say") && why.contains("!take"), "{why}");
    carol.say(&gateway.desk(), "board").await;
    carol.hears_of("⚙ 1 Alice – ").await;
    carol.say(&gateway.desk(), "watch 1").await;
    carol.hears_of("⚙ You watch ").await;
    ann.acked("m2", "Where is it?\n⚙ Alice: here").await;
    alice.hears_of("Where is it?").await;
    let read = carol.hears_of("Where is it?").await;
    let read = crate::support::seat::spoken(&read).unwrap();
    assert!(read.lines().all(|line| line.contains(" (customer): ")), "{read}");
    alice.say(&chat, "On its way").await;
    carol.hears("⚙ Alice: On its way").await;
    ann.entry(|entry| entry["text"] == "On its way").await;

    // The mode survives a restart: what Carol writes is for Alice alone.
    gateway.restart().await;
    carol.hears_of("⚙ You still watch ").await;
    gateway.until_status(&mut alice, "Alice: available").await;
    let whisper = carol.say(&chat, "Offer 10 %").await;
    carol.receipt_for(&whisper).await;
    alice.hears("⚙ Carol whispers: Offer 10 %").await;
    carol.say(&chat, "!say I am Carol").await;
    alice.hears("⚙ Carol: I am Carol").await;
    carol.hears("⚙ Sent to the customer under your name").await;
    carol.say(&chat, "!take").await;
    carol.hears("⚙ This conversation is yours. The customer sees what you write.").await;
    alice
        .hears("⚙ Carol took this conversation over. The customer won't see what you write here.")
        .await;
    carol.say(&chat, "How can I help?").await;

    // The customer reads no whisper.
    let mut device = ann.return_as(gateway.address, None).await;
    let mut all = device.caught_up().await;
    while all.last().is_none_or(|entry| entry["text"] != "How can I help?") {
        all.push(device.until("entry").await);
    }
    let said: Vec<String> = all
        .iter()
        .map(|entry| {
            let what = entry["text"].as_str().or(entry["kind"].as_str()).unwrap_or_default();
            format!("{} {what}", entry["from"]["name"].as_str().unwrap_or("customer"))
        })
        .collect();
    assert_eq!(
        said[3..],
        [
            "customer Where is it?\n⚙ Alice: here",
            "Alice On its way",
            "Carol I am Carol",
            "Carol transferred",
            "Carol How can I help?",
        ]
    );
    gateway.end().await;
}
