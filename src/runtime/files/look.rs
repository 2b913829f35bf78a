//! What is seen of a file while it passes: its head, and of some its end.
//!
//! Invariants: it takes at most so much memory, however long the file is. What was not seen counts as
//! zeros, which nothing is told by.

use std::io::{Cursor, Read, Seek, SeekFrom};

use file_format::FileFormat;
use memchr::memmem;

/// So much of a file tells what it is,
pub(super) const HEAD: usize = 8 * 1024;
/// and of containers so much of its end, where the contents of a ZIP are listed, those of a film
/// mostly,
const TAIL: usize = 256 * 1024;
/// and so much where the head says that something is.
const MARKED: usize = 4 * 1024;
/// The longest that a ZIP says of itself.
const MIMETYPE: u32 = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Look {
    head: Vec<u8>,
    size: u64,
    tail: Vec<u8>,
    /// Where a compound file says what it is, and what was seen of it.
    marked: Option<(u64, Vec<u8>)>,
}

impl Look {
    /// A file that begins like this.
    pub(super) fn new(head: &[u8]) -> Self {
        let mut look = Self::default();
        look.head = head.get(..HEAD.min(head.len())).unwrap_or_default().to_vec();
        look.marked = directory(&look.head).map(|at| (at, Vec::new()));
        look.see(head);
        look
    }

    /// The next of its pieces.
    pub(super) fn see(&mut self, piece: &[u8]) {
        let begins = self.size;
        self.size += piece.len() as u64;
        if !self.is_container() {
            return;
        }
        if let Some((at, marked)) = &mut self.marked {
            let next = *at + marked.len() as u64;
            if let Some(skip) = next.checked_sub(begins).and_then(|skip| usize::try_from(skip).ok())
            {
                let seen = piece.get(skip..).unwrap_or_default();
                let room = MARKED - marked.len();
                marked.extend_from_slice(seen.get(..room.min(seen.len())).unwrap_or_default());
            }
        }
        self.tail.extend_from_slice(piece);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    /// Whether only its end tells what it is.
    pub(super) fn is_container(&self) -> bool {
        let known: [&[u8]; 5] =
            [b"PK", b"\xd0\xcf\x11\xe0", b"\x1a\x45\xdf\xa3", b"ID3", b"\x30\x26\xb2\x75"];
        known.iter().any(|begins| self.head.starts_with(begins))
            || self.head.get(4..8) == Some(b"ftyp")
    }

    /// How it begins.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// All that was seen of it.
    pub(super) fn seen(&self) -> impl Iterator<Item = &[u8]> {
        [&*self.head, &*self.tail].into_iter()
    }

    /// Its format, as far as one is known.
    pub(super) fn format(&self) -> FileFormat {
        if self.claims_much() {
            return FileFormat::default();
        }
        FileFormat::from_reader(Seen { look: self, at: 0 }).unwrap_or_default()
    }

    /// Whether a ZIP says that its `mimetype` is long: the reader would take the memory for it first.
    fn claims_much(&self) -> bool {
        let mut found = memmem::find_iter(&self.tail, b"mimetype");
        found.any(|at| {
            let of_end = (self.tail.len() as u64) < self.size;
            // Lengths as packed and unpacked, and of the name, where the list has them.
            let Some(lengths) = at.checked_sub(26).and_then(|from| self.tail.get(from..at - 16))
            else {
                return of_end;
            };
            match lengths {
                [a, b, c, d, e, f, g, h, 8, 0] => {
                    let packed = u32::from_le_bytes([*a, *b, *c, *d]);
                    packed == u32::from_le_bytes([*e, *f, *g, *h]) && packed > MIMETYPE
                }
                _ => false,
            }
        })
    }
}

/// Where a compound file lists what it contains.
fn directory(head: &[u8]) -> Option<u64> {
    if !head.starts_with(b"\xd0\xcf\x11\xe0") {
        return None;
    }
    let mut head = Cursor::new(head);
    let mut read = |at: u64| {
        let mut bytes = [0; 4];
        head.seek(SeekFrom::Start(at)).ok()?;
        head.read_exact(&mut bytes).ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let sector = if read(26)? & 0xffff == 3 { 512 } else { 4096 };
    Some(sector * (1 + u64::from(read(48)?)))
}

/// A file as it was seen.
struct Seen<'l> {
    look: &'l Look,
    at: u64,
}

impl Seen<'_> {
    /// The parts that were seen, and where they begin.
    fn parts(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let Look { head, size, tail, marked } = self.look;
        let marked = marked.iter().map(|(at, bytes)| (*at, &**bytes));
        [(0, &**head), (size.saturating_sub(tail.len() as u64), &**tail)].into_iter().chain(marked)
    }

    /// The bytes from here on, as far as they lie together.
    fn here(&self) -> Option<&[u8]> {
        let from = |(begins, bytes): (u64, &'_ [u8])| {
            let skip = usize::try_from(self.at.checked_sub(begins)?).ok()?;
            (skip < bytes.len()).then_some(skip)
        };
        self.parts().find_map(|part| part.1.get(from(part)?..))
    }

    /// How far it is to the next bytes that were seen.
    fn unseen(&self) -> usize {
        let begins = self.parts().map(|(begins, _)| begins).filter(|begins| *begins > self.at);
        let until = begins.min().unwrap_or(self.look.size);
        usize::try_from(until.saturating_sub(self.at)).unwrap_or(usize::MAX)
    }
}

impl Read for Seen<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = match self.here() {
            Some(mut here) => here.read(buffer)?,
            None => {
                let zeros = self.unseen().min(buffer.len());
                buffer.iter_mut().take(zeros).for_each(|byte| *byte = 0);
                zeros
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Seen<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.look.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
