//! Ten thousand waiting customers: what one of them does costs no more than it must.

use super::stage::{MINUTE, SECOND, Stage, agent, queue, tenant};
use crate::chat::effect::{CustomerNotice, Effect, Phase};
use crate::chat::event::Availability::Free;
use crate::chat::event::Event;
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
