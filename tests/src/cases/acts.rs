//! Acts on names, files, processes and the system: each done for real, by each call that leads to
//! it, and told of once, with the true object and the outcome that the hooks can know.

mod deeds;
mod names;
mod opens;
mod others;
mod sockets;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Case;
use crate::daemon::{ACTS, Daemon, Options, is_alert};
use crate::lab::{Hooks, Stage};
use crate::place::Place;
use crate::triggers::{Report, calls};

pub(super) const CASES: &[Case] = &[
    Case::each("acts::names_on_the_host", names::on_the_host),
    Case::each("acts::names_in_a_container", names::in_a_container),
    Case::each("acts::names_that_are_refused", names::refused),
    Case::each("acts::processes_and_the_system", others::on_the_host),
    Case::each("acts::privileges_that_are_refused", others::refused),
    Case::each("acts::deeds", deeds::on_the_host),
    Case::each("acts::sockets", sockets::on_the_host),
    Case::each("acts::opens_to_read", opens::to_read),
];

fn watch(stage: &Stage<'_>) -> Daemon {
    let rules = Some(ACTS.to_owned());
    stage.daemon(Options { rules, ..Options::default() })
}

/// One run of the program of the acts.
struct Run<'a> {
    place: &'a Place<'a>,
    way: &'static str,
    form: &'static str,
    uid: Option<&'static str>,
    /// As the acting process sees it.
    dir: PathBuf,
    /// As this process sees it.
    here: PathBuf,
}

/// What came of it.
struct Done {
    report: Report,
    /// Inode of the file `old` that each act found.
    inodes: BTreeMap<String, u64>,
    /// Every document on an act of the process, but for the opens that led there.
    told: Vec<Value>,
}

impl<'a> Run<'a> {
    fn new(
        place: &'a Place<'a>,
        dir: &Path,
        here: &Path,
        way: &'static str,
        form: &'static str,
    ) -> Self {
        let name = format!("{way}-{form}");
        Self { place, way, form, uid: None, dir: dir.join(&name), here: here.join(&name) }
    }

    /// Performs the acts, and waits until the process has ended and all of it is told.
    fn perform(&self, daemon: &Daemon, names: &[&str]) -> Done {
        let mut inodes = BTreeMap::new();
        for name in names {
            let there = self.here.join(name);
            calls::prepare(&there).expect("prepare an act");
            let old = there.join("real").join(calls::OLD);
            inodes.insert((*name).to_owned(), fs::metadata(old).expect("stat").ino());
        }
        let dir = self.dir.to_str().expect("a plain path");
        let mut args = vec!["call", dir, "--way", self.way, "--form", self.form];
        args.extend(self.uid.into_iter().flat_map(|uid| ["--uid", uid]));
        args.extend(names);
        let report = self.place.trigger(&args);
        self.place.expect(daemon, &report, "exit", |_| true);
        let mut told = daemon.documents();
        told.retain(|it| {
            let action = it["event"]["action"].as_str().unwrap_or_default();
            is_alert(it) && self.place.is_by(&report, it) && !action.starts_with("file_open")
        });
        // What is known of the container can come behind them.
        let told = told.into_iter().map(|it| daemon.whole("an act", it)).collect();
        Done { report, inodes, told }
    }
}

impl Done {
    fn errno(&self, name: &str) -> i32 {
        let number = self.report.numbers.get(name).copied().expect("a number of each act");
        i32::try_from(number).expect("an errno")
    }
}

/// What does not hold, gathered: one run shows all of it.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn expect_eq(&mut self, what: &str, found: &Value, expected: &Value) {
        if found != expected {
            self.0.push(format!("{what}: {found}, not {expected}"));
        }
    }

    fn note(&mut self, what: String) {
        self.0.push(what);
    }

    fn none(self) {
        assert!(self.0.is_empty(), "{} things are wrong:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// The name of an errno that acts are refused with.
fn errno_name(errno: i32) -> &'static str {
    match errno {
        libc::EPERM => "EPERM",
        libc::EACCES => "EACCES",
        _ => "another",
    }
}

/// Whether the hooks said that they see a kind of act.
fn is_watched(heartbeat: &Value, kind: &str) -> bool {
    let hooks = heartbeat["runmon"]["hooks"].as_array();
    let hook = hooks.into_iter().flatten().find(|hook| hook["kind"] == kind);
    hook.is_some_and(|hook| !hook["backend"].is_null())
}

/// Whether the hooks said that they do not see what a kind of act does through a ring.
fn is_blind_to_rings(heartbeat: &Value, kind: &str) -> bool {
    let hooks = heartbeat["runmon"]["hooks"].as_array();
    let hook = hooks.into_iter().flatten().find(|hook| hook["kind"] == kind);
    let blind = hook.and_then(|hook| hook["blind"].as_array()).into_iter().flatten();
    let mut blind = blind.filter_map(Value::as_str);
    blind.any(|gap| gap.starts_with("acts through io_uring"))
}

/// Whether the hooks see objects, or what was asked for.
pub(super) fn sees_objects(stage: &Stage<'_>) -> bool {
    matches!(stage.hooks, Hooks::Fentry | Hooks::Kprobe)
}
