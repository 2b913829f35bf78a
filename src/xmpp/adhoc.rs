//! Commands that agents' clients give through forms: what is under way, and what a client was told.
//!
//! Invariants: every query gets one reply, within [`WAIT`]. A session belongs to one client, one
//! address and one command, and ends after [`SESSION`]; a client has at most [`EACH`] of them, all
//! clients together [`ALL`]. A query that a client resends gets the reply it had.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::minidom::Element;

use crate::bridge::address::Target;
use crate::bridge::adhoc::ask::Form;
use crate::bridge::adhoc::reply::Query;
use crate::chat::commands::Spec;
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, TenantKey};
use crate::chat::notice::Notice;

/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(600);

/// How long a client waits for the desk. Some clients give up after 20 s.
const WAIT: Duration = Duration::from_secs(10);

/// How long a query that comes again counts as a repeat. Some clients number their queries from 1
/// at every start.
const REPEATED: Duration = Duration::from_secs(60);

/// Sessions of one client, and of all.
const EACH: usize = 16;
const ALL: usize = if cfg!(test) { 128 } else { 4_096 };

/// One client's command, or its question which there are.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) agent: AgentJid,
    pub(super) resource: Arc<str>,
    /// The address that was asked.
    pub(super) target: Target,
    began: Instant,
    /// When it went on last.
    pub(super) replied_at: Instant,
    pub(super) step: Step,
}

#[derive(Debug)]
pub(super) enum Step {
    /// The desk is asked what there is.
    Looks { query: Query, wants: Wants },
    /// The form was sent.
    Shown { spec: &'static Spec, desk: TenantKey },
    /// The desk carries it out.
    Runs { query: Query, running: Running },
    /// The client was told that the result comes later.
    Late { running: Running },
    /// The result was sent.
    Over { query: Query, reply: Box<Element> },
}

/// A command that the desk carries out.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) spec: &'static Spec,
    pub(super) desk: TenantKey,
    /// Whom it was sent to.
    pub(super) to: Peer,
    /// What the agent wrote, if it must not get lost.
    pub(super) wrote: Option<Arc<str>>,
    /// What the desk has said about it; several for a command that runs others.
    pub(super) notices: Vec<Notice>,
}

/// What a client wants to know, or to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wants {
    List,
    AboutList,
    About(String),
    Begin { node: String, form: Option<Form> },
}

#[derive(Debug, Default)]
pub(super) struct Talks {
    talks: HashMap<Arc<str>, Talk>,
    /// Those that wait for the desk, and until when.
    due: VecDeque<(Instant, Arc<str>)>,
}

impl Talk {
    pub(super) fn is_of(&self, agent: &AgentJid, resource: &str) -> bool {
        self.agent == *agent && *self.resource == *resource
    }

    fn waits(&self) -> bool {
        matches!(self.step, Step::Looks { .. } | Step::Runs { .. })
    }
}

impl Talks {
    /// Begins one that waits for the desk; false if there are too many.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        id: Arc<str>,
        (agent, resource, target): (AgentJid, Arc<str>, Target),
        step: Step,
    ) -> bool {
        let of_it = |talk: &Talk| talk.is_of(&agent, &resource);
        if !self.make_room(now, EACH, of_it) || !self.make_room(now, ALL, |_| true) {
            return false;
        }
        self.talks.insert(
            id.clone(),
            Talk { agent, resource, target, began: now, replied_at: now, step },
        );
        self.waits(now, id);
        true
    }

    /// Whether there are fewer than `most` of these, after the oldest that waits for nothing was
    /// dropped.
    fn make_room(&mut self, now: Instant, most: usize, of_them: impl Fn(&Talk) -> bool) -> bool {
        if self.talks.len() < most {
            return true;
        }
        self.talks.retain(|_, talk| talk.waits() || now < talk.began + SESSION);
        let these = || self.talks.iter().filter(|(_, talk)| of_them(talk));
        if these().count() < most {
            return true;
        }
        let idle = these().filter(|(_, talk)| !talk.waits());
        let oldest = idle.min_by_key(|(_, talk)| talk.began).map(|(id, _)| id.clone());
        oldest.is_some_and(|id| self.talks.remove(&id).is_some())
    }

    /// The desk has been asked something.
    pub(super) fn waits(&mut self, now: Instant, id: Arc<str>) {
        self.due.push_back((now + WAIT, id));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.talks.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.talks.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Talk> {
        self.talks.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Talk> {
        self.talks.get_mut(id)
    }

    /// A session that has not run out.
    pub(super) fn session(&self, now: Instant, id: &str) -> Option<&Talk> {
        self.talks.get(id).filter(|talk| now < talk.began + SESSION)
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Talk> {
        self.talks.remove(id)
    }

    /// Whether a query came before, a moment ago: with the reply, if it had one.
    pub(super) fn repeated(&self, now: Instant, query: &Query) -> Option<Option<&Element>> {
        let recent = self.talks.values().filter(|talk| now < talk.replied_at + REPEATED);
        let mut found = recent.filter_map(|talk| match &talk.step {
            Step::Over { query: known, reply } => (known == query).then_some(Some(&**reply)),
            Step::Runs { query: known, .. } | Step::Looks { query: known, .. } => {
                (known == query).then_some(None)
            }
            Step::Shown { .. } | Step::Late { .. } => None,
        });
        found.next()
    }

    /// When the next one has waited long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.front().map(|(at, _)| *at)
    }

    /// One that has waited long enough.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Arc<str>> {
        self.due.pop_front_if(|(at, _)| *at <= now).map(|(_, id)| id)
    }

    /// The stream is gone, and with it everyone who waits for a reply.
    pub(super) fn lost(&mut self) {
        self.due.clear();
        self.talks.retain(|_, talk| !matches!(talk.step, Step::Looks { .. }));
        for talk in self.talks.values_mut() {
            if let Step::Runs { running, .. } = &talk.step {
                talk.step = Step::Late { running: running.clone() };
            }
        }
    }
}
