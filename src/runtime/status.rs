//! How this node does, for `/readyz`, `/metrics` and the log.
//!
//! Invariant: a part's change is said once, however many notice it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::metrics::{Load, Metrics};
use crate::chat::ids::LinkDomain;

/// See the module.
#[derive(Debug, Default)]
pub struct Status {
    state: Mutex<State>,
    metrics: Metrics,
}

/// What is wrong with each part, where something is.
#[derive(Debug)]
struct State {
    /// By the link that found it.
    database: BTreeMap<LinkDomain, String>,
    /// The database has answered once.
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
            // What has not answered yet is not known to work.
            cache: Some("has not answered yet".to_owned()),
            links: BTreeMap::new(),
            loads: BTreeMap::new(),
        }
    }
}

/// One part of the node: its name, and what is wrong with it where something is.
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
    /// Every part.
    pub fn parts(&self) -> Vec<Part> {
        let state = self.lock();
        let links =
            state.links.iter().map(|(link, trouble)| (format!("link {link}"), trouble.clone()));
        let backends = [("database", state.database()), ("cache", state.cache.clone())];
        let backends = backends.map(|(name, trouble)| (name.to_owned(), trouble));
        backends.into_iter().chain(links).collect()
    }

    /// Whether customers can be served: the database answers and every link stands. Without the
    /// cache nodes are slower and see less of one another, but each still serves.
    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        state.database().is_none() && state.links.values().all(Option::is_none)
    }

    /// All that is counted, in the text format of Prometheus.
    pub fn metrics_text(&self) -> String {
        let parts = self.parts().into_iter().map(|(name, trouble)| (name, trouble.is_none()));
        let loads = self.lock().loads.clone();
        self.metrics.render(parts, loads)
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How far a link that is owned here is behind.
    pub(super) fn load(&self, link: &LinkDomain, load: Load) {
        self.lock().loads.insert(link.clone(), load);
    }

    /// The database did what the link asked of it.
    pub(super) fn database_up(&self, link: &LinkDomain) {
        let mut state = self.lock();
        state.database_known = true;
        if state.database.remove(link).is_some() {
            tracing::info!(%link, "the database works again");
        }
    }

    /// The database did not do what the link asked of it.
    pub(super) fn database_down(&self, link: &LinkDomain, reason: &str) {
        let mut state = self.lock();
        if state.database.insert(link.clone(), reason.to_owned()).is_none() {
            tracing::error!(
                %link, reason,
                "the database does not work: nothing is stored or acknowledged until it does"
            );
        }
    }

    /// Rows wait too long; the reason is kept where one is known.
    pub(super) fn database_slow(&self, link: &LinkDomain) {
        if self.lock().database.contains_key(link) {
            return;
        }
        self.database_down(link, "it stores too slowly: look at its load, its locks and its disk");
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

    /// The link is not owned here any more.
    pub(super) fn link_left(&self, link: &LinkDomain) {
        self.link_down(link, "not served by this node");
        self.lock().loads.remove(link);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
