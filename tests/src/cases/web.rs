//! The web page, in a browser: each view with what really happens, also where a process chose names
//! to do harm.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Case, history};
use crate::browser::Browser;
use crate::containerd::end_with_parent;
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options, runmon};
use crate::lab::Stage;

const BROWSER: &[&str] = &["chromium", "chromedriver"];

pub(super) const CASES: &[Case] = &[
    Case::with(BROWSER, "web::overview_container_and_alert_show_hostile_names_inert", hostile),
    Case::with(BROWSER, "web::an_alert_tells_its_whole_story", story),
    Case::with(BROWSER, "web::an_alert_without_history_is_told_from_memory", memory),
    Case::with(BROWSER, "web::nothing_is_cut_off_on_a_narrow_screen", narrow),
    Case::with(BROWSER, "web::live_filters_halts_and_tells_mistakes", live),
    Case::with(BROWSER, "web::rules_and_status_count", counts),
    Case::with(BROWSER, "web::works_from_the_keyboard", keyboard),
    Case::with(BROWSER, "web::nobody_is_shown_anything_without_the_token", stranger),
];

/// A page, and a program that acts under names that are to do harm.
struct Opened {
    browser: Browser,
    daemon: Daemon,
    actor: Actor,
    address: String,
}

/// The program; it is killed when this is dropped.
struct Actor(Child);

impl Drop for Actor {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().expect("the actor ends");
    }
}

/// What runs where names are taken for markup.
const HARM: &str = "window.harmed=1";

/// A directory whose name has the mark of the stage, and a file: the path is a script.
fn hostile_path(dir: &Path) -> PathBuf {
    dir.join(format!("<script>{HARM}<")).join("script>\u{1b}[31m\u{202e}gpj")
}

/// Writes to that file, again and again.
fn act(dir: &Path) -> Actor {
    let path = hostile_path(dir);
    fs::create_dir_all(path.parent().expect("a parent")).expect("make a hostile directory");
    let program = dir.join("<img src=x onerror=harmed=1>\u{1b}[2J\u{202e}");
    fs::copy("/bin/busybox", &program).expect("copy busybox");
    let mut command = Command::new(program);
    command.arg0("busybox").args(["sh", "-c", "while :; do echo x > \"$0\"; sleep 0.3; done"]);
    command.arg(&path).arg("<b onclick=harmed=1>\u{1b}]0;x\u{7}\u{200f}").arg("A".repeat(10 << 10));
    Actor(end_with_parent(command.stdout(Stdio::null())).spawn().expect("start the actor"))
}

