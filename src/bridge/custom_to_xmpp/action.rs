//! Converts a frame to a command for the desk.
//!
//! Invariants: a [`Request`] is fully validated, so that nothing later checks a customer's text
//! again; a refusal says what is wrong without quoting that text.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::bridge::{clean, emoji};
use crate::chat::event::{Chosen, CustomerAction, CustomerCommand, CustomerContent};
use crate::chat::ids::{CommandId, ConversationId, FileId, QueueKey, Seq};
use crate::wire::{
    self, Choice, ChoiceValue, ClientFrame, Edit, ErrorCode, Hello, History, Message, Page, Rate,
    React, Refused, Start, Text,
};

/// What a customer's client asks for after its `hello`.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    Submit(CustomerContent),
    /// The customer went to another page.
    Page(Option<Arc<str>>),
    /// Earlier entries.
    History {
        /// Returned as `for`.
        id: CommandId,
        /// The open or last conversation if none is given.
        conversation: Option<ConversationId>,
        /// Only entries before this one.
        before: Option<Seq>,
        /// At most this many: 1 to 100.
        limit: u32,
    },
    Ping {
        /// Returned in the `pong`.
        n: Option<u64>,
    },
}

/// A form that was filled in: each question with its answer.
type Answers = Vec<(Arc<str>, Arc<str>)>;

/// The content of a `hello`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// The token of the session to resume.
    pub token: Option<String>,
    /// A JWT that says who the customer is.
    pub identity: Option<String>,
    /// The conversation and the last entry that the client has of it.
    pub resume: Option<(ConversationId, Seq)>,
    /// The page: origin and path only.
    pub page: Option<Arc<str>>,
}

/// Reads the first frame.
///
/// # Errors
/// If the conversation it resumes cannot be one of ours.
pub fn greeting(hello: Hello) -> Result<Greeting, Refused> {
    let resume = match (hello.conversation, hello.last_seq) {
        (None, None) => None,
        (Some(id), Some(last)) => Some((conversation(&id, None)?, seq(last, None)?)),
        _ => return Err(bad("`conversation` and `last_seq` must be sent together", None)),
    };
    Ok(Greeting {
        token: hello.session,
        identity: hello.identity,
        resume,
        page: hello.page.and_then(page),
    })
}

/// Reads any later frame. `fresh` makes the id of a conversation that a command may open.
///
/// # Errors
/// If the frame is not valid: see the refusals in `tests/tables/client_frames.txt`.
pub fn request(
    frame: ClientFrame<'_>,
    fresh: impl FnOnce() -> ConversationId,
) -> Result<Request, Refused> {
    let (id, action) = match frame {
        ClientFrame::Hello(_) => return Err(bad("`hello` may be sent only once", None)),
        ClientFrame::Start(frame) => start(frame)?,
        ClientFrame::Message(frame) => message(frame)?,
        ClientFrame::Edit(frame) => edit(&frame)?,
        ClientFrame::Retract { id, target } => retract(&id, &target)?,
        ClientFrame::React(frame) => react(&frame)?,
        ClientFrame::Choice(frame) => choice(frame)?,
        ClientFrame::Rate(frame) => rate(&frame)?,
        ClientFrame::End { id } => (command(&id)?, CustomerAction::End),
        ClientFrame::Typing { on } => return Ok(Request::Submit(CustomerContent::Typing { on })),
        ClientFrame::Read { seq: shown } => {
            return Ok(Request::Submit(CustomerContent::Read { seq: seq(shown, None)? }));
        }
        ClientFrame::Page(frame) => return Ok(Request::Page(page(frame))),
        ClientFrame::History(frame) => return history(&frame),
        ClientFrame::Ping { n } => return Ok(Request::Ping { n }),
    };
    let command = CustomerCommand { id, fresh: fresh(), action };
    Ok(Request::Submit(CustomerContent::Command(command)))
}

type Command = (CommandId, CustomerAction);

