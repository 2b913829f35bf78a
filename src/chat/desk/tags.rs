//! What agents say about a conversation as a whole: its tags and its priority.
//!
//! Invariants: both are in the conversation's view, and each change is a row that says who made it;
//! a tag exists or is refused, unless the tenant's agents may make tags; a change of the priority
//! changes the place in the queue at once.

use std::sync::Arc;

use super::Desk;
use super::agent::Standing;
use super::notes::FULL;
use super::order::{PRIORITY, TAG};
use super::row::NewRow;
use crate::chat::commands::{PRIORITIES, priority_word};
use crate::chat::event::AgentInput;
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Timestamp};
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::RowKind;
use crate::chat::tags::{self, TAG_CHARS, TAGS, TenantTags};

/// How many tags a refusal lists.
const LISTED: usize = 20;

fn impossible(text: String) -> AgentRefusal {
    AgentRefusal::Impossible { text: text.into() }
}

/// The tags after adding those that are named, and removing those with a `-` before them.
fn changed<'w>(
    tenant: &TenantTags,
    before: &[Arc<str>],
    written: impl Iterator<Item = &'w str>,
) -> Result<Vec<Arc<str>>, AgentRefusal> {
    let mut after = before.to_vec();
    for word in written {
        let (removes, word) = match word.strip_prefix(['-', '−']) {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        let Some(tag) = tags::tag(word) else {
            return Err(impossible(format!(
                "Not tagged: a tag is one word of letters, digits, - and _, of at most {TAG_CHARS}."
            )));
        };
        if removes {
            if !after.contains(&tag) {
                return Err(impossible(format!("Not tagged: there is no #{tag} here to remove.")));
            }
            after.retain(|other| *other != tag);
        } else if !tenant.open && !tenant.known.contains(&tag) {
            return Err(impossible(unknown(&tag, &tenant.known)));
        } else if !after.contains(&tag) {
            after.push(tag);
        }
    }
    if after.len() > TAGS {
        return Err(impossible(format!("Not tagged: a conversation has at most {TAGS} tags.")));
    }
    Ok(after)
}

fn unknown(tag: &str, known: &[Arc<str>]) -> String {
    if known.is_empty() {
        return format!("Not tagged: there is no tag #{tag}. Your operator makes tags.");
    }
    let listed = known.iter().take(LISTED).map(|tag| format!("#{tag}")).collect::<Vec<_>>();
    let more = if known.len() > LISTED { ", …" } else { "" };
    format!("Not tagged: there is no tag #{tag}. Choose from: {}{more}.", listed.join(", "))
}

impl Desk {
    /// The conversation that an agent may say something about: theirs, one they may take, or as a
    /// supervisor any.
    fn judged_by(
        &self,
        customer: CustomerId,
        agent: &AgentJid,
        standing: &Standing,
    ) -> Result<ConversationId, AgentRefusal> {
        let case = match standing {
            Standing::Holds(case) | Standing::MayTake(case) => *case,
            Standing::Late { case, .. } if self.supervises(customer, agent) => *case,
            Standing::Late { case, holder } => return Err(self.taken(*case, holder)),
            other => return Err(self.barred(other)),
        };
        match self.is_overfull(case) {
            true => Err(AgentRefusal::Impossible { text: FULL.into() }),
            false => Ok(case),
        }
    }

    /// Changes the tags, or lists them if no text names any.
    pub(super) fn tag(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        text: &str,
    ) -> Result<(), AgentRefusal> {
        let case = self.judged_by(customer, &input.agent, standing)?;
        if !text.trim().is_empty() {
            let tags = self.tagged(case, text.split_whitespace())?;
            self.put_tags(now, case, input, tags);
            self.ordered(now, customer, input, TAG);
        }
        let Some(view) = self.cases.get(&case).map(|case| &case.view) else { return Ok(()) };
        let tenant = self.settings(&view.tenant).map(|settings| settings.tags.clone());
        let line = Notice::Tags { tags: view.tags.clone(), of_tenant: tenant.unwrap_or_default() };
        self.reply(input, line);
        Ok(())
    }

    fn tagged<'w>(
        &self,
        case: ConversationId,
        written: impl Iterator<Item = &'w str>,
    ) -> Result<Vec<Arc<str>>, AgentRefusal> {
        let view = self.cases.get(&case).map(|case| &case.view).ok_or(AgentRefusal::NotFound)?;
        let settings = self.settings(&view.tenant).ok_or(AgentRefusal::NotFound)?;
        changed(&settings.tags, &view.tags, written)
    }

    fn put_tags(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        tags: Vec<Arc<str>>,
    ) {
        let Some(case) = self.cases.get_mut(&id).filter(|case| case.view.tags != tags) else {
            return;
        };
        case.view.tags.clone_from(&tags);
        let tenant = case.view.tenant.clone();
        let author = self.author(&tenant, &input.agent);
        let row = NewRow::new(author, RowKind::Tagged { tags }).with_view();
        self.append(now, id, NewRow { stanza: input.stanza.clone(), ..row });
    }

    /// Tags a conversation with the words with `#` that a text begins with, and closes it; what
    /// follows them is sent to the customer first.
    pub(super) fn close_tagging(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        words: &str,
    ) -> Result<(), AgentRefusal> {
        let case = self.judged_by(customer, &input.agent, standing)?;
        let (written, rest) = tags::leading(words);
        let tags = self.tagged(case, written.into_iter())?;
        if let (Standing::Late { case, holder }, false) = (standing, rest.is_empty()) {
            return Err(self.taken(*case, holder));
        }
        let takes = matches!(standing, Standing::MayTake(_));
        if rest.is_empty() && takes && !self.supervises(customer, &input.agent) {
            return Err(AgentRefusal::NotTaken);
        }
        self.put_tags(now, case, input, tags);
        if rest.is_empty() {
            self.close_by(now, case, input);
            return Ok(());
        }
        if takes {
            self.assign(now, case, &input.agent);
        }
        self.say_and_close(now, case, input, rest.into());
        Ok(())
    }

    /// Changes the priority, and with it the place in the queue.
    pub(super) fn rank(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        word: &str,
    ) -> Result<(), AgentRefusal> {
        let wanted = word.trim().to_lowercase();
        let Some((_, priority)) = PRIORITIES.iter().find(|(word, _)| *word == wanted).copied()
        else {
            return Err(AgentRefusal::Usage { word: PRIORITY });
        };
        let id = self.judged_by(customer, &input.agent, standing)?;
        let Some(case) = self.cases.get_mut(&id) else { return Ok(()) };
        if case.view.priority != priority {
            let before = case.view.clone();
            case.view.priority = priority;
            let view = case.view.clone();
            if view.agent().is_none()
                && let Some(line) = self.line(&view.tenant, &view.queue)
            {
                line.leave(&before);
                line.enter(&view);
                self.count_in_line(now, customer);
                self.positions_changed(now, &view.tenant, &view.queue);
            }
            let author = self.author(&view.tenant, &input.agent);
            let row = NewRow::new(author, RowKind::Ranked { priority }).with_view();
            self.append(now, id, NewRow { stanza: input.stanza.clone(), ..row });
            self.stirred.insert((view.tenant, view.queue));
        }
        self.ordered(now, customer, input, PRIORITY);
        self.reply(input, Notice::Priority { word: priority_word(priority) });
        Ok(())
    }
}
