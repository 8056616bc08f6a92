//! Terminals that nobody looks at: windows of a tmux of our own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::process::{read, run};

/// All of them; they end when this is dropped.
pub(super) struct Screen {
    socket: PathBuf,
}

impl Screen {
    pub(super) fn start(dir: &Path) -> Result<Self> {
        let screen = Self { socket: dir.join("tmux") };
        // One that does nothing, so that options can be set before others are opened.
        run(screen.tmux().args(["new-session", "-d", "-s", "first", "sleep 1000000"]))?;
        for option in [["remain-on-exit", "on"], ["default-terminal", "tmux-256color"]] {
            run(screen.tmux().args(["set-option", "-g"]).args(option))?;
        }
        Ok(screen)
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.env_remove("TMUX").arg("-S").arg(&self.socket).args(["-f", "/dev/null"]);
        tmux
    }

    /// Runs a command in a terminal of so many columns and rows.
    pub(super) fn open(&self, name: &str, size: (u16, u16), command: &[&str]) -> Result<()> {
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let mut tmux = self.tmux();
        tmux.args(["new-session", "-d", "-s", name, "-x", &columns, "-y", &rows, "--"]);
        run(tmux.args(command))
    }

    /// Presses keys, by tmux's names.
    pub(super) fn press(&self, name: &str, keys: &[&str]) -> Result<()> {
        run(self.tmux().args(["send-keys", "-t", &target(name)]).args(keys))
    }

    /// What one shows, with its colours.
    pub(super) fn text(&self, name: &str) -> Result<String> {
        read(self.tmux().args(["capture-pane", "-p", "-e", "-S", "-", "-t", &target(name)]))
    }
}

/// The one with just this name: some names mean places of tmux's own.
fn target(name: &str) -> String {
    format!("={name}:")
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Who is asked to end restores its terminal.
        drop(self.press("top", &["q"]));
        sleep(Duration::from_secs(1));
        drop(self.tmux().arg("kill-server").output());
    }
}
