//! How this node does, for `/readyz` and the operator.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::chat::ids::LinkDomain;

/// See the module.
#[derive(Debug, Default)]
pub struct Status {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    database: Option<String>,
    links: BTreeMap<LinkDomain, Option<String>>,
}

/// One part of the node: its name, and what is wrong with it where something is.
pub type Part = (String, Option<String>);

impl Status {
    /// Every part.
    pub fn parts(&self) -> Vec<Part> {
        let state = self.lock();
        let links =
            state.links.iter().map(|(link, trouble)| (format!("link {link}"), trouble.clone()));
        std::iter::once(("database".to_owned(), state.database.clone())).chain(links).collect()
    }

    pub(super) fn database_up(&self) {
        self.lock().database = None;
    }

    pub(super) fn database_down(&self, reason: &str) {
        self.lock().database = Some(reason.to_owned());
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
