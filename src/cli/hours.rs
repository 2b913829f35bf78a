//! `couplet hours`, and what `tenant set` and `queue set` change: when queues are open.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::chat::hours::{ByHand, Hours, Opening};
use crate::chat::ids::{QueueKey, TenantKey, Timestamp};
use crate::hours::{self, BadHours, DAY_MS, Timetable};
use crate::ports::directory::TenantHours;
use crate::ports::settings::{HoursMode, OpeningHours};
use crate::ports::store::Store;

use super::error::CliError;
use super::output::{Output, columns};
use super::{args, known};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show when a tenant, or one of its queues, is open
    Show(Show),
}

#[derive(Debug, Args)]
pub struct Show {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// One of its queues; default what counts for queues without hours of their own
    #[arg(long, value_parser = args::queue)]
    queue: Option<QueueKey>,
    /// From when on: 2026-12-24T09:00, or with an offset; default now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How many days
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
}

/// A setting and its new value; none to remove it.
#[derive(Debug, Clone)]
pub struct Change {
    name: Name,
    value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Hours,
    Mode,
    Zone,
    Country,
}

/// Reads `NAME=VALUE`.
pub(super) fn change(text: &str) -> Result<Change, String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let name = match name {
        "hours" => Name::Hours,
        "hours_mode" => Name::Mode,
        "zone" => Name::Zone,
        "country" => Name::Country,
        _ => {
            return Err(
                "only hours, hours_mode, zone and country can be set: write e.g. zone=Europe/Berlin"
                    .to_owned(),
            );
        }
    };
    if !text.contains('=') {
        return Err("write NAME=VALUE, e.g. zone=Europe/Berlin; NAME= removes it".to_owned());
    }
    let value = value.trim();
    let value = match name {
        _ if value.is_empty() => None,
        Name::Hours => Some(value.to_owned()),
        Name::Mode if matches!(value, "strict" | "advisory") => Some(value.to_owned()),
        Name::Mode => {
            return Err(
                "hours_mode is strict (outside the hours, new conversations wait for the opening) \
                 or advisory (an agent who is available gets them): write e.g. hours_mode=advisory"
                    .to_owned(),
            );
        }
        Name::Zone => Some(hours::zone_name(value).map_err(|bad| bad.to_string())?),
        Name::Country => Some(hours::country_code(value).map_err(|bad| bad.to_string())?),
    };
    Ok(Change { name, value })
}

impl Change {
    fn apply(&self, to: &mut OpeningHours) {
        let value = self.value.clone();
        match self.name {
            Name::Hours => to.hours = value,
            Name::Zone => to.zone = value,
            Name::Country => to.country = value,
            Name::Mode => {
                to.hours_mode = value.map(|word| match word.as_str() {
                    "advisory" => HoursMode::Advisory,
                    _ => HoursMode::Strict,
                });
            }
        }
    }
}

/// Hours, as printed; what is null is not set.
#[derive(Debug, Serialize)]
struct Written {
    hours: Option<String>,
    hours_mode: Option<HoursMode>,
    zone: Option<String>,
    country: Option<String>,
}

impl Written {
    fn of(hours: OpeningHours) -> Self {
        let OpeningHours { hours, hours_mode, zone, country } = hours;
        Self { hours, hours_mode, zone, country }
    }
}

/// Hours after a change, as printed.
#[derive(Debug, Serialize)]
struct Changed {
    tenant: String,
    queue: Option<String>,
    #[serde(flatten)]
    written: Written,
}

/// A time in which it is open.
#[derive(Debug, Serialize)]
struct Time {
    from: i64,
    /// Null if it does not close.
    until: Option<i64>,
}

/// What somebody did to the queue.
#[derive(Debug, Serialize)]
struct Hand {
    open: bool,
    /// Null if it holds until it is taken back.
    until: Option<i64>,
}

/// When it is open, as printed. Times are in epoch milliseconds.
#[derive(Debug, Serialize)]
struct View {
    tenant: String,
    queue: Option<String>,
    #[serde(flatten)]
    written: Written,
    at: i64,
    /// If somebody closed or opened the queue, whatever its hours are.
    by_hand: Option<Hand>,
    open: bool,
    /// When it closes, if it is open.
    until: Option<i64>,
    /// When it opens next.
    next: Option<i64>,
    times: Vec<Time>,
}

