//! What imported rules do on events: each detection with events on which it must fire and events
//! on which it must keep quiet.

use monitor_rules::{RuleFile, sigma::import};

use super::PROFILE;
use crate::rules::{
    self, SCHEMA,
    testing::{TestOutcome, run_tests},
};

/// Imports a rule of a category and tries it on events, given in flow style.
#[track_caller]
fn check(category: &str, detection: &str, fires: &[&str], quiet: &[&str]) {
    let text = format!(
        "title: T\nlogsource: {{product: linux, category: {category}}}\ndetection: {detection}\n"
    );
    let file = RuleFile { name: "s.yml", bytes: text.as_bytes() };
    let imported = import(&SCHEMA, &PROFILE, &rules::load(&[]).rules, &[file]);
    assert_eq!(imported.left_out, [], "{detection}");
    let mut file = imported.file() + "  tests:\n";
    for (yes, events) in [(true, fires), (false, quiet)] {
        for event in events {
            file.push_str(&format!("    - {{fires: {yes}, name: '', event: {{{event}}}}}\n"));
        }
    }
    let loaded = rules::load(&[RuleFile { name: "f.yaml", bytes: file.as_bytes() }]);
    assert!(loaded.diagnostics.is_empty(), "{:?}\n{file}", loaded.diagnostics);
    let reports = run_tests(&loaded.rules);
    assert_eq!(reports.len(), fires.len() + quiet.len());
    for (report, event) in reports.iter().zip(fires.iter().chain(quiet)) {
        match &report.outcome {
            TestOutcome::Passed => {}
            TestOutcome::Broken(mistakes) => panic!("{event}: {mistakes:?}"),
            _ => panic!("{detection}\n{event}: {:?}\n{file}", report.expect),
        }
    }
}

fn events(kind: &str, facts: &[&str]) -> Vec<String> {
    facts.iter().map(|facts| format!("evt.type: {kind}, {facts}")).collect()
}

