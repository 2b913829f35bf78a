//! `couplet conversation`: closes a conversation.
//!
//! Only the owner of a link writes to its conversations. So this command stores a request, which
//! the owner reads within 2 s, or as soon as a node owns the link.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::chat::ids::{ConversationId, TenantKey};
use crate::ports::store::Store;

use super::error::CliError;
use super::output::Output;
use super::{args, known};

/// How long to wait for the owner, and how often to check.
const PATIENCE: Duration = Duration::from_secs(8);
const LOOK: Duration = Duration::from_millis(250);

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Close a conversation; the customer and the agent are notified
    Close(Close),
}

#[derive(Debug, Args)]
pub struct Close {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// The conversation's id, as `transcript export` shows it
    #[arg(value_parser = args::conversation)]
    id: ConversationId,
}

/// The result, as printed.
#[derive(Debug, Serialize)]
struct Closed {
    id: String,
    state: &'static str,
}

pub(super) async fn run(
    Command::Close(wish): Command,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let tenant = known::tenant(&wish.tenant, store).await?;
    let Close { id, .. } = wish;
    let found = store.conversation(id).await?.filter(|found| found.tenant == tenant.key);
    let Some(found) = found else {
        return Err(CliError::refused(
            format!("{} has no conversation {id}", tenant.key),
            format!("list them: couplet transcript export --tenant {}", tenant.key),
        ));
    };
    let mut open = found.is_open();
    if open {
        store.ask_to_close(&tenant.key, id).await?;
        let runs = store.owner(&tenant.link).await?.is_some();
        let until = tokio::time::Instant::now() + PATIENCE;
        while open && runs && tokio::time::Instant::now() < until {
            tokio::time::sleep(LOOK).await;
            open = store.conversation(id).await?.is_some_and(|found| found.is_open());
        }
    }
    let closed = Closed { id: id.to_string(), state: if open { "asked" } else { "closed" } };
    Ok(out.one(&closed, |_| match open {
        false => format!("conversation {id} of {} is closed", tenant.key),
        true => format!(
            "conversation {id} of {} will be closed as soon as a gateway serves {}",
            tenant.key, tenant.link
        ),
    })?)
}
