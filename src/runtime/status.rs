//! How this node does, for `/readyz` and the operator.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::chat::ids::LinkDomain;

/// See the module.
#[derive(Debug, Default)]
pub struct Status {
    state: Mutex<State>,
}

/// What is wrong with each part, where something is.
#[derive(Debug)]
struct State {
    database: Option<String>,
    cache: Option<String>,
    links: BTreeMap<LinkDomain, Option<String>>,
}

impl Default for State {
    fn default() -> Self {
        // What has not answered yet is not known to work.
        let unknown = || Some("has not answered yet".to_owned());
        Self { database: unknown(), cache: unknown(), links: BTreeMap::new() }
    }
}

/// One part of the node: its name, and what is wrong with it where something is.
pub type Part = (String, Option<String>);

impl Status {
    /// Every part.
    pub fn parts(&self) -> Vec<Part> {
        let state = self.lock();
        let links =
            state.links.iter().map(|(link, trouble)| (format!("link {link}"), trouble.clone()));
        let backends = [("database", &state.database), ("cache", &state.cache)];
        let backends = backends.map(|(name, trouble)| (name.to_owned(), trouble.clone()));
        backends.into_iter().chain(links).collect()
    }

    /// Whether customers can be served: the database answers and every link stands. Without the
    /// cache nodes are slower and see less of one another, but each still serves.
    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        state.database.is_none() && state.links.values().all(Option::is_none)
    }

    pub(super) fn database_up(&self) {
        self.lock().database = None;
    }

    pub(super) fn database_down(&self, reason: &str) {
        self.lock().database = Some(reason.to_owned());
    }

    /// Says whether that is news.
    pub(super) fn cache_is(&self, trouble: Option<String>) -> bool {
        let mut state = self.lock();
        let is_news = state.cache.is_some() != trouble.is_some();
        state.cache = trouble;
        is_news
    }

    pub(super) fn link_up(&self, link: &LinkDomain) {
        self.lock().links.insert(link.clone(), None);
    }

    pub(super) fn link_down(&self, link: &LinkDomain, reason: &str) {
        self.lock().links.insert(link.clone(), Some(reason.to_owned()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
