//! Files that a message has.
//!
//! Invariants: a file belongs to one message for good, so that whoever takes that message back takes
//! no other's file. The database says which are free, before a command comes here; what was shared
//! since it was asked is known here. What neither knows, the write itself does not let through.

use std::collections::{HashSet, VecDeque};

use crate::chat::ids::{FileId, Timestamp};
use crate::chat::model::File;

/// How long a command may be under way, in milliseconds, since its files were looked up.
const UNDER_WAY_MS: i64 = 10 * 60_000;
/// The most files that are remembered.
const MOST: usize = 100_000;

/// The files of the messages of the last minutes.
#[derive(Debug, Default)]
pub(super) struct SharedFiles {
    known: HashSet<FileId>,
    order: VecDeque<(Timestamp, FileId)>,
}

impl SharedFiles {
    /// Whether one of these belongs to a message.
    pub(super) fn has_any(&self, files: &[File]) -> bool {
        files.iter().any(|file| self.known.contains(&file.id))
    }

    /// A message has these.
    pub(super) fn insert(&mut self, now: Timestamp, files: &[File]) {
        let is_over = |(at, _): &mut (Timestamp, FileId)| now.since(*at) > UNDER_WAY_MS;
        while let Some((_, file)) = self.order.pop_front_if(is_over) {
            self.known.remove(&file);
        }
        for file in files {
            if self.known.insert(file.id) {
                self.order.push_back((now, file.id));
            }
        }
        while self.order.len() > MOST
            && let Some((_, file)) = self.order.pop_front()
        {
            self.known.remove(&file);
        }
    }
}
