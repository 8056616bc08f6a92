//! What a later definition with `override:` does to an earlier one, part by part.

use crate::definition::{
    At, Exception, ListDefinition, MacroDefinition, Override, Parts, RuleDefinition,
};
use crate::diagnostic::{Code, Problem, Reports};
use crate::text::Text;

pub(super) fn list(
    earlier: &mut ListDefinition,
    later: ListDefinition,
    parts: Parts,
    reports: &mut Reports,
) {
    let mut merge = Merge::new(&later.name, parts, reports);
    merge.vec("items", &mut earlier.items, later.items);
}

pub(super) fn condition(
    earlier: &mut MacroDefinition,
    later: MacroDefinition,
    parts: Parts,
    reports: &mut Reports,
) {
    let mut merge = Merge::new(&later.name, parts, reports);
    merge.text("condition", &mut earlier.condition, later.condition);
}

pub(super) fn rule(
    earlier: &mut RuleDefinition,
    later: RuleDefinition,
    parts: Parts,
    reports: &mut Reports,
) {
    refuse_fixed(&later, reports);
    let mut merge = Merge::new(&later.name, parts, reports);
    merge.text("condition", &mut earlier.condition, later.condition);
    merge.text("output", &mut earlier.output, later.output);
    merge.join("desc", &mut earlier.desc, later.desc);
    merge.vec("tags", &mut earlier.tags, later.tags);
    merge.value("priority", &mut earlier.priority, later.priority);
    merge.value("enabled", &mut earlier.enabled, later.enabled);
    merge.value("source", &mut earlier.source, later.source);
    merge.value("mode", &mut earlier.mode, later.mode);
    merge.value("expected_rate", &mut earlier.expected_rate, later.expected_rate);
    merge.value("aggregate", &mut earlier.aggregate, later.aggregate);
    merge.exceptions(&mut earlier.exceptions, later.exceptions);
    let tests = (!later.tests.is_empty()).then_some(later.tests);
    let mut earlier_tests = Some(std::mem::take(&mut earlier.tests));
    merge.vec("tests", &mut earlier_tests, tests);
    earlier.tests = earlier_tests.unwrap_or_default();
}

/// Reports the parts of a rule that no override can change.
fn refuse_fixed(later: &RuleDefinition, reports: &mut Reports) {
    let fixed = [
        ("id", later.id.is_some()),
        ("version", later.version.is_some()),
        ("mitre", !later.mitre.is_empty()),
        ("references", !later.references.is_empty()),
        ("false_positives", !later.false_positives.is_empty()),
        ("triage", !later.triage.is_empty()),
        ("skip-if-unknown-filter", later.skip_unknown.is_some()),
    ];
    for (part, _) in fixed.iter().filter(|(_, given)| *given) {
        let message = format!("`{part}` cannot be overridden");
        let problem = Problem::new(Code::Shape, message)
            .help("define the whole rule again, without `override`");
        reports.push(later.name.place, problem);
    }
}

/// The parts of one override; each is used up by the method that merges it.
struct Merge<'r> {
    name: &'r At<String>,
    parts: Parts,
    reports: &'r mut Reports,
}

impl<'r> Merge<'r> {
    fn new(name: &'r At<String>, parts: Parts, reports: &'r mut Reports) -> Self {
        Self { name, parts, reports }
    }

    /// How to merge a part, and the part. Reports a part that is named but not given, and one that
    /// is given but not named.
    fn take<T>(&mut self, part: &str, later: Option<T>) -> Option<(Override, T)> {
        let named = self.parts.iter().position(|(name, ..)| name == part);
        let named = named.map(|at| self.parts.remove(at));
        match (named, later) {
            (Some((_, Override::AppendIfGiven, _)), later) => {
                later.map(|later| (Override::Append, later))
            }
            (Some((_, how, _)), Some(later)) => Some((how, later)),
            (Some((_, _, place)), None) => {
                let message = format!("`override` names `{part}`, but it is not given");
                self.reports.push(place, Problem::new(Code::Shape, message));
                None
            }
            (None, Some(_)) => {
                let message = format!("`{part}` is given, but `override` does not name it");
                let help = format!("add `{part}: replace` or `{part}: append`");
                let problem = Problem::new(Code::Shape, message).help(help);
                self.reports.push(self.name.place, problem);
                None
            }
            (None, None) => None,
        }
    }

    fn value<T>(&mut self, part: &str, earlier: &mut Option<T>, later: Option<T>) {
        if let Some((_, later)) = self.take(part, later) {
            *earlier = Some(later);
        }
    }

    fn text(&mut self, part: &str, earlier: &mut Option<Text>, later: Option<Text>) {
        match (self.take(part, later), earlier) {
            (Some((Override::Append, later)), Some(earlier)) => earlier.append(&later),
            (Some((_, later)), earlier) => *earlier = Some(later),
            (None, _) => {}
        }
    }

    fn join(&mut self, part: &str, earlier: &mut Option<At<String>>, later: Option<At<String>>) {
        match (self.take(part, later), earlier) {
            (Some((Override::Append, later)), Some(earlier)) => {
                earlier.value = format!("{} {}", earlier.value, later.value);
            }
            (Some((_, later)), earlier) => *earlier = Some(later),
            (None, _) => {}
        }
    }

    fn vec<T>(&mut self, part: &str, earlier: &mut Option<Vec<T>>, later: Option<Vec<T>>) {
        match (self.take(part, later), earlier) {
            (Some((Override::Append, later)), Some(earlier)) => earlier.extend(later),
            (Some((_, later)), earlier) => *earlier = Some(later),
            (None, _) => {}
        }
    }

    /// Exceptions are joined by name: rows are added to one that exists.
    fn exceptions(&mut self, earlier: &mut Option<Vec<Exception>>, later: Option<Vec<Exception>>) {
        let Some((how, later)) = self.take("exceptions", later) else { return };
        let all = earlier.get_or_insert_default();
        if how == Override::Replace {
            *all = later;
            return;
        }
        for exception in later {
            match all.iter_mut().find(|e| e.name.value == exception.name.value) {
                Some(known) => known.extend(exception),
                None => all.push(exception),
            }
        }
    }
}

impl Exception {
    fn extend(&mut self, later: Self) {
        if !later.fields.is_empty() {
            self.single = later.single;
            self.fields = later.fields;
            self.comps = later.comps;
        }
        self.rows.extend(later.rows);
        self.owner = later.owner.or(self.owner.take());
        self.reason = later.reason.or(self.reason.take());
        self.expires = later.expires.or(self.expires.take());
    }
}
