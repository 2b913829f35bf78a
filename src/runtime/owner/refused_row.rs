//! Rows that the database will never accept.
//!
//! Invariant: a row that is refused for its content blocks nobody. Its term ends, because the desk
//! has built on it; everything before it is stored; its author is told that it is not, and the same
//! command is not accepted again. It should not happen, because input is checked against what the
//! schema accepts; but a database that was changed by hand may have other rules.

use super::term::Term;
use crate::chat::effect::{Answer, Effect};
use crate::chat::event::CustomerInput;
use crate::chat::ids::Pos;
use crate::chat::refusal::{AgentRefusal, CommandError};
use crate::chat::row::Row;

impl Term<'_> {
    /// The database refused a row for its content: its author is told.
    pub(super) fn refuse_row(&mut self, row: &Row, error: &str) {
        let pos = row.pos.0;
        tracing::error!(
            pos, conversation = %row.conversation, error,
            "the database refused a row; it is not stored, and its author is told. \
             Compare the schema with what `couplet migrate` creates"
        );
        self.refused = Some(row.pos);
        let Some((to, customer, key)) = self.backpressure.whose(row.pos) else { return };
        self.owner.unfit.note(customer, &key);
        let answer = Answer::Refused { id: Some(key.id), error: CommandError::Unstorable };
        self.carry_out(Effect::Answer { to, customer, answer });
    }

    /// Refuses a command that the database has refused before.
    pub(super) fn is_unfit(&mut self, input: &CustomerInput) -> bool {
        let is_unfit = self.owner.unfit.covers(input);
        if is_unfit {
            let answer = Answer::Refused {
                id: input.command().map(|command| command.id.clone()),
                error: CommandError::Unstorable,
            };
            let (to, customer) = (input.socket, input.customer.id);
            self.carry_out(Effect::Answer { to, customer, answer });
        }
        is_unfit
    }

    /// The reason for returning an agent's message that was made into these rows.
    pub(super) fn why_returned(&self, rows: Option<(Pos, Pos)>) -> AgentRefusal {
        match (rows, self.refused) {
            (Some((first, last)), Some(refused)) if first <= refused && refused <= last => {
                AgentRefusal::Unstorable
            }
            _ => AgentRefusal::Overloaded,
        }
    }
}
