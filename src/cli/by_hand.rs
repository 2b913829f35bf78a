//! `couplet queue close` and `open`: a queue that is closed or opened whatever its hours are.

use clap::Args;
use serde::Serialize;

use crate::chat::hours::{ByHand, Hours};
use crate::chat::ids::{QueueKey, TenantKey, Timestamp};
use crate::hours;
use crate::ports::settings::OpeningHours;
use crate::ports::store::Store;

use super::args;
use super::error::CliError;
use super::hours::find;
use super::output::Output;

#[derive(Debug, Args)]
pub struct Wish {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// The queue's key
    #[arg(value_parser = args::queue)]
    key: QueueKey,
    /// Until when: 14:00, or 2026-12-24T09:00
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// A queue that was closed or opened, as printed. Times are in epoch milliseconds.
#[derive(Debug, Serialize)]
struct View {
    tenant: String,
    queue: String,
    open: bool,
    /// When it closes, if it is open.
    until: Option<i64>,
    /// When it opens, if it is closed.
    next: Option<i64>,
}

/// Closes the queue until a time, or until its hours begin again.
pub(super) async fn close(
    wish: Wish,
    now: Timestamp,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let written = known(&wish, store).await?;
    let hours = usual(&written, now)?;
    let until = match &wish.until {
        Some(text) => Some(later(&written, text, now)?),
        None => hours.next_after(now),
    };
    let hand = ByHand { open: false, from: now, until };
    store.put_by_hand(&wish.tenant, &wish.key, Some(hand)).await?;
    told(&wish, &hours.by_hand(hand), now, out)
}

/// Opens the queue: as its hours say, or until a time whatever they say.
pub(super) async fn open(
    wish: Wish,
    now: Timestamp,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let written = known(&wish, store).await?;
    let hours = usual(&written, now)?;
    let hand = match &wish.until {
        Some(text) => {
            Some(ByHand { open: true, from: now, until: Some(later(&written, text, now)?) })
        }
        None if hours.is_open(now) => None,
        None => {
            let next = hours.next_after(now).map(|next| hours.clock.written(next, now));
            let next = next.map(|next| format!(" until {next}")).unwrap_or_default();
            return Err(CliError::refused(
                format!("by its hours, the queue {} is closed{next}", wish.key),
                "say until when it is open all the same: --until 18:00",
            ));
        }
    };
    store.put_by_hand(&wish.tenant, &wish.key, hand).await?;
    let hours = hand.into_iter().fold(hours, Hours::by_hand);
    told(&wish, &hours, now, out)
}

/// The hours of a queue that exists.
async fn known(wish: &Wish, store: &dyn Store) -> Result<OpeningHours, CliError> {
    let all = find(&wish.tenant, Some(&wish.key), store).await?;
    let own = all.queues.iter().find(|(key, _)| *key == wish.key).map(|(_, own)| own);
    Ok(own.cloned().unwrap_or_default().or(&all.hours))
}

/// The hours, if nobody had closed or opened the queue.
fn usual(written: &OpeningHours, now: Timestamp) -> Result<Hours, CliError> {
    let found = hours::around(written, now)
        .map_err(|why| CliError::refused("the hours cannot be used", why.to_string()))?;
    Ok(found.unwrap_or_else(|| hours::always(written, now)))
}

/// A moment in the future.
fn later(written: &OpeningHours, text: &str, now: Timestamp) -> Result<Timestamp, CliError> {
    let example = "write e.g. 14:00, or 2026-12-24T09:00";
    match hours::moment(written, text, now) {
        None => Err(CliError::refused(format!("“{text}” is no time"), example)),
        Some(at) if at <= now => Err(CliError::refused(format!("{text} has passed"), example)),
        Some(at) => Ok(at),
    }
}

fn told(wish: &Wish, hours: &Hours, now: Timestamp, out: &mut Output<'_>) -> Result<(), CliError> {
    let opening = hours.opening_at(now);
    let until = opening.map(|open| open.until).filter(|until| *until < Timestamp(i64::MAX));
    let next = if opening.is_some() { None } else { hours.next_after(now) };
    let view = View {
        tenant: wish.tenant.to_string(),
        queue: wish.key.to_string(),
        open: opening.is_some(),
        until: until.map(|at| at.0),
        next: next.map(|at| at.0),
    };
    Ok(out.one(&view, |view| {
        let state = if view.open { "open" } else { "closed" };
        let change = until.or(next).map(|at| format!(" until {}", hours.clock.written(at, now)));
        let queue = format!("queue {} of {} is {state}", view.queue, view.tenant);
        match change {
            Some(change) => format!("{queue}{change}"),
            None if view.open => queue,
            None => format!("{queue} until it is opened: couplet queue open"),
        }
    })?)
}
