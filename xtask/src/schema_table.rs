//! `cargo xtask schema-table DIR`: makes the table that documents are validated against of the
//! files of a release of the Open Cybersecurity Schema Framework.
//!
//! Of the release's classes and objects those that documents use are taken, with the attributes of
//! the profiles that they name; what is deprecated is left out, so that a document that has it is
//! wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use crate::workspace::Workspace;

/// Where the table goes.
const TABLE: &str = "monitor-user/testdata/ocsf_schema.txt";

/// The classes that documents are of, by file. The others have what the first one has.
const CLASSES: &[&str] = &[
    "base_event",
    "system/file_activity",
    "system/kernel_extension_activity",
    "system/kernel_activity",
    "system/memory_activity",
    "system/module_activity",
    "system/process_activity",
    "findings/compliance_finding",
    "findings/detection_finding",
    "network/network_activity",
    "network/dns_activity",
];

/// The objects that stand in documents.
const OBJECTS: &[&str] = &[
    "actor",
    "analytic",
    "attack",
    "compliance",
    "container",
    "device",
    "dns_answer",
    "dns_query",
    "environment_variable",
    "evidences",
    "extension",
    "file",
    "fingerprint",
    "finding_info",
    "group",
    "image",
    "kernel",
    "kernel_driver",
    "key_value_object",
    "metadata",
    "module",
    "network_connection_info",
    "network_endpoint",
    "os",
    "process",
    "process_entity",
    "product",
    "remediation",
    "resource_details",
    "session",
    "sub_technique",
    "tactic",
    "technique",
    "user",
];

/// The profiles that documents name. `datetime` has no attributes of its own: it gives each time a
/// second form.
const PROFILES: &[&str] = &["container", "host", "linux/linux_users"];

const HEAD: &str = "\
# The classes and objects of the Open Cybersecurity Schema Framework that our documents use.
#
# Made by `cargo xtask schema-table DIR` of the files of a release (github.com/ocsf/ocsf-schema,
# Apache License 2.0, Copyright OCSF contributors). Only names, types, requirements and the captions
# of enumerations are taken. Not edited by hand.
#
# A class has its number, its category's and its own caption, and all that the first class has; both
# classes and objects may have members of which at least one must be there. An attribute has its
# type, `[]` if it is a list, whether it is required, the profile that it comes with, and of a
# number the member that says it in words and the values that it may have.
";

type Attributes = BTreeMap<String, Map<String, Value>>;

/// A class or an object, with all that it inherits.
#[derive(Clone, Default)]
struct Sort {
    attributes: Attributes,
    about: Map<String, Value>,
}

struct Schema<'d> {
    directory: &'d Path,
    dictionary: Value,
}

/// Writes the table.
pub(crate) fn run(workspace: &Workspace, directory: &Path) -> Result<()> {
    let schema = Schema { directory, dictionary: read(&directory.join("dictionary.json"))? };
    let version = read(&directory.join("version.json"))?;
    let categories = read(&directory.join("categories.json"))?;
    let mut table = format!("{HEAD}\nversion {}\n", text(&version, "/version"));
    let base = schema.load("events", "base_event")?;
    for path in CLASSES {
        let class = schema.load("events", path)?;
        let of = |pointer: &str| text(&Value::Object(class.about.clone()), pointer).to_owned();
        let category = of("/category");
        let at = |member: &str| format!("/attributes/{category}/{member}");
        let uid = categories.pointer(&at("uid")).and_then(Value::as_u64).unwrap_or_default();
        let own = class.about.get("uid").and_then(Value::as_u64).unwrap_or_default();
        let of_category = match text(&categories, &at("caption")) {
            "" => "Uncategorized",
            caption => caption,
        };
        writeln!(table, "\nclass {} {of_category} | {}", uid * 1000 + own, of("/caption"))?;
        let inherited = if *path == "base_event" { None } else { Some(&base) };
        schema.write(&class, inherited, &mut table)?;
    }
    for name in OBJECTS {
        writeln!(table, "\nobject {name}")?;
        schema.write(&schema.load("objects", name)?, None, &mut table)?;
    }
    fs::write(workspace.root.join(TABLE), table).with_context(|| format!("cannot write {TABLE}"))
}

