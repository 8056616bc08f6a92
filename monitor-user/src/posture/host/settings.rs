//! What a daemon was told: its command line, and its file, of which only what is asked for is kept.

use std::collections::BTreeMap;

use serde_json::Value;

/// The words of a command line, without its program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments(pub Vec<String>);

impl Arguments {
    /// From `/proc/PID/cmdline`.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let words = bytes.split(|byte| *byte == 0).skip(1).filter(|word| !word.is_empty());
        Self(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    /// What an option was given: each time that it is there.
    pub(super) fn all<'a, 'n>(
        &'a self,
        names: &'n [&'n str],
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().enumerate().filter_map(|(at, word)| {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word.as_str(), None),
            };
            if !names.contains(&name) {
                return None;
            }
            // One without a value is a switch that is on, unless its value is the next word.
            let next = || self.0.get(at + 1).map(String::as_str).filter(|it| !it.starts_with('-'));
            Some(value.or_else(next).unwrap_or("true"))
        })
    }

    /// The same, as it counts: the last time.
    pub(super) fn last<'a>(&'a self, names: &[&str]) -> Option<&'a str> {
        self.all(names).last()
    }

    /// Whether a switch is on; None where it is not there. A word behind it is not its own.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.0.iter().rev().find_map(|word| match word.strip_prefix(name)? {
            "" => Some(true),
            rest => Some(rest.strip_prefix('=')? != "false"),
        })
    }
}

/// Some of the settings of a file, as text: the items of a list with commas between them, and of
/// what has names in it these names.
pub(super) type Settings = BTreeMap<String, String>;

/// Those of these names that are there; dots lead into what has names in it.
pub(super) fn chosen(value: &Value, names: &[&str]) -> Settings {
    let of = |name: &&str| {
        let found = name.split('.').try_fold(value, |value, part| value.get(part))?;
        Some(((*name).to_owned(), text(found)?))
    };
    names.iter().filter_map(of).collect()
}

fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(all) => all.iter().filter_map(text).collect::<Vec<_>>().join(","),
        Value::Object(all) => all.keys().cloned().collect::<Vec<_>>().join(","),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_found_in_each_of_their_forms() {
        let line = b"/usr/bin/dockerd\0-H\0unix:///a\0--icc=false\0-H=tcp://:1\0--tlsverify\0-D\0";
        let arguments = Arguments::parse(line);
        let hosts: Vec<&str> = arguments.all(&["-H", "--host"]).collect();
        assert_eq!(hosts, ["unix:///a", "tcp://:1"]);
        assert_eq!(arguments.last(&["--icc"]), Some("false"));
        assert_eq!(arguments.last(&["--tlscert"]), None);
        let switches = ["--icc", "--tlsverify", "-D", "--tls"].map(|it| arguments.switch(it));
        assert_eq!(switches, [Some(false), Some(true), Some(true), None]);
        assert_eq!(Arguments::parse(b""), Arguments::default());
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let value = json!({"a": {"b": true}, "list": ["x", "y"], "in": {"k": 1}, "token": "t"});
        let kept = chosen(&value, &["a.b", "list", "in", "none", "list.x"]);
        let kept: Vec<(&str, &str)> = kept.iter().map(|(name, it)| (&**name, &**it)).collect();
        assert_eq!(kept, [("a.b", "true"), ("in", "k"), ("list", "x,y")]);
    }
}
