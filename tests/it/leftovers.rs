//! A test run that is killed leaves nothing behind.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A shell in the project's folder, with the functions that its scripts share.
fn shell(script: &str, words: &[&str]) -> Command {
    let mut shell = Command::new("bash");
    shell.current_dir(ROOT).args(["-c", &format!(". deploy/lib.sh; {script}"), "bash"]);
    shell.args(words).stdin(Stdio::null()).kill_on_drop(true);
    shell
}

fn is_there(pid: &str) -> bool {
    Path::new("/proc").join(pid.trim()).join("stat").exists()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect(what);
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap_or_default()
}

#[tokio::test]
async fn a_server_ends_with_the_process_that_started_it() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().to_str().unwrap();
    let script = "LIFE_OF=$$ tests/servers.sh redis start \"$1\"; sleep 1000";
    let mut run = shell(script, &[at]).spawn().unwrap();
    until("it is ready", || !read(&folder, "server.json").is_empty()).await;
    let pid = read(&folder, "redis.pid");
    assert!(is_there(&pid), "it runs after the script that started it has ended");
    run.kill().await.unwrap();
    until("it has ended", || !is_there(&pid)).await;
}

#[tokio::test]
async fn a_reused_pid_is_not_killed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().to_str().unwrap();
    let started = shell("launch \"$1\" thing sleep 1000; cat \"$1/thing.pid\"", &[at]);
    let started = { started }.output().await.unwrap();
    let thing = String::from_utf8(started.stdout).unwrap();
    let mut stranger = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
    let number = stranger.id().unwrap().to_string();
    std::fs::write(folder.path().join("thing.pid"), &number).unwrap();
    assert!(shell("halt \"$1\" thing", &[at]).status().await.unwrap().success());
    assert!(stranger.try_wait().unwrap().is_none(), "another process");

    std::fs::write(folder.path().join("thing.pid"), thing.trim()).unwrap();
    assert!(shell("halt \"$1\" thing", &[at]).status().await.unwrap().success());
    until("its own has ended", || !is_there(&thing)).await;
    stranger.kill().await.unwrap();
}

#[tokio::test]
async fn only_processes_of_a_run_are_ended() {
    let folder = TempDir::new().unwrap();
    let mark = format!("COUPLET_TEST_MARK={}", folder.path().display());
    let (name, value) = mark.split_once('=').unwrap();
    let sleeper = |value: &str| {
        let mut sleep = Command::new("sleep");
        sleep.arg("1000").env(name, value).kill_on_drop(true).spawn().unwrap()
    };
    let (mut left, mut other) = (sleeper(value), sleeper(&format!("{value}2")));
    assert!(shell("clear_left \"$1\"", &[&mark]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(10), left.wait()).await;
    assert!(!ended.expect("it has ended").unwrap().success());
    assert!(other.try_wait().unwrap().is_none(), "the other run goes on");
    other.kill().await.unwrap();
}
