//! Why a customer waits, or who serves them: the queue in a line, and each agent in one.

use std::sync::Arc;

use super::super::piece::{marked, piece, span};
use crate::chat::commands::priority_word;
use crate::chat::ids::Timestamp;
use crate::chat::notice::{Readiness, Stage};
use crate::chat::settings::Strategy;

/// How many agents are listed, each in a line.
const AGENTS: usize = 12;
/// How many agents of other queues are named.
const OTHERS: usize = 10;

pub(super) struct Why<'a> {
    pub(super) queue: &'a str,
    pub(super) strategy: Option<Strategy>,
    pub(super) stage: &'a Stage,
    pub(super) priority: i32,
    pub(super) agents: &'a [(Arc<str>, Readiness)],
    pub(super) others: &'a [Arc<str>],
}

pub(super) fn why(why: &Why<'_>) -> String {
    let queue = piece(why.queue);
    let mut head = match why.stage {
        Stage::Waits { waited_ms, position: Some(position) } => {
            format!("Number {position} in {queue}, waiting {}", span(*waited_ms))
        }
        Stage::Waits { waited_ms, position: None } => {
            format!("In {queue}, waiting {}; nobody who serves it is online", span(*waited_ms))
        }
        Stage::Served { by } => format!("In {queue}, served by {}", piece(by)),
    };
    if priority_word(why.priority) != "normal" {
        head = format!("{head} · priority {}", priority_word(why.priority));
    }
    let asks = why.strategy.map(|strategy| match strategy {
        Strategy::LeastLoaded => "asked is who has the smallest share of their chats",
        Strategy::RoundRobin => "asked is who was asked longest ago",
        Strategy::RingAll => "all who are free are asked at once",
    });
    let head = asks.map_or_else(|| head.clone(), |asks| format!("{head} · {asks}"));
    let mut lines = vec![marked(&head)];
    if why.agents.is_empty() {
        lines.push(marked("Nobody serves this queue"));
    }
    let listed = why.agents.iter().take(AGENTS);
    lines.extend(listed.map(|(name, is)| marked(&format!("{}: {}", piece(name), state(*is)))));
    if why.agents.len() > AGENTS {
        lines.push(marked(&format!("and {} more of this queue", why.agents.len() - AGENTS)));
    }
    if !why.others.is_empty() {
        let names = why.others.iter().take(OTHERS).map(|name| piece(name)).collect::<Vec<_>>();
        let more = if why.others.len() > OTHERS { ", …" } else { "" };
        lines.push(marked(&format!("Not in this queue: {}{more}", names.join(", "))));
    }
    lines.join("\n")
}

fn state(readiness: Readiness) -> String {
    match readiness {
        Readiness::Serves => "has this conversation".to_owned(),
        Readiness::Asked { until } => format!("is asked now, until {}", time(until)),
        Readiness::AskedToTake { until } => {
            format!("is asked to take it over, until {}", time(until))
        }
        Readiness::DidNotTake => "was asked to take it over, did not".to_owned(),
        Readiness::GaveUp => "passed it on".to_owned(),
        Readiness::PassedOver { until: Some(until) } => {
            format!("passed over until {}", time(until))
        }
        Readiness::PassedOver { until: None } => "passed over, did not take it".to_owned(),
        Readiness::WasAsked => "was asked before, did not take it".to_owned(),
        Readiness::Full { held, capacity } => format!("full, {held} of {capacity} chats"),
        Readiness::Away => "away".to_owned(),
        Readiness::Busy => "busy".to_owned(),
        Readiness::Offline => "offline".to_owned(),
        Readiness::Unknown => "not heard from yet".to_owned(),
        Readiness::Free => "free".to_owned(),
    }
}

fn time(at: Timestamp) -> String {
    let utc = chrono::DateTime::from_timestamp_millis(at.0);
    utc.map_or_else(|| "?".to_owned(), |utc| utc.format("%T UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_agent_has_a_reason() {
        let until = Timestamp(1_700_000_000_000);
        let agents = [
            (Arc::from("Ann"), Readiness::Asked { until }),
            (Arc::from("Bob"), Readiness::Full { held: 4, capacity: 4 }),
            (Arc::from("Zoe"), Readiness::PassedOver { until: Some(until) }),
        ];
        let told = why(&Why {
            queue: "Sales",
            strategy: Some(Strategy::RoundRobin),
            stage: &Stage::Waits { waited_ms: 120_000, position: Some(2) },
            priority: 10,
            agents: &agents,
            others: &["Carol".into()],
        });
        assert_eq!(
            told,
            "⚙ Number 2 in Sales, waiting 2 min · priority high · asked is who was asked longest \
             ago\n⚙ Ann: is asked now, until 22:13:20 UTC\n⚙ Bob: full, 4 of 4 chats\n⚙ Zoe: \
             passed over until 22:13:20 UTC\n⚙ Not in this queue: Carol"
        );
    }

    #[test]
    fn a_large_tenant_is_cut() {
        let agents: Vec<_> = (0..100).map(|n| (format!("A{n}").into(), Readiness::Away)).collect();
        let others: Vec<Arc<str>> = (0..100).map(|n| format!("B{n}").into()).collect();
        let stage = Stage::Served { by: "Ann".into() };
        let (queue, strategy, priority) = ("Sales", None, 0);
        let told = why(&Why {
            queue,
            strategy,
            stage: &stage,
            priority,
            agents: &agents,
            others: &others,
        });
        assert_eq!(told.lines().count(), 15, "{told}");
    }
}
