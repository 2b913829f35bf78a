//! The faults and their times: a plan made from a seed before the run.
//!
//! Invariant: the same seed and length give the same plan. (What a fault hits depends on the
//! machine; the order of the faults, their times and targets do not.)

mod inject;

use std::fmt;

use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

pub(crate) use self::inject::Injector;

/// Defines the enum of kinds and the list of them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub(crate) enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)+
        }

        pub(crate) const KINDS: &[Kind] = &[$(Kind::$kind,)+];

        impl fmt::Display for Kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$kind => $name,)+ })
            }
        }
    };
}

kinds! {
    /// `kill -9` of the node that owns the link.
    OwnerKill = "owner killed",
    /// `kill -9` of another node.
    NodeKill = "other node killed",
    /// The owner dies between a commit and the ack.
    KillCommitAck = "owner killed between commit and ack",
    /// The owner dies between a commit and sending the stanza.
    KillCommitSend = "owner killed between commit and send",
    /// The owner dies between sending a stanza and its barrier.
    KillSendBarrier = "owner killed between send and barrier",
    /// The owner is frozen for less than its lease.
    OwnerFreezeShort = "owner frozen, shorter than the lease",
    /// The owner is frozen for longer than its lease.
    OwnerFreezeLong = "owner frozen, longer than the lease",
    /// The owner is frozen with unwritten rows, until another node has taken over.
    FreezeCommit = "owner frozen before a commit, until another took over",
    /// SIGTERM to the owner, then a start.
    OwnerStop = "owner stopped in order",
    /// `kill -9` of the database.
    DatabaseKill = "database killed",
    /// The database is frozen.
    DatabaseFreeze = "database frozen",
    /// The owner's connections to the database are cut.
    DatabaseCut = "owner's way to the database cut",
    /// They swallow everything.
    DatabaseSilent = "owner's way to the database half-open",
    /// They are slow.
    DatabaseSlow = "owner's way to the database slow",
    /// `kill` of Redis; it restarts empty.
    RedisKill = "Redis killed",
    /// Redis is frozen.
    RedisFreeze = "Redis frozen",
    /// FLUSHALL.
    RedisFlush = "Redis flushed",
    /// A node's connections to Redis are cut.
    RedisCut = "a node's way to Redis cut",
    /// `kill -9` of the XMPP server.
    XmppKill = "XMPP server killed",
    /// The XMPP server is frozen.
    XmppFreeze = "XMPP server frozen",
    /// The component stream is cut.
    StreamCut = "component stream cut",
    /// It swallows everything.
    StreamSilent = "component stream half-open",
    /// It is slow.
    StreamSlow = "component stream slow",
    /// A quarter of the customers' sockets is cut.
    CustomersCut = "customers' sockets cut",
    /// They swallow everything.
    CustomersSilent = "customers' sockets half-open",
    /// They are slow.
    CustomersSlow = "customers' sockets slow",
    /// An agent's connection is cut.
    AgentCut = "an agent's connection cut",
    /// It swallows everything.
    AgentSilent = "an agent's connection half-open",
    /// An agent is away and takes nothing new.
    AgentAway = "an agent away",
    /// An agent logs out and comes back.
    AgentGone = "an agent logged out",
}

impl Kind {
    /// Whether it kills a node.
    pub(crate) fn kills_node(self) -> bool {
        matches!(
            self,
            Self::OwnerKill
                | Self::NodeKill
                | Self::KillCommitAck
                | Self::KillCommitSend
                | Self::KillSendBarrier
        )
    }

    /// The point at which a node kills or freezes itself.
    pub(crate) fn point(self) -> Option<&'static str> {
        match self {
            Self::KillCommitAck => Some("commit-ack"),
            Self::KillCommitSend => Some("commit-send"),
            Self::KillSendBarrier => Some("send-barrier"),
            Self::FreezeCommit => Some("before-commit"),
            _ => None,
        }
    }

    /// Whether service returns only once the lease has moved, or a dead connection is detected.
    fn is_heavy(self) -> bool {
        matches!(
            self,
            Self::OwnerKill
                | Self::KillCommitAck
                | Self::KillCommitSend
                | Self::KillSendBarrier
                | Self::OwnerFreezeLong
                | Self::FreezeCommit
                | Self::DatabaseSilent
                | Self::StreamSilent
        )
    }

    /// Whether it affects only some customers, or one agent.
    fn is_partial(self) -> bool {
        matches!(
            self,
            Self::CustomersCut
                | Self::CustomersSilent
                | Self::CustomersSlow
                | Self::AgentCut
                | Self::AgentSilent
                | Self::AgentAway
                | Self::AgentGone
        )
    }

    /// How long the fault lasts, in milliseconds; after a kill, how long until the restart.
    fn lasts_ms(self) -> (u64, u64) {
        match self {
            Self::OwnerKill | Self::NodeKill => (200, 1_500),
            Self::KillCommitAck | Self::KillCommitSend | Self::KillSendBarrier => (200, 800),
            Self::OwnerFreezeShort => (1_000, 3_500),
            Self::OwnerFreezeLong => (8_500, 12_000),
            Self::FreezeCommit | Self::OwnerStop | Self::RedisFlush => (0, 1),
            Self::DatabaseKill | Self::RedisKill | Self::XmppKill => (200, 1_500),
            Self::DatabaseFreeze | Self::RedisFreeze | Self::XmppFreeze => (1_500, 4_000),
            Self::DatabaseCut | Self::RedisCut | Self::StreamCut => (500, 3_000),
            Self::DatabaseSilent | Self::StreamSilent => (3_000, 8_000),
            Self::DatabaseSlow | Self::StreamSlow | Self::CustomersSlow => (3_000, 6_000),
            Self::CustomersCut | Self::AgentCut => (200, 2_500),
            Self::CustomersSilent | Self::AgentSilent => (2_000, 10_000),
            Self::AgentAway => (4_000, 12_000),
            Self::AgentGone => (500, 40_000),
        }
    }
}

