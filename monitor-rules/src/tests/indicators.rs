//! Lists whose values stand in files of their own.

use std::time::Instant;

use super::toy::{CONNECT, Fact, SCHEMA, Toy, event, found, lines};
use crate::{Loaded, RuleFile, RuleSet};

const RULES: &str = "
- list: bad_addresses
  file: bad.txt
- rule: r
  desc: d
  condition: evt.type = connect and fd.ip in (bad_addresses)
  output: o
  priority: info
";

fn load(rules: &str, values: Result<&str, &str>) -> Loaded<Toy> {
    let file = RuleFile { name: "rules/f.yaml", bytes: rules.as_bytes() };
    RuleSet::load_with(&SCHEMA, &[file], &|of, path| {
        assert_eq!((of, path), ("rules/f.yaml", "bad.txt"));
        values.map(str::to_owned).map_err(str::to_owned)
    })
}

fn fires(loaded: &Loaded<Toy>, address: &str) -> bool {
    let address = String::from(address).leak();
    !found(&loaded.rules, &event(CONNECT, &[("fd.ip", Fact::Ip(address))])).is_empty()
}

#[test]
fn values_are_lines_without_comments() {
    let loaded = load(
        RULES,
        Ok("\u{feff}# known\n192.0.2.1\r\n\n  198.51.100.0/24 # a network\n2001:db8::1"),
    );
    assert_eq!(lines(&loaded.diagnostics), Vec::<String>::new());
    for bad in ["192.0.2.1", "198.51.100.77", "2001:db8::1"] {
        assert!(fires(&loaded, bad), "{bad}");
    }
    assert!(!fires(&loaded, "192.0.2.2"));
}

#[test]
fn values_may_hold_what_comments_begin_with() {
    let rules = RULES.replace("fd.ip in (bad_addresses)", "fd.name in (bad_addresses)");
    let loaded = load(&rules, Ok("\u{feff}/tmp/#sql\n/b#c\t# but this\n#/none"));
    let fires =
        |name| !found(&loaded.rules, &event(CONNECT, &[("fd.name", Fact::Str(name))])).is_empty();
    assert!(fires("/tmp/#sql") && fires("/b#c"));
    assert!(!fires("/tmp/") && !fires("/b") && !fires("/none") && !fires("#/none"));
}

#[test]
fn mistakes_point_into_the_file() {
    let told = |values| lines(&load(RULES, values).diagnostics);
    assert_eq!(
        told(Ok("192.0.2.1\n\n # x\n  nonsense # y\n")),
        ["bad.txt:4:3: error[type-mismatch]: `fd.ip` is an IP address, `nonsense` is none"]
    );
    assert_eq!(
        told(Err("No such file")),
        ["rules/f.yaml:3:9: error[values-file]: cannot read bad.txt: No such file"]
    );
    let both = RULES.replace("  file:", "  items: [1.2.3.4]\n  file:");
    assert!(lines(&load(&both, Ok("")).diagnostics)[0].contains("not both"));
}

#[test]
fn a_hundred_thousand_values_take_no_time() {
    let all: String = (0..100_000_u32)
        .map(|n| format!("10.{}.{}.{}\n", n >> 15 & 255, n >> 7 & 255, n << 1 & 255))
        .collect();
    let begun = Instant::now();
    let loaded = load(RULES, Ok(&all));
    assert_eq!(lines(&loaded.diagnostics), Vec::<String>::new());
    for n in 0..20_000_u32 {
        let address = format!("10.{}.{}.{}", n >> 15 & 255, n >> 7 & 255, n << 1 & 255);
        assert!(fires(&loaded, &address), "{address}");
    }
    assert!(!fires(&loaded, "10.0.0.1"));
    // A look at each value for each event would take minutes.
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}
