//! `couplet queue`: the queues of a tenant.

use std::sync::Arc;

use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::chat::ids::{QueueKey, TenantKey, Timestamp};
use crate::chat::settings::{QueueSettings, Strategy};
use crate::ports::store::Store;

use super::error::CliError;
use super::output::Output;
use super::{args, by_hand, hours, known};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a queue, or replace it
    Add(Add),
    /// Change when it is open, where that is not as its tenant
    Set {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
        /// The queue's key
        #[arg(value_parser = args::queue)]
        key: QueueKey,
        /// hours, hours_mode (strict or advisory), zone or country; NAME= removes it:
        /// hours="Mo-Fr 09:00-17:00; PH off"
        #[arg(value_name = "NAME=VALUE", required = true, value_parser = hours::change)]
        changes: Vec<hours::Change>,
    },
    /// Close it, whatever its hours are, until a time or until they begin again
    Close(by_hand::Wish),
    /// Open it again; with --until, whatever its hours are
    Open(by_hand::Wish),
    /// List the queues
    List {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
    },
    /// Remove a queue; refused for "default"
    Remove {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
        /// The queue's key
        #[arg(value_parser = args::queue)]
        key: QueueKey,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// The queue's key: 1 to 32 of a-z, 0-9 and -
    #[arg(value_parser = args::queue)]
    key: QueueKey,
    /// The name that customers read
    #[arg(long, value_parser = args::name)]
    name: Arc<str>,
    /// How an agent is chosen for a customer
    #[arg(long, value_enum, default_value_t = Strategy::LeastLoaded)]
    strategy: Strategy,
    /// How many seconds an agent has to accept an offer before the next one is asked
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    offer_seconds: u32,
}

impl ValueEnum for Strategy {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::LeastLoaded, Self::RoundRobin, Self::RingAll]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (word, help) = match self {
            Self::LeastLoaded => {
                ("least-loaded", "The agent with the smallest part of their capacity in use")
            }
            Self::RoundRobin => ("round-robin", "The agents in turn"),
            Self::RingAll => {
                ("ring-all", "All agents at once; the first who answers gets the conversation")
            }
        };
        Some(PossibleValue::new(word).help(help))
    }
}

/// A queue, as printed.
#[derive(Debug, Serialize)]
pub(super) struct View {
    key: String,
    name: String,
    strategy: String,
    offer_seconds: i64,
}

impl View {
    pub(super) const HEADS: [&str; 4] = ["KEY", "NAME", "STRATEGY", "OFFER"];

    pub(super) fn of(queue: &QueueSettings) -> Self {
        Self {
            key: queue.key.to_string(),
            name: queue.name.to_string(),
            strategy: args::word(&queue.strategy),
            offer_seconds: queue.offer_ms / 1000,
        }
    }

    pub(super) fn cells(&self) -> [String; 4] {
        let offer = format!("{} s", self.offer_seconds);
        [self.key.clone(), self.name.clone(), self.strategy.clone(), offer]
    }
}

pub(super) async fn run(
    command: Command,
    now: Timestamp,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    match command {
        Command::Add(wish) => add(wish, store, out).await,
        Command::Set { tenant, key, changes } => {
            hours::set(&tenant, Some(&key), &changes, store, out).await
        }
        Command::Close(wish) => by_hand::close(wish, now, store, out).await,
        Command::Open(wish) => by_hand::open(wish, now, store, out).await,
        Command::List { tenant } => {
            known::tenant(&tenant, store).await?;
            let queues = store.queues(&tenant).await?;
            let views: Vec<View> = queues.iter().map(View::of).collect();
            Ok(out.list(&views, View::HEADS, View::cells)?)
        }
        Command::Remove { tenant, key } => remove(&tenant, &key, store, out).await,
    }
}

async fn add(wish: Add, store: &dyn Store, out: &mut Output<'_>) -> Result<(), CliError> {
    known::tenant(&wish.tenant, store).await?;
    let before = store.queues(&wish.tenant).await?;
    let done = if before.iter().any(|queue| queue.key == wish.key) { "updated" } else { "added" };
    let queue = QueueSettings {
        key: wish.key,
        name: wish.name,
        strategy: wish.strategy,
        offer_ms: i64::from(wish.offer_seconds) * 1000,
    };
    store.put_queue(&wish.tenant, &queue).await?;
    Ok(out.one(&View::of(&queue), |_| format!("queue {} of {} {done}", queue.key, wish.tenant))?)
}

async fn remove(
    tenant: &TenantKey,
    key: &QueueKey,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    known::tenant(tenant, store).await?;
    if *key == QueueKey::default_queue() {
        return Err(CliError::refused(
            "the queue default cannot be removed: customers who name no queue wait in it",
            "take the agents out of it instead: couplet agent add … --queue ANOTHER",
        ));
    }
    let queues = store.queues(tenant).await?;
    let Some(queue) = queues.iter().find(|queue| queue.key == *key) else {
        return Err(known::no_queue(tenant, key, &queues));
    };
    store.remove_queue(tenant, key).await?;
    Ok(out.one(&View::of(queue), |_| format!("queue {key} of {tenant} removed"))?)
}
