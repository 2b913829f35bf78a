//! Multi-row statements whose texts are built once.
//!
//! Invariant: each statement has few enough texts for a connection to keep all of them prepared.
//! With more, each would evict another, and an eviction costs 40 ms: the driver sends it without
//! waiting for a response, and its next packet waits for a delayed TCP acknowledgement.

use std::sync::{Arc, OnceLock};

use sea_orm::{DbBackend, StatementBuilder};

/// The most rows in one statement. At up to 22 values a row this stays below the limits of 32,766
/// parameters (SQLite) and 65,535 (MySQL).
pub(super) const MOST: usize = 256;

/// One statement, with a text for each number of rows up to `exact`, a power of two, and for its
/// doubles beyond.
#[derive(Debug)]
pub(super) struct Many {
    backend: DbBackend,
    exact: usize,
    write: fn(DbBackend, usize) -> String,
    texts: Vec<OnceLock<Arc<str>>>,
}

impl Many {
    pub(super) fn new(
        backend: DbBackend,
        exact: usize,
        write: fn(DbBackend, usize) -> String,
    ) -> Self {
        let texts = (0..=Self::place(MOST, exact)).map(|_| OnceLock::new()).collect();
        Self { backend, exact, write, texts }
    }

    /// How many of this many rows go into the next statement.
    pub(super) fn fitting(&self, rows: usize) -> usize {
        match rows.min(MOST).checked_div(self.exact).and_then(usize::checked_ilog2) {
            Some(doubles) if rows > self.exact => self.exact << doubles,
            _ => rows,
        }
    }

    /// The text for a number of rows that [`Self::fitting`] returned; for a list of keys, for a
    /// power of two (`sql::padded`).
    pub(super) fn text(&self, rows: usize) -> Arc<str> {
        let write = || (self.write)(self.backend, rows).into();
        match self.texts.get(Self::place(rows, self.exact)) {
            Some(text) => text.get_or_init(write).clone(),
            None => write(),
        }
    }

    fn place(rows: usize, exact: usize) -> usize {
        match rows.checked_div(exact).and_then(usize::checked_ilog2) {
            Some(doubles) if rows > exact => exact + doubles as usize - 1,
            _ => rows.saturating_sub(1),
        }
    }
}

/// The text of a statement; its values become placeholders.
pub(super) fn text(backend: DbBackend, statement: &impl StatementBuilder) -> String {
    backend.build(statement).sql
}

#[cfg(test)]
mod tests {
    use super::super::{append, session_insert};
    use super::*;

    #[test]
    fn few_texts_cover_any_number_of_rows() {
        let append = append::Statements::new(DbBackend::Sqlite);
        let fresh = session_insert::Statements::new(DbBackend::Sqlite);
        let all = [
            &append.rows,
            &append.views.write,
            &append.views.begun,
            &fresh.customers,
            &fresh.sessions,
        ];
        let kept: usize = all.iter().map(|many| many.texts.len()).sum();
        assert!(kept < 150, "{kept} of one connection's 256");
        for many in all {
            for rows in 1..1_000 {
                let fitting = many.fitting(rows);
                assert!((1..=rows.min(MOST)).contains(&fitting), "{fitting} of {rows}");
                assert!(fitting == rows || rows > many.exact && 2 * fitting > rows.min(MOST));
                assert!(Many::place(fitting, many.exact) < many.texts.len());
            }
            assert_eq!(many.fitting(0), 0);
            let marks = |rows| many.text(rows).matches('?').count();
            let each = marks(2) - marks(1);
            assert_eq!(marks(MOST), marks(1) + (MOST - 1) * each);
            assert!(Arc::ptr_eq(&many.text(2), &many.text(2)), "written once");
        }
    }
}
