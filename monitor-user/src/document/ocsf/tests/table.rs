//! Checks documents against the table of the published schema.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Map, Value};

use crate::document::text::rfc3339;

/// The classes and objects that documents use.
const TABLE: &str = include_str!("../../../../testdata/ocsf_schema.txt");

/// Texts of which it is known that nothing stands in them.
const MAY_BE_EMPTY: [&str; 2] = ["environment_variables.value", "answers.rdata"];

/// What the table says.
#[derive(Default)]
pub(super) struct Table {
    classes: BTreeMap<u64, Class>,
    objects: BTreeMap<String, Sort>,
}

#[derive(Default)]
struct Class {
    category: String,
    name: String,
    sort: Sort,
}

/// The attributes of a class or an object.
#[derive(Clone, Default)]
struct Sort {
    one_of: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone)]
struct Attribute {
    kind: String,
    is_list: bool,
    is_required: bool,
    profile: Option<String>,
    /// The member that says it in words, and which words there are.
    words: Option<(String, BTreeMap<i64, String>)>,
}

impl Table {
    pub(super) fn read() -> Self {
        let mut table = Self::default();
        for block in TABLE.split("\n\n").skip(1) {
            let (head, rest) = block.split_once('\n').unwrap_or((block, ""));
            let sort = Sort::read(rest);
            if let Some(class) = head.strip_prefix("class ") {
                let (uid, names) = class.split_once(' ').unwrap();
                let (category, name) = names.split_once(" | ").unwrap();
                let (category, name) = (category.to_owned(), name.to_owned());
                table.classes.insert(uid.parse().unwrap(), Class { category, name, sort });
            } else if let Some(name) = head.strip_prefix("object ") {
                table.objects.insert(name.to_owned(), sort);
            }
        }
        let base = table.classes[&0].sort.attributes.clone();
        for class in table.classes.values_mut() {
            for (name, attribute) in &base {
                let own = class.sort.attributes.entry(name.clone());
                own.or_insert_with(|| attribute.clone());
            }
        }
        table
    }

    /// What is wrong with a document.
    pub(super) fn check(&self, document: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        let number = |name: &str| document[name].as_u64().unwrap_or(u64::MAX);
        let Some(class) = self.classes.get(&number("class_uid")) else {
            return vec!["class_uid: no such class".to_owned()];
        };
        let profiles = &document["metadata"]["profiles"];
        let profiles = profiles.as_array().map_or(&[][..], Vec::as_slice);
        let profiles: Vec<&str> = profiles.iter().filter_map(Value::as_str).collect();
        let mut check = Check { table: self, profiles, wrong: &mut wrong };
        check.members(document.as_object().unwrap(), &class.sort, "");
        let (class_uid, activity) = (number("class_uid"), number("activity_id"));
        let said = format!("{}: {}", class.name, document["activity_name"].as_str().unwrap());
        for (name, expected) in [
            ("category_uid", Value::from(class_uid / 1000)),
            ("category_name", Value::from(&*class.category)),
            ("class_name", Value::from(&*class.name)),
            ("type_uid", Value::from(class_uid * 100 + activity)),
            ("type_name", Value::from(said)),
        ] {
            if document[name] != expected {
                wrong.push(format!("{name}: {} is not {expected}", document[name]));
            }
        }
        wrong
    }
}

impl Sort {
    fn read(text: &str) -> Self {
        let mut sort = Self::default();
        for line in text.lines() {
            let line = line.trim_start();
            if let Some(names) = line.strip_prefix("one of ") {
                sort.one_of = names.split(' ').map(str::to_owned).collect();
                continue;
            }
            let (name, rest) = line.split_once(' ').unwrap();
            sort.attributes.insert(name.to_owned(), Attribute::read(rest));
        }
        sort
    }
}

impl Attribute {
    fn read(text: &str) -> Self {
        let (text, values) = text.split_once(" : ").unwrap_or((text, ""));
        let mut words = text.split(' ');
        let kind = words.next().unwrap();
        let mut attribute = Self {
            kind: kind.trim_end_matches("[]").to_owned(),
            is_list: kind.ends_with("[]"),
            is_required: false,
            profile: None,
            words: None,
        };
        for word in words {
            match word.split_once('=') {
                Some(("profile", name)) => attribute.profile = Some(name.to_owned()),
                // Of some numbers no member says it in words.
                Some(("words", member)) => {
                    let value = |value: &str| {
                        let (value, word) = value.split_once('=').unwrap();
                        (value.parse().unwrap(), word.to_owned())
                    };
                    let all = values.split('|').map(value).collect();
                    attribute.words = Some((member.to_owned(), all));
                }
                _ => attribute.is_required = word == "required",
            }
        }
        attribute
    }
}

