//! Which kinds of event a condition can match: never too few.

use proptest::prelude::*;

use super::toy::{self, CONNECT, EXEC, Fact, OPEN};
use crate::{KindSet, Tri};

#[test]
fn kinds_of_conditions() {
    let cases: &[(&str, &[u8])] = &[
        ("evt.type = open", &[OPEN]),
        ("evt.type in (open, connect)", &[OPEN, CONNECT]),
        ("evt.type != open", &[EXEC, CONNECT]),
        ("not evt.type = open", &[EXEC, CONNECT]),
        ("not not evt.type = open", &[OPEN]),
        ("evt.type = open or proc.name = x", &[EXEC, OPEN, CONNECT]),
        ("evt.type = open and proc.name = x", &[OPEN]),
        ("evt.type = open and evt.type = connect", &[]),
        ("not (evt.type = open or evt.type = connect)", &[EXEC]),
        ("not (evt.type = open and proc.name = x)", &[EXEC, OPEN, CONNECT]),
        ("fd.name = x", &[OPEN, CONNECT]),
        ("not fd.name = x", &[EXEC, OPEN, CONNECT]),
        ("fd.name = x and fd.ip = 1.2.3.4", &[CONNECT]),
        ("fd.name exists", &[OPEN, CONNECT]),
        ("basename(fd.path) = x", &[OPEN]),
        ("proc.name = val(fd.path)", &[OPEN]),
        ("concat(fd.path, fd.name) = x", &[OPEN]),
        ("join(\",\", fd.path, fd.name) = x", &[OPEN, CONNECT]),
        ("join(\",\", (fd.path, fd.ip)) = x", &[OPEN, CONNECT]),
        ("concat(fd.name, (x, fd.path)) = x", &[OPEN, CONNECT]),
        ("concat(x, (fd.path, fd.path)) = x", &[OPEN]),
        ("len(fd.path) = 0", &[EXEC, OPEN, CONNECT]),
        ("evt.type = execve and fd.name = x", &[]),
        ("evt.type = brk", &[]),
        ("evt.type != brk", &[EXEC, OPEN, CONNECT]),
        ("proc.name exists", &[EXEC, OPEN, CONNECT]),
        // Told by the kind, which decides also what it is not.
        ("evt.opens = true", &[OPEN]),
        ("evt.opens = false", &[EXEC]),
        ("not evt.opens = true", &[EXEC, CONNECT]),
    ];
    for (text, kinds) in cases {
        assert_eq!(toy::compile(text).kinds(), KindSet::of(kinds), "{text}");
    }
}

#[test]
fn fields_of_conditions() {
    let condition = "evt.type = open and (proc.name = x or len(proc.args) > val(evt.num))";
    let fields: Vec<&str> = toy::compile(condition).fields().into_iter().collect();
    assert_eq!(fields, ["evt.num", "evt.type", "proc.args", "proc.name"]);
}

#[test]
fn kind_sets() {
    let set = KindSet::of(&[0, 3, 127, 200]);
    assert_eq!(set.iter().collect::<Vec<_>>(), [0, 3, 127]);
    assert!(set.contains(127) && !set.contains(200) && !set.contains(1));
    assert_eq!(KindSet::first(2), KindSet::of(&[0, 1]));
    assert_eq!(KindSet::first(128), KindSet::ALL);
    assert_eq!(set.complement().intersection(set), KindSet::EMPTY);
    assert_eq!(set.union(KindSet::of(&[1])).iter().count(), 4);
    assert_eq!(format!("{:?} {:?}", KindSet::of(&[1]), KindSet::ALL), "{1} all");
}

fn condition() -> impl Strategy<Value = String> {
    let check = prop::sample::select(vec![
        "evt.type = open",
        "evt.type != open",
        "evt.type in (execve, connect)",
        "evt.type = brk",
        "fd.name = x",
        "fd.path != x",
        "fd.ip exists",
        "len(fd.path) = 0",
        "proc.name = val(fd.name)",
        "proc.name = x",
    ]);
    check.prop_map(str::to_owned).prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|t| format!("({})", t.join(" and "))),
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|t| format!("({})", t.join(" or "))),
            inner.prop_map(|t| format!("not ({t})")),
        ]
    })
}

proptest! {
    #[test]
    fn no_kind_is_left_out_that_can_match(text in condition(), facts in 0u8..16, kind in 0u8..3) {
        let x = |bit: u8, name, fact: Fact| (facts & bit != 0).then_some((name, fact));
        let open = kind == OPEN;
        let mut all: Vec<(&'static str, Fact)> = Vec::new();
        all.extend(x(1, "proc.name", Fact::Str("x")));
        if kind != EXEC {
            all.extend(x(2, "fd.name", Fact::Str("x")));
        }
        if open {
            all.extend(x(4, "fd.path", Fact::Str("y")));
        }
        if kind == CONNECT {
            all.extend(x(8, "fd.ip", Fact::Ip("::1")));
        }
        let condition = toy::compile(&text);
        let truth = condition.eval(&toy::event(kind, &all));
        prop_assert!(truth != Tri::True || condition.kinds().contains(kind), "{} {}", text, kind);
    }
}
