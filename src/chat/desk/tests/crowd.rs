//! Ten thousand waiting customers: what one of them does costs no more than it must.

use super::stage::{MINUTE, SECOND, Stage, agent, queue, tenant};
use crate::chat::effect::{CustomerNotice, Effect, Phase};
use crate::chat::event::Availability::Free;
use crate::chat::event::Event;
use crate::chat::settings::QueueSettings;
use crate::chat::settings::Strategy::LeastLoaded;

const CROWD: usize = 10_000;

/// Everyone is waiting, and no agent is online.
fn crowd() -> Stage {
    let staff = vec![agent("ann", 2, &["default"])];
    let settings = tenant("acme", vec![queue("default", LeastLoaded)], staff);
    let mut on = Stage::with_limit(vec![settings], CROWD);
    for index in 0..CROWD {
        on.says(&format!("c{index}"), "Hello");
    }
    on.pass(MINUTE);
    on.so_far();
    on
}

fn places(effects: &[Effect]) -> usize {
    let place = |effect: &&Effect| match effect {
        Effect::Notify { notice: CustomerNotice::State(state), .. } => {
            matches!(state.phase, Phase::Waiting { .. })
        }
        _ => false,
    };
    effects.iter().filter(place).count()
}

#[test]
fn a_crowd_in_the_queue_gets_no_more_notices_than_necessary() {
    let mut on = crowd();
    on.says("c5000", "Anyone?");
    assert_eq!(on.left.len(), 1, "the message's own entry");
    on.so_far();
    for _ in 0..100 {
        on.event(Event::Tick);
    }
    assert_eq!(on.left.len(), 0, "a tick with nothing due does nothing");

    // Two at a time are offered, and when they are served the rest moves up, once.
    on.is("ann", Free);
    on.answers("ann", "c0", "Hi");
    on.answers("ann", "c1", "Hi");
    assert_eq!(places(&on.left), 0);
    on.pass(SECOND);
    assert_eq!(places(&on.left), CROWD - 2);
    on.so_far();
    on.pass(10 * SECOND);
    assert_eq!(on.left.len(), 0);
}

/// Generous by a factor of ten on a busy machine without optimisation, and far less than a walk
/// through the whole queue for each of them would take.
#[test]
fn what_one_of_a_crowd_does_takes_no_walk_through_all() {
    let mut on = crowd();
    let took = |of: &mut dyn FnMut(usize), times: usize| {
        let begun = std::time::Instant::now();
        (0..times).for_each(of);
        begun.elapsed() / u32::try_from(times).unwrap()
    };
    let message = took(&mut |index| on.says(&format!("c{}", index * 7), "Anyone?"), 1_000);
    on.so_far();
    let tick = took(&mut |_| on.event(Event::Tick), 1_000);
    eprintln!("10,000 in line: a message takes {message:?}, a tick {tick:?}");
    assert!(message < std::time::Duration::from_millis(2), "{message:?}");
    assert!(tick < std::time::Duration::from_millis(2), "{tick:?}");
}

/// Twenty queues of ten agents and 500 customers each; nobody is online.
fn many_queues() -> Stage {
    let keys: Vec<String> = (0..20).map(|index| format!("q{index}")).collect();
    let mut queues = vec![queue("default", LeastLoaded)];
    queues.extend(keys.iter().map(|key| queue(key, LeastLoaded)));
    let staff = (0..200).map(|index| agent(&format!("a{index}"), 4, &[&keys[index % 20]]));
    let settings = tenant("acme", queues, staff.collect());
    let mut on = Stage::with_limit(vec![settings], CROWD);
    for index in 0..CROWD {
        on.starts(&format!("c{index}"), "s1", &keys[index % 20]);
    }
    on.pass(MINUTE);
    on.so_far();
    on
}

fn look(on: &mut Stage) -> std::time::Duration {
    let settings = &on.store.settings[0];
    let key = |queue: &QueueSettings| (settings.key.clone(), queue.key.clone());
    let all: Vec<_> = settings.queues.iter().map(key).collect();
    // The best of some: on a busy machine the others measure the neighbours.
    let mut best = std::time::Duration::MAX;
    for _ in 0..5 {
        on.desk.stirred.extend(all.iter().cloned());
        let begun = std::time::Instant::now();
        on.event(Event::Tick);
        best = best.min(begun.elapsed());
    }
    best
}

/// Without optimisation, and on a busy machine, it takes a multiple of what it does in a release.
#[test]
fn to_look_through_ten_thousand_for_two_hundred_agents_takes_a_moment() {
    let mut on = many_queues();
    let nobody = look(&mut on);
    for index in 0..200 {
        on.is(&format!("a{index}"), Free);
    }
    on.so_far();
    let full = look(&mut on);
    assert_eq!(on.left.len(), 0, "800 are offered, and nobody has room");
    // The worst: everybody has room, and everybody has just failed each of the customers.
    for (index, work) in on.desk.work.values_mut().enumerate() {
        assert_eq!(std::mem::take(&mut work.held).len(), 4, "{index}");
    }
    let staff = on.store.settings[0].agents.clone();
    for case in on.desk.cases.values_mut() {
        let serving = staff.iter().filter(|agent| agent.queues.contains(&case.view.queue));
        case.shunned = serving.map(|agent| agent.jid.clone()).collect();
        case.view.state = crate::chat::model::State::Waiting;
    }
    let failed = look(&mut on);
    assert_eq!(on.left.len(), 0);
    eprintln!("10,000 looked through: {nobody:?}, {full:?} with 200 full, {failed:?} at worst");
    let most = std::time::Duration::from_millis(if cfg!(debug_assertions) { 5_000 } else { 20 });
    for took in [nobody, full, failed] {
        assert!(took < most, "{took:?}");
    }
}
