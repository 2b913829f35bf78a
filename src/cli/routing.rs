//! `couplet routing`: how a tenant's customers are routed to agents, as a TOML file.
//!
//! Invariant: a file is taken as a whole or refused with all of its faults; an unknown key is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::chat::ids::{QueueKey, TenantKey};
use crate::ports::routing::{QueueRouting, Routing};
use crate::ports::store::Store;

use super::error::CliError;
use super::output::Output;
use super::{args, known};

/// The largest file, in bytes.
const FILE_BYTES: u64 = 64 * 1024;
/// The largest number of waiting customers or of an agent's conversations.
const MOST: u32 = 1_000_000;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replace a tenant's routing with that of a file; an empty file resets it
    Set {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
        /// The file, as TOML
        file: PathBuf,
    },
    /// Show a tenant's routing, in the form of such a file
    Show {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
    },
}

pub(super) async fn run(
    command: Command,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    match command {
        Command::Set { tenant, file } => set(&tenant, &file, store, out).await,
        Command::Show { tenant } => {
            let routing = known::tenant(&tenant, store).await?.settings.routing;
            Ok(out.one(&routing, |routing| match toml::to_string(routing) {
                Ok(text) if !text.is_empty() => text.trim_end().to_owned(),
                _ => "# nothing is set".to_owned(),
            })?)
        }
    }
}

async fn set(
    tenant: &TenantKey,
    file: &Path,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    known::tenant(tenant, store).await?;
    let text = text_of(file)?;
    let queues = store.queues(tenant).await?.into_iter().map(|queue| queue.key).collect();
    let agents = store.agents(tenant).await?.into_iter().map(|agent| agent.jid.to_string());
    let known = Known { queues, agents: agents.collect() };
    let routing = read(&text, &known).map_err(|faults| {
        CliError::refused(
            format!("{} is not taken:\n  {}", file.display(), faults.join("\n  ")),
            "mend it and try again; nothing was changed",
        )
    })?;
    store.put_routing(tenant, &routing).await?;
    Ok(out.one(&routing, |_| format!("routing of {tenant} set"))?)
}

fn text_of(file: &Path) -> Result<String, CliError> {
    let unreadable = |cause: String| {
        CliError::refused(format!("{} cannot be read: {cause}", file.display()), "name another")
    };
    let mut text = String::new();
    let opened = fs::File::open(file).map_err(|cause| unreadable(cause.to_string()))?;
    opened
        .take(FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|cause| unreadable(cause.to_string()))?;
    if text.len() as u64 > FILE_BYTES {
        return Err(unreadable(format!("it has more than {} KiB", FILE_BYTES / 1024)));
    }
    Ok(text)
}

/// What exists and may be named.
struct Known {
    queues: BTreeSet<QueueKey>,
    agents: BTreeSet<String>,
}

/// Reads a file's text; or says all that is wrong with it.
fn read(text: &str, known: &Known) -> Result<Routing, Vec<String>> {
    let table = text.parse::<Table>().map_err(|cause| vec![cause.to_string().trim().to_owned()])?;
    let mut reader = Reader { known, faults: Vec::new() };
    let mut top = Part { table, at: String::new() };
    let routing = Routing {
        waiting: reader.number(&mut top, "waiting", 0, MOST),
        queues: reader.queues(&mut top),
    };
    reader.end(top);
    if reader.faults.is_empty() { Ok(routing) } else { Err(reader.faults) }
}

/// A table of the file, and where it is.
struct Part {
    table: Table,
    at: String,
}

impl Part {
    fn path(&self, key: &str) -> String {
        if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) }
    }
}

