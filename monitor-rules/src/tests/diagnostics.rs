//! What is said about conditions that are wrong, with place, message and help.

use super::toy;

/// Loads a rule whose condition starts at line 3, column 14, and compares all that is said.
pub(super) fn check(condition: &str, more: &str, expected: &[&str]) {
    let loaded = toy::load_condition(condition, more);
    assert_eq!(toy::lines(&loaded.diagnostics), expected, "{condition}");
    let errors = expected.iter().any(|line| line.contains(" error["));
    assert_eq!(loaded.rules.rules().len(), usize::from(!errors), "{condition}");
}

const TEXT_OPERATORS: &str = "these apply: =, !=, contains, icontains, bcontains, startswith, \
                              bstartswith, endswith, glob, iglob, regex, in, intersects, pmatch, \
                              exists";

#[test]
fn fields() {
    check(
        "evt.type = open and proc.nam = x",
        "",
        &["f:3:34: error[unknown-field]: unknown field `proc.nam`; did you mean `proc.name`?"],
    );
    check(
        "evt.type = open and zzz.yyy = x",
        "",
        &["f:3:34: error[unknown-field]: unknown field `zzz.yyy`"],
    );
    check(
        "evt.type = open and proc.name[1] = x",
        "",
        &["f:3:44: error[field-argument]: `proc.name` takes no argument"],
    );
    check(
        "evt.type = open and proc.aname[x] = x",
        "",
        &["f:3:45: error[field-argument]: the argument of `proc.aname` is a number, found `x`"],
    );
    check(
        "evt.type = open and proc.env = x",
        "",
        &["f:3:34: error[field-argument]: `proc.env` needs an argument; write `proc.env[…]`"],
    );
    check(
        "evt.type = open and proc.env[] = x",
        "",
        &["f:3:43: error[field-argument]: the argument of `proc.env` is empty"],
    );
    check(
        "evt.type = open and proc.name = val(proc.nme)",
        "",
        &["f:3:50: error[unknown-field]: unknown field `proc.nme`; did you mean `proc.name`?"],
    );
}

#[test]
fn types() {
    check(
        "evt.type = open and proc.pid contains x",
        "",
        &["f:3:43: error[type-mismatch]: `contains` does not apply to `proc.pid`, which is a \
           number; these apply: =, !=, <, <=, >, >=, in, intersects, exists"],
    );
    check(
        "evt.type = open and proc.name > 5",
        "",
        &[&format!(
            "f:3:44: error[type-mismatch]: `>` does not apply to `proc.name`, which is a string; \
             {TEXT_OPERATORS}"
        )],
    );
    check(
        "evt.is_open_write = 7",
        "",
        &["f:3:34: error[type-mismatch]: `evt.is_open_write` is a boolean, `7` is none"],
    );
    check(
        "evt.type = open and proc.pid = x",
        "",
        &["f:3:45: error[type-mismatch]: `proc.pid` is a number, `x` is none"],
    );
    check(
        "evt.type = open and proc.pid in (1, x, 99999999999999999999)",
        "",
        &["f:3:50: error[type-mismatch]: `proc.pid` is a number, `x` is none"],
    );
    check(
        "evt.type = connect and fd.ip in (10.0.0.0/33)",
        "",
        &["f:3:47: error[type-mismatch]: `fd.ip` is an IP address, `10.0.0.0/33` is none"],
    );
    check(
        "evt.type = open and len(proc.name) = x",
        "",
        &["f:3:51: error[type-mismatch]: `len(proc.name)` is a number, `x` is none"],
    );
    check(
        "evt.type = open and tolower(proc.pid) = x",
        "",
        &["f:3:42: error[type-mismatch]: `tolower` takes a string, `proc.pid` is a number"],
    );
    check(
        "evt.type = open and proc.pid = val(proc.name)",
        "",
        &["f:3:45: error[type-mismatch]: a number cannot be compared with `val(proc.name)`, \
           which is a string"],
    );
    check(
        "evt.type = open and proc.name glob val(proc.pname)",
        "",
        &["f:3:44: error[type-mismatch]: the right side of `glob` must be a constant"],
    );
}

