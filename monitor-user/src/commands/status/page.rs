//! The state of the daemon as a page for people. What it says came over a socket, and names in it
//! are other people's: nothing of it reaches a terminal as it is.

use std::fmt::{Arguments, Write as _};

use serde_json::Value;

use super::at;
use crate::{
    document::{heartbeat::Degraded, printable::terminal},
    logging::count,
};

/// Rules that are shown.
const RULES_SHOWN: usize = 10;

/// Kinds of record that are named of each program.
const KINDS_SHOWN: usize = 3;

/// A page that is being written.
#[derive(Default)]
struct Page(String);

/// All of it.
pub(super) fn of(status: &Value) -> String {
    let mut page = Page::default();
    page.state(status);
    page.records(status);
    page.rules(status);
    page.profiles(status);
    page.sinks(status);
    page.hooks(status);
    page.0
}

impl Page {
    fn line(&mut self, line: Arguments<'_>) {
        // A string takes everything.
        writeln!(self.0, "{line}").unwrap_or_default();
    }

    fn title(&mut self, title: Arguments<'_>) {
        self.line(format_args!("\n{title}"));
    }

    fn state(&mut self, status: &Value) {
        let state = if at(status, "/ready") == true { "ready" } else { "NOT READY" };
        let up = age(number(at(status, "/up_seconds")));
        let (version, pid) = (text(at(status, "/version")), number(at(status, "/pid")));
        self.line(format_args!("runmon {version}, process {pid}, up {up}: {state}"));
        for missing in list(at(status, "/missing")) {
            self.line(format_args!("  MISSING   {}", text(missing)));
        }
        for name in list(at(status, "/degraded")) {
            let known = Degraded::ALL.iter().find(|it| name == it.name());
            let meaning = known.map_or("", |it| it.meaning());
            self.line(format_args!("  DEGRADED  {}: {meaning}", text(name)));
        }
        for blind in list(at(status, "/blind")) {
            let (container, runtime) = (text(at(blind, "/container")), text(at(blind, "/runtime")));
            self.line(format_args!("  BLIND     container {container} ({runtime})"));
        }
    }

    fn records(&mut self, status: &Value) {
        let (records, lost) = (number(at(status, "/line/records")), number(at(status, "/lost")));
        let alerts = usize::try_from(number(at(status, "/line/alerts"))).unwrap_or(usize::MAX);
        let alerts = count(alerts, "alert");
        self.title(format_args!("Records   {records}, {lost} lost by the kernel; {alerts}"));
        for loss in list(at(status, "/kernel/losses")) {
            let reasons = at(loss, "/dropped").as_object().into_iter().flatten();
            let reasons = reasons.filter(|(_, sum)| number(sum) > 0);
            let reasons: Vec<_> =
                reasons.map(|(why, sum)| format!("{} {}", number(sum), safe(why))).collect();
            let container = text(at(loss, "/container"));
            self.line(format_args!("  lost of {container}: {}", reasons.join(", ")));
        }
    }

    fn rules(&mut self, status: &Value) {
        let reloads = at(status, "/reloads/rules");
        let (taken, refused) = (number(at(reloads, "/taken")), number(at(reloads, "/refused")));
        let (on, version) = (number(at(status, "/rules")), text(at(status, "/rules_version")));
        self.title(format_args!(
            "Rules     {on} on, version {version}; read again: {taken} taken, {refused} refused"
        ));
        let states: Vec<&Value> = list(at(status, "/rule_states")).collect();
        if states.is_empty() {
            return self.line(format_args!("  none has matched"));
        }
        let width = states.iter().take(RULES_SHOWN).map(|it| text(at(it, "/id")).len());
        let width = width.max().unwrap_or_default();
        self.line(format_args!("  {:width$} {:>9} {:>9}", "", "matches", "alerts"));
        for state in states.iter().take(RULES_SHOWN) {
            let (id, mark) = (text(at(state, "/id")), mark(state));
            let (matches, alerts) = (number(at(state, "/matches")), number(at(state, "/alerts")));
            self.line(format_args!("  {id:width$} {matches:>9} {alerts:>9}{mark}"));
        }
        if let Some(more) = states.len().checked_sub(RULES_SHOWN + 1) {
            self.line(format_args!("  and {} more", count(more + 1, "rule")));
        }
    }

