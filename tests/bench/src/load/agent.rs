//! An agent's client: it confirms each message (XEP-0184) and replies with one message of the same
//! text that requests a receipt. The reply accepts an offer.

use anyhow::bail;

use super::Role;
use super::board::Board;
use crate::wire::stanza::{self, Piece};
use crate::wire::{has, put, write_number};

/// Notices of the desk begin with it (U+2699).
const DESK: &[u8] = "⚙".as_bytes();

#[derive(Debug, Default)]
pub(crate) struct Agent {
    said: u64,
}

impl Agent {
    fn message(&mut self, message: &[u8], out: &mut Vec<u8>, board: &mut Board) {
        let Some(from) = stanza::attribute(message, b" from=") else { return };
        if stanza::attribute(message, b" type=") == Some(b"error") {
            board.trouble(message);
            return;
        }
        let Some(body) = stanza::body(message) else {
            board.counts.ticks += u64::from(has(message, b"<received"));
            return;
        };
        if has(message, b"<request") {
            let id = stanza::attribute(message, b" id=").unwrap_or_default();
            put(
                out,
                &[
                    b"<message to='",
                    from,
                    b"' type='chat'><received xmlns='urn:xmpp:receipts' id='",
                    id,
                    b"'/></message>",
                ],
            );
        }
        if body.starts_with(DESK) {
            return;
        }
        self.said += 1;
        out.extend_from_slice(b"<message to='");
        out.extend_from_slice(from);
        out.extend_from_slice(b"' type='chat' id='a");
        write_number(out, self.said);
        out.extend_from_slice(b"'><body>");
        out.extend_from_slice(body);
        out.extend_from_slice(b"</body>");
        // The bare floor requests no receipt.
        if has(message, b"<request") {
            out.extend_from_slice(b"<request xmlns='urn:xmpp:receipts'/>");
        }
        out.extend_from_slice(b"</message>");
    }
}

impl Role for Agent {
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
                Piece::Stanza(stanza) => manners(stanza, out, board)?,
                Piece::Opened(_) => {}
                Piece::Ended => bail!("the stream is over"),
            }
        }
        Ok(used)
    }

    fn say(&mut self, _: usize, _: u64, _: &mut Vec<u8>) {}

    fn closed(&mut self, board: &mut Board) {
        board.trouble(b"an agent's stream is over");
        board.counts.lost += 1;
    }
}

/// What every client must do: answer queries, and accept the desk's subscription.
pub(crate) fn manners(stanza: &[u8], out: &mut Vec<u8>, board: &mut Board) -> anyhow::Result<()> {
    let kind = stanza::attribute(stanza, b" type=").unwrap_or_default();
    let from = stanza::attribute(stanza, b" from=");
    if stanza.starts_with(b"<presence") {
        if let (b"subscribe", Some(from)) = (kind, from) {
            put(out, &[b"<presence type='subscribed' to='", from, b"'/>"]);
        }
    } else if stanza.starts_with(b"<iq") {
        if matches!(kind, b"get" | b"set") {
            let id = stanza::attribute(stanza, b" id=").unwrap_or_default();
            out.extend_from_slice(b"<iq type='result' id='");
            out.extend_from_slice(id);
            if let Some(from) = from {
                out.extend_from_slice(b"' to='");
                out.extend_from_slice(from);
            }
            out.extend_from_slice(b"'/>");
        }
    } else {
        board.trouble(stanza);
        if stanza.starts_with(b"<stream:error") {
            bail!("the server ends the stream");
        }
    }
    Ok(())
}
