//! Plays of what agents write about a customer: notes, tags, the priority, and what they ask.

use super::stage::{MINUTE, SECOND, Stage, agent, queue, supervisor, tenant};
use crate::chat::commands::AgentCommand::{
    self, Ask, CloseSaying, History, Note, Priority, Summary, Tag, Who, Why,
};
use crate::chat::event::Availability::{Away, Busy, Free, Gone};
use crate::chat::event::{AgentContent, CustomerAction};
use crate::chat::ids::Pos;
use crate::chat::row::{QuestionKind, RowKind};
use crate::chat::settings::Strategy;

fn note(text: &str) -> AgentCommand {
    Note { text: text.into() }
}

fn tag(names: &str) -> AgentCommand {
    Tag { names: names.into() }
}

fn rank(word: &str) -> AgentCommand {
    Priority { word: word.into() }
}

/// Gives a command as the correction of an earlier stanza.
fn corrects(on: &mut Stage, agent: &str, id: &str, target: &str, command: AgentCommand) {
    let content =
        AgentContent::Command { command, said: "!".into(), corrects: Some(target.into()) };
    on.input(agent, "mia", id, content);
}

/// Mia is served by Ann; Bob is busy, Cat supervises.
fn served() -> Stage {
    let agents =
        vec![agent("ann", 2, &["default"]), agent("bob", 2, &["default"]), supervisor("cat")];
    let mut on =
        Stage::new(vec![tenant("acme", vec![queue("default", Strategy::LeastLoaded)], agents)]);
    on.is("ann", Free);
    on.is("bob", Busy);
    on.is("cat", Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on
}

/// The texts of all notes in the store.
fn notes(on: &Stage) -> Vec<String> {
    let view = on.store.views.keys().next().copied().unwrap();
    let text = |kind: &RowKind| match kind {
        RowKind::Note { text } => Some(text.to_string()),
        _ => None,
    };
    on.store.messages(view).filter_map(|row| text(&row.kind)).collect()
}

#[test]
fn a_note_is_for_agents_and_comes_with_the_conversation() {
    let mut on = served();
    on.orders_as("ann", "mia", "n1", note("Wants a refund"));
    assert_eq!(on.heard("mia"), [""; 0]);
    let heard = on.heard("ann");
    assert!(heard.len() == 1 && heard[0].contains("Note saved"), "{heard:?}");
    // A supervisor adds one; Ann reads it at once, and not her own.
    on.orders_as("cat", "mia", "n2", note("Refunds up to 50 are fine"));
    assert_eq!(on.heard("ann"), [r#"mia note by Cat: "Refunds up to 50 are fine""#]);
    // The desk dies, Ann leaves; Bob gets it with both, in their place.
    on.crash();
    on.reconnects(&["bob"]);
    on.pass(31 * SECOND);
    let heard = on.heard("bob");
    let backlog = heard.iter().find(|line| line.contains("so far")).expect("the messages");
    assert_eq!(
        backlog,
        "mia so far: customer \"Hello\", Ann \"Hi\", note by Ann: \"Wants a refund\", \
         note by Cat: \"Refunds up to 50 are fine\""
    );
    assert!(!on.heard("mia").iter().any(|line| line.contains("efund")));
}

#[test]
fn who_is_asked_again_gets_the_notes_since_then() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.is("bob", Busy);
    on.says("mia", "Hello");
    on.pass(31 * SECOND);
    on.is("bob", Free);
    on.pass(SECOND);
    on.so_far();
    // Ann let it pass, and is still online; Bob is asked now and writes a note.
    on.orders("bob", "mia", note("It is about order 7"));
    on.pass(31 * SECOND);
    on.pass(11 * MINUTE);
    let heard = on.heard("ann");
    let told = heard.iter().any(|line| line.contains(r#"note by Bob: "It is about order 7""#));
    assert!(told, "{heard:?}");
}

#[test]
fn a_note_is_corrected_as_a_note_and_never_reaches_the_customer() {
    for restarted in [false, true] {
        let mut on = served();
        on.orders_as("ann", "mia", "n1", note("Wants a refnd"));
        on.orders_as("cat", "mia", "n2", note("Ok"));
        if restarted {
            on.crash();
            on.reconnects(&["ann", "bob", "cat"]);
            // Longer than repeats are remembered.
            on.says("mia", "Still here");
            on.pass(20 * MINUTE);
        }
        on.so_far();
        corrects(&mut on, "ann", "n3", "n1", note("Wants a refund"));
        assert_eq!(notes(&on), ["Wants a refund", "Ok"], "restarted: {restarted}");
        corrects(&mut on, "cat", "n4", "n2", note("Fine"));
        let heard = on.heard("ann");
        assert!(heard.contains(&r#"mia note by Cat is now: "Fine""#.to_owned()), "{heard:?}");
        // Nobody corrects another's note: it becomes one of their own.
        corrects(&mut on, "cat", "n5", "n1", note("Not mine"));
        assert_eq!(notes(&on), ["Wants a refund", "Fine", "Not mine"]);
        on.so_far();
        // Without the command, it is refused, however often it is tried.
        for text in ["Wants money", "Wants money!", "Wants money!!"] {
            on.corrects("ann", "mia", "n1", text);
            assert_eq!(on.heard("ann"), ["mia refused: Carried"], "restarted: {restarted}");
        }
        corrects(&mut on, "ann", "n6", "n1", tag("refund"));
        assert_eq!(on.heard("ann"), ["mia refused: Carried"]);
        // A note can be deleted as a message can.
        on.takes_back("ann", "mia", "t1", "n1");
        assert_eq!(notes(&on), ["", "Fine", "Not mine"]);
        assert_eq!(on.heard("mia"), [""; 0], "restarted: {restarted}");
    }
}

#[test]
fn a_note_that_comes_twice_is_stored_once() {
    let mut on = served();
    on.orders_as("ann", "mia", "n1", note("Once"));
    on.orders_as("ann", "mia", "n1", note("Once"));
    on.crash();
    on.reconnects(&["ann", "bob", "cat"]);
    on.so_far();
    on.orders_as("ann", "mia", "n1", note("Once"));
    assert!(on.heard("ann")[0].contains("Note saved"));
    assert_eq!(notes(&on), ["Once"]);
    // One that is not stored yet can be corrected.
    on.holds_back = true;
    on.orders_as("ann", "mia", "n2", note("Two"));
    corrects(&mut on, "ann", "n3", "n2", note("Three"));
    on.store_all();
    on.holds_back = false;
    assert_eq!(notes(&on), ["Once", "Three"]);
}

#[test]
fn who_has_nothing_to_do_with_a_customer_writes_no_note() {
    let mut on = served();
    on.orders("bob", "mia", note("Hm"));
    assert_eq!(on.heard("bob"), ["mia refused: NotFound"]);
    on.ends("mia", "e1");
    on.so_far();
    on.orders("ann", "mia", note("Too late"));
    assert_eq!(on.heard("ann"), ["mia refused: Closed"]);
    assert_eq!(notes(&on), [""; 0]);
}

#[test]
fn tags_exist_or_are_refused_and_survive() {
    let mut on = served();
    on.orders_as("ann", "mia", "t1", tag("#Refund, invoice"));
    let heard = on.heard("ann");
    assert!(heard[0].contains(r#"Tags { tags: ["refund", "invoice"]"#), "{heard:?}");
    for wrong in ["nosuch", "refund nosuch", "a⚙", "-nosuch"] {
        on.orders("ann", "mia", tag(wrong));
        let heard = on.heard("ann");
        assert!(heard[0].contains("Not tagged"), "{heard:?}");
    }
    on.crash();
    on.reconnects(&["ann", "bob", "cat"]);
    on.so_far();
    // Its client sends it again: nothing changes.
    on.orders_as("ann", "mia", "t1", tag("#Refund, invoice"));
    assert!(on.heard("ann")[0].contains("Done"));
    on.orders("ann", "mia", tag("-refund"));
    assert!(on.heard("ann")[0].contains(r#"tags: ["invoice"]"#));
    on.orders("ann", "mia", tag(""));
    assert!(on.heard("ann")[0].contains(r#"tags: ["invoice"]"#), "listed");
    let tagged = on.store.rows.iter().filter(|row| matches!(row.kind, RowKind::Tagged { .. }));
    assert_eq!(tagged.count(), 2, "one row for each change");
    assert_eq!(on.heard("mia"), [""; 0]);
    on.orders("bob", "mia", tag("refund"));
    assert_eq!(on.heard("bob"), ["mia refused: NotFound"]);
}

#[test]
fn where_tags_are_open_any_word_is_one() {
    let mut on = served();
    on.store.settings[0].tags.open = true;
    let settings = on.store.settings.clone();
    on.event(crate::chat::event::Event::Settings(settings));
    on.orders("ann", "mia", tag("brandnew"));
    assert!(on.heard("ann")[0].contains(r#"tags: ["brandnew"]"#));
    let many = (0..17).map(|n| format!("t{n}")).collect::<Vec<_>>().join(" ");
    on.orders("ann", "mia", tag(&many));
    assert!(on.heard("ann")[0].contains("at most 16"));
}

#[test]
fn a_close_can_tag() {
    let close = |words: &str| CloseSaying { words: words.into() };
    let mut on = served();
    on.orders("ann", "mia", close("#nosuch Bye"));
    assert!(on.heard("ann")[0].contains("Not tagged"));
    assert_eq!(on.heard("mia"), [""; 0], "nothing was done");
    on.orders("cat", "mia", close("#refund Bye"));
    assert_eq!(on.heard("cat"), ["mia refused: taken by Ann"], "only who has it speaks");
    on.orders_as("ann", "mia", "c1", close("#refund #invoice Bye"));
    let told = on.heard("mia");
    assert_eq!(told[..2], [r#"4 Ann "Bye""#, "5 closed: Agent"], "{told:?}");
    let view = on.store.views.values().next().unwrap();
    assert_eq!(view.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["refund", "invoice"]);
    on.so_far();
    on.orders_as("ann", "mia", "c1", close("#refund #invoice Bye"));
    assert_eq!(on.heard("mia"), [""; 0], "a repeat");
    // An offer that nobody answered is not closed without a word.
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "Hello");
    on.so_far();
    on.orders("ann", "mia", close("#refund"));
    assert_eq!(on.heard("ann"), ["mia refused: NotTaken"]);
    on.orders("ann", "mia", close("#refund We are closed."));
    assert!(on.heard("mia").contains(&"closed: Agent".to_owned()));
}

#[test]
fn the_priority_moves_the_place_at_once_and_outlives_the_desk() {
    let agents = vec![agent("ann", 1, &["default"]), supervisor("cat")];
    let mut on =
        Stage::new(vec![tenant("acme", vec![queue("default", Strategy::LeastLoaded)], agents)]);
    on.is("ann", Busy);
    on.is("cat", Free);
    for name in ["noa", "oli", "mia"] {
        on.says(name, "Hello");
        on.connects(name, true);
    }
    on.pass(2 * SECOND);
    on.so_far();
    on.orders("cat", "mia", rank("Urgent"));
    assert!(on.heard("cat")[0].contains("urgent"));
    on.pass(2 * SECOND);
    assert_eq!(on.heard("mia"), ["waiting 1"]);
    assert_eq!(on.heard("noa"), ["waiting 2"]);
    on.so_far();
    on.orders("cat", "noa", rank("low"));
    on.pass(2 * SECOND);
    assert_eq!(
        (on.heard("oli"), on.heard("noa")),
        (vec!["waiting 2".into()], vec!["waiting 3".into()])
    );
    on.orders("cat", "mia", rank("asap"));
    assert!(on.heard("cat").iter().any(|line| line.contains("Usage")));
    on.crash();
    on.reconnects(&["ann"]);
    let heard = on.heard("ann");
    assert!(heard[0].starts_with("mia waits"), "the urgent one is asked about first: {heard:?}");
}

#[test]
fn why_names_the_reason_of_each_agent() {
    let agents = ["ann", "bob", "dan", "eve", "fay"].map(|name| agent(name, 1, &["default"]));
    let mut agents = agents.to_vec();
    agents.push(agent("gus", 1, &["sales"]));
    agents.push(supervisor("cat"));
    let queues = vec![queue("default", Strategy::LeastLoaded), queue("sales", Strategy::RingAll)];
    let mut on = Stage::new(vec![tenant("acme", queues, agents)]);
    on.is("cat", Free);
    on.is("ann", Free);
    on.says("oli", "Hello");
    on.answers("ann", "oli", "Hi");
    on.is("bob", Away);
    on.is("dan", Gone);
    on.says("mia", "Hello");
    on.is("eve", Free);
    on.pass(31 * SECOND);
    on.is("fay", Free);
    on.so_far();
    on.orders("cat", "mia", Why);
    let heard = on.heard("cat").concat();
    for part in [
        "Waits",
        "Full { held: 1, capacity: 1 }",
        "(\"Bob\", Away)",
        "(\"Dan\", Offline)",
        "(\"Fay\", Asked",
        "\"Gus\"",
        "(\"Eve\", WasAsked)",
    ] {
        assert!(heard.contains(part), "{part} in {heard}");
    }
    on.answers("fay", "mia", "Hi");
    on.so_far();
    on.orders("fay", "mia", Why);
    let heard = on.heard("fay").concat();
    assert!(
        heard.contains("Served { by: \"Fay\" }") && heard.contains("(\"Fay\", Serves)"),
        "{heard}"
    );
    on.orders("gus", "mia", Why);
    assert_eq!(on.heard("gus"), ["mia refused: NotFound"]);
}

#[test]
fn a_customer_who_returns_comes_with_the_last_conversations() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "Where is my order?");
    let heard = on.heard("ann");
    assert!(!heard.iter().any(|line| line.contains("History")), "the first: {heard:?}");
    on.orders("ann", "mia", History);
    let heard = on.heard("ann");
    assert!(heard[0].contains("History { lines: [], asked: true }"), "{heard:?}");
    on.answers("ann", "mia", "On its way");
    on.orders("ann", "mia", CloseSaying { words: "#invoice Bye".into() });
    on.rates("mia", "r1", 2);
    on.so_far();
    on.says_as("mia", "m2", "It has not come");
    let heard = on.heard("ann").concat();
    for part in ["asked: false", "Ann", "Some(Agent)", "Some(2)", "Where is my order?", "invoice"] {
        assert!(heard.contains(part), "{part} in {heard}");
    }
    // Also for the offered, and the one whose conversation is closed; not for a stranger.
    on.orders("ann", "mia", History);
    assert!(on.heard("ann")[0].contains("Where is my order?"));
    on.ends("mia", "e1");
    on.so_far();
    on.orders("ann", "mia", History);
    assert!(on.heard("ann")[0].contains("It has not come"));
    on.orders("zoe", "mia", History);
    assert_eq!(on.heard("zoe"), ["mia refused: NotFound"]);
}

#[test]
fn a_summary_tells_what_is_known() {
    let mut on = served();
    on.fills_in("mia", "s1", &[("order", "17")]);
    on.command("mia", "m2", CustomerAction::Message { text: "And soon".into(), reply_to: None });
    on.orders("ann", "mia", note("Wants a refund"));
    on.orders("ann", "mia", tag("refund"));
    let offers = QuestionKind::Choices(vec!["A5".into()]);
    on.orders("ann", "mia", Ask { text: "Which?".into(), offers });
    on.so_far();
    on.orders("ann", "mia", Summary);
    let heard = on.heard("ann").concat();
    for part in
        ["Some(\"Ann\")", "Hello", "And soon", "Which?", "Wants a refund", "\"refund\"", "\"17\""]
    {
        assert!(heard.contains(part), "{part} in {heard}");
    }
    on.orders("ann", "mia", Who);
    let heard = on.heard("ann").concat();
    assert!(heard.contains("agent: Some(\"Ann\")") && heard.contains("[\"refund\"]"), "{heard}");
    // It is read after what was said before is stored.
    on.holds_back = true;
    on.says_as("mia", "m3", "One more thing");
    on.orders("ann", "mia", Summary);
    assert!(!on.heard("ann").concat().contains("Summary"));
    on.store_all();
    assert!(on.heard("ann").concat().contains("One more thing"));
    assert!(on.store.head() > Pos(0));
}
