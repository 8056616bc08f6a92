//! A YAML mapping of which the keys are taken one by one; what nobody took is an unknown key.

use crate::definition::{At, Override, Overrides, Parts};
use crate::diagnostic::{Code, Problem, Reports};
use crate::source::Place;
use crate::suggest::did_you_mean;
use crate::text::Text;
use crate::yaml::{Content, Key, Node};

pub(super) struct Object<'a> {
    pairs: Vec<(Key, Node)>,
    place: Place,
    text: &'a str,
    reports: &'a mut Reports,
    asked: Vec<&'static str>,
}

impl<'a> Object<'a> {
    pub(super) fn new(
        pairs: Vec<(Key, Node)>,
        place: Place,
        text: &'a str,
        reports: &'a mut Reports,
    ) -> Self {
        Self { pairs, place, text, reports, asked: Vec::new() }
    }

    pub(super) fn report(&mut self, place: Place, problem: Problem) {
        self.reports.push(place, problem);
    }

    pub(super) fn line(&self, place: Place) -> usize {
        self.reports.sources.line(place)
    }

    pub(super) fn line_column(&self, place: Place) -> (usize, usize) {
        self.reports.sources.line_column(place)
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Takes the value of a key, with the place of the key.
    pub(super) fn take(&mut self, key: &'static str) -> Option<(Place, Node)> {
        self.asked.push(key);
        let at = self.pairs.iter().position(|(k, _)| k.name == key)?;
        let (key, node) = self.pairs.remove(at);
        Some((key.place, node))
    }

    /// Takes all pairs that are left.
    pub(super) fn take_all(&mut self) -> Vec<(Key, Node)> {
        std::mem::take(&mut self.pairs)
    }

    /// A mapping within this one.
    pub(super) fn nested(&mut self, pairs: Vec<(Key, Node)>, place: Place) -> Object<'_> {
        Object::new(pairs, place, self.text, self.reports)
    }