#[test]
fn values() {
    check(
        "evt.type = open and proc.name regex '['",
        "",
        &["f:3:50: error[bad-value]: not a valid regex: unclosed character class"],
    );
    check(
        "evt.type = open and proc.name regex 'x)|(y'",
        "",
        &["f:3:50: error[bad-value]: not a valid regex: unopened group"],
    );
    check(
        "evt.type = open and proc.name bcontains abc",
        "",
        &["f:3:54: error[bad-value]: not a valid bcontains: expected pairs of hexadecimal digits"],
    );
    check(
        "evt.type = opne",
        "",
        &["f:3:25: error[unknown-event-type]: unknown event type `opne`; did you mean `open`?"],
    );
    check(
        "evt.type in (open, execvee)",
        "",
        &[
            "f:3:33: error[unknown-event-type]: unknown event type `execvee`; did you mean `execve`?",
        ],
    );
    check(
        "evt.type = open and concat(proc.name) = x",
        "",
        &["f:3:34: error[syntax]: `concat` takes at least two operands, found 1"],
    );
}

#[test]
fn macros_and_lists() {
    let more = "- macro: shells\n  condition: proc.name in (shell_names)\n- list: shell_names\n  \
                items: [bash]\n";
    check(
        "evt.type = open and shell",
        more,
        &["f:3:34: error[unknown-macro]: unknown macro `shell`; did you mean `shells`?"],
    );
    check(
        "evt.type = open and shell_names",
        more,
        &["f:3:34: error[unknown-macro]: unknown macro `shell_names`; `shell_names` is a list; \
           use it as in `proc.name in (shell_names)`"],
    );
    check(
        "evt.type = open and proc.name in shel_names",
        more,
        &["f:3:47: error[unknown-list]: unknown list `shel_names`; did you mean `shell_names`?"],
    );
    check(
        "evt.type = open and proc.name in bash",
        more,
        &["f:3:47: error[unknown-list]: unknown list `bash`; for the value itself write `(bash)`"],
    );
    check(
        "evt.type = open and proc.name in (shel_names)",
        more,
        &["f:3:48: warning[suspicious-list-item]: `shel_names` is taken as a value; did you mean \
           the list `shell_names`? If not, put it in quotes"],
    );
    check("evt.type = open and shells", more, &[]);
    check("evt.type = open and proc.name in shell_names", more, &[]);
}

#[test]
fn recursion() {
    check(
        "evt.type = open and one",
        "- macro: one\n  condition: two\n- macro: two\n  condition: proc.name = x or one\n",
        &["f:9:31: error[recursion]: macro `one` contains itself; one → two → one"],
    );
    check(
        "evt.type = open and proc.name in (one)",
        "- list: one\n  items: [x, two]\n- list: two\n  items: [one]\n",
        &["f:9:11: error[recursion]: list `one` contains itself; one → two → one"],
    );
}

#[test]
fn the_macro_is_to_blame_once() {
    let more = "- macro: broken\n  condition: proc.nam = x\n- rule: other\n  desc: d\n  \
                condition: broken\n  output: o\n  priority: info\n";
    check(
        "broken and proc.pid = y",
        more,
        &[
            "f:3:36: error[type-mismatch]: `proc.pid` is a number, `y` is none",
            "f:7:14: error[unknown-field]: unknown field `proc.nam`; did you mean `proc.name`?",
        ],
    );
}

#[test]
fn all_errors_are_gathered() {
    check(
        "evt.type = opne and proc.nam = x and (proc.pid = y or foo)",
        "",
        &[
            "f:3:25: error[unknown-event-type]: unknown event type `opne`; did you mean `open`?",
            "f:3:34: error[unknown-field]: unknown field `proc.nam`; did you mean `proc.name`?",
            "f:3:63: error[type-mismatch]: `proc.pid` is a number, `y` is none",
            "f:3:68: error[unknown-macro]: unknown macro `foo`",
        ],
    );
}

