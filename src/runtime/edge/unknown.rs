//! A cache of tenant names that do not exist.
//!
//! Invariants: a name is cached briefly, so that a new tenant is found soon; at most [`NAMES`] are
//! cached, because anyone can make them up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::ids::TenantKey;

const NAMES: usize = 4_096;

/// A tenant that is added is found within this time.
const REMEMBERED: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(in crate::runtime) struct Unknown(Mutex<HashMap<TenantKey, Instant>>);

impl Unknown {
    /// Whether the tenant was looked up recently and does not exist.
    pub(super) fn holds(&self, key: &TenantKey) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(key).is_some_and(|at| at.elapsed() < REMEMBERED)
    }

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
