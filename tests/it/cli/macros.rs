//! `couplet macro`: macros from arguments and files.

use serde_json::json;

use super::Shell;

#[tokio::test]
async fn macros_are_added_updated_and_removed() {
    let shell = Shell::migrated().await;
    shell.done("tenant add acme --name Acme").await;
    let add = "macro add --tenant acme";
    assert_eq!(
        shell.done(&format!("{add} bye --title Bye !close")).await,
        "macro bye of acme added\n"
    );
    let bye = shell.json(&format!("{add} bye --title Bye !r_bye !close_Good_bye")).await;
    let steps = json!(["!r bye", "!close Good bye"]);
    assert_eq!(bye, json!({"key": "bye", "title": "Bye", "steps": steps}));
    std::fs::write(shell.folder().join("steps.txt"), "!reopen\r\n\n  !r hello\n").unwrap();
    assert_eq!(
        shell.done(&format!("{add} again --title Again --file steps.txt")).await,
        "macro again of acme added\n"
    );
    assert_eq!(
        shell.done("macro list --tenant acme").await,
        "KEY    TITLE  STEPS\nagain  Again  !reopen; !r hello\n\
         bye    Bye    !r bye; !close Good bye\n"
    );
    assert_eq!(shell.done("macro remove --tenant acme bye").await, "macro bye of acme removed\n");
    assert_eq!(
        shell.failed("macro remove --tenant acme bye").await,
        "couplet: acme has no macro bye\nlist them: couplet macro list --tenant acme\n"
    );
    assert_eq!(shell.json("macro list --tenant acme").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn steps_that_agents_could_not_run_are_refused() {
    let shell = Shell::migrated().await;
    shell.done("tenant add acme --name Acme").await;
    let add = "macro add --tenant acme x --title X";
    let many = ["!who"; 11].join(" ");
    let long = format!("!close_{}", "ä".repeat(1_000));
    for (steps, said) in [
        ("Hello", "step 1 is not a command"),
        ("!who !frobnicate", "step 2 is not a command"),
        ("!who_is_this", "step 1 is a command with an argument missing or left over"),
        ("!m_x", "step 1 runs a macro"),
        ("!close !reopen", "step 2 is !reopen"),
        ("\u{200b}", "it has no steps"),
        (&many, "more than 10 steps"),
        (&long, "more than 1000 characters"),
        ("--file=no.txt", "no.txt cannot be read"),
    ] {
        let error = shell.failed(&format!("{add} {steps}")).await;
        assert!(error.contains(said), "{steps}: {error}");
    }
    for wrong in [add, &format!("{add} !who --file b"), "macro add --tenant acme A --title A !who"]
    {
        assert_eq!(shell.run(wrong).await.code, Some(2), "{wrong}");
    }
    assert_eq!(shell.json("macro list --tenant acme").await, json!([]));
}
