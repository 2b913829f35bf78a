//! `couplet agent`: the agents of a tenant.

use std::sync::Arc;

use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::bridge::address;
use crate::chat::ids::{AgentJid, QueueKey, TenantKey};
use crate::chat::settings::{AgentSettings, Role};
use crate::config::Config;
use crate::ports::directory::Tenant;
use crate::ports::store::Store;

use super::error::CliError;
use super::output::Output;
use super::{args, known};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add an agent, or replace them
    Add(Add),
    /// List the agents
    List {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
    },
    /// Remove an agent; their conversations return to their queues
    Remove {
        /// The tenant
        #[arg(long, value_parser = args::tenant)]
        tenant: TenantKey,
        /// The agent's address
        #[arg(value_parser = args::agent)]
        jid: AgentJid,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// The tenant
    #[arg(long, value_parser = args::tenant)]
    tenant: TenantKey,
    /// The agent's address: alice@example.org
    #[arg(value_parser = args::agent)]
    jid: AgentJid,
    /// The name that customers read
    #[arg(long, value_parser = args::name)]
    name: Arc<str>,
    /// A queue to serve, may be repeated; default "default"
    #[arg(long = "queue", value_name = "QUEUE", value_parser = args::queue)]
    queues: Vec<QueueKey>,
    /// The most conversations at once
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    capacity: u32,
    /// Supervisors see and may join every conversation of the tenant
    #[arg(long, value_enum, default_value_t = Role::Agent)]
    role: Role,
}

impl ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Agent, Self::Supervisor]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
        }))
    }
}

/// An agent, as printed.
#[derive(Debug, Serialize)]
pub(super) struct View {
    jid: String,
    name: String,
    role: String,
    capacity: u32,
    queues: Vec<String>,
}

impl View {
    pub(super) const HEADS: [&str; 5] = ["JID", "NAME", "ROLE", "CAPACITY", "QUEUES"];

    pub(super) fn of(agent: &AgentSettings) -> Self {
        Self {
            jid: agent.jid.to_string(),
            name: agent.name.to_string(),
            role: args::word(&agent.role),
            capacity: agent.capacity,
            queues: agent.queues.iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn cells(&self) -> [String; 5] {
        let (capacity, queues) = (self.capacity.to_string(), self.queues.join(" "));
        [self.jid.clone(), self.name.clone(), self.role.clone(), capacity, queues]
    }
}

pub(super) async fn run(
    command: Command,
    config: &Config,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    match command {
        Command::Add(wish) => add(wish, config, store, out).await,
        Command::List { tenant } => {
            known::tenant(&tenant, store).await?;
            let agents = store.agents(&tenant).await?;
            let views: Vec<View> = agents.iter().map(View::of).collect();
            Ok(out.list(&views, View::HEADS, View::cells)?)
        }
        Command::Remove { tenant, jid } => remove(&tenant, &jid, store, out).await,
    }
}

async fn add(
    wish: Add,
    config: &Config,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let tenant = known::tenant(&wish.tenant, store).await?;
    may_be_agent(&wish.jid, &tenant, config)?;
    let known = store.queues(&tenant.key).await?;
    let mut queues = wish.queues;
    if queues.is_empty() {
        queues.push(QueueKey::default_queue());
    }
    queues.sort();
    queues.dedup();
    if let Some(key) = queues.iter().find(|key| known.iter().all(|queue| queue.key != **key)) {
        return Err(known::no_queue(&tenant.key, key, &known));
    }
    let before = store.agents(&tenant.key).await?;
    let done = if before.iter().any(|agent| agent.jid == wish.jid) { "updated" } else { "added" };
    let agent = AgentSettings {
        jid: wish.jid,
        name: wish.name,
        capacity: wish.capacity,
        role: wish.role,
        queues,
    };
    store.put_agent(&tenant.key, &agent).await?;
    Ok(out.one(&View::of(&agent), |view| {
        format!("agent {} of {} {done}, serves {}", view.jid, tenant.key, view.queues.join(", "))
    })?)
}

/// Accounts of other hosts are strangers to the link; such an agent would receive nothing.
fn may_be_agent(jid: &AgentJid, tenant: &Tenant, config: &Config) -> Result<(), CliError> {
    let Some(link) = config.link(&tenant.link) else { return Ok(()) };
    let host = address::host(jid);
    if address::host_allowed(host, &link.domain, &link.agent_hosts) {
        return Ok(());
    }
    Err(CliError::refused(
        format!("accounts of {host} cannot be agents on the link {}", link.domain),
        format!(
            "add it to agent_hosts of that [[links]] table; it has {}",
            link.agent_hosts.join(", ")
        ),
    ))
}

async fn remove(
    tenant: &TenantKey,
    jid: &AgentJid,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    known::tenant(tenant, store).await?;
    let agents = store.agents(tenant).await?;
    let Some(agent) = agents.iter().find(|agent| agent.jid == *jid) else {
        return Err(CliError::refused(
            format!("{tenant} has no agent {jid}"),
            format!("list them: couplet agent list --tenant {tenant}"),
        ));
    };
    store.remove_agent(tenant, jid).await?;
    Ok(out.one(&View::of(agent), |_| format!("agent {jid} of {tenant} removed"))?)
}