fn address(config: &Path) -> String {
    let output = Command::new(runmon()).arg("web").arg("-c").arg(config).output();
    let output = output.expect("run runmon web");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn open(stage: &Stage<'_>) -> Opened {
    let dir = stage.dir("acts");
    let condition = format!("evt.is_open_write = true and fd.name startswith {}", dir.display());
    let rules = EVERY_ACT
        .replace(EVERY_ACT_CONDITION, &condition)
        .replace("an act of %proc.name", "an act of %proc.name on %fd.name by %proc.cmdline");
    let options = Options {
        rules: Some(rules),
        keys: "web:\n  listen: 127.0.0.1:0".to_owned(),
        run_dir: Some(stage.dir("shared")),
        ..Options::default()
    };
    let config = stage.configuration(&options);
    let daemon = stage.daemon(options);
    let address = address(&config);
    let browser = Browser::start(&stage.dir("browser"));
    browser.open(&address);
    browser.expect("Events since");
    let actor = act(&dir);
    Opened { browser, daemon, actor, address }
}

impl Opened {
    fn view(&self, hash: &str) {
        self.browser.run(&format!("location.hash = {hash:?}"));
    }

    /// Nothing of what a process chose became more than text, and the page has no complaints but
    /// those that are expected.
    fn end(self, expected: &str) {
        let is_marked = "return window.harmed !== undefined || document.querySelector(\
                         'main img, main b, main script') !== null";
        assert_eq!(self.browser.run(is_marked), false);
        let complaints = self.browser.complaints();
        let bad = complaints.iter().filter(|it| expected.is_empty() || !it.contains(expected));
        assert_eq!(bad.count(), 0, "{complaints:?}");
        drop((self.browser, self.actor));
        self.daemon.stop();
    }

    fn assert_inert(&self) {
        let text = self.browser.text();
        assert!(text.contains(&format!("<script>{HARM}</script>\\x1b[31m")), "{text}");
        let turning = ['\u{1b}', '\u{202e}', '\u{200f}', '\u{7}'];
        assert!(!text.contains(turning), "{text}");
    }
}

fn hostile(stage: &Stage<'_>) {
    let opened = open(stage);
    let browser = &opened.browser;
    // The token is not in the address any more.
    assert_eq!(browser.run("return location.hash"), "#/overview");
    assert_eq!(browser.run("return document.cookie"), "", "a script can read the cookie");
    browser.expect("Every act");
    opened.assert_inert();
    assert!(browser.text().contains("host"));
    for scheme in ["light", "dark"] {
        let colour = "return getComputedStyle(document.body).backgroundColor";
        browser.picture(scheme);
        let told = browser.run(colour);
        assert_eq!(told == "rgb(255, 255, 255)", scheme == "light", "{scheme}: {told}");
    }
    opened.view("#/container/host");
    browser.expect("Process tree");
    for (tab, word) in [(3, "Files opened for writing"), (4, "Alerts, the latest first")] {
        browser.run(&format!("document.getElementById('tab-{tab}').click()"));
        browser.expect(word);
        browser.expect(&format!("<script>{HARM}</script>"));
        opened.assert_inert();
    }
    browser.run("document.getElementById('tab-1').click()");
    // The actor is drawn, as text, and what it started below it.
    browser.expect_true(
        "return [...document.querySelectorAll('svg.tree title')].some((it) => \
         it.textContent.includes('<img src=x') && it.textContent.includes('acts'))",
    );
    browser.run("document.getElementById('tab-4').click()");
    browser.expect("Alerts, the latest first");
    browser.run("location.hash = document.querySelector('#panel a[href^=\"#/alert/\"]').hash");
    browser.expect("Before and after");
    browser.expect("+0.");
    browser.expect_true("return document.querySelectorAll('tr.own').length > 0");
    opened.assert_inert();
    opened.end("");
}

/// A daemon with a page about one word, three of which a shell says; the page of the alert.
fn said(stage: &Stage<'_>, keys: &str) -> (Daemon, Browser, [String; 3]) {
    let word = stage.name("word");
    let options = Options {
        rules: Some(history::rules(&word)),
        keys: format!("web:\n  listen: 127.0.0.1:0\n{keys}"),
        run_dir: Some(stage.dir("shared")),
        ..Options::default()
    };
    let config = stage.configuration(&options);
    let daemon = stage.daemon(options);
    let browser = Browser::start(&stage.dir("browser"));
    browser.open(&address(&config));
    browser.expect("Events since");
    let [before, after] = ["before", "after"].map(|when| format!("one {when} {}", stage.name("x")));
    let hostile = format!("{word} \u{1b}[31m\u{202e}<script>{HARM}</script>");
    history::say([&before, &hostile, &after]);
    browser.expect("Word said");
    browser.run("document.querySelector('a[href^=\"#/alert/\"]').click()");
    browser.expect("Before and after");
    (daemon, browser, [before, word, after])
}

fn assert_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("no {part:?} behind those before it: {text}");
        };
        rest = after;
    }
}

fn story(stage: &Stage<'_>) {
    let (daemon, browser, [before, word, after]) = said(stage, "");
    browser.expect("flight recorder");
    browser.expect(&after);
    let shown = format!("echo {word} \\x1b[31m\\xe2\\x80\\xae<script>{HARM}</script>");
    assert_order(
        &browser.text(),
        &["Word said", "warning", "T1059.004", "−0.", &before, "This alert: ", "+0.", &after],
    );
    assert_order(
        &browser.text(),
        &["Processes", "sh (", "busybox (", &shown, "← did it", "What its rule saw"],
    );
    let checks = "return document.querySelector('ul.checks').innerText";
    let checks = browser.run(checks).as_str().expect("text").to_owned();
    assert_order(&checks, &["yes", "all of", "yes", "proc.name = busybox", "saw", "busybox"]);
    assert_order(&checks, &["proc.cmdline contains", "saw", &shown]);
    assert_order(&browser.text(), &["What to look at", "Look who said it.", "runmon alerts show "]);
    let leads = "return document.querySelector('dl a[target=_blank]').href";
    assert_eq!(browser.run(leads), "https://attack.mitre.org/techniques/T1059/004/");
    let harmed =
        "return window.harmed !== undefined || document.querySelector('main script') !== null";
    assert_eq!(browser.run(harmed), false);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(browser);
    daemon.stop();
}

