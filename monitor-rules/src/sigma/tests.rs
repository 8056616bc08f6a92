//! The parts that need no event; what imported rules do on events is tested with the real schema.

use super::encoding::{self, Encoding};
use super::pattern::{Pattern, Shape};
use super::*;
use crate::tests::toy::{self, EXEC, Fact, SCHEMA, Toy};

static PROFILE: Profile = Profile {
    categories: &[Category {
        name: "process_creation",
        condition: "evt.type = execve",
        output: "(name=%proc.name)",
        tags: &["process"],
        fields: &[
            ("Image", Source::Field("proc.name")),
            ("CommandLine", Source::Field("proc.cmdline")),
            ("ProcessId", Source::Field("proc.pid")),
            ("ParentProcessId", Source::Field("proc.ppid")),
            ("Initiated", Source::Always("true")),
            ("Hashes", Source::Nowhere("no hashes")),
        ],
        searched: &["proc.name", "proc.cmdline"],
    }],
};

fn no_rules() -> RuleSet<Toy> {
    RuleSet::load(&SCHEMA, &[]).rules
}

fn import_text(text: &str) -> Imported {
    import_bytes(text.as_bytes())
}

fn import_bytes(bytes: &[u8]) -> Imported {
    import(&SCHEMA, &PROFILE, &no_rules(), &[RuleFile { name: "s.yml", bytes }])
}

/// A Sigma rule with this detection, as it stands in flow style.
fn sigma(detection: &str) -> String {
    format!("title: T\nlogsource: {{category: process_creation}}\ndetection: {detection}\n")
}

/// The condition of the rule, without its category's.
#[track_caller]
fn condition(detection: &str) -> String {
    let imported = import_text(&sigma(detection));
    assert_eq!(imported.left_out, [], "{detection}");
    let loaded = toy::load(&[("f", &imported.file())]);
    let node = loaded.rules.rules()[0].condition.node();
    assert!(!loaded.has_errors());
    assert!(node.size() > 0);
    let rule = &imported.rules[0];
    let start = rule.find("  condition: ").unwrap();
    let end = rule.find("  output: ").unwrap();
    let text = rule[start..end].trim_start_matches("  condition: ").trim_start_matches(">-");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.trim_start_matches("evt.type = execve").trim_start_matches(" and ").to_owned()
}

#[track_caller]
fn refused(detection: &str) -> String {
    let mut imported = import_text(&sigma(detection));
    assert_eq!(imported.rules, [""; 0], "{detection}");
    imported.left_out.pop().unwrap().reason
}

