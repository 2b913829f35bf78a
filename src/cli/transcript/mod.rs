//! `couplet transcript`: exports conversations.
//!
//! Invariants: one conversation at a time is held in memory, however many are exported. Text from
//! customers is never interpreted as markup, nor as a terminal's control sequence.

mod html;
mod json;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use chrono::{DateTime, SubsecRound};
use clap::{Args, Subcommand, ValueEnum};

use crate::chat::commands::priority_word;
use crate::chat::ids::{ConversationId, Pos, TenantKey, Timestamp};
use crate::chat::model::{CloseReason, Conversation, Customer, State};
use crate::chat::namesake::Namesakes;
use crate::chat::row::{Author, Row, RowKind};
use crate::ports::directory::Tenant;
use crate::ports::store::Store;
use crate::ports::store_error::StoreError;

use super::error::CliError;
use super::output::Output;
use super::{args, known};

const CONVERSATIONS: u32 = 100;
const ENTRIES: u32 = 500;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print one conversation of a tenant, or all of them, the oldest first
    Export(Export),
}

#[derive(Debug, Args)]
pub struct Export {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// Only this conversation
    #[arg(long, value_name = "ID", value_parser = args::conversation)]
    conversation: Option<ConversationId>,
    /// Who will read it: the desk's has the notes, tags and addresses of agents
    #[arg(long = "for", value_enum, default_value_t = Reader::Desk)]
    reader: Reader,
    /// The format; default text, or JSON with --json
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Text,
    Html,
}

/// Who reads a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reader {
    /// The business: everything that agents see
    Desk,
    /// The customer: what they could read themselves
    Customer,
}

/// A conversation with its entries.
#[derive(Debug)]
struct Case {
    reader: Reader,
    conversation: Conversation,
    customer: Customer,
    entries: Vec<Arc<Row>>,
}

/// A format of the export; conversations are written one after the other.
trait Form: Send {
    fn begin(&mut self, tenant: &Tenant, to: &mut dyn Write) -> io::Result<()>;
    fn case(&mut self, case: &Case, to: &mut dyn Write) -> io::Result<()>;
    fn end(&mut self, to: &mut dyn Write) -> io::Result<()>;
}

pub(super) async fn run(
    Command::Export(wish): Command,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let tenant = known::tenant(&wish.tenant, store).await?;
    let default = if out.json { Format::Json } else { Format::Text };
    let mut form: Box<dyn Form> = match wish.format.unwrap_or(default) {
        Format::Json => Box::new(json::Json::default()),
        Format::Text => Box::new(text::Text),
        Format::Html => Box::new(html::Html),
    };
    if let Some(id) = wish.conversation {
        let found = store.conversation(id).await?;
        if found.is_none_or(|conversation| conversation.tenant != tenant.key) {
            return Err(CliError::refused(
                format!("{} has no conversation {id}", tenant.key),
                "leave --conversation out to export all of them",
            ));
        }
    }
    form.begin(&tenant, out.to)?;
    let wanted = (wish.reader, wish.conversation);
    export(&tenant.key, wanted, store, &mut |case| form.case(case, out.to)).await?;
    Ok(form.end(out.to)?)
}

/// Also a single conversation is looked up in the tenant's list: only there the port returns it
/// with its customer.
async fn export(
    tenant: &TenantKey,
    (reader, only): (Reader, Option<ConversationId>),
    store: &dyn Store,
    write: &mut (dyn FnMut(&Case) -> io::Result<()> + Send),
) -> Result<(), CliError> {
    let mut after = None;
    loop {
        let page = store.conversations(tenant, after, CONVERSATIONS).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for (conversation, customer) in page {
            let wanted = only.is_none_or(|id| id == conversation.id);
            if wanted {
                let entries = entries(conversation.id, reader, store).await?;
                write(&Case { reader, conversation, customer, entries })?;
            }
            if wanted && only.is_some() {
                return Ok(());
            }
        }
    }
}

async fn entries(
    id: ConversationId,
    reader: Reader,
    store: &dyn Store,
) -> Result<Vec<Arc<Row>>, StoreError> {
    let mut entries: Vec<Arc<Row>> = Vec::new();
    let mut after = Pos(0);
    loop {
        let page = store.rows(id, after, Pos(u64::MAX), ENTRIES).await?;
        let Some(last) = page.last() else { return Ok(entries) };
        after = last.pos;
        entries.extend(page.into_iter().filter(|row| is_told(row, reader)));
    }
}

/// Whether a row is part of the transcript for this reader.
fn is_told(row: &Row, reader: Reader) -> bool {
    let for_desk = row.kind.kind().is_note()
        || matches!(row.kind, RowKind::Tagged { .. } | RowKind::Ranked { .. });
    row.seq.is_some()
        || matches!(row.kind, RowKind::Rated { .. })
        || reader == Reader::Desk && for_desk
}

