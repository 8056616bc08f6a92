//! A toy schema: an event is a kind and a table of values.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::{
    Arg, ArgRule, Condition, Diagnostic, Field, Get, KindSet, Loaded, Outcome, RuleFile, RuleSet,
    Schema, Scratch, Type, Unknown, Value, Visit,
};

pub(crate) const EXEC: u8 = 0;
pub(crate) const OPEN: u8 = 1;
pub(crate) const CONNECT: u8 = 2;

/// A value that a test writes down.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Str(&'static str),
    Bytes(&'static [u8]),
    Int(i64),
    Bool(bool),
    Ip(&'static str),
    Pending,
    Never,
}

/// An event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Toy {
    pub(crate) kind: u8,
    pub(crate) time_ns: i64,
    facts: HashMap<&'static str, Vec<Fact>>,
}

pub(crate) fn event(kind: u8, facts: &[(&'static str, Fact)]) -> Toy {
    let mut toy = Toy { kind, time_ns: 0, facts: HashMap::new() };
    for (name, fact) in facts {
        toy.facts.entry(name).or_default().push(fact.clone());
    }
    toy
}

impl Fact {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Str(text) => Value::str(*text),
            Self::Bytes(bytes) => Value::str(*bytes),
            Self::Int(number) => Value::Int(*number),
            Self::Bool(yes) => Value::Bool(*yes),
            Self::Ip(ip) => Value::Ip(ip.parse::<IpAddr>().unwrap()),
            Self::Pending => Value::Unknown(Unknown::Pending),
            Self::Never => Value::Unknown(Unknown::Never("gone")),
        }
    }
}

impl Toy {
    fn one(&self, name: &str) -> Value<'_> {
        Value::or_absent(self.facts.get(name).and_then(|all| all.first()).map(Fact::value))
    }

    fn many<'e>(&'e self, name: &str, arg: &Arg, visit: &mut Visit<'_, 'e>) {
        let all = self.facts.get(name).map(Vec::as_slice).unwrap_or_default();
        let chosen = match arg.index() {
            Some(n) => all.get(n as usize - 1..n as usize).unwrap_or_default(),
            None => all,
        };
        for fact in chosen {
            if visit(fact.value()).is_break() {
                return;
            }
        }
    }
}

const ALL: KindSet = KindSet::of(&[EXEC, OPEN, CONNECT]);

macro_rules! one {
    ($name:literal, $ty:ident, $kinds:expr) => {
        Field {
            name: $name,
            ty: Type::$ty,
            arg: ArgRule::None,
            kinds: $kinds,
            doc: "",
            get: Get::One(|toy: &Toy, _| toy.one($name)),
        }
    };
}

