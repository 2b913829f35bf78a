//! Plays of queues that open and close.

use super::stage::{HOUR, MINUTE, SECOND, Stage, agent, queue, tenant};
use crate::chat::commands::AgentCommand::{Reopen, Transfer};
use crate::chat::event::Availability::{Away, Free, Gone};
use crate::chat::event::Event;
use crate::chat::hours::{ByHand, Hours, Opening};
use crate::chat::ids::{QueueKey, Timestamp};
use crate::chat::settings::Strategy::LeastLoaded;
use crate::chat::settings::TenantSettings;

const NOTHING: [&str; 0] = [];

/// When every stage begins.
const BEGIN: i64 = 1_700_000_000_000;

/// Hours that open and close so long after the beginning.
fn hours(strict: bool, times: &[(i64, i64)]) -> Hours {
    let time = |(from, until): &(i64, i64)| Opening {
        from: Timestamp(BEGIN + from),
        until: Timestamp(BEGIN + until),
    };
    Hours::new(strict, times.iter().map(time).collect())
}

fn acme(sales: Option<Hours>) -> Vec<TenantSettings> {
    let mut queues = vec![queue("default", LeastLoaded), queue("sales", LeastLoaded)];
    queues[1].name = "Sales".into();
    let staff = vec![agent("ann", 2, &["sales"]), agent("bob", 2, &["default"])];
    let mut settings = tenant("acme", queues, staff);
    settings.hours.extend(sales.map(|hours| (QueueKey::new("sales").unwrap(), hours)));
    vec![settings]
}

/// Sales has these hours; Ann serves it, Bob serves the default queue, and both are here.
fn stage(strict: bool, times: &[(i64, i64)]) -> Stage {
    let mut on = Stage::new(acme(Some(hours(strict, times))));
    on.is("ann", Free);
    on.is("bob", Free);
    on.so_far();
    on
}

/// Mia begins a conversation with Sales.
fn mia_writes(on: &mut Stage) {
    on.connects("mia", true);
    on.starts("mia", "s1", "sales");
    on.says("mia", "Hello");
}

