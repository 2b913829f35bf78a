//! Macros in a customer's chat.
//!
//! Invariants: a step is carried out as if the agent had written it, and refused like it; with the
//! first refusal the macro ends, and what was done stays done. A row before the steps says which
//! macro it is, with the stanza: so a resent stanza runs it once, after a restart too. A macro that
//! cannot begin leaves no row.

use std::sync::Arc;

use super::Desk;
use super::agent::Standing;
use super::order::{MACRO, run};
use super::row::NewRow;
use crate::chat::commands::AgentCommand;
use crate::chat::event::AgentInput;
use crate::chat::ids::{ConversationId, CustomerId, Timestamp};
use crate::chat::macros::{self, MacroCommand, MacroNotice, key_in};
use crate::chat::notice::Notice;
use crate::chat::refusal::{AgentRefusal, MacroRefusal};
use crate::chat::row::{Author, Row, RowKind};
use crate::chat::settings::{Macro, TenantSettings};
use crate::chat::steps;

impl Desk {
    /// Carries out a command about macros.
    pub(super) fn macros(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        command: &MacroCommand,
    ) -> Result<(), AgentRefusal> {
        let tenant = self.visitors.get(&customer).map(|visitor| &visitor.customer.tenant);
        let settings = tenant.and_then(|tenant| self.settings(tenant));
        let settings = settings.ok_or(AgentRefusal::NotFound)?;
        let told = match command {
            MacroCommand::List => macros::list(&settings.macros),
            MacroCommand::Show { words } => {
                let found = find(&settings, words)?;
                MacroNotice::Shown { key: found.key.clone(), steps: found.steps.clone() }
            }
            MacroCommand::Run { words } => {
                let found = find(&settings, words)?;
                self.run(now, customer, input, standing, found)?;
                MacroNotice::Done { key: found.key.clone(), steps: found.steps.len() }
            }
        };
        self.reply(input, Notice::Macro(told));
        Ok(())
    }

    fn run(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        found: &Macro,
    ) -> Result<(), AgentRefusal> {
        let read = self.limits.reads;
        let commands = found.steps.iter().map(|step| read(step)).collect::<Vec<_>>();
        steps::check(&commands)
            .map_err(|_| AgentRefusal::Macro(MacroRefusal::Broken { key: found.key.clone() }))?;
        match standing {
            Standing::Holds(case) => {
                let case = self.go_on(now, *case, input.fresh);
                self.begins(now, case, customer, input, found);
            }
            Standing::MayTake(case) => self.begins(now, *case, customer, input, found),
            Standing::Closed if commands.first() == Some(&AgentCommand::Reopen) => {}
            barred => return Err(self.barred(barred)),
        }
        let of = commands.len();
        for ((step, written), command) in (1..).zip(&found.steps).zip(commands) {
            let standing = self.standing(customer, &input.agent);
            let reopens = command == AgentCommand::Reopen;
            self.step(now, customer, input, standing, command).map_err(|why| {
                let (key, written) = (found.key.clone(), written.clone());
                let why = Box::new(why);
                AgentRefusal::Macro(MacroRefusal::Stopped { key, step, of, written, why })
            })?;
            // Before it there was no conversation that it could be noted in.
            if let (true, Standing::Holds(case)) = (reopens, self.standing(customer, &input.agent))
            {
                self.begins(now, case, customer, input, found);
            }
        }
        Ok(())
    }

    /// One step, like a command of the agent.
    fn step(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: Standing,
        command: AgentCommand,
    ) -> Result<(), AgentRefusal> {
        match command {
            // A macro runs no macro; its steps were checked.
            AgentCommand::Macro(_) => Err(AgentRefusal::NotFound),
            command => self.carry_out(now, customer, input, standing, command),
        }
    }

    /// Notes that the macro is run.
    fn begins(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        customer: CustomerId,
        input: &AgentInput,
        found: &Macro,
    ) {
        let Some(tenant) = self.cases.get(&case).map(|case| case.view.tenant.clone()) else {
            return;
        };
        let author = self.author(&tenant, &input.agent);
        let kind = RowKind::Macro { key: found.key.as_str().into() };
        let which = NewRow { stanza: input.stanza.clone(), ..NewRow::new(author, kind) };
        self.append(now, case, which);
        self.ordered(now, customer, input, MACRO);
        self.ordered(now, customer, input, &run(found.key.as_str()));
    }

    /// Remembers the macros among these rows.
    pub(super) fn recall_macros(&mut self, now: Timestamp, rows: &[Arc<Row>]) {
        for row in rows {
            if let (RowKind::Macro { key }, Author::Agent { jid, .. }, Some(stanza)) =
                (&row.kind, &row.author, &row.stanza)
            {
                let at = row.at.min(now);
                for order in [MACRO, &run(key)] {
                    self.orders.insert(at, jid, row.customer, stanza, order);
                }
            }
        }
    }
}

/// The macro that an agent's words name.
fn find<'s>(settings: &'s TenantSettings, words: &str) -> Result<&'s Macro, AgentRefusal> {
    let (key, rest) = key_in(words);
    let known = &settings.macros;
    let Some(found) = known.iter().find(|one| one.key.as_str() == key) else {
        let words = macros::repeated(&key);
        return Err(AgentRefusal::Macro(MacroRefusal::Unknown { words, any: !known.is_empty() }));
    };
    if rest.is_empty() {
        return Ok(found);
    }
    let (key, words) = (found.key.clone(), macros::repeated(rest));
    Err(AgentRefusal::Macro(MacroRefusal::Overfull { key, words }))
}
