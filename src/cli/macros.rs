//! `couplet macro`: the macros of a tenant.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::bridge::{agent_command, clean};
use crate::chat::ids::{MacroKey, TenantKey};
use crate::chat::macros::{MACROS, STEP_CHARS, STEPS};
use crate::chat::settings::Macro;
use crate::chat::steps::{self, BadSteps};
use crate::ports::store::Store;

use super::error::CliError;
use super::output::Output;
use super::{args, known};

/// How many characters of the steps the list shows.
const SHOWN: usize = 60;
/// More than the longest macro takes, in bytes: no more of a file is read.
const READ: u64 = 64 * 1024;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a macro, or replace it
    Add(Add),
    /// List the macros
    List {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
    },
    /// Remove a macro
    Remove {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
        /// The macro's key
        #[arg(value_parser = args::macro_key)]
        key: MacroKey,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// The macro's key, as agents write it: 1 to 32 of a-z, 0-9 and -
    #[arg(value_parser = args::macro_key)]
    key: MacroKey,
    /// What agents read in the list
    #[arg(long, value_parser = args::name)]
    title: Arc<str>,
    /// The steps, in order, each as an agent writes it: "!r thanks" "!close"
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    steps: Vec<String>,
    /// Read the steps from this file, one on each line; "-" is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A macro, as printed.
#[derive(Debug, Serialize)]
struct View {
    key: String,
    title: String,
    steps: Vec<String>,
}

impl View {
    const HEADS: [&str; 3] = ["KEY", "TITLE", "STEPS"];

    fn of(one: &Macro) -> Self {
        Self {
            key: one.key.to_string(),
            title: one.title.to_string(),
            steps: one.steps.iter().map(|step| step.to_string()).collect(),
        }
    }

    fn cells(&self) -> [String; 3] {
        let line = self.steps.join("; ");
        let steps = match clean::scalars_at_most(&line, SHOWN) {
            true => line,
            false => line.chars().take(SHOWN - 1).chain(['…']).collect(),
        };
        [self.key.clone(), self.title.clone(), steps]
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
            let macros = store.macros(&tenant).await?;
            let views: Vec<View> = macros.iter().map(View::of).collect();
            Ok(out.list(&views, View::HEADS, View::cells)?)
        }
        Command::Remove { tenant, key } => remove(&tenant, &key, store, out).await,
    }
}

async fn add(wish: Add, store: &dyn Store, out: &mut Output<'_>) -> Result<(), CliError> {
    let lines = match &wish.file {
        Some(file) if file.as_os_str() == "-" => read(std::io::stdin(), "standard input")?,
        Some(file) => from_file(file)?,
        None => wish.steps,
    };
    let steps = checked(&lines)?;
    known::tenant(&wish.tenant, store).await?;
    let before = store.macros(&wish.tenant).await?;
    let there = before.iter().any(|one| one.key == wish.key);
    if !there && before.len() >= MACROS {
        return Err(CliError::refused(
            format!("{} has {MACROS} macros, which is the most", wish.tenant),
            format!("remove one first: couplet macro remove --tenant {} KEY", wish.tenant),
        ));
    }
    let done = if there { "updated" } else { "added" };
    let one = Macro { key: wish.key, title: wish.title, steps };
    store.put_macro(&wish.tenant, &one).await?;
    Ok(out.one(&View::of(&one), |view| format!("macro {} of {} {done}", view.key, wish.tenant))?)
}

fn from_file(path: &Path) -> Result<Vec<String>, CliError> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|error| unreadable(&name, &error))?;
    read(file, &name)
}

fn read(from: impl Read, name: &str) -> Result<Vec<String>, CliError> {
    let mut text = String::new();
    match from.take(READ).read_to_string(&mut text) {
        Ok(_) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) => Err(unreadable(name, &error)),
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> CliError {
    CliError::refused(
        format!("{name} cannot be read: {error}"),
        "name a file with a command on each line",
    )
}

/// Steps as they are stored; refused if agents could not run them.
fn checked(lines: &[String]) -> Result<Vec<Arc<str>>, CliError> {
    let lines = lines.iter().map(|line| clean::text(line));
    let lines: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    let steps: Vec<Arc<str>> =
        lines.iter().filter(|line| !clean::is_blank(line)).map(|line| (&**line).into()).collect();
    for (number, step) in (1..).zip(&steps) {
        if step.contains('\n') {
            return Err(CliError::refused(
                format!("step {number} has several lines"),
                "write each step on one line, and longer texts as canned replies",
            ));
        }
        if !clean::scalars_at_most(step, STEP_CHARS) {
            return Err(CliError::refused(
                format!("step {number} has more than {STEP_CHARS} characters"),
                "put long texts into a canned reply: !r KEY",
            ));
        }
    }
    let commands = steps.iter().map(|step| agent_command::step(step)).collect::<Vec<_>>();
    let Err(error) = steps::check(&commands) else { return Ok(steps) };
    let mend = match error {
        BadSteps::None | BadSteps::Many => {
            format!("give 1 to {STEPS} steps, each in quotation marks: '!r thanks' '!close'")
        }
        BadSteps::NoCommand(_) | BadSteps::Argument(_) => {
            "write each step as agents do in a customer's chat, with ! in front; a text is \
             '!r KEY' or '!close TEXT'"
                .to_owned()
        }
        BadSteps::Nested(_) | BadSteps::Reopen(_) => "write the commands themselves".to_owned(),
    };
    Err(CliError::refused(format!("the macro is not understood: {error}"), mend))
}

async fn remove(
    tenant: &TenantKey,
    key: &MacroKey,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    known::tenant(tenant, store).await?;
    let macros = store.macros(tenant).await?;
    let Some(one) = macros.iter().find(|one| one.key == *key) else {
        return Err(CliError::refused(
            format!("{tenant} has no macro {key}"),
            format!("list them: couplet macro list --tenant {tenant}"),
        ));
    };
    store.remove_macro(tenant, key).await?;
    Ok(out.one(&View::of(one), |_| format!("macro {key} of {tenant} removed"))?)
}
