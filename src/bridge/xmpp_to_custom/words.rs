//! What an agent wrote: the parts of a message that are read in the same way from its text and from
//! its tree.

use crate::bridge::agent_command::{self, Said};
use crate::bridge::{clean, quote};
use crate::chat::event::{AgentContent, Peer};
use crate::chat::refusal::AgentRefusal;

/// The longest text of an agent, in Unicode scalars.
const TEXT_CHARS: usize = 8_000;

/// The longest stanza id that is kept, in bytes; a longer one counts as none.
const ID_BYTES: usize = 256;

/// Whether a stanza's id is kept.
pub(super) fn is_kept(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_BYTES
}

/// Something that cannot be passed on, with its text.
pub(super) fn refused(refusal: AgentRefusal, body: Option<&str>) -> AgentContent {
    let end = |body: &str| body.char_indices().nth(TEXT_CHARS).map_or(body.len(), |(end, _)| end);
    let said = body.map(|body| clean::text(body.get(..end(body)).unwrap_or_default()).into());
    AgentContent::Refused { refusal, said }
}

/// The meaning of a text.
pub(super) fn spoken(peer: &Peer, body: &str) -> AgentContent {
    if !clean::scalars_at_most(body, TEXT_CHARS) {
        return refused(AgentRefusal::TooLong, Some(body));
    }
    let own = quote::without_desk_lines(body);
    if clean::is_blank(&own) {
        return refused(AgentRefusal::DeskQuote, Some(body));
    }
    let said = match peer {
        Peer::Customer(_) => agent_command::in_chat(&own),
        Peer::Desk(_) => Said::Command(agent_command::with_desk(&own)),
    };
    match said {
        Said::Command(command) => {
            let said = clean::text(body).into();
            AgentContent::Command { command, said, corrects: None }
        }
        Said::Text(text) => AgentContent::Text { text: clean::text(&text).into(), about: None },
    }
}

/// The meaning of a chat state (XEP-0085).
pub(super) fn state(name: &str) -> Option<AgentContent> {
    match name {
        "composing" => Some(AgentContent::Typing { on: true }),
        "active" | "paused" | "inactive" | "gone" => Some(AgentContent::Typing { on: false }),
        _ => None,
    }
}

pub(super) fn is_encrypted_file(body: &str) -> bool {
    let body = body.trim_start();
    body.starts_with("aesgcm:") || body.starts_with("?OTR")
}