/// One fault of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) when: When,
    pub(crate) lasts_ms: u64,
    /// Chooses a target, if there are several.
    pub(crate) dice: u64,
}

/// When a fault begins, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// This long after the load began.
    At(u64),
    /// This long after service has recovered from the fault before.
    Recovered(u64),
    /// This long after the fault before began, whether or not it is over.
    Upon(u64),
}

/// In a short run, how long before the end the last fault begins, in milliseconds.
const TAIL_MS: u64 = 3_000;
/// In a long run, how long a round of all kinds may take, in seconds.
const ROUND_S: u64 = 220;
/// In a long run, every n-th fault begins during the one before.
const UPON: u32 = 6;

/// Every kind at least once. In a short run faults overlap; in a long one there are rounds of all
/// kinds, and service recovers between most faults.
pub(crate) fn plan(seed: u64, seconds: u64) -> Vec<Fault> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let rounds = seconds / ROUND_S;
    if rounds < 2 {
        return crowded(&mut random, seconds);
    }
    let mut faults = Vec::new();
    for round in 0..rounds {
        let (mut apart, mut shared): (Vec<Kind>, Vec<Kind>) =
            KINDS.iter().partition(|kind| kind.is_partial());
        // Nodes die most often.
        shared.extend([Kind::NodeKill; 4]);
        shared.shuffle(&mut random);
        apart.shuffle(&mut random);
        for kind in shared {
            let pause = random.random_range(500..4_000);
            let upon = random.random_ratio(1, UPON);
            let when = if upon { When::Upon(pause) } else { When::Recovered(pause) };
            faults.push(fault(&mut random, kind, when, u64::MAX));
        }
        // Partial faults happen at the same time as others.
        let step = ROUND_S * 1_000 / u64::try_from(apart.len()).unwrap_or(1);
        for (number, kind) in (0..).zip(apart) {
            let at = round * ROUND_S * 1_000 + number * step + random.random_range(0..step / 2);
            faults.push(fault(&mut random, kind, When::At(at), u64::MAX));
        }
    }
    faults
}

/// Every kind once, spread so that the long ones begin far apart.
fn crowded(random: &mut ChaCha8Rng, seconds: u64) -> Vec<Fault> {
    let span = seconds.saturating_mul(1_000).saturating_sub(TAIL_MS).max(1_000);
    let (mut heavy, mut light): (Vec<Kind>, Vec<Kind>) =
        KINDS.iter().partition(|kind| kind.is_heavy());
    heavy.shuffle(random);
    light.shuffle(random);
    let mut faults = Vec::new();
    for kinds in [heavy, light] {
        let step = span / u64::try_from(kinds.len()).unwrap_or(1).max(1);
        for (number, kind) in (0..).zip(kinds) {
            let at = number * step + random.random_range(0..(step / 2).max(1));
            faults.push(fault(random, kind, When::At(at), span + TAIL_MS - at));
        }
    }
    faults
}

fn fault(random: &mut ChaCha8Rng, kind: Kind, when: When, most_ms: u64) -> Fault {
    let (least, most) = kind.lasts_ms();
    let lasts = random.random_range(least..most.max(least + 1));
    Fault { kind, when, lasts_ms: lasts.min(most_ms.max(least)), dice: random.random() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_every_kind_once() {
        let plan = plan(1, 60);
        let mut kinds: Vec<Kind> = plan.iter().map(|fault| fault.kind).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, KINDS);
        assert!(plan.iter().all(|fault| matches!(fault.when, When::At(0..60_000))));
        assert_ne!(plan, super::plan(2, 60));
        assert_eq!(plan, super::plan(1, 60));
    }

    #[test]
    fn half_an_hour_has_two_hundred_faults_and_sixty_kills() {
        for seed in 0..20 {
            let plan = plan(seed, 1_800);
            let kills = plan.iter().filter(|fault| fault.kind.kills_node()).count();
            assert!(plan.len() >= 200, "{}", plan.len());
            assert!(kills >= 60, "{kills}");
        }
    }
}
