//! Gives a desk the hours of its queues as moments.

use crate::chat::ids::{LinkDomain, Timestamp};
use crate::chat::settings::TenantSettings;
use crate::hours::{self, DAY_MS};
use crate::ports::directory::TenantHours;

/// How long a desk's hours are good: they reach two weeks ahead.
const GOOD_MS: i64 = DAY_MS;

/// Whether hours made at some time are to be made anew.
pub(super) fn are_due(made: Timestamp, now: Timestamp) -> bool {
    now.since(made) >= GOOD_MS
}

/// Adds the hours of every queue that is not always open. A queue whose hours cannot be used, since
/// another version wrote them or the time zone is gone, is always open.
pub(super) fn add(
    link: &LinkDomain,
    now: Timestamp,
    tenants: &mut [TenantSettings],
    written: &[TenantHours],
) {
    for settings in tenants {
        let Some(written) = written.iter().find(|hours| hours.tenant == settings.key) else {
            continue;
        };
        for (queue, own) in &written.queues {
            let found = hours::around_by_hand(&own.or(&written.hours), written.hand(queue), now);
            let hours = found.unwrap_or_else(|(error, hours)| {
                tracing::warn!(
                    %link,
                    tenant = %settings.key,
                    %queue,
                    %error,
                    "the hours of a queue cannot be used, so it is always open; set them again with \
                     couplet queue set, or couplet tenant set"
                );
                hours
            });
            if let Some(hours) = hours {
                settings.hours.insert(queue.clone(), hours);
            }
        }
    }
}
