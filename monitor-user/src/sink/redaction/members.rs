//! The members of a document that are told, and what of their texts.

use serde_json::{Map, Value};

use super::{
    Redaction, matches,
    protected::{Own, Protected, is_in, is_time},
};

/// What is known of a document while its members are looked at.
pub(super) struct Members<'a> {
    pub(super) redaction: &'a Redaction,
    pub(super) protected: &'static Protected,
    pub(super) own: Option<Own>,
}

impl Members<'_> {
    /// Those that are told, of an object that is at a path.
    pub(super) fn told(&self, members: Map<String, Value>, at: &str) -> Map<String, Value> {
        let mut told = Map::new();
        for (name, value) in members {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            let value = match value {
                // Something below it may be needed, or named.
                Value::Object(below) if !self.is_told(&path) => {
                    let below = self.told(below, &path);
                    if below.is_empty() {
                        continue;
                    }
                    Value::Object(below)
                }
                _ if !self.is_told(&path) => continue,
                value => self.value(value, &path),
            };
            told.insert(name, value);
        }
        told
    }

    fn is_told(&self, path: &str) -> bool {
        let Redaction { left_out, only, .. } = self.redaction;
        let is_in_one = |members: &[String]| members.iter().any(|member| is_in(path, member));
        let is_only = only.is_empty() || self.own.is_some() || is_in_one(only);
        self.protected.is_needed(path, self.own) || is_only && !is_in_one(left_out)
    }

    fn value(&self, value: Value, at: &str) -> Value {
        match value {
            Value::Object(members) => Value::Object(self.told(members, at)),
            untouched if self.protected.is_untouched(at, self.own) => untouched,
            Value::String(text) if !is_time(&text) => {
                Value::String(matches::hide(&self.redaction.patterns, &text).unwrap_or(text))
            }
            Value::Array(items) => self.items(items, at),
            plain => plain,
        }
    }

    /// What stands in several texts, such as arguments, may be found only where they are together.
    fn items(&self, items: Vec<Value>, at: &str) -> Value {
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        match texts {
            Some(texts) => {
                let mut texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
                matches::hide_in_list(&self.redaction.patterns, &mut texts);
                Value::from(texts)
            }
            None => items.into_iter().map(|item| self.value(item, at)).collect(),
        }
    }
}
