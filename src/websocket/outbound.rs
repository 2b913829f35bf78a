//! Builds the frames for a client.
//!
//! Invariant: pure; frames are in the order in which they are to be sent.

use crate::bridge::xmpp_to_custom::frame;
use crate::chat::effect::{Answer, CustomerNotice, Phase};
use crate::chat::ids::{CommandId, Timestamp};
use crate::runtime::admission::{Limits, TooMany};
use crate::runtime::edge::{ByeReason, HistoryPage, OpenError, Outbound, SubmitError, Welcome};
use crate::wire::{self, Entries, Entry, ErrorCode, ErrorFrame, ServerFrame, UnauthorizedReason};

use super::close_frame::{CloseFrame, close};

/// Adds the frames for an event to `frames`; returns the close frame if it ends the socket.
pub fn tell(
    outbound: Outbound,
    now: impl Fn() -> Timestamp,
    frames: &mut Vec<ServerFrame>,
) -> Result<(), CloseFrame> {
    match outbound {
        Outbound::Notice(notice) => return told(notice, now, frames),
        Outbound::Answer(Answer::Ack { id, acked }) => {
            frames.push(ServerFrame::Ack(frame::ack(&id, acked)));
        }
        Outbound::Answer(Answer::Refused { id, error }) => {
            frames.push(ServerFrame::Error(frame::refused(id.as_ref(), error)));
        }
        Outbound::Entries { conversation, rows, more } => {
            let entries = rows.iter().filter_map(|row| frame::entry_at(row, &now)).collect();
            let mut parts = frame::parts(entries);
            if parts.is_empty() {
                // The announced rest may be empty: its end is sent nevertheless.
                parts.push(Vec::new());
            }
            rest(&conversation.to_string(), parts, more, frames);
        }
        Outbound::Bye { reason, reconnect_after_ms } => {
            let (code, reason) = match reason {
                ByeReason::Restart => (close::RESTART, "restart"),
                ByeReason::Slow => (close::POLICY, "slow"),
            };
            return Err(CloseFrame::bye(code, reason, Some(reconnect_after_ms)));
        }
    }
    Ok(())
}

fn told(
    notice: CustomerNotice,
    now: impl Fn() -> Timestamp,
    frames: &mut Vec<ServerFrame>,
) -> Result<(), CloseFrame> {
    frames.extend(match notice {
        CustomerNotice::Entry(row) => {
            frame::entry_at(&row, now).map(Box::new).map(ServerFrame::Entry)
        }
        CustomerNotice::State(state) => Some(ServerFrame::State(frame::state(&state))),
        CustomerNotice::Receipt { conversation, delivered, read } => {
            Some(ServerFrame::Receipt(frame::receipt(conversation, delivered, read)))
        }
        CustomerNotice::Typing { on, name } => {
            let name = name.as_ref().to_owned();
            Some(ServerFrame::Typing(wire::Typing { on, name }))
        }
        // They signed in on another socket, during a conversation; a new `hello` leads there.
        CustomerNotice::Elsewhere => {
            return Err(CloseFrame::bye(close::RESTART, "signed_in", Some(0)));
        }
    });
    Ok(())
}

/// The response to a `hello`: an error if its token was invalid, the welcome, the entries that did
/// not fit into it, and the position in the queue.
pub fn welcome(opened: Welcome, limits: &Limits, file_bytes: u64) -> Vec<ServerFrame> {
    let mut frames = Vec::with_capacity(2);
    if opened.token_refused {
        let why = "the session is unknown or expired";
        frames.push(unauthorized(UnauthorizedReason::SessionUnknown, why));
    }
    if opened.identity_expired {
        let why = "exp: the JWT has expired; the session continues without it";
        frames.push(unauthorized(UnauthorizedReason::IdentityExpired, why));
    }
    let now = || opened.now;
    let entries = opened.entries.iter().filter_map(|row| frame::entry_at(row, now)).collect();
    let mut parts = frame::parts(entries).into_iter();
    let entries = parts.next().unwrap_or_default();
    let parts: Vec<_> = parts.collect();
    let of = entries.first().map(|entry| entry.conversation.clone()).unwrap_or_default();
    let (conversation, receipt, line) = opened.conversation.map_or((None, None, None), |current| {
        let state = &current.state;
        let receipt = frame::receipt(state.conversation, current.delivered, current.read);
        let told = receipt.delivered.is_some() || receipt.read.is_some();
        let waits = matches!(state.phase, Phase::Waiting { .. });
        (
            Some(frame::conversation(state, current.head)),
            told.then_some(receipt),
            waits.then(|| frame::state(state)),
        )
    });
    frames.push(ServerFrame::Welcome(Box::new(wire::Welcome {
        session: wire::SessionInfo {
            token: opened.token,
            customer: opened.customer.to_string(),
            expires: opened.expires_at.0,
        },
        conversation,
        entries,
        more: opened.more || !parts.is_empty(),
        receipt,
        limits: wire::Limits {
            frame_bytes: number(wire::FRAME_BYTES),
            text_chars: number(wire::TEXT_CHARS),
            file_bytes,
            messages_per_second: limits.messages_per_second,
        },
        now: opened.now.0,
    })));
    rest(&of, parts, opened.more, &mut frames);
    frames.extend(line.map(ServerFrame::State));
    frames
}

