//! Lists whose values stand in a file of their own: addresses, hashes or names, one a line.

use crate::definition::{At, ListDefinition};
use crate::diagnostic::{Code, Problem, Reports};
use crate::document::Definition;
use crate::limits::{INDICATOR_BYTES_MAX, LIST_ITEMS_MAX};
use crate::source::Place;

/// Reads a file of values: the name of the rule file, the path as written there; the text, or why
/// it cannot be read. Who loads rules says what a path is relative to.
pub type ReadValues<'a> = &'a dyn Fn(&str, &str) -> Result<String, String>;

/// Puts the values into the lists that name a file.
pub(crate) fn fill(definitions: &mut [Definition], read: ReadValues<'_>, reports: &mut Reports) {
    for definition in definitions {
        if let Definition::List(list) = definition
            && let Some(path) = list.file.take()
        {
            list.items = Some(values(list, &path, read, reports));
        }
    }
}

/// The values of one list; an empty one after a report.
fn values(
    list: &ListDefinition,
    path: &At<String>,
    read: ReadValues<'_>,
    reports: &mut Reports,
) -> Vec<At<String>> {
    let of = reports.sources.get(path.place.source).map(|source| source.name.to_string());
    let refused = |message: String| Problem::new(Code::ValuesFile, message);
    let text = match read(&of.unwrap_or_default(), &path.value) {
        Ok(text) if text.len() <= INDICATOR_BYTES_MAX => text,
        Ok(_) => {
            let message = format!("{} is larger than {INDICATOR_BYTES_MAX} bytes", path.value);
            reports.push(path.place, refused(message));
            return Vec::new();
        }
        Err(why) => {
            let message = format!("cannot read {}: {why}", path.value);
            reports.push(path.place, refused(message));
            return Vec::new();
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let source = reports.sources.add(&path.value, text);
    let mut values = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let value = without_comment(line).trim();
        if !value.is_empty() {
            let at = start + line.find(value).unwrap_or(0);
            let ends = (u32::try_from(at), u32::try_from(at + value.len()));
            let (Ok(start), Ok(end)) = ends else { break };
            values.push(At { value: value.to_owned(), place: Place { source, start, end } });
        }
        if values.len() > LIST_ITEMS_MAX {
            let message = format!("{} has more than {LIST_ITEMS_MAX} values", path.value);
            reports.push(list.name.place, Problem::new(Code::Limit, message));
            return Vec::new();
        }
        start += line.len() + 1;
    }
    values
}

/// A comment begins at the start of a line or behind a blank: values have `#` in them, too.
fn without_comment(line: &str) -> &str {
    let starts = |at: usize| {
        line.get(..at)
            .is_none_or(|before| before.is_empty() || before.ends_with(char::is_whitespace))
    };
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| starts(*at));
    comment.and_then(|at| line.get(..at)).unwrap_or(line)
}
