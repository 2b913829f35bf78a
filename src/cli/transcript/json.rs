//! Transcripts as JSON: an array of conversations, with entries in the form that customers' sockets
//! get, plus the agents' addresses.

use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use crate::bridge::xmpp_to_custom::frame;
use crate::chat::commands::priority_word;
use crate::chat::model::{CloseReason, State};
use crate::chat::row::{Author, Row, RowKind};
use crate::ports::directory::Tenant;
use crate::wire::{Entry, File};

use super::{Case, Form, Reader};

#[derive(Default)]
pub(super) struct Json {
    begun: bool,
}

#[derive(Serialize)]
struct CaseView<'a> {
    conversation: String,
    tenant: &'a str,
    customer: CustomerView<'a>,
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    opened_at: i64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<RatingView<'a>>,
    entries: Vec<EntryView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<NoteView<'a>>,
}

/// What an agent wrote for other agents, in its latest version.
#[derive(Serialize)]
struct NoteView<'a> {
    at: i64,
    /// The agent's name.
    by: &'a str,
    jid: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct RatingView<'a> {
    at: i64,
    score: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

#[derive(Serialize)]
struct CustomerView<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct EntryView<'a> {
    #[serde(flatten)]
    entry: Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    jid: Option<&'a str>,
}

impl Form for Json {
    fn begin(&mut self, _: &Tenant, to: &mut dyn Write) -> io::Result<()> {
        write!(to, "[")
    }

    fn case(&mut self, case: &Case, to: &mut dyn Write) -> io::Result<()> {
        let before = if std::mem::replace(&mut self.begun, true) { ",\n" } else { "\n" };
        to.write_all(before.as_bytes())?;
        serde_json::to_writer(to, &view(case))?;
        Ok(())
    }

    fn end(&mut self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "\n]")
    }
}

fn view(case: &Case) -> CaseView<'_> {
    let conversation = &case.conversation;
    let (state, reason) = match &conversation.state {
        State::Waiting | State::Offered { .. } => ("waiting", None),
        State::Active { .. } => ("active", None),
        State::Closed { reason: CloseReason::Customer } => ("closed", Some("customer")),
        State::Closed { reason: CloseReason::Agent } => ("closed", Some("agent")),
        State::Closed { reason: CloseReason::Idle } => ("closed", Some("idle")),
        State::Closed { reason: CloseReason::Full } => ("closed", Some("full")),
        State::Closed { reason: CloseReason::Operator } => ("closed", Some("operator")),
    };
    let name = case.customer.name.as_deref();
    let for_desk = case.reader == Reader::Desk;
    let priority = Some(priority_word(conversation.priority));
    CaseView {
        conversation: conversation.id.to_string(),
        tenant: conversation.tenant.as_str(),
        customer: CustomerView { id: case.customer.id.to_string(), name },
        queue: conversation.queue.as_str(),
        subject: conversation.subject.as_deref(),
        state,
        reason,
        agent: conversation.agent().filter(|_| for_desk).map(|jid| jid.as_str()),
        opened_at: conversation.opened_at.0,
        tags: if for_desk { &conversation.tags } else { &[] },
        priority: priority.filter(|word| for_desk && *word != "normal"),
        rating: case.entries.iter().rev().find_map(|row| rating(row)),
        entries: case.entries.iter().filter_map(|row| entry(row, case.reader)).collect(),
        notes: case.entries.iter().filter_map(|row| note(row)).collect(),
    }
}

fn note(row: &Row) -> Option<NoteView<'_>> {
    match (&row.kind, &row.author) {
        (RowKind::Note { text }, Author::Agent { jid, name }) if !text.is_empty() => {
            Some(NoteView { at: row.at.0, by: name, jid: jid.as_str(), text })
        }
        _ => None,
    }
}

fn rating(row: &Row) -> Option<RatingView<'_>> {
    let RowKind::Rated { score, comment } = &row.kind else { return None };
    Some(RatingView { at: row.at.0, score: *score, comment: comment.as_deref() })
}

/// Files with their names in the storage, since links to them would expire.
fn files(row: &Row) -> Vec<File> {
    let RowKind::Files { files, .. } = &row.kind else { return Vec::new() };
    let place = |file: &crate::chat::model::File| File {
        id: file.id.to_string(),
        name: file.name.as_ref().to_owned(),
        media_type: file.media_type.as_ref().to_owned(),
        size: file.size,
        url: format!("{}/{}", row.tenant, file.id),
    };
    files.iter().map(place).collect()
}

fn entry(row: &Row, reader: Reader) -> Option<EntryView<'_>> {
    let jid = match &row.author {
        Author::Agent { jid, .. } if reader == Reader::Desk => Some(jid.as_str()),
        _ => None,
    };
    Some(EntryView { entry: Entry { files: files(row), ..frame::entry(row)? }, jid })
}
