//! The operator's command line: the built program, on SQLite in a folder of its own.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

mod canned;
mod conversation;
mod macros;
mod transcript;

const CONFIG: &str = r#"
    [[links]]
    domain = "chat.localhost"
    server = "127.0.0.1:1"
    secret = "hunter2"
    [[links]]
    domain = "help.example.net"
    server = "127.0.0.1:1"
    secret = "hunter2"
"#;

/// A folder with a configuration and a database, in which the program runs.
struct Shell(TempDir);

/// An argument in which `_` is written for a space, and `__` for an underscore.
fn spaced(argument: &str) -> String {
    argument.replace("__", "\0").replace('_', " ").replace('\0', "_")
}

/// Result of a run of the program.
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Shell {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("couplet.toml"), config).unwrap();
        Self(folder)
    }

    async fn migrated() -> Self {
        let shell = Self::new(CONFIG);
        assert_eq!(shell.done("migrate").await, "the schema is current\n");
        shell
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Runs the program with space-separated arguments; see [`spaced`].
    async fn run(&self, arguments: &str) -> Done {
        let ran = Command::new(env!("CARGO_BIN_EXE_couplet"))
            .args(arguments.split(' ').map(spaced))
            .current_dir(self.folder())
            .env_clear()
            .output()
            .await
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
    }

    /// Runs the program, which must succeed; returns what it printed.
    async fn done(&self, arguments: &str) -> String {
        let done = self.run(arguments).await;
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{arguments}: {}", done.out);
        done.out
    }

    async fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{arguments} --json")).await).unwrap()
    }

    /// Runs the program, which must fail; returns the error text.
    async fn failed(&self, arguments: &str) -> String {
        let done = self.run(arguments).await;
        assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{arguments}: {}", done.err);
        assert!(done.err.lines().count() <= 2, "{}", done.err);
        done.err
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_ends_with_2_and_a_bad_configuration_with_1() {
    let shell = Shell::new("http.listen = \"foo\"\nlog.format = \"xml\"\n");
    for wrong in ["", "sreve", "tenant", "tenant add UPPER --name A", "serve --verbose"] {
        assert_eq!(shell.run(wrong).await.code, Some(2), "{wrong}");
    }
    for asked in ["--help", "--version", "help tenant add", "transcript export --help"] {
        assert_eq!(shell.run(asked).await.code, Some(0), "{asked}");
    }
    assert_eq!(
        shell.failed("tenant list").await,
        "couplet: http.listen: \"foo\" is not an address; write IP:port, e.g. 127.0.0.1:8080 (from couplet.toml)\n\
         log.format: \"xml\" is not a format; write text or json (from couplet.toml)\n"
    );
    assert_eq!(
        shell.failed("tenant list --config no/such.toml").await,
        "couplet: no/such.toml: does not exist; create it, or name another with --config FILE\n"
    );
}

#[tokio::test]
async fn a_missing_schema_is_reported_with_its_remedy() {
    let shell = Shell::new(CONFIG);
    assert!(shell.failed("tenant list").await.contains("couplet migrate"));
    assert!(shell.run("check").await.out.contains("couplet migrate"));
    shell.done("migrate").await;
    shell.done("migrate").await;
    assert_eq!(shell.done("tenant list").await, "KEY  NAME  LINK  ORIGINS\n");
}

#[tokio::test]
async fn check_tries_everything() {
    let shell = Shell::migrated().await;
    let done = shell.run("check").await;
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines[0], "database               ok      (sqlite, schema current)");
    assert_eq!(lines[1], "cache                  ok      (memory)");
    assert!(lines[2].starts_with("files                  ok      (in "), "{}", lines[2]);
    assert!(lines[3].starts_with("link chat.localhost    FAILED  "), "{}", lines[3]);
    assert!(lines[4].starts_with("link help.example.net  FAILED  "), "{}", lines[4]);
    assert_eq!((done.code, done.err.as_str()), (Some(1), "couplet: 2 of 5 checks failed\n"));
    assert!(!done.out.contains("hunter2"));
}