    /// How what happens compares to what is expected, where anything is.
    fn profiles(&mut self, status: &Value) {
        let profiles: Vec<&Value> = list(at(status, "/profiles")).collect();
        let learned = number(at(status, "/tables/learned_images"));
        if profiles.is_empty() && learned == 0 {
            return;
        }
        self.title(format_args!("Profiles  {} compared to, {learned} learned", profiles.len()));
        if profiles.is_empty() {
            return;
        }
        let name = |it: &Value| format!("{} ({})", text(at(it, "/name")), text(at(it, "/mode")));
        let width = profiles.iter().map(|it| name(it).len()).max().unwrap_or_default();
        self.line(format_args!("  {:width$} {:>10} {:>10}", "", "expected", "unexpected"));
        for profile in profiles {
            let [expected, unexpected] =
                ["/expected", "/unexpected"].map(|it| number(at(profile, it)));
            self.line(format_args!("  {:width$} {expected:>10} {unexpected:>10}", name(profile)));
            for found in list(at(profile, "/found")) {
                self.line(format_args!("    {}", text(found)));
            }
        }
    }

    fn sinks(&mut self, status: &Value) {
        let reloads = at(status, "/reloads/sinks");
        let (taken, refused) = (number(at(reloads, "/taken")), number(at(reloads, "/refused")));
        let sinks: Vec<&Value> = list(at(status, "/sinks")).collect();
        self.title(format_args!(
            "Sinks     {}; read again: {taken} taken, {refused} refused",
            sinks.len()
        ));
        let width = sinks.iter().map(|it| text(at(it, "/name")).len()).max().unwrap_or_default();
        let (delivered, waiting, lost) = ("delivered", "waiting", "lost");
        self.line(format_args!(
            "  {:width$} {delivered:>10} {waiting:>8} {lost:>6} {:>7} {:>10}",
            "", "retries", "number"
        ));
        for sink in sinks {
            let name = text(at(sink, "/name"));
            let why = at(sink, "/trouble").as_str();
            let why = why.map_or_else(String::new, |it| format!("  {}", safe(it)));
            let [delivered, waiting, lost, retries, last] =
                ["/delivered", "/queued", "/dropped", "/retries", "/number"]
                    .map(|it| number(at(sink, it)));
            let left = format!("  {name:width$} {delivered:>10} {waiting:>8} {lost:>6}");
            self.line(format_args!("{left} {retries:>7} {last:>10}{why}"));
        }
        self.store(at(status, "/store"));
    }

    fn store(&mut self, store: &Value) {
        if store.is_null() {
            return;
        }
        let [bytes, most, evicted, broken] =
            ["/bytes", "/bytes_max", "/evicted", "/broken_bytes"].map(|it| number(at(store, it)));
        let (bytes, most) = (mebibytes(bytes), mebibytes(most));
        let failing = if at(store, "/failing") == true { "; CANNOT BE WRITTEN" } else { "" };
        self.title(format_args!("Store     {bytes} of {most} MiB{failing}"));
        if evicted > 0 {
            self.line(format_args!("  {evicted} documents gave way to others before they left"));
        }
        if broken > 0 {
            self.line(format_args!("  {broken} bytes could not be read"));
        }
    }

