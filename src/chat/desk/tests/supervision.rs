//! Plays of supervisors: the board, moving and closing by name, watching, whispering, taking over,
//! and what they set for agents.

use uuid::Uuid;

use super::stage::{HOUR, MINUTE, SECOND, Stage, agent, jid, ordered, queue, supervisor, tenant};
use crate::chat::commands::AgentCommand::{
    self, Board, Close, Reopen, Say, Take, Transfer, Undo, Unwatch, Watch,
};
use crate::chat::commands::Supervise;
use crate::chat::effect::{Effect, ToAgentContent};
use crate::chat::event::{AgentContent, AgentInput, Availability, Event, Peer};
use crate::chat::ids::{ConversationId, TenantKey};
use crate::chat::notice::Notice;
use crate::chat::row::RowKind;
use crate::chat::settings::Strategy::LeastLoaded;
use crate::chat::supervision::{BoardState, Supervision};

/// Ann and Bob serve, Sue and Tim supervise; all are online.
fn stage() -> Stage {
    let staff = vec![
        agent("ann", 1, &["default"]),
        agent("bob", 1, &["sales"]),
        supervisor("sue"),
        supervisor("tim"),
    ];
    let queues = vec![queue("default", LeastLoaded), queue("sales", LeastLoaded)];
    let mut on = Stage::new(vec![tenant("acme", queues, staff)]);
    for name in ["ann", "bob", "sue", "tim"] {
        on.is(name, Availability::Free);
    }
    on
}

/// Mia is served by Ann.
fn served() -> Stage {
    let mut on = stage();
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on
}

fn give(on: &mut Stage, who: &str, id: &str, command: AgentCommand) {
    let content = ordered(command);
    on.event(Event::Agent(Box::new(AgentInput {
        agent: jid(who),
        resource: "desk".into(),
        to: Peer::Desk(TenantKey::new("acme").unwrap()),
        stanza: Some(id.into()),
        wants_receipt: true,
        by_form: false,
        fresh: ConversationId(Uuid::from_u128(u128::from(id.len() as u64) << 64)),
        content,
    })));
}

/// A supervisor asks the desk.
fn asks(on: &mut Stage, id: &str, what: Supervise, text: &str) {
    give(on, "sue", id, AgentCommand::Supervise { what, text: text.into() });
}

fn say(words: &str) -> AgentCommand {
    Say { words: words.into() }
}

/// What an agent was told about supervising since the stage was cleared.
fn told(on: &Stage, who: &str) -> Vec<Supervision> {
    let of = |effect: &Effect| match effect {
        Effect::Send(to) if to.agent == jid(who) => match &to.content {
            ToAgentContent::Notice(Notice::Supervision(said)) => Some((**said).clone()),
            _ => None,
        },
        _ => None,
    };
    on.left.iter().filter_map(of).collect()
}

/// The words that somebody who watches has read.
fn overheard(on: &Stage, who: &str) -> Vec<String> {
    let words = told(on, who).into_iter().filter_map(|said| match said {
        Supervision::Overheard { row, .. } => {
            Some(row.kind.words().map_or_else(|| row.kind.kind().word().into(), |w| w.to_string()))
        }
        _ => None,
    });
    words.collect()
}

fn refused(on: &mut Stage, who: &str) -> String {
    let heard = on.heard(who);
    assert!(heard.len() == 1 && heard[0].contains(" refused: "), "{heard:?}");
    heard[0].clone()
}

fn mias(on: &Stage) -> ConversationId {
    let open = on
        .desk
        .visitors
        .values()
        .find_map(|v| v.open.filter(|_| &*v.customer.localpart.to_string() == "mia"));
    open.unwrap()
}

#[test]
fn only_supervisors_supervise() {
    let mut on = served();
    for command in [Watch, Take, say("x"), Unwatch] {
        on.orders("ann", "mia", command);
        assert!(refused(&mut on, "ann").contains("NotAllowed"));
    }
    let what = Supervise::Close;
    give(&mut on, "ann", "c1", AgentCommand::Supervise { what, text: "mia".into() });
    assert!(refused(&mut on, "ann").contains("NotAllowed"));
    give(&mut on, "eve", "c1", AgentCommand::Supervise { what, text: "mia".into() });
    assert!(refused(&mut on, "eve").contains("NotFound"));
    on.orders("bob", "mia", Watch);
    assert!(refused(&mut on, "bob").contains("NotFound"), "a stranger learns nothing");
    assert!(on.heard("mia").is_empty());
}

