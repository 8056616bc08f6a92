//! Containers are judged by the policy once, at the first program that is seen of each.

use super::*;
use crate::{
    limits::{INCOMPLETE_NS, LATE_STARTS},
    policy::file,
};

/// As the shipped rules do.
const RULES: &str = "
- rule: Refused
  desc: d
  condition: evt.type = execve and policy.at_start = true and policy.verdict = refused
  output: '%policy.reason'
  priority: notice
- rule: Unknown
  desc: d
  condition: evt.type = execve and policy.at_start = true and policy.verdict = unknown
  output: '%policy.reason'
  priority: notice
";

fn bench() -> Bench {
    let mut bench = Bench::new(RULES);
    bench.judge_by("repositories: [shop]");
    bench
}

impl Bench {
    fn judge_by(&mut self, policy: &str) {
        self.line.judge_images_by(Some(Arc::new(file::read(policy).unwrap())));
    }

    /// So much later something else happens.
    fn wait(&mut self, after_ns: u64) {
        self.take(records::write_to(Who::new(3), b"/x").after_ns(after_ns));
    }
}

#[test]
fn a_container_is_judged_once() {
    let mut bench = bench();
    bench.shell(0);
    assert_eq!(bench.shown(), [""; 0], "its image is not known yet");
    bench.learn("evil");
    assert_eq!(bench.shown(), ["alert 1 Refused complete"]);
    bench.shell(1);
    assert_eq!(bench.shown().len(), 1);
    // By another policy it is once more.
    bench.judge_by("repositories: [other]");
    bench.shell(2);
    bench.shell(3);
    assert_eq!(bench.shown(), ["alert 1 Refused complete", "alert 3 Refused complete"]);
}

#[test]
fn one_inside_of_the_policy_is_quiet() {
    let mut bench = bench();
    bench.learn("shop");
    bench.shell(0);
    bench.shell(1);
    assert_eq!(bench.shown(), [""; 0]);
    assert!(!bench.line.is_waiting());
}

/// What a runtime does on the way in is no start.
#[test]
fn the_runtime_is_not_the_first_program() {
    let mut bench = bench();
    bench.learn("evil");
    bench.take(records::exec(Who::new(9).in_cgroup(50), "/usr/sbin/runc", b"runc\0init\0"));
    assert_eq!(bench.shown(), [""; 0]);
    bench.shell(1);
    assert_eq!(bench.shown(), ["alert 2 Refused complete"]);
}

#[test]
fn facts_that_come_late_are_waited_for() {
    let mut bench = bench();
    bench.shell(0);
    bench.wait(PARKED_NS + 1);
    bench.wait(INCOMPLETE_NS - 1);
    assert_eq!(bench.shown(), [""; 0]);
    assert!(bench.line.is_waiting());
    bench.learn("evil");
    assert_eq!(bench.shown(), ["alert 1 Refused complete"]);
    assert!(!bench.line.is_waiting());
}

#[test]
fn facts_that_never_come_are_told_of_as_unknown() {
    let mut bench = bench();
    bench.shell(0);
    bench.wait(INCOMPLETE_NS);
    assert_eq!(bench.shown(), ["alert 1 Unknown pending"]);
    let mut bench = self::bench();
    bench.shell(0);
    bench.line.finish();
    assert_eq!(bench.shown(), ["alert 1 Unknown pending"]);
    let mut bench = self::bench();
    bench.facts(Fact::Unknown(Reason::NotApplicable));
    bench.shell(0);
    assert_eq!(bench.shown(), ["alert 1 Unknown complete"], "it has no image");
}

/// Over the bound nothing is lost: what finds no room is decided at once.
#[test]
fn so_many_wait_longer() {
    let mut bench = bench();
    let id = |number: usize| format!("{number:064x}");
    for number in 0..=LATE_STARTS {
        let key = CgroupKey { hierarchy: 0, id: 1000 + number as u64 };
        bench.line.take(Input::Cgroup(key, &format!("/docker/{}", id(number))));
        let who = Who::new(1000 + number as u32).in_cgroup(1000 + number as u64);
        bench.take(records::exec(who, "/bin/sh", b"sh\0"));
    }
    bench.wait(PARKED_NS + 1);
    assert_eq!(bench.shown().len(), 1);
    bench.wait(2 * INCOMPLETE_NS);
    assert_eq!(bench.shown().len(), LATE_STARTS + 1);
}

/// A container that turns out to be none is not judged.
#[test]
fn the_host_is_not_judged() {
    let mut bench = bench();
    bench.shell(0);
    let none = ContainerFacts { cgroup_path: PATH.into(), container: None };
    bench.line.take(Input::Facts(none));
    bench.take(records::exec(Who::new(10), "/bin/sh", b"sh\0"));
    bench.line.finish();
    let host = bench.shown();
    assert!(host.iter().all(|it| !it.contains("Refused")), "{host:?}");
}
