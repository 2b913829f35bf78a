//! The parts of a file that are kept while it passes through, to detect its type: the head, and of
//! containers the end.
//!
//! Invariants: memory is bounded, however long the file is. Bytes that were not kept read as zeros,
//! which no detection matches.

use std::io::{Cursor, Read, Seek, SeekFrom};

use file_format::FileFormat;
use memchr::memmem;

/// The size of the head, from which most types can be told,
pub(super) const HEAD: usize = 8 * 1024;
/// of the end of a container: the directory of a ZIP is there, and usually the track list of a
/// video,
const TAIL: usize = 256 * 1024;
/// and of the part of a compound file that its header points to.
const MARKED: usize = 4 * 1024;
/// The longest `mimetype` entry that is accepted in a ZIP.
const MIMETYPE: u32 = 1024;

#[derive(Debug, Default)]
pub(super) struct Look {
    head: Vec<u8>,
    size: u64,
    tail: Vec<u8>,
    /// The directory of a compound file: its offset, and the bytes seen of it.
    marked: Option<(u64, Vec<u8>)>,
}

impl Look {
    pub(super) fn new(head: &[u8]) -> Self {
        let mut look = Self::default();
        look.head = head.get(..HEAD.min(head.len())).unwrap_or_default().to_vec();
        look.marked = directory(&look.head).map(|at| (at, Vec::new()));
        look.see(head);
        look
    }

    /// Adds the next piece of the file.
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

    /// Whether the end of the file is needed to detect its type.
    pub(super) fn is_container(&self) -> bool {
        let known: [&[u8]; 5] =
            [b"PK", b"\xd0\xcf\x11\xe0", b"\x1a\x45\xdf\xa3", b"ID3", b"\x30\x26\xb2\x75"];
        known.iter().any(|begins| self.head.starts_with(begins))
            || self.head.get(4..8) == Some(b"ftyp")
    }

    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// All bytes that were kept.
    pub(super) fn seen(&self) -> impl Iterator<Item = &[u8]> {
        [&*self.head, &*self.tail].into_iter()
    }

    /// The detected format; the default if it is unknown.
    pub(super) fn format(&self) -> FileFormat {
        if self.claims_much() {
            return FileFormat::default();
        }
        FileFormat::from_reader(Seen { look: self, at: 0 }).unwrap_or_default()
    }

    /// Whether a ZIP claims a long `mimetype`: the reader would allocate that much memory.
    fn claims_much(&self) -> bool {
        let mut found = memmem::find_iter(&self.tail, b"mimetype");
        found.any(|at| {
            let of_end = (self.tail.len() as u64) < self.size;
            // The compressed and uncompressed lengths and that of the name, at their offsets in the
            // directory.
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

/// The offset of a compound file's directory.
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

/// A reader over the kept parts of a file.
struct Seen<'l> {
    look: &'l Look,
    at: u64,
}

impl Seen<'_> {
    /// The kept parts, with their offsets.
    fn parts(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let Look { head, size, tail, marked } = self.look;
        let marked = marked.iter().map(|(at, bytes)| (*at, &**bytes));
        [(0, &**head), (size.saturating_sub(tail.len() as u64), &**tail)].into_iter().chain(marked)
    }

    /// The kept bytes from the current position to the end of their part.
    fn here(&self) -> Option<&[u8]> {
        let from = |(begins, bytes): (u64, &'_ [u8])| {
            let skip = usize::try_from(self.at.checked_sub(begins)?).ok()?;
            (skip < bytes.len()).then_some(skip)
        };
        self.parts().find_map(|part| part.1.get(from(part)?..))
    }

    /// The distance to the next kept byte.
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
