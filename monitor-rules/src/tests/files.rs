//! Rule files: YAML, objects, keys, later definitions, exceptions and bounds.

use proptest::prelude::*;

use super::toy::{self, Fact, OPEN};
use crate::RuleFile;
use crate::limits::{FILE_BYTES_MAX, YAML_DEPTH_MAX};

const RULE: &str = "- rule: r\n  desc: d\n  condition: evt.type = open and proc.name = x\n  \
                    output: o\n  priority: info\n";

fn check(files: &[&str], expected: &[&str]) {
    let names = ["f", "g", "h"];
    let files: Vec<(&str, &str)> = names.iter().copied().zip(files.iter().copied()).collect();
    assert_eq!(toy::lines(&toy::load(&files).diagnostics), expected, "{files:?}");
}

/// The names for which the rule `r` fires on an open.
fn fires_for(files: &[&str]) -> Vec<&'static str> {
    let names = ["f", "g", "h"];
    let files: Vec<(&str, &str)> = names.iter().copied().zip(files.iter().copied()).collect();
    let loaded = toy::load(&files);
    let found = toy::lines(&loaded.diagnostics);
    assert!(!loaded.has_errors(), "{found:#?}");
    ["x", "y", "z", "a b"]
        .into_iter()
        .filter(|name| {
            let facts = [("proc.name", Fact::Str(name)), ("fd.name", Fact::Str("/tmp/f"))];
            toy::found(&loaded.rules, &toy::event(OPEN, &facts))
                .iter()
                .any(|(_, outcome)| !matches!(outcome, crate::Outcome::Excepted(_)))
        })
        .collect()
}

#[test]
fn good_files() {
    check(&[RULE], &[]);
    check(&[""], &[]);
    check(&["# only a comment\n"], &[]);
    check(&["---\n[]\n"], &[]);
    check(
        &[
            "- required_engine_version: 0.57.0\n- required_plugin_versions:\n  - name: x\n    version: 1\n",
        ],
        &[],
    );
    check(&["- list: l\n  items: []\n- list: m\n  items:\n"], &[]);
}

#[test]
fn bad_yaml() {
    check(
        &["a: b\n"],
        &[
            "f:1:1: error[shape]: a rule file is a list of objects; start each object with `- rule:`, `- macro:` or `- list:`",
        ],
    );
    check(
        &["- 1\n- []\n"],
        &[
            "f:1:3: error[shape]: expected an object, found a value",
            "f:2:3: error[shape]: expected an object, found a list",
        ],
    );
    check(
        &["- rul: x\n"],
        &["f:1:3: error[shape]: object is of no known sort; did you mean `rule`?"],
    );
    check(
        &["- {}\n"],
        &[
            "f:1:3: error[shape]: object is of no known sort; an object has a key `rule`, `macro` or `list`",
        ],
    );
    check(
        &["- macro: m\n  macro: n\n  condition: x\n"],
        &["f:2:3: error[yaml]: key `macro` is there twice"],
    );
    check(&["- ? [a]\n  : b\n"], &["f:1:5: error[shape]: a key must be a plain word"]);
    check(
        &["- *x\n"],
        &["f:1:3: error[yaml]: not valid YAML: while parsing node, found unknown anchor"],
    );
}

#[test]
fn what_stands_above_bad_yaml_is_still_checked() {
    let text = "- rule: r\n  desc: d\n  condition: proc.nam = x\n  output: o\n  priority: info\n- rule: [\n";
    let found = toy::lines(&toy::load(&[("f", text)]).diagnostics);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("f:3:14: error[unknown-field]"), "{found:#?}");
    assert!(found[1].contains("error[yaml]: not valid YAML"), "{found:#?}");
}

