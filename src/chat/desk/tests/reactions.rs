//! Reactions: both sides react to what the other said; a refusing one declines an offer.

use super::stage::{Stage, jid};
use crate::chat::event::{AgentContent, Availability};
use crate::chat::model::State;
use crate::chat::row::RowKind;

/// Mia has written, Ann has answered.
fn served() -> Stage {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.is("bob", Availability::Away);
    on.says("mia", "Hi");
    on.answers("ann", "mia", "Good morning");
    on.so_far();
    on
}

/// An agent reacts to the customer's message with this text.
fn reacts(on: &mut Stage, agent: &str, id: &str, to: &str, emoji: &str) {
    let (row, emoji) = (Some(on.pos(to)), emoji.into());
    on.input(agent, "mia", id, AgentContent::React { row, emoji });
}

fn reactions(on: &Stage) -> usize {
    on.store.rows.iter().filter(|row| matches!(row.kind, RowKind::Reaction { .. })).count()
}

#[test]
fn the_agent_reads_a_customers_reaction_and_may_confirm_it() {
    let mut on = served();
    on.reacts("mia", "e1", 3, "👍");
    assert!(on.heard("mia").iter().any(|line| line == r#"4 customer "👍" at 3"#));
    let heard = on.heard("ann");
    assert_eq!(heard.len(), 1, "{heard:?}");
    // The same command again, and taken back.
    on.reacts("mia", "e1", 3, "👍");
    assert_eq!(reactions(&on), 1);
    on.reacts("mia", "e2", 3, "");
    assert_eq!(reactions(&on), 2);
}

#[test]
fn customers_react_to_messages_of_agents_only() {
    let mut on = served();
    for (id, target) in [("e1", 1), ("e2", 2), ("e3", 9)] {
        on.reacts("mia", id, target, "👍");
    }
    assert_eq!(reactions(&on), 0);
    assert!(on.heard("ann").is_empty());
    on.takes_back("ann", "mia", "t1", "Good morning");
    on.so_far();
    on.crash();
    on.reconnects(&["ann"]);
    on.reacts("mia", "e5", 3, "👍");
    assert_eq!(reactions(&on), 0, "to a deleted message");
    on.ends("mia", "end");
    on.reacts("mia", "e6", 3, "👍");
    assert_eq!(reactions(&on), 0, "after the end");
}

#[test]
fn the_customer_reads_an_agents_reaction_once() {
    for restarted in [false, true] {
        let mut on = served();
        if restarted {
            on.crash();
            on.reconnects(&["ann"]);
            on.so_far();
        }
        reacts(&mut on, "ann", "a1", "Hi", "🎉");
        assert_eq!(on.heard("mia"), [r#"4 Ann "🎉" at 1"#], "restarted: {restarted}");
        assert_eq!(on.heard("ann"), [r#"mia received "a1""#]);
        if restarted {
            on.crash();
            on.reconnects(&["ann"]);
            on.so_far();
        }
        reacts(&mut on, "ann", "a1", "Hi", "🎉");
        assert!(on.heard("mia").is_empty(), "sent again by the client");
        assert_eq!(on.heard("ann"), [r#"mia received "a1""#]);
        reacts(&mut on, "ann", "a2", "Hi", "");
        assert_eq!(on.heard("mia"), [r#"5 Ann "" at 1"#]);
    }
}

#[test]
fn an_agent_reacts_to_the_customers_words_and_nothing_else() {
    let mut on = served();
    let head = on.desk.head();
    reacts(&mut on, "ann", "a1", "Good morning", "👍");
    let content = AgentContent::React { row: None, emoji: "👍".into() };
    on.input("ann", "mia", "a2", content);
    let heard = on.heard("ann");
    assert!(heard.iter().all(|line| line.contains("only the customer's messages")), "{heard:?}");
    assert_eq!(heard.len(), 2);
    reacts(&mut on, "bob", "a3", "Hi", "👍");
    assert!(on.heard("bob")[0].starts_with("mia refused: "), "not theirs");
    assert!(on.heard("mia").is_empty());
    assert_eq!(on.desk.head(), head);
}

#[test]
fn the_last_message_can_still_be_undone() {
    let mut on = served();
    reacts(&mut on, "ann", "a1", "Hi", "🎉");
    on.so_far();
    on.orders_as("ann", "mia", "u1", crate::chat::commands::AgentCommand::Undo);
    assert_eq!(on.heard("mia"), ["5 Ann takes back 3"]);
}

#[test]
fn a_refusing_reaction_declines_an_offer() {
    for emoji in ["👎", "👎🏽", "❌", "✖", "✖\u{fe0f}"] {
        let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
        on.is("bob", Availability::Away);
        on.says("mia", "Hi");
        on.so_far();
        reacts(&mut on, "ann", "a1", "Hi", "👍");
        assert!(on.heard("ann")[0].contains("isn't yours yet"), "a friendly one accepts nothing");
        on.is("bob", Availability::Free);
        on.so_far();
        reacts(&mut on, "ann", "a2", "Hi", emoji);
        let view = on.store.views.values().next().unwrap().clone();
        let asked =
            matches!(&view.state, State::Offered { agents, .. } if agents.contains(&jid("bob")));
        assert!(asked, "{emoji}: {:?}", view.state);
        assert!(on.heard("mia").iter().all(|line| !line.contains("Ann")));
        on.so_far();
        // Sent again by the client.
        reacts(&mut on, "ann", "a2", "Hi", emoji);
        assert_eq!(on.heard("ann"), [r#"mia received "a2""#]);
    }
}