#[test]
fn wildcards_and_backslashes() {
    let check = |text: &str, shape: Shape| assert_eq!(Pattern::parse(text).shape(false), shape);
    check("", Shape::Equal(String::new()));
    check("a", Shape::Equal("a".into()));
    check("*", Shape::Anything);
    check("**", Shape::Anything);
    check("a*", Shape::StartsWith("a".into()));
    check("*a", Shape::EndsWith("a".into()));
    check("**a**", Shape::Contains("a".into()));
    check("a*b", Shape::Glob("a*b".into()));
    check(r"a*[b\\]", Shape::Glob(r"a*\[b\\\]".into()));
    check("?", Shape::Regex("(?i)(?u:.)".into()));
    check("a.?*", Shape::Regex(r"(?i)a\.(?u:.).*".into()));
    check(r"\*", Shape::Equal("*".into()));
    check(r"\?\*a*", Shape::StartsWith("?*a".into()));
    check(r"\", Shape::Equal(r"\".into()));
    check(r"\\", Shape::Equal(r"\".into()));
    check(r"\\\", Shape::Equal(r"\\".into()));
    check(r"\\\\", Shape::Equal(r"\\".into()));
    check(r"a\b", Shape::Equal(r"a\b".into()));
    check(r"a\\*", Shape::StartsWith(r"a\".into()));
    check(r"a\\\*", Shape::Equal(r"a\*".into()));
    assert_eq!(Pattern::parse("?").shape(true), Shape::Regex("(?u:.)".into()));
}

#[test]
fn encodings() {
    let encoded = |text: &str, encodings: &[Encoding]| {
        let all = encoding::encode(&Pattern::parse(text), encodings)?;
        Ok::<_, Refusal>(all.iter().map(|one| one.plain().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let base64 = |text: &str| encoded(text, &[Encoding::Base64]).unwrap().remove(0);
    assert_eq!(
        ["", "a", "ab", "abc", "abcd"].map(base64),
        ["", "YQ==", "YWI=", "YWJj", "YWJjZA=="]
    );
    assert_eq!(base64("\u{e9}\\?>"), "w6k/Pg==");
    let wide = encoded("ab", &[Encoding::Utf16Le, Encoding::Base64]).unwrap();
    assert_eq!(wide, ["YQBiAA=="]);
    let marked = encoded("a", &[Encoding::Utf16, Encoding::Base64]).unwrap();
    assert_eq!(marked, ["//5hAA=="]);
    let big = encoded("a", &[Encoding::Utf16Be, Encoding::Base64]).unwrap();
    assert_eq!(big, ["AGE="]);
    // Wherever it stands in a longer text, one of the three is in the code of that.
    for text in ["http://", "/bin/bash", "ab", "abc", "abcd"] {
        let three = encoded(text, &[Encoding::Base64Offset]).unwrap();
        for before in ["", "x", "xy", "xyz", "wxyz"] {
            for behind in ["", "1", "12", "123"] {
                let whole = base64(&format!("{before}{text}{behind}"));
                let which = &three[before.len() % 3];
                assert!(whole.contains(which.as_str()), "{whole} {which}");
            }
        }
    }
    let wrong = |text, encodings: &[Encoding]| encoded(text, encodings).unwrap_err();
    assert_eq!(wrong("a*", &[Encoding::Base64]), "a value with wildcards cannot be encoded");
    assert_eq!(wrong("a", &[Encoding::Utf16Le]), "UTF-16 is carried only where base64 follows");
    assert_eq!(
        wrong("a", &[Encoding::Base64, Encoding::Base64]),
        "its encodings do not go together"
    );
}

#[test]
fn dashes() {
    let ways = |text: &str| -> Result<Vec<String>, String> {
        let all = encoding::windash(&Pattern::parse(text))?;
        Ok(all.iter().map(|way| format!("{:?}", way.shape(true))).collect())
    };
    let five = ways(" -o").unwrap();
    assert_eq!(five.len(), 5);
    assert_eq!(five[0], r#"Equal(" -o")"#);
    assert_eq!(five[1], r#"Equal(" /o")"#);
    assert_eq!(five[4], "Equal(\" \u{2015}o\")");
    assert_eq!(ways("a-b --").unwrap(), [r#"Equal("a-b --")"#]);
    assert_eq!(ways("* -a*").unwrap()[1], r#"Contains(" /a")"#);
    assert_eq!(ways("-a -b -c -d").unwrap().len(), 625);
    assert!(ways("-a -b -c -d -e").is_err());
}

#[test]
fn conditions() {
    let all = |text: &str| {
        condition(&format!(
            "{{a: {{Image: x}}, sel_1: {{ProcessId: 1}}, sel_2: {{ProcessId: 2}}, \
             _h: {{ProcessId: 3}}, \"1\": {{ProcessId: 4}}, condition: \"{text}\"}}"
        ))
    };
    let (a, one, two) = ("tolower(proc.name) = \"x\"", "proc.pid = 1", "proc.pid = 2");
    assert_eq!(all("a"), a);
    assert_eq!(all("a and not sel_1"), format!("{a} and not {one}"));
    assert_eq!(all("NOT a AND sel_1"), format!("not {a} and {one}"));
    assert_eq!(all("a or sel_1 and sel_2"), format!("({a} or {one} and {two})"));
    assert_eq!(all("(a or sel_1) and sel_2"), format!("({a} or {one}) and {two}"));
    assert_eq!(all("not(a or sel_1)and sel_2"), format!("not ({a} or {one}) and {two}"));
    assert_eq!(all("1 of sel_*"), format!("({one} or {two})"));
    assert_eq!(all("any of sel_*"), format!("({one} or {two})"));
    assert_eq!(all("all of sel*"), format!("{one} and {two}"));
    assert_eq!(all("1 of *_2"), two);
    assert_eq!(all("1 of s*l*2"), two);
    assert_eq!(all("all of a"), a);
    assert_eq!(all("1 of _*"), "proc.pid = 3");
    assert_eq!(all("_h"), "proc.pid = 3");
    assert_eq!(all("1"), "proc.pid = 4");
    assert_eq!(all("not not a"), a);
    assert_eq!(all("all of them"), format!("{a} and {one} and {two} and proc.pid = 4"));
    assert_eq!(condition("{of: {ProcessId: 1}, condition: of}"), one);
    assert_eq!(
        condition("{a: {Image: x}, b: {ProcessId: 1}, condition: [a, b]}"),
        format!("({a} or {one})")
    );
}

#[test]
fn conditions_that_are_none() {
    let wrong = |text: &str| {
        refused(&format!("{{a: {{Image: x}}, _h: {{Image: y}}, condition: \"{text}\"}}"))
    };
    assert_eq!(wrong("a and"), "condition: it ends where a selection is expected");
    assert_eq!(wrong("and a"), "condition: `and` is not expected");
    assert_eq!(wrong("a a"), "condition: `a` is not expected");
    assert_eq!(wrong("(a"), "condition: a parenthesis is not closed");
    assert_eq!(wrong("a)"), "condition: `)` is not expected");
    assert_eq!(wrong("()"), "condition: `)` is not expected");
    assert_eq!(wrong("b"), "condition: no selection `b`");
    assert_eq!(wrong("1 of b*"), "condition: no selection fits `b*`");
    assert_eq!(wrong("1 of h"), "condition: no selection fits `h`");
    assert_eq!(wrong("2 of them"), "condition: `2 of` is not carried, only 1 and all");
    assert_eq!(wrong("1 of"), "condition: it ends behind `of`");
    assert_eq!(
        wrong("a | count() by Image > 5"),
        "condition: aggregation `count() by Image > 5` is not carried"
    );
    assert_eq!(refused("{a: {Image: x}}"), "it has no `condition`");
    assert_eq!(refused("{a: {Image: x}, condition: null}"), "it has no `condition`");
    let deep = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(wrong(&deep), "condition: nested deeper than 64 levels");
    assert_eq!(wrong(&"not ".repeat(1000)), "condition: nested deeper than 64 levels");
    let long = vec!["a"; 20_000].join(" or ");
    assert_eq!(wrong(&long), "condition: it asks for more than 10000 checks");
    let longer = vec!["a"; 100_000].join(" or ");
    assert_eq!(wrong(&longer), "condition: longer than 131072 bytes");
}

#[test]
fn values() {
    let of = |item: &str| condition(&format!("{{s: {{{item}}}, condition: s}}"));
    assert_eq!(of("Image: A"), "tolower(proc.name) = \"a\"");
    assert_eq!(of("Image: 42"), "proc.name = \"42\"");
    assert_eq!(
        of("Image: ['A', '/*']"),
        "(tolower(proc.name) = \"a\" or proc.name startswith \"/\")"
    );
    assert_eq!(of("Image: [a, B]"), "tolower(proc.name) in (\"a\", \"b\")");
    assert_eq!(of("Image|cased: [a, B]"), "proc.name in (\"a\", \"B\")");
    assert_eq!(of("Image|endswith: [a, B]"), "tolower(proc.name) endswith anyof (\"a\", \"b\")");
    assert_eq!(
        of("Image|contains|all: [a, B]"),
        "tolower(proc.name) contains allof (\"a\", \"b\")"
    );
    assert_eq!(of("Image|contains|all: a"), "tolower(proc.name) contains \"a\"");
    assert_eq!(of("Image|contains: '*a*'"), "tolower(proc.name) contains \"a\"");
    assert_eq!(of("Image|startswith|cased: A"), "proc.name startswith \"A\"");
    assert_eq!(of("Image|cased: 'A*B'"), "proc.name glob \"A*B\"");
    assert_eq!(of("Image: ''"), "proc.name = \"\"");
    assert_eq!(of("Image: null"), "not proc.name exists");
    assert_eq!(of("Image: "), "not proc.name exists");
    assert_eq!(of("Image: 'null'"), "tolower(proc.name) = \"null\"");
    assert_eq!(of("Image: [null, '']"), "(not proc.name exists or proc.name = \"\")");
    assert_eq!(of("Image: '*'"), "proc.name exists");
    assert_eq!(of("Image|exists: true"), "proc.name exists");
    assert_eq!(of("Image|exists: false"), "not proc.name exists");
    assert_eq!(of("Image|neq: [a, b]"), "not tolower(proc.name) in (\"a\", \"b\")");
    assert_eq!(of("Image|contains|neq: a"), "not tolower(proc.name) contains \"a\"");
    assert_eq!(of("Image|re: 'a.b'"), "proc.name regex \".*(?-s:a.b).*\"");
    assert_eq!(of("Image|re|i|m|s: 'a'"), "proc.name regex \".*(?ims:a).*\"");
    assert_eq!(of("Image|re: '\u{e9}'"), "proc.name regex \".*(?u-s:\u{e9}).*\"");
    assert_eq!(of("ProcessId: [1, '2']"), "proc.pid in (1, 2)");
    assert_eq!(of("ProcessId|gte: 7"), "proc.pid >= 7");
    assert_eq!(of("ProcessId|lt: -7"), "proc.pid < -7");
    assert_eq!(of("ProcessId: [1, null]"), "(not proc.pid exists or proc.pid = 1)");
    assert_eq!(of("ProcessId|neq: 7"), "not proc.pid = 7");
    assert_eq!(of("ProcessId|fieldref: ParentProcessId"), "proc.pid = val(proc.ppid)");
    assert_eq!(
        of("CommandLine|fieldref|contains: Image"),
        "tolower(proc.cmdline) contains tolower(proc.name)"
    );
    assert_eq!(
        of("CommandLine|fieldref|neq: Image"),
        "not tolower(proc.cmdline) = tolower(proc.name)"
    );
    assert_eq!(of("Initiated: 'TRUE', Image: a"), "tolower(proc.name) = \"a\"");
    assert_eq!(
        of("CommandLine: \"a\\n\\t'\\\"\\\\\\\\\""),
        r#"tolower(proc.cmdline) = "a\n\t'\"\\""#
    );
}

#[test]
fn selections() {
    let of = |text: &str| condition(&format!("{{s: {text}, condition: s}}"));
    let word = |word: &str| {
        format!(
            "(tolower(proc.name) contains \"{word}\" or tolower(proc.cmdline) contains \"{word}\")"
        )
    };
    assert_eq!(of("{Image: a, ProcessId: 1}"), "tolower(proc.name) = \"a\" and proc.pid = 1");
    assert_eq!(of("[{Image: a}, {ProcessId: 1}]"), "(tolower(proc.name) = \"a\" or proc.pid = 1)");
    assert_eq!(of("a"), word("a"));
    assert_eq!(of("[a]"), word("a"));
    assert_eq!(of("{'': a}"), word("a"));
    assert_eq!(of("{'|all': [a, b]}"), format!("{} and {}", word("a"), word("b")));
    assert_eq!(
        of("[a, b]"),
        "(tolower(proc.name) contains anyof (\"a\", \"b\") or \
         tolower(proc.cmdline) contains anyof (\"a\", \"b\"))"
    );
    assert_eq!(
        of("[a, {ProcessId: 1}]"),
        "(tolower(proc.name) contains \"a\" or tolower(proc.cmdline) contains \"a\" or proc.pid = 1)"
    );
    // What the condition does not ask for may be anything.
    assert_eq!(condition("{a: {Image: x}, b: {Nope: 1}, timeframe: 5m, condition: a}").len(), 24);
}

#[test]
fn what_cannot_be_carried() {
    let of = |item: &str| refused(&format!("{{s: {{{item}}}, condition: s}}"));
    let at = |field: &str, reason: &str| format!("selection `s`: field `{field}`: {reason}");
    for (item, field, reason) in [
        ("Nope: 1", "Nope", "events of `process_creation` have no such field here"),
        ("Hashes: 1", "Hashes", "no hashes"),
        ("Image|nope: 1", "Image", "modifier `nope` is not carried"),
        ("Image|expand: '%a%'", "Image", "placeholders (`expand`) are not carried"),
        ("Image|i: a", "Image", "modifier `i` is not carried"),
        ("Image|contains|re: a", "Image", "`contains` and `re` exclude each other"),
        ("Image|re: '('", "Image", "not a valid regular expression: unclosed group"),
        ("Image|re: 'a)|(b'", "Image", "not a valid regular expression: unopened group"),
        ("Image|re: '(?x)a # b'", "Image", "not a valid regular expression: unclosed group"),
        ("Image|re|windash: a", "Image", "its modifiers do not go together"),
        (
            "Image|contains|base64: a",
            "Image",
            "`contains` stands before the encoding, which is to come first",
        ),
        ("Image|cidr: 10.0.0.0/8", "Image", "`cidr` does not go with `proc.name`, which is a text"),
        ("Image|gt: 1", "Image", "an order does not go with `proc.name`, which is a text"),
        ("Image|exists: 1", "Image", "`exists` takes `true` or `false`"),
        ("Image|contains: null", "Image", "null cannot be compared by `contains`"),
        ("Image: []", "Image", "its list is empty"),
        ("Image: {a: b}", "Image", "a mapping stands in it"),
        ("Image: [[a]]", "Image", "a list stands in it"),
        ("ProcessId: a", "ProcessId", "`a` is not a whole number, as `proc.pid` is"),
        (
            "ProcessId|contains: 1",
            "ProcessId",
            "its modifiers do not go with `proc.pid`, which is a number",
        ),
        ("Image|fieldref: ProcessId", "Image", "`proc.name` is a string, `proc.pid` is a number"),
        ("Image|fieldref: Hashes", "Image", "no hashes"),
        (
            "Initiated|contains: r",
            "Initiated",
            "it is always `true`, and cannot be compared by `contains`",
        ),
        ("'|endswith': a", "|endswith", "`endswith` needs a field"),
        ("'|fieldref': a", "|fieldref", "its modifiers need a field"),
    ] {
        assert_eq!(of(item), at(field, reason), "{item}");
    }
    assert_eq!(refused("{s: [], condition: s}"), "selection `s`: it is empty");
    assert_eq!(refused("{s: {}, condition: s}"), "selection `s`: it is empty");
    assert_eq!(
        refused("{s: [{Image: a}, [b]], condition: s}"),
        "selection `s`: a list stands in a list"
    );
    assert_eq!(
        of("Initiated: 'false'"),
        "it can never match: a field that it asks for always has another value"
    );
}

#[test]
fn documents_that_are_no_rules() {
    let reason = |text: &str| {
        let imported = import_text(text);
        assert!(imported.rules.is_empty(), "{text}");
        imported.left_out.into_iter().map(|left| left.reason).collect::<Vec<_>>()
    };
    let s = "detection: {s: {Image: a}, condition: s}\n";
    let rule = |source: &str| reason(&format!("title: T\n{source}\n{s}"));
    assert_eq!(reason("- a\n"), ["not a Sigma rule: expected a mapping, found a list"]);
    assert_eq!(reason("a: b\n"), ["not a Sigma rule: no `detection`"]);
    assert_eq!(reason(s), ["it has no `title`"]);
    assert_eq!(reason("# nothing\n"), [""; 0]);
    assert_eq!(rule("a: b"), ["it has no `logsource`"]);
    assert_eq!(
        rule("logsource: {product: windows, category: process_creation}"),
        ["log source product `windows` is not Linux"]
    );
    assert_eq!(
        rule("logsource: {product: linux, service: auditd}"),
        ["log source service `auditd` is not carried"]
    );
    assert_eq!(rule("logsource: {product: linux}"), ["its log source has no `category`"]);
    assert_eq!(
        rule("logsource: {category: dns_query}"),
        ["log source category `dns_query` is not carried; these are: process_creation"]
    );
    assert_eq!(reason("action: global\n"), ["collections with `action` are not carried"]);
    assert_eq!(reason("filter: {}\n"), ["filters of other rules are not carried"]);
    let found = import_text("title: A\na: [\n");
    assert_eq!((found.left_out[0].line, found.rules.len()), (3, 0));
    assert!(found.left_out[0].reason.starts_with("not valid YAML: "));
    assert_eq!(import_bytes(b"\xff").left_out[0].reason, "not UTF-8: byte 0 is invalid");
    let large = import_bytes(&vec![b'#'; 10 << 20]);
    assert_eq!(large.left_out[0].reason, "the file is larger than 4194304 bytes");
}

#[test]
fn parts_of_a_correlation_are_no_rules_alone() {
    let rule = sigma("{s: {Image: a}, condition: s}") + "name: part\n";
    let correlation = "title: C\ncorrelation: {type: event_count, rules: [part]}\n";
    let imported = import_text(&format!("{rule}---\n{correlation}"));
    let reasons: Vec<&str> = imported.left_out.iter().map(|left| &*left.reason).collect();
    assert_eq!(
        reasons,
        ["it only feeds a correlation, which names it `part`", "correlations are not carried"]
    );
    let generates = correlation.replace("[part]", "[part], generate: true");
    assert_eq!(import_text(&format!("{rule}---\n{generates}")).rules.len(), 1);
}

#[test]
fn names_and_ids_differ() {
    let one = sigma("{s: {Image: a}, condition: s}");
    let all = [one.as_str(), &one, &format!("{one}id: X-1\n"), &format!("{one}id: X-1\n")];
    let known =
        "- rule: T\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: info\n";
    let known = toy::load(&[("k", known)]);
    let text = all.join("---\n");
    let file = RuleFile { name: "s.yml", bytes: text.as_bytes() };
    let imported = import(&SCHEMA, &PROFILE, &known.rules, &[file]);
    let loaded = toy::load(&[("f", &imported.file())]);
    let found: Vec<(&str, &str)> =
        loaded.rules.rules().iter().map(|rule| (&*rule.about.name, &*rule.about.id)).collect();
    assert_eq!(found, [("T (2)", "sigma_t"), ("T (3)", "sigma_t_2"), ("T (4)", "X-1")]);
    let left = &imported.left_out[0];
    assert_eq!(left.reason, "its id is that of rule `T (4)`");
    assert_eq!((left.line, left.title.as_deref()), (14, Some("T")));
}

/// Whatever a rule says of itself comes out as the same text, and as nothing else.
#[test]
fn texts_stay_texts() {
    let hostile = [
        "a\n- rule: B\n  id: c",
        "\"",
        "'",
        "\\",
        "%proc.name",
        "100%",
        "*",
        "* a",
        "a: b # c",
        "[a, b]",
        "{a}",
        "&a",
        "!a",
        "- a",
        "? a",
        "true",
        "null",
        "~",
        "1",
        "|",
        ">-",
        "a\u{0}\u{7}\u{1b}[2Jb",
        "a\u{85}b",
        "\u{2028}a",
        "\u{feff}a",
        "\u{65e5}\u{672c}",
        "a  b\t c ",
        "%%",
        "...",
        "---",
        "%{x}",
        "\"a",
    ];
    for text in hostile {
        let quoted: String = text.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
        let rule = format!(
            "title: \"{quoted}\"\ndescription: \"{quoted}\"\nauthor: \"{quoted}\"\n\
             license: \"{quoted}\"\nreferences: [\"{quoted}\"]\nfalsepositives: \"{quoted}\"\n\
             tags: [\"{quoted}\"]\nid: \"{quoted}\"\nlogsource: {{category: process_creation}}\n\
             detection: {{s: {{Image|cased: \"{quoted}\"}}, condition: s}}\n"
        );
        let imported = import_text(&rule);
        assert_eq!(imported.left_out, [], "{text:?}");
        let loaded = toy::load(&[("f", &imported.file())]);
        assert_eq!(toy::lines(&loaded.diagnostics), [""; 0], "{text:?}");
        let [rule] = loaded.rules.rules() else { panic!("{text:?}") };
        let shown = text::one_line(text);
        let about = &rule.about;
        assert_eq!(about.name, shown);
        assert_eq!(about.desc, format!("{shown} (Sigma rule by {shown}, licence {shown})"));
        assert_eq!(
            (&about.references, &about.false_positives),
            (&vec![shown.clone()], &vec![shown.clone()])
        );
        assert_eq!(about.tags[3], shown);
        let mut output = Vec::new();
        rule.output.render(&toy::event(EXEC, &[("proc.name", Fact::Str("n"))]), &mut output);
        assert_eq!(String::from_utf8(output).unwrap(), format!("{shown} (name=n)"));
    }
}

/// A value with whatever in it is compared as it is.
#[test]
fn values_stay_values() {
    for value in
        ["\"", "\\x", "a\u{7}b", "\u{1b}", "a\n b", "  a  ", "')", "%s", "\u{2028}", "a, b"]
    {
        let quoted: String = value.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
        let imported =
            import_text(&sigma(&format!("{{s: {{Image: \"{quoted}\"}}, condition: s}}")));
        let loaded = toy::load(&[("f", &imported.file())]);
        let event = toy::event(EXEC, &[("proc.name", Fact::Str(value))]);
        assert_eq!(toy::found(&loaded.rules, &event).len(), 1, "{value:?}");
    }
}

#[test]
fn what_a_rule_says_of_itself() {
    let rule = |more: &str| {
        let imported = import_text(&(sigma("{s: {Image: a}, condition: s}") + more));
        let loaded = toy::load(&[("f", &imported.file())]);
        let rule = &loaded.rules.rules()[0];
        (rule.about.clone(), rule.enabled)
    };
    let levels = [
        ("critical", crate::Priority::Critical),
        ("high", crate::Priority::Error),
        ("medium", crate::Priority::Warning),
        ("low", crate::Priority::Notice),
        ("informational", crate::Priority::Informational),
        ("other", crate::Priority::Warning),
    ];
    for (level, priority) in levels {
        assert_eq!(rule(&format!("level: {level}\n")).0.priority, priority);
    }
    let states = [
        ("stable", "maturity_stable", true),
        ("test", "maturity_incubating", true),
        ("experimental", "maturity_sandbox", true),
        ("deprecated", "maturity_deprecated", false),
        ("unsupported", "maturity_deprecated", false),
    ];
    for (status, tag, on) in states {
        let (about, enabled) = rule(&format!("status: {status}\n"));
        assert_eq!(
            (about.tags.clone(), enabled),
            (vec![tag.into(), "sigma".into(), "process".into()], on)
        );
    }
    let tags = "tags: [attack.t1059.004, attack.privilege-escalation, attack.command_and_control, \
                attack.s0154, cve.2021-1, attack.t1059.004]\n";
    let about = rule(tags).0;
    let tactics: Vec<&str> = about.tactics.iter().map(|tactic| tactic.id).collect();
    assert_eq!(tactics, ["TA0004", "TA0011"]);
    assert_eq!(about.techniques, ["T1059.004"]);
    assert_eq!(about.tags[3..], ["attack.s0154", "cve.2021-1"]);
    assert_eq!(rule("description: d\n").0.desc, "d");
    assert_eq!(rule("").0.desc, "T");
}

/// Within the limits of a file anything takes time in proportion to its length.
#[test]
fn hostile_files_end_soon() {
    let begun = std::time::Instant::now();
    let megabytes = 1 << 20;
    let mut files = vec![
        "[".repeat(megabytes),
        "{a: ".repeat(megabytes / 4),
        "- ".repeat(megabytes / 2),
        format!("a: [{}]", "x, ".repeat(megabytes / 4)),
        format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(1000), "*a,".repeat(megabytes / 4)),
        format!("a: &a {}\nb: [{}]\n", "x".repeat(megabytes / 2), "*a,".repeat(megabytes / 8)),
        (0..megabytes / 12).map(|n| format!("k{n}: 1\n")).collect(),
        "---\na: b\n".repeat(megabytes / 9),
        "title: T\n---\n".repeat(megabytes / 13),
    ];
    let many: String = (0..100_000).map(|n| format!("    - 'value {n}'\n")).collect();
    let rule = sigma("");
    files.push(format!("{rule}  s:\n   Image|contains:\n{many}  condition: s\n"));
    files.push(format!("{rule}  s:\n{many}  condition: s\n"));
    let many: String = (0..50_000).map(|n| format!("  s{n}: {{Image: a}}\n")).collect();
    files.push(format!("{rule}{many}  condition: 1 of them\n"));
    let many: String = (0..900).map(|n| format!("  s{n}: {{Image: a}}\n")).collect();
    let all = vec!["1 of s*"; 10_000].join(" or ");
    files.push(format!("{rule}{many}  condition: {all}\n"));
    let rule = sigma("{s: {Image: a}, condition: s}");
    files.push(format!("{rule}---\n").repeat(1_000) + "a: b\n");
    for text in files {
        let imported = import_text(&text);
        let begin: String = text.chars().take(40).collect();
        assert!(!imported.left_out.is_empty(), "{begin}");
        assert!(begun.elapsed().as_secs() < 60, "{begin}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_rules_or_reasons(text in "[\\PC\n]{0,200}") {
        import_text(&text);
    }

    #[test]
    fn any_detection_loads(
        key in "[a-zA-Z|]{0,12}",
        value in "[\\PC*?\\\\\n]{0,12}",
        condition in "(s|not |and |or |1 of |all of |them|s\\*|\\(|\\)| ){0,8}",
    ) {
        let value = value.replace('\'', "''").replace('\n', " ");
        let modifier = ["contains", "re", "endswith", "base64offset", "windash"][key.len() % 5];
        for key in [key.as_str(), "Image", &format!("CommandLine|{modifier}")] {
            let text = sigma(&format!(
                "{{s: {{'{key}': '{value}'}}, condition: '{condition}'}}"
            ));
            let file = import_text(&text).file();
            assert!(!toy::load(&[("f", &file)]).has_errors(), "{text}\n{file}");
        }
    }
}
