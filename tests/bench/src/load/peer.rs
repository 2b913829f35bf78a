//! The peer: a browser that speaks XMPP itself, over WebSocket (RFC 7395) and as an anonymous user,
//! as websites embed a chat today with Converse.js.

use anyhow::bail;

use super::Role;
use super::agent::manners;
use super::board::Board;
use crate::wire::websocket::{self, Reader, Said};
use crate::wire::{has, put, stanza, words, write_number};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Upgrading,
    Open,
    Authenticated,
    Bound,
}

pub(crate) struct Peer {
    voice: usize,
    host: String,
    agent: String,
    step: Step,
    reader: Reader,
}

impl Peer {
    /// A browser that logs in anonymously at `host` and writes to `agent`.
    pub(crate) fn new(voice: usize, host: &str, agent: &str) -> Self {
        Self {
            voice,
            host: host.to_owned(),
            agent: agent.to_owned(),
            step: Step::Upgrading,
            reader: Reader::default(),
        }
    }
}

fn open(host: &str, out: &mut Vec<u8>) {
    websocket::text(out, |out| {
        put(
            out,
            &[
                b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0' to='",
                host.as_bytes(),
                b"'/>",
            ],
        );
    });
}

fn say(out: &mut Vec<u8>, words: &[u8]) {
    websocket::text(out, |out| out.extend_from_slice(words));
}

fn take(
    text: &[u8],
    (voice, host): (usize, &str),
    step: &mut Step,
    out: &mut Vec<u8>,
    board: &mut Board,
) -> anyhow::Result<()> {
    if text.starts_with(b"<message") {
        message(text, voice, out, board);
    } else if text.starts_with(b"<open") {
    } else if text.starts_with(b"<stream:features") || text.starts_with(b"<features") {
        match step {
            Step::Open => {
                say(out, b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
            }
            _ => say(
                out,
                b"<iq xmlns='jabber:client' type='set' id='bind'>\
                  <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
            ),
        }
    } else if text.starts_with(b"<success") {
        *step = Step::Authenticated;
        open(host, out);
    } else if text.starts_with(b"<iq") && *step == Step::Authenticated {
        if stanza::attribute(text, b" type=") != Some(b"result") {
            board.trouble(text);
            bail!("not bound");
        }
        *step = Step::Bound;
        board.counts.greeted += 1;
        say(out, b"<presence xmlns='jabber:client'/>");
    } else if text.starts_with(b"<close") || text.starts_with(b"<failure") {
        board.trouble(text);
        bail!("refused");
    } else {
        let mut answer = Vec::new();
        manners(text, &mut answer, board)?;
        if !answer.is_empty() {
            say(out, &answer);
        }
    }
    Ok(())
}

fn message(message: &[u8], voice: usize, out: &mut Vec<u8>, board: &mut Board) {
    if stanza::attribute(message, b" type=") == Some(b"error") {
        board.trouble(message);
        return;
    }
    let Some(body) = stanza::body(message) else { return };
    board.answered(voice, words::read(body).unwrap_or_default());
    if has(message, b"<request") {
        let from = stanza::attribute(message, b" from=").unwrap_or_default();
        let id = stanza::attribute(message, b" id=").unwrap_or_default();
        websocket::text(out, |out| {
            put(
                out,
                &[
                    b"<message xmlns='jabber:client' to='",
                    from,
                    b"' type='chat'><received xmlns='urn:xmpp:receipts' id='",
                    id,
                    b"'/></message>",
                ],
            );
        });
    }
}

impl Role for Peer {
    fn opened(&mut self, out: &mut Vec<u8>) {
        websocket::upgrade(out, "/xmpp-websocket", &self.host, Some("xmpp"));
    }

    fn take(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        board: &mut Board,
    ) -> anyhow::Result<usize> {
        let mut used = 0;
        if self.step == Step::Upgrading {
            let Some(head) = websocket::upgraded(bytes)? else { return Ok(0) };
            used = head;
            self.step = Step::Open;
            open(&self.host, out);
        }
        let rest = bytes.get(used..).unwrap_or_default();
        let Self { voice, host, step, reader, .. } = self;
        used += reader.read(rest, |said| match said {
            Said::Text(text) => take(text, (*voice, host), step, out, board),
            Said::Ping(ping) => {
                websocket::pong(out, ping);
                Ok(())
            }
            Said::Closed(_) => bail!("closed"),
        })?;
        Ok(used)
    }

    fn say(&mut self, _: usize, message: u64, out: &mut Vec<u8>) {
        websocket::text(out, |out| {
            put(
                out,
                &[
                    b"<message xmlns='jabber:client' to='",
                    self.agent.as_bytes(),
                    b"' type='chat' id='p",
                ],
            );
            write_number(out, message);
            out.extend_from_slice(b"'><body>");
            words::write(out, message);
            out.extend_from_slice(b"</body><origin-id xmlns='urn:xmpp:sid:0' id='p");
            write_number(out, message);
            out.extend_from_slice(
                b"'/><request xmlns='urn:xmpp:receipts'/>\
                  <markable xmlns='urn:xmpp:chat-markers:0'/>\
                  <active xmlns='http://jabber.org/protocol/chatstates'/></message>",
            );
        });
    }

    fn closed(&mut self, board: &mut Board) {
        board.counts.lost += u64::from(self.step == Step::Bound);
        board.counts.failed += u64::from(self.step != Step::Bound);
    }
}
