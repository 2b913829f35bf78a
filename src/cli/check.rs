//! `couplet check`: checks everything that a node depends on, one line each.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use crate::config::{Config, Link};
use crate::ports::store::LinkOwner;

use super::backends::Backends;
use super::error::{CliError, Failure, told};
use super::hours;
use super::output::{Output, columns};

const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Serialize)]
struct Checked {
    name: String,
    ok: bool,
    detail: String,
}

pub(super) async fn run(
    config: &Config,
    backends: &dyn Backends,
    out: &mut Output<'_>,
) -> Result<(), CliError> {
    let links = join_all(config.links.iter().map(|link| probe(link, backends)));
    let (database, cache, files, links) = tokio::join!(
        database(config, backends),
        cache(config, backends),
        files(config, backends),
        links
    );
    let mut all = vec![database, cache, files];
    all.extend(hours(config, backends).await);
    all.extend(links);
    if let Err(none) = config.require_links() {
        let detail = none.to_string();
        all.push(Checked { name: "links".to_owned(), ok: false, detail });
    }
    print(&all, out)?;
    match all.iter().filter(|checked| !checked.ok).count() {
        0 => Ok(()),
        failed => Err(CliError::Checks { failed, all: all.len() }),
    }
}

async fn database(config: &Config, backends: &dyn Backends) -> Checked {
    let try_it = async {
        backends.store().await?.ready().await?;
        Ok(format!("{}, schema current", config.database.kind()))
    };
    checked("database", try_it).await
}

/// The hours of every tenant that is served here; nothing if none has any, or while the database cannot be read, which
/// is a check of its own.
async fn hours(config: &Config, backends: &dyn Backends) -> Option<Checked> {
    let store = backends.store().await.ok()?;
    let (mut faults, mut any) = (Vec::new(), false);
    for link in &config.links {
        for tenant in store.hours(&link.domain).await.ok()? {
            any |= hours::are_set(&tenant);
            faults.extend(hours::faults(&tenant));
        }
    }
    let (name, ok) = ("hours".to_owned(), faults.is_empty());
    let detail = if ok { "they can be used".to_owned() } else { faults.join("; ") };
    any.then_some(Checked { name, ok, detail })
}

async fn cache(config: &Config, backends: &dyn Backends) -> Checked {
    let try_it = async {
        let open = async { Ok::<_, Failure>(backends.cache().await?.ping().await?) };
        match open.await {
            Ok(()) => Ok(config.cache.kind().to_string()),
            Err(failure) => Err(format!("{}; start it, or fix cache.url", told(&*failure)).into()),
        }
    };
    checked("cache", try_it).await
}

async fn files(config: &Config, backends: &dyn Backends) -> Checked {
    let try_it = async {
        match backends.files().await {
            Ok(()) => Ok(config.files.kind().to_string()),
            Err(failure) => Err(format!("{}; fix [files]", told(&*failure)).into()),
        }
    };
    checked("files", try_it).await
}

async fn probe(link: &Link, backends: &dyn Backends) -> Checked {
    let try_it = async {
        // A second stream would end the first one on Prosody, and take part of its stanzas on
        // ejabberd.
        if let Some(LinkOwner { node, stands: true }) = owner(link, backends).await {
            return Ok(format!("connected, on node {node}"));
        }
        backends.probe(link).await?;
        Ok(format!("{} accepted the secret", link.server))
    };
    checked(&format!("link {}", link.domain), try_it).await
}

/// The current owner of the link, if the database can tell.
async fn owner(link: &Link, backends: &dyn Backends) -> Option<LinkOwner> {
    let store = backends.store().await.ok()?;
    store.owner(&link.domain).await.ok().flatten()
}

async fn checked(name: &str, try_it: impl Future<Output = Result<String, Failure>>) -> Checked {
    let (ok, detail) = match tokio::time::timeout(PATIENCE, try_it).await {
        Ok(Ok(detail)) => (true, detail),
        Ok(Err(failure)) => (false, told(&*failure)),
        Err(_) => (false, format!("no response within {} s", PATIENCE.as_secs())),
    };
    Checked { name: name.to_owned(), ok, detail }
}

fn print(all: &[Checked], out: &mut Output<'_>) -> Result<(), CliError> {
    if out.json {
        out.one(&all, |_| String::new())?;
        return Ok(());
    }
    let row = |checked: &Checked| {
        let (verdict, detail) = if checked.ok {
            ("ok", format!("({})", checked.detail))
        } else {
            ("FAILED", checked.detail.replace('\n', "; "))
        };
        [checked.name.clone(), verdict.to_owned(), detail]
    };
    let rows: Vec<[String; 3]> = all.iter().map(row).collect();
    let rows: Vec<&[String]> = rows.iter().map(<[_; 3]>::as_slice).collect();
    out.to.write_all(columns(&rows).as_bytes())?;
    Ok(())
}