#[tokio::test]
async fn tenants_are_added_and_removed() {
    let shell = Shell::migrated().await;
    let secret = shell.folder().join("key");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    assert_eq!(
        shell.done("tenant add acme --name Acme_Ltd --origin https://www.acme.example").await,
        "tenant acme added on link chat.localhost\n"
    );
    assert_eq!(
        shell.done("tenant add bolt --name Bolt --link help.example.net").await,
        "tenant bolt added on link help.example.net\n\
         no page may embed it: it was given no --origin\n"
    );
    let full = shell
        .json(
            "tenant add full --name Full --origin HTTPS://B.example:443/ --origin http://a.example:81 \
             --origin https://b.example --color #2F6FED --locale pt-BR --welcome Oi! --identity-secret-file key \
             --idle-close-minutes 5 --require-origin --field name --field order!=Your_order",
        )
        .await;
    let expected = json!({
        "key": "full", "name": "Full", "link": "chat.localhost",
        "origins": ["http://a.example:81", "https://b.example"], "origin_required": true,
        "color": "#2f6fed", "locale": "pt-BR", "welcome": "Oi!", "identity": true, "idle_close_minutes": 5, "idle_remind_minutes": 0,
        "agent_remind_seconds": 0, "agent_requeue_seconds": 0,
        "file_megabytes": null, "file_types": null,
        "hours": null, "hours_mode": null, "zone": null, "country": null,
        "form": [
            {"name": "name", "label": null, "required": false},
            {"name": "order", "label": "Your order", "required": true},
        ],
    });
    assert_eq!(full, expected);

    assert_eq!(
        shell.failed("tenant add acme --name Again").await,
        "couplet: the tenant acme exists already\nsee it: couplet tenant show acme\n"
    );
    assert_eq!(
        shell.failed("tenant add x --name X --link chat.example.org").await,
        "couplet: no link chat.example.org is configured; there are chat.localhost, help.example.net\n\
         name one of them, or add a [[links]] table\n"
    );
    std::fs::write(&secret, "short").unwrap();
    assert!(
        shell
            .failed("tenant add x --name X --identity-secret-file key")
            .await
            .contains("the key in key is too short")
    );

    assert_eq!(
        shell.done("tenant list").await,
        "\
KEY   NAME      LINK              ORIGINS
acme  Acme Ltd  chat.localhost    https://www.acme.example
bolt  Bolt      help.example.net  -
full  Full      chat.localhost    http://a.example:81 https://b.example
"
    );
    let shown = shell.json("tenant show full").await;
    assert_eq!(shown["identity"], true);
    assert_eq!(shown["queues"][0]["key"], "default");
    assert_eq!(shown["agents"], json!([]));
    assert!(shell.done("tenant show acme").await.contains("\norigin required  no\n"));
    let shown = shell.done("tenant show full").await;
    assert!(shown.contains("name, order!=Your order\n"), "{shown}");
    assert_eq!(
        shell.failed("tenant add x --name X --field email --field email!").await,
        "couplet: a form has at most 32 fields, each once\nleave some --field out\n"
    );

    assert_eq!(shell.done("tenant remove bolt").await, "tenant bolt removed\n");
    assert!(
        shell.failed("tenant show bolt").await.starts_with("couplet: there is no tenant bolt\n")
    );
    assert_eq!(shell.json("tenant list").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn hours_are_set_checked_and_shown() {
    let shell = Shell::migrated().await;
    shell.done("tenant add acme --name Acme --origin https://acme.example").await;
    shell.done("queue add --tenant acme sales --name Sales").await;
    let show = "hours show --tenant acme";
    assert_eq!(shell.done(show).await, "always open: no hours are set\n");

    // Each refusal says what is wrong, and nothing is changed.
    for (wrong, why) in [
        ("hours=Mo-Fr_09:00-17:00 zone=UTC zone=UTC", "named twice"),
        ("hours=Mo-Fr_09:00-17:00", "set it, e.g. zone=Europe/Berlin"),
        ("hours=weekdays zone=UTC", "cannot be read from character 5 on"),
        ("hours=Mo_09:00-17:00;_PH_off zone=UTC", "set it, e.g. country=DE"),
    ] {
        let said = shell.failed(&format!("tenant set acme {wrong}")).await;
        assert!(said.contains(why), "{wrong}: {said}");
    }
    for wrong in ["hours", "zone=Berlin", "hours__mode=lax", "country=Germany", "color=red"] {
        assert_eq!(shell.run(&format!("tenant set acme {wrong}")).await.code, Some(2), "{wrong}");
    }
    assert_eq!(shell.json("tenant show acme").await["hours"], Value::Null);

    assert_eq!(
        shell
            .done("tenant set acme hours=Mo-Fr_09:00-17:00;_PH_off zone=europe/berlin country=de")
            .await,
        "tenant acme updated; see when it is open: couplet hours show --tenant acme\n"
    );
    let said = shell.failed("tenant set acme zone=").await;
    assert!(said.starts_with("couplet: not set: the hours of acme would not work\n"), "{said}");
    assert_eq!(
        shell.done(&format!("{show} --at 2026-12-24T18:00 --days 6")).await,
        "\
Mo-Fr 09:00-17:00; PH off (strict, Europe/Berlin, country DE)
Thu 2026-12-24 18:00: closed, opens Mon 2026-12-28 09:00

OPENS                 CLOSES
Mon 2026-12-28 09:00  Mon 2026-12-28 17:00
Tue 2026-12-29 09:00  Tue 2026-12-29 17:00
Wed 2026-12-30 09:00  Wed 2026-12-30 17:00
"
    );
    // The times of silence.
    let told =
        shell.done("tenant set acme idle__remind__minutes=10 agent__requeue__seconds=90").await;
    assert!(told.contains("idle remind 10 min, agent remind never, agent requeue 90 s"), "{told}");
    let shown = shell.json("tenant show acme").await;
    assert_eq!(
        (&shown["hours"], &shown["agent_requeue_seconds"]),
        (&json!("Mo-Fr 09:00-17:00; PH off"), &json!(90))
    );
    for wrong in
        ["idle__close__minutes=", "agent__remind__seconds=-1", "idle__remind__minutes=10081"]
    {
        assert_eq!(shell.run(&format!("tenant set acme {wrong}")).await.code, Some(2), "{wrong}");
    }
    // A queue has its own hours, in its tenant's zone.
    shell.done("queue set --tenant acme sales hours=24/7 hours__mode=advisory").await;
    shell.done("queue add --tenant acme sales --name Sales_Team").await;
    let sales = shell.json(&format!("{show} --queue sales --at 2026-12-24T18:00")).await;
    assert_eq!(
        (&sales["hours"], &sales["hours_mode"], &sales["zone"], &sales["open"], &sales["until"]),
        (&json!("24/7"), &json!("advisory"), &json!("Europe/Berlin"), &json!(true), &Value::Null)
    );
    assert!(
        shell.failed("queue set --tenant acme help hours=24/7").await.contains("no queue help")
    );
    // Somebody closes it, and opens it again.
    let closed = shell.json("queue close --tenant acme sales --until 2100-01-01T09:00").await;
    assert_eq!((&closed["open"], &closed["next"]), (&json!(false), &json!(4_102_473_600_000_i64)));
    let sales = shell.json("hours show --tenant acme --queue sales").await;
    assert_eq!((&sales["open"], &sales["by_hand"]["open"]), (&json!(false), &json!(false)));
    let told = shell.done("hours show --tenant acme --queue sales").await;
    assert!(told.contains("closed by hand until 1 Jan 2100 09:00"), "{told}");
    assert!(shell.failed("queue close --tenant acme sales --until noon").await.contains("no time"));
    assert!(
        shell
            .failed("queue close --tenant acme sales --until 2020-01-01T09:00")
            .await
            .contains("has passed")
    );
    let told = shell.done("queue open --tenant acme sales").await;
    assert_eq!(told, "queue sales of acme is open\n");
    let told = shell.done("queue close --tenant acme sales").await;
    assert!(told.contains("is closed until it is opened"), "{told}");
    shell.done("queue open --tenant acme sales").await;
    shell.done("queue set --tenant acme sales hours= hours__mode=").await;
    let sales = shell.json(&format!("{show} --queue sales --at 2026-12-24T18:00")).await;
    assert_eq!((&sales["open"], &sales["hours_mode"]), (&json!(false), &Value::Null));
    assert!(shell.failed(&format!("{show} --at noon")).await.contains("is no time"));
    assert!(
        shell
            .run("check")
            .await
            .out
            .contains("\nhours                  ok      (they can be used)\n")
    );
}

#[tokio::test]
async fn queues_and_agents_are_added_updated_and_removed() {
    let shell = Shell::migrated().await;
    shell.done("tenant add acme --name Acme --origin https://acme.example").await;
    let add = "queue add --tenant acme sales --name Sales";
    assert_eq!(shell.done(add).await, "queue sales of acme added\n");
    assert_eq!(
        shell.done(&format!("{add}_Team --strategy ring-all --offer-seconds 10")).await,
        "queue sales of acme updated\n"
    );
    let list = shell.done("queue list --tenant acme").await;
    assert!(list.ends_with("\nsales    Sales Team  ring-all      10 s\n"), "{list}");

    assert_eq!(
        shell.done("agent add --tenant acme Alice@LOCALHOST --name Alice").await,
        "agent alice@localhost of acme added, serves default\n"
    );
    assert_eq!(
        shell
            .done("agent add --tenant acme alice@localhost --name Alice --queue sales --queue default --capacity 2 --role supervisor")
            .await,
        "agent alice@localhost of acme updated, serves default, sales\n"
    );
    assert_eq!(
        shell.json("agent list --tenant acme").await,
        json!([{
            "jid": "alice@localhost", "name": "Alice", "role": "supervisor", "capacity": 2,
            "queues": ["default", "sales"],
        }])
    );
    assert_eq!(
        shell.failed("agent add --tenant acme bob@localhost --name Bob --queue help").await,
        "couplet: acme has no queue help; it has default, sales\n\
         add it: couplet queue add --tenant acme help --name …\n"
    );
    assert_eq!(
        shell.failed("agent add --tenant acme bob@example.org --name Bob").await,
        "couplet: accounts of example.org cannot be agents on the link chat.localhost\n\
         add it to agent_hosts of that [[links]] table; it has localhost\n"
    );
    assert!(shell.failed("queue remove --tenant acme default").await.contains("cannot be removed"));
    assert!(shell.failed("queue remove --tenant acme help").await.contains("has no queue help"));
    assert_eq!(
        shell.done("queue remove --tenant acme sales").await,
        "queue sales of acme removed\n"
    );
    assert_eq!(
        shell.done("agent remove --tenant acme alice@localhost").await,
        "agent alice@localhost of acme removed\n"
    );
    assert!(
        shell.failed("agent remove --tenant acme alice@localhost").await.contains("has no agent")
    );
    for command in ["queue list", "agent list", "transcript export"] {
        let said = shell.failed(&format!("{command} --tenant nobody")).await;
        assert!(said.starts_with("couplet: there is no tenant nobody\n"), "{said}");
    }
}
