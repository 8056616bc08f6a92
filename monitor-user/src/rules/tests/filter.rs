//! The filter of what the kernel tells: it must let through whatever a rule can be about.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::rules::{
    filter::KernelFilter,
    kinds::{OPEN_READ, OPEN_WRITE},
};

const CONNECT: u8 = 3;
const SEND: u8 = 4;
const WRITE: u8 = 5;
const READ: u8 = 6;

const OPENS: KindSet = OPEN_WRITE.union(OPEN_READ);
const TO_PEERS: KindSet = KindSet::of(&[CONNECT, SEND]);

fn filter_of(conditions: &[&str]) -> (Rules, KernelFilter) {
    let rules: Vec<String> = conditions
        .iter()
        .enumerate()
        .map(|(at, condition)| {
            format!(
                "- rule: r{at}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: info\n"
            )
        })
        .collect();
    let file = rules.concat();
    let loaded = load(&[RuleFile { name: "f", bytes: file.as_bytes() }]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let filter = KernelFilter::of(&loaded.rules);
    (loaded.rules, filter)
}

fn open(path: &str, writes: bool) -> Event {
    open_by(0, path, writes)
}

fn open_by(uid: u32, path: &str, writes: bool) -> Event {
    event(&[
        ("evt.type", text("open")),
        ("fd.name", text(path)),
        ("evt.is_open_write", TestValue::Bool(writes)),
        ("user.uid", TestValue::Int(uid.into())),
    ])
}

#[test]
fn the_kinds_are_those_of_opens() {
    assert_eq!((KindSet::of(&[WRITE]), KindSet::of(&[READ])), (OPEN_WRITE, OPEN_READ));
    let event = |name| to_port(name, 1).action.kind();
    assert_eq!((event("connect"), event("sendto")), (CONNECT, SEND));
}

#[test]
fn what_no_rule_names_is_left_out() {
    let (_, filter) = filter_of(&[
        "evt.type = open and evt.is_open_write = true and fd.name = /etc/shadow",
        "evt.type = open and evt.is_open_write = true and fd.name startswith /etc/cron",
        "evt.type = open and evt.is_open_write = true and fd.filename in (a.conf, b.conf)",
        "evt.type = open and evt.is_open_write = true and fd.directory = /opt and fd.num >= 0",
        "evt.type = open and evt.is_open_write = true and fd.name endswith /.ssh/id_rsa",
        "evt.type = open and evt.is_open_write = true and fd.directory endswith /a/manifests",
        "evt.type = open and evt.is_open_read = true and evt.is_open_write = false \
         and fd.name pmatch (/root/secret)",
    ]);
    assert_eq!(filter.kinds, OPENS.union(TO_PEERS));
    for (path, write, read) in [
        ("/etc/shadow", true, false),
        ("/etc/shadow-", false, false),
        ("/etc/cron.d/x", true, false),
        ("/etc/crontab", true, false),
        ("/etc/passwd", false, false),
        ("/srv/x/a.conf", true, false),
        ("/srv/x/a.conf2", false, false),
        ("/opt/x", true, false),
        ("/optical", false, false),
        ("/home/u/.ssh/id_rsa", true, false),
        ("/home/u/.ssh/id_dsa", false, false),
        ("/x/y/manifests/p", true, false),
        ("/x/manifests2/p", false, false),
        ("/root/secret", false, true),
        ("/root/secret/key", false, true),
        ("/root/other", false, false),
    ] {
        let found = [WRITE, READ].map(|kind| filter.passes(kind, path.as_bytes(), 0));
        assert_eq!(found, [write, read], "{path}");
    }
}

/// A rule that says nothing of paths, or says it in a way that the kernel cannot look for, turns the
/// filter off for its kinds, and for no other.
#[test]
fn a_rule_about_any_path_is_about_all() {
    for condition in [
        "evt.type = open and evt.is_open_write = true and proc.name = x",
        "evt.type = open and evt.is_open_write = true and fd.name contains key",
        "evt.type = open and evt.is_open_write = true and fd.name endswith .key",
        "evt.type = open and evt.is_open_write = true and not fd.name startswith /proc",
        "evt.type = open and evt.is_open_write = true and tolower(fd.name) = /etc/x",
        "evt.type = open and evt.is_open_write = true and (fd.name = /a or proc.name = x)",
        "evt.type = open and evt.is_open_write = true and fd.name contains ../",
    ] {
        assert_eq!(filter_of(&[condition]).1.kinds, OPEN_READ.union(TO_PEERS), "{condition}");
    }
    let exec = filter_of(&["evt.type = execve and proc.name = x"]).1;
    assert!(exec.paths.is_empty() && exec.kinds == OPENS.union(TO_PEERS), "nothing passes");
}

/// What was reached does not climb, and names that lead nowhere are not filtered.
#[test]
fn names_that_climb_are_no_reason_to_tell_of_all() {
    let condition = "evt.type = open and evt.is_open_write = true and fd.nameraw contains ../../";
    let (_, filter) = filter_of(&[condition]);
    assert_eq!(filter.kinds, OPENS.union(TO_PEERS));
    assert!(filter.paths.is_empty() && filter.names.is_empty());
}

/// Each start has what the shorter ones have: the kernel finds the longest alone.
#[test]
fn longer_starts_have_what_shorter_ones_ask_for() {
    let (_, filter) = filter_of(&[
        "evt.type = open and evt.is_open_write = true and fd.name startswith /etc/",
        "evt.type = open and evt.is_open_write = false and fd.name startswith /etc/ssh/",
    ]);
    let kinds = |start: &[u8]| filter.paths.get(start).copied();
    assert_eq!(kinds(b"/etc/"), Some(OPEN_WRITE));
    assert_eq!(kinds(b"/etc/ssh/"), Some(OPEN_WRITE.union(OPEN_READ)));
}

/// Whatever a shipped rule fires on passes, of paths that its tests name and of ones near them.
#[test]
fn the_shipped_rules_miss_nothing() {
    let mut all: Vec<(String, Vec<u8>)> =
        embedded().iter().map(|file| (file.name.to_owned(), file.bytes.to_vec())).collect();
    // As if all were on.
    for (_, bytes) in &mut all {
        *bytes = String::from_utf8_lossy(bytes).replace("enabled: false", "enabled: true").into();
    }
    let files: Vec<RuleFile<'_>> =
        all.iter().map(|(name, bytes)| RuleFile { name, bytes }).collect();
    let rules = load(&files).rules;
    let filter = KernelFilter::of(&rules);
    let named: Vec<String> = rules
        .rules()
        .iter()
        .flat_map(|rule| &rule.tests)
        .filter_map(|test| match &test.acts {
            monitor_rules::TestActs::Event(event) => Some(event),
            _ => None,
        })
        .flat_map(|event| &event.fields)
        .filter(|field| field.name == "fd.name")
        .filter_map(|field| match &field.value {
            TestValue::Str(path) if path.starts_with('/') => Some(path.clone()),
            _ => None,
        })
        .collect();
    assert!(named.len() > 50, "{}", named.len());
    let mut asked = 0;
    for path in &named {
        for near in [path.clone(), format!("{path}x"), format!("{path}/x"), format!("/x{path}")] {
            for writes in [true, false] {
                let event = open(&near, writes);
                let mut fired = Vec::new();
                for rule in rules.rules().iter().filter(|rule| rule.enabled) {
                    if rule.condition.eval(&event) != monitor_rules::Tri::False {
                        fired.push(&rule.about.name);
                    }
                }
                let passes = filter.passes(event.action.kind(), near.as_bytes(), 0);
                assert!(passes || fired.is_empty(), "{near} {writes}: {fired:?}");
                asked += fired.len();
            }
        }
    }
    assert!(asked > 20, "{asked}: were nothing to fire, nothing would be shown");
}

/// A connection or a datagram from port 40000.
fn to_port(name: &str, port: u16) -> Event {
    to_peer(name, "192.0.2.1", port, 0)
}

fn to_peer(name: &str, address: &str, port: u16, uid: u32) -> Event {
    event(&[
        ("evt.type", text(name)),
        ("fd.rip", text(address)),
        ("fd.rport", TestValue::Int(port.into())),
        ("fd.lip", text("192.0.2.2")),
        ("fd.lport", TestValue::Int(40000)),
        ("user.uid", TestValue::Int(uid.into())),
    ])
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn passes_port(filter: &KernelFilter, kind: u8, port: u16) -> bool {
    filter.passes_peer(kind, address("192.0.2.1"), port, 0)
}

#[test]
fn ports_that_no_rule_names_are_left_out() {
    let (_, filter) = filter_of(&[
        "evt.type = connect and fd.sport in (22, 2222) and container.id != host",
        "evt.type in (connect, sendto) and fd.rport = 53",
        "evt.type = sendto and fd.rport = 70000",
        "evt.type = sendto and fd.rport < 2",
        "evt.type = sendto and fd.rport >= 60000",
    ]);
    for (port, connect, send) in [
        (22, true, false),
        (2222, true, false),
        (53, true, true),
        (443, false, false),
        (1, false, true),
        (2, false, false),
        (59999, false, false),
        (65535, false, true),
    ] {
        let found = [CONNECT, SEND].map(|kind| passes_port(&filter, kind, port));
        assert_eq!(found, [connect, send], "{port}");
    }
    for any in ["fd.port = 22", "fd.lport = 22", "proc.name = x", "fd.sport != 22"] {
        let rule = format!("evt.type = connect and {any}");
        let (_, filter) = filter_of(&["evt.type = connect and fd.sport = 22", &rule]);
        assert!(passes_port(&filter, CONNECT, 443), "{any}");
        assert!(!passes_port(&filter, SEND, 443), "{any}");
    }
}

#[test]
fn addresses_that_no_rule_names_are_left_out() {
    let (_, filter) = filter_of(&[
        "evt.type = connect and fd.sip = 169.254.169.254",
        "evt.type in (connect, sendto) and fd.snet in (10.0.0.0/8, 2001:db8::/32)",
        "evt.type = sendto and fd.rip in (10.1.0.0/16)",
        "evt.type = sendto and fd.rnet in (\"2001:db8::7\") and proc.name = x",
    ]);
    for (peer, connect, send) in [
        ("169.254.169.254", true, false),
        ("169.254.169.253", false, false),
        ("10.1.2.3", true, true),
        ("11.0.0.1", false, false),
        ("2001:db8::7", true, true),
        ("2001:db9::7", false, false),
        // As it is passed to the call by those who mean IPv4.
        ("::ffff:10.2.3.4", true, true),
        ("::ffff:11.2.3.4", false, false),
        // What leads elsewhere is told in any case.
        ("64:ff9b::a9fe:a9fe", true, true),
        ("0.0.0.0", true, true),
        ("::", true, true),
        ("::1", false, false),
    ] {
        let found = [CONNECT, SEND].map(|kind| filter.passes_peer(kind, address(peer), 443, 0));
        assert_eq!(found, [connect, send], "{peer}");
    }
    // The longest match is what the kernel finds.
    let wide = filter.networks.get(&"::ffff:10.0.0.0/104".parse().unwrap()).copied();
    let narrow = filter.networks.get(&"::ffff:10.1.0.0/112".parse().unwrap()).copied();
    assert_eq!((wide, narrow), (Some(TO_PEERS), Some(TO_PEERS)));
}

#[test]
fn users_that_no_rule_names_are_left_out() {
    let (_, filter) = filter_of(&[
        "evt.type = open and evt.is_open_write = true and user.uid in (33, 1000)",
        "evt.type = open and evt.is_open_write = true and user.uid = 7 and fd.name = /etc/x",
        "evt.type = connect and user.uid >= 1000",
    ]);
    for (uid, write, connect) in
        [(0, false, false), (33, true, false), (1000, true, true), (7, false, false)]
    {
        assert_eq!(filter.passes(WRITE, b"/a", uid), write, "{uid}");
        assert_eq!(filter.passes_peer(CONNECT, address("::1"), 1, uid), connect, "{uid}");
    }
    assert!(filter.passes(WRITE, b"/etc/x", 7));
    // More users than programs look at: all are told of, of what is done by them.
    let all: Vec<String> = (0..20).map(|uid| format!("{}", 2 * uid)).collect();
    let rule = format!("evt.type = connect and user.uid in ({})", all.join(", "));
    let (_, filter) = filter_of(&[&rule, "evt.type = sendto and fd.rport = 1"]);
    assert_eq!(filter.kinds, OPENS.union(KindSet::of(&[SEND])));
}

/// What a rule asks for of a peer, or of who acts, as rules are written.
fn about_peer() -> impl Strategy<Value = String> {
    let port = prop_oneof![Just(22), Just(53), Just(40000), Just(70000)];
    let field = prop_oneof![
        4 => Just("fd.sport"),
        4 => Just("fd.rport"),
        4 => Just("user.uid"),
         1 => Just("fd.port"),
         1 => Just("fd.cport"),
         1 => Just("fd.lport"),
    ];
    let numbers = (field, port.clone(), port).prop_flat_map(|(field, port, other)| {
        prop_oneof![
            4 => Just(format!("{field} = {port}")),
            4 => Just(format!("{field} in ({port}, {other})")),
            1 => Just(format!("{field} != {port}")),
            1 => Just(format!("{field} >= {port}")),
            1 => Just(format!("{field} < {port}")),
            1 => Just("proc.name = x".to_owned()),
        ]
    });
    let net = || prop::sample::select(NETWORKS);
    let field =
        prop::sample::select(&["fd.sip", "fd.rip", "fd.snet", "fd.rnet", "fd.lip", "fd.ip"]);
    let networks = (field, net(), net()).prop_flat_map(|(field, net, other)| {
        prop_oneof![
            2 => Just(format!("{field} = \"{net}\"")),
            4 => Just(format!("{field} in (\"{net}\", \"{other}\")")),
            1 => Just(format!("{field} != \"{net}\"")),
        ]
    });
    prop_oneof![numbers, networks]
}

const NETWORKS: &[&str] = &[
    "192.0.2.0/24",
    "192.0.2.1",
    "192.0.2.2",
    "127.0.0.1",
    "::1",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "2001:db8::/32",
    "0.0.0.0/0",
    "::/0",
    "64:ff9b::/96",
];

/// A few names, so that rules and paths meet often.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("ab".to_owned()),
        Just("etc".to_owned()),
        Just(".x".to_owned()),
        "[a-z]{44,52}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 0..4).prop_map(|names| format!("/{}", names.join("/")))
}

/// What a rule asks for of a path, as rules are written.
fn about_path() -> impl Strategy<Value = String> {
    let field = prop_oneof![Just("fd.name"), Just("fs.path.name"), Just("evt.arg.path")];
    let fields = (field, path(), path(), name());
    fields.prop_flat_map(|(field, path, other, name)| {
        prop_oneof![
            Just(format!("{field} = {path}")),
            Just(format!("{field} in ({path}, {other})")),
            Just(format!("{field} startswith {path}")),
            Just(format!("{field} pmatch ({path}, {other})")),
            Just(format!("{field} endswith /{name}")),
            Just(format!("{field} endswith {name}")),
            Just(format!("{field} contains {name}")),
            Just(format!("{field} glob {path}*")),
            Just(format!("fd.filename = {name}")),
            Just(format!("fd.filename startswith {name}")),
            Just(format!("fd.directory = {path}")),
            Just(format!("fd.directory startswith {path}")),
            Just(format!("fd.directory endswith /{name}")),
            Just(format!("tolower({field}) = {path}")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    condition_of(prop_oneof![
        6 => about_path(),
        1 => Just("evt.is_open_write = true".to_owned()),
        1 => Just("proc.name = x".to_owned()),
        1 => Just("user.uid = 33".to_owned()),
        1 => Just("user.uid > 33".to_owned()),
    ])
}

fn condition_of(leaf: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not {a}")),
        ]
    })
}

proptest! {
    /// The same of ports and addresses.
    #[test]
    fn no_peer_that_a_rule_holds_for_is_left_out(
        conditions in prop::collection::vec(condition_of(about_peer()), 1..4),
    ) {
        for name in ["connect", "sendto"] {
            let conditions: Vec<String> =
                conditions.iter().map(|about| format!("evt.type = {name} and {about}")).collect();
            let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
            let (rules, filter) = filter_of(&conditions);
            let given = ["192.0.2.1", "192.0.2.3", "0.0.0.0", "::", "::ffff:10.1.2.3", "::1"];
            let given = given.iter().chain(&["10.2.3.4", "2001:db8::1", "64:ff9b::c000:201"]);
            for (given, port) in given.flat_map(|given| [(given, 22), (given, 50000)]) {
                for uid in [0, 22, 53, 50000] {
                    let event = to_peer(name, &crate::enrich::sockets::meant(address(given).to_canonical()).to_string(), port, uid);
                    let holds = |rule: &monitor_rules::Rule<Event>| {
                        rule.condition.eval(&event) != monitor_rules::Tri::False
                    };
                    let fires = rules.rules().iter().any(holds);
                    let kind = event.action.kind();
                    let passes = filter.passes_peer(kind, address(given), port, uid);
                    prop_assert!(passes || !fires, "{name} {given} {port} {uid}: {conditions:?}");
                }
            }
        }
    }

    /// Whatever the rules are and whatever is opened: what a rule may hold for passes.
    #[test]
    fn nothing_that_a_rule_holds_for_is_left_out(
        conditions in prop::collection::vec((any::<bool>(), condition()), 1..4),
        paths in prop::collection::vec(path(), 1..6),
        uid in prop::sample::select(&[0, 33, 1000]),
        endings in prop::collection::vec(name(), 1..3),
    ) {
        let conditions: Vec<String> = conditions
            .into_iter()
            .map(|(writes, about)| {
                format!("evt.type = open and evt.is_open_write = {writes} and {about}")
            })
            .collect();
        let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
        let (rules, filter) = filter_of(&conditions);
        // Also what the rules themselves name, and what is below it and beside it.
        let words = conditions.iter().flat_map(|it| it.split([' ', '(', ')', ',', '*']));
        let named = words.filter(|word| word.starts_with('/')).map(str::to_owned);
        for path in paths.into_iter().chain(named) {
            let below = endings.iter().map(|ending| format!("{path}/{ending}"));
            let beside = endings.iter().map(|ending| format!("{path}{ending}"));
            for path in below.chain(beside).chain([path.clone()]) {
                for writes in [true, false] {
                    let event = open_by(uid, &path, writes);
                    let holds = |rule: &monitor_rules::Rule<Event>| {
                        rule.condition.eval(&event) != monitor_rules::Tri::False
                    };
                    let fires = rules.rules().iter().any(holds);
                    let passes = filter.passes(event.action.kind(), path.as_bytes(), uid);
                    prop_assert!(passes || !fires, "{path} {writes}: {conditions:?}");
                }
            }
        }
    }
}