/// An entry, as people read it.
enum Said<'a> {
    /// A message.
    Words { who: Cow<'a, str>, text: Cow<'a, str> },
    /// An event.
    Event(String),
}

fn said<'a>(row: &'a Row, case: &'a Case) -> Option<Said<'a>> {
    let who = match &row.author {
        Author::Customer => customer(case),
        Author::Agent { name, .. } => Cow::Borrowed(&**name),
        Author::System => "Couplet".into(),
    };
    match &row.kind {
        RowKind::Message { text, .. } if text.is_empty() => {
            Some(Said::Event(format!("{who} sent a message, and deleted it")))
        }
        RowKind::Files { files, text, .. } if files.is_empty() && text.is_empty() => {
            Some(Said::Event(format!("{who} sent a file, and deleted it")))
        }
        RowKind::Files { files, text, .. } => {
            let names = files.iter().map(|file| format!("[{}]", file.name));
            let words = Some(text.as_ref().to_owned()).filter(|text| !text.is_empty());
            let lines: Vec<String> = words.into_iter().chain(names).collect();
            Some(Said::Words { who, text: lines.join("\n").into() })
        }
        RowKind::Message { text, .. }
        | RowKind::Asked { text, .. }
        | RowKind::Choice { text, .. } => Some(Said::Words { who, text: Cow::Borrowed(text) }),
        RowKind::Note { text } if text.is_empty() => {
            Some(Said::Event(format!("{who} wrote a note, and deleted it")))
        }
        RowKind::Note { text } => {
            Some(Said::Words { who: format!("{who} (note)").into(), text: Cow::Borrowed(text) })
        }
        RowKind::NoteEdit { text, .. } if text.is_empty() => {
            Some(Said::Event(format!("{who} deleted an earlier note")))
        }
        RowKind::NoteEdit { .. } => Some(Said::Event(format!("{who} changed an earlier note"))),
        RowKind::Tagged { tags } if tags.is_empty() => {
            Some(Said::Event(format!("{who} removed the tags")))
        }
        RowKind::Tagged { tags } => {
            let tags = tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>();
            Some(Said::Event(format!("{who} set the tags to {}", tags.join(" "))))
        }
        RowKind::Ranked { priority } => {
            Some(Said::Event(format!("{who} set the priority to {}", priority_word(*priority))))
        }
        RowKind::Edit { .. } => Some(Said::Event(format!("{who} edited an earlier message"))),
        RowKind::Retract { .. } => Some(Said::Event(format!("{who} deleted an earlier message"))),
        RowKind::Reaction { emoji, .. } if emoji.is_empty() => {
            Some(Said::Event(format!("{who} took a reaction back")))
        }
        RowKind::Reaction { emoji, .. } => Some(Said::Event(format!("{who} reacted with {emoji}"))),
        RowKind::Rated { score, comment: None } => {
            Some(Said::Event(format!("{who} rated it {score} of 5")))
        }
        RowKind::Rated { score, comment: Some(comment) } => {
            Some(Said::Event(format!("{who} rated it {score} of 5: {comment}")))
        }
        RowKind::Joined => Some(Said::Event(format!("{who} joined"))),
        RowKind::Left => Some(Said::Event(format!("{who} left"))),
        RowKind::Reminded => Some(Said::Event("the customer was reminded".to_owned())),
        RowKind::Closed { reason } => Some(Said::Event(format!("closed {}", why(*reason)))),
        _ => None,
    }
}

/// The customer's name, marked if an agent in the conversation has the same name.
fn customer(case: &Case) -> Cow<'_, str> {
    let Some(name) = &case.customer.name else { return "Customer".into() };
    let agents = case.entries.iter().filter_map(|row| match &row.author {
        Author::Agent { name, .. } => Some(name),
        Author::Customer | Author::System => None,
    });
    let told = Namesakes::of(agents).told_apart(name);
    if told == *name { Cow::Borrowed(name) } else { Cow::Owned(told.as_ref().to_owned()) }
}

fn state(case: &Case) -> String {
    match &case.conversation.state {
        State::Waiting | State::Offered { .. } => "waiting".to_owned(),
        State::Active { .. } if case.reader == Reader::Customer => "active".to_owned(),
        State::Active { agent } => format!("active, with {agent}"),
        State::Closed { reason } => format!("closed {}", why(*reason)),
    }
}

fn why(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Customer => "by the customer",
        CloseReason::Agent => "by the agent",
        CloseReason::Idle => "for inactivity",
        CloseReason::Full => "because it was too long, and continued in another",
        CloseReason::Operator => "by the operator",
    }
}

fn moment(at: Timestamp) -> String {
    DateTime::from_timestamp_millis(at.0)
        .map(|at| at.naive_utc().trunc_subsecs(0).to_string())
        .unwrap_or_default()
}
