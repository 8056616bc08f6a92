//! Three-valued logic: pending facts, facts that never come, and what a decision names.

use super::toy::{self, EXEC, Fact, Toy};
use crate::{Outcome, Part, Tri, Undecided, Unknown, Value};

use Fact::{Never, Pending, Str};

/// `container.image` is pending, `container.id` never comes, `proc.name` is known.
fn sample() -> Toy {
    toy::event(
        EXEC,
        &[
            ("container.image", Pending),
            ("container.id", Never),
            ("proc.name", Str("bash")),
            ("proc.aname", Str("sh")),
            ("proc.aname", Pending),
            ("proc.args", Str("x")),
            ("proc.args", Pending),
        ],
    )
}

#[test]
fn truth_while_waiting() {
    use Tri::{False, True, Unknown};
    let cases = [
        ("container.image = x", Unknown),
        ("container.image != x", Unknown),
        ("container.image exists", Unknown),
        ("container.image in (x)", Unknown),
        ("not container.image = x", Unknown),
        ("proc.name = bash and container.image = x", Unknown),
        ("container.image = x and proc.name = bash", Unknown),
        ("proc.name = zsh and container.image = x", False),
        ("container.image = x and proc.name = zsh", False),
        ("proc.name = bash or container.image = x", True),
        ("container.image = x or proc.name = bash", True),
        ("container.image = x or proc.name = zsh", Unknown),
        ("not (container.image = x and proc.name = zsh)", True),
        ("not (container.image = x or proc.name = bash)", False),
        ("container.id = x", False),
        ("container.id exists", False),
        ("not container.id = x", True),
        ("proc.aname = sh", True),
        ("proc.aname = zsh", Unknown),
        ("not proc.aname = zsh", Unknown),
        ("proc.args in (x, y)", Unknown),
        ("proc.args in (y)", False),
        ("proc.args intersects (x)", True),
        ("proc.args intersects (y)", Unknown),
        ("len(proc.args) = 2", Unknown),
        ("tolower(container.image) = x", Unknown),
        ("concat(proc.name, container.image) = x", Unknown),
        ("proc.name = val(container.image)", Unknown),
        ("proc.name = val(container.id)", False),
        ("container.image = val(proc.name)", Unknown),
    ];
    for (text, expected) in cases {
        assert_eq!(toy::compile(text).eval(&sample()), expected, "{text}");
    }
}

#[test]
fn a_decision_takes_unknown_as_false_and_names_the_field() {
    let pending = |field| Undecided { field, why: Unknown::Pending };
    let never = |field| Undecided { field, why: Unknown::Never("gone") };
    let image = pending("container.image");
    let cases = [
        ("container.image = x", false, vec![image]),
        ("not container.image = x", true, vec![image]),
        ("not container.image != x and not container.image = y", true, vec![image]),
        ("proc.name = bash", true, vec![]),
        ("proc.name = bash or container.image = x", true, vec![]),
        ("proc.name = zsh and container.image = x", false, vec![]),
        ("container.id = x or proc.name = bash", true, vec![never("container.id")]),
        (
            "not container.id = x and not container.image = x",
            true,
            vec![never("container.id"), image],
        ),
        ("not proc.aname = zsh", true, vec![pending("proc.aname")]),
        ("proc.aname = sh", true, vec![]),
        ("not proc.name = val(container.image)", true, vec![image]),
    ];
    for (text, fires, undecided) in cases {
        let decision = toy::compile(text).decide(&sample());
        assert_eq!((decision.fires, decision.undecided), (fires, undecided), "{text}");
    }
}

#[test]
fn a_pending_rule_is_among_the_matches() {
    let loaded = toy::load_condition("evt.type = execve and container.image = x", "");
    let event = sample();
    assert_eq!(toy::found(&loaded.rules, &event), [("r".to_owned(), Outcome::Pending)]);
}

#[test]
fn an_explanation_shows_each_check_with_its_values() {
    let more = "- macro: shell\n  condition: proc.name in (bash, zsh)\n";
    let condition = "evt.type = execve and shell and not (proc.aname = cron or fd.name = x)";
    let loaded = toy::load_condition(condition, more);
    let explained = loaded.rules.rules()[0].condition.explain(&sample());
    let check = |text: &str, values: &[Value<'static>], truth| crate::Explained {
        truth,
        part: Part::Check { text: text.to_owned(), values: values.to_vec() },
    };
    let Part::And(parts) = explained.part else { panic!("{explained:?}") };
    assert_eq!(explained.truth, Tri::Unknown);
    assert_eq!(parts[0], check("evt.type = execve", &[Value::str("exec")], Tri::True));
    let shell = check("proc.name in (bash, zsh)", &[Value::str("bash")], Tri::True);
    assert_eq!(parts[1].part, Part::Macro("shell".to_owned(), Box::new(shell)));
    let Part::Not(inner) = &parts[2].part else { panic!("{:?}", parts[2]) };
    let seen = [Value::str("sh"), Value::Unknown(Unknown::Pending)];
    let ancestor = check("proc.aname = cron", &seen, Tri::Unknown);
    let file = check("fd.name = x", &[], Tri::False);
    assert_eq!(inner.part, Part::Or(vec![ancestor, file]));
}