struct Reader<'a> {
    known: &'a Known,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn fault(&mut self, path: &str, what: &str) {
        self.faults.push(format!("{path}: {what}"));
    }

    /// Takes a key out of a table.
    fn value<T: DeserializeOwned>(&mut self, part: &mut Part, key: &str, is: &str) -> Option<T> {
        let value: Value = part.table.remove(key)?;
        let read = value.try_into().ok();
        if read.is_none() {
            self.fault(&part.path(key), &format!("must be {is}"));
        }
        read
    }

    /// Takes a number between these two out of a table.
    fn number(&mut self, part: &mut Part, key: &str, least: u32, most: u32) -> Option<u32> {
        let is = format!("a whole number from {least} to {most}");
        let number: i64 = self.value(part, key, &is)?;
        let fits = u32::try_from(number).ok().filter(|n| (least..=most).contains(n));
        if fits.is_none() {
            self.fault(&part.path(key), &format!("must be {is}"));
        }
        fits
    }

    /// Takes a table out of a table, as its parts.
    fn parts(&mut self, part: &mut Part, key: &str) -> Vec<(String, Value)> {
        let table: Option<Table> = self.value(part, key, "a table");
        table.into_iter().flatten().collect()
    }

    /// Whatever is left in a table is not known.
    fn end(&mut self, part: Part) {
        for key in part.table.keys() {
            self.faults.push(format!("{}: there is no such setting", part.path(key)));
        }
    }

    fn is_queue(&mut self, key: &str, path: &str) -> bool {
        let exists = self.known.queues.iter().any(|queue| queue.as_str() == key);
        if !exists {
            let all: Vec<&str> = self.known.queues.iter().map(QueueKey::as_str).collect();
            self.fault(path, &format!("there is no queue {key}; there are {}", all.join(", ")));
        }
        exists
    }

    fn queues(&mut self, top: &mut Part) -> BTreeMap<String, QueueRouting> {
        let mut queues = BTreeMap::new();
        for (key, value) in self.parts(top, "queues") {
            let at = format!("queues.{key}");
            self.is_queue(&key, &at);
            let Value::Table(table) = value else {
                self.fault(&at, "must be a table");
                continue;
            };
            let mut part = Part { table, at };
            let queue = QueueRouting {
                waiting: self.number(&mut part, "waiting", 0, MOST),
                agent_capacity: self.number(&mut part, "agent_capacity", 0, MOST),
                agent_capacities: self.agent_capacities(&mut part),
            };
            self.end(part);
            queues.insert(key, queue);
        }
        queues
    }

    fn agent_capacities(&mut self, queue: &mut Part) -> BTreeMap<String, u32> {
        let at = queue.path("agent_capacities");
        let Some(table) = self.value(queue, "agent_capacities", "a table") else {
            return BTreeMap::new();
        };
        let mut part = Part { table, at };
        let mut capacities = BTreeMap::new();
        let written: Vec<String> = part.table.keys().cloned().collect();
        for jid in written {
            match args::agent(&jid) {
                Ok(agent) if self.known.agents.contains(agent.as_str()) => {
                    let number = self.number(&mut part, &jid, 0, MOST);
                    capacities.extend(number.map(|number| (agent.to_string(), number)));
                }
                _ => {
                    part.table.remove(&jid);
                    self.fault(&part.path(&jid), "there is no such agent");
                }
            }
        }
        capacities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Routing, String> {
        let queues = ["default", "sales"].map(|key| QueueKey::new(key).unwrap());
        let known = Known {
            queues: queues.into(),
            agents: BTreeSet::from(["alice@example.org".to_owned()]),
        };
        super::read(text, &known).map_err(|faults| faults.join("\n"))
    }

    #[test]
    fn what_is_shown_can_be_set_again() {
        let text = r#"
            waiting = 500
            [queues.sales]
            waiting = 20
            agent_capacity = 2
            agent_capacities = { "Alice@Example.org" = 1 }
        "#;
        let routing = read(text).unwrap();
        assert_eq!(routing.queues["sales"].agent_capacities["alice@example.org"], 1);
        assert_eq!(read(&toml::to_string(&routing).unwrap()).unwrap(), routing);
        assert_eq!(read("").unwrap(), Routing::default());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = r#"
            waiting = -1
            wating = 3
            [queues.sale]
            waiting = "many"
            [queues.sales]
            agent_capacity = 2.5
            agent_capacities = { "bob@example.org" = 1, "alice@example.org" = -3 }
            colour = "red"
        "#;
        let expected = [
            "waiting: must be a whole number from 0 to 1000000",
            "queues.sale: there is no queue sale; there are default, sales",
            "queues.sale.waiting: must be a whole number from 0 to 1000000",
            "queues.sales.agent_capacity: must be a whole number from 0 to 1000000",
            "queues.sales.agent_capacities.alice@example.org: must be a whole number from 0 to 1000000",
            "queues.sales.agent_capacities.bob@example.org: there is no such agent",
            "queues.sales.colour: there is no such setting",
            "wating: there is no such setting",
        ];
        let said = read(text).unwrap_err();
        let said: BTreeSet<&str> = said.lines().collect();
        assert_eq!(said, BTreeSet::from(expected));
        assert!(read("waiting =").unwrap_err().contains("line 1"));
    }
}