impl Schema<'_> {
    /// A class or an object, with what it inherits and what the Linux extension adds.
    fn load(&self, folder: &str, path: &str) -> Result<Sort> {
        let file = self.find(folder, path)?;
        let mut sort = match file.get("extends").and_then(Value::as_str) {
            Some(parent) if folder == "events" => self.load(folder, &self.place(parent))?,
            Some(parent) => self.load(folder, parent)?,
            None => Sort::default(),
        };
        self.add(&mut sort, &file, self.directory, "")?;
        let extension = self.directory.join("extensions/linux");
        let patch = extension.join(folder).join(format!("{path}.json"));
        if patch.exists() {
            self.add(&mut sort, &read(&patch)?, &extension, "linux/")?;
        }
        Ok(sort)
    }

    fn find(&self, folder: &str, path: &str) -> Result<Value> {
        read(&self.directory.join(folder).join(format!("{path}.json")))
    }

    /// The file of a class that others extend: it names the folder of its category.
    fn place(&self, name: &str) -> String {
        let folders = [name.to_owned(), format!("{name}s")];
        let paths = folders.iter().map(|folder| format!("{folder}/{name}"));
        let is_there = |path: &String| self.directory.join(format!("events/{path}.json")).exists();
        paths.into_iter().find(is_there).unwrap_or_else(|| name.to_owned())
    }

    /// Adds what a file says to what was inherited.
    fn add(&self, sort: &mut Sort, file: &Value, root: &Path, prefix: &str) -> Result<()> {
        for (name, value) in file.as_object().into_iter().flatten() {
            // The name of a file that only adds is that of what it adds to.
            if name != "attributes" && (prefix.is_empty() || name == "constraints") {
                sort.about.insert(name.clone(), value.clone());
            }
        }
        let attributes = file.get("attributes").and_then(Value::as_object);
        for included in attributes.and_then(|all| all.get("$include")).into_iter().flat_map(list) {
            let profile = read(&root.join(included))?;
            let name = format!("{prefix}{}", text(&profile, "/name"));
            for (attribute, value) in members(&profile) {
                let attribute = sort.attributes.entry(attribute.clone()).or_default();
                merge(attribute, value);
                attribute.insert("profile".to_owned(), Value::String(name.clone()));
            }
        }
        for (name, value) in members(file) {
            merge(sort.attributes.entry(name.clone()).or_default(), value);
        }
        Ok(())
    }

    fn write(&self, sort: &Sort, inherited: Option<&Sort>, table: &mut String) -> Result<()> {
        let constraints = sort.about.get("constraints").and_then(|all| all.get("at_least_one"));
        if let Some(names) = constraints {
            writeln!(table, "  one of {}", list(names).collect::<Vec<_>>().join(" "))?;
        }
        for (name, attribute) in &sort.attributes {
            let inherited = inherited.and_then(|inherited| inherited.attributes.get(name));
            if let Some(line) = self.line(name, attribute)
                && inherited.and_then(|inherited| self.line(name, inherited)).as_ref()
                    != Some(&line)
            {
                writeln!(table, "  {line}")?;
            }
        }
        Ok(())
    }

    /// An attribute; None if documents may not have it.
    fn line(&self, name: &str, own: &Map<String, Value>) -> Option<String> {
        let known = self.dictionary.pointer(&format!("/attributes/{name}"))?.as_object()?;
        let mut attribute = known.clone();
        merge(&mut attribute, &Value::Object(own.clone()));
        let attribute = Value::Object(attribute);
        let profile = text(&attribute, "/profile");
        let is_foreign = !profile.is_empty() && !PROFILES.contains(&profile);
        if is_foreign || attribute.get("@deprecated").is_some() {
            return None;
        }
        let is_list = attribute.get("is_array") == Some(&Value::Bool(true));
        let mut line = format!("{name} {}", text(&attribute, "/type"));
        if is_list {
            line += "[]";
        }
        if text(&attribute, "/requirement") == "required" {
            line += " required";
        }
        if !profile.is_empty() {
            line += &format!(" profile={profile}");
        }
        let values = attribute.get("enum").and_then(Value::as_object);
        // What the class is says which numbers those may be.
        if let Some(values) = values.filter(|_| !["category_uid", "class_uid"].contains(&name)) {
            let mut values: Vec<(i64, &str)> = values
                .iter()
                .map(|(value, about)| (value.parse().unwrap_or(-1), text(about, "/caption")))
                .collect();
            values.sort_unstable();
            let values: Vec<_> =
                values.iter().map(|(value, what)| format!("{value}={what}")).collect();
            line += &format!(" words={} : {}", text(&attribute, "/sibling"), values.join("|"));
        }
        Some(line)
    }
}

fn read(path: &Path) -> Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A text, or a list of texts.
fn list(value: &Value) -> impl Iterator<Item = &str> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(Value::as_str)
}

/// The attributes that a file declares itself.
fn members(file: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let attributes = file.get("attributes").and_then(Value::as_object);
    attributes.into_iter().flatten().filter(|(name, _)| *name != "$include")
}

/// Puts what is said later over what was said before, member by member.
fn merge(before: &mut Map<String, Value>, later: &Value) {
    for (name, value) in later.as_object().into_iter().flatten() {
        match before.get_mut(name) {
            Some(Value::Object(inner)) if value.is_object() => merge(inner, value),
            _ => {
                before.insert(name.clone(), value.clone());
            }
        }
    }
}
