//! `couplet tenant`: the businesses that are served.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::Serialize;

use crate::chat::ids::{LinkDomain, TenantKey};
use crate::config::Config;
use crate::ports::directory::Tenant;
use crate::ports::settings::{FileWishes, FormField, HoursMode, Settings};
use crate::ports::store::Store;
use crate::wire;

use super::error::CliError;
use super::output::{Output, columns};
use super::{agent, args, known, queue, times};

/// The shortest key for HS256 (RFC 7518, section 3.2).
const IDENTITY_BYTES: usize = 32;
const MEGABYTE: u64 = 1024 * 1024;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a tenant, with its queue "default"
    Add(Box<Add>),
    /// Change when it is open, and after which silences something is done
    Set {
        /// The tenant's key
        #[arg(value_parser = args::tenant)]
        key: TenantKey,
        /// hours, hours_mode (strict or advisory), zone or country, where NAME= removes it:
        /// hours="Mo-Fr 09:00-17:00; PH off"; idle_close_minutes, idle_remind_minutes,
        /// agent_remind_seconds or agent_requeue_seconds, where 0 is never
        #[arg(value_name = "NAME=VALUE", required = true, value_parser = times::setting)]
        changes: Vec<times::Setting>,
    },
    /// List the tenants
    List,
    /// Show a tenant with its queues and agents
    Show {
        /// The tenant's key
        #[arg(value_parser = args::tenant)]
        key: TenantKey,
    },
    /// Remove a tenant without open conversations, and everything that belongs to it
    Remove {
        /// The tenant's key
        #[arg(value_parser = args::tenant)]
        key: TenantKey,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// The tenant's key: 1 to 32 of a-z, 0-9 and -
    #[arg(value_parser = args::tenant)]
    key: TenantKey,
    /// The name that customers read
    #[arg(long, value_parser = args::name)]
    name: Arc<str>,
    /// An origin whose pages may embed the widget, may be repeated: https://www.example.com
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = args::origin)]
    origins: Vec<String>,
    /// The link that serves it; default the first one configured
    #[arg(long, value_name = "DOMAIN", value_parser = args::link)]
    link: Option<LinkDomain>,
    /// The color of its widget: '#2f6fed'
    #[arg(long, value_parser = args::color)]
    color: Option<String>,
    /// The language of its widget if the page names none: de, pt-BR
    #[arg(long, value_parser = args::locale)]
    locale: Option<String>,
    /// The line that the widget shows before the first message, instead of its own
    #[arg(long, value_name = "TEXT", value_parser = args::welcome)]
    welcome: Option<String>,
    /// A file with the key that signs its identity tokens (HS256)
    #[arg(long, value_name = "FILE")]
    identity_secret_file: Option<PathBuf>,
    /// Minutes without a message after which a conversation is closed; default as configured
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=10_080))]
    idle_close_minutes: Option<u32>,
    /// A field of the form before the chat, may be repeated: name, email!, order="Your order" (!
    /// marks it as required; name, email and phone need no label)
    #[arg(long = "field", value_name = "FIELD", value_parser = args::field)]
    form: Vec<FormField>,
    /// The largest accepted file; 0 accepts none; default as configured
    #[arg(long, value_name = "MEGABYTES", value_parser = clap::value_parser!(u32).range(0..=1_024))]
    file_megabytes: Option<u32>,
    /// An accepted media type of files, may be repeated: image/png, video/*; default the usual ones
    #[arg(long = "file-type", value_name = "TYPE", value_parser = args::media_type)]
    file_types: Vec<String>,
    /// Refuse clients that send no origin, such as programs other than browsers
    #[arg(long)]
    require_origin: bool,
}

/// A tenant, as printed.
#[derive(Debug, Serialize)]
struct View {
    key: String,
    name: String,
    link: String,
    origins: Vec<String>,
    origin_required: bool,
    color: Option<String>,
    locale: Option<String>,
    welcome: Option<String>,
    /// Whether a key for identity tokens is set; the key itself is never printed.
    identity: bool,
    #[serde(flatten)]
    times: times::View,
    hours: Option<String>,
    hours_mode: Option<HoursMode>,
    zone: Option<String>,
    country: Option<String>,
    form: Vec<Field>,
    /// Null if it is as configured.
    file_megabytes: Option<u64>,
    file_types: Option<Vec<String>>,
}