fn texts(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

#[track_caller]
fn process(item: &str, fires: &[&str], quiet: &[&str]) {
    let (fires, quiet) = (events("execve", fires), events("execve", quiet));
    let detection = match item.strip_prefix("condition ") {
        Some(whole) => format!("{{{whole}}}"),
        None => format!("{{s: {item}, condition: s}}"),
    };
    check("process_creation", &detection, &texts(&fires), &texts(&quiet));
}

#[test]
fn text_is_compared_whole_and_without_regard_to_case() {
    process(
        "{Image: /usr/bin/Nc}",
        &["proc.exepath: /usr/bin/nc", "proc.exepath: /USR/bin/NC"],
        &["proc.exepath: /usr/bin/ncat", "proc.exepath: /x/usr/bin/nc"],
    );
    process("{Image|cased: /bin/Nc}", &["proc.exepath: /bin/Nc"], &["proc.exepath: /bin/nc"]);
    process(
        "{CommandLine|contains: 'caf\u{e9} ON'}",
        &["proc.cmdline: 'a Caf\u{e9} on b'"],
        &["proc.cmdline: 'a caf\u{c9} on b'", "proc.cmdline: 'a cafe on b'"],
    );
    process(
        "{Image: '\u{65e5}*\u{672c}?'}",
        &["proc.exepath: '\u{65e5}x\u{672c}\u{672c}'"],
        &["proc.exepath: '\u{65e5}x\u{672c}'", "proc.exepath: '\u{65e5}x\u{672c}yz'"],
    );
    process(
        "{Image|contains: '\u{e9}*X'}",
        &["proc.exepath: '/\u{e9}/x/'"],
        &["proc.exepath: /e/x/"],
    );
}

#[test]
fn wildcards() {
    process(
        "{Image: '/opt/*/b?n'}",
        &[
            "proc.exepath: /opt/x/bin",
            "proc.exepath: /OPT/x/y/ban",
            "proc.exepath: '/opt//b\u{e9}n'",
        ],
        &["proc.exepath: /opt/bin", "proc.exepath: /opt/x/bn", "proc.exepath: /opt/x/bin2"],
    );
    process(
        "{Image|endswith: '[a-z]*'}",
        &["proc.exepath: '/x/[a-z]y'"],
        &["proc.exepath: /x/by", "proc.exepath: '/x[a-z'"],
    );
    process("{Image: '/a*\\*'}", &["proc.exepath: '/ab*'"], &["proc.exepath: /abc"]);
    process("{Image: '/a\\\\*'}", &["proc.exepath: '/a\\b'"], &["proc.exepath: '/a*'"]);
}

#[test]
fn lists_and_modifiers() {
    process(
        "{Image|endswith: [/curl, /wget], CommandLine|contains|all: [' -o ', /TMP/]}",
        &["proc.cmdline: curl http://a -o /tmp/x", "proc.cmdline: wget -o /tmp/x"],
        &[
            "proc.cmdline: curl -o /var/x",
            "proc.cmdline: curl /tmp/x",
            "proc.cmdline: nc -o /tmp/x",
        ],
    );
    process(
        "[{Image|endswith: /nc}, {CommandLine|startswith: 'socat '}]",
        &["proc.exepath: /bin/nc", "proc.cmdline: socat - x"],
        &["proc.cmdline: x socat y"],
    );
    process(
        "{CommandLine|re: '-[lp]+ \\d{2,}$'}",
        &["proc.cmdline: nc -lp 4444"],
        &["proc.cmdline: nc -lp 4", "proc.cmdline: nc -LP 4444", "proc.cmdline: nc -lp 4444 x"],
    );
    process("{CommandLine|re|i: 'nc -L'}", &["proc.cmdline: NC -l"], &["proc.cmdline: nc -p"]);
    process(
        "{CommandLine|re: '^a.b'}",
        &["proc.cmdline: axbx"],
        &["proc.cmdline: xaxb", "proc.args: [x], proc.exe: \"a\\nb\""],
    );
    process("{CommandLine|re|s: 'a.b'}", &["proc.exe: \"a\\nb\""], &["proc.cmdline: ab"]);
    process("{CommandLine|re|m: '^b$'}", &["proc.exe: \"a\\nb\\nc\""], &["proc.cmdline: ab"]);
    process(
        "{CommandLine|windash|contains: ' -enc'}",
        &["proc.cmdline: p /ENC x", "proc.cmdline: p -enc x", "proc.cmdline: 'p \u{2013}enc x'"],
        &["proc.cmdline: p +enc x"],
    );
    process(
        "{CommandLine|base64offset|contains: http://}",
        &[
            "proc.cmdline: x aHR0cDovL2E=",
            "proc.cmdline: x eGh0dHA6Ly9h",
            "proc.cmdline: x eHhodHRwOi8vYQ==",
        ],
        &["proc.cmdline: x http://"],
    );
    process(
        "{CommandLine|base64|contains: /bin/sh}",
        &["proc.cmdline: x L2Jpbi9zaA=="],
        &["proc.cmdline: x"],
    );
    process(
        "{ProcessId|gt: 5, ParentProcessId|lte: 7}",
        &["proc.pid: 6, proc.ppid: 7"],
        &["proc.pid: 5, proc.ppid: 7", "proc.pid: 6, proc.ppid: 8"],
    );
    process("{User|neq: root}", &["user.uid: 1"], &["user.uid: 0"]);
    process("{User: root, LogonId: 0}", &["user.uid: 0"], &["user.uid: 5"]);
    process("{LogonId: ['33', 34]}", &["user.uid: 33", "user.uid: 34"], &["user.uid: 0"]);
    process(
        "{ParentImage|fieldref: Image}",
        &["proc.exepath: /a/b, proc.pexepath: /A/b"],
        &["proc.exepath: /a/b, proc.pexepath: /a/c"],
    );
}

#[test]
fn words_are_searched_everywhere() {
    process(
        "[Mimi*katz, other]",
        &["proc.cmdline: x mimi-KATZ y", "proc.pexepath: /opt/others/x", "proc.cwd: /other"],
        &["proc.cmdline: mimi"],
    );
    process(
        "{'|all': [one, two]}",
        &["proc.cmdline: x one, proc.cwd: /two", "proc.cmdline: one two"],
        &["proc.cmdline: one", "proc.cwd: /two"],
    );
}

/// A check of what is not there does not hold; its negation does.
#[test]
fn what_is_not_there() {
    // Who is parent of the first process, nobody knows.
    let gone = "proc.pname: <gone>";
    process("{ParentImage|contains: x}", &["proc.pexepath: /x"], &[gone]);
    process("{ParentImage|neq: x}", &[gone, "proc.pexepath: /y"], &["proc.pexepath: x"]);
    process("{ParentImage: null}", &[gone], &["proc.pexepath: /x"]);
    process("{ParentImage|exists: true}", &["proc.pexepath: /x"], &[gone]);
    process("{ParentImage|exists: false}", &[gone], &["proc.pexepath: /x"]);
    process(
        "condition s: {Image: /a}, f: {ParentImage: /x}, condition: s and not f",
        &["proc.exepath: /a, proc.pname: <gone>", "proc.exepath: /a, proc.pexepath: /y"],
        &["proc.exepath: /a, proc.pexepath: /x", "proc.exepath: /b"],
    );
    process(
        "condition s: {Image: /a}, f1: {User: www}, f2: {CurrentDirectory: /x}, \
         condition: s and not 1 of f*",
        &["proc.exepath: /a, user.uid: 33, container.id: 3f1c2b"],
        &["proc.exepath: /a, user.uid: 33, container.id: 3f1c2b, proc.cwd: /x"],
    );
}

#[test]
fn command_lines_are_as_they_were_written() {
    // Programs are known by the path that they were found at; what a rule expects is what was typed.
    let typed = "proc.exepath: /usr/bin/python3.11, proc.exe: python3, proc.args: [-c, x]";
    process("{CommandLine|startswith: 'python3 -c'}", &[typed], &["proc.exe: python"]);
    process(
        "{ParentCommandLine|contains: '/bin/sh -c'}",
        &["proc.pexe: /bin/sh, proc.pcmdline: /bin/sh -c x"],
        &["proc.cmdline: /bin/sh -c x"],
    );
    check(
        "process_creation",
        "{s: {Image: /a}, condition: s}",
        &["evt.type: execveat, proc.exepath: /a"],
        &["evt.type: procexit, proc.exepath: /a", "evt.type: open, fd.name: /x, proc.exepath: /a"],
    );
}

#[test]
fn files() {
    check(
        "file_event",
        "{s: {TargetFilename|startswith: /etc/Cron.d/}, f: {Image|endswith: /dpkg}, \
         condition: s and not f}",
        &["evt.type: openat, fd.name: /etc/cron.d/x, proc.name: sh"],
        &[
            "evt.type: openat, fd.name: /etc/cron.d/x, proc.name: dpkg",
            "evt.type: openat, fd.name: /etc/cron.d/x, proc.name: sh, evt.res: EACCES",
            "evt.type: openat, fd.name: /etc/cron.d/x, evt.is_open_write: false",
            "evt.type: openat, fd.name: /etc/cron.d/x, fd.typechar: d",
            "evt.type: openat, fd.name: /etc/hosts, proc.name: sh",
            "evt.type: execve, proc.exepath: /etc/cron.d/x",
        ],
    );
}

#[test]
fn connections() {
    let connect = |item: &str, fires: &[&str], quiet: &[&str]| {
        let (fires, quiet) = (events("connect", fires), events("connect", quiet));
        let detection = format!("{{s: {item}, condition: s}}");
        check("network_connection", &detection, &texts(&fires), &texts(&quiet));
    };
    connect(
        "{Initiated: 'true', DestinationPort: [4444, '5555'], Image|startswith: /tmp/}",
        &["fd.rport: 4444, proc.exepath: /tmp/x", "fd.rport: 5555, proc.exepath: /TMP/x"],
        &["fd.rport: 443, proc.exepath: /tmp/x", "fd.rport: 4444, proc.exepath: /bin/x"],
    );
    connect(
        "{DestinationIp|cidr: [10.0.0.0/8, '2001:db8::/32']}",
        &["fd.rip: 10.1.2.3", "fd.rip: '2001:db8::1'"],
        &["fd.rip: 11.1.2.3", "fd.rip: '2001:db9::1'"],
    );
    connect(
        "{DestinationIp|startswith: ['10.', '192.168.1.', 'fe80:']}",
        &["fd.rip: 10.1.2.3", "fd.rip: 192.168.1.9", "fd.rip: 'fe80::1'"],
        &["fd.rip: 100.1.2.3", "fd.rip: 192.168.2.9", "fd.rip: 'fe81::1'"],
    );
    connect(
        "{DestinationIp: ['172.16.*', '::1', '::ffff:9.9.9.9']}",
        &["fd.rip: 172.16.0.1", "fd.rip: '::1'", "fd.rip: 9.9.9.9"],
        &["fd.rip: 172.17.0.1"],
    );
    connect(
        "{DestinationIp: '*', DestinationPort|gte: 1024}",
        &["fd.rport: 1024", "fd.rport: 1025, evt.res: EINPROGRESS"],
        &["fd.rport: 80", "fd.rport: 1024, evt.res: ECONNREFUSED"],
    );
    // A socket of the host is no connection to anywhere.
    connect("{Image|endswith: /x}", &["proc.name: x"], &["proc.name: x, fd.name: /dev/log"]);
    check(
        "network_connection",
        "{s: {Protocol: UDP, DestinationPort: 53}, condition: s}",
        &["evt.type: sendto, fd.rport: 53"],
        &["evt.type: connect, fd.rport: 53"],
    );
}

#[test]
fn what_events_do_not_have() {
    let reason = |category: &str, item: &str| {
        let text = format!(
            "title: T\nlogsource: {{category: {category}}}\n\
             detection: {{s: {{{item}}}, condition: s}}\n"
        );
        let file = RuleFile { name: "s.yml", bytes: text.as_bytes() };
        let mut imported = import(&SCHEMA, &PROFILE, &rules::load(&[]).rules, &[file]);
        assert!(imported.rules.is_empty(), "{item}");
        imported.left_out.pop().unwrap().reason
    };
    let host = reason("network_connection", "DestinationHostname|endswith: .onion");
    assert!(host.ends_with("the names that led to them are not observed"), "{host}");
    assert!(reason("process_creation", "md5: a").ends_with("only `sha256` is taken"));
    assert!(reason("process_creation", "TargetFilename: a").ends_with("no such field here"));
    assert!(reason("network_connection", "Initiated: false").starts_with("it can never match"));
    for ip in ["10.0.0", "a", "'10.*.1'", "''"] {
        let why = reason("network_connection", &format!("DestinationIp: {ip}"));
        assert!(why.ends_with("is no address"), "{why}");
    }
    for start in ["10", "10.0", "fd", "'0:'", "'00fe:'", "'1.2.3.4.'", "'01.'"] {
        let why = reason("network_connection", &format!("DestinationIp|startswith: {start}"));
        assert!(why.ends_with("are no network"), "{why}");
    }
    let why = reason("network_connection", "DestinationIp|contains: '.1.'");
    assert!(why.ends_with("`contains` does not go with an address"), "{why}");
    assert!(reason("network_connection", "DestinationIp|cidr: x").ends_with("is no network"));
}

/// Every field that a category names is one of the schema, and its outputs compile.
#[test]
fn the_profile_fits_the_schema() {
    for category in PROFILE.categories {
        for (name, source) in category.fields {
            if let monitor_rules::sigma::Source::Field(field) = source {
                assert!(SCHEMA.fields.iter().any(|known| known.name == *field), "{name}");
            }
        }
        let detection = "{s: {Image: /a}, condition: s}";
        check(category.name, detection, &[], &["evt.type: procexit, proc.exepath: /a"]);
    }
}
