//! A customer at the gateway's socket.

use anyhow::bail;
use couplet_kit::gateway::TENANT;

use super::Role;
use super::board::Board;
use crate::wire::websocket::{self, Reader, Said};
use crate::wire::{json, words, write_number};

/// What a customer needs to reconnect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) token: Box<[u8]>,
    conversation: Option<Box<[u8]>>,
    seq: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Upgrading,
    Greeting,
    Open,
}

pub(crate) struct Customer {
    voice: usize,
    step: Step,
    reader: Reader,
    memory: Memory,
}

impl Customer {
    /// A new customer, or one who comes back.
    pub(crate) fn new(voice: usize, memory: Memory) -> Self {
        Self { voice, step: Step::Upgrading, reader: Reader::default(), memory }
    }

    fn hello(&self, out: &mut Vec<u8>) {
        websocket::text(out, |out| {
            out.extend_from_slice(br#"{"type":"hello""#);
            if !self.memory.token.is_empty() {
                out.extend_from_slice(br#","session":""#);
                out.extend_from_slice(&self.memory.token);
                out.push(b'"');
            }
            if let Some(conversation) = &self.memory.conversation {
                out.extend_from_slice(br#","conversation":""#);
                out.extend_from_slice(conversation);
                out.extend_from_slice(br#"","last_seq":"#);
                out.extend_from_slice(self.memory.seq.to_string().as_bytes());
            }
            out.push(b'}');
        });
    }
}

/// Handles one frame.
fn frame(
    frame: &[u8],
    voice: usize,
    step: &mut Step,
    memory: &mut Memory,
    board: &mut Board,
) -> anyhow::Result<()> {
    match json::kind(frame) {
        json::Kind::Entry => entry(frame, voice, memory, board),
        json::Kind::Ack => {
            board.acked(voice);
            if memory.conversation.is_none() {
                memory.conversation = json::text(frame, br#""conversation":""#).map(Box::from);
            }
            // An ack has the `seq` of the customer's own message.
            if let (Some(seq), _) = json::entry(frame) {
                memory.seq = memory.seq.max(seq);
            }
        }
        json::Kind::Entries => {
            json::entries(frame).for_each(|one| entry(one, voice, memory, board));
        }
        json::Kind::Welcome => {
            if let Some(token) = json::text(frame, br#""token":""#) {
                memory.token = Box::from(token);
            }
            for one in json::entries(frame) {
                if let (Some(seq), _) = json::entry(one) {
                    memory.seq = memory.seq.max(seq);
                }
            }
            *step = Step::Open;
            board.counts.greeted += 1;
        }
        json::Kind::Refused => {
            board.trouble(frame);
            if *step == Step::Greeting {
                bail!("refused");
            }
        }
        json::Kind::Other => {}
    }
    Ok(())
}

fn entry(entry: &[u8], voice: usize, memory: &mut Memory, board: &mut Board) {
    let (seq, message) = json::entry(entry);
    if let Some(seq) = seq {
        // Each later entry once, in order, without a gap.
        if seq != memory.seq + 1 {
            board.trouble(entry);
        }
        memory.seq = seq;
    }
    if let Some(message) = message {
        board.answered(voice, message);
    }
}

impl Role for Customer {
    fn opened(&mut self, out: &mut Vec<u8>) {
        let path = format!("/v1/{TENANT}/ws");
        websocket::upgrade(out, &path, "127.0.0.1", Some("couplet.v1"));
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
            self.step = Step::Greeting;
            self.hello(out);
        }
        let rest = bytes.get(used..).unwrap_or_default();
        let Self { voice, step, reader, memory } = self;
        used += reader.read(rest, |said| match said {
            Said::Text(text) => frame(text, *voice, step, memory, board),
            Said::Ping(ping) => {
                websocket::pong(out, ping);
                Ok(())
            }
            Said::Closed(code) => {
                board.trouble(format!("closed: {code:?}").as_bytes());
                bail!("closed")
            }
        })?;
        Ok(used)
    }

    fn say(&mut self, _: usize, message: u64, out: &mut Vec<u8>) {
        websocket::text(out, |out| {
            out.extend_from_slice(br#"{"type":"message","id":"m"#);
            write_number(out, message);
            out.extend_from_slice(br#"","text":""#);
            words::write(out, message);
            out.extend_from_slice(br#""}"#);
        });
    }

    fn closed(&mut self, board: &mut Board) {
        match self.step {
            Step::Open => board.counts.lost += 1,
            _ => board.counts.failed += 1,
        }
    }

    fn memory(&self) -> Option<Memory> {
        Some(self.memory.clone())
    }
}
