//! Sigma's YAML: which documents are rules, and what they say of themselves.

use crate::limits::FILE_BYTES_MAX;
use crate::source::RuleFile;
use crate::yaml::{self, Content, Key, Node, Scalar};

use super::{LeftOut, Refusal};

/// A document of a file.
pub(super) struct Document {
    file: String,
    line: usize,
    node: Node,
}

/// Pairs of a mapping.
pub(super) type Pairs = [(Key, Node)];

/// A rule that detects by itself.
pub(super) struct Detected<'d> {
    pub(super) pairs: &'d Pairs,
    pub(super) title: &'d str,
    /// Selections and conditions.
    pub(super) detection: &'d Pairs,
}

/// Reads the documents of a file. What is no YAML is told of once, with the rest of the file.
pub(super) fn read(
    file: &RuleFile<'_>,
    documents: &mut Vec<Document>,
    left_out: &mut Vec<LeftOut>,
) {
    let mut refuse = |line, reason| {
        left_out.push(LeftOut { file: file.name.to_owned(), line, title: None, reason });
    };
    if file.bytes.len() > FILE_BYTES_MAX {
        return refuse(1, format!("the file is larger than {FILE_BYTES_MAX} bytes"));
    }
    let text = match std::str::from_utf8(file.bytes) {
        Ok(text) => text,
        Err(error) => {
            return refuse(1, format!("not UTF-8: byte {} is invalid", error.valid_up_to()));
        }
    };
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line = |at: u32| ends.partition_point(|end| *end < at as usize) + 1;
    let (nodes, failure) = yaml::read(text, 0);
    for node in nodes.into_iter().filter(|node| !is_nothing(node)) {
        let (file, line) = (file.name.to_owned(), line(node.place.start));
        documents.push(Document { file, line, node });
    }
    if let Some((place, problem)) = failure {
        refuse(line(place.start), problem.message);
    }
}

/// A document of comments only.
fn is_nothing(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar(scalar) if is_null(scalar))
}

/// Whether a scalar stands for nothing.
pub(super) fn is_null(scalar: &Scalar) -> bool {
    scalar.plain && matches!(&*scalar.value, "" | "~" | "null" | "Null" | "NULL")
}

/// The value of a key.
pub(super) fn get<'d>(pairs: &'d Pairs, key: &str) -> Option<&'d Node> {
    pairs.iter().find(|(known, _)| known.name == key).map(|(_, node)| node)
}

/// The text of a key, if it has one.
pub(super) fn text<'d>(pairs: &'d Pairs, key: &str) -> Option<&'d str> {
    get(pairs, key).and_then(as_text)
}

/// The texts of a key: of its list, or its only one.
pub(super) fn texts<'d>(pairs: &'d Pairs, key: &str) -> Vec<&'d str> {
    match get(pairs, key).map(|node| &node.content) {
        Some(Content::Sequence(items)) => items.iter().filter_map(as_text).collect(),
        Some(Content::Scalar(_)) => text(pairs, key).into_iter().collect(),
        Some(Content::Mapping(_)) | None => Vec::new(),
    }
}

fn as_text(node: &Node) -> Option<&str> {
    match &node.content {
        Content::Scalar(scalar) if !is_null(scalar) => Some(&scalar.value),
        Content::Scalar(_) | Content::Sequence(_) | Content::Mapping(_) => None,
    }
}

fn mapping<'d>(pairs: &'d Pairs, key: &str) -> Option<&'d Pairs> {
    match &get(pairs, key)?.content {
        Content::Mapping(pairs) => Some(pairs),
        Content::Scalar(_) | Content::Sequence(_) => None,
    }
}

impl Document {
    fn pairs(&self) -> &Pairs {
        match &self.node.content {
            Content::Mapping(pairs) => pairs,
            Content::Scalar(_) | Content::Sequence(_) => &[],
        }
    }

    pub(super) fn left_out(&self, reason: Refusal) -> LeftOut {
        let title = text(self.pairs(), "title").map(str::to_owned);
        LeftOut { file: self.file.clone(), line: self.line, title, reason }
    }

    /// The names of the rules that only raise an alert together, where this is a correlation.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        let alone = |pairs: &&Pairs| text(pairs, "generate") != Some("true");
        let correlation = mapping(self.pairs(), "correlation").filter(alone);
        correlation.map(|pairs| texts(pairs, "rules")).unwrap_or_default().into_iter()
    }

    /// The rule that this is.
    pub(super) fn rule(&self) -> Result<Detected<'_>, Refusal> {
        if !matches!(self.node.content, Content::Mapping(_)) {
            return Err(format!(
                "not a Sigma rule: expected a mapping, found {}",
                self.node.what()
            ));
        }
        let pairs = self.pairs();
        let others = [
            ("correlation", "correlations are not carried"),
            ("filter", "filters of other rules are not carried"),
            ("action", "collections with `action` are not carried"),
        ];
        if let Some((_, reason)) = others.iter().find(|(key, _)| get(pairs, key).is_some()) {
            return Err((*reason).to_owned());
        }
        let detection = mapping(pairs, "detection").ok_or("not a Sigma rule: no `detection`")?;
        let title = text(pairs, "title").filter(|title| !title.trim().is_empty());
        Ok(Detected { pairs, title: title.ok_or("it has no `title`")?, detection })
    }
}

impl Detected<'_> {
    /// What other rules may call it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        ["name", "id"].into_iter().filter_map(|key| text(self.pairs, key))
    }

    /// The category of its log source.
    pub(super) fn category(&self) -> Result<&str, Refusal> {
        let source = mapping(self.pairs, "logsource").ok_or("it has no `logsource`")?;
        match (text(source, "product"), text(source, "category"), text(source, "service")) {
            (Some(product), _, _) if product != "linux" => {
                Err(format!("log source product `{product}` is not Linux"))
            }
            (_, _, Some(service)) => Err(format!("log source service `{service}` is not carried")),
            (_, Some(category), None) => Ok(category),
            (_, None, None) => Err("its log source has no `category`".to_owned()),
        }
    }
}
