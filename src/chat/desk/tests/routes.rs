//! Plays of who is offered which customer: the whole queue is looked through, oldest first, after
//! every event that may make room.

use super::stage::{MINUTE, SECOND, Stage, agent, jid, queue, tenant};
use crate::chat::commands::AgentCommand::{Close, Decline, Transfer};
use crate::chat::event::Availability::{Away, Free, Gone};
use crate::chat::event::Event;
use crate::chat::ids::QueueKey;
use crate::chat::routes::{QueueRoutes, Routes};
use crate::chat::settings::Strategy::{LeastLoaded, RoundRobin};
use crate::chat::settings::TenantSettings;

fn key(queue: &str) -> QueueKey {
    QueueKey::new(queue).unwrap()
}

/// Whom an agent was offered since the last call.
fn asked(on: &mut Stage, agent: &str) -> Vec<String> {
    let lines = on.heard(agent);
    lines.iter().filter_map(|line| line.strip_suffix(" waits").map(str::to_owned)).collect()
}

/// A tenant with the queues `default` and `sales`; Ann serves both, Bob only `sales`.
fn two_queues(ann: u32, bob: u32, routes: Routes) -> TenantSettings {
    let queues = vec![queue("default", LeastLoaded), queue("sales", LeastLoaded)];
    let staff = vec![agent("ann", ann, &["default", "sales"]), agent("bob", bob, &["sales"])];
    TenantSettings { routes, ..tenant("acme", queues, staff) }
}

fn set(on: &mut Stage, settings: TenantSettings) {
    on.store.settings = vec![settings.clone()];
    on.event(Event::Settings(vec![settings]));
}

