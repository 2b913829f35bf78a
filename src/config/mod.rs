//! The configuration: each file reads and checks one section.
//!
//! A value comes from the environment (`COUPLET__SECTION__KEY`), else from the file, else from its
//! default. A secret may also be in a file of its own, named by the same key with the suffix
//! `_file`.
//!
//! Invariants: a [`Config`] that exists is complete and valid; its users check nothing again. All
//! faults are reported at once. No secret is ever printed, neither by `Debug` nor in a fault.

mod admin;
mod backends;
mod files;
mod http;
mod limits;
mod links;
mod log;
mod problem;
mod section;
mod sources;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::Path;

pub use admin::Admin;
pub use backends::{Cache, Database};
pub use files::{Files, Storage};
pub use http::Http;
pub use limits::Limits;
pub use links::{Link, NoLinks, UploadHost};
pub use log::{Format, Log};
pub use problem::{Problem, Problems};
pub use sources::DEFAULT_FILE;

use crate::chat::ids::LinkDomain;

use section::Section;

/// All settings of a node.
#[derive(Debug, Clone)]
pub struct Config {
    pub http: Http,
    pub admin: Admin,
    pub database: Database,
    /// The cache and the message bus.
    pub cache: Cache,
    pub files: Files,
    /// The component domains, none twice; the first is the default for new tenants.
    pub links: Vec<Link>,
    /// Limits for one customer, one address and one tenant.
    pub limits: Limits,
    pub log: Log,
}

impl Config {
    /// Reads the named file and the environment. Without a name it reads [`DEFAULT_FILE`] if it
    /// exists.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        Self::read(file, std::env::vars_os())
    }

    pub fn link(&self, domain: &LinkDomain) -> Option<&Link> {
        self.links.iter().find(|link| link.domain == *domain)
    }

    /// A command that serves needs a link; work on the database alone does not.
    pub fn require_links(&self) -> Result<(), NoLinks> {
        if self.links.is_empty() { Err(NoLinks) } else { Ok(()) }
    }

    fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        let merged = sources::merge(file, environment).map_err(Problems::one)?;
        let problems = RefCell::default();
        let mut root = Section::new(String::new(), merged, &problems);
        let config = Self {
            http: Http::read(root.section("http")),
            admin: Admin::read(root.section("admin")),
            database: Database::read(root.section("database")),
            cache: Cache::read(root.section("cache")),
            files: Files::read(root.section("files")),
            links: links::read(root.sections("links")),
            limits: Limits::read(root.section("limits")),
            log: Log::read(root.section("log")),
        };
        root.close();
        match problems.into_inner() {
            none if none.is_empty() => Ok(config),
            found => Err(Problems::all(found)),
        }
    }
}