#[test]
fn keys() {
    check(
        &["- rule: r\n  desc: d\n  conditon: x\n  output: o\n  priority: info\n"],
        &[
            "f:1:9: error[shape]: rule `r` has no `condition`",
            "f:3:3: error[unknown-key]: unknown key `conditon`; did you mean `condition`?",
        ],
    );
    check(
        &["- rule: r\n"],
        &[
            "f:1:9: error[shape]: rule `r` has no `condition`",
            "f:1:9: error[shape]: rule `r` has no `desc`",
            "f:1:9: error[shape]: rule `r` has no `priority`",
            "f:1:9: error[shape]: rule `r` has no `output`",
        ],
    );
    check(&["- macro: m\n"], &["f:1:10: error[shape]: macro `m` has no `condition`"]);
    check(
        &["- list: l\n  item: []\n"],
        &[
            "f:1:9: error[shape]: list `l` has no `items`",
            "f:2:3: error[unknown-key]: unknown key `item`; did you mean `items`?",
        ],
    );
    check(&["- macro: ''\n  condition: x\n"], &["f:1:10: error[shape]: the macro has no name"]);
    check(
        &["- macro: m\n  condition: [x]\n"],
        &[
            "f:1:10: error[shape]: macro `m` has no `condition`",
            "f:2:14: error[shape]: `condition` must be a text, found a list",
        ],
    );
    check(
        &[&format!("{RULE}  enabled: maybe\n")],
        &["f:6:12: error[shape]: `enabled` must be `true` or `false`"],
    );
    check(
        &[&format!("{RULE}  tags: x\n")],
        &["f:6:9: error[shape]: `tags` must be a list, found a value"],
    );
    check(
        &[&format!("{RULE}  capture: true\n")],
        &["f:6:3: warning[no-effect]: `capture` has no effect here"],
    );
    check(
        &[&format!("{RULE}  zzzzzz: true\n").replace("r\n", "r\n")],
        &[
            "f:6:3: error[unknown-key]: unknown key `zzzzzz`; known keys: rule, id, version, desc, condition, output, priority, source, enabled, skip-if-unknown-filter, tags, mitre, references, false_positives, triage, exceptions, mode, expected_rate, aggregate, tests, append, override, warn_evttypes, capture, capture_duration",
        ],
    );
}

#[test]
fn values_of_keys() {
    check(
        &[&RULE.replace("info", "warnign")],
        &["f:5:13: error[bad-value]: unknown priority `warnign`; did you mean `warning`?"],
    );
    check(
        &[&RULE.replace("info", "x")],
        &[
            "f:5:13: error[bad-value]: unknown priority `x`; priorities: emergency, alert, critical, error, warning, notice, informational, debug",
        ],
    );
    check(
        &[&format!("{RULE}  mitre: [T1059, X1]\n")],
        &[
            "f:6:18: error[bad-value]: `X1` is no ATT&CK tactic or technique; write an id such as `TA0002`, `T1059` or `T1059.004`",
        ],
    );
    check(
        &[&format!("{RULE}  source: k8s_audit\n")],
        &[
            "f:6:11: warning[rule-skipped]: rule `r` is left out: source `k8s_audit`; only rules for the source `syscall` are used",
        ],
    );
    check(&[&format!("{RULE}  source: syscall\n")], &[]);
    check(
        &[RULE, &format!("{}  id: r\n", RULE.replace("rule: r", "rule: R"))],
        &[
            "g:6:7: error[duplicate-id]: rule `R` has the id `r` of rule `r`; give one of them another `id`",
        ],
    );
    let loaded = toy::load(&[("f", RULE), ("g", &RULE.replace("rule: r", "rule: R"))]);
    let ids: Vec<&str> = loaded.rules.rules().iter().map(|rule| &*rule.about.id).collect();
    assert_eq!(ids, ["r", "r_2"], "ids that are made from names are numbered");
    let skip = RULE.replace("proc.name", "proc.nam");
    check(
        &[&format!("{skip}  skip-if-unknown-filter: true\n")],
        &["f:1:9: warning[rule-skipped]: rule `r` is left out: it uses unknown fields"],
    );
}

