//! The keys of a rule, of its exceptions and of its tests.

use crate::definition::{
    AggregateDefinition, At, Exception, ExceptionValue, Expect, RuleDefinition, RuleTest, TestActs,
    TestEvent, TestField, TestValue,
};
use crate::diagnostic::{Code, Problem};
use crate::time;
use crate::yaml::{Content, Key, Node, Scalar};

use super::object::Object;

/// The parts of a rule that a later file may override.
const OVERRIDABLE: [&str; 12] = [
    "condition",
    "output",
    "desc",
    "tags",
    "exceptions",
    "priority",
    "enabled",
    "source",
    "tests",
    "mode",
    "expected_rate",
    "aggregate",
];

pub(super) fn read(object: &mut Object<'_>) -> Option<RuleDefinition> {
    let name = super::name(object, "rule")?;
    let plain =
        |list: Vec<At<String>>| -> Vec<String> { list.into_iter().map(|at| at.value).collect() };
    let mut rule = RuleDefinition {
        name,
        id: object.string("id"),
        version: object.string("version"),
        desc: object.string("desc"),
        condition: object.text("condition"),
        output: object.text("output"),
        priority: object.string("priority"),
        source: object.string("source"),
        enabled: object.bool("enabled"),
        skip_unknown: object.bool("skip-if-unknown-filter"),
        tags: object.strings("tags"),
        mitre: object.one_or_more("mitre"),
        references: plain(object.one_or_more("references")),
        false_positives: plain(object.one_or_more("false_positives")),
        triage: plain(object.one_or_more("triage")),
        exceptions: object.objects("exceptions", read_exception),
        mode: object.string("mode"),
        expected_rate: object.string("expected_rate"),
        aggregate: object.object("aggregate", read_aggregate),
        tests: object.objects("tests", read_test).unwrap_or_default(),
        overrides: None,
    };
    let (condition, exceptions) = (rule.condition.is_some(), rule.exceptions.is_some());
    let appended = [("condition", condition), ("exceptions", exceptions)];
    rule.overrides = object.overrides(&OVERRIDABLE, &appended)?;
    object.ignore(&["warn_evttypes"]);
    object.without_effect(&["capture", "capture_duration"]);
    Some(rule)
}

fn read_exception(object: &mut Object<'_>) -> Option<Exception> {
    let place = object.place();
    let Some(name) = object.string("name") else {
        object.report(place, Problem::new(Code::Shape, "the exception has no `name`"));
        object.ignore(&["fields", "comps", "values", "owner", "reason", "expires"]);
        return None;
    };
    let owner = object.string("owner").map(|at| at.value);
    let reason = object.string("reason").map(|at| at.value);
    let expires = object.string("expires");
    let fields = object.take("fields");
    let single = matches!(&fields, Some((_, Node { content: Content::Scalar(_), .. })));
    let mut strings = |key, taken: Option<(_, Node)>| match taken {
        Some((_, node)) if matches!(node.content, Content::Scalar(_)) => {
            object.as_string(key, node).into_iter().collect()
        }
        Some((_, node)) => object.as_strings(key, node).unwrap_or_default(),
        None => Vec::new(),
    };
    let fields = strings("fields", fields);
    let comps = object.one_or_more("comps");
    let rows = match object.take("values") {
        Some((_, node)) => read_rows(object, node, single),
        None => Vec::new(),
    };
    if !comps.is_empty() && comps.len() != fields.len() {
        let message = format!("{} fields but {} comps", fields.len(), comps.len());
        object.report(place, Problem::new(Code::Shape, message));
        return None;
    }
    Some(Exception { name, fields, comps, rows, single, owner, reason, expires })
}

fn read_aggregate(object: &mut Object<'_>) -> Option<AggregateDefinition> {
    Some(AggregateDefinition {
        place: object.place(),
        count: object.string("count"),
        distinct: object.string("distinct"),
        sequence: object.texts("sequence"),
        within: object.string("within"),
        by: object.one_or_more("by"),
    })
}

fn read_rows(object: &mut Object<'_>, node: Node, single: bool) -> Vec<Vec<ExceptionValue>> {
    let place = node.place;
    let Content::Sequence(rows) = node.content else {
        object.report(place, Problem::new(Code::Shape, "`values` must be a list"));
        return Vec::new();
    };
    let mut all = Vec::new();
    for row in rows {
        match row.content {
            Content::Sequence(cells) if !single => {
                let cells: Vec<Option<ExceptionValue>> =
                    cells.into_iter().map(|cell| read_cell(object, cell)).collect();
                all.extend(cells.into_iter().collect::<Option<Vec<_>>>());
            }
            _ if single => all.extend(read_cell(object, row).map(|cell| vec![cell])),
            Content::Scalar(_) | Content::Mapping(_) | Content::Sequence(_) => {
                let problem = Problem::new(Code::Shape, "each of `values` must be a list")
                    .help("`fields` is a list, and so is each row: one value for each field");
                object.report(row.place, problem);
            }
        }
    }
    all
}

fn read_cell(object: &mut Object<'_>, node: Node) -> Option<ExceptionValue> {
    let place = node.place;
    match node.content {
        Content::Sequence(items) => {
            let read = |item| read_value(object, item);
            let items: Vec<Option<At<String>>> = items.into_iter().map(read).collect();
            let items: Option<Vec<_>> = items.into_iter().collect();
            items.map(|items| ExceptionValue::Many(items, place))
        }
        Content::Scalar(_) | Content::Mapping(_) => {
            read_value(object, node).map(ExceptionValue::One)
        }
    }
}