/// The rest of a welcome, in as many frames as needed; each but the last says that more follow.
fn rest(conversation: &str, parts: Vec<Vec<Entry>>, more: bool, frames: &mut Vec<ServerFrame>) {
    let last = parts.len().saturating_sub(1);
    frames.extend(parts.into_iter().enumerate().map(|(number, entries)| {
        ServerFrame::Entries(Entries {
            conversation: conversation.to_owned(),
            entries,
            more: more || number < last,
            answers: None,
        })
    }));
}

/// The response to `history`. What does not fit into one frame is left for the next request.
pub fn history(
    id: &CommandId,
    found: Option<HistoryPage>,
    now: impl Fn() -> Timestamp,
) -> ServerFrame {
    let Some(page) = found else {
        return error(ErrorCode::NotOpen, "there is no such conversation", Some(id));
    };
    let entries = page.rows.iter().filter_map(|row| frame::entry_at(row, &now)).collect();
    let (entries, left_out) = frame::last_part(entries);
    ServerFrame::Entries(Entries {
        conversation: page.conversation.to_string(),
        entries,
        more: page.more || left_out,
        answers: Some(id.to_string()),
    })
}

/// The close frame for a `hello` that was refused.
pub fn not_opened(why: &OpenError) -> CloseFrame {
    match why {
        OpenError::Identity { reason, has_expired } => {
            let told = match has_expired {
                true => unauthorized(UnauthorizedReason::IdentityExpired, reason),
                false => unauthorized(UnauthorizedReason::IdentityRefused, reason),
            };
            CloseFrame::after(close::IDENTITY, "identity refused", told)
        }
        OpenError::RateLimited { retry_after_ms } => {
            CloseFrame::bye(close::RATE, "rate", Some(*retry_after_ms))
        }
        OpenError::Unavailable { retry_after_ms } => {
            CloseFrame::bye(close::INTERNAL, "unavailable", Some(*retry_after_ms))
        }
    }
}

/// The response to a durable command that was not accepted.
pub fn not_submitted(id: &CommandId, why: SubmitError) -> ServerFrame {
    match why {
        SubmitError::NoSuchFile => error(ErrorCode::Forbidden, "you have no such file", Some(id)),
        SubmitError::Unavailable { retry_after_ms } => unavailable(id, retry_after_ms),
        SubmitError::RateLimited { retry_after_ms } => {
            too_many(Some(id.to_string()), TooMany { retry_after_ms })
        }
    }
}

/// The response to a command that cannot be accepted now.
pub fn unavailable(id: &CommandId, retry_after_ms: u32) -> ServerFrame {
    ServerFrame::Error(ErrorFrame {
        code: ErrorCode::Unavailable,
        message: "not now".to_owned(),
        about: Some(id.to_string()),
        retry_after_ms: Some(retry_after_ms),
        reason: None,
    })
}

fn unauthorized(reason: UnauthorizedReason, message: &str) -> ServerFrame {
    ServerFrame::Error(ErrorFrame {
        code: ErrorCode::Unauthorized,
        message: message.to_owned(),
        about: None,
        retry_after_ms: None,
        reason: Some(reason),
    })
}

fn error(code: ErrorCode, message: &str, about: Option<&CommandId>) -> ServerFrame {
    ServerFrame::Error(ErrorFrame {
        code,
        message: message.to_owned(),
        about: about.map(ToString::to_string),
        retry_after_ms: None,
        reason: None,
    })
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The error for a command beyond its rate.
pub fn too_many(about: Option<String>, early: TooMany) -> ServerFrame {
    ServerFrame::Error(ErrorFrame {
        code: ErrorCode::RateLimited,
        message: early.to_string(),
        about,
        retry_after_ms: Some(early.retry_after_ms),
        reason: None,
    })
}
