//! Why a subcommand failed, for the operator.

use std::error::Error;
use std::io;

use crate::config::NoLinks;
use crate::ports::store::StoreError;

/// Why a backend could not be opened, or the gateway stopped.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// It cannot be done as it was asked for.
    #[error("{what}\n{mend}")]
    Refused {
        /// What is wrong.
        what: String,
        /// What to do.
        mend: String,
    },
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A backend failed.
    #[error("{}", told(&**.0))]
    Backend(Failure),
    /// There is nothing to serve.
    #[error(transparent)]
    NoLinks(#[from] NoLinks),
    /// Some checks failed; which ones, and why, was printed.
    #[error("{failed} of {all} checks failed")]
    Checks {
        /// How many failed.
        failed: usize,
        /// How many there are.
        all: usize,
    },
    /// Nobody takes the output.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    pub(super) fn refused(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), mend: mend.into() }
    }
}

/// An error with all its causes, each said once.
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
