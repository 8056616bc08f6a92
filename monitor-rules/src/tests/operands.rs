//! What is said of operands that are not right: transformers, arguments, lists on the left.

use super::diagnostics::check;

#[test]
fn a_field_without_a_type_is_compared_with_anything() {
    let unobserved = "f:3:34: warning[unobserved-field]: no event has `fd.untyped`: what is compared \
                      with it never holds";
    let never = "f:1:9: warning[never-matches]: rule `r` can never fire here: nothing that is \
                 observed can make this true: ";
    for check_ in ["fd.untyped > 3", "fd.untyped contains x", "fd.untyped in (a, 1)"] {
        let never = format!("{never}`{check_}`");
        check(&format!("evt.type = open and {check_}"), "", &[&never, unobserved]);
    }
}

#[test]
fn arguments_behind_a_dot() {
    check("evt.type = open and proc.env.HOME = /root", "", &[]);
    check(
        "evt.type = open and proc.env.HOME[x] = /root",
        "",
        &["f:3:48: error[field-argument]: `proc.env.HOME` takes no argument"],
    );
    check(
        "evt.type = open and fd.name.HOME = /root",
        "",
        &["f:3:34: error[unknown-field]: unknown field `fd.name.HOME`"],
    );
}

#[test]
fn options() {
    let one = |condition: &str, expected: &str| {
        check(&format!("evt.type = open and {condition}"), "", &[expected]);
    };
    one(
        "getopt(proc.args) = x",
        "f:3:34: error[syntax]: `getopt` takes two operands, found 1; write arguments and options, \
         as in `getopt(proc.args, \"nt:\")`",
    );
    one(
        "getopt(proc.name, x) = x",
        "f:3:41: error[type-mismatch]: `getopt` takes a list of arguments, `proc.name` is none; \
         name `proc.cmdline`",
    );
    one(
        "getopt(proc.args, proc.name) = x",
        "f:3:52: error[syntax]: the options of `getopt` are a constant; write them as getopt(3) \
         has them, as in \"nt:\"",
    );
    one(
        "getopt(proc.args, 'n t') = x",
        "f:3:52: error[bad-value]: not the options of a `getopt`: ` ` is no option; an option is \
         a letter or a digit, `:` behind it if it takes an argument",
    );
    one(
        "getopt(proc.args, 'nt:')[n] = x",
        "f:3:59: error[bad-value]: option `n` takes no argument; write `n:` among the options if \
         it takes one",
    );
    one(
        "getopt(proc.args, 'nt:')[t] != x",
        "f:3:62: warning[ambiguous-not-equal]: `getopt(proc.args, \"nt:\")[t] != …` holds if any \
         one of the values differs; if none may be equal, write `not getopt(proc.args, \
         \"nt:\")[t] = …`",
    );
    one(
        "tolower(proc.args)[1] = x",
        "f:3:53: error[unsupported]: `tolower(…)` takes no argument in brackets; `getopt(…)[t]` \
         does, and fields such as `proc.aname[2]`",
    );
    one(
        "(n, t) in (n, t)",
        "f:3:44: error[syntax]: values are compared with values; put a transformer on one side, \
         as in `(n, t) in getopt(proc.args, \"nt:\")`",
    );
    one(
        "(proc.name) in (n, t)",
        "f:3:35: error[syntax]: `proc.name` is a text in this list, not the field; write it without \
         the parentheses",
    );
}