/// A field of the form, as printed: a label that it does not have is null.
#[derive(Debug, Serialize)]
struct Field {
    name: String,
    label: Option<String>,
    required: bool,
}

impl Field {
    fn of(field: &FormField) -> Self {
        let FormField { name, label, required } = field.clone();
        Self { name, label, required }
    }

    /// In the form of the argument `--field`.
    fn written(&self) -> String {
        let required = if self.required { "!" } else { "" };
        let label = self.label.as_ref().map(|label| format!("={label}")).unwrap_or_default();
        format!("{}{required}{label}", self.name)
    }
}

impl View {
    fn of(tenant: &Tenant) -> Self {
        let settings = &tenant.settings;
        Self {
            key: tenant.key.to_string(),
            name: settings.name.to_string(),
            link: tenant.link.to_string(),
            origins: settings.origins.clone(),
            origin_required: settings.origin_required,
            color: settings.color.clone(),
            locale: settings.locale.clone(),
            welcome: settings.welcome.clone(),
            identity: tenant.identity_secret.is_some(),
            times: times::View::of(settings),
            hours: settings.opening.hours.clone(),
            hours_mode: settings.opening.hours_mode,
            zone: settings.opening.zone.clone(),
            country: settings.opening.country.clone(),
            form: settings.form.iter().map(Field::of).collect(),
            file_megabytes: settings.files.bytes.map(|bytes| bytes / MEGABYTE),
            file_types: settings.files.types.clone(),
        }
    }

    fn cells(&self) -> [String; 4] {
        [self.key.clone(), self.name.clone(), self.link.clone(), self.origins.join(" ")]
    }
}

/// A tenant with all that belongs to it.
#[derive(Debug, Serialize)]
struct Whole {
    #[serde(flatten)]
    tenant: View,
    queues: Vec<queue::View>,
    agents: Vec<agent::View>,
}

pub(super) async fn run(
    command: Command,
    config: &Config,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    match command {
        Command::Add(wish) => add(*wish, config, store, out).await,
        Command::List => {
            let tenants = store.tenants().await?;
            let views: Vec<View> = tenants.iter().map(View::of).collect();
            Ok(out.list(&views, ["KEY", "NAME", "LINK", "ORIGINS"], View::cells)?)
        }
        Command::Set { key, changes } => times::set(&key, changes, store, out).await,
        Command::Show { key } => show(&key, store, out).await,
        Command::Remove { key } => {
            let tenant = known::tenant(&key, store).await?;
            store.remove_tenant(&key).await?;
            Ok(out.one(&View::of(&tenant), |_| format!("tenant {key} removed"))?)
        }
    }
}

async fn add(
    wish: Add,
    config: &Config,
    store: &dyn Store,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let link = chosen_link(wish.link, config)?;
    let identity_secret = wish.identity_secret_file.as_deref().map(identity_secret).transpose()?;
    if store.tenant(&wish.key).await?.is_some() {
        return Err(CliError::refused(
            format!("the tenant {} exists already", wish.key),
            format!("see it: couplet tenant show {}", wish.key),
        ));
    }
    let names = || wish.form.iter().map(|field| &field.name);
    if wish.form.len() > wire::ANSWERS
        || names().any(|name| names().filter(|n| *n == name).count() > 1)
    {
        return Err(CliError::refused(
            format!("a form has at most {} fields, each once", wire::ANSWERS),
            "leave some --field out",
        ));
    }
    let mut origins = wish.origins;
    origins.sort();
    origins.dedup();
    let minutes = wish.idle_close_minutes.unwrap_or(config.limits.idle_close_minutes);
    let mut tenant = Tenant::new(wish.key, &wish.name, link);
    tenant.identity_secret = identity_secret;
    tenant.settings = Settings {
        origins,
        origin_required: wish.require_origin,
        color: wish.color,
        locale: wish.locale,
        welcome: wish.welcome,
        idle_close_ms: i64::from(minutes) * 60_000,
        form: wish.form,
        files: FileWishes {
            bytes: wish.file_megabytes.map(|megabytes| u64::from(megabytes) * MEGABYTE),
            types: (!wish.file_types.is_empty()).then_some(wish.file_types),
        },
        ..tenant.settings
    };
    store.add_tenant(&tenant).await?;
    Ok(out.one(&View::of(&tenant), |view| {
        let none = if view.origins.is_empty() {
            "\nno page may embed it: it was given no --origin"
        } else {
            ""
        };
        format!("tenant {} added on link {}{none}", view.key, view.link)
    })?)
}

