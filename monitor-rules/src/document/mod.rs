//! YAML tree to definitions: which objects and keys there are, and what their values may be.

mod event;
mod object;
mod rule;

use crate::definition::{At, ListDefinition, MacroDefinition, RuleDefinition};
use crate::diagnostic::{Code, Problem, Reports};
use crate::limits::{FILE_BYTES_MAX, FILES_MAX};
use crate::source::{Place, RuleFile};
use crate::yaml::{self, Content, Node};

pub(crate) use event::read_event;
use object::Object;

/// One object of a rule file.
#[derive(Clone, Debug)]
pub(crate) enum Definition {
    List(ListDefinition),
    Macro(MacroDefinition),
    Rule(Box<RuleDefinition>),
}

/// Reads all files, in order. Whatever is wrong is reported; the rest is returned.
pub(crate) fn read_files(files: &[RuleFile<'_>], reports: &mut Reports) -> Vec<Definition> {
    let mut found = Vec::new();
    for (i, file) in files.iter().enumerate() {
        read_file(i, file, reports, &mut found);
    }
    found
}

fn read_file(i: usize, file: &RuleFile<'_>, reports: &mut Reports, found: &mut Vec<Definition>) {
    let Some((text, top)) = text_of(file, reports) else { return };
    if i >= FILES_MAX {
        let message = format!("more than {FILES_MAX} rule files");
        return reports.push(top, Problem::new(Code::Limit, message));
    }
    for document in documents(text, top, reports) {
        read_document(document, text, reports, found);
    }
}

/// The text of a file and its beginning, or None after a report.
fn text_of<'f>(file: &RuleFile<'f>, reports: &mut Reports) -> Option<(&'f str, Place)> {
    let text = std::str::from_utf8(file.bytes);
    let is_large = file.bytes.len() > FILE_BYTES_MAX;
    let shown = if is_large { "" } else { text.unwrap_or_default() };
    let top = Place { source: reports.sources.add(file.name, shown), start: 0, end: 0 };
    let problem = match text {
        _ if is_large => {
            Problem::new(Code::Limit, format!("rule file is larger than {FILE_BYTES_MAX} bytes"))
        }
        Err(err) => {
            let message = format!("not UTF-8: byte {} is invalid", err.valid_up_to());
            Problem::new(Code::Yaml, message)
        }
        Ok(text) => return Some((text, top)),
    };
    reports.push(top, problem);
    None
}

/// The YAML documents of a text; what stopped the reading is reported.
fn documents(text: &str, top: Place, reports: &mut Reports) -> Vec<Node> {
    let (documents, failure) = yaml::read(text, top.source);
    if let Some((place, problem)) = failure {
        reports.push(place, problem);
    }
    documents
}

fn read_document(document: Node, text: &str, reports: &mut Reports, found: &mut Vec<Definition>) {
    match document.content {
        Content::Sequence(items) => {
            for item in items {
                found.extend(read_object(item, text, reports));
            }
        }
        // An empty file, or one of comments only, holds no rules.
        Content::Scalar(scalar) if scalar.value.is_empty() => {}
        Content::Scalar(_) | Content::Mapping(_) => {
            let problem = Problem::new(Code::Shape, "a rule file is a list of objects")
                .help("start each object with `- rule:`, `- macro:` or `- list:`");
            reports.push(document.place, problem);
        }
    }
}

/// The keys that say what an object is.
const OBJECTS: [&str; 5] =
    ["rule", "macro", "list", "required_engine_version", "required_plugin_versions"];

fn read_object(node: Node, text: &str, reports: &mut Reports) -> Option<Definition> {
    let place = node.place;
    let Content::Mapping(pairs) = node.content else {
        let message = format!("expected an object, found {}", node.what());
        reports.push(place, Problem::new(Code::Shape, message));
        return None;
    };
    let kind = OBJECTS.iter().find(|kind| pairs.iter().any(|(key, _)| key.name == **kind));
    let mut object = Object::new(pairs, place, text, reports);
    let definition = match kind {
        Some(&"rule") => Definition::Rule(Box::new(rule::read(&mut object)?)),
        Some(&"macro") => Definition::Macro(read_macro(&mut object)?),
        Some(&"list") => Definition::List(read_list(&mut object)?),
        Some(_) => {
            object.ignore(&["required_engine_version", "required_plugin_versions"]);
            object.finish();
            return None;
        }
        None => {
            object.unknown_object(&OBJECTS);
            return None;
        }
    };
    object.finish();
    Some(definition)
}

fn read_macro(object: &mut Object<'_>) -> Option<MacroDefinition> {
    let name = name(object, "macro")?;
    let condition = object.text("condition");
    let overrides = object.overrides(&["condition"], &[("condition", condition.is_some())])?;
    Some(MacroDefinition { name, condition, overrides })
}

fn read_list(object: &mut Object<'_>) -> Option<ListDefinition> {
    let name = name(object, "list")?;
    let items = object.strings("items");
    let file = object.string("file");
    if let (Some(_), Some(file)) = (&items, &file) {
        let problem = Problem::new(Code::Shape, "a list has `items` or a `file`, not both");
        object.report(file.place, problem.help("make two lists, and name one among the other's"));
        return None;
    }
    let overrides = object.overrides(&["items"], &[("items", items.is_some())])?;
    Some(ListDefinition { name, items, file, overrides })
}

/// The name of an object; an empty one is no name.
fn name(object: &mut Object<'_>, key: &'static str) -> Option<At<String>> {
    let name = object.string(key)?;
    if name.value.trim().is_empty() {
        object.report(name.place, Problem::new(Code::Shape, format!("the {key} has no name")));
        return None;
    }
    Some(name)
}