#[test]
fn places_in_scalars_of_every_style() {
    let unknown = |line: usize, column: usize| {
        vec![format!(
            "f:{line}:{column}: error[unknown-field]: unknown field `proc.nam`; did you mean \
             `proc.name`?"
        )]
    };
    let styles: &[(&str, usize, usize)] = &[
        ("evt.type = open\n    and proc.nam = x", 4, 9),
        (">\n    evt.type = open\n    and\n    proc.nam = x", 6, 5),
        (">-\n    evt.type = open\n\n    and proc.nam = x\n\n", 6, 9),
        ("|\n    evt.type = open\n      and proc.nam = x", 5, 11),
        (">2\n    evt.type = open and\n       proc.nam = x", 5, 8),
        ("'evt.type = ''open'' and proc.nam = x'", 3, 39),
        (r#""evt.type = \"open\" and proc.nam = x""#, 3, 39),
        ("\"evt.type = open and\n     proc.nam = x\"", 4, 6),
        (r#""evt.type = \x6fpen and proc.nam = x""#, 3, 38),
        ("\"evt.type = open \\\n     and proc.nam = x\"", 4, 10),
        ("&c evt.type = open and proc.nam = x", 3, 37),
        (">\n    evt.type = open and proc.name != \"é\" and proc.nam = x", 4, 46),
    ];
    for (condition, line, column) in styles {
        let loaded = toy::load_condition(condition, "");
        assert_eq!(toy::lines(&loaded.diagnostics), unknown(*line, *column), "{condition}");
    }
}

#[test]
fn syntax_errors_in_rules_and_macros() {
    check(
        ">\n    evt.type = open and\n    (proc.name = x",
        "- macro: m\n  condition: and\n- macro: n\n  condition: evt.num = 1\n",
        &["f:5:5: error[syntax]: expected `)`, found the end; this parenthesis is open"],
    );
    check(
        "evt.type = open an proc.name = x",
        "",
        &["f:3:30: error[syntax]: expected `and`, `or` or the end of the condition, found `an`"],
    );
    check(
        "evt.type = open and proc.name contians x",
        "",
        &["f:3:44: error[syntax]: expected an operator after `proc.name`, found `contians`; did \
           you mean `contains`?"],
    );
    check(
        "evt.type",
        "",
        &["f:3:22: error[syntax]: expected an operator after `evt.type`, found the end; compare \
           it, as in `evt.type = …`, or ask whether it is there: `evt.type exists`"],
    );
    check("''", "", &["f:3:14: error[syntax]: expected a field, a macro or `(`, found the end"]);
}

#[test]
fn outputs() {
    let load = |output: &str| {
        let rule = format!(
            "- rule: r\n  desc: d\n  condition: evt.type = open\n  priority: info\n  output: {output}\n"
        );
        toy::lines(&toy::load(&[("f", &rule)]).diagnostics)
    };
    assert_eq!(
        load("a %proc.nam %proc.aname[x] %proc.name[ %evt.typ"),
        [
            "f:5:14: error[unknown-field]: unknown field `proc.nam`; did you mean `proc.name`?",
            "f:5:35: error[field-argument]: the argument of `proc.aname` is a number, found `x`",
            "f:5:48: error[syntax]: `[` is not closed",
            "f:5:51: error[unknown-field]: unknown field `evt.typ`; did you mean `evt.type`?",
        ]
    );
    assert_eq!(
        load(">\n    x\n    y %proc.nam"),
        ["f:7:8: error[unknown-field]: unknown field `proc.nam`; did you mean `proc.name`?"]
    );
}

#[test]
fn warnings() {
    check(
        "evt.type = execve and fd.name = x",
        "",
        &["f:1:9: warning[never-matches]: rule `r` can never fire here: no kind of event has \
           the `evt.type` and all the fields that it asks for"],
    );
    check(
        "proc.name = x",
        "",
        &["f:1:9: warning[all-kinds]: rule `r` is tried on events of every kind; say which, as \
           in `evt.type = …`"],
    );
    check(
        "evt.type = brk",
        "",
        &[
            "f:1:9: warning[never-matches]: rule `r` can never fire here: nothing that is \
             observed can make this true: `evt.type = brk`",
            "f:3:25: warning[unobserved-event-type]: events of type `brk` are not observed",
        ],
    );
    check(
        "evt.type in (brk, open)",
        "",
        &["f:3:27: warning[unobserved-event-type]: events of type `brk` are not observed"],
    );
    check("evt.type != brk and evt.type = open", "", &[]);
    check(
        "evt.type = open and (fd.unseen = x or fd.part = y)",
        "",
        &[
            "f:3:35: warning[unobserved-field]: no event has `fd.unseen`: what is compared with \
             it never holds",
            "f:3:52: warning[partly-observed]: `fd.part` tells only a part: the other part",
        ],
    );
    check(
        "evt.type = open and fd.unseen = x",
        "",
        &[
            "f:1:9: warning[never-matches]: rule `r` can never fire here: nothing that is \
             observed can make this true: `fd.unseen = x`",
            "f:3:34: warning[unobserved-field]: no event has `fd.unseen`: what is compared with \
             it never holds",
        ],
    );
    check(
        "evt.type = open and proc.aname != x",
        "",
        &["f:3:45: warning[ambiguous-not-equal]: `proc.aname != …` holds if any one of the \
           values differs; if none may be equal, write `not proc.aname = …`"],
    );
}

#[test]
fn sequences_with_a_step_that_never_matches() {
    let check = |condition: &str, steps: &str, expected: &[&str]| {
        let rule = "- rule: r\n  desc: d\n  output: o\n  priority: info\n";
        let aggregate = format!("  aggregate: {{within: 1s, sequence: [{steps}]}}\n");
        let loaded = toy::load(&[("f", &format!("{rule}{condition}{aggregate}"))]);
        let mut found = toy::lines(&loaded.diagnostics);
        found.retain(|line| line.contains("never-matches"));
        assert_eq!(found, expected, "{condition}{steps}");
    };
    check("", "evt.type = open, evt.type = connect", &[]);
    check(
        "",
        "evt.type = open, evt.type = brk",
        &["f:1:9: warning[never-matches]: rule `r` can never fire here: step 2 of its sequence \
           never matches: nothing that is observed can make this true: `evt.type = brk`"],
    );
    check(
        "",
        "evt.type = execve and fd.name = x, evt.type = brk, evt.type = open",
        &["f:1:9: warning[never-matches]: rule `r` can never fire here: step 1 of its sequence \
           never matches: no kind of event has the `evt.type` and all the fields that it asks for"],
    );
    check(
        "  condition: evt.type = open\n",
        "proc.name = x, evt.type = connect",
        &["f:1:9: warning[never-matches]: rule `r` can never fire here: step 2 of its sequence \
           never matches: no kind of event meets both it and the condition"],
    );
    check(
        "",
        "evt.type = brk, evt.type = brk",
        &["f:1:9: warning[never-matches]: rule `r` can never fire here: nothing that is observed \
           can make this true: `evt.type = brk`"],
    );
}

#[test]
fn comparisons_with_what_a_field_never_is() {
    let never = |shown: &str| {
        format!(
            "f:1:9: warning[never-matches]: rule `r` can never fire here: nothing that is \
             observed can make this true: `{shown}`"
        )
    };
    for condition in ["evt.dir = >", "evt.dir != <", "evt.dir in (>, x)", "evt.dir startswith >"] {
        check(&format!("evt.type = open and {condition}"), "", &[&never(condition)]);
    }
    for condition in ["evt.dir = <", "evt.dir != >", "evt.dir in (>, <)", "not evt.dir = >"] {
        check(&format!("evt.type = open and {condition}"), "", &[]);
    }
    check("evt.type = open and (evt.dir = > or proc.name = x)", "", &[]);
}

#[test]
fn a_diagnostic_renders_its_source() {
    let loaded = toy::load_condition(">\n    evt.type = open\n    and proc.nam = x", "");
    let mut text = String::new();
    let handler = miette::NarratableReportHandler::new();
    handler.render_report(&mut text, &loaded.diagnostics[0]).unwrap();
    assert!(text.contains("unknown field `proc.nam`"), "{text}");
    assert!(text.contains("and proc.nam = x"), "{text}");
    assert!(text.contains("did you mean `proc.name`?"), "{text}");
}
