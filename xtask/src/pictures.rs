//! `cargo xtask pictures`: the pictures of the README, of a real daemon that watches a real attack
//! on a shop in a container. Nothing else of this host is in them.

mod palette;
mod scene;
mod screen;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cli::{PicturesArgs, SetupArgs};
use crate::process::{read, run as start};
use crate::workspace::{Workspace, find_program, is_root};
use crate::{build, setup};
use scene::Scene;
use screen::Screen;
use terminal::Line;

/// Beside what set-up installs.
const PROGRAMS: [&str; 3] = ["chromium", "podman", "tmux"];

/// How long something may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a picture may weigh: a README is to be there at once.
const BYTES: u64 = 150_000;

/// How wide a picture is.
const WIDTH: usize = 1200;

/// The alert whose story is told.
const RULE: &str = "dropped_program_connects_out";

pub(crate) fn run(workspace: &Workspace, args: &PicturesArgs) -> Result<()> {
    ensure!(is_root(), "hooks and containers need root: run it with sudo");
    let runmon = match &args.runmon {
        Some(runmon) => fs::canonicalize(runmon).context("the daemon")?,
        None => {
            setup::run(workspace, &SetupArgs::default())?;
            build::run(workspace)?;
            workspace.runmon()
        }
    };
    for program in PROGRAMS {
        let what = format!("{program} is missing: `apt-get install {program}`");
        ensure!(find_program(program).is_some(), what);
    }
    // Paths of it are in command lines of the engine: this one says nothing of who makes them.
    let dir = PathBuf::from("/var/lib/runmon-pictures");
    if dir.exists() {
        fs::remove_dir_all(&dir).context("what the last run left")?;
    }
    fs::create_dir_all(&dir)?;
    let studio = Studio { out: workspace.root.join("docs/pictures"), dir, runmon };
    fs::create_dir_all(&studio.out)?;
    studio.work()
}

/// Where pictures are made.
struct Studio {
    /// Where they go.
    out: PathBuf,
    /// What is needed meanwhile.
    dir: PathBuf,
    runmon: PathBuf,
}

impl Studio {
    fn work(&self) -> Result<()> {
        let scene = Scene::start(&self.dir)?;
        fs::write(self.config(), scene.config(&self.dir))?;
        let daemon = Daemon::start(self)?;
        let screen = Screen::start(&self.dir)?;
        let runmon = self.runmon.display().to_string();
        let config = self.config().display().to_string();
        let show = |name, size, args: &[&str]| {
            screen.open(name, size, &[&[&*runmon], args, &["--config", &config]].concat())
        };
        show("tail", TAIL, &["tail", "--container", "shop"])?;
        show("top", TOP, &["top"])?;
        // Top has seen for a while what is ordinary.
        sleep(Duration::from_secs(8));
        scene.look_around(&screen)?;
        scene.attack()?;
        let (id, short) = until("the alert", || self.alert())?;
        sleep(Duration::from_secs(2));
        let tail = terminal::lines(&screen.text("tail")?);
        self.shoot("tail", "runmon tail --container shop", &tail)?;
        // Those with alerts first.
        screen.press("top", &["s", "s", "s", "s"])?;
        sleep(Duration::from_secs(1));
        self.shoot("top", "runmon top", &terminal::lines(&screen.text("top")?))?;
        // What the flight recorder keeps of the time after an alert.
        sleep(Duration::from_secs(12));
        show("story", STORY, &["alerts", "show", &short])?;
        sleep(Duration::from_secs(2));
        let told = story(&terminal::lines(&screen.text("story")?));
        self.shoot("story", &format!("runmon alerts show {short}"), &told)?;
        let web = self.ask(&["web"])?;
        self.shoot_page("page", &format!("{}/alert/{id}", web.trim()), PAGE)?;
        drop((screen, daemon, scene));
        Ok(())
    }

    fn config(&self) -> PathBuf {
        self.dir.join("config.yaml")
    }

