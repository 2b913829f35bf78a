//! Reads one section key by key and collects every fault.
//!
//! Invariants: each value is read once; a key that nobody read is a fault when the section is
//! closed. A reader returns a usable value even if it notes a fault, so that later faults are found
//! too; the configuration as a whole is then rejected.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use config::{Map, Value, ValueKind};
use secrecy::SecretString;

use super::problem::Problem;

pub(super) struct Section<'a> {
    path: String,
    values: Map<String, Value>,
    known: Vec<String>,
    problems: &'a RefCell<Vec<Problem>>,
}

/// Why a parser rejects a value, phrased to follow the value itself.
pub(super) type Refusal = String;

impl<'a> Section<'a> {
    pub(super) fn new(
        path: String,
        values: Map<String, Value>,
        problems: &'a RefCell<Vec<Problem>>,
    ) -> Self {
        Self { path, values, known: Vec::new(), problems }
    }

    /// A subsection; an empty one if it is missing.
    pub(super) fn section(&mut self, key: &str) -> Section<'a> {
        let values = self.take(key).map_or_else(Map::new, |value| self.table(key, value));
        Section::new(self.full(key), values, self.problems)
    }

    pub(super) fn sections(&mut self, key: &str) -> Vec<Section<'a>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let ValueKind::Array(tables) = value.kind else {
            self.fault(key, &value, format!("is not a list of tables; write [[{key}]]"));
            return Vec::new();
        };
        let nth = |(at, value)| {
            let key = format!("{key}[{at}]");
            let values = self.table(&key, value);
            Section::new(self.full(&key), values, self.problems)
        };
        tables.into_iter().enumerate().map(nth).collect()
    }

    /// A value parsed from text; none if it is missing or rejected.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let text = self.text(key, &value)?;
        parse(text)
            .inspect_err(|refusal| self.fault(key, &value, format!("{text:?} {refusal}")))
            .ok()
    }

    /// Like [`Section::parsed`], with a fault if the key is missing.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        if !self.has(key) {
            self.missing(key, example);
        }
        self.parsed(key, parse)
    }

    /// Several values: a list, or in the environment one text with commas.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Vec<T>> {
        let value = self.take(key)?;
        let mut parsed = Vec::new();
        let mut one = |key: &str, from: &Value, text: &str| match parse(text) {
            Ok(item) => parsed.push(item),
            Err(refusal) => self.fault(key, from, format!("{text:?} {refusal}")),
        };
        if let ValueKind::Array(items) = &value.kind {
            for (at, item) in items.iter().enumerate() {
                let key = format!("{key}[{at}]");
                if let Some(text) = self.text(&key, item) {
                    one(&key, item, text);
                }
            }
        } else if let Some(text) = self.text(key, &value) {
            for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                one(key, &value, part);
            }
        }
        Some(parsed)
    }

    pub(super) fn number(&mut self, key: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let Some(value) = self.take(key) else { return default };
        let number = match &value.kind {
            ValueKind::I64(number) => u32::try_from(*number).ok(),
            ValueKind::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => number,
            _ => {
                let (from, to) = range.into_inner();
                let shown = shown(&value);
                self.fault(
                    key,
                    &value,
                    format!("{shown} is not a whole number from {from} to {to}"),
                );
                default
            }
        }
    }

    /// A secret, from its key or from the file that `key_file` names. `parse` must not repeat the
    /// secret in its error.
    pub(super) fn secret<T>(
        &mut self,
        key: &str,
        parse: impl Fn(SecretString) -> Result<T, Refusal>,
    ) -> Option<T> {
        let file_key = format!("{key}_file");
        let (direct, file) = (self.take(key), self.take(&file_key));
        let (key, value, text) = match (direct, file) {
            (None, None) => return None,
            (Some(value), None) => {
                let text = self.text(key, &value)?.to_owned();
                (key, value, text)
            }
            (None, Some(value)) => {
                let path = PathBuf::from(self.text(&file_key, &value)?);
                match std::fs::read_to_string(&path) {
                    Ok(text) => (file_key.as_str(), value, strip_newline(text)),
                    Err(error) => {
                        let what = format!("{path:?} cannot be read: {error}");
                        self.fault(&file_key, &value, what);
                        return None;
                    }
                }
            }
            (Some(_), Some(value)) => {
                let what = format!("{} is given too; keep one of the two", self.full(key));
                self.fault(&file_key, &value, what);
                return None;
            }
        };
        if text.is_empty() {
            self.fault(key, &value, "is empty; set it or remove the key".to_owned());
            return None;
        }
        parse(text.into()).inspect_err(|refusal| self.fault(key, &value, refusal.clone())).ok()
    }

    /// Like [`Section::secret`], with a fault if it is missing.
    pub(super) fn required_secret(&mut self, key: &str) -> Option<SecretString> {
        if !self.has_secret(key) {
            self.missing(key, &format!("write {key} = \"…\" or {key}_file = \"/path\""));
        }
        self.secret(key, Ok)
    }

    /// Notes a fault of the section that is not the fault of a single value.
    pub(super) fn refuse(&self, key: &str, what: String) {
        self.problems.borrow_mut().push(Problem { key: self.full(key), what, origin: None });
    }

    /// Reports every unread key as unknown.
    pub(super) fn close(mut self) {
        for (key, value) in std::mem::take(&mut self.values) {
            let kind = if self.path.is_empty() { "section" } else { "key" };
            let what =
                format!("is not a known {kind}; the known ones are {}", self.known.join(", "));
            self.fault(&key, &value, what);
        }
    }

    /// Whether a secret is set, in either form.
    pub(super) fn has_secret(&self, key: &str) -> bool {
        self.has(key) || self.has(&format!("{key}_file"))
    }

    fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| value.kind != ValueKind::Nil)
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.to_owned());
        self.values.remove(key).filter(|value| value.kind != ValueKind::Nil)
    }

    fn text<'v>(&self, key: &str, value: &'v Value) -> Option<&'v str> {
        if let ValueKind::String(text) = &value.kind {
            return Some(text);
        }
        self.fault(key, value, "is not text; write it in quotes".to_owned());
        None
    }

    fn table(&self, key: &str, value: Value) -> Map<String, Value> {
        match value.kind {
            ValueKind::Table(table) => table,
            ValueKind::Nil => Map::new(),
            _ => {
                self.fault(key, &value, format!("is not a section; write [{key}]"));
                Map::new()
            }
        }
    }

    fn missing(&self, key: &str, mend: &str) {
        self.refuse(key, format!("is missing; {mend}"));
    }

    fn fault(&self, key: &str, value: &Value, what: String) {
        let origin = value.origin().map(str::to_owned);
        self.problems.borrow_mut().push(Problem { key: self.full(key), what, origin });
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    }
}

/// Editors end a file with a newline that is not part of the secret.
fn strip_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
