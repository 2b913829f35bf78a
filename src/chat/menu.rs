//! What an agent can ask of the desk at an address, for clients that show commands as a list and as
//! forms.
//!
//! Invariant: a menu lists only what the agent may do there; whether it can be done is decided when
//! it is done.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::commands::{COMMANDS, Spec};
use super::ids::{Localpart, QueueKey, TenantKey};

/// Where commands are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A customer's chat.
    Chat,
    /// The chat with the desk.
    Desk,
    /// The link's domain: all of them, and the form asks for the customer or the desk.
    Domain,
}

impl Place {
    /// The command of this name here.
    pub fn find(self, word: &str) -> Option<&'static Spec> {
        self.commands().find(|spec| spec.word == word)
    }

    fn commands(self) -> impl Iterator<Item = &'static Spec> {
        COMMANDS.iter().filter(move |spec| match self {
            Self::Chat => spec.in_chat,
            Self::Desk => spec.with_desk,
            Self::Domain => true,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    pub place: Place,
    /// Whether they may give the commands of supervisors.
    pub supervises: bool,
    /// The tenants that they can ask here, each with its name; at least one.
    pub desks: Vec<(TenantKey, Arc<str>)>,
    /// Colleagues: what a command calls them, and how they are shown.
    pub agents: Vec<(Arc<str>, Arc<str>)>,
    pub queues: Vec<(QueueKey, Arc<str>)>,
    /// Whom a command can be about; for the domain only.
    pub customers: Vec<ListedCustomer>,
}

/// A customer in a list to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCustomer {
    pub localpart: Localpart,
    pub name: Option<Arc<str>>,
    /// What they are to the agent.
    pub relation: &'static str,
}

impl Menu {
    /// The commands that the agent may give here, each word once.
    pub fn commands(&self) -> impl Iterator<Item = &'static Spec> {
        let supervises = self.supervises;
        let mut listed = BTreeSet::new();
        self.place
            .commands()
            .filter(move |spec| supervises || !spec.for_supervisors)
            .filter(move |spec| listed.insert(spec.word))
    }
}
