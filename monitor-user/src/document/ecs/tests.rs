//! Documents against the published list of fields.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Value, json};

use crate::document::{
    Schema,
    members::set,
    tests::{corpus, sender},
};

/// The fields of the schema that we write, and those of ours that stand among them.
const FIELDS: &str = include_str!("../../../testdata/ecs_fields.txt");

/// What is known of a field.
struct Field<'t> {
    sort: &'t str,
    is_list: bool,
    /// The values that it may have; all if there are none.
    values: Vec<&'t str>,
}

fn known() -> BTreeMap<&'static str, Field<'static>> {
    let lines = FIELDS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let field = |line: &'static str| {
        let (line, values) = line.split_once(" : ").unwrap_or((line, ""));
        let (name, sort) = line.trim_start_matches("+ ").split_once(' ').unwrap();
        let values = values.split('|').filter(|value| !value.is_empty()).collect();
        let is_list = sort.ends_with("[]");
        (name, Field { sort: sort.trim_end_matches("[]"), is_list, values })
    };
    lines.map(field).collect()
}

/// All values of a document by the names of their members, joined by dots, with whether they stand
/// in a list; members of lists count as the list's.
fn values<'v>(
    value: &'v Value,
    at: &str,
    in_list: bool,
    found: &mut Vec<(String, bool, &'v Value)>,
) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let dot = if at.is_empty() { "" } else { "." };
                values(value, &format!("{at}{dot}{name}"), false, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, at, true, found)),
        Value::Null => {}
        value => found.push((at.to_owned(), in_list, value)),
    }
}

impl Field<'_> {
    fn holds(&self, value: &Value, in_list: bool) -> bool {
        let text = value.as_str();
        let is_right = match self.sort {
            "keyword" | "wildcard" | "match_only_text" => text.is_some(),
            "ip" => text.is_some_and(|text| text.parse::<IpAddr>().is_ok()),
            "date" => text.is_some_and(|text| text.len() == 30 && text.ends_with('Z')),
            "float" => value.is_number(),
            "boolean" => value.is_boolean(),
            "long" => value.is_i64() || value.is_u64(),
            _ => false,
        };
        let is_among = self.values.is_empty() || text.is_some_and(|it| self.values.contains(&it));
        is_right && is_among && (in_list || !self.is_list)
    }
}

/// What is wrong with a document; the fields that it has are counted.
fn check<'t>(
    document: &Value,
    known: &BTreeMap<&'t str, Field<'t>>,
    seen: &mut BTreeMap<&'t str, usize>,
) -> Vec<String> {
    let mut found = Vec::new();
    values(document, "", false, &mut found);
    found.retain(|(name, ..)| !name.starts_with("runmon."));
    let mut wrong = Vec::new();
    for (name, in_list, value) in found {
        match known.get_key_value(&*name) {
            Some((name, field)) if field.holds(value, in_list) => {
                *seen.entry(name).or_default() += 1;
            }
            _ => wrong.push(format!("{name}: {value}")),
        }
    }
    wrong
}

/// Every field is the schema's, of its type, is below `runmon.`, or is listed as one of ours.
#[test]
fn fields_are_those_of_the_schema() {
    let known = known();
    let (mut wrong, mut seen) = (Vec::new(), BTreeMap::new());
    for document in corpus() {
        let line = Schema::Ecs.write(&document, &sender()).remove(0);
        wrong.extend(check(&serde_json::from_slice(&line).unwrap(), &known, &mut seen));
    }
    wrong.sort_unstable();
    wrong.dedup();
    assert!(wrong.is_empty(), "not so in ecs_fields.txt: {wrong:#?}");
    let unused: Vec<_> = known.keys().filter(|name| !seen.contains_key(*name)).collect();
    assert!(unused.is_empty(), "in ecs_fields.txt, and never written: {unused:?}");
}

#[test]
fn the_check_can_fail() {
    let known = known();
    let whole = Schema::Ecs.write(&corpus()[0], &sender()).remove(0);
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(check(&whole, &known, &mut BTreeMap::new()), Vec::<String>::new());
    for (path, to) in [
        (&["process", "exe"][..], json!("a")),
        (&["process", "pid"], json!("1")),
        (&["process", "name"], json!(1)),
        (&["source", "ip"], json!("localhost")),
        (&["@timestamp"], json!("yesterday")),
        (&["event", "kind"], json!("alarm")),
        (&["event", "category"], json!("process")),
        (&["event", "type"], json!(["begin"])),
    ] {
        let mut value = whole.clone();
        set(&mut value, path, to);
        assert_eq!(check(&value, &known, &mut BTreeMap::new()).len(), 1, "{path:?}");
    }
}
