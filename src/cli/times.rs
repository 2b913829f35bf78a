//! What `couplet tenant set` changes: hours, and the times after which a silence ends.

use serde::Serialize;

use super::error::CliError;
use super::output::Output;
use super::{hours, known};
use crate::chat::ids::TenantKey;
use crate::ports::settings::{NewTimes, Settings};
use crate::ports::store::Store;

const MINUTE_MS: i64 = 60_000;
const SECOND_MS: i64 = 1_000;

/// A setting of a tenant and its new value.
#[derive(Debug, Clone)]
pub enum Setting {
    Hours(hours::Change),
    Time(Time),
}

/// A time, in milliseconds; 0 switches off what happens after it.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    name: Name,
    ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    IdleClose,
    IdleRemind,
    AgentRemind,
    AgentRequeue,
}

/// Reads `NAME=VALUE`.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let (word, value) = text.split_once('=').unwrap_or((text, ""));
    // A week in minutes, a day in seconds.
    let (name, unit, most) = match word {
        "idle_close_minutes" => (Name::IdleClose, MINUTE_MS, 10_080),
        "idle_remind_minutes" => (Name::IdleRemind, MINUTE_MS, 10_080),
        "agent_remind_seconds" => (Name::AgentRemind, SECOND_MS, 86_400),
        "agent_requeue_seconds" => (Name::AgentRequeue, SECOND_MS, 86_400),
        "hours" | "hours_mode" | "zone" | "country" => {
            return hours::change(text).map(Setting::Hours);
        }
        _ => {
            return Err("only these can be set: hours, hours_mode, zone, country, \
                        idle_close_minutes, idle_remind_minutes, agent_remind_seconds, \
                        agent_requeue_seconds; write e.g. zone=Europe/Berlin"
                .to_owned());
        }
    };
    match value.trim().parse::<i64>() {
        Ok(number) if (0..=most).contains(&number) => {
            Ok(Setting::Time(Time { name, ms: number * unit }))
        }
        _ => Err(format!(
            "{word} is a number from 0 to {most}, and 0 is never: write e.g. {word}=10"
        )),
    }
}

/// The times of silence, as printed; 0 is never.
#[derive(Debug, Serialize)]
pub(super) struct View {
    idle_close_minutes: i64,
    idle_remind_minutes: i64,
    agent_remind_seconds: i64,
    agent_requeue_seconds: i64,
}

impl View {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            idle_close_minutes: settings.idle_close_ms / MINUTE_MS,
            idle_remind_minutes: settings.idle_remind_ms / MINUTE_MS,
            agent_remind_seconds: settings.agent_remind_ms / SECOND_MS,
            agent_requeue_seconds: settings.agent_requeue_ms / SECOND_MS,
        }
    }

    /// What happens when nobody says anything, in words.
    pub(super) fn facts(&self) -> [[String; 2]; 4] {
        let after = |number: i64, unit| match number {
            0 => "never".to_owned(),
            number => format!("{number} {unit}"),
        };
        [
            ["idle close".to_owned(), after(self.idle_close_minutes, "min")],
            ["idle remind".to_owned(), after(self.idle_remind_minutes, "min")],
            ["agent remind".to_owned(), after(self.agent_remind_seconds, "s")],
            ["agent requeue".to_owned(), after(self.agent_requeue_seconds, "s")],
        ]
    }
}

/// The times after a change, as printed.
#[derive(Debug, Serialize)]
struct Changed {
    tenant: String,
    #[serde(flatten)]
    times: View,
}

/// Changes settings of a tenant.
pub(super) async fn set(
    key: &TenantKey,
    settings: Vec<Setting>,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let (mut changes, mut times) = (Vec::new(), Vec::new());
    for setting in settings {
        match setting {
            Setting::Hours(change) => changes.push(change),
            Setting::Time(time) => times.push(time),
        }
    }
    let value = |name| times.iter().find(|time| time.name == name).map(|time| time.ms);
    if times.iter().any(|time| times.iter().filter(|t| t.name == time.name).count() > 1) {
        return Err(CliError::refused("a setting is named twice", "write each of them once"));
    }
    let new = NewTimes {
        idle_close_ms: value(Name::IdleClose),
        idle_remind_ms: value(Name::IdleRemind),
        agent_remind_ms: value(Name::AgentRemind),
        agent_requeue_ms: value(Name::AgentRequeue),
    };
    if !changes.is_empty() {
        hours::set(key, None, &changes, store, out).await?;
    }
    if times.is_empty() {
        return Ok(());
    }
    known::tenant(key, store).await?;
    store.put_times(key, new).await?;
    let tenant = known::tenant(key, store).await?;
    let changed = Changed { tenant: key.to_string(), times: View::of(&tenant.settings) };
    Ok(out.one(&changed, |changed| {
        let facts = changed.times.facts().map(|[name, value]| format!("{name} {value}"));
        format!("tenant {key} updated: {}", facts.join(", "))
    })?)
}
