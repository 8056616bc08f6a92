//! The story of an alert, for people.

use serde_json::Value;

use super::super::look::{
    BOLD, CYAN, DIM, MAGENTA, Paint, RED, colour_of, image, items, place, pod, shorten, text,
    texts, when,
};
use crate::past::{
    found::Found,
    story::{Story, Told},
};

/// Characters of a command line, and of what an act was.
const LINE: usize = 160;

pub(super) fn of(
    found: &Found,
    story: &Story,
    related: &[String],
    ways: &Ways,
    paint: Paint,
) -> String {
    let page = Page { document: &found.document, found, paint };
    let mut text = page.head();
    let is_finding = found.document.pointer("/runmon/document") == Some(&"finding".into());
    if is_finding {
        return text;
    }
    for (title, part) in [
        ("Processes", page.processes()),
        ("What matched", page.matched()),
        ("ATT&CK", page.attack()),
        ("What to look at", page.of_rules("triage")),
        ("Without harm it is seen of", page.of_rules("false_positives")),
        ("Rules about the same", related.iter().map(|it| format!("  {}\n", safe(it))).collect()),
        ("Before and after", page.story(story)),
        ("How to go on", page.onward(ways)),
    ] {
        if !part.is_empty() {
            text.push_str(&format!("\n{}\n{part}", paint.with(BOLD, title)));
        }
    }
    text
}

fn safe(text: &str) -> String {
    crate::document::printable::terminal(text.as_bytes()).into_owned()
}

/// What the commands that are named need to say besides, to find what is meant.
pub(super) struct Ways {
    /// Where the alerts are.
    pub(super) alerts: String,
    /// Which rules are in use.
    pub(super) explain: String,
    /// Which daemon is asked.
    pub(super) disable: String,
}

struct Page<'f> {
    document: &'f Value,
    found: &'f Found,
    paint: Paint,
}