fn start(frame: Start) -> Result<Command, Refused> {
    let id = command(&frame.id)?;
    let about = Some(&id);
    let queue = frame
        .queue
        .as_deref()
        .map(QueueKey::new)
        .transpose()
        .map_err(|_| refuse(ErrorCode::UnknownQueue, "not a valid queue key", about))?;
    let subject =
        frame.subject.as_deref().map(str::trim).filter(|subject| !clean::is_blank(subject));
    if subject.is_some_and(|subject| !clean::scalars_at_most(subject, wire::SUBJECT_CHARS)) {
        return Err(refuse(ErrorCode::TooLarge, "the subject is too long", about));
    }
    let subject = subject.map(|subject| clean::text(subject).into());
    let answers = answers(frame.answers, about)?;
    Ok((id, CustomerAction::Start { queue, subject, answers }))
}

/// A form as it was filled in, without empty answers and with the name made safe to show.
fn answers(given: BTreeMap<String, String>, about: Option<&CommandId>) -> Result<Answers, Refused> {
    if given.len() > wire::ANSWERS {
        return Err(refuse(ErrorCode::TooLarge, "too many answers", about));
    }
    let mut answers = Vec::with_capacity(given.len());
    for (name, answer) in &given {
        let (name, answer) = (name.trim(), answer.trim());
        if name.is_empty() {
            return Err(bad("an answer has no name", about));
        }
        if !clean::scalars_at_most(name, wire::ANSWER_NAME_CHARS)
            || !clean::scalars_at_most(answer, wire::ANSWER_CHARS)
        {
            return Err(refuse(ErrorCode::TooLarge, "an answer is too long", about));
        }
        let answer = match name {
            "name" => clean::name(answer).unwrap_or_default().into(),
            _ => Arc::<str>::from(clean::text(answer)),
        };
        if !clean::is_blank(&answer) {
            answers.push((clean::text(name).into(), answer));
        }
    }
    Ok(answers)
}

fn message(frame: Message<'_>) -> Result<Command, Refused> {
    let id = command(&frame.id)?;
    let about = Some(&id);
    let Text(text) = frame.text.unwrap_or_default();
    let text = match frame.files.is_empty() || !clean::is_blank(&text) {
        true => words(&text, about)?,
        // Files need no text.
        false => "".into(),
    };
    let reply_to = match frame.reply_to {
        Some(0) => return Err(bad("entries are numbered from 1", about)),
        other => other.map(|replied| seq(replied, about)).transpose()?,
    };
    let ids = files(&frame.files, about)?;
    let action = match ids.is_empty() {
        true => CustomerAction::Message { text, reply_to },
        false => {
            let (files, taken) = (Arc::new([]), false);
            CustomerAction::Share { ids, files, taken, text, reply_to }
        }
    };
    Ok((id, action))
}

/// The files of a message, each once.
fn files(ids: &[String], about: Option<&CommandId>) -> Result<Vec<FileId>, Refused> {
    if ids.len() > wire::FILES {
        return Err(refuse(ErrorCode::TooLarge, "too many files", about));
    }
    let mut files = Vec::new();
    for id in ids {
        let id = Uuid::try_parse(id).map(FileId);
        let id = id.map_err(|_| bad("not a valid file id", about))?;
        if !files.contains(&id) {
            files.push(id);
        }
    }
    Ok(files)
}

fn edit(frame: &Edit) -> Result<Command, Refused> {
    let id = command(&frame.id)?;
    let target = target(&frame.target, &id)?;
    let text = words(&frame.text, Some(&id))?;
    Ok((id, CustomerAction::Edit { target, text }))
}

fn retract(id: &str, own: &str) -> Result<Command, Refused> {
    let id = command(id)?;
    let target = target(own, &id)?;
    Ok((id, CustomerAction::Retract { target }))
}

fn react(frame: &React) -> Result<Command, Refused> {
    let id = command(&frame.id)?;
    let about = Some(&id);
    let emoji = match frame.emoji.as_deref() {
        None => "",
        Some(text) => {
            emoji::emoji(text).ok_or_else(|| bad("a reaction is an emoji, or null", about))?
        }
    };
    let target = match frame.target {
        0 => return Err(bad("entries are numbered from 1", about)),
        target => seq(target, about)?,
    };
    let emoji = emoji.into();
    Ok((id, CustomerAction::React { target, emoji }))
}

