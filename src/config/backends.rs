//! `[database]` and `[cache]`: their addresses. Both may contain a password.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::section::{Refusal, Section};

const DATABASE: &str = "sqlite://couplet.db?mode=rwc";
const CACHE: &str = "memory://";

#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite://FILE?mode=rwc` or `mysql://user:password@host/database`.
    pub url: SecretString,
}

impl Database {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let url = section.secret("url", database_url).unwrap_or_else(|| DATABASE.into());
        section.close();
        Self { url }
    }

    /// The kind of database, as text for operators.
    pub fn kind(&self) -> impl fmt::Display {
        scheme(self.url.expose_secret()).unwrap_or_default().to_owned()
    }
}

#[derive(Debug, Clone)]
pub struct Cache {
    /// `memory://`, for a single node, or `redis://[user:password@]host[:port][/db]`.
    pub url: SecretString,
}

impl Cache {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let url = section.secret("url", cache_url).unwrap_or_else(|| CACHE.into());
        section.close();
        Self { url }
    }

    /// The kind of cache, as text for operators.
    pub fn kind(&self) -> impl fmt::Display {
        scheme(self.url.expose_secret()).unwrap_or_default().to_owned()
    }
}

fn database_url(url: SecretString) -> Result<SecretString, Refusal> {
    const FORMS: &str = "sqlite://FILE?mode=rwc or mysql://USER:PASSWORD@HOST/DATABASE";
    match scheme(url.expose_secret()) {
        Some("sqlite") => Ok(url),
        Some("mysql") if names_host(&url, |url| url.path().len() > 1) => Ok(url),
        Some("mysql") => Err(format!("names no host or no database; write {FORMS}")),
        other => Err(unknown(other, FORMS)),
    }
}

fn cache_url(url: SecretString) -> Result<SecretString, Refusal> {
    const FORMS: &str = "memory:// or redis://HOST/DB";
    match scheme(url.expose_secret()) {
        Some("memory") => Ok(url),
        Some("redis") if names_host(&url, |_| true) => Ok(url),
        Some("redis") => Err(format!("names no host; write {FORMS}")),
        other => Err(unknown(other, FORMS)),
    }
}

/// The part before the colon, if it looks like a scheme and therefore not like a secret.
fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let short = (1..=16).contains(&scheme.len());
    (short && scheme.bytes().all(|b| b.is_ascii_lowercase() || b == b'+')).then_some(scheme)
}

fn names_host(url: &SecretString, further: impl Fn(&Url) -> bool) -> bool {
    Url::parse(url.expose_secret())
        .is_ok_and(|url| url.host_str().is_some_and(|host| !host.is_empty()) && further(&url))
}

fn unknown(scheme: Option<&str>, forms: &str) -> Refusal {
    match scheme {
        Some(scheme) => format!("has the unknown scheme {scheme:?}; write {forms}"),
        None => format!("has no scheme; write {forms}"),
    }
}
