//! The commands whose rows the database will never accept. What happens to such a row is in
//! [`refused_row`](super::refused_row).

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::event::CustomerInput;
use crate::chat::ids::CustomerId;
use crate::chat::row::CommandKey;

/// Commands that are remembered.
const KEPT: usize = 1_024;
/// After this many, a customer's commands are refused for a while: each of them ends a term.
const OFTEN: u32 = 3;
const WHILE: Duration = Duration::from_secs(10 * 60);

/// The commands that the database refused. Outlives terms.
#[derive(Debug, Default)]
pub(in crate::runtime) struct Unfit(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    commands: VecDeque<CommandKey>,
    customers: HashMap<CustomerId, (u32, Instant)>,
}

impl Unfit {
    pub(super) fn note(&self, customer: CustomerId, key: &CommandKey) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.commands.len() >= KEPT {
            known.commands.pop_front();
        }
        known.commands.push_back(key.clone());
        let now = Instant::now();
        known.customers.retain(|_, (_, last)| now - *last < WHILE);
        let (times, last) = known.customers.entry(customer).or_insert((0, now));
        (*times, *last) = (*times + 1, now);
    }

    /// Whether a command is to be refused.
    pub(super) fn covers(&self, input: &CustomerInput) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.customers.is_empty() {
            return false;
        }
        let Some(key) = input.key() else { return false };
        let often = known.customers.get(&input.customer.id);
        let often = often.is_some_and(|(times, last)| *times >= OFTEN && last.elapsed() < WHILE);
        often || known.commands.contains(&key)
    }
}
