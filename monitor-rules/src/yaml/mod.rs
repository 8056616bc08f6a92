//! YAML text to a tree in which every node knows its place, within stated bounds.

mod scalar;

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span as YamlSpan};

use crate::diagnostic::{Code, Problem};
use crate::limits::{YAML_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX};
use crate::source::Place;
use crate::text::Text;

/// A YAML node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    /// The pairs in the order of the file. Keys that are no scalars are refused while reading.
    Mapping(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) value: String,
    /// Whether it is written without quotes and not as a block: only then can it be a number, a
    /// boolean or null.
    pub(crate) plain: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) place: Place,
}

impl Node {
    /// The scalar as text whose every byte is led back to the file.
    pub(crate) fn text(&self, source: &str) -> Option<Text> {
        let Content::Scalar(scalar) = &self.content else { return None };
        let raw = source.get(self.place.start as usize..self.place.end as usize)?;
        let offsets = scalar::offsets(raw, &scalar.value, self.place.start);
        Some(Text::mapped(&scalar.value, offsets, self.place))
    }

    /// "a mapping", "a list" or "a value".
    pub(crate) fn what(&self) -> &'static str {
        match self.content {
            Content::Scalar(_) => "a value",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }

    /// Nodes in it, and bytes of their texts.
    fn size(&self) -> (usize, usize) {
        let sum = |(a, b): (usize, usize), (c, d): (usize, usize)| (a + c, b + d);
        match &self.content {
            Content::Scalar(scalar) => (1, scalar.value.len()),
            Content::Sequence(items) => items.iter().map(Self::size).fold((1, 0), sum),
            Content::Mapping(pairs) => {
                let pairs = pairs.iter().map(|(key, node)| sum((1, key.name.len()), node.size()));
                pairs.fold((1, 0), sum)
            }
        }
    }
}

/// What stopped the reading, and where.
pub(crate) type Failure = (Place, Problem);

/// All documents of a text. What was read before a failure is returned with it.
pub(crate) fn read(text: &str, source: u32) -> (Vec<Node>, Option<Failure>) {
    let mut reader = Reader {
        bytes: ByteIndex::new(text),
        source,
        anchors: HashMap::new(),
        nodes: 0,
        copied: 0,
        open: Vec::new(),
        documents: Vec::new(),
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let step = match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => reader.take(event, span),
            Err(err) => {
                let at = reader.bytes.at(err.marker().index());
                let place = Place { source, start: at, end: at };
                Err((place, Problem::new(Code::Yaml, format!("not valid YAML: {}", err.info()))))
            }
        };
        if let Err(failure) = step {
            return (reader.into_documents(), Some(failure));
        }
    }
    (reader.documents, None)
}

/// Character index to byte offset: the YAML parser counts characters.
struct ByteIndex(Option<Vec<u32>>);

impl ByteIndex {
    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self(None);
        }
        let ends = std::iter::once(text.len());
        let all = text.char_indices().map(|(at, _)| at).chain(ends);
        Self(Some(all.map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect()))
    }

    fn at(&self, character: usize) -> u32 {
        match &self.0 {
            None => u32::try_from(character).unwrap_or(u32::MAX),
            Some(all) => all.get(character).or(all.last()).copied().unwrap_or(0),
        }
    }
}

/// A collection that is being read.
struct Open {
    place: Place,
    anchor: usize,
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping(Pairs),
}

#[derive(Default)]
struct Pairs {
    pairs: Vec<(Key, Node)>,
    names: HashSet<String>,
    /// A key of which the value comes next.
    pending: Option<Key>,
}

struct Reader {
    bytes: ByteIndex,
    source: u32,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// Bytes of texts that aliases repeated.
    copied: usize,
    open: Vec<Open>,
    documents: Vec<Node>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: YamlSpan) -> Result<(), Failure> {
        let place = self.place(span);
        match event {
            Event::Scalar(value, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let content = Content::Scalar(Scalar { value: value.into_owned(), plain });
                self.add(Node { place, content }, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err((place, Problem::new(Code::Yaml, "alias of an open anchor")));
                };
                let (nodes, bytes) = node.size();
                let mut node = node.clone();
                self.count(nodes, place)?;
                self.count_copied(bytes, place)?;
                if !matches!(node.content, Content::Scalar(_)) {
                    node.place = place;
                }
                self.add(node, 0)
            }
            Event::SequenceStart(anchor, _) => {
                self.open(place, anchor, Items::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                self.open(place, anchor, Items::Mapping(Pairs::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(place),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn place(&self, span: YamlSpan) -> Place {
        let start = self.bytes.at(span.start.index());
        let end = self.bytes.at(span.end.index()).max(start);
        Place { source: self.source, start, end }
    }

    fn count(&mut self, more: usize, place: Place) -> Result<(), Failure> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > YAML_NODES_MAX {
            let message = format!("more than {YAML_NODES_MAX} YAML nodes");
            return Err((place, Problem::new(Code::Limit, message)));
        }
        Ok(())
    }

    fn count_copied(&mut self, more: usize, place: Place) -> Result<(), Failure> {
        self.copied = self.copied.saturating_add(more);
        if self.copied > YAML_BYTES_MAX {
            let message = format!("YAML aliases repeat more than {YAML_BYTES_MAX} bytes");
            return Err((place, Problem::new(Code::Limit, message)));
        }
        Ok(())
    }

    fn open(&mut self, place: Place, anchor: usize, items: Items) -> Result<(), Failure> {
        if self.open.len() >= YAML_DEPTH_MAX {
            let message = format!("YAML is nested deeper than {YAML_DEPTH_MAX} levels");
            return Err((place, Problem::new(Code::Limit, message)));
        }
        if let Some(Open { items: Items::Mapping(Pairs { pending: None, .. }), .. }) =
            self.open.last()
        {
            return Err((place, Problem::new(Code::Shape, "a key must be a plain word")));
        }
        self.open.push(Open { place, anchor, items });
        Ok(())
    }

    fn close(&mut self, end: Place) -> Result<(), Failure> {
        let Some(Open { mut place, anchor, items }) = self.open.pop() else { return Ok(()) };
        place.end = end.end.max(place.start);
        let content = match items {
            Items::Sequence(items) => Content::Sequence(items),
            Items::Mapping(pairs) => Content::Mapping(pairs.pairs),
        };
        self.add(Node { place, content }, anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Failure> {
        self.count(1, node.place)?;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.documents.push(node),
            Some(Items::Sequence(items)) => items.push(node),
            Some(Items::Mapping(pairs)) => match pairs.pending.take() {
                Some(key) => pairs.pairs.push((key, node)),
                None => pairs.pending = Some(new_key(node, &mut pairs.names)?),
            },
        }
        Ok(())
    }

    /// After a failure: what is whole, also inside the sequence that was being read, so that the
    /// rules above a mistake are still checked.
    fn into_documents(mut self) -> Vec<Node> {
        if let Some(Open { place, items: Items::Sequence(items), .. }) =
            self.open.into_iter().next()
        {
            self.documents.push(Node { place, content: Content::Sequence(items) });
        }
        self.documents
    }
}

fn new_key(node: Node, known: &mut HashSet<String>) -> Result<Key, Failure> {
    let Content::Scalar(scalar) = node.content else {
        return Err((node.place, Problem::new(Code::Shape, "a key must be a plain word")));
    };
    if !known.insert(scalar.value.clone()) {
        let message = format!("key `{}` is there twice", scalar.value);
        return Err((node.place, Problem::new(Code::Yaml, message)));
    }
    Ok(Key { name: scalar.value, place: node.place })
}