static FIELDS: &[Field<Toy>] = &[
    Field {
        name: "evt.type",
        ty: Type::Str,
        arg: ArgRule::None,
        kinds: ALL,
        doc: "",
        get: Get::One(|toy: &Toy, _| Value::str(SCHEMA.kinds[toy.kind as usize])),
    },
    one!("evt.num", Int, ALL),
    Field {
        name: "evt.dir",
        ty: Type::Str,
        arg: ArgRule::None,
        kinds: ALL,
        doc: "",
        get: Get::One(|_: &Toy, _| Value::str("<")),
    },
    one!("evt.is_open_write", Bool, KindSet::of(&[OPEN])),
    Field {
        name: "evt.opens",
        ty: Type::Bool,
        arg: ArgRule::None,
        kinds: KindSet::of(&[EXEC, OPEN]),
        doc: "",
        get: Get::One(|toy: &Toy, _| Value::Bool(toy.kind == OPEN)),
    },
    one!("proc.name", Str, ALL),
    one!("proc.pname", Str, ALL),
    one!("proc.cmdline", Str, ALL),
    one!("proc.pid", Int, ALL),
    one!("proc.ppid", Int, ALL),
    one!("container.id", Str, ALL),
    one!("container.image", Str, ALL),
    one!("fd.name", Str, KindSet::of(&[OPEN, CONNECT])),
    one!("fd.path", Str, KindSet::of(&[OPEN])),
    one!("fd.ip", Ip, KindSet::of(&[CONNECT])),
    one!("fd.port", Int, KindSet::of(&[CONNECT])),
    one!("fd.unseen", Str, KindSet::EMPTY),
    one!("fd.untyped", Str, KindSet::EMPTY),
    one!("fd.part", Str, KindSet::of(&[OPEN])),
    Field {
        name: "proc.aname",
        ty: Type::Str,
        arg: ArgRule::OptionalIndex,
        kinds: ALL,
        doc: "",
        get: Get::Any(|toy: &Toy, arg, visit| toy.many("proc.aname", arg, visit)),
    },
    Field {
        name: "fd.ends",
        ty: Type::Ip,
        arg: ArgRule::None,
        kinds: KindSet::of(&[CONNECT]),
        doc: "",
        get: Get::Any(|toy: &Toy, arg, visit| toy.many("fd.ends", arg, visit)),
    },
    Field {
        name: "proc.args",
        ty: Type::Str,
        arg: ArgRule::None,
        kinds: ALL,
        doc: "",
        get: Get::Set(|toy: &Toy, arg, visit| toy.many("proc.args", arg, visit)),
    },
    Field {
        name: "proc.env",
        ty: Type::Str,
        arg: ArgRule::Key,
        kinds: ALL,
        doc: "",
        get: Get::One(|toy: &Toy, arg| {
            let key = arg.key().unwrap();
            let fit = toy.facts.keys().find(|name| key.matches(name.as_bytes()));
            Value::or_absent(fit.and_then(|name| toy.facts[name].first()).map(Fact::value))
        }),
    },
];

pub(crate) static SCHEMA: Schema<Toy> = Schema {
    fields: FIELDS,
    kinds: &["exec", "open", "connect"],
    time_of: |toy| toy.time_ns,
    kind_of: |toy| toy.kind,
    type_field: "evt.type",
    types: &[
        ("execve", KindSet::of(&[EXEC])),
        ("execveat", KindSet::of(&[EXEC])),
        ("open", KindSet::of(&[OPEN])),
        ("openat", KindSet::of(&[OPEN])),
        ("connect", KindSet::of(&[CONNECT])),
        ("brk", KindSet::EMPTY),
    ],
    partly: &[("fd.part", "the other part")],
    both_ends: &["fd.ends"],
    by_kind: &[("evt.opens", |kind| Value::Bool(kind == OPEN))],
    always: &[("evt.dir", "<")],
    dotted: &["proc.env"],
    untyped: &["fd.untyped"],
    members: &[("proc.cmdline", |toy, visit| toy.many("words", &Arg::None, visit))],
};

pub(crate) fn compile(text: &str) -> Condition<Toy> {
    match Condition::compile(&SCHEMA, "test", text) {
        Ok(condition) => condition,
        Err(found) => panic!("{text}: {:#?}", lines(&found)),
    }
}

pub(crate) fn load(files: &[(&str, &str)]) -> Loaded<Toy> {
    let files: Vec<RuleFile<'_>> =
        files.iter().map(|(name, text)| RuleFile { name, bytes: text.as_bytes() }).collect();
    RuleSet::load(&SCHEMA, &files)
}

/// What the rules say of an event, by name.
pub(crate) fn found(rules: &RuleSet<Toy>, event: &Toy) -> Vec<(String, Outcome)> {
    let mut all = Vec::new();
    rules.each_match(event, &mut Scratch::default(), |found| {
        all.push((found.rule.about.name.clone(), found.outcome));
    });
    all
}

/// A rule file of one rule with this condition, plus whatever `more` holds.
pub(crate) fn load_condition(condition: &str, more: &str) -> Loaded<Toy> {
    let rule = format!(
        "- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: info\n{more}"
    );
    load(&[("f", &rule)])
}

pub(crate) fn lines(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(Diagnostic::one_line).collect()
}

#[test]
fn the_toy_schema_has_no_mistakes() {
    assert_eq!(SCHEMA.mistakes(), Vec::<String>::new());
}