/// Changes the hours of a tenant, or of one of its queues.
pub(super) async fn set(
    tenant: &TenantKey,
    queue: Option<&QueueKey>,
    changes: &[Change],
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let twice = |change: &Change| changes.iter().filter(|c| c.name == change.name).count() > 1;
    if changes.iter().any(twice) {
        return Err(CliError::refused("a setting is named twice", "write each of them once"));
    }
    let mut all = find(tenant, queue, store).await?;
    let own = match queue {
        None => Some(&mut all.hours),
        Some(key) => all.queues.iter_mut().find(|(known, _)| known == key).map(|(_, own)| own),
    };
    let mut set = OpeningHours::default();
    if let Some(own) = own {
        changes.iter().for_each(|change| change.apply(own));
        set = own.clone();
    }
    check(&all)?;
    store.put_hours(tenant, queue, &set).await?;
    let changed = Changed {
        tenant: tenant.to_string(),
        queue: queue.map(ToString::to_string),
        written: Written::of(set),
    };
    let (whose, option) = match queue {
        Some(key) => (format!("queue {key} of {tenant}"), format!(" --queue {key}")),
        None => (format!("tenant {tenant}"), String::new()),
    };
    Ok(out.one(&changed, |_| {
        format!(
            "{whose} updated; see when it is open: couplet hours show --tenant {tenant}{option}"
        )
    })?)
}

/// Whether the hours of a tenant and all of its queues can be used.
fn check(all: &TenantHours) -> Result<(), CliError> {
    let bad = |whose: String, why: BadHours| CliError::refused(whose, why.to_string());
    let not_set = |whose: &str| format!("not set: the hours of {whose} would not work");
    Timetable::of(&all.hours).map_err(|why| bad(not_set(all.tenant.as_str()), why))?;
    for (key, own) in &all.queues {
        let whose = format!("the queue {key}");
        Timetable::of(&own.or(&all.hours)).map_err(|why| bad(not_set(&whose), why))?;
    }
    Ok(())
}

/// The hours of a tenant that exists, and of a queue that does.
pub(super) async fn find(
    tenant: &TenantKey,
    asked: Option<&QueueKey>,
    store: &dyn Store,
) -> Result<TenantHours, CliError> {
    known::tenant(tenant, store).await?;
    let all = store.tenant_hours(tenant).await?;
    match asked {
        Some(key) if all.queues.iter().all(|(known, _)| known != key) => {
            Err(known::no_queue(tenant, key, &store.queues(tenant).await?))
        }
        _ => Ok(all),
    }
}

/// Whether the tenant, or one of its queues, has hours.
pub(super) fn are_set(all: &TenantHours) -> bool {
    let queues = all.queues.iter().map(|(_, own)| own);
    queues.chain([&all.hours]).any(|hours| hours.hours.is_some())
}

/// The tenants and queues whose hours cannot be used, each with the reason.
pub(super) fn faults(all: &TenantHours) -> Vec<String> {
    let of = |whose: String, hours: &OpeningHours| {
        Timetable::of(hours).err().map(|why| format!("{whose}: {why}"))
    };
    let queues = all
        .queues
        .iter()
        .filter_map(|(key, own)| of(format!("queue {key} of {}", all.tenant), &own.or(&all.hours)));
    of(format!("tenant {}", all.tenant), &all.hours).into_iter().chain(queues).collect()
}

