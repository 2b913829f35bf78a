//! The faults, and when each happens: a plan made from a seed before the run.
//!
//! Invariant: the same seed and length give the same plan. (What a fault meets depends on the
//! machine; the order of the faults, their times and targets do not.)

mod inject;

use std::fmt;

use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

pub(crate) use self::inject::Injector;

/// Makes the enum of kinds and the list of them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub(crate) enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)+
        }

        /// Every kind there is.
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
    /// The owner dies between a commit and the acknowledgement.
    KillCommitAck = "owner killed between commit and ack",
    /// The owner dies between a commit and the stanza.
    KillCommitSend = "owner killed between commit and send",
    /// The owner dies between a stanza and its barrier.
    KillSendBarrier = "owner killed between send and barrier",
    /// The owner stands still for less than its lease.
    OwnerFreezeShort = "owner frozen, shorter than the lease",
    /// The owner stands still for longer.
    OwnerFreezeLong = "owner frozen, longer than the lease",
    /// SIGTERM of the owner, and a start.
    OwnerStop = "owner stopped in order",
    /// `kill -9` of the database.
    DatabaseKill = "database killed",
    /// The database stands still.
    DatabaseFreeze = "database frozen",
    /// The owner's way to the database is cut.
    DatabaseCut = "owner's way to the database cut",
    /// It falls silent.
    DatabaseSilent = "owner's way to the database half-open",
    /// It is slow.
    DatabaseSlow = "owner's way to the database slow",
    /// `kill` of Redis; it comes back empty.
    RedisKill = "Redis killed",
    /// Redis stands still.
    RedisFreeze = "Redis frozen",
    /// FLUSHALL.
    RedisFlush = "Redis flushed",
    /// A node's way to Redis is cut.
    RedisCut = "a node's way to Redis cut",
    /// `kill -9` of the XMPP server.
    XmppKill = "XMPP server killed",
    /// It stands still.
    XmppFreeze = "XMPP server frozen",
    /// The component stream is cut.
    StreamCut = "component stream cut",
    /// It falls silent.
    StreamSilent = "component stream half-open",
    /// It is slow.
    StreamSlow = "component stream slow",
    /// A quarter of the customers' sockets is cut.
    CustomersCut = "customers' sockets cut",
    /// They fall silent.
    CustomersSilent = "customers' sockets half-open",
    /// They are slow.
    CustomersSlow = "customers' sockets slow",
    /// An agent's connection is cut.
    AgentCut = "an agent's connection cut",
    /// It falls silent.
    AgentSilent = "an agent's connection half-open",
    /// An agent is away and takes nothing new.
    AgentAway = "an agent away",
    /// An agent logs out and comes back.
    AgentGone = "an agent logged out",
}

impl Kind {
    /// Whether a node dies of it.
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

    /// The point at which a node kills itself.
    pub(crate) fn point(self) -> Option<&'static str> {
        match self {
            Self::KillCommitAck => Some("commit-ack"),
            Self::KillCommitSend => Some("commit-send"),
            Self::KillSendBarrier => Some("send-barrier"),
            _ => None,
        }
    }

    /// Whether everybody waits until the lease is another's, or a dead connection is noticed.
    fn is_heavy(self) -> bool {
        matches!(
            self,
            Self::OwnerKill
                | Self::KillCommitAck
                | Self::KillCommitSend
                | Self::KillSendBarrier
                | Self::OwnerFreezeLong
                | Self::DatabaseSilent
                | Self::StreamSilent
        )
    }

    /// For how long what is broken stays broken, in milliseconds; where it is killed, until it is
    /// started again.
    fn lasts_ms(self) -> (u64, u64) {
        match self {
            Self::OwnerKill | Self::NodeKill => (200, 1_500),
            Self::KillCommitAck | Self::KillCommitSend | Self::KillSendBarrier => (200, 800),
            Self::OwnerFreezeShort => (1_000, 3_500),
            Self::OwnerFreezeLong => (8_500, 12_000),
            Self::OwnerStop | Self::RedisFlush => (0, 1),
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
    /// Milliseconds after the load began.
    pub(crate) at_ms: u64,
    pub(crate) lasts_ms: u64,
    /// By it a target is chosen, where there are several.
    pub(crate) dice: u64,
}

/// A round has every kind once; in a long run, where service is to come back between most faults,
/// it takes so long, in milliseconds.
const ROUND_MS: u64 = 210_000;
/// How long before the end the last fault begins, in milliseconds.
const TAIL_MS: u64 = 3_000;

/// Every kind at least once; in a long run, so many that service comes back between most of them.
pub(crate) fn plan(seed: u64, seconds: u64) -> Vec<Fault> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let span = seconds.saturating_mul(1_000).saturating_sub(TAIL_MS).max(1_000);
    let (mut heavy, mut light) = (Vec::new(), Vec::new());
    let rounds = (span / ROUND_MS).max(1);
    for _ in 0..rounds {
        let (mut some, mut others): (Vec<Kind>, Vec<Kind>) =
            KINDS.iter().partition(|kind| kind.is_heavy());
        if rounds > 1 {
            // Nodes die most of all.
            some.extend([Kind::OwnerKill, Kind::KillCommitAck, Kind::KillSendBarrier]);
            others.extend([Kind::NodeKill; 4]);
        }
        some.shuffle(&mut random);
        others.shuffle(&mut random);
        heavy.extend(some);
        light.extend(others);
    }
    let mut faults = Vec::new();
    for kinds in [heavy, light] {
        let step = span / u64::try_from(kinds.len()).unwrap_or(1).max(1);
        for (number, kind) in (0..).zip(kinds) {
            let (least, most) = kind.lasts_ms();
            let at_ms = number * step + random.random_range(0..(step / 2).max(1));
            let rest = (span + TAIL_MS).saturating_sub(at_ms);
            faults.push(Fault {
                kind,
                at_ms,
                lasts_ms: random.random_range(least..most.max(least + 1)).min(rest.max(least)),
                dice: random.random(),
            });
        }
    }
    faults.sort_by_key(|fault| fault.at_ms);
    faults
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
        assert!(plan.iter().all(|fault| fault.at_ms < 60_000));
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