#[test]
fn later_definitions() {
    assert_eq!(fires_for(&[RULE]), ["x"]);
    assert_eq!(fires_for(&[RULE, &RULE.replace("= x", "= y")]), ["y"]);
    assert_eq!(fires_for(&[RULE, "- rule: r\n  enabled: false\n"]), [""; 0]);
    assert_eq!(
        fires_for(&[RULE, "- rule: r\n  enabled: false\n", "- rule: r\n  enabled: true\n"]),
        ["x"]
    );
    let by_macro = RULE.replace("proc.name = x", "m");
    let m = |name: &str| format!("- macro: m\n  condition: proc.name = {name}\n");
    assert_eq!(fires_for(&[&by_macro, &m("x"), &m("y")]), ["y"]);
    let by_list = RULE.replace("= x", "in (l)");
    assert_eq!(fires_for(&[&by_list, "- list: l\n  items: [x, z]\n"]), ["x", "z"]);
    let nested = "- list: l\n  items: [x, k]\n- list: k\n  items: [\"y\", 'a b']\n";
    assert_eq!(fires_for(&[&by_list, nested]), ["x", "y", "a b"]);
    let quoted = "- list: l\n  items: ['\"x\"', \"'a b'\", '\"k\"']\n- list: k\n  items: [z]\n";
    assert_eq!(fires_for(&[&by_list, quoted]), ["x", "a b"]);
    let append = "- list: l\n  items: [z]\n  override: {items: append}\n";
    assert_eq!(fires_for(&[&by_list, nested, append]), ["x", "y", "z", "a b"]);
    let old = "- list: l\n  items: [z]\n  append: true\n";
    assert_eq!(fires_for(&[&by_list, nested, old]), ["x", "y", "z", "a b"]);
}

#[test]
fn overrides() {
    let append = "- rule: r\n  condition: or proc.name = y\n  override:\n    condition: append\n";
    assert_eq!(fires_for(&[RULE, append]), ["x", "y"]);
    let replace = "- rule: r\n  condition: evt.type = open and proc.name = z\n  override:\n    condition: replace\n";
    assert_eq!(fires_for(&[RULE, replace]), ["z"]);
    let switch = "- rule: r\n  enabled: false\n  override: {enabled: replace}\n";
    assert_eq!(fires_for(&[RULE, switch]), [""; 0]);
    let many = "- rule: r\n  desc: more\n  tags: [t]\n  output: p %proc.name\n  priority: debug\n  override: {desc: append, tags: append, output: append, priority: replace}\n";
    let loaded = toy::load(&[("f", RULE), ("g", many)]);
    assert_eq!(toy::lines(&loaded.diagnostics), [""; 0]);
    let about = &loaded.rules.rules()[0].about;
    assert_eq!((about.desc.as_str(), about.tags.as_slice()), ("d more", &["t".to_owned()][..]));
    assert_eq!(about.priority, crate::Priority::Debug);
}

