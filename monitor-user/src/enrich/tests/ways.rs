//! How processes came to run where they do.

use super::*;
use crate::event::Way;

const PATH: &str = "/docker/";

/// A container with this health check.
fn with_check(command: &str) -> Container {
    let path = format!("{PATH}{ID}");
    let healthcheck = Fact::Known(command.into(), FactSource::Docker);
    Container { runtime: healthcheck.clone(), healthcheck, ..container(ID, &path) }
}

fn started(bench: &mut Bench, who: Who, args: &[u8]) -> Result<Way, Reason> {
    bench.event(&records::exec(who, "/bin/x", args)).way()
}

fn at_terminal(bench: &mut Bench, who: Who) -> Result<Way, Reason> {
    let mut start = ProgramStart::new("/bin/sh", b"sh\0");
    start.image.tty = 136 << 20 | 3;
    bench.event(&start.exec(who)).way()
}

/// As runc does it: its own process enters, and of that come the container's.
#[test]
fn the_first_in_a_container_is_its_entrypoint_and_who_comes_later_is_not() {
    let mut bench = Bench::new();
    bench.cgroup(50, &format!("{PATH}{ID}"));
    bench.learn(&format!("{PATH}{ID}"), Some(with_check("check\0-q\0")));
    let shim = Who::new(10);
    bench.event(&records::exec(shim, "/usr/bin/containerd-shim", b"shim\0"));
    let enter = |bench: &mut Bench, pid| {
        let who = shim.child(pid);
        bench.event(&records::fork(shim, who));
        who.in_cgroup(50)
    };
    let stage = enter(&mut bench, 11);
    let init = stage.child(12);
    bench.event(&records::fork(stage, init));
    assert_eq!(started(&mut bench, init, b"server\0"), Ok(Way::Entrypoint));
    let worker = init.child(13);
    bench.event(&records::fork(init, worker));
    assert_eq!(at_terminal(&mut bench, worker), Ok(Way::Entrypoint));
    // Each of these comes from outside.
    let check = enter(&mut bench, 20);
    assert_eq!(started(&mut bench, check, b"check\0-q\0"), Ok(Way::Healthcheck));
    let helper = check.child(21);
    bench.event(&records::fork(check, helper));
    assert_eq!(started(&mut bench, helper, b"helper\0"), Ok(Way::Healthcheck));
    let like = enter(&mut bench, 22);
    assert_eq!(started(&mut bench, like, b"check\0-q\0-x\0"), Ok(Way::Exec));
    let typed = enter(&mut bench, 23);
    assert_eq!(at_terminal(&mut bench, typed), Ok(Way::InteractiveExec));
    let command = typed.child(24);
    bench.event(&records::fork(typed, command));
    assert_eq!(started(&mut bench, command, b"check\0-q\0"), Ok(Way::InteractiveExec));
    // One that the runtime starts anew from its own file, in the container already.
    let copied = enter(&mut bench, 25);
    let runc = records::exec(copied, "/memfd:runc_cloned:/proc/self/exe", b"runc\0init\0");
    assert_eq!(bench.event(&runc).way(), Ok(Way::Exec));
    assert_eq!(at_terminal(&mut bench, copied), Ok(Way::InteractiveExec));
    // The shim stays what it was.
    assert_eq!(started(&mut bench, shim, b"shim\0"), Err(Reason::NotSeen));
}

#[test]
fn what_a_command_was_is_told_once_the_containers_facts_are_known() {
    let mut bench = Bench::new();
    bench.cgroup(50, &format!("{PATH}{ID}"));
    started(&mut bench, Who::new(9).in_cgroup(50), b"server\0").unwrap();
    let (host, check) = (Who::new(10), Who::new(10).child(11));
    started(&mut bench, host, b"shim\0").unwrap_err();
    bench.event(&records::fork(host, check));
    let check = check.in_cgroup(50);
    let mut waiting = bench.event(&records::exec(check, "/bin/check", b"check\0"));
    assert_eq!(waiting.way(), Err(Reason::Pending));
    bench.learn(&format!("{PATH}{ID}"), Some(with_check("check\0")));
    bench.0.refresh(&mut waiting);
    assert_eq!(waiting.way(), Ok(Way::Healthcheck));
    assert_eq!(bench.event(&records::write_to(check, b"/x")).way(), Ok(Way::Healthcheck));
}

