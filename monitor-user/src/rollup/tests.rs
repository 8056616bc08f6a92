use std::{collections::HashSet, sync::Arc};

use super::*;
use crate::{
    act::ActKind,
    alert::{RulesThen, describe},
    decode::decode,
    dns::{DnsAct, DnsMessage, DnsQuestion},
    enrich::{Enriched, Enricher},
    env::EnvKeys,
    event::{Act, Action, Address, Fact, FileAct, ProcessKey, Reason, SocketAct},
    profile::{Mode, Part, drift::Verdict},
    records::{ProgramStart, Who},
};

const SECOND: u64 = 1_000_000_000;
const WINDOW: u64 = 60 * SECOND;

/// An alert on the start of a program, so long after the first.
fn alert(program: &str, args: &[u8], after_ns: u64) -> Alert {
    let start = ProgramStart::new(program, args).exec(Who::new(10)).after_ns(after_ns);
    let mut enricher = Enricher::new(1 << 20, 0, EnvKeys::default());
    let bytes = start.bytes();
    let Enriched::Event(event) = enricher.enrich(decode(&bytes).unwrap()) else { panic!() };
    let text =
        "- rule: R\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: info\n";
    let file = monitor_rules::RuleFile { name: "r.yaml", bytes: text.as_bytes() };
    let loaded = crate::rules::load(&[file]);
    let matched = vec![describe(&loaded.rules.rules()[0], &event, None)];
    let rules = RulesThen::default();
    Alert { event: Arc::from(event), matched, complete: true, changed: false, rules }
}

fn is_first(rollups: &mut RollUps, alert: &Alert) -> bool {
    let (is_first, gone) = rollups.admit(alert);
    assert!(gone.is_none());
    is_first
}

#[test]
fn repeats_are_summed_up_and_what_differs_is_not() {
    let mut rollups = RollUps::new(WINDOW);
    assert!(is_first(&mut rollups, &alert("/bin/a", b"a\0x\0", 0)));
    for second in 1..=3 {
        assert!(!is_first(&mut rollups, &alert("/bin/a", b"a\0x\0", second * SECOND)));
    }
    assert!(is_first(&mut rollups, &alert("/bin/a", b"a\0y\0", 4 * SECOND)), "other arguments");
    assert!(is_first(&mut rollups, &alert("/bin/b", b"a\0x\0", 5 * SECOND)), "another program");
    let start = alert("/bin/a", b"a\0x\0", 0).event.boottime_ns;
    assert!(rollups.take_due(start + WINDOW - 1).is_empty());
    let due = rollups.take_due(start + WINDOW + 10 * SECOND);
    let [summary] = &due[..] else { panic!("{due:?}") };
    assert_eq!((summary.count, summary.number), (3, 1));
    assert_eq!(summary.last_ns - summary.first_ns, 2 * SECOND as i64);
    assert_eq!(summary.alert.event.process.args[..], b"a\0x\0"[..]);
}

#[test]
fn after_a_quiet_window_the_next_leaves_at_once() {
    let mut rollups = RollUps::new(WINDOW);
    let at = |second: u64| alert("/bin/a", b"a\0", second * SECOND);
    let start = at(0).event.boottime_ns;
    assert!(is_first(&mut rollups, &at(0)));
    assert!(!is_first(&mut rollups, &at(30)));
    assert_eq!(rollups.take_due(start + WINDOW).len(), 1);
    // It goes on: another summary of the same alert.
    assert!(!is_first(&mut rollups, &at(90)));
    let again = rollups.take_due(start + 2 * WINDOW);
    assert_eq!((again[0].number, again[0].count), (2, 1));
    assert!(rollups.take_due(start + 3 * WINDOW).is_empty());
    assert!(rollups.is_empty());
    assert!(is_first(&mut rollups, &at(200)));
    assert!(!is_first(&mut rollups, &at(201)));
    let last = rollups.finish();
    assert_eq!((last.len(), last[0].count), (1, 1));
}

#[test]
fn there_is_a_bound_and_nothing_is_lost_at_it() {
    let mut rollups = RollUps::new(WINDOW);
    let of = |number: usize| alert("/bin/a", format!("a\0{number}\0").as_bytes(), 0);
    assert!(is_first(&mut rollups, &of(0)));
    assert!(!is_first(&mut rollups, &of(0)));
    for number in 1..ROLLUPS {
        rollups.admit(&of(number));
    }
    assert_eq!(rollups.len(), ROLLUPS);
    let (is_first, gone) = rollups.admit(&of(ROLLUPS));
    assert!(is_first);
    assert_eq!(gone.map(|gone| gone.count), Some(1));
    assert_eq!((rollups.len(), rollups.evicted()), (ROLLUPS, 1));
}

