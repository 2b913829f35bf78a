//! A client of the bare echo server.

use anyhow::bail;

use super::Role;
use super::board::Board;
use crate::wire::websocket::{self, Reader, Said};
use crate::wire::words;

pub(crate) struct Echo {
    voice: usize,
    open: bool,
    reader: Reader,
}

impl Echo {
    pub(crate) fn new(voice: usize) -> Self {
        Self { voice, open: false, reader: Reader::default() }
    }
}

impl Role for Echo {
    fn opened(&mut self, out: &mut Vec<u8>) {
        websocket::upgrade(out, "/", "127.0.0.1", None);
    }

    fn take(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        board: &mut Board,
    ) -> anyhow::Result<usize> {
        let mut used = 0;
        if !self.open {
            let Some(head) = websocket::upgraded(bytes)? else { return Ok(0) };
            used = head;
            self.open = true;
            board.counts.greeted += 1;
        }
        let (rest, voice) = (bytes.get(used..).unwrap_or_default(), self.voice);
        used += self.reader.read(rest, |said| {
            match said {
                Said::Text(text) => board.answered(voice, words::read(text).unwrap_or_default()),
                Said::Ping(ping) => websocket::pong(out, ping),
                Said::Closed(_) => bail!("closed"),
            }
            Ok(())
        })?;
        Ok(used)
    }

    fn say(&mut self, _: usize, message: u64, out: &mut Vec<u8>) {
        websocket::text(out, |out| words::write(out, message));
    }

    fn closed(&mut self, board: &mut Board) {
        board.counts.failed += u64::from(!self.open);
        board.counts.lost += u64::from(self.open);
    }
}