#[test]
fn wrong_overrides() {
    check(
        &["- rule: r\n  condition: x\n  override: {condition: append}\n"],
        &[
            "f:1:9: error[nothing-to-override]: no earlier rule `r` to override; files are read in the order in which they are given; `builtin` names the rules that runmon brings along",
        ],
    );
    check(
        &[RULE, "- rule: r\n  condition: x\n  override: {conditio: append}\n"],
        &["g:3:14: error[unknown-key]: `conditio` cannot be overridden; did you mean `condition`?"],
    );
    check(
        &[RULE, "- rule: r\n  condition: and proc.nam = y\n  override: {condition: append}\n"],
        &["g:2:18: error[unknown-field]: unknown field `proc.nam`; did you mean `proc.name`?"],
    );
    check(
        &[RULE, "- rule: r\n  override: {condition: append}\n"],
        &["g:2:14: error[shape]: `override` names `condition`, but it is not given"],
    );
    check(
        &[RULE, "- rule: r\n  priority: info\n  desc: x\n  override: {priority: replace}\n"],
        &[
            "g:1:9: error[shape]: `desc` is given, but `override` does not name it; add `desc: replace` or `desc: append`",
        ],
    );
    check(
        &[RULE, "- rule: r\n  priority: info\n  override: {priority: append}\n"],
        &["g:3:24: error[bad-value]: `priority` can only be replaced"],
    );
    check(
        &[RULE, "- rule: r\n  condition: and proc.pid = 1\n  append: true\n"],
        &[
            "g:3:3: warning[deprecated]: `append: true` is on its way out; write `override:` with `condition: append`",
        ],
    );
    let old = |more: &str, advice: &str| {
        let found =
            format!("g:3:3: warning[deprecated]: `append: true` is on its way out; write {advice}");
        let list = "- list: l\n  items: [x]\n";
        check(&[&format!("{RULE}{list}"), &format!("- {more}\n  append: true\n")], &[&found]);
    };
    old("list: l\n  items: [y]", "`override:` with `items: append`");
    let exceptions = "exceptions: [{name: e, fields: proc.name, values: [y]}]";
    old(&format!("rule: r\n  {exceptions}"), "`override:` with `exceptions: append`");
    check(
        &[
            RULE,
            &format!("- rule: r\n  append: true\n  condition: and proc.pid = 1\n  {exceptions}\n"),
        ],
        &[
            "g:2:3: warning[deprecated]: `append: true` is on its way out; write `override:` with `condition: append` and `exceptions: append`",
        ],
    );
}

#[test]
fn parts_that_no_override_changes() {
    check(
        &[RULE, "- rule: r\n  id: x\n  enabled: true\n  override: {enabled: replace}\n"],
        &["g:1:9: error[shape]: `id` cannot be overridden; define the whole rule again, without \
           `override`"],
    );
    // Not a switch: it says more than `enabled`, so it is a whole rule, and lacks parts.
    let found = toy::load(&[("f", RULE), ("g", "- rule: r\n  enabled: false\n  priority: info\n")]);
    assert_eq!(found.diagnostics.len(), 3);
}

#[test]
fn exceptions() {
    let any = RULE.replace("proc.name = x", "proc.name exists");
    let with = |exceptions: &str| format!("{any}  exceptions:\n{exceptions}");
    let one = with("  - name: e\n    fields: [proc.name]\n    values:\n    - [x]\n    - [a b]\n");
    assert_eq!(fires_for(&[&one]), ["y", "z"]);
    let single = with("  - name: e\n    fields: proc.name\n    values: [x, y]\n");
    assert_eq!(fires_for(&[&single]), ["z", "a b"]);
    let comps = with(
        "  - name: e\n    fields: [proc.name, fd.name]\n    comps: [in, startswith]\n    values:\n    - [[x, y], /tmp]\n    - [z, /var]\n",
    );
    assert_eq!(fires_for(&[&comps]), ["z", "a b"]);
    let two = with(
        "  - name: e\n    fields: [proc.name]\n    values: [[x]]\n  - name: g\n    fields: [proc.name]\n    values: [[z]]\n",
    );
    assert_eq!(fires_for(&[&two]), ["y", "a b"]);
    let empty = with("  - name: e\n    fields: [proc.name]\n");
    assert_eq!(fires_for(&[&empty]), ["x", "y", "z", "a b"]);
    let append = "- rule: r\n  exceptions:\n  - name: e\n    values: [[z]]\n  override: {exceptions: append}\n";
    assert_eq!(fires_for(&[&one, append]), ["y"]);
    let written = |values: &str| {
        with(&format!(
            "  - name: e\n    fields: [proc.name]\n    comps: [in]\n    values: {values}\n"
        ))
    };
    assert_eq!(fires_for(&[&written("[[\"(x,'a b')\"], [[y]]]")]), ["z"]);
    assert_eq!(fires_for(&[&written("[[\"(x) or proc.name in (y)\"]]")]), ["x", "y", "z", "a b"]);
    let list = with("  - name: e\n    fields: proc.name\n    values: [l]\n");
    assert_eq!(fires_for(&[&list, "- list: l\n  items: [x, y]\n"]), ["z", "a b"]);
}