#[test]
fn what_begins_while_the_queue_is_closed_is_offered_when_it_opens() {
    let mut on = stage(true, &[(2 * HOUR, 10 * HOUR)]);
    mia_writes(&mut on);
    assert_eq!(
        on.heard("mia"),
        ["ack s1", "waiting, open at 7200", r#"1 customer "Hello""#],
        "they are told when somebody will be in"
    );
    assert_eq!(on.heard("ann"), NOTHING);
    on.pass(2 * HOUR - SECOND);
    assert_eq!(on.heard("ann"), NOTHING);
    assert_eq!(on.heard("mia"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
    on.pass(SECOND);
    assert_eq!(on.heard("mia"), ["waiting 1"]);
    on.answers("ann", "mia", "Good morning");
    assert_eq!(on.heard("mia").first().unwrap(), "2 Ann joined");
}

#[test]
fn other_queues_have_their_own_hours() {
    let mut on = stage(true, &[(2 * HOUR, 10 * HOUR)]);
    on.says("noa", "Hello");
    assert_eq!(on.heard("bob").first().unwrap(), "noa waits");
}

#[test]
fn a_message_that_was_left_waits_for_the_opening_though_the_customer_is_gone() {
    // Closed for longer than messages are kept for an agent who does not come.
    let opening = 20 * 24 * HOUR;
    for answers in [vec![], vec![("email", "mia@example.org")]] {
        let mut on = stage(true, &[(opening, opening + HOUR)]);
        on.fills_in("noa", "s0", &answers);
        mia_writes(&mut on);
        on.fills_in("mia", "s2", &answers);
        on.connects("mia", false);
        on.pass(opening - MINUTE);
        on.so_far();
        on.pass(MINUTE);
        assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
        // Nobody comes in the idle time after that.
        on.is("ann", Gone);
        on.pass(40 * MINUTE);
        let is_closed = on.heard("mia").contains(&"closed: Idle".to_owned());
        assert_eq!(is_closed, answers.is_empty(), "without an address, nobody could reach them");
    }
}

#[test]
fn what_was_open_goes_on_after_the_close() {
    let mut on = stage(true, &[(0, HOUR), (20 * HOUR, 30 * HOUR)]);
    on.is("ann", Away);
    mia_writes(&mut on);
    on.connects("noa", true);
    on.starts("noa", "s2", "sales");
    on.says("noa", "Me too");
    on.pass(HOUR);
    on.so_far();
    // They were here before the close.
    on.is("ann", Free);
    assert_eq!(on.heard("ann")[0], "mia waits");
    on.answers("ann", "mia", "Hi");
    on.says("mia", "Thanks");
    assert!(on.heard("ann").contains(&r#"mia customer "Thanks""#.to_owned()));
    // Oli comes after it.
    on.connects("oli", true);
    on.starts("oli", "s3", "sales");
    assert_eq!(on.heard("oli"), ["ack s3", "waiting, open at 72000"]);
    on.pass(HOUR);
    let of_oli = |lines: Vec<String>| lines.iter().any(|line| line.starts_with("oli"));
    assert!(!of_oli(on.heard("ann")));
}

#[test]
fn an_agent_who_is_free_makes_advisory_hours_open() {
    let mut on = stage(false, &[(2 * HOUR, 10 * HOUR)]);
    mia_writes(&mut on);
    assert_eq!(on.heard("mia")[..2], ["ack s1", "waiting 1"]);
    let heard = ["mia waits", "mia so far: ", r#"mia customer "Hello""#];
    assert_eq!(on.heard("ann"), heard, "offered at once");
    on.is("ann", Gone);
    on.pass(MINUTE);
    assert_eq!(on.heard("mia").last().unwrap(), "waiting, open at 7200", "nobody is in");
}

#[test]
fn a_restored_desk_keeps_the_hours() {
    let mut on = stage(true, &[(-HOUR, MINUTE), (2 * HOUR, 10 * HOUR)]);
    on.is("ann", Away);
    on.connects("noa", true);
    on.starts("noa", "s0", "sales");
    on.says("noa", "Before the close");
    on.pass(MINUTE);
    mia_writes(&mut on);
    on.crash();
    on.so_far();
    on.reconnects(&["ann"]);
    assert_eq!(on.heard("ann"), ["noa waits", r#"noa so far: customer "Before the close""#]);
    on.connects("mia", true);
    assert_eq!(on.heard("mia"), ["waiting, open at 7200"]);
    on.pass(2 * HOUR - MINUTE);
    assert!(on.heard("ann").contains(&"mia waits".to_owned()));
    // The night after it, what has been offered once goes on.
    on.is("ann", Gone);
    on.pass(9 * HOUR);
    on.crash();
    on.so_far();
    on.reconnects(&["ann"]);
    assert!(on.heard("ann").contains(&"mia waits".to_owned()));
}

#[test]
fn new_hours_count_at_once() {
    let mut on = stage(true, &[(2 * HOUR, 10 * HOUR)]);
    mia_writes(&mut on);
    on.so_far();
    on.event(Event::Settings(acme(Some(hours(true, &[(HOUR, 10 * HOUR)])))));
    on.pass(2 * SECOND);
    assert_eq!(on.heard("mia"), ["waiting, open at 3600"]);
    on.event(Event::Settings(acme(None)));
    assert_eq!(on.heard("ann").first().unwrap(), "mia waits");
    on.pass(2 * SECOND);
    assert_eq!(on.heard("mia"), ["waiting 1"]);
}

#[test]
fn the_agents_of_a_queue_are_told_once_before_it_closes() {
    let mut on = stage(true, &[(0, 2 * HOUR), (20 * HOUR, 30 * HOUR)]);
    on.is("ann", Away);
    mia_writes(&mut on);
    on.connects("noa", true);
    on.starts("noa", "s2", "sales");
    on.so_far();
    on.pass(2 * HOUR - 10 * MINUTE - SECOND);
    assert_eq!(on.heard("ann"), NOTHING);
    on.pass(SECOND);
    let told = r#"acme Closing { queue: "Sales", in_ms: 600000, waiting: 2 }"#;
    assert_eq!(on.heard("ann"), [told]);
    assert_eq!(on.heard("bob"), NOTHING, "he serves another queue");
    // Neither new settings nor a new desk tell it again.
    on.event(Event::Settings(acme(Some(hours(true, &[(0, 2 * HOUR), (20 * HOUR, 30 * HOUR)])))));
    on.crash();
    on.event(Event::LinkUp);
    on.is("ann", Away);
    on.so_far();
    on.pass(HOUR);
    assert!(!on.heard("ann").iter().any(|line| line.contains("Closing")));
    on.is("ann", Gone);
    on.pass(29 * HOUR);
    assert!(!on.heard("ann").iter().any(|line| line.contains("Closing")), "nobody was here");
}

#[test]
fn an_agent_may_begin_a_conversation_at_any_time() {
    let mut on = stage(true, &[(0, HOUR), (20 * HOUR, 30 * HOUR)]);
    mia_writes(&mut on);
    on.answers("ann", "mia", "Hi");
    on.ends("mia", "e1");
    on.pass(2 * HOUR);
    on.so_far();
    on.orders("ann", "mia", Reopen);
    on.answers("ann", "mia", "One more thing");
    assert!(on.heard("mia").contains(&"active with Ann".to_owned()));
    on.says("mia", "Yes?");
    assert!(on.heard("ann").contains(&r#"mia customer "Yes?""#.to_owned()));
}

#[test]
fn whoever_asks_whether_somebody_is_in_hears_of_the_hours() {
    let key = &acme(None)[0].key;
    let mut settings = acme(Some(hours(true, &[(2 * HOUR, 10 * HOUR)])));
    settings[0].queues.remove(0);
    let mut on = Stage::new(settings);
    on.is("ann", Free);
    assert!(!on.desk.anyone_in(key), "closed");
    on.pass(2 * HOUR);
    assert!(on.desk.anyone_in(key));
    on.pass(8 * HOUR);
    assert!(!on.desk.anyone_in(key));
    assert!(stage(true, &[(2 * HOUR, 10 * HOUR)]).desk.anyone_in(key), "another queue is open");
    assert!(stage(false, &[(2 * HOUR, 10 * HOUR)]).desk.anyone_in(key));
}

#[test]
fn a_queue_that_is_closed_is_handed_nothing_over_unless_anyway() {
    let mut on = stage(true, &[(0, 10 * MINUTE), (20 * HOUR, 30 * HOUR)]);
    on.says("noa", "Hello");
    on.answers("bob", "noa", "Hi");
    on.pass(12 * MINUTE);
    on.so_far();
    let transfer = |on: &mut Stage, text: &str| {
        on.orders("bob", "noa", Transfer { text: text.into() });
        on.heard("bob").remove(0)
    };
    // The stage begins on 14 November 2023 at 22:13:20.
    let heard = transfer(&mut on, "#sales she wants a quote");
    assert!(heard.contains("Not transferred: Sales is closed until Wed 18:13 UTC. "), "{heard}");
    assert!(heard.contains("!transfer anyway #sales"), "{heard}");
    assert!(transfer(&mut on, "now #sales").contains("!transfer now anyway #sales"));
    assert_eq!(on.heard("ann"), NOTHING);
    // To one agent it is no matter of hours.
    assert!(transfer(&mut on, "ann").contains("Asked Ann"));
    on.so_far();
    assert!(transfer(&mut on, "anyway #sales a quote").contains("Asked Ann"));
    assert_eq!(on.heard("ann").last().unwrap(), r#"noa so far: customer "Hello", Bob "Hi""#);
    on.is("ann", Gone);
    on.pass(MINUTE);
    on.so_far();
    assert!(transfer(&mut on, "anyway #sales").contains("!transfer now anyway #sales"));
    transfer(&mut on, "now anyway #sales");
    on.is("ann", Free);
    assert_eq!(on.heard("ann")[0], "noa waits", "they wrote while it was open");
}

/// Sales as it is with these hours, closed or opened by hand.
fn by_hand(usual: &Hours, open: bool, from: i64, until: Option<i64>) -> Event {
    let until = until.map(|until| Timestamp(BEGIN + until));
    let hand = ByHand { open, from: Timestamp(BEGIN + from), until };
    Event::Settings(acme(Some(usual.clone().by_hand(hand))))
}

#[test]
fn a_queue_that_is_closed_by_hand_stays_closed_until_then_whoever_is_in() {
    let advisory = hours(false, &[(0, 10 * HOUR)]);
    let mut on = stage(false, &[(0, 10 * HOUR)]);
    on.connects("oli", true);
    on.starts("oli", "s0", "sales");
    on.pass(HOUR);
    on.so_far();
    on.event(by_hand(&advisory, false, HOUR, Some(2 * HOUR)));
    mia_writes(&mut on);
    assert_eq!(on.heard("mia")[..2], ["ack s1", "waiting, open at 7200"]);
    assert_eq!(on.heard("ann"), NOTHING, "who closes it means it, though Ann is free");
    // What was offered before goes on.
    on.answers("ann", "oli", "Hi");
    assert!(on.heard("oli").contains(&"active with Ann".to_owned()));
    // It holds after a restart, and ends by itself.
    on.store.settings = acme(Some(advisory.by_hand(ByHand {
        open: false,
        from: Timestamp(BEGIN + HOUR),
        until: Some(Timestamp(BEGIN + 2 * HOUR)),
    })));
    on.crash();
    on.so_far();
    on.reconnects(&["ann"]);
    on.pass(HOUR - SECOND);
    assert!(!on.heard("ann").iter().any(|line| line.starts_with("mia")));
    on.pass(SECOND);
    assert!(on.heard("ann").contains(&"mia waits".to_owned()));
}

#[test]
fn what_is_left_while_a_queue_is_closed_for_good_waits_until_it_is_opened() {
    let mut on = stage(true, &[]);
    on.event(by_hand(&Hours::always(), false, 0, None));
    mia_writes(&mut on);
    assert_eq!(on.heard("mia")[..2], ["ack s1", "waiting"]);
    on.connects("mia", false);
    on.pass(40 * 24 * HOUR);
    on.so_far();
    on.event(Event::Settings(acme(None)));
    assert_eq!(on.heard("ann")[0], "mia waits");
}

#[test]
fn a_queue_that_is_opened_by_hand_takes_customers_outside_its_hours() {
    let usual = hours(true, &[(20 * HOUR, 30 * HOUR)]);
    let mut on = stage(true, &[(20 * HOUR, 30 * HOUR)]);
    mia_writes(&mut on);
    assert_eq!(on.heard("ann"), NOTHING);
    on.event(by_hand(&usual, true, 0, Some(HOUR)));
    assert_eq!(on.heard("ann")[0], "mia waits");
    on.pass(50 * MINUTE);
    assert!(on.heard("ann").iter().any(|line| line.contains("Closing")));
    on.pass(10 * MINUTE);
    on.connects("noa", true);
    on.starts("noa", "s2", "sales");
    assert_eq!(on.heard("noa"), ["ack s2", "waiting, open at 72000"]);
}
