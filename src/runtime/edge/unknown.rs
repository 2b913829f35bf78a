//! Names of tenants that do not exist.
//!
//! Invariants: a name is remembered for a moment, so that a tenant that is added is found soon; at
//! most [`NAMES`] are, for anyone can make them up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::ids::TenantKey;

/// The most names that are remembered.
const NAMES: usize = 4_096;

/// How long a name is: what the shell adds is in force within this.
const REMEMBERED: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Default)]
pub(in crate::runtime) struct Unknown(Mutex<HashMap<TenantKey, Instant>>);

impl Unknown {
    /// Whether there was no such tenant a moment ago.
    pub(super) fn holds(&self, key: &TenantKey) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(key).is_some_and(|at| at.elapsed() < REMEMBERED)
    }

    /// There is no such tenant.
    pub(super) fn insert(&self, key: &TenantKey) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES {
            names.retain(|_, at| at.elapsed() < REMEMBERED);
        }
        if names.len() < NAMES {
            names.insert(key.clone(), Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> TenantKey {
        TenantKey::new(&format!("t{number}")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_bounded_number_is_remembered_for_a_moment() {
        let unknown = Unknown::default();
        for number in 0..NAMES + 10 {
            unknown.insert(&key(number));
        }
        assert!(unknown.holds(&key(0)) && !unknown.holds(&key(NAMES + 1)));
        tokio::time::advance(REMEMBERED).await;
        assert!(!unknown.holds(&key(0)));
        unknown.insert(&key(NAMES + 1));
        assert!(unknown.holds(&key(NAMES + 1)));
        assert_eq!(unknown.0.lock().unwrap().len(), 1);
    }
}