#[test]
fn wrong_exceptions() {
    let with = |exceptions: &str| format!("{RULE}  exceptions:\n{exceptions}");
    check(
        &[&with("  - fields: [proc.name]\n")],
        &["f:7:5: error[shape]: the exception has no `name`"],
    );
    check(
        &[&with("  - name: e\n    values: [[x]]\n")],
        &["f:7:11: error[shape]: exception `e` has no `fields`"],
    );
    check(
        &[&with("  - name: e\n    fields: [proc.nam]\n    values: [[x]]\n")],
        &["f:8:14: error[unknown-field]: unknown field `proc.nam`; did you mean `proc.name`?"],
    );
    check(
        &[&with("  - name: e\n    fields: [proc.pid]\n    values: [[x]]\n")],
        &["f:9:15: error[type-mismatch]: `proc.pid` is a number, `x` is none"],
    );
    check(
        &[&with("  - name: e\n    fields: [proc.pid, proc.name]\n    values: [[1]]\n")],
        &["f:9:15: error[shape]: exception `e` has 2 fields, this row has 1 values"],
    );
    check(
        &[&with("  - name: e\n    fields: [proc.pid, proc.name]\n    comps: [=]\n")],
        &["f:7:5: error[shape]: 2 fields but 1 comps"],
    );
    check(
        &[&with("  - name: e\n    fields: [proc.name]\n    comps: [is]\n    values: [[x]]\n")],
        &["f:9:13: error[bad-value]: unknown operator `is`"],
    );
    check(
        &[&with("  - name: e\n    fields: [proc.name]\n    values: [[[x, y]]]\n")],
        &[
            "f:9:15: error[shape]: `=` takes one value, not a list; use `in` in `comps` for a list of values",
        ],
    );
    let nested = "error[shape]: a list of values takes texts, not a list; write the values of one \
                  field in one list, and what is another case in another row";
    for (exception, place) in [
        ("fields: [proc.name]\n    comps: [in]\n    values: [[[x, [y, z]]]]\n", "f:10:19"),
        (
            "fields: [proc.pid, proc.name]\n    comps: [=, in]\n    values: [[1, [[x]]]]\n",
            "f:10:19",
        ),
        ("fields: proc.name\n    comps: in\n    values: [x, [y, [z]]]\n", "f:10:21"),
        ("fields: proc.name\n    values: [[[x]]]\n", "f:9:15"),
    ] {
        let file = with(&format!("  - name: e\n    {exception}"));
        check(&[&file], &[&format!("{place}: {nested}")]);
    }
    check(
        &[&with("  - name: e\n    fields: [proc.name]\n    values: [[{a: b}]]\n")],
        &[
            "f:9:15: error[shape]: a value of an exception is a text, not a mapping; put a text that has `: ` in it in quotes",
        ],
    );
    check(
        &[&with("  - name: e\n    fields: [proc.name]\n    values: [x]\n")],
        &[
            "f:9:14: error[shape]: each of `values` must be a list; `fields` is a list, and so is each row: one value for each field",
        ],
    );
    check(
        &[&with("  - name: e\n    fields: [proc.name]\n    valeus: [[x]]\n")],
        &["f:9:5: error[unknown-key]: unknown key `valeus`; did you mean `values`?"],
    );
}