fn choice(frame: Choice) -> Result<Command, Refused> {
    let id = command(&frame.id)?;
    let about = Some(&id);
    let answer = match frame.value {
        ChoiceValue::Button(value) => Chosen::One(value.into()),
        ChoiceValue::Form(fields) => {
            if fields.len() > wire::ANSWERS {
                return Err(refuse(ErrorCode::TooLarge, "too many answers", about));
            }
            let mut texts = Vec::with_capacity(fields.len());
            for (name, text) in &fields {
                if !clean::scalars_at_most(text, wire::FIELD_CHARS) {
                    return Err(refuse(ErrorCode::TooLarge, "an answer is too long", about));
                }
                if !clean::is_blank(text) {
                    texts.push((name.as_str().into(), clean::text(text.trim()).into()));
                }
            }
            Chosen::Fields(texts)
        }
    };
    let of = seq(frame.of, about)?;
    Ok((id, CustomerAction::Choose { of, answer }))
}

fn rate(frame: &Rate) -> Result<Command, Refused> {
    let id = command(&frame.id)?;
    if !(1..=5).contains(&frame.score) {
        return Err(bad("the score must be from 1 to 5", Some(&id)));
    }
    let comment =
        frame.comment.as_deref().map(str::trim).filter(|comment| !clean::is_blank(comment));
    if comment.is_some_and(|comment| !clean::scalars_at_most(comment, wire::COMMENT_CHARS)) {
        return Err(refuse(ErrorCode::TooLarge, "the comment is too long", Some(&id)));
    }
    let comment = comment.map(|comment| clean::text(comment).into());
    Ok((id, CustomerAction::Rate { score: frame.score, comment }))
}

fn target(own: &str, about: &CommandId) -> Result<CommandId, Refused> {
    CommandId::new(own).map_err(|broken| bad(&broken.to_string(), Some(about)))
}

/// A customer's text, which must be neither empty nor too long.
fn words(text: &str, about: Option<&CommandId>) -> Result<Arc<str>, Refused> {
    if clean::is_blank(text) {
        return Err(bad("the text is empty", about));
    }
    if !clean::scalars_at_most(text, wire::TEXT_CHARS) {
        return Err(refuse(ErrorCode::TooLarge, "the text is too long", about));
    }
    Ok(clean::text(text).into())
}

fn history(frame: &History) -> Result<Request, Refused> {
    let id = command(&frame.id)?;
    let about = Some(&id);
    let most = u32::try_from(wire::ENTRIES).unwrap_or(u32::MAX);
    Ok(Request::History {
        conversation: frame
            .conversation
            .as_deref()
            .map(|named| conversation(named, about))
            .transpose()?,
        before: frame.before.map(|before| seq(before, about)).transpose()?,
        limit: frame.limit.unwrap_or(wire::HISTORY).clamp(1, most),
        id,
    })
}

fn page(page: Page) -> Option<Arc<str>> {
    page.url.as_deref().and_then(clean::page).map(Arc::from)
}

fn command(id: &str) -> Result<CommandId, Refused> {
    // An invalid id is not returned either: the client could not find it again.
    CommandId::new(id).map_err(|broken| bad(&broken.to_string(), None))
}

fn conversation(id: &str, about: Option<&CommandId>) -> Result<ConversationId, Refused> {
    Uuid::try_parse(id).map(ConversationId).map_err(|_| bad("not a valid conversation id", about))
}

/// Numbers must fit into a signed column of the database.
fn seq(number: u64, about: Option<&CommandId>) -> Result<Seq, Refused> {
    match i64::try_from(number) {
        Ok(_) => Ok(Seq(number)),
        Err(_) => Err(bad("the `seq` is too large", about)),
    }
}

fn bad(message: &str, about: Option<&CommandId>) -> Refused {
    refuse(ErrorCode::BadFrame, message, about)
}

fn refuse(code: ErrorCode, message: &str, about: Option<&CommandId>) -> Refused {
    Refused { code, message: message.to_owned(), id: about.map(|id| id.as_str().to_owned()) }
}

#[cfg(test)]
mod tests;