/// What differs in the act is told, and what differs by chance is not.
#[test]
fn another_act_does_not_hide_behind_the_first() {
    let of = |action: &Action| {
        let mut alert = alert("/bin/a", b"a\0", 0);
        Arc::get_mut(&mut alert.event).unwrap().action = action.clone();
        key(&alert)
    };
    let act = |kind: ActKind| {
        Action::Act(Act {
            kind,
            path: b"/srv/a".as_slice().into(),
            name: None,
            file: None,
            other: [].into(),
            other_name: None,
            text: [].into(),
        })
    };
    let key_of = |pid| ProcessKey { pid, start_ns: 1 };
    let mut all: Vec<Action> =
        [0o600, 0o4755, 0o666, 0o4777].map(|mode| act(ActKind::Chmod { mode })).into();
    all.extend([(0, 0), (1, 0), (0, 1)].map(|(uid, gid)| act(ActKind::Chown { uid, gid })));
    all.extend([(1, 1), (2, 1), (1, 2)].map(|(mode, device)| act(ActKind::Mknod { mode, device })));
    all.extend([[0, 0, 0], [1, 0, 0]].map(|new| act(ActKind::SetUid { new, old: None })));
    all.extend([[0, 0, 0], [1, 0, 0]].map(|new| act(ActKind::Capset { new })));
    all.extend([1, 2].map(|flags| act(ActKind::Setns { flags })));
    all.extend([1, 2].map(|flags| act(ActKind::Mount { flags })));
    for (number, pid) in [(9, 1), (15, 1), (9, 2)] {
        let target = key_of(pid);
        all.push(act(ActKind::Signal { signal: number, target }));
        all.push(act(ActKind::Ptrace { request: number, target, monitor: false }));
    }
    let open = |open_flags, created| {
        let path = b"/srv/a".as_slice().into();
        Action::FileOpen(FileAct { path, name: None, file: None, open_flags, created })
    };
    all.extend([open(1, false), open(0o2001, false), open(1, true)]);
    let keys: HashSet<_> = all.iter().map(of).collect();
    assert_eq!(keys.len(), all.len());
    let cut = [7, 8].map(|length| of(&act(ActKind::Truncate { length })));
    assert_eq!(cut[0], cut[1]);
    let made = [7, 8].map(|pid| of(&act(ActKind::Unshare { flags: 1, child: Some(key_of(pid)) })));
    assert_eq!(made[0], made[1]);
}

fn socket(protocol: u16) -> SocketAct {
    SocketAct {
        destination: Address::Ip([192, 0, 2, 7].into(), 53),
        given: None,
        source: None,
        protocol,
        socket_type: 1,
        repeats: 0,
        names: Fact::Unknown(Reason::NotApplicable),
        peer: Fact::Unknown(Reason::NotApplicable),
        service: Fact::Unknown(Reason::NotApplicable),
    }
}

fn asks(name: &str, record_type: u16) -> Action {
    let message = DnsMessage {
        id: record_type,
        is_response: false,
        opcode: 0,
        flags: [].into(),
        response_code: 0,
        question: Some(DnsQuestion { name: name.into(), record_type, class: 1 }),
        answers: [].into(),
        is_cut: false,
    };
    let message = Some(message);
    Action::DnsQuery(Box::new(DnsAct { socket: socket(17), total: 9, message, asked: false }))
}

#[test]
fn other_sockets_and_questions_are_others() {
    let asked = |record_type| asks("a.example", record_type);
    let all = [Action::Connect(socket(6)), Action::Connect(socket(17)), asked(1), asked(16)];
    let keys: HashSet<_> = all
        .into_iter()
        .map(|action| {
            let mut alert = alert("/bin/a", b"a\0", 0);
            Arc::get_mut(&mut alert.event).unwrap().action = action;
            key(&alert)
        })
        .collect();
    assert_eq!(keys.len(), 4);
}

/// A tunnel is one alert, where that a name is not expected is all that is to be told.
#[test]
fn what_is_made_up_of_an_unexpected_name_is_no_other() {
    let key_of = |name: &str, record_type, is_unexpected, tag: &str| {
        let mut alert = alert("/bin/a", b"a\0", 0);
        let event = Arc::get_mut(&mut alert.event).unwrap();
        event.action = asks(name, record_type);
        if is_unexpected {
            let told = Verdict::told("p".into(), Mode::Alert, Some(Part::Names));
            event.expectation = Ok(told);
        }
        let about = Arc::make_mut(&mut alert.matched[0].about);
        about.tags = vec![tag.to_owned()];
        key(&alert)
    };
    let (one, other) = ("ca2b5716c136493d.t.evil.test", "0201486693206cfa.t.evil.test");
    let of_drift = |name, record_type| key_of(name, record_type, true, "drift");
    assert_eq!(of_drift(one, 1), of_drift(other, 28));
    assert_ne!(of_drift(one, 1), of_drift("ca2b5716c136493d.evil.test", 1));
    assert_ne!(of_drift("a.evil.test", 1), of_drift("b.evil.test", 1));
    for (is_unexpected, tag) in [(true, "network"), (false, "drift")] {
        assert_ne!(key_of(one, 1, is_unexpected, tag), key_of(other, 1, is_unexpected, tag));
    }
}
