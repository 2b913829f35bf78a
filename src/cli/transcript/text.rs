//! Transcripts as text for a terminal.

use std::io::{self, Write};

use crate::bridge::{clean, mark};
use crate::ports::directory::Tenant;

use super::{Case, Form, Said, customer, moment, said, state};

pub(super) struct Text;

impl Form for Text {
    fn begin(&mut self, _: &Tenant, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn case(&mut self, case: &Case, to: &mut dyn Write) -> io::Result<()> {
        let conversation = &case.conversation;
        writeln!(to, "Conversation {} with {}", conversation.id, plain(&customer(case)))?;
        writeln!(
            to,
            "queue {}, opened {} UTC, {}",
            conversation.queue,
            moment(conversation.opened_at),
            state(case)
        )?;
        if let Some(subject) = &conversation.subject {
            writeln!(to, "subject: {}", plain(subject).replace('\n', " "))?;
        }
        writeln!(to)?;
        for row in &case.entries {
            let at = moment(row.at);
            match said(row, case) {
                Some(Said::Words { who, text }) => {
                    let indent = format!("\n{:1$}", "", at.len() + 2);
                    let text = plain(&text).replace('\n', &indent);
                    writeln!(to, "{at}  {}: {text}", plain(&who))?;
                }
                Some(Said::Event(event)) => {
                    // One line: otherwise a comment of several lines could look like another
                    // person's message.
                    writeln!(to, "{at}  * {}", plain(&event).replace('\n', " "))?;
                }
                None => {}
            }
        }
        writeln!(to)
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Replaces control characters and bidirectional overrides; all line ends become `\n`.
fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        c if mark::is_line_end(c) => '\n',
        c if c.is_control() || clean::is_bidi_control(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}