    fn hooks(&mut self, status: &Value) {
        self.title(format_args!("Hooks     {:33} {:>9} {:>7}  kinds", "", "runs", "ns/run"));
        for hook in list(at(status, "/hooks")).filter(|hook| at(hook, "/backend").is_null()) {
            self.line(format_args!("  NOT SEEN  {}", text(at(hook, "/kind"))));
        }
        let programs = programs(status);
        for (program, kinds) in &programs {
            let how = if at(program, "/fires") == false { " DOES NOT FIRE" } else { "" };
            let place = format!("{}{how}", text(at(program, "/attach")));
            let (runs, cost) = (dash(number(at(program, "/runs"))), cost(program));
            let shown = kinds.iter().take(KINDS_SHOWN).map(String::as_str).collect::<Vec<_>>();
            let mut kinds_told = shown.join(", ");
            if let Some(more) = kinds.len().checked_sub(KINDS_SHOWN).filter(|more| *more > 0) {
                kinds_told.push_str(&format!(" and {more} more"));
            }
            self.line(format_args!("  {place:41} {runs:>9} {cost:>7}  {kinds_told}"));
        }
        if programs.iter().all(|(program, _)| number(at(program, "/runs")) == 0) {
            self.line(format_args!("  --cost measures what they cost"));
        } else {
            self.line(format_args!(
                "  Those that another one calls have no numbers: theirs are with its own."
            ));
        }
    }
}

/// Each program, with the kinds of record that it serves.
fn programs(status: &Value) -> Vec<(&Value, Vec<String>)> {
    let mut programs: Vec<(&Value, Vec<String>)> = Vec::new();
    for hook in list(at(status, "/hooks")) {
        let kind = text(at(hook, "/kind"));
        for program in list(at(hook, "/programs")) {
            let known =
                programs.iter_mut().find(|(it, _)| at(it, "/attach") == at(program, "/attach"));
            match known {
                Some((_, kinds)) => kinds.push(kind.clone()),
                None => programs.push((program, vec![kind.clone()])),
            }
        }
    }
    programs
}

/// What is special about a rule.
fn mark(state: &Value) -> String {
    let mut mark = String::new();
    if let Some(until) = at(state, "/off_until").as_str() {
        mark.push_str(&format!("  off until {}", safe(until)));
    }
    if at(state, "/noisy") == true {
        mark.push_str("  noisy");
    }
    mark
}

/// Nanoseconds of one run of a program.
fn cost(program: &Value) -> String {
    let (runs, nanoseconds) = (number(at(program, "/runs")), number(at(program, "/run_ns")));
    nanoseconds.checked_div(runs).map_or_else(|| "-".to_owned(), |cost| cost.to_string())
}

fn dash(number: u64) -> String {
    if number == 0 { "-".to_owned() } else { number.to_string() }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text, so that it can do nothing to a terminal.
fn text(value: &Value) -> String {
    safe(value.as_str().unwrap_or("-"))
}

fn safe(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}

/// In tenths.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Its two greatest parts.
fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ages_have_two_parts() {
        for (seconds, expected) in
            [(5, "5s"), (65, "1m 5s"), (7_260, "2h 1m"), (90_000, "1d 1h"), (59, "59s")]
        {
            assert_eq!(age(seconds), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_told_first_and_can_do_nothing_to_a_terminal() {
        let page = of(&json!({
            "version": "1.0", "pid": 7, "up_seconds": 61, "ready": false,
            "missing": ["connect is not seen: \u{1b}[2J"],
            "degraded": ["sink_stuck", "of_the_future"],
            "sinks": [{ "name": "siem", "queued": 3, "trouble": "unreachable" }],
            "store": { "bytes": 1_572_864, "bytes_max": 10_485_760, "evicted": 3 },
        }));
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines[0], "runmon 1.0, process 7, up 1m 1s: NOT READY");
        assert!(lines[1].starts_with("  MISSING   connect is not seen: "), "{page}");
        assert!(!page.contains('\u{1b}'), "{page}");
        assert!(lines[2].starts_with("  DEGRADED  sink_stuck: Documents wait"), "{page}");
        assert!(lines[3].starts_with("  DEGRADED  of_the_future"), "{page}");
        assert!(page.contains(" 0  unreachable\n"), "{page}");
        assert!(page.contains("Store     1.5 of 10.0 MiB\n  3 documents gave way"), "{page}");
    }

    #[test]
    fn an_answer_of_another_version_is_shown_as_far_as_it_goes() {
        assert!(of(&json!({})).contains("NOT READY"));
    }
}
