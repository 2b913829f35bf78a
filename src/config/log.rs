//! `[log]`: level and format.

use tracing_subscriber::EnvFilter;

use super::section::{Refusal, Section};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

#[derive(Debug, Clone)]
pub struct Log {
    /// A level, or levels by module: `info,couplet::xmpp=debug`. Default `info`.
    pub level: String,
    /// Default text.
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let read = Self {
            level: section.parsed("level", level).unwrap_or_else(|| "info".to_owned()),
            format: section.parsed("format", format).unwrap_or(Format::Text),
        };
        section.close();
        read
    }
}

fn level(text: &str) -> Result<String, Refusal> {
    // A filter takes any lone word for the name of a module, so "inof" would log everything.
    let sound = |directive: &str| directive.contains('=') || LEVELS.contains(&directive.trim());
    if text.split(',').all(sound) && EnvFilter::try_new(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!("is not a level; write one of {}", LEVELS.join(", ")))
    }
}

fn format(text: &str) -> Result<Format, Refusal> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err("is not a format; write text or json".to_owned()),
    }
}
