//! A file that holds one event, in the form of a rule's test.

use crate::definition::TestEvent;
use crate::diagnostic::{Code, Problem, Reports};
use crate::source::RuleFile;
use crate::yaml::{Content, Node};

use super::object::Object;
use super::rule;

/// Keys of documents that monitors write. An event that is described to us has none of them.
const FOREIGN: [&str; 3] = ["@timestamp", "ecs", "output_fields"];

const FORM: &str = "write the fields of the event as a rule's test does, such as \
                    `{evt.type: execve, proc.name: sh}`; `runmon rules fields` lists them";

/// Reads the event, which may stand below `event`, as in a test; None after a report.
pub(crate) fn read_event(file: RuleFile<'_>, reports: &mut Reports) -> Option<TestEvent> {
    let (text, top) = super::text_of(&file, reports)?;
    let mut documents = super::documents(text, top, reports).into_iter();
    let (first, more) = (documents.next(), documents.next());
    let Some(Node { place, content: Content::Mapping(pairs) }) = first else {
        let problem = Problem::new(Code::Shape, "the file describes no event").help(FORM);
        reports.push(first.map_or(top, |node| node.place), problem);
        return None;
    };
    if let Some(more) = more {
        let problem = Problem::new(Code::Shape, "the file has more than one event");
        reports.push(more.place, problem.help("put each in a file of its own"));
        return None;
    }
    if let Some((key, _)) = pairs.iter().find(|(key, _)| FOREIGN.contains(&&*key.name)) {
        let message = format!("`{}` is of a document as a monitor writes it", key.name);
        reports.push(key.place, Problem::new(Code::Shape, message).help(FORM));
        return None;
    }
    let mut object = Object::new(pairs, place, text, reports);
    let line = object.line(place);
    if let Some((_, node)) = object.take("event") {
        return rule::read_event(&mut object, "`event`", node);
    }
    let mut fields = Vec::new();
    let pairs = object.take_all();
    rule::read_fields(&mut object, pairs, "", &mut fields);
    Some(TestEvent { fields, after_ns: 0, line })
}
