use std::sync::Arc;

use async_trait::async_trait;
use clap::{CommandFactory as _, Parser as _};

use super::{Backends, Cli, CliError, Failure, run};
use crate::cache;
use crate::chat::ids::Timestamp;
use crate::config::{Config, Link};
use crate::ports::cache::Cache;
use crate::ports::store::Store;
use crate::ports::store_error::StoreError;

/// The database is unreachable; every link but one accepts the secret.
struct Half;

#[async_trait]
impl Backends for Half {
    async fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        Err(StoreError::Unavailable("nothing listens there: is it running?".to_owned()).into())
    }
    async fn cache(&self) -> Result<Arc<dyn Cache>, Failure> {
        Ok(cache::connect(&"memory://".into())?.0)
    }
    async fn files(&self) -> Result<(), Failure> {
        Ok(())
    }
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
    async fn migrate(&self) -> Result<(), Failure> {
        Ok(())
    }
    async fn probe(&self, link: &Link) -> Result<(), Failure> {
        match link.domain.as_str() {
            "help.localhost" => Err("the server refused the secret\nwrite the same in both".into()),
            _ => Ok(()),
        }
    }
    async fn serve(&self) -> Result<(), Failure> {
        Ok(())
    }
}

fn config(toml: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    Config::load(Some(file.path())).unwrap()
}

async fn shell(toml: &str, arguments: &[&str]) -> (Result<(), CliError>, String) {
    let cli = Cli::try_parse_from([&["couplet"], arguments].concat()).unwrap();
    let mut out = Vec::new();
    let done = run(cli, &config(toml), &Half, &mut out).await;
    (done, String::from_utf8(out).unwrap())
}

const LINKS: &str = r#"
    [[links]]
    domain = "chat.localhost"
    server = "127.0.0.1:5347"
    secret = "one"
    [[links]]
    domain = "help.localhost"
    server = "127.0.0.1:5347"
    secret = "two"
"#;

#[test]
fn the_arguments_are_consistent() {
    Cli::command().debug_assert();
}

#[tokio::test]
async fn check_prints_one_line_for_each_part() {
    let (done, said) = shell(LINKS, &["check"]).await;
    assert_eq!(
        said,
        "\
database             FAILED  the database is unavailable: nothing listens there: is it running?
cache                ok      (memory)
files                ok      (in couplet-files)
link chat.localhost  ok      (127.0.0.1:5347 accepted the secret)
link help.localhost  FAILED  the server refused the secret; write the same in both
"
    );
    assert_eq!(done.unwrap_err().to_string(), "2 of 5 checks failed");

    let (_, said) = shell(LINKS, &["check", "--json"]).await;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said[1], serde_json::json!({"name": "cache", "ok": true, "detail": "memory"}));
    assert_eq!(said[4]["ok"], false);
}

#[tokio::test]
async fn serve_and_check_fail_without_a_link() {
    let none = "links: none is configured; add a [[links]] table with domain, server and secret";
    assert_eq!(shell("", &["serve"]).await.0.unwrap_err().to_string(), none);
    assert!(shell(LINKS, &["serve"]).await.0.is_ok());
    let (done, said) = shell("", &["check"]).await;
    assert!(said.contains(&format!("links     FAILED  {none}\n")), "{said}");
    assert!(done.is_err());
}

#[tokio::test]
async fn migrate_says_what_it_did() {
    assert_eq!(shell("", &["migrate"]).await.1, "the schema is current\n");
}

#[test]
fn arguments_are_checked_before_anything_is_opened() {
    let refused = [
        ("tenant add Acme --name A", "a tenant's key takes 1 to 32 of a-z, 0-9 and -"),
        ("tenant add acme", "--name"),
        ("tenant add acme --name A --origin www.acme.example", "an origin has no path"),
        ("tenant add acme --name A --origin https://acme.example/shop", "an origin has no path"),
        ("tenant add acme --name A --color blue", "six hex digits"),
        ("tenant add acme --name A --locale e", "a locale is a language tag"),
        ("tenant add acme --name A --idle-close-minutes 0", "0 is not in 1..=10080"),
        ("tenant add acme --name \u{202e}", "at least one character"),
        ("queue add sales --name S", "--tenant"),
        (
            "queue add --tenant acme sales --name S --strategy loudest",
            "[possible values: least-loaded, round-robin, ring-all]",
        ),
        (
            "agent add --tenant acme alice --name A",
            "alice is not a bare JID like alice@example.org",
        ),
        ("agent add --tenant acme alice@example.org/phone --name A", "is not a bare JID"),
        (
            "agent add --tenant acme alice@example.org --name A --role boss",
            "[possible values: agent, supervisor]",
        ),
        ("transcript export --tenant acme --conversation 7", "32 hex digits"),
        ("transcript export --tenant acme --format pdf", "[possible values: json, text, html]"),
    ];
    for (arguments, said) in refused {
        let error = Cli::try_parse_from(["couplet"].into_iter().chain(arguments.split(' ')))
            .expect_err(arguments);
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(said), "{arguments}: {error}");
    }
    let accepted = [
        "--config x.toml serve",
        "serve --config x.toml",
        "tenant add acme --name A --origin https://www.acme.example --origin http://localhost:8080 \
         --link chat.example.org --color #2F6FED --locale pt-BR --identity-secret-file /k \
         --idle-close-minutes 5 --require-origin",
        "queue add --tenant acme sales --name Sales --strategy ring-all --offer-seconds 10",
        "agent add --tenant acme Alice@Example.ORG --name Alice --queue a --queue b --capacity 2 --role supervisor",
        "tenant list --json",
        "transcript export --tenant acme --format html",
    ];
    for arguments in accepted {
        Cli::try_parse_from(["couplet"].into_iter().chain(arguments.split_whitespace())).unwrap();
    }
}

#[test]
fn an_error_shows_each_cause_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("the stream ended")]
    struct Outer(#[source] std::io::Error);
    let failure: Failure = Box::new(Outer(std::io::Error::other("reset by peer")));
    assert_eq!(CliError::Backend(failure).to_string(), "the stream ended: reset by peer");
}