pub(super) async fn run(
    Command::Show(wish): Command,
    now: Timestamp,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let Show { tenant, queue, at, days } = wish;
    let all = find(&tenant, queue.as_ref(), store).await?;
    let own = all.queues.iter().find(|(known, _)| Some(known) == queue.as_ref());
    let written = own.map_or_else(|| all.hours.clone(), |(_, own)| own.or(&all.hours));
    let table = Timetable::of(&written)
        .map_err(|why| CliError::refused("the hours cannot be used", why.to_string()))?;
    let read = |text: &str| match &table {
        Some(table) => table.read(text),
        None => Some(now),
    };
    let at = match at.as_deref().map(|text| (text, read(text))) {
        None => now,
        Some((_, Some(at))) => at,
        Some((text, None)) => {
            return Err(CliError::refused(
                format!("“{text}” is no time"),
                "write e.g. 2026-12-24T09:00, or 2026-12-24T09:00:00+01:00",
            ));
        }
    };
    let times = table
        .as_ref()
        .map(|table| table.times(at, at.plus(i64::from(days) * DAY_MS)))
        .unwrap_or_default();
    let hand = queue.as_ref().and_then(|queue| all.hand(queue)).filter(|hand| !hand.is_over(now));
    let times = with_hand(table.is_some().then_some(times), hand, at);
    let clock = hours::clock(&written, now);
    let view = view(&tenant, queue.as_ref(), written, (at, hand), &times);
    if out.json {
        return Ok(out.one(&view, |_| String::new())?);
    }
    if let Some(hand) = hand {
        let state = if hand.open { "opened" } else { "closed" };
        let until = hand.until.map(|until| format!(" until {}", clock.written(until, now)));
        writeln!(out.to, "{state} by hand{}, whatever its hours are", until.unwrap_or_default())?;
    }
    let Some(table) = table else {
        let word = if hand.is_some() { " otherwise" } else { "" };
        writeln!(out.to, "always open{word}: no hours are set")?;
        return Ok(());
    };
    let mode =
        if view.written.hours_mode == Some(HoursMode::Advisory) { "advisory" } else { "strict" };
    let country = view.written.country.as_deref().map(|code| format!(", country {code}"));
    let hours = view.written.hours.as_deref().unwrap_or_default();
    writeln!(out.to, "{hours} ({mode}, {}{})", table.zone(), country.unwrap_or_default())?;
    let moment = |at: i64| table.written(Timestamp(at));
    let state = match (view.open, view.until, view.next) {
        (true, Some(until), _) => format!("open until {}", moment(until)),
        (true, None, _) => "open".to_owned(),
        (false, _, Some(next)) => format!("closed, opens {}", moment(next)),
        (false, _, None) => "closed, and does not open within a year".to_owned(),
    };
    writeln!(out.to, "{}: {state}\n", moment(view.at.to_owned()))?;
    let head = ["OPENS".to_owned(), "CLOSES".to_owned()];
    let cells = |time: &Time| [moment(time.from), time.until.map(moment).unwrap_or_default()];
    let rows: Vec<[String; 2]> =
        std::iter::once(head).chain(view.times.iter().map(cells)).collect();
    let rows: Vec<&[String]> = rows.iter().map(<[_; 2]>::as_slice).collect();
    Ok(out.to.write_all(columns(&rows).as_bytes())?)
}

/// The times from a moment on, with what somebody did by hand; always open without times.
fn with_hand(times: Option<Vec<Opening>>, hand: Option<ByHand>, at: Timestamp) -> Vec<Opening> {
    let hours = times.map_or_else(Hours::always, |times| Hours::new(true, times));
    let hours = hand.into_iter().fold(hours, Hours::by_hand);
    hours.times().iter().filter(|time| time.until > at).copied().collect()
}

fn view(
    tenant: &TenantKey,
    queue: Option<&QueueKey>,
    written: OpeningHours,
    (at, hand): (Timestamp, Option<ByHand>),
    times: &[Opening],
) -> View {
    let ends = |time: &Opening| (time.until < Timestamp(i64::MAX)).then_some(time.until.0);
    let shown = |time: &Opening| Time { from: time.from.0, until: ends(time) };
    let current = times.iter().find(|time| time.from <= at && at < time.until);
    View {
        tenant: tenant.to_string(),
        queue: queue.map(ToString::to_string),
        written: Written::of(written),
        at: at.0,
        by_hand: hand.map(|hand| Hand { open: hand.open, until: hand.until.map(|at| at.0) }),
        open: current.is_some(),
        until: current.and_then(ends),
        next: times.iter().map(|time| time.from).find(|from| *from > at).map(|from| from.0),
        times: times.iter().filter(|time| time.from.0 > i64::MIN).map(shown).collect(),
    }
}