/// Ann serves Mia and has no room; then Noa and Oli come.
fn ann_is_full() -> Stage {
    let mut on = Stage::new(vec![two_queues(1, 1, Routes::default())]);
    on.is("ann", Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    for customer in ["noa", "oli"] {
        on.pass(SECOND);
        on.says(customer, "Hello");
    }
    on.so_far();
    on
}

#[test]
fn whatever_makes_room_the_one_who_waits_longest_is_next() {
    type Event<'a> = (&'a str, &'a dyn Fn(&mut Stage));
    let events: [Event; 9] = [
        ("a close", &|on| on.orders("ann", "mia", Close)),
        ("the customer's end", &|on| on.ends("mia", "e1")),
        ("an idle conversation", &|on| {
            on.connects("noa", true);
            on.connects("oli", true);
            on.pass(30 * MINUTE);
        }),
        ("a transfer at once", &|on| {
            on.orders("ann", "mia", Transfer { text: "now #sales please".into() });
        }),
        ("a transfer that is taken", &|on| {
            on.is("bob", Free);
            on.orders("ann", "mia", Transfer { text: "bob please".into() });
            on.answers("bob", "mia", "Hi, Bob here");
        }),
        ("more capacity", &|on| set(on, two_queues(2, 1, Routes::default()))),
        ("another agent in the queue", &|on| {
            on.is("bob", Free);
            let mut settings = two_queues(1, 1, Routes::default());
            settings.agents[1].queues.push(key("default"));
            set(on, settings);
        }),
        ("an agent who comes back", &|on| {
            on.is("ann", Gone);
            on.pass(30 * SECOND);
            on.ends("mia", "e1");
            on.is("ann", Free);
        }),
        ("an agent who is no longer away", &|on| {
            on.is("ann", Away);
            on.orders("ann", "mia", Close);
            assert_eq!(asked(on, "ann"), [""; 0]);
            on.is("ann", Free);
        }),
    ];
    for (what, happens) in events {
        let mut on = ann_is_full();
        happens(&mut on);
        let mut all = asked(&mut on, "ann");
        all.extend(asked(&mut on, "bob").into_iter().filter(|name| name != "mia"));
        assert_eq!(all, ["noa"], "{what}");
    }
}

#[test]
fn the_end_of_an_offer_makes_room_for_the_next() {
    for declines in [true, false] {
        let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
        on.is("bob", Away);
        on.says("mia", "Hello");
        on.pass(SECOND);
        on.says("noa", "Hello");
        on.is("bob", Free);
        // Noa is with Bob now.
        on.answers("bob", "noa", "Hi");
        on.pass(SECOND);
        on.says("oli", "Hello");
        on.so_far();
        if declines {
            on.orders("ann", "mia", Decline { why: "".into() });
            assert_eq!(asked(&mut on, "ann"), ["oli"], "mia is passed over for a while");
        } else {
            on.orders("bob", "noa", Close);
            assert_eq!(asked(&mut on, "bob"), ["oli"]);
            on.so_far();
            on.orders("bob", "oli", Decline { why: "".into() });
            on.pass(30 * SECOND);
            assert_eq!(asked(&mut on, "bob"), ["mia"], "nobody else could be asked");
            assert_eq!(asked(&mut on, "ann"), ["oli"]);
        }
    }
}

#[test]
fn of_two_queues_the_one_who_waits_longest_is_next_whatever_their_names() {
    for (first, second) in [("default", "sales"), ("sales", "default")] {
        let mut on = Stage::new(vec![two_queues(1, 1, Routes::default())]);
        on.starts("mia", "s1", first);
        on.pass(SECOND);
        on.starts("noa", "s1", second);
        on.is("ann", Free);
        assert_eq!(asked(&mut on, "ann"), ["mia"]);
        on.answers("ann", "mia", "Hi");
        on.orders("ann", "mia", Close);
        assert_eq!(asked(&mut on, "ann"), ["noa"]);
    }
}

#[test]
fn many_places_at_once_go_to_the_first_in_line() {
    let mut on = Stage::new(vec![two_queues(3, 2, Routes::default())]);
    for (index, queue) in
        ["sales", "default", "sales", "default", "sales", "sales"].iter().enumerate()
    {
        on.starts(&format!("c{index}"), "s1", queue);
        on.pass(SECOND);
    }
    on.is("bob", Free);
    assert_eq!(asked(&mut on, "bob"), ["c0", "c2"]);
    on.is("ann", Free);
    assert_eq!(asked(&mut on, "ann"), ["c1", "c3", "c4"]);
}

#[test]
fn a_queue_takes_no_more_of_an_agent_than_it_may() {
    let sales = QueueRoutes { agent_capacity: Some(1), ..QueueRoutes::default() };
    let routes = Routes { queues: [(key("sales"), sales)].into(), ..Routes::default() };
    let mut on = Stage::new(vec![two_queues(3, 3, routes.clone())]);
    on.is("ann", Free);
    for (customer, queue) in [("mia", "sales"), ("noa", "sales"), ("oli", "default")] {
        on.starts(customer, "s1", queue);
        on.pass(SECOND);
    }
    assert_eq!(asked(&mut on, "ann"), ["mia", "oli"], "oli passes noa, whom ann cannot take");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.orders("ann", "mia", Close);
    assert_eq!(asked(&mut on, "ann"), ["noa"]);
    on.answers("ann", "noa", "Hi");
    // A transfer within the queue counts for the one who is asked.
    on.is("bob", Free);
    on.orders("ann", "noa", Transfer { text: "#sales please".into() });
    on.starts("pia", "s1", "sales");
    assert_eq!((asked(&mut on, "bob"), asked(&mut on, "ann")), (vec![], vec![]));
    // One agent may have more than the others.
    let sales = routes.queues[&key("sales")].clone();
    let sales = QueueRoutes { agent_capacities: [(jid("ann"), 2)].into(), ..sales };
    let routes = Routes { queues: [(key("sales"), sales)].into(), ..Routes::default() };
    set(&mut on, two_queues(3, 3, routes));
    assert_eq!((asked(&mut on, "bob"), asked(&mut on, "ann")), (vec![], vec!["pia".to_owned()]));
}

#[test]
fn beyond_as_many_as_may_wait_customers_are_asked_to_leave_a_message() {
    let sales = QueueRoutes { waiting: Some(1), ..QueueRoutes::default() };
    let routes = Routes { waiting: Some(3), queues: [(key("sales"), sales)].into() };
    let mut on = Stage::new(vec![two_queues(1, 1, routes.clone())]);
    on.is("ann", Away);
    on.is("bob", Free);
    let mut last = Vec::new();
    for (name, queue) in
        [("mia", "sales"), ("noa", "sales"), ("oli", "default"), ("pia", "default")]
    {
        on.pass(SECOND);
        on.starts(name, "s1", queue);
        last.extend(on.heard(name).pop());
    }
    // Noa is the second of sales, Pia the fourth of all.
    assert_eq!(last, ["waiting 1", "waiting", "waiting 1", "waiting"]);
    let acme = two_queues(1, 1, Routes::default()).key;
    assert!(!on.desk.anyone_in(&acme), "who comes now is asked for a message at once");
    on.so_far();
    // They keep their places, also over a restart, and are told when they may wait.
    on.crash();
    on.reconnects(&[]);
    on.is("ann", Away);
    on.is("bob", Away);
    for name in ["mia", "noa", "oli", "pia"] {
        on.connects(name, true);
    }
    on.so_far();
    on.ends("mia", "e1");
    on.pass(2 * SECOND);
    assert_eq!(on.heard("noa"), ["waiting 1"]);
    assert_eq!(on.heard("pia"), ["waiting 2"]);
    on.ends("noa", "e1");
    on.so_far();
    on.is("bob", Free);
    assert!(on.desk.anyone_in(&acme));
    // A limit of none at all: everybody leaves a message, and is offered like any other.
    set(&mut on, two_queues(1, 1, Routes { waiting: Some(0), ..routes }));
    on.pass(2 * SECOND);
    assert_eq!(on.heard("pia"), ["waiting"]);
    on.so_far();
    on.is("ann", Free);
    assert_eq!(asked(&mut on, "ann"), ["oli"]);
}

#[test]
fn in_turns_everybody_is_asked_before_anybody_again() {
    let staff = ["ann", "bob", "cid"].map(|name| agent(name, 9, &["default"]));
    let mut on = Stage::new(vec![tenant("acme", vec![queue("default", RoundRobin)], staff.into())]);
    ["ann", "bob", "cid"].iter().for_each(|name| on.is(name, Free));
    for index in 0..6 {
        on.pass(SECOND);
        on.says(&format!("c{index}"), "Hello");
    }
    assert_eq!(asked(&mut on, "ann"), ["c0", "c3"]);
    assert_eq!(asked(&mut on, "bob"), ["c1", "c4"]);
    assert_eq!(asked(&mut on, "cid"), ["c2", "c5"]);
}
