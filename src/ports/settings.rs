//! A tenant's settings: one document, of which the database, the shell and the widget have views.
//!
//! To add a setting: a field with its default here, and the place where it acts. A document that
//! was written before has the default; an older version ignores what it does not know.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::routing::Routing;

/// What an operator may set for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// The business's name, as people read it.
    pub name: Arc<str>,
    /// The origins whose pages may embed the widget (`https://www.acme.example`); none may where the
    /// list is empty.
    pub origins: Vec<String>,
    /// Whether a client that sends no `Origin` is refused too.
    pub origin_required: bool,
    /// The widget's color (`#rrggbb`).
    pub color: Option<String>,
    /// The widget's language where the page names none (BCP 47).
    pub locale: Option<String>,
    /// The line in the widget's empty log, in place of its own; at most 200 characters.
    pub welcome: Option<String>,
    /// A conversation without a message for this many milliseconds is closed; 0 for never.
    pub idle_close_ms: i64,
    /// A customer is reminded this long after the agent's last word; 0 for never.
    pub idle_remind_ms: i64,
    /// An agent is reminded this long after the customer's unanswered word; 0 for never.
    pub agent_remind_ms: i64,
    /// An agent loses the conversation this long after the customer's unanswered word; 0 for never.
    pub agent_requeue_ms: i64,
    /// What customers are asked before the chat, in this order.
    pub form: Vec<FormField>,
    /// What files are accepted.
    pub files: FileWishes,
    /// The tags that agents may put to conversations.
    pub tags: Tags,
    /// When it is open.
    #[serde(flatten)]
    pub opening: OpeningHours,
    /// How customers are routed to agents.
    pub routing: Routing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "".into(),
            origins: Vec::new(),
            origin_required: false,
            color: None,
            locale: None,
            welcome: None,
            idle_close_ms: 30 * 60_000,
            idle_remind_ms: 0,
            agent_remind_ms: 0,
            agent_requeue_ms: 0,
            form: Vec::new(),
            files: FileWishes::default(),
            tags: Tags::default(),
            opening: OpeningHours::default(),
            routing: Routing::default(),
        }
    }
}

/// New times of silence of a tenant, in milliseconds; what is none stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewTimes {
    pub idle_close_ms: Option<i64>,
    pub idle_remind_ms: Option<i64>,
    pub agent_remind_ms: Option<i64>,
    pub agent_requeue_ms: Option<i64>,
}

/// When a tenant is open; or a queue, for which its tenant's counts where it has none of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpeningHours {
    /// In OpenStreetMap's syntax (`Mo-Fr 09:00-17:00; PH off`); always where it is null.
    pub hours: Option<String>,
    /// What happens outside them; `strict` where it is null.
    pub hours_mode: Option<HoursMode>,
    /// The time zone that they are in (`Europe/Berlin`).
    pub zone: Option<String>,
    /// The country whose public holidays count (`DE`).
    pub country: Option<String>,
}

impl OpeningHours {
    /// A queue's hours: what it has of its own, else the tenant's.
    pub fn or(&self, tenant: &Self) -> Self {
        Self {
            hours: self.hours.clone().or_else(|| tenant.hours.clone()),
            hours_mode: self.hours_mode.or(tenant.hours_mode),
            zone: self.zone.clone().or_else(|| tenant.zone.clone()),
            country: self.country.clone().or_else(|| tenant.country.clone()),
        }
    }

    pub fn is_strict(&self) -> bool {
        self.hours_mode != Some(HoursMode::Advisory)
    }
}

/// What happens outside the hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HoursMode {
    /// New conversations are messages that are left, offered when the queue opens.
    Strict,
    /// An agent who is available makes it open.
    Advisory,
}

/// What files a tenant accepts, where that is not as the gateway is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FileWishes {
    /// The largest, in bytes; 0 for none.
    pub bytes: Option<u64>,
    /// Media types, as `image/png` or `image/*`.
    pub types: Option<Vec<String>>,
}

/// The tags of a tenant's conversations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tags {
    /// Whether agents may use tags that are not listed.
    pub open: bool,
    /// One word each, in small letters, in order.
    pub known: Vec<String>,
}

/// A field of the form before the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FormField {
    /// The name of the answer: `name`, `email`, or anything else.
    pub name: String,
    /// What customers read; the widget has its own words for `name`, `email` and `phone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether it must be filled in.
    #[serde(default)]
    pub required: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered() -> String {
        serde_json::to_string_pretty(&schemars::schema_for!(Settings)).unwrap() + "\n"
    }

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tenant.schema.json");

    #[test]
    fn the_published_schema_is_what_the_type_says() {
        let published = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            published == rendered(),
            "docs/tenant.schema.json is stale; write it anew with: \
             cargo test --lib ports::settings::tests::rewrite -- --ignored"
        );
    }

    #[test]
    #[ignore = "writes docs/tenant.schema.json"]
    fn rewrite() {
        std::fs::write(FILE, rendered()).unwrap();
    }

    #[test]
    fn a_document_of_another_version_is_read() {
        let read: Settings = serde_json::from_str(r#"{"name":"Acme","later":{"x":1}}"#).unwrap();
        assert_eq!(read, Settings { name: "Acme".into(), ..Settings::default() });
    }
}
