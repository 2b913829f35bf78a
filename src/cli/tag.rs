//! `couplet tag`: the tags that a tenant's agents may put to conversations.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::chat::ids::TenantKey;
use crate::chat::tags;
use crate::ports::settings::Tags;
use crate::ports::store::Store;

use super::error::CliError;
use super::output::Output;
use super::{args, known};

/// How many tags a tenant has at most.
const MOST: usize = 500;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add tags
    Add(Named),
    /// List the tags
    List {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
    },
    /// Remove tags; conversations that have them keep them
    Remove(Named),
    /// Set whether agents may use tags that are not listed
    Mode {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
        #[arg(value_enum)]
        mode: Mode,
    },
}

#[derive(Debug, Args)]
pub struct Named {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// The tags: one word each, of letters, digits, - and _
    #[arg(required = true, value_name = "TAG", value_parser = tag)]
    tags: Vec<String>,
}

/// Which tags agents may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Any word
    Open,
    /// Only those that are listed
    Closed,
}

fn tag(text: &str) -> Result<String, String> {
    let tag = tags::tag(text).map(|tag| tag.as_ref().to_owned());
    tag.ok_or_else(|| {
        format!("a tag is one word of letters, digits, - and _, of at most {}", tags::TAG_CHARS)
    })
}

/// The tags of a tenant, as printed.
#[derive(Debug, Serialize)]
struct View {
    mode: &'static str,
    tags: Vec<String>,
}

pub(super) async fn run(
    command: Command,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    match command {
        Command::Add(Named { tenant, tags }) => {
            let before = known::tenant(&tenant, store).await?.settings.tags.known;
            let all: BTreeSet<&String> = before.iter().chain(&tags).collect();
            if all.len() > MOST {
                return Err(CliError::refused(
                    format!("a tenant has at most {MOST} tags"),
                    "remove some: couplet tag remove",
                ));
            }
            change(&tenant, store, out, &|kept| kept.known.extend(tags.iter().cloned())).await
        }
        Command::Remove(Named { tenant, tags }) => {
            let before = known::tenant(&tenant, store).await?.settings.tags.known;
            if let Some(missing) = tags.iter().find(|tag| !before.contains(tag)) {
                return Err(CliError::refused(
                    format!("{tenant} has no tag {missing}"),
                    format!("see which there are: couplet tag list --tenant {tenant}"),
                ));
            }
            change(&tenant, store, out, &|kept| kept.known.retain(|tag| !tags.contains(tag))).await
        }
        Command::Mode { tenant, mode } => {
            change(&tenant, store, out, &|kept| kept.open = mode == Mode::Open).await
        }
        Command::List { tenant } => {
            let tags = known::tenant(&tenant, store).await?.settings.tags;
            print(tags, out)
        }
    }
}

async fn change(
    tenant: &TenantKey,
    store: &dyn Store,
    out: &mut Output<'_>,
    change: &(dyn for<'t> Fn(&'t mut Tags) + Send + Sync),
) -> Result<(), CliError> {
    known::tenant(tenant, store).await?;
    let tidy = |tags: &mut Tags| {
        change(tags);
        tags.known.sort_unstable();
        tags.known.dedup();
    };
    store.change_tags(tenant, &tidy).await?;
    print(known::tenant(tenant, store).await?.settings.tags, out)
}

fn print(tags: Tags, out: &mut Output<'_>) -> Result<(), CliError> {
    let mode = if tags.open { "open" } else { "closed" };
    let view = View { mode, tags: tags.known };
    Ok(out.one(&view, |view| {
        let which = if tags.open { "agents may use any word" } else { "agents may use only these" };
        let lines = view.tags.iter().map(String::as_str);
        [which].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    })?)
}