#[test]
fn bounds() {
    let deep = format!("- list: l\n  items: {}\n", "[".repeat(YAML_DEPTH_MAX + 1));
    check(&[&deep], &["f:2:40: error[limit]: YAML is nested deeper than 32 levels"]);
    let mut laughs = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let refs = vec![format!("*a{}", i - 1); 10].join(", ");
        laughs.push_str(&format!("- &a{i} [{refs}]\n"));
    }
    let found = toy::lines(&toy::load(&[("f", &laughs)]).diagnostics);
    assert!(found.iter().any(|line| line.contains("more than 500000 YAML nodes")), "{found:#?}");
    let large = vec![b' '; FILE_BYTES_MAX + 1];
    let found = crate::parse_file(RuleFile { name: "f", bytes: &large });
    assert_eq!(toy::lines(&found), ["f:1:1: error[limit]: rule file is larger than 4194304 bytes"]);
    let found = crate::parse_file(RuleFile { name: "f", bytes: b"- \xff" });
    assert_eq!(toy::lines(&found), ["f:1:1: error[yaml]: not UTF-8: byte 2 is invalid"]);
    // Macros that double: two to the power of twenty terms.
    let mut doubling = RULE.replace("proc.name = x", "m20");
    doubling.push_str("- macro: m0\n  condition: proc.name = x\n");
    for i in 1..=20 {
        let below = i - 1;
        doubling.push_str(&format!("- macro: m{i}\n  condition: m{below} or m{below}\n"));
    }
    let found = toy::lines(&toy::load(&[("f", &doubling)]).diagnostics);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("condition has more than 50000 terms"), "{found:#?}");
    // Lists that hold nothing, ten to the power of twenty times.
    let mut empty = RULE.replace("= x", "in (l20)");
    empty.push_str("- list: l0\n  items: []\n");
    for i in 1..=20 {
        let below = vec![format!("l{}", i - 1); 10].join(", ");
        empty.push_str(&format!("- list: l{i}\n  items: [{below}]\n"));
    }
    let found = toy::lines(&toy::load(&[("f", &empty)]).diagnostics);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("lists expand to more than 5000000 values in all"), "{found:#?}");
    let mut chain = RULE.replace("= x", "in (l64)");
    chain.push_str("- list: l0\n  items: [x]\n");
    for i in 1..=64 {
        chain.push_str(&format!("- list: l{i}\n  items: [l{}]\n", i - 1));
    }
    check(&[&chain], &["f:9:11: error[limit]: lists are nested deeper than 64 levels"]);
    let many = "- x\n".repeat(2000);
    assert_eq!(toy::load(&[("f", &many)]).diagnostics.len(), crate::limits::DIAGNOSTICS_MAX);
}

#[test]
fn suggestions_are_not_looked_for_without_end() {
    let mut text = "- list: shells_of_ours\n  items: [x]\n".to_owned();
    for i in 0..9_999 {
        text.push_str(&format!("- list: l{i}\n  items: [x]\n"));
    }
    for i in 0..100 {
        let rule = RULE.replace("rule: r", &format!("rule: r{i}"));
        text.push_str(&rule.replace("= x", "in (shells_of_our)"));
    }
    let suggested = toy::load(&[("f", &text)]).diagnostics.len();
    assert_eq!(suggested, crate::limits::NAMES_COMPARED_MAX / 10_000);
}

proptest! {
    #[test]
    fn no_bytes_stop_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(crate::parse_file(RuleFile { name: "f", bytes: &bytes }));
    }

    #[test]
    fn no_yaml_stops_the_loader(
        words in prop::collection::vec(prop::sample::select(vec![
            "- ", "rule: ", "condition: ", "macro: ", "list: ", "items: ", "\n", "\n  ", "x", "[", "]",
            "{", "}", ", ", ">", "|", "\"", "'", "&a ", "*a", "!t ", "é", "exceptions: ", "override: ",
            "proc.name = x", "tests: ", "event: ", "- name: e\n", "\\", "#", ": ", "\t", "values: ",
        ]), 0..40)
    ) {
        drop(toy::load(&[("f", &words.concat())]));
    }
}
