//! Where values come from: the file, overridden by the environment.
//!
//! Invariants: later sources win key by key, even within one table of an array
//! (`COUPLET__LINKS__0__SECRET`). Each value carries its origin. No value is ever printed here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use config::{ConfigError, FileFormat, Map, Source, Value, ValueKind};

use super::problem::Problem;

/// The file read if none is named; it may be missing.
pub const DEFAULT_FILE: &str = "couplet.toml";

const PREFIX: &str = "COUPLET__";
const SEPARATOR: &str = "__";

/// All values of all sources, as one tree.
pub(super) fn merge(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Map<String, Value>, Problem> {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    let fault = |what| Problem { key: path.display().to_string(), what, origin: None };
    let mut all = config::Config::builder();
    if file.is_some() || path.exists() {
        let text = std::fs::read_to_string(path).map_err(|error| fault(unreadable(&error)))?;
        all = all.add_source(Values::of_toml(path, &text).map_err(|e| fault(not_toml(&e)))?);
    }
    all.add_source(Values::of_environment(environment)?)
        .build()
        .and_then(|all| all.collect())
        .map_err(|error| fault(error.to_string()))
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "does not exist; create it, or name another with --config FILE".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    }
}

fn not_toml(error: &ConfigError) -> String {
    match error {
        ConfigError::FileParse { cause, .. } => {
            format!("is not TOML: {}", without_excerpt(&cause.to_string()))
        }
        other => format!("is not TOML: {other}"),
    }
}

/// A TOML error without the quoted line, which may contain a secret.
fn without_excerpt(error: &str) -> String {
    let quoted = |line: &&str| {
        line.split_once('|').is_some_and(|(number, _)| {
            number.chars().all(|c| c.is_ascii_digit() || c.is_ascii_whitespace())
        })
    };
    let lines: Vec<&str> = error.lines().filter(|line| !quoted(line)).collect();
    lines.join(": ")
}

/// The values of one source, by key path.
#[derive(Debug, Clone)]
struct Values(BTreeMap<String, Value>);

impl Values {
    fn of_toml(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let origin = path.display().to_string();
        let values = config::File::from_str(text, FileFormat::Toml).collect()?;
        Ok(Self(values.into_iter().map(|(key, value)| (key, from(&origin, value))).collect()))
    }

    /// An empty variable counts as unset, so that `COUPLET__ADMIN__TOKEN=${TOKEN:-}` in a compose
    /// file is harmless.
    fn of_environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problem> {
        let mut values = BTreeMap::new();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            if value.is_empty() {
                continue;
            }
            let value = value.into_string().map_err(|_| Problem {
                key: name.to_owned(),
                what: "is not UTF-8; write it as UTF-8".to_owned(),
                origin: None,
            })?;
            let origin = format!("the environment, {name}");
            values.insert(expression(key), Value::new(Some(&origin), value));
        }
        Ok(Self(values))
    }
}

impl Source for Values {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone().into_iter().collect())
    }
}

/// The same value with an origin, down to its leaves.
fn from(origin: &String, value: Value) -> Value {
    let kind = match value.kind {
        ValueKind::Table(table) => {
            ValueKind::Table(table.into_iter().map(|(key, v)| (key, from(origin, v))).collect())
        }
        ValueKind::Array(items) => {
            ValueKind::Array(items.into_iter().map(|v| from(origin, v)).collect())
        }
        leaf => leaf,
    };
    Value::new(Some(origin), kind)
}

fn expression(key: &str) -> String {
    let mut path = String::new();
    for part in key.split(SEPARATOR) {
        let index = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if index && !path.is_empty() {
            path.push_str(&format!("[{part}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part.to_ascii_lowercase());
        }
    }
    path
}
