//! Health of this node, for `/readyz`, `/metrics` and the log.
//!
//! Invariant: a change of a part is logged once, however many callers notice it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::metrics::{Load, Metrics};
use crate::chat::ids::LinkDomain;

#[derive(Debug, Default)]
pub struct Status {
    state: Mutex<State>,
    metrics: Metrics,
}

/// The parts, and what is wrong with them.
#[derive(Debug)]
struct State {
    /// Failures by the link that found them.
    database: BTreeMap<LinkDomain, String>,
    /// The database has responded at least once.
    database_known: bool,
    cache: Option<String>,
    links: BTreeMap<LinkDomain, Option<String>>,
    loads: BTreeMap<LinkDomain, Load>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            database: BTreeMap::new(),
            database_known: false,
            // Down until the first response.
            cache: Some("has not answered yet".to_owned()),
            links: BTreeMap::new(),
            loads: BTreeMap::new(),
        }
    }
}

/// A part of the node: its name, and what is wrong with it, if anything.
pub type Part = (String, Option<String>);

impl State {
    fn database(&self) -> Option<String> {
        match self.database.values().next() {
            None if !self.database_known => Some("has not answered yet".to_owned()),
            trouble => trouble.cloned(),
        }
    }
}

impl Status {
    pub fn parts(&self) -> Vec<Part> {
        let state = self.lock();
        let links =
            state.links.iter().map(|(link, trouble)| (format!("link {link}"), trouble.clone()));
        let backends = [("database", state.database()), ("cache", state.cache.clone())];
        let backends = backends.map(|(name, trouble)| (name.to_owned(), trouble));
        backends.into_iter().chain(links).collect()
    }

    /// Whether customers can be served: the database responds and every link is connected. Without
    /// the cache nodes are slower and see less of one another, but each can serve.
    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        state.database().is_none() && state.links.values().all(Option::is_none)
    }

    /// All metrics in the OpenMetrics text format.
    pub fn metrics_text(&self) -> String {
        let parts = self.parts().into_iter().map(|(name, trouble)| (name, trouble.is_none()));
        let loads = self.lock().loads.clone();
        self.metrics.render(parts, loads)
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Records how far a link that is owned here is behind.
    pub(super) fn load(&self, link: &LinkDomain, load: Load) {
        self.lock().loads.insert(link.clone(), load);
    }

    /// A request of this link to the database succeeded.
    pub(super) fn database_up(&self, link: &LinkDomain) {
        let mut state = self.lock();
        state.database_known = true;
        if state.database.remove(link).is_some() {
            tracing::info!("database available again");
        }
    }

    /// A request of this link to the database failed.
    pub(super) fn database_down(&self, link: &LinkDomain, reason: &str) {
        let mut state = self.lock();
        if state.database.insert(link.clone(), reason.to_owned()).is_none() {
            tracing::error!(
                reason,
                "database unavailable; nothing is stored or acknowledged until it is back"
            );
        }
    }

    /// Rows wait too long. A reason that is known already is kept.
    pub(super) fn database_slow(&self, link: &LinkDomain) {
        if self.lock().database.contains_key(link) {
            return;
        }
        self.database_down(link, "it stores too slowly: check its load, its locks and its disk");
    }

    /// Records the state of the cache; returns whether it has changed.
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

    /// This node no longer owns the link.
    pub(super) fn link_left(&self, link: &LinkDomain) {
        self.link_down(link, "not served by this node");
        self.lock().loads.remove(link);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