fn memory(stage: &Stage<'_>) {
    let (daemon, browser, [before, word, after]) = said(stage, "history: false\n");
    browser.expect("`history: false`: nothing is kept");
    browser.expect("What it saw is not kept.");
    browser.expect(&after);
    assert_order(&browser.text(), &[&before, "This alert: ", &word, &after]);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(browser);
    daemon.stop();
}

fn narrow(stage: &Stage<'_>) {
    let opened = open(stage);
    let browser = &opened.browser;
    browser.expect("Every act");
    let alert = browser.run("return document.querySelector('a[href^=\"#/alert/\"]').hash");
    let alert = alert.as_str().expect("an alert").to_owned();
    for width in [420, 1280] {
        browser.resize(width, 900);
        for view in ["overview", "live", "alerts", "rules", "status", "container/host"]
            .map(|view| format!("#/{view}"))
            .iter()
            .chain([&alert])
        {
            opened.view(view);
            browser.expect_true("return document.querySelector('main h1') !== null");
            let wide = "return document.documentElement.scrollWidth - innerWidth";
            let wide = browser.run(wide).as_i64().expect("a number");
            assert!(wide <= 0, "{view} is {wide} pixels too wide for {width}");
        }
    }
    opened.end("");
}

fn live(stage: &Stage<'_>) {
    let opened = open(stage);
    let browser = &opened.browser;
    opened.view("#/live");
    browser.expect_true("return document.activeElement.id === 'main'");
    let filter = |text: &str| {
        browser.run(&format!("document.getElementById('search').value = {text:?}"));
        browser.run("document.getElementById('show').click()");
    };
    filter("proc.nam = x");
    browser.expect("did you mean");
    assert_eq!(
        browser.run("return document.getElementById('search').getAttribute('aria-invalid')"),
        "true"
    );
    filter("evt.is_open_write = true and fd.name contains script");
    browser.expect(&format!("<script>{HARM}</script>"));
    opened.assert_inert();
    let rows = || browser.run("return document.querySelectorAll('.log li').length").as_u64();
    browser.run("document.getElementById('halt').click()");
    browser.expect("held back");
    let halted = rows();
    browser.expect_true("return /[3-9] held back/.test(document.body.innerText)");
    assert_eq!(rows(), halted);
    browser.run("document.getElementById('halt').click()");
    crate::wait::until("more rows", || (rows() > halted).then_some(()));
    opened.end("/api/stream?filter=proc.nam");
}

fn counts(stage: &Stage<'_>) {
    let opened = open(stage);
    let browser = &opened.browser;
    opened.view("#/rules");
    browser.expect("Every act");
    browser.expect_true(
        "return Number(document.querySelector('tbody td:nth-child(5)').textContent) > 0",
    );
    opened.view("#/status");
    for word in ["Hooks", "file_open", "By kind, since start", "records lost", "stdout"] {
        browser.expect(word);
    }
    opened.end("");
}

fn keyboard(stage: &Stage<'_>) {
    let opened = open(stage);
    let browser = &opened.browser;
    browser.expect("Every act");
    for (key, title) in [("2", "Live"), ("3", "Alerts"), ("4", "Rules"), ("5", "Hooks and loss")] {
        browser.press(key);
        browser
            .expect_true(&format!("return document.querySelector('h1').textContent === {title:?}"));
    }
    browser.press("1");
    browser.expect("Containers, and what");
    browser.press("/");
    browser.expect_true("return document.activeElement.id === 'search'");
    browser.press("host\u{e00c}");
    browser.press("j");
    browser.expect_true("return document.activeElement.dataset.key === '#/container/host'");
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "the focus cannot be seen");
    browser.press("\u{e007}");
    browser.expect("Process tree");
    browser.press("?");
    browser.expect_true("return document.getElementById('help').open");
    browser.press("\u{e00c}");
    browser.expect_true("return !document.getElementById('help').open");
    opened.end("");
}

fn stranger(stage: &Stage<'_>) {
    let opened = open(stage);
    let other = Browser::start(&stage.dir("other"));
    let (page, token) = opened.address.split_once("#token=").expect("a token");
    other.open(page);
    other.expect("the token is missing");
    let wrong: String = token.chars().rev().collect();
    other.open(&format!("{page}#token={wrong}"));
    other.expect("the token is missing");
    assert!(!other.text().contains("Every act"), "{}", other.text());
    // Another page of this host may not ask in the name of who has the cookie.
    opened.browser.expect("Every act");
    opened.end("");
}