struct Check<'c> {
    table: &'c Table,
    profiles: Vec<&'c str>,
    wrong: &'c mut Vec<String>,
}

impl Check<'_> {
    fn members(&mut self, members: &Map<String, Value>, sort: &Sort, at: &str) {
        let dot = if at.is_empty() { "" } else { "." };
        for (name, value) in members {
            let at = format!("{at}{dot}{name}");
            let second = name.strip_suffix("_dt").and_then(|name| sort.attributes.get(name));
            if second.is_some_and(|it| it.kind == "timestamp_t")
                && self.profiles.contains(&"datetime")
            {
                self.value(value, "datetime_t", &at);
                continue;
            }
            match sort.attributes.get(name).filter(|it| self.is_on(it)) {
                Some(attribute) => self.attribute(value, attribute, members, &at),
                None => self.wrong.push(format!("{at}: no such attribute")),
            }
        }
        for (name, attribute) in &sort.attributes {
            if attribute.is_required && self.is_on(attribute) && !members.contains_key(name) {
                self.wrong.push(format!("{at}{dot}{name}: it is required"));
            }
        }
        if !sort.one_of.is_empty() && !sort.one_of.iter().any(|name| members.contains_key(name)) {
            self.wrong.push(format!("{at}: none of {}", sort.one_of.join(", ")));
        }
    }

    fn is_on(&self, attribute: &Attribute) -> bool {
        attribute.profile.as_ref().is_none_or(|profile| self.profiles.contains(&&**profile))
    }

    fn attribute(
        &mut self,
        value: &Value,
        attribute: &Attribute,
        beside: &Map<String, Value>,
        at: &str,
    ) {
        let items = match value {
            Value::Array(items) if attribute.is_list => items.as_slice(),
            _ if attribute.is_list => return self.wrong.push(format!("{at}: it is no list")),
            value => std::slice::from_ref(value),
        };
        for (index, item) in items.iter().enumerate() {
            self.value(item, &attribute.kind, at);
            let Some((member, words)) = &attribute.words else { continue };
            let Some(word) = item.as_i64().and_then(|item| words.get(&item)) else {
                self.wrong.push(format!("{at}: {item} is none of its values"));
                continue;
            };
            if member.is_empty() {
                continue;
            }
            let said = beside.get(member);
            let said = if attribute.is_list { said.and_then(|it| it.get(index)) } else { said };
            match said {
                // Of what the schema has no number for the words are the sender's own.
                Some(_) if *item == 99 => {}
                None if *item != 99 => {}
                Some(said) if said == word => {}
                _ => self.wrong.push(format!("{at}: {item} is {word}, not {said:?}")),
            }
        }
    }

    fn value(&mut self, value: &Value, kind: &str, at: &str) {
        let is_right = match kind {
            "json_t" | "object" => !value.is_null(),
            "float_t" => value.is_number(),
            "boolean_t" => value.is_boolean(),
            "integer_t" => value.as_i64().is_some_and(|it| it.abs() < 1 << 53),
            "long_t" => value.is_i64() || value.is_u64(),
            // Milliseconds, of a year with four digits.
            "timestamp_t" => {
                value.as_i64().is_some_and(|it| (0..253_402_300_800_000).contains(&it))
            }
            "port_t" => value.as_u64().is_some_and(|it| it <= 0xffff),
            "ip_t" => value.as_str().is_some_and(|it| it.parse::<IpAddr>().is_ok()),
            "datetime_t" => value.as_str().is_some_and(|it| it.len() == rfc3339(0).len()),
            "uuid_t" => {
                let digits = |it: &str| it.bytes().filter(u8::is_ascii_hexdigit).count();
                value.as_str().is_some_and(|it| it.len() == 36 && digits(it) == 32)
            }
            // A variable, or what a name server said, may be nothing.
            "string_t" if MAY_BE_EMPTY.iter().any(|end| at.ends_with(end)) => value.is_string(),
            text if text.ends_with("_t") => value.as_str().is_some_and(|it| !it.is_empty()),
            object => match (value.as_object(), self.table.objects.get(object)) {
                (Some(members), Some(sort)) => {
                    self.members(members, &sort.clone(), at);
                    true
                }
                _ => false,
            },
        };
        if !is_right {
            self.wrong.push(format!("{at}: {value} is no {kind}"));
        }
    }
}
