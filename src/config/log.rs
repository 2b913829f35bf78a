//! `[log]`: what is logged, and how.

use tracing_subscriber::EnvFilter;

use super::section::{Refusal, Section};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// `[log]`.
#[derive(Debug, Clone)]
pub struct Log {
    /// A level, or levels by part: `info,couplet::xmpp=debug`. Default `info`.
    pub level: String,
    /// The form of a line. Default text.
    pub format: Format,
}

/// The form of a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
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
    // A filter takes any lone word for the name of a part, so that "inof" would log everything.
    let sound = |directive: &str| directive.contains('=') || LEVELS.contains(&directive.trim());
    if text.split(',').all(sound) && EnvFilter::try_new(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!("is no level; write one of {}", LEVELS.join(", ")))
    }
}

fn format(text: &str) -> Result<Format, Refusal> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err("is no format; write text or json".to_owned()),
    }
}
