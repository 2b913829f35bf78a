//! The floor: a raw component (XEP-0114) with many customers' addresses. Its results are the upper
//! limit that the server and the agents' streams allow to any component in the gateway's place:
//! there is no customer socket, no JSON, no state and no database behind it.
//!
//! There are two variants. The *floor* sends the same stanzas as the gateway: messages with receipt
//! requests and markers, which agents' clients confirm, and a receipt for each reply, so four
//! stanzas per round trip. The *bare floor* sends and receives plain messages: two stanzas, and no
//! guarantee at all.

use anyhow::bail;

use super::Role;
use super::board::Board;
use crate::wire::stanza::{self, Piece};
use crate::wire::{has, number, put, words, write_number};

/// How many stanzas a round trip takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Four, like the gateway.
    Full,
    /// Two: plain messages.
    Bare,
}

pub(crate) struct Floor {
    form: Form,
    domain: String,
    /// The agents' bare JIDs; each voice has its own.
    agents: Vec<String>,
}

impl Floor {
    pub(crate) fn new(form: Form, domain: &str, agents: Vec<String>) -> Self {
        Self { form, domain: domain.to_owned(), agents }
    }

    fn message(&self, message: &[u8], out: &mut Vec<u8>, board: &mut Board) {
        let to = stanza::attribute(message, b" to=").unwrap_or_default();
        if stanza::attribute(message, b" type=") == Some(b"error") {
            board.trouble(message);
            return;
        }
        let Some(from) = stanza::attribute(message, b" from=") else { return };
        let Some(body) = stanza::body(message) else {
            board.counts.ticks += u64::from(has(message, b"<received"));
            return;
        };
        let voice = to.strip_prefix(b"v").and_then(number);
        let voice = voice.and_then(|voice| usize::try_from(voice).ok()).unwrap_or(usize::MAX);
        board.answered(voice, words::read(body).unwrap_or_default());
        if has(message, b"<request") {
            let id = stanza::attribute(message, b" id=").unwrap_or_default();
            put(
                out,
                &[
                    b"<message from='",
                    to,
                    b"' to='",
                    from,
                    b"' type='chat'><received xmlns='urn:xmpp:receipts' id='",
                    id,
                    b"'/></message>",
                ],
            );
        }
    }
}

impl Role for Floor {
    fn opened(&mut self, _: &mut Vec<u8>) {}

    fn take(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        board: &mut Board,
    ) -> anyhow::Result<usize> {
        let mut used = 0;
        while let Some((piece, length)) = stanza::piece(bytes.get(used..).unwrap_or_default()) {
            used += length;
            match piece {
                Piece::Stanza(stanza) if stanza.starts_with(b"<message") => {
                    self.message(stanza, out, board);
                }
                Piece::Stanza(stanza) if stanza.starts_with(b"<stream:error") => {
                    board.trouble(stanza);
                    bail!("the server ends the stream");
                }
                Piece::Ended => bail!("the stream is over"),
                _ => {}
            }
        }
        Ok(used)
    }

    fn say(&mut self, voice: usize, message: u64, out: &mut Vec<u8>) {
        let agent = self.agents.get(voice % self.agents.len().max(1)).map_or("", String::as_str);
        out.extend_from_slice(b"<message from='v");
        write_number(out, voice as u64);
        put(out, &[b"@", self.domain.as_bytes(), b"/web' id='p"]);
        write_number(out, message);
        put(out, &[b"' to='", agent.as_bytes(), b"' type='chat'><body>"]);
        words::write(out, message);
        out.extend_from_slice(b"</body>");
        if self.form == Form::Full {
            out.extend_from_slice(
                b"<thread>00000000000000000000000000000001</thread>\
                  <origin-id xmlns='urn:xmpp:sid:0' id='p",
            );
            write_number(out, message);
            out.extend_from_slice(
                b"'/><request xmlns='urn:xmpp:receipts'/>\
                  <markable xmlns='urn:xmpp:chat-markers:0'/>\
                  <active xmlns='http://jabber.org/protocol/chatstates'/>\
                  <nick xmlns='http://jabber.org/protocol/nick'>Visitor 0001</nick>",
            );
        }
        out.extend_from_slice(b"</message>");
    }

    fn closed(&mut self, board: &mut Board) {
        board.trouble(b"the component stream is over");
        board.counts.lost += 1;
    }
}
