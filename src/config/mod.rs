//! Configuration: one validated section a file.
//!
//! A value comes from the environment (`COUPLET__SECTION__KEY`), else from the file, else from its
//! default. A secret may also stand in a file of its own, named by the same key with `_file`.
//!
//! Invariants: a [`Config`] that exists is whole and sound; whoever holds one checks nothing again.
//! All faults are reported at once. No secret is ever printed, neither by `Debug` nor in a fault.

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

use crate::chat::ids::LinkDomain;

use section::Section;

/// The file that is read where none is named; it need not be there.
pub const DEFAULT_FILE: &str = "couplet.toml";

/// All settings of a node.
#[derive(Debug, Clone)]
pub struct Config {
    /// The public listener.
    pub http: Http,
    /// The operator's listener.
    pub admin: Admin,
    /// The database.
    pub database: Database,
    /// The cache and the bus.
    pub cache: Cache,
    /// Where files lie.
    pub files: Files,
    /// The component domains, no domain twice; the first is the default of new tenants.
    pub links: Vec<Link>,
    /// What is taken of one customer, address and tenant.
    pub limits: Limits,
    /// What is logged, and how.
    pub log: Log,
}

impl Config {
    /// Reads a file (the default one, where it is there, if none is named) and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        Self::read(file, std::env::vars_os())
    }

    /// The link of a domain.
    pub fn link(&self, domain: &LinkDomain) -> Option<&Link> {
        self.links.iter().find(|link| link.domain == *domain)
    }

    /// Without a link there is nothing to serve, though the database can be worked on.
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