impl Page<'_> {
    fn text(&self, pointer: &str) -> String {
        text(self.document, pointer)
    }

    /// What it is, when and where.
    fn head(&self) -> String {
        let past = &self.found.past;
        let priority = past.priority.name().to_ascii_uppercase();
        let mut text = format!(
            "{}  {}\n",
            self.paint.with(colour_of(past.priority), &priority),
            self.paint.with(BOLD, &past.rule)
        );
        let version = match self.text("/rule/version") {
            none if none.is_empty() => none,
            version => format!(", version {version}"),
        };
        let rule = match past.rule_id.as_str() {
            "" => String::new(),
            id => format!("{id}{version}"),
        };
        let repeated = match past.repeats {
            0 => String::new(),
            count => format!("{count} times more, last at {}", when(past.last_ns)),
        };
        let user = match (self.text("/user/id"), self.text("/user/audit/id")) {
            (uid, audit) if audit.is_empty() || audit == uid => uid,
            (uid, audit) => format!("{uid}, who logged in as {audit}"),
        };
        let node = self.text("/host/name");
        let (where_, pod, image) = (place(self.document), pod(self.document), image(self.document));
        for (name, value) in [
            ("when", when(past.timestamp_ns)),
            ("alert", format!("{}  {}", past.short, self.paint.with(DIM, &safe(&past.id)))),
            ("rule", rule),
            ("", self.text("/rule/description")),
            ("said", past.said.clone()),
            ("did", self.text("/runmon/history/said")),
            ("outcome", self.outcome()),
            ("user", user),
            ("container", where_),
            ("image", image),
            ("pod", pod),
            ("node", node),
            ("kept", super::kept::text(self.document)),
            ("repeated", repeated),
        ] {
            if !value.is_empty() {
                text.push_str(&format!(
                    "  {} {value}\n",
                    self.paint.with(DIM, &format!("{name:<10}"))
                ));
            }
        }
        text
    }

    fn outcome(&self) -> String {
        match (self.text("/event/outcome").as_str(), self.text("/event/code")) {
            ("failure", code) => self.paint.with(RED, &format!("failed, {code}")),
            _ => String::new(),
        }
    }

    /// Who did it, and from whom it came.
    fn processes(&self) -> String {
        let chain = self.found.processes();
        let last = chain.len().saturating_sub(1);
        let mut text = String::new();
        for (depth, process) in chain.into_iter().enumerate() {
            let mut line = self.process(process);
            if depth == last {
                line = format!("{line}  {}", self.paint.with(MAGENTA, "← did it"));
            }
            let branch = match depth {
                0 => String::new(),
                deep => format!("{}└─ ", "   ".repeat(deep - 1)),
            };
            text.push_str(&format!("  {branch}{line}\n"));
        }
        text
    }

    fn process(&self, process: &Value) -> String {
        let line = shorten(&text(process, "/command_line"), LINE);
        let path = match text(process, "/executable") {
            path if line.starts_with(&path) || path.is_empty() => String::new(),
            path => format!("{path}: "),
        };
        let name = format!("{}({})", text(process, "/name"), text(process, "/pid"));
        format!("{} {path}{line}", self.paint.with(CYAN, &name))
    }

    /// Every check of every rule with what it saw.
    fn matched(&self) -> String {
        let mut text = String::new();
        for rule in items(self.document, "/runmon/history/rules") {
            let id = super::super::look::text(rule, "/id");
            if id != self.found.past.rule_id {
                text.push_str(&format!("  {}\n", self.paint.with(BOLD, &id)));
            }
            match rule.get("condition") {
                Some(condition) => self.check(condition, 1, &mut text),
                None => text.push_str("  what it saw is not kept\n"),
            }
            let gathers = super::super::look::text(rule, "/alerts_on");
            if !gathers.is_empty() {
                text.push_str(&format!("  {gathers}\n"));
            }
        }
        text
    }

    fn check(&self, part: &Value, depth: usize, out: &mut String) {
        let (truth, shade) = match part.get("truth").and_then(Value::as_str) {
            Some("true") => ("yes", BOLD),
            Some("false") => ("no ", DIM),
            _ => ("?  ", DIM),
        };
        let mut line = |what: &str| {
            let line = self.paint.with(shade, &format!("{truth} {what}"));
            out.push_str(&format!("{}{line}\n", "  ".repeat(depth)));
        };
        let below: Vec<&Value> = if let Some(check) = part.get("check") {
            let values = texts(part, "/values");
            let saw = match values.is_empty() {
                true => "nothing there".to_owned(),
                false => format!("is `{}`", values.join("`, `")),
            };
            line(&format!("{}   ({saw})", safe(check.as_str().unwrap_or_default())));
            Vec::new()
        } else if let Some(parts) = part.get("all").and_then(Value::as_array) {
            line("all of:");
            parts.iter().collect()
        } else if let Some(parts) = part.get("one").and_then(Value::as_array) {
            line("one of:");
            parts.iter().collect()
        } else if let Some(inner) = part.get("not") {
            line("not:");
            vec![inner]
        } else if let Some(inner) = part.get("is") {
            line(&format!("macro {}:", text(part, "/macro")));
            vec![inner]
        } else {
            line("…");
            Vec::new()
        };
        below.into_iter().for_each(|part| self.check(part, depth + 1, out));
    }

    /// Tactics, techniques and what else is to read.
    fn attack(&self) -> String {
        let told = self.found.attack();
        let mut lines: Vec<String> = told
            .iter()
            .map(|it| format!("  {:<10} {}  {}", it.id, it.url, it.name).trim_end().to_owned())
            .collect();
        lines.extend(texts(self.document, "/rule/reference").iter().map(|it| format!("  {it}")));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// What the rules say of something, a line each.
    fn of_rules(&self, what: &str) -> String {
        self.found.of_rules(what).iter().map(|said| format!("  - {said}\n")).collect()
    }

    fn story(&self, story: &Story) -> String {
        let at = self.found.past.timestamp_ns;
        let (before, after): (Vec<&Told>, Vec<&Told>) =
            story.shown().partition(|told| told.timestamp_ns < at);
        let mut text: String = before.iter().map(|told| self.act(told)).collect();
        let own = self.text("/runmon/history/said");
        let own = self.paint.with(MAGENTA, &format!("this alert: {own}"));
        text.push_str(&format!("  {:>9}  {own}\n", "0.000 s"));
        text.extend(after.iter().map(|told| self.act(told)));
        if story.acts.is_empty() {
            text.push_str("  nothing else was kept (flight_recorder)\n");
        }
        if story.is_cut {
            text.push_str("  … there is more than is shown\n");
        }
        text
    }

    fn act(&self, told: &Told) -> String {
        let seconds = (told.timestamp_ns - self.found.past.timestamp_ns) as f64 / 1e9;
        let process = told.document.pointer("/process");
        let name = process
            .map_or(String::new(), |it| format!("{}({})", text(it, "/name"), text(it, "/pid")));
        let said = match &told.alert {
            Some(short) => {
                let rule = text(&told.document, "/rule/name");
                self.paint.with(MAGENTA, &format!("alert {short}: {rule}"))
            }
            None => {
                let action = text(&told.document, "/event/action");
                let said = text(&told.document, "/runmon/history/said");
                format!("{action} {}", shorten(&said, LINE))
            }
        };
        let code = text(&told.document, "/event/code");
        let failed = match text(&told.document, "/event/outcome").as_str() {
            "failure" => format!(" {}", self.paint.with(RED, &code)),
            _ => String::new(),
        };
        let other = if told.is_tree { "" } else { " (elsewhere in the container)" };
        let time = format!("{seconds:+.3} s");
        format!(
            "  {time:>9}  {} {said}{failed}{}\n",
            self.paint.with(CYAN, &name),
            self.paint.with(DIM, other)
        )
    }

    /// What can be done next.
    fn onward(&self, ways: &Ways) -> String {
        let (short, id) = (&self.found.past.short, &self.found.past.rule_id);
        let Ways { alerts, explain, disable } = ways;
        format!(
            "  {}\n    runmon alerts except {short}{alerts} --owner WHO --reason WHY \
             --expires 90d\n  {}\n    runmon rules explain {id}{explain}\n  {}\n    runmon rules \
             disable {id}{disable} --for 1h\n",
            self.paint.with(DIM, "it is as it should be:"),
            self.paint.with(DIM, "what the rule looks for:"),
            self.paint.with(DIM, "too much of it right now:"),
        )
    }
}