/// The cgroup of a service looks like one of a container until its bundle is not found.
#[test]
fn a_way_into_a_cgroup_that_is_no_container_is_none() {
    let mut bench = Bench::new();
    bench.cgroup(60, "/jobs/batch");
    let systemd = Who { pid: 1, start_ns: 1_000, parent_pid: 0, ..Who::new(1) };
    bench.state(&records::task(systemd, "/usr/lib/systemd/systemd", b"/sbin/init\0"));
    let service = systemd.child(70);
    bench.event(&records::fork(systemd, service));
    let service = service.in_cgroup(60);
    assert_eq!(started(&mut bench, service, b"sshd\0"), Err(Reason::Pending));
    bench.learn("/jobs/batch", None);
    let daemon = records::exec(service, "/usr/sbin/sshd", b"sshd\0-D\0");
    assert_eq!(bench.event(&daemon).way(), Ok(Way::Systemd));
    let session = service.child(71);
    bench.event(&records::fork(service, session));
    assert_eq!(started(&mut bench, session, b"bash\0"), Ok(Way::Ssh));
    let command = session.child(72);
    bench.event(&records::fork(session, command));
    assert_eq!(started(&mut bench, command, b"id\0"), Ok(Way::Ssh));
}

/// Processes from before the monitor: by where their parents are.
#[test]
fn seeds_have_a_way_as_far_as_their_parents_tell() {
    let mut bench = Bench::new();
    bench.cgroup(50, &format!("{PATH}{ID}"));
    bench.learn(&format!("{PATH}{ID}"), Some(with_check("check\0")));
    let shim = Who::new(10);
    bench.state(&records::task(shim, "/usr/bin/shim", b"shim\0"));
    let seed = |bench: &mut Bench, who: Who| {
        bench.state(&records::task(who, "/bin/x", b"x\0"));
        bench.event(&records::write_to(who, b"/x")).way()
    };
    let init = shim.child(11).in_cgroup(50);
    assert_eq!(seed(&mut bench, init), Ok(Way::Entrypoint));
    assert_eq!(seed(&mut bench, init.child(12)), Ok(Way::Entrypoint));
    let put_in = shim.child(13).in_cgroup(50);
    assert_eq!(seed(&mut bench, put_in), Ok(Way::Exec));
    assert_eq!(seed(&mut bench, put_in.child(14)), Ok(Way::Exec));
    let orphan = Who { parent_pid: 99, ..Who::new(15) }.in_cgroup(50);
    assert_eq!(seed(&mut bench, orphan), Err(Reason::NotSeen));
    // Of one that is not seen at all less is known than of a seed.
    let lost = shim.child(16).in_cgroup(50);
    assert_eq!(bench.event(&records::write_to(lost, b"/x")).way(), Err(Reason::NotSeen));
}

/// The record about the cgroup came late: who was in it first is not forgotten.
#[test]
fn the_first_in_a_cgroup_that_was_not_told_of_is_the_entrypoint() {
    let mut bench = Bench::new();
    let init = Who::new(9).in_cgroup(77);
    assert_eq!(started(&mut bench, init, b"server\0"), Err(Reason::Pending));
    bench.cgroup(77, &format!("{PATH}{ID}"));
    bench.learn(&format!("{PATH}{ID}"), Some(with_check("check\0")));
    assert_eq!(bench.event(&records::write_to(init, b"/x")).way(), Ok(Way::Entrypoint));
    let (host, later) = (Who::new(10), Who::new(10).child(11));
    bench.event(&records::fork(host, later));
    assert_eq!(started(&mut bench, later.in_cgroup(77), b"x\0"), Ok(Way::Exec));
}