    fn ask(&self, args: &[&str]) -> Result<String> {
        read(Command::new(&self.runmon).args(args).arg("--config").arg(self.config()))
    }

    /// The id of the alert and the short one, once it is there.
    fn alert(&self) -> Option<(String, String)> {
        let told = self.ask(&["alerts", "--json"]).ok()?;
        let mut alerts = told.lines().filter_map(|it| serde_json::from_str(it).ok());
        let text = |alert: &serde_json::Value, at: &str| {
            alert.pointer(at).and_then(serde_json::Value::as_str).map(str::to_owned)
        };
        let alert = alerts.find(|it| text(it, "/rule/id").as_deref() == Some(RULE))?;
        let command = text(&alert, "/runmon/story/command")?;
        Some((text(&alert, "/event/id")?, command.split(' ').next_back()?.to_owned()))
    }

    /// A picture of what a terminal shows.
    fn shoot(&self, name: &str, command: &str, lines: &[Line]) -> Result<()> {
        let page = self.dir.join(format!("{name}.html"));
        fs::write(&page, terminal::page(command, lines))?;
        let height = 94 + lines.len() * 213 / 10;
        self.shoot_page(name, &format!("file://{}", page.display()), height)
    }

    fn shoot_page(&self, name: &str, address: &str, height: usize) -> Result<()> {
        let out = self.out.join(format!("{name}.png"));
        let mut browser = Command::new("chromium");
        browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
        browser.arg(format!("--user-data-dir={}", self.dir.join("browser").display()));
        browser.arg(format!("--window-size={WIDTH},{height}"));
        browser.arg("--virtual-time-budget=8000");
        browser.arg(format!("--screenshot={}", out.display())).arg(address);
        start(browser.stdout(Stdio::null()).stderr(Stdio::null()))?;
        palette::reduce(&out)?;
        let bytes = fs::metadata(&out).with_context(|| out.display().to_string())?.len();
        println!("{}: {bytes} bytes", out.display());
        ensure!(bytes <= BYTES, "a picture has at most {BYTES} bytes");
        Ok(())
    }
}

/// Columns and rows.
const TAIL: (u16, u16) = (126, 60);
const TOP: (u16, u16) = (126, 12);
const STORY: (u16, u16) = (126, 200);

/// Pixels of the page.
const PAGE: usize = 1000;

/// The parts of a story that are shown, and how many lines of each.
const PARTS: [(&str, usize); 4] =
    [("Processes", 8), ("What matched", 17), ("ATT&CK", 6), ("Before and after", 40)];

/// What is worth showing of a story, and where something is left out.
fn story(lines: &[Line]) -> Vec<Line> {
    let mut shown = Vec::new();
    for part in lines.split(|line| line.text.trim().is_empty()) {
        let Some((title, _)) = part.split_first() else { continue };
        let most = match PARTS.iter().find(|(part, _)| *part == title.text) {
            Some((_, most)) => *most,
            // What it is comes first.
            None if shown.is_empty() => part.len(),
            None => continue,
        };
        if !shown.is_empty() {
            shown.push(Line::default());
        }
        shown.extend(part.iter().take(most).cloned());
        if part.len() > most {
            shown.push(Line::cut());
        }
    }
    shown
}

/// Waits for something.
fn until<T>(what: &str, mut is_there: impl FnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(there) = is_there() {
            return Ok(there);
        }
        sleep(Duration::from_millis(200));
    }
    bail!("{what} did not come within {} seconds", PATIENCE.as_secs())
}

/// Ends a child of ours.
fn end(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap_or_default();
    }
    drop(child.wait());
}

/// The daemon; it ends when this is dropped.
struct Daemon(Child);

impl Daemon {
    fn start(studio: &Studio) -> Result<Self> {
        let log = fs::File::create(studio.dir.join("log"))?;
        let mut command = Command::new(&studio.runmon);
        command.arg("run").arg("--config").arg(studio.config());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let daemon = Self(command.spawn().context("start the daemon")?);
        until("the daemon", || studio.ask(&["status"]).ok())?;
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}
