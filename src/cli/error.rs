//! Errors of subcommands, as operators read them.

use std::error::Error;
use std::io;

use crate::config::NoLinks;
use crate::ports::store_error::StoreError;

/// Why a backend could not be opened, or why the gateway stopped.
pub type Failure = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The request cannot be carried out as given.
    #[error("{what}\n{mend}")]
    Refused {
        what: String,
        /// How to fix it.
        mend: String,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A backend failed.
    #[error("{}", told(&**.0))]
    Backend(Failure),
    #[error(transparent)]
    NoLinks(#[from] NoLinks),
    /// Some checks failed; the results were printed.
    #[error("{failed} of {all} checks failed")]
    Checks { failed: usize, all: usize },
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    pub(super) fn refused(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), mend: mend.into() }
    }
}

/// An error with its causes; a cause that the text already ends with is not repeated.
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_words = cause.to_string();
        if !words.ends_with(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        next = cause.source();
    }
    words
}
