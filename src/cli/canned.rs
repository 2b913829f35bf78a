//! `couplet canned`: the canned replies of a tenant.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::bridge::clean;
use crate::chat::canned::{self, BadText, REPLIES, TEXT_CHARS};
use crate::chat::ids::{ReplyKey, TenantKey};
use crate::chat::settings::CannedReply;
use crate::ports::store::Store;

use super::error::CliError;
use super::output::Output;
use super::{args, known};

/// How many characters of a text the list shows.
const SHOWN: usize = 60;
/// More than the longest text takes, in bytes: no more of a file is read.
const READ: u64 = 64 * 1024;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a canned reply, or replace it
    Add(Add),
    /// List the canned replies
    List {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
    },
    /// Remove a canned reply
    Remove {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
        /// The reply's key
        #[arg(value_parser = args::reply)]
        key: ReplyKey,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// The reply's key, as agents write it: 1 to 32 of a-z, 0-9 and -
    #[arg(value_parser = args::reply)]
    key: ReplyKey,
    /// What agents read in the list
    #[arg(long, value_parser = args::name)]
    title: Arc<str>,
    /// The text; "-" reads it from standard input
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    text: Option<String>,
    /// Read the text from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A canned reply, as printed.
#[derive(Debug, Serialize)]
struct View {
    key: String,
    title: String,
    text: String,
}

impl View {
    const HEADS: [&str; 3] = ["KEY", "TITLE", "TEXT"];

    fn of(reply: &CannedReply) -> Self {
        Self {
            key: reply.key.to_string(),
            title: reply.title.to_string(),
            text: reply.text.to_string(),
        }
    }

    fn cells(&self) -> [String; 3] {
        let line = clean::line(&self.text);
        let text = match clean::scalars_at_most(&line, SHOWN) {
            true => line,
            false => line.chars().take(SHOWN - 1).chain(['…']).collect(),
        };
        [self.key.clone(), self.title.clone(), text]
    }
}

pub(super) async fn run(
    command: Command,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    match command {
        Command::Add(wish) => add(wish, store, out).await,
        Command::List { tenant } => {
            known::tenant(&tenant, store).await?;
            let replies = store.canned(&tenant).await?;
            let views: Vec<View> = replies.iter().map(View::of).collect();
            Ok(out.list(&views, View::HEADS, View::cells)?)
        }
        Command::Remove { tenant, key } => remove(&tenant, &key, store, out).await,
    }
}

async fn add(wish: Add, store: &dyn Store, out: &mut Output<'_>) -> Result<(), CliError> {
    let text = match (&wish.file, wish.text.as_deref()) {
        (Some(file), _) => from_file(file)?,
        (None, Some("-")) => read(std::io::stdin(), "standard input")?,
        (None, text) => text.unwrap_or_default().to_owned(),
    };
    let text = checked(&text)?;
    known::tenant(&wish.tenant, store).await?;
    let before = store.canned(&wish.tenant).await?;
    let there = before.iter().any(|reply| reply.key == wish.key);
    if !there && before.len() >= REPLIES {
        return Err(CliError::refused(
            format!("{} has {REPLIES} canned replies, which is the most", wish.tenant),
            format!("remove one first: couplet canned remove --tenant {} KEY", wish.tenant),
        ));
    }
    let done = if there { "updated" } else { "added" };
    let reply = CannedReply { key: wish.key, title: wish.title, text };
    store.put_canned(&wish.tenant, &reply).await?;
    Ok(out.one(&View::of(&reply), |view| {
        format!("canned reply {} of {} {done}", view.key, wish.tenant)
    })?)
}

fn from_file(path: &Path) -> Result<String, CliError> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|error| unreadable(&name, &error))?;
    read(file, &name)
}

fn read(from: impl Read, name: &str) -> Result<String, CliError> {
    let mut text = String::new();
    match from.take(READ).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(unreadable(name, &error)),
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> CliError {
    CliError::refused(
        format!("{name} cannot be read: {error}"),
        "name a file with the text of the reply",
    )
}

/// A text as it is stored; refused if agents could not say it.
fn checked(text: &str) -> Result<Arc<str>, CliError> {
    let text = clean::text(text);
    let text = text.trim();
    if clean::is_blank(text) {
        return Err(CliError::refused("the text is empty", "write what customers will read"));
    }
    if !clean::scalars_at_most(text, TEXT_CHARS) {
        return Err(CliError::refused(
            format!("the text has more than {TEXT_CHARS} characters"),
            "divide it: agents join replies with !r ONE + OTHER",
        ));
    }
    let Err(error) = canned::check(text) else { return Ok(text.into()) };
    let mend = match &error {
        BadText::Braces => {
            "write \\{ and \\} for braces, \\\\ for a backslash, and {customer.name} for a variable"
        }
        BadText::Variable(_) => {
            "there are {1} to {9}, {customer.name}, {customer.email}, {agent.name}, {queue}, \
             {hours.next} and {attribute.NAME}, each with |FALLBACK if it may be empty"
        }
    };
    Err(CliError::refused(format!("the text is not understood: {error}"), mend))
}

async fn remove(
    tenant: &TenantKey,
    key: &ReplyKey,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    known::tenant(tenant, store).await?;
    let replies = store.canned(tenant).await?;
    let Some(reply) = replies.iter().find(|reply| reply.key == *key) else {
        return Err(CliError::refused(
            format!("{tenant} has no canned reply {key}"),
            format!("list them: couplet canned list --tenant {tenant}"),
        ));
    };
    store.remove_canned(tenant, key).await?;
    Ok(out.one(&View::of(reply), |_| format!("canned reply {key} of {tenant} removed"))?)
}