#[test]
fn the_board_numbers_conversations_and_the_number_names_them() {
    let mut on = served();
    on.pass(6 * MINUTE);
    on.says("noa", "Hello?");
    on.pass(6 * MINUTE);
    on.says("oli", "Anyone?");
    on.so_far();
    give(&mut on, "sue", "b1", Board);
    let said = told(&on, "sue");
    let [Supervision::Board(board)] = said.as_slice() else { panic!("{said:?}") };
    let shown: Vec<_> = board
        .conversations
        .iter()
        .map(|line| {
            let state = match &line.state {
                BoardState::Waiting { late, .. } => format!("late: {late}"),
                BoardState::Served { agent, .. } => agent.to_string(),
            };
            (line.who.localpart.to_string(), state)
        })
        .collect();
    let line = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    assert_eq!(shown, [line("noa", "late: true"), line("oli", "late: false"), line("mia", "Ann")]);
    assert_eq!((board.queues[0].waiting, board.queues[0].busy, board.queues[0].room), (2, 1, 1));
    on.so_far();
    asks(&mut on, "c1", Supervise::Close, "2");
    assert!(on.heard("oli").contains(&"closed: Agent".to_owned()));
    on.so_far();
    asks(&mut on, "c2", Supervise::Close, "2");
    assert!(refused(&mut on, "sue").contains("number 2 is closed"));
    for (text, why) in [
        ("7", "no number 7"),
        ("0", "no number 0"),
        ("zoe", "NoSuchTarget"),
        ("noa now", "no part of a name"),
    ] {
        asks(&mut on, "c3", Supervise::Close, text);
        assert!(refused(&mut on, "sue").contains(why), "{text}");
    }
    // Numbers are those of the board that was read, and nobody else's.
    on.crash();
    on.reconnects(&["ann", "bob", "sue", "tim"]);
    on.so_far();
    asks(&mut on, "c4", Supervise::Close, "1");
    assert!(refused(&mut on, "sue").contains("no number 1"));
    asks(&mut on, "c5", Supervise::Close, "noa@chat.example.org");
    assert!(on.heard("noa").contains(&"closed: Agent".to_owned()));
}

#[test]
fn a_close_by_name_that_comes_again_closes_nothing_new() {
    for restarted in [false, true] {
        let mut on = served();
        asks(&mut on, "c1", Supervise::Close, "mia");
        assert!(on.heard("mia").contains(&"closed: Agent".to_owned()));
        on.says("mia", "I am back");
        if restarted {
            on.crash();
            on.reconnects(&["ann", "bob", "sue", "tim"]);
        }
        on.so_far();
        asks(&mut on, "c1", Supervise::Close, "mia");
        assert_eq!(on.heard("mia"), [""; 0], "restarted: {restarted}");
        assert!(on.heard("sue").iter().any(|line| line.contains("received \"c1\"")));
    }
}

#[test]
fn what_is_served_moves_to_a_queue_and_to_an_agent() {
    let mut on = served();
    asks(&mut on, "m1", Supervise::Move, "mia #sales");
    let heard = on.heard("mia");
    assert!(heard.contains(&"4 Ann left".to_owned()), "{heard:?}");
    assert!(on.heard("ann").contains(&"mia passed on".to_owned()));
    assert!(on.heard("bob").contains(&"mia waits".to_owned()), "Bob serves Sales");
    // Again: nothing more happens, also after a restart.
    on.so_far();
    asks(&mut on, "m1", Supervise::Move, "mia #sales");
    on.crash();
    on.reconnects(&["bob", "sue"]);
    on.so_far();
    asks(&mut on, "m1", Supervise::Move, "mia #sales");
    assert!(on.heard("mia").is_empty() && on.heard("bob").is_empty());
    on.so_far();
    asks(&mut on, "m2", Supervise::Move, "mia #sales");
    assert!(refused(&mut on, "sue").contains("waits in sales already"));
    asks(&mut on, "m3", Supervise::Move, "mia ann");
    assert!(refused(&mut on, "sue").contains("Ann is offline"));
    on.is("ann", Availability::Free);
    on.so_far();
    asks(&mut on, "m4", Supervise::Move, "mia ann");
    assert!(on.heard("bob").contains(&"mia passed on".to_owned()));
    assert!(
        on.heard("ann").contains(&"mia waits".to_owned()),
        "Ann is asked, who does not serve Sales"
    );
    on.answers("ann", "mia", "It is me again");
    on.so_far();
    asks(&mut on, "m5", Supervise::Move, "mia ann");
    assert!(refused(&mut on, "sue").contains("has this customer already"));
    on.says("noa", "Hello");
    on.so_far();
    asks(&mut on, "m6", Supervise::Move, "noa ann");
    assert!(refused(&mut on, "sue").contains("Ann is full"));
    asks(&mut on, "m7", Supervise::Move, "noa");
    assert!(refused(&mut on, "sue").contains("NoSuchTarget"));
}

