//! What a later definition with `override:` does to an earlier one, part by part.

use crate::definition::{
    At, Exception, ListDefinition, MacroDefinition, Override, Overrides, RuleDefinition,
};
use crate::diagnostic::{Code, Problem, Reports};
use crate::text::Text;

pub(super) fn list(earlier: &mut ListDefinition, later: ListDefinition, reports: &mut Reports) {
    let mut parts = Parts::new(&later.name, later.overrides, reports);
    parts.vec("items", &mut earlier.items, later.items);
    parts.finish();
}

pub(super) fn condition(
    earlier: &mut MacroDefinition,
    later: MacroDefinition,
    reports: &mut Reports,
) {
    let mut parts = Parts::new(&later.name, later.overrides, reports);
    parts.text("condition", &mut earlier.condition, later.condition);
    parts.finish();
}

pub(super) fn rule(earlier: &mut RuleDefinition, later: RuleDefinition, reports: &mut Reports) {
    let mut parts = Parts::new(&later.name, later.overrides, reports);
    parts.text("condition", &mut earlier.condition, later.condition);
    parts.text("output", &mut earlier.output, later.output);
    parts.join("desc", &mut earlier.desc, later.desc);
    parts.vec("tags", &mut earlier.tags, later.tags);
    parts.value("priority", &mut earlier.priority, later.priority);
    parts.value("enabled", &mut earlier.enabled, later.enabled);
    parts.value("source", &mut earlier.source, later.source);
    parts.exceptions(&mut earlier.exceptions, later.exceptions);
    let tests = (!later.tests.is_empty()).then_some(later.tests);
    let mut earlier_tests = Some(std::mem::take(&mut earlier.tests));
    parts.vec("tests", &mut earlier_tests, tests);
    earlier.tests = earlier_tests.unwrap_or_default();
    parts.finish();
}

/// The parts of one override; each is used up by the method that merges it.
struct Parts<'r> {
    name: &'r At<String>,
    overrides: Overrides,
    reports: &'r mut Reports,
}

impl<'r> Parts<'r> {
    fn new(name: &'r At<String>, overrides: Overrides, reports: &'r mut Reports) -> Self {
        Self { name, overrides, reports }
    }

    /// How to merge a part, and the part. Reports a part that is named but not given, and one that
    /// is given but not named.
    fn take<T>(&mut self, part: &str, later: Option<T>) -> Option<(Override, T)> {
        let named = self.overrides.iter().position(|(name, ..)| name == part);
        let named = named.map(|at| self.overrides.remove(at));
        match (named, later) {
            (Some((_, how, _)), Some(later)) => Some((how, later)),
            (Some((_, how, place)), None) => {
                // `append: true` stands for every part that could be there.
                if how == Override::Replace || self.name.place.source != place.source {
                    self.not_given(part, place);
                }
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

    fn not_given(&mut self, part: &str, place: crate::source::Place) {
        let message = format!("`override` names `{part}`, but it is not given");
        self.reports.push(place, Problem::new(Code::Shape, message));
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

    fn finish(self) {
        for (part, how, place) in self.overrides {
            if how == Override::Replace {
                let message = format!("`override` names `{part}`, but it is not given");
                self.reports.push(place, Problem::new(Code::Shape, message));
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
    }
}
