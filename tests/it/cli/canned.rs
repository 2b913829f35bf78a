//! `couplet canned`: canned replies from arguments, files and standard input.

use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Shell;

#[tokio::test]
async fn canned_replies_are_added_updated_and_removed() {
    let shell = Shell::migrated().await;
    shell.done("tenant add acme --name Acme").await;
    shell.done("tenant add other --name Other").await;
    let add = "canned add --tenant acme";
    assert_eq!(
        shell
            .done(&format!("{add} thanks --title Thank_you Thank_you,_{{customer.name|there}}!"))
            .await,
        "canned reply thanks of acme added\n"
    );
    assert_eq!(
        shell.done(&format!("{add} thanks --title Thanks Thank_you!")).await,
        "canned reply thanks of acme updated\n"
    );
    let text = format!("We are in:\r\n{}\n", "ä".repeat(70));
    std::fs::write(shell.folder().join("hours.txt"), text).unwrap();
    let full = shell.json(&format!("{add} hours --title Hours --file hours.txt")).await;
    let text = format!("We are in:\n{}", "ä".repeat(70));
    assert_eq!(full, json!({"key": "hours", "title": "Hours", "text": text}));

    let mut run = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .args(["canned", "add", "--tenant", "acme", "bye", "--title", "Bye", "-"])
        .current_dir(shell.folder())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    run.stdin.take().unwrap().write_all(b"Good bye {1}\n").await.unwrap();
    let done = run.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "canned reply bye of acme added\n");

    assert_eq!(
        shell.done("canned list --tenant acme").await,
        format!(
            "KEY     TITLE   TEXT\nbye     Bye     Good bye {{1}}\n\
             hours   Hours   We are in: {}…\nthanks  Thanks  Thank you!\n",
            "ä".repeat(48)
        )
    );
    assert_eq!(shell.json("canned list --tenant other").await, json!([]));
    assert_eq!(
        shell.done("canned remove --tenant acme bye").await,
        "canned reply bye of acme removed\n"
    );
    assert_eq!(
        shell.failed("canned remove --tenant acme bye").await,
        "couplet: acme has no canned reply bye\nlist them: couplet canned list --tenant acme\n"
    );
    assert_eq!(shell.json("canned list --tenant acme").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_text_that_cannot_be_said_is_refused() {
    let shell = Shell::migrated().await;
    shell.done("tenant add acme --name Acme").await;
    let add = "canned add --tenant acme x --title X";
    for (text, said) in [
        ("Hello_{", "a brace has no counterpart"),
        ("Hello_{nmae}", "there is no variable {nmae}\nthere are {1} to {9}, {customer.name}"),
        ("\u{200b}", "the text is empty"),
        (&"ä".repeat(4_001), "more than 4000 characters"),
        ("--file=no.txt", "no.txt cannot be read"),
    ] {
        let error = shell.failed(&format!("{add} {text}")).await;
        assert!(error.contains(said), "{text}: {error}");
    }
    for wrong in [add, &format!("{add} a --file b"), "canned add --tenant acme A --title A a"] {
        assert_eq!(shell.run(wrong).await.code, Some(2), "{wrong}");
    }
    let unknown = shell.failed("canned add --tenant nobody x --title X x").await;
    assert!(unknown.starts_with("couplet: there is no tenant nobody\n"), "{unknown}");
    assert_eq!(shell.json("canned list --tenant acme").await, json!([]));
}