#[test]
fn who_watches_reads_both_sides_and_nobody_notices() {
    let mut on = served();
    on.orders("sue", "mia", Watch);
    assert!(matches!(told(&on, "sue").as_slice(), [Supervision::Watching { again: false, .. }]));
    on.so_far();
    on.says("mia", "Where is it?");
    on.answers("ann", "mia", "On its way");
    assert_eq!(overheard(&on, "sue"), ["Where is it?", "On its way"]);
    assert_eq!(on.heard("mia"), [r#"4 customer "Where is it?""#, r#"5 Ann "On its way""#]);
    let heard = on.heard("ann");
    assert!(heard.iter().all(|line| !line.to_lowercase().contains("sue")), "{heard:?}");
    // It is audited, and survives a restart.
    let watched = |on: &Stage| {
        on.store.rows.iter().filter(|r| matches!(r.kind, RowKind::Watched { .. })).count()
    };
    assert_eq!(watched(&on), 1);
    on.orders("sue", "mia", Watch);
    assert_eq!(watched(&on), 1, "twice is once");
    on.crash();
    on.so_far();
    on.reconnects(&["ann", "sue"]);
    on.pass(2 * SECOND);
    assert!(matches!(told(&on, "sue").as_slice(), [Supervision::Watching { again: true, .. }]));
    on.so_far();
    on.answers("ann", "mia", "So?");
    assert_eq!(overheard(&on, "sue"), ["So?"]);
    on.orders("sue", "mia", Unwatch);
    on.crash();
    on.reconnects(&["ann", "sue"]);
    on.so_far();
    on.answers("ann", "mia", "Hm");
    assert!(overheard(&on, "sue").is_empty());
}

#[test]
fn a_whisper_reaches_the_agent_alone() {
    let mut on = served();
    on.orders("sue", "mia", Watch);
    on.so_far();
    on.answers("sue", "mia", "Offer 10 %");
    assert_eq!(on.heard("sue"), [r#"mia received "Offer 10 %""#]);
    let heard = on.heard("ann");
    assert!(
        heard.len() == 1 && heard[0].contains("Whisper") && heard[0].contains("Offer 10 %"),
        "{heard:?}"
    );
    assert!(on.heard("mia").is_empty());
    // Her client sends it again: also after a restart, and after she watches no more.
    on.crash();
    on.reconnects(&["ann", "sue"]);
    on.orders("sue", "mia", Take);
    on.so_far();
    on.answers("sue", "mia", "Offer 10 %");
    on.pass(4 * SECOND);
    assert!(on.heard("ann").is_empty() && on.heard("mia").is_empty());
    assert_eq!(on.heard("sue"), [r#"mia received "Offer 10 %""#]);
}

#[test]
fn what_cannot_be_whispered_comes_back() {
    let mut on = served();
    on.answers("sue", "mia", "Be quick");
    let why = refused(&mut on, "sue");
    assert!(["!watch", "!say", "!take"].iter().all(|word| why.contains(word)), "{why}");
    on.orders("sue", "mia", Watch);
    on.so_far();
    on.links("sue", "mia", "l1", "https://example.org/a.png");
    assert!(refused(&mut on, "sue").contains("only text"));
    on.takes_back("sue", "mia", "t1", "Be quick");
    assert!(refused(&mut on, "sue").contains("only text"));
    on.orders_as("sue", "mia", "s1", say("Hello from Sue"));
    on.so_far();
    on.corrects("sue", "mia", "s1", "Hello from Sue, sorry");
    assert!(refused(&mut on, "sue").contains("Carried"));
    on.is("ann", Availability::Gone);
    on.so_far();
    on.answers("sue", "mia", "Are you there?");
    assert!(refused(&mut on, "sue").contains("Ann is offline"));
    // Nobody serves Mia any more: what was meant for Ann is not for her.
    on.pass(31 * SECOND);
    on.so_far();
    on.answers("sue", "mia", "Say sorry");
    assert!(refused(&mut on, "sue").contains("nobody serves"));
    assert!(on.heard("mia").is_empty());
    // Nor is it in the conversation that follows at once.
    on.ends("mia", "e1");
    on.says("mia", "One more thing");
    on.so_far();
    on.answers("sue", "mia", "Do not tell her");
    assert!(refused(&mut on, "sue").contains("has ended"));
    assert!(on.heard("mia").is_empty());
    on.pass(61 * SECOND);
    on.answers("sue", "mia", "How can I help?");
    assert!(on.heard("mia").iter().any(|line| line.ends_with(r#"Sue "How can I help?""#)));
}

#[test]
fn a_supervisor_speaks_to_the_customer_and_the_agent_goes_on() {
    let mut on = served();
    on.orders("tim", "mia", Watch);
    on.so_far();
    for restarted in [false, true] {
        on.orders_as("sue", "mia", "s1", say("I am Sue"));
        let times = if restarted { 0 } else { 1 };
        let read = on.heard("mia");
        assert_eq!(read.len(), times, "{read:?}");
        let heard =
            on.heard("ann").iter().filter(|line| line.contains(r#"Sue "I am Sue""#)).count();
        assert_eq!(heard, times, "Ann reads it too");
        assert_eq!(overheard(&on, "tim").len(), times);
        on.crash();
        on.reconnects(&["ann", "sue", "tim"]);
        on.pass(2 * SECOND);
        on.so_far();
    }
    on.answers("ann", "mia", "Sue is right");
    assert_eq!(on.heard("mia"), [r#"5 Ann "Sue is right""#]);
    on.orders("ann", "mia", Undo);
    assert_eq!(on.heard("mia"), ["6 Ann takes back 5"], "her own");
    // To a waiting customer too, who goes on waiting.
    on.is("bob", Availability::Gone);
    on.starts("noa", "s1", "sales");
    on.so_far();
    on.orders("sue", "noa", say("Bob will be with you soon"));
    assert!(
        on.heard("noa").iter().any(|line| line.ends_with(r#"Sue "Bob will be with you soon""#))
    );
    on.is("bob", Availability::Free);
    assert!(on.heard("bob").contains(&"noa waits".to_owned()));
}

#[test]
fn a_conversation_is_taken_over() {
    let mut on = served();
    on.orders("sue", "mia", Watch);
    on.so_far();
    on.orders_as("sue", "mia", "t1", Take);
    let read = on.heard("mia");
    assert_eq!(read, ["4 Sue took over", "active with Sue"]);
    assert!(on.heard("ann").contains(&"mia Sue took over".to_owned()));
    assert!(on.contacts("ann").contains(&"- mia".to_owned()));
    on.answers("sue", "mia", "I take over");
    assert_eq!(on.heard("mia"), [r#"5 Sue "I take over""#], "she watches no more");
    on.answers("ann", "mia", "Wait");
    assert!(on.heard("ann").contains(&"mia refused: taken by Sue".to_owned()));
    // Ann is free for others at once.
    on.says("noa", "Hello");
    assert!(on.heard("ann").contains(&"noa waits".to_owned()));
    // Tim takes it, and then Sue's client sends hers again: it stays with Tim.
    on.orders("tim", "mia", Take);
    on.crash();
    on.reconnects(&["ann", "sue", "tim"]);
    on.so_far();
    on.orders_as("sue", "mia", "t1", Take);
    assert_eq!(on.heard("mia"), [""; 0]);
    on.orders("tim", "mia", Take);
    assert!(on.heard("mia").is_empty(), "what is his already is his");
    on.ends("mia", "e1");
    on.so_far();
    on.orders("sue", "mia", Take);
    assert!(refused(&mut on, "sue").contains("Closed"));
}

#[test]
fn a_supervisor_ends_a_transfer() {
    let mut on = served();
    let to_bob = || Transfer { text: "bob please".into() };
    on.orders("ann", "mia", to_bob());
    assert!(on.heard("bob").iter().any(|line| line.contains("asks to take over")));
    // By taking it over: both are told, and Bob is asked no more.
    on.so_far();
    on.orders("sue", "mia", Take);
    assert!(on.heard("ann").contains(&"mia Sue took over".to_owned()));
    assert!(on.heard("bob").contains(&"mia Sue took over".to_owned()));
    on.answers("bob", "mia", "Here I am");
    assert!(on.heard("bob").contains(&"mia refused: taken by Sue".to_owned()));
    // By moving it.
    on.orders("sue", "mia", to_bob());
    on.so_far();
    asks(&mut on, "m1", Supervise::Move, "mia #sales");
    assert!(on.heard("bob").iter().any(|line| line.contains("Withdrawn")), "asked no more");
    // By closing it, from where nobody has taken it yet after `now`.
    on.crash();
    on.reconnects(&["ann", "bob", "sue"]);
    on.orders("sue", "mia", Take);
    on.orders("sue", "mia", Transfer { text: "now #default".into() });
    on.so_far();
    on.orders("sue", "mia", Close);
    assert!(on.heard("mia").contains(&"closed: Agent".to_owned()));
}

#[test]
fn whoever_is_asked_to_take_over_whispers_while_they_watch() {
    let mut on = served();
    on.orders("sue", "mia", Watch);
    on.orders("ann", "mia", Transfer { text: "sue please".into() });
    on.so_far();
    on.answers("sue", "mia", "In a minute");
    assert!(on.heard("mia").is_empty(), "a whisper");
    on.orders("sue", "mia", Unwatch);
    on.answers("sue", "mia", "Sue here");
    assert_eq!(on.heard("mia").last().unwrap(), r#"5 Sue "Sue here""#);
}

#[test]
fn watching_ends_with_the_conversation_and_is_bounded() {
    let mut staff: Vec<_> = (0..6).map(|n| supervisor(&format!("sup{n}"))).collect();
    staff.push(agent("ann", 50, &["default"]));
    let mut on = Stage::new(vec![tenant("acme", vec![queue("default", LeastLoaded)], staff)]);
    on.is("ann", Availability::Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    for n in 0..6 {
        on.is(&format!("sup{n}"), Availability::Free);
    }
    on.pass(2 * SECOND);
    on.so_far();
    for n in 0..5 {
        on.orders(&format!("sup{n}"), "mia", Watch);
    }
    on.so_far();
    on.orders("sup5", "mia", Watch);
    assert!(refused(&mut on, "sup5").contains("watch it already"));
    on.ends("mia", "e1");
    assert_eq!(overheard(&on, "sup0"), ["closed"]);
    assert!(on.desk.watches.pairs().iter().all(|pairs| pairs.is_empty()));
    on.says("mia", "Again");
    on.so_far();
    on.answers("ann", "mia", "Hi again");
    assert!(overheard(&on, "sup0").is_empty());
    for n in 0..21 {
        on.says(&format!("c{n}"), "Hello");
        on.orders("sup0", &format!("c{n}"), Watch);
    }
    assert!(on.heard("sup0").last().unwrap().contains("you watch 20 already"));
    // Who is no supervisor any more watches nothing.
    let staff = vec![agent("ann", 50, &["default"]), agent("sup0", 1, &[])];
    let settings = vec![tenant("acme", vec![queue("default", LeastLoaded)], staff)];
    on.store.settings.clone_from(&settings);
    on.event(Event::Settings(settings));
    assert!(on.desk.watches.pairs().iter().all(|pairs| pairs.is_empty()));
}

#[test]
fn an_agent_is_set_to_away_and_comes_back() {
    let mut on = stage();
    asks(&mut on, "a1", Supervise::Agent, "ann away");
    assert_eq!(told(&on, "ann").len(), 1, "Ann is told");
    on.says("mia", "Hello");
    assert!(!on.heard("ann").contains(&"mia waits".to_owned()));
    on.crash();
    on.reconnects(&["ann", "sue"]);
    on.is("ann", Availability::Gone);
    on.is("ann", Availability::Free);
    assert!(!on.heard("ann").contains(&"mia waits".to_owned()), "whatever her presence");
    asks(&mut on, "a2", Supervise::Agent, "ann back");
    assert!(on.heard("ann").contains(&"mia waits".to_owned()));
    on.answers("ann", "mia", "Hi");
    on.orders("ann", "mia", Close);
    asks(&mut on, "a3", Supervise::Agent, "ann away");
    on.connects("noa", true);
    on.says("noa", "Hello");
    on.pass(12 * HOUR - MINUTE);
    assert!(!on.heard("ann").contains(&"noa waits".to_owned()));
    on.pass(MINUTE);
    assert!(on.heard("ann").contains(&"noa waits".to_owned()), "not for ever");
    on.so_far();
    for (text, why) in [
        ("ann", "Usage"),
        ("ann sideways", "Usage"),
        ("ann capacity 0", "from 1 to"),
        ("ann capacity many", "from 1 to"),
        ("zoe away", "NoSuchTarget"),
    ] {
        asks(&mut on, "a4", Supervise::Agent, text);
        assert!(refused(&mut on, "sue").contains(why), "{text}");
    }
}

#[test]
fn capacity_and_queues_are_set_and_survive_a_restart_and_new_settings() {
    let mut on = served();
    on.says("noa", "Hello");
    assert!(!on.heard("ann").contains(&"noa waits".to_owned()));
    asks(&mut on, "a1", Supervise::Agent, "ann capacity 2");
    assert!(on.heard("ann").contains(&"noa waits".to_owned()), "there is room at once");
    on.starts("oli", "s1", "sales");
    on.answers("bob", "oli", "Hi");
    on.starts("pia", "s1", "sales");
    asks(&mut on, "q1", Supervise::Queue, "sales +ann");
    asks(&mut on, "a2", Supervise::Agent, "ann capacity 3");
    assert!(on.heard("ann").contains(&"pia waits".to_owned()));
    let settings = on.store.settings.clone();
    on.event(Event::Settings(settings));
    on.crash();
    on.reconnects(&["ann", "bob", "sue"]);
    let acme = TenantKey::new("acme").unwrap();
    let ann = on.desk.agent_of(&acme, &jid("ann")).unwrap();
    assert_eq!((ann.capacity, ann.queues.len()), (3, 2));
    asks(&mut on, "q2", Supervise::Queue, "#sales -ann");
    asks(&mut on, "a3", Supervise::Agent, "ann capacity default");
    let ann = on.desk.agent_of(&acme, &jid("ann")).unwrap();
    assert_eq!((ann.capacity, ann.queues.len()), (1, 1));
    assert!(on.desk.tenants[&acme].overrides.is_empty(), "nothing is left of it");
    on.so_far();
    for (text, why) in [
        ("sales", "Usage"),
        ("sales ann", "Usage"),
        ("sales +zoe", "NoSuchTarget"),
        ("market +ann", "NoSuchTarget"),
    ] {
        asks(&mut on, "q3", Supervise::Queue, text);
        assert!(refused(&mut on, "sue").contains(why), "{text}");
    }
}

#[test]
fn one_command_of_a_supervisor_closes_whatever_state_it_is_in() {
    let states: [fn(&mut Stage); 4] = [
        |on| {
            on.is("ann", Availability::Gone);
            on.says("mia", "Hello");
        },
        |on| on.says("mia", "Hello"),
        |on| {
            on.says("mia", "Hello");
            on.answers("ann", "mia", "Hi");
        },
        |on| {
            on.says("mia", "Hello");
            on.orders("sue", "mia", Take);
        },
    ];
    for prepare in states {
        for by_name in [false, true] {
            let mut on = stage();
            prepare(&mut on);
            let id = mias(&on);
            if by_name {
                asks(&mut on, "c1", Supervise::Close, "mia");
            } else {
                on.orders("sue", "mia", Close);
            }
            assert!(!on.desk.cases.contains_key(&id));
            on.orders("sue", "mia", Reopen);
        }
    }
}

#[test]
fn a_command_to_the_desk_is_confirmed_and_what_is_refused_is_not() {
    let mut on = served();
    asks(&mut on, "c1", Supervise::Watch, "mia");
    let heard = on.heard("sue");
    assert!(heard[0].starts_with("mia "), "it is watched in Mia's chat: {heard:?}");
    assert!(heard.contains(&r#"acme received "c1""#.to_owned()), "{heard:?}");
    asks(&mut on, "c2", Supervise::Watch, "mia please");
    assert!(refused(&mut on, "sue").contains("no part of a name"));
    let content = AgentContent::Text { text: "x".into(), about: None };
    on.input("sue", "mia", "w1", content);
    assert!(on.heard("ann").iter().any(|line| line.contains("Whisper")));
}
