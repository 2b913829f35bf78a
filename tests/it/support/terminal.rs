//! XMPP clients of the terminal, each in a `tmux` of its own: what an agent types, and what they see.

use std::path::Path;
use std::time::{Duration, Instant};

use couplet_kit::servers::Xmpp;
use tempfile::TempDir;
use tokio::process::Command;

use super::customer::PATIENCE;

/// How often the screen is looked at.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// Profanity, logged in.
    pub(crate) async fn profanity(server: &Xmpp, jid: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("config/profanity");
        std::fs::create_dir_all(&config).unwrap();
        let settings =
            "[ui]\nsplash=false\n[logging]\nchlog=false\n[receipts]\nrequest=true\nsend=true\n";
        std::fs::write(config.join("profrc"), settings).unwrap();
        let terminal = Self::run(folder, "profanity").await;
        terminal.sees("Type '/help'").await;
        terminal
            .types(&format!("/connect {jid} server 127.0.0.1 port {} tls disable", server.c2s))
            .await;
        terminal.sees("password").await;
        terminal.types("secret").await;
        terminal.sees("[online]").await;
        terminal
    }

    async fn run(folder: TempDir, command: &str) -> Self {
        let terminal = Self { folder };
        let root = terminal.folder.path();
        let mut tmux = terminal.tmux();
        tmux.args(["-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "34"]);
        for name in ["CONFIG", "DATA", "CACHE"] {
            let place = root.join(name.to_lowercase());
            tmux.args(["-e", &format!("XDG_{name}_HOME={}", place.display())]);
        }
        tmux.args(["-e", "LC_ALL=C.UTF-8", "-e", &format!("HOME={}", root.display()), command]);
        assert!(tmux.status().await.unwrap().success(), "tmux does not start {command}");
        terminal
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.arg("-u").arg("-S").arg(self.folder.path().join("tmux")).kill_on_drop(true);
        tmux
    }

    /// Types a line.
    pub(crate) async fn types(&self, line: &str) {
        for keys in [["-l", line], ["--", "Enter"]] {
            let sent = self.tmux().arg("send-keys").args(keys).status().await.unwrap();
            assert!(sent.success());
        }
    }

    pub(crate) async fn screen(&self) -> String {
        let captured = self.tmux().args(["capture-pane", "-p", "-J"]).output().await.unwrap();
        String::from_utf8(captured.stdout).unwrap()
    }

    /// Waits until this is on the screen; returns the screen.
    pub(crate) async fn sees(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen().await;
            if screen.contains(text) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "{text:?} is not on the screen:\n{screen}");
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let socket: &Path = &self.folder.path().join("tmux");
        let mut end = std::process::Command::new("tmux");
        let _ = end.arg("-S").arg(socket).arg("kill-server").status();
    }
}