/// One text of a value or of a list of them.
fn read_value(object: &mut Object<'_>, node: Node) -> Option<At<String>> {
    let (message, cure) = match node.content {
        Content::Scalar(scalar) => return Some(At { value: scalar.value, place: node.place }),
        Content::Sequence(_) => (
            "a list of values takes texts, not a list",
            "write the values of one field in one list, and what is another case in another row",
        ),
        Content::Mapping(_) => (
            "a value of an exception is a text, not a mapping",
            "put a text that has `: ` in it in quotes",
        ),
    };
    object.report(node.place, Problem::new(Code::Shape, message).help(cure));
    None
}

fn read_test(object: &mut Object<'_>) -> Option<RuleTest> {
    let place = object.place();
    let line = object.line(place);
    let name = object.string("name").map(|name| name.value);
    let fires = object.bool("fires").map(|yes| if yes { Expect::Fires } else { Expect::Quiet });
    let expect = object.string("expect").and_then(|word| match word.value.as_str() {
        "fire" | "fires" => Some(Expect::Fires),
        "quiet" => Some(Expect::Quiet),
        _ => {
            let problem = Problem::new(Code::BadValue, "`expect` must be `fire` or `quiet`");
            object.report(word.place, problem);
            None
        }
    });
    let acts = read_acts(object);
    let Some(expect) = fires.or(expect) else {
        let problem = Problem::new(Code::Shape, "the test does not say what is expected")
            .help("write `fires: true` or `fires: false`");
        object.report(place, problem);
        return None;
    };
    Some(RuleTest { name: name.unwrap_or_default(), expect, acts: acts?, line })
}

/// What happens in a test: exactly one of the three ways to say it.
fn read_acts(object: &mut Object<'_>) -> Option<TestActs> {
    let (event, events) = (object.take("event"), object.take("events"));
    let recording = object.string("recording");
    match (event, events, recording) {
        (Some((_, node)), None, None) => read_event(object, "`event`", node).map(TestActs::Event),
        (None, Some((_, node)), None) => {
            let Content::Sequence(items) = node.content else {
                let problem = Problem::new(Code::Shape, "`events` must be a list of mappings");
                object.report(node.place, problem);
                return None;
            };
            let read = |item| read_event(object, "each of `events`", item);
            items.into_iter().map(read).collect::<Option<Vec<_>>>().map(TestActs::Events)
        }
        (None, None, Some(path)) => Some(TestActs::Recording(path.value)),
        (None, None, None) => {
            let problem = Problem::new(Code::Shape, "the test has no `event`")
                .help("describe one `event`, several `events`, or name a `recording`");
            object.report(object.place(), problem);
            None
        }
        _ => {
            let message = "a test has one of `event`, `events` and `recording`";
            object.report(object.place(), Problem::new(Code::Shape, message));
            None
        }
    }
}

pub(super) fn read_event(object: &mut Object<'_>, what: &str, node: Node) -> Option<TestEvent> {
    let line = object.line(node.place);
    let Content::Mapping(mut pairs) = node.content else {
        object.report(node.place, Problem::new(Code::Shape, format!("{what} must be a mapping")));
        return None;
    };
    let after = pairs.iter().position(|(key, _)| key.name == "after");
    let after_ns = match after.map(|at| pairs.remove(at)) {
        Some((_, node)) => read_after(object, node)?,
        None => 0,
    };
    let mut fields = Vec::new();
    read_fields(object, pairs, "", &mut fields);
    Some(TestEvent { fields, after_ns, line })
}

fn read_after(object: &mut Object<'_>, node: Node) -> Option<u64> {
    let text = object.as_string("after", node)?;
    let after = time::span(&text.value);
    if after.is_none() {
        let problem = Problem::new(Code::BadValue, "`after` must be a time such as `10s`");
        object.report(text.place, problem);
    }
    after
}

pub(super) fn read_fields(
    object: &mut Object<'_>,
    pairs: Vec<(Key, Node)>,
    prefix: &str,
    event: &mut Vec<TestField>,
) {
    for (key, node) in pairs {
        let name = if prefix.is_empty() { key.name } else { format!("{prefix}.{}", key.name) };
        if let Content::Mapping(inner) = node.content {
            read_fields(object, inner, &name, event);
            continue;
        }
        let (line, column) = object.line_column(key.place);
        if let Some(value) = test_value(object, node) {
            event.push(TestField { name, value, line, column });
        }
    }
}

fn test_value(object: &mut Object<'_>, node: Node) -> Option<TestValue> {
    match node.content {
        Content::Scalar(scalar) => Some(scalar_value(scalar)),
        Content::Sequence(items) => {
            let items = items.into_iter().filter_map(|item| test_value(object, item));
            Some(TestValue::List(items.collect()))
        }
        Content::Mapping(_) => {
            let problem = Problem::new(Code::Shape, "a mapping cannot stand in a list of values");
            object.report(node.place, problem);
            None
        }
    }
}

fn scalar_value(scalar: Scalar) -> TestValue {
    if !scalar.plain {
        return TestValue::Str(scalar.value);
    }
    match scalar.value.as_str() {
        "" | "~" | "null" => TestValue::Null,
        "true" => TestValue::Bool(true),
        "false" => TestValue::Bool(false),
        text => text.parse().map_or_else(|_| TestValue::Str(text.to_owned()), TestValue::Int),
    }
}