    /// Accepts keys that say nothing to us.
    pub(super) fn ignore(&mut self, keys: &[&'static str]) {
        for key in keys {
            drop(self.take(key));
        }
    }

    /// Accepts keys whose absence of effect the author should know.
    pub(super) fn without_effect(&mut self, keys: &[&'static str]) {
        for key in keys {
            if let Some((place, _)) = self.take(key) {
                let message = format!("`{key}` has no effect here");
                self.report(place, Problem::new(Code::NoEffect, message));
            }
        }
    }

    /// Reports the keys that nobody took.
    pub(super) fn finish(self) {
        for (key, _) in &self.pairs {
            let help = did_you_mean(&key.name, self.asked.iter().copied())
                .unwrap_or_else(|| format!("known keys: {}", self.asked.join(", ")));
            let problem = Problem::new(Code::UnknownKey, format!("unknown key `{}`", key.name));
            self.reports.push(key.place, problem.help(help));
        }
    }

    /// Reports that none of the keys which name an object is there.
    pub(super) fn unknown_object(mut self, kinds: &[&'static str]) {
        let first = self.pairs.first().map(|(key, _)| (key.name.clone(), key.place));
        let (name, place) = first.unwrap_or((String::new(), self.place));
        let help = did_you_mean(&name, kinds.iter().copied())
            .unwrap_or_else(|| "an object has a key `rule`, `macro` or `list`".to_owned());
        self.report(place, Problem::new(Code::Shape, "object is of no known sort").help(help));
    }

    fn wrong_shape(&mut self, key: &str, wanted: &str, node: &Node) {
        let message = format!("`{key}` must be {wanted}, found {}", node.what());
        self.report(node.place, Problem::new(Code::Shape, message));
    }

    pub(super) fn string(&mut self, key: &'static str) -> Option<At<String>> {
        let (_, node) = self.take(key)?;
        self.as_string(key, node)
    }

    pub(super) fn as_string(&mut self, key: &str, node: Node) -> Option<At<String>> {
        match node.content {
            Content::Scalar(scalar) => Some(At { value: scalar.value, place: node.place }),
            Content::Sequence(_) | Content::Mapping(_) => {
                self.wrong_shape(key, "a text", &node);
                None
            }
        }
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<Text> {
        let (_, node) = self.take(key)?;
        let text = node.text(self.text);
        if text.is_none() {
            self.wrong_shape(key, "a text", &node);
        }
        text
    }

    /// A list of texts that know where their bytes stand.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<Text>> {
        let (_, node) = self.take(key)?;
        let Content::Sequence(items) = node.content else {
            self.wrong_shape(key, "a list", &node);
            return None;
        };
        let mut all = Vec::new();
        for item in items {
            match item.text(self.text) {
                Some(text) => all.push(text),
                None => self.wrong_shape(key, "a list of texts", &item),
            }
        }
        Some(all)
    }

    /// A mapping, which is given to `read` and must be used up by it.
    pub(super) fn object<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Object<'_>) -> Option<T>,
    ) -> Option<T> {
        let (_, node) = self.take(key)?;
        let place = node.place;
        let Content::Mapping(pairs) = node.content else {
            self.wrong_shape(key, "a mapping", &node);
            return None;
        };
        let mut object = self.nested(pairs, place);
        let found = read(&mut object);
        object.finish();
        found
    }

    pub(super) fn bool(&mut self, key: &'static str) -> Option<bool> {
        let (_, node) = self.take(key)?;
        let value = match &node.content {
            Content::Scalar(scalar) => match scalar.value.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            Content::Sequence(_) | Content::Mapping(_) => None,
        };
        if value.is_none() {
            let message = format!("`{key}` must be `true` or `false`");
            self.report(node.place, Problem::new(Code::Shape, message));
        }
        value
    }

    /// A list of texts.
    pub(super) fn strings(&mut self, key: &'static str) -> Option<Vec<At<String>>> {
        let (_, node) = self.take(key)?;
        self.as_strings(key, node)
    }

    pub(super) fn as_strings(&mut self, key: &str, node: Node) -> Option<Vec<At<String>>> {
        match node.content {
            Content::Sequence(items) => {
                Some(items.into_iter().filter_map(|item| self.as_string(key, item)).collect())
            }
            // `items:` with nothing behind it is an empty list.
            Content::Scalar(ref scalar) if scalar.value.is_empty() && scalar.plain => {
                Some(Vec::new())
            }
            Content::Scalar(_) | Content::Mapping(_) => {
                self.wrong_shape(key, "a list", &node);
                None
            }
        }
    }

    /// A list of texts, or one text.
    pub(super) fn one_or_more(&mut self, key: &'static str) -> Vec<At<String>> {
        let Some((_, node)) = self.take(key) else { return Vec::new() };
        match node.content {
            Content::Scalar(_) => self.as_string(key, node).into_iter().collect(),
            Content::Sequence(_) | Content::Mapping(_) => {
                self.as_strings(key, node).unwrap_or_default()
            }
        }
    }

    /// A list of mappings; each is given to `read` and must be used up by it.
    pub(super) fn objects<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Object<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (_, node) = self.take(key)?;
        let Content::Sequence(items) = node.content else {
            self.wrong_shape(key, "a list", &node);
            return None;
        };
        let mut all = Vec::new();
        for item in items {
            let place = item.place;
            if let Content::Mapping(pairs) = item.content {
                let mut object = self.nested(pairs, place);
                all.extend(read(&mut object));
                object.finish();
            } else {
                self.wrong_shape(key, "a list of mappings", &item);
            }
        }
        Some(all)
    }

    /// The `override:` mapping, or the older `append: true`, which appends to the parts in
    /// `appended`, each with whether it is given. The outer `None` says that it is broken: the
    /// definition must not be used, lest it replace what it was to extend.
    pub(super) fn overrides(
        &mut self,
        parts: &[&'static str],
        appended: &[(&'static str, bool)],
    ) -> Option<Overrides> {
        let old = self.pairs.iter().find(|(k, _)| k.name == "append").map(|(k, _)| k.place);
        if self.bool("append") == Some(true)
            && let Some(place) = old
        {
            let problem = Problem::new(Code::Deprecated, "`append: true` is on its way out");
            let given = appended.iter().filter(|(_, given)| *given);
            let words: Vec<String> = given.map(|(part, _)| format!("`{part}: append`")).collect();
            let help = || format!("write `override:` with {}", words.join(" and "));
            self.report(place, problem.maybe_help((!words.is_empty()).then(help)));
            let all = appended
                .iter()
                .map(|(part, _)| ((*part).to_owned(), Override::AppendIfGiven, place));
            return Some(Some(all.collect()));
        }
        let Some((_, node)) = self.take("override") else { return Some(None) };
        let Content::Mapping(pairs) = node.content else {
            self.wrong_shape("override", "a mapping", &node);
            return None;
        };
        let read = |(key, node): (Key, Node)| self.override_part(key, &node, parts);
        let found: Vec<Option<_>> = pairs.into_iter().map(read).collect();
        found.into_iter().collect::<Option<Parts>>().map(Some)
    }

    fn override_part(
        &mut self,
        key: Key,
        node: &Node,
        parts: &[&'static str],
    ) -> Option<(String, Override, Place)> {
        const APPENDABLE: [&str; 7] =
            ["condition", "output", "desc", "tags", "exceptions", "items", "tests"];
        if !parts.contains(&key.name.as_str()) {
            let message = format!("`{}` cannot be overridden", key.name);
            let help = did_you_mean(&key.name, parts.iter().copied())
                .unwrap_or_else(|| format!("these can: {}", parts.join(", ")));
            self.report(key.place, Problem::new(Code::UnknownKey, message).help(help));
            return None;
        }
        let word = match &node.content {
            Content::Scalar(scalar) => scalar.value.as_str(),
            Content::Sequence(_) | Content::Mapping(_) => "",
        };
        let how = match word {
            "replace" => Override::Replace,
            "append" if APPENDABLE.contains(&key.name.as_str()) => Override::Append,
            "append" => {
                let message = format!("`{}` can only be replaced", key.name);
                self.report(node.place, Problem::new(Code::BadValue, message));
                return None;
            }
            _ => {
                let message = format!("`{}` must be `append` or `replace`", key.name);
                self.report(node.place, Problem::new(Code::BadValue, message));
                return None;
            }
        };
        Some((key.name, how, key.place))
    }
}
