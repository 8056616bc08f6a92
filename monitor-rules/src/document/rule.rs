//! The keys of a rule, of its exceptions and of its tests.

use crate::definition::{
    AggregateDefinition, Exception, ExceptionValue, Expect, RuleDefinition, RuleTest, TestField,
    TestValue,
};
use crate::diagnostic::{Code, Problem};
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
    let plain = |list: Vec<crate::definition::At<String>>| -> Vec<String> {
        list.into_iter().map(|at| at.value).collect()
    };
    let rule = RuleDefinition {
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
        overrides: object.overrides(&OVERRIDABLE, &["condition", "exceptions"])?,
    };
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
                all.push(cells.into_iter().filter_map(|cell| read_cell(object, cell)).collect());
            }
            _ if single => all.push(read_cell(object, row).into_iter().collect()),
            Content::Scalar(_) | Content::Mapping(_) | Content::Sequence(_) => {
                let problem = Problem::new(Code::Shape, "each of `values` must be a list")
                    .help("with several fields, each row has one value per field");
                object.report(row.place, problem);
            }
        }
    }
    all
}

fn read_cell(object: &mut Object<'_>, node: Node) -> Option<ExceptionValue> {
    let place = node.place;
    match node.content {
        Content::Sequence(_) => {
            object.as_strings("values", node).map(|items| ExceptionValue::Many(items, place))
        }
        Content::Scalar(_) | Content::Mapping(_) => {
            object.as_string("values", node).map(ExceptionValue::One)
        }
    }
}

fn read_test(object: &mut Object<'_>) -> Option<RuleTest> {
    let place = object.place();
    let (line, _) = object.line_column(place);
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
    let mut event = Vec::new();
    match object.take("event") {
        Some((_, node)) => match node.content {
            Content::Mapping(pairs) => read_event(object, pairs, "", &mut event),
            Content::Scalar(_) | Content::Sequence(_) => {
                object.report(node.place, Problem::new(Code::Shape, "`event` must be a mapping"));
            }
        },
        None => object.report(place, Problem::new(Code::Shape, "the test has no `event`")),
    }
    let Some(expect) = fires.or(expect) else {
        let problem = Problem::new(Code::Shape, "the test does not say what is expected")
            .help("write `fires: true` or `fires: false`");
        object.report(place, problem);
        return None;
    };
    Some(RuleTest { name: name.unwrap_or_default(), expect, event, line })
}

pub(super) fn read_event(
    object: &mut Object<'_>,
    pairs: Vec<(Key, Node)>,
    prefix: &str,
    event: &mut Vec<TestField>,
) {
    for (key, node) in pairs {
        let name = if prefix.is_empty() { key.name } else { format!("{prefix}.{}", key.name) };
        if let Content::Mapping(inner) = node.content {
            read_event(object, inner, &name, event);
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