fn chosen_link(wish: Option<LinkDomain>, config: &Config) -> Result<LinkDomain, CliError> {
    match (wish, config.links.first()) {
        (Some(domain), Some(_)) if config.link(&domain).is_none() => {
            let known: Vec<&str> = config.links.iter().map(|link| link.domain.as_str()).collect();
            Err(CliError::refused(
                format!("no link {domain} is configured; there are {}", known.join(", ")),
                "name one of them, or add a [[links]] table",
            ))
        }
        (Some(domain), _) => Ok(domain),
        (None, Some(first)) => Ok(first.domain.clone()),
        (None, None) => Err(CliError::refused(
            "no link is configured",
            "add a [[links]] table, or name the link with --link DOMAIN",
        )),
    }
}

fn identity_secret(path: &Path) -> Result<SecretString, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::refused(
            format!("{} cannot be read: {error}", path.display()),
            "name a file with the key its identity tokens are signed with",
        )
    })?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.len() < IDENTITY_BYTES {
        return Err(CliError::refused(
            format!("the key in {} is too short", path.display()),
            format!("write {IDENTITY_BYTES} bytes or more, e.g. from: openssl rand -hex 32"),
        ));
    }
    Ok(secret.into())
}

fn files(tenant: &View) -> String {
    let size = match tenant.file_megabytes {
        None => "as configured".to_owned(),
        Some(0) => return "none".to_owned(),
        Some(megabytes) => format!("at most {megabytes} MB"),
    };
    let types = tenant.file_types.as_ref().map(|types| types.join(" "));
    format!("{size}, {}", types.as_deref().unwrap_or("of the usual types"))
}

async fn show(key: &TenantKey, store: &dyn Store, out: &mut Output<'_>) -> Result<(), CliError> {
    let tenant = known::tenant(key, store).await?;
    let queues = store.queues(key).await?;
    let agents = store.agents(key).await?;
    let whole = Whole {
        tenant: View::of(&tenant),
        queues: queues.iter().map(queue::View::of).collect(),
        agents: agents.iter().map(agent::View::of).collect(),
    };
    if out.json {
        return Ok(out.one(&whole, |_| String::new())?);
    }
    let Whole { tenant, queues, agents } = whole;
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let facts = [
        ["key", &tenant.key],
        ["name", &tenant.name],
        ["link", &tenant.link],
        ["origins", &tenant.origins.join(" ")],
        ["origin required", &yes(tenant.origin_required)],
        ["color", tenant.color.as_deref().unwrap_or_default()],
        ["locale", tenant.locale.as_deref().unwrap_or_default()],
        ["welcome", tenant.welcome.as_deref().unwrap_or_default()],
        ["identity tokens", &yes(tenant.identity)],
        ["hours", tenant.hours.as_deref().unwrap_or("always open")],
        ["files", &files(&tenant)],
        ["form", &tenant.form.iter().map(Field::written).collect::<Vec<_>>().join(", ")],
    ]
    .map(|fact| fact.map(str::to_owned));
    let times = tenant.times.facts();
    let facts: Vec<&[String]> = facts.iter().chain(&times).map(<[_; 2]>::as_slice).collect();
    writeln!(out.to, "{}", columns(&facts))?;
    out.list(&queues, queue::View::HEADS, queue::View::cells)?;
    writeln!(out.to)?;
    Ok(out.list(&agents, agent::View::HEADS, agent::View::cells)?)
}
