mod nested;
mod peers;
mod ways;

use proptest::prelude::*;

use super::*;
use crate::{
    decode::decode,
    event::{Fact, FactSource, Outcome, Reason},
    limits::{ANCESTORS, CGROUPS, CONTAINERS, EXITED_LINGER_NS, GONE_CONTAINERS},
    limits::{PROCESS_OVERHEAD_BYTES, PROCESS_TABLE_BYTES},
    records::{self, ProgramStart, Record, START_NS, Who},
};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// Takes records in as the line does.
struct Bench(Enricher);

impl Bench {
    fn new() -> Self {
        Self::with_budget(PROCESS_TABLE_BYTES)
    }

    fn with_budget(bytes: usize) -> Self {
        Self(Enricher::new(bytes, 7, crate::env::EnvKeys::new(["PATH"])))
    }

    fn state(&mut self, record: &Record) {
        let bytes = record.bytes();
        assert!(matches!(self.0.enrich(decode(&bytes).unwrap()), Enriched::State));
    }

    fn event(&mut self, record: &Record) -> Event {
        let bytes = record.bytes();
        match self.0.enrich(decode(&bytes).unwrap()) {
            Enriched::Event(event) => *event,
            other => panic!("no event, but {other:?}"),
        }
    }

    fn repeat(&mut self, record: &Record) {
        let bytes = record.bytes();
        assert!(matches!(self.0.enrich(decode(&bytes).unwrap()), Enriched::Repeat));
    }

    /// A cgroup of a container, with what is asked about it.
    fn cgroup(&mut self, id: u64, path: &str) -> Vec<Lookup> {
        self.state(&records::cgroup_mkdir((0, id), path));
        self.0.take_lookups()
    }

    /// The container id of what a process does next.
    fn place(&mut self, who: Who) -> String {
        self.event(&records::exec(who, "/bin/x", b"x\0")).container.id.to_string()
    }

    fn learn(&mut self, path: &str, container: Option<Container>) -> bool {
        self.0.learn(ContainerFacts {
            cgroup_path: path.into(),
            container: container.map(Into::into),
        })
    }

    fn misses(&self) -> u64 {
        self.0.table_stats().misses
    }
}

fn container(id: &str, path: &str) -> Container {
    let known = |text: &str| Fact::Known(text.into(), FactSource::Bundle);
    Container { id: id.into(), cgroup_path: path.into(), name: known("shop"), ..Container::host() }
}

fn executable(process: &Process) -> &str {
    std::str::from_utf8(process.executable.as_deref().unwrap_or_default()).unwrap()
}

fn pids(event: &Event) -> Vec<u32> {
    event.ancestors.iter().map(|process| process.key.pid).collect()
}

#[test]
fn a_shell_starts_a_program() {
    let mut bench = Bench::new();
    let shell = Who::new(10);
    let child = shell.child(11);
    bench.event(&records::exec(shell, "/bin/sh", b"sh\0"));
    let forked = bench.event(&records::fork(shell, child));
    assert!(matches!(forked.action, Action::Fork { child } if child.pid == 11));
    assert_eq!(forked.process.key.pid, 10);
    let started = bench.event(&records::exec(child, "/bin/id", b"id\0").after_ns(5));
    assert_eq!(executable(&started.process), "/bin/id");
    assert_eq!(started.process.exec_ns, START_NS + 5);
    assert_eq!(started.timestamp_ns, i64::try_from(START_NS).unwrap() + 12);
    assert_eq!(started.process.knowledge, Knowledge::Observed);
    let Action::Exec { previous: Some(previous) } = &started.action else { panic!("no previous") };
    assert_eq!(executable(previous), "/bin/sh");
    assert_eq!(pids(&started), [10]);
    let ended = bench.event(&records::exit(child, 256));
    assert!(matches!(ended.action, Action::Exit { status: 256 }));
    assert_eq!(executable(&ended.process), "/bin/id");
    assert_eq!(bench.misses(), 0);
}

#[test]
fn ancestors_are_bounded_and_nearest_first() {
    let mut bench = Bench::new();
    let mut who = Who::new(100);
    bench.event(&records::exec(who, "/bin/sh", b"sh\0"));
    let count = u32::try_from(ANCESTORS).unwrap() + 4;
    for pid in 101..=100 + count {
        let child = who.child(pid);
        bench.event(&records::fork(who, child));
        who = child;
    }
    let event = bench.event(&records::exec(who, "/bin/id", b"id\0"));
    let expected: Vec<u32> = (100..100 + count).rev().take(ANCESTORS).collect();
    assert_eq!(pids(&event), expected);
}

/// The parent of a vfork waits; its later exec is its own, and the child's ancestors keep what the
/// parent was when it forked.
#[test]
fn ancestors_stay_what_they_were_at_the_fork() {
    let mut bench = Bench::new();
    let parent = Who::new(10);
    let child = parent.child(11);
    bench.event(&records::exec(parent, "/bin/make", b"make\0"));
    bench.event(&records::fork(parent, child));
    let started = bench.event(&records::exec(child, "/bin/cc", b"cc\0"));
    assert_eq!(executable(&started.ancestors[0]), "/bin/make");
    bench.event(&records::exec(parent, "/bin/sleep", b"sleep\0"));
    let later = bench.event(&records::write_to(child, b"/tmp/o"));
    assert_eq!(executable(&later.ancestors[0]), "/bin/make");
    assert_eq!(executable(&later.process), "/bin/cc");
}

/// An exec by a thread that is not the leader: the kernel gives it the leader's key.
#[test]
fn an_exec_keeps_identity_and_parent() {
    let mut bench = Bench::new();
    let (first, who) = (Who::new(10), Who::new(10).child(11));
    bench.event(&records::exec(first, "/bin/sh", b"sh\0"));
    bench.event(&records::fork(first, who));
    bench.event(&records::exec(who, "/bin/a", b"a\0"));
    // The parent is gone by now: the kernel names the reaper, the table keeps who forked.
    let orphan = Who { parent_pid: 1, parent_start_ns: 1_000, ..who };
    let event = bench.event(&records::exec(orphan, "/bin/b", b"b\0").with(|h| h.tid = 99));
    assert_eq!(event.process.key, ProcessKey { pid: 11, start_ns: 11_000 });
    assert_eq!((event.tid, event.process.parent.pid), (99, 10));
    assert_eq!(pids(&event), [10]);
    assert_eq!(bench.0.table_stats().entries, 2);
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    let mut bench = Bench::new();
    let first = Who::new(10);
    let second = Who { start_ns: first.start_ns + 1, ..first };
    bench.event(&records::exec(first, "/bin/a", b"a\0"));
    let event = bench.event(&records::write_to(second, b"/x"));
    assert_eq!(event.process.knowledge, Knowledge::Gone);
    assert_eq!(bench.misses(), 1);
}

#[test]
fn a_program_that_is_nowhere_goes_by_its_thread_name() {
    let mut bench = Bench::new();
    let event = bench.event(&records::exec(Who::new(10), "/", b"/usr/bin/runc\0init\0"));
    assert_eq!(event.process.executable.as_deref(), Some(&b"/"[..]));
    assert_eq!(process_name(&event.process), b"comm");
}

#[test]
fn an_unknown_process_is_described_by_its_act() {
    let mut bench = Bench::new();
    let who = Who { uid: 33, ..Who::new(50) };
    let event = bench.event(&records::write_to(who, b"/x"));
    assert_eq!(event.process.knowledge, Knowledge::Gone);
    assert_eq!(event.process.executable, None);
    assert_eq!(process_name(&event.process), b"comm");
    assert_eq!((event.process.uid, bench.misses()), (33, 1));
    // It is known from then on, as far as it is.
    bench.event(&records::write_to(who, b"/y"));
    assert_eq!(bench.misses(), 1);
    // A fork by a stranger counts once, though two processes are entered.
    let stranger = Who::new(60);
    bench.event(&records::fork(stranger, stranger.child(61)));
    assert_eq!(bench.misses(), 2);
    let child = bench.event(&records::write_to(stranger.child(61), b"/z"));
    assert_eq!((child.process.knowledge, pids(&child)), (Knowledge::Gone, vec![60]));
}

#[test]
fn a_seed_is_older_than_anything_else() {
    let mut bench = Bench::new();
    let who = Who::new(10);
    bench.state(&records::task(who, "/bin/seeded", b"seeded\0"));
    let event = bench.event(&records::write_to(who, b"/x"));
    assert_eq!(executable(&event.process), "/bin/seeded");
    assert_eq!(event.process.knowledge, Knowledge::Procfs);
    bench.event(&records::exec(who, "/bin/new", b"new\0"));
    bench.state(&records::task(who, "/bin/seeded", b"seeded\0"));
    let event = bench.event(&records::write_to(who, b"/x"));
    assert_eq!(executable(&event.process), "/bin/new");
    assert_eq!((bench.misses(), bench.0.table_stats().entries), (0, 1));
}

#[test]
fn only_selected_variables_are_kept() {
    let mut bench = Bench::new();
    let mut start = ProgramStart::new("/bin/x", b"x\0");
    start.env = b"SECRET=1\0PATH=/bin\0";
    let event = bench.event(&start.exec(Who::new(5)));
    assert_eq!(&*event.process.env, b"PATH=/bin\0");
}

#[test]
fn scripts_have_an_absolute_path() {
    let mut bench = Bench::new();
    let mut start = ProgramStart::new("/usr/bin/dash", b"sh\0./run.sh\0");
    (start.filename, start.cwd, start.image.image_flags) = (b"./../run.sh", b"/srv/app", 1);
    let event = bench.event(&start.exec(Who::new(5)));
    assert_eq!(event.process.script.as_deref(), Some(&b"/srv/run.sh"[..]));
    start.image.image_flags = 0;
    assert_eq!(bench.event(&start.exec(Who::new(5))).process.script, None);
}

#[test]
fn an_ended_process_lingers_then_goes() {
    let mut bench = Bench::new();
    let (first, second) = (Who::new(10), Who::new(20));
    bench.event(&records::exec(first, "/bin/a", b"a\0"));
    bench.event(&records::exec(second, "/bin/b", b"b\0"));
    bench.event(&records::exit(first, 0));
    let late = bench.event(&records::write_to(first, b"/x").after_ns(1));
    assert_eq!(executable(&late.process), "/bin/a");
    bench.event(&records::exit(second, 0).after_ns(EXITED_LINGER_NS - 1));
    assert_eq!(bench.0.table_stats().entries, 2);
    bench.repeat(&records::exit(second, 0).after_ns(EXITED_LINGER_NS - 1));
    let third = Who::new(30);
    bench.event(&records::exec(third, "/bin/c", b"c\0").after_ns(EXITED_LINGER_NS));
    bench.event(&records::exit(third, 0).after_ns(EXITED_LINGER_NS));
    assert_eq!(bench.0.table_stats().entries, 2);
    let gone = bench.event(&records::write_to(first, b"/x"));
    assert_eq!(gone.process.knowledge, Knowledge::Gone);
}

#[test]
fn the_budget_is_kept_and_what_goes_is_counted() {
    let budget = 5 * PROCESS_OVERHEAD_BYTES;
    let mut bench = Bench::with_budget(budget);
    bench.event(&records::exec(Who::new(1), "/a", b"a\0"));
    bench.event(&records::exec(Who::new(2), "/b", b"b\0"));
    bench.event(&records::exit(Who::new(2), 0));
    for pid in 3..=4 {
        bench.event(&records::exec(Who::new(pid), "/c", b"c\0"));
    }
    assert_eq!((bench.0.table_stats().evicted, bench.0.table_stats().entries), (0, 4));
    bench.event(&records::exec(Who::new(5), "/d", b"d\0"));
    assert_eq!(bench.0.table_stats().evicted, 1);
    // The one that had ended went first, not the oldest.
    let known = |bench: &mut Bench, pid| {
        bench.event(&records::write_to(Who::new(pid), b"/")).process.knowledge
    };
    assert_eq!(known(&mut bench, 1), Knowledge::Observed);
    bench.event(&records::exec(Who::new(6), "/d", b"d\0"));
    assert_eq!(known(&mut bench, 6), Knowledge::Observed);
    assert!(bench.0.table_stats().bytes <= budget);
    assert_eq!(known(&mut bench, 1), Knowledge::Gone);
    assert_eq!(bench.misses(), 1);
}

/// A budget that holds nothing: events are still told of.
#[test]
fn without_room_events_still_leave() {
    let mut bench = Bench::with_budget(0);
    let event = bench.event(&records::write_to(Who::new(1), b"/x"));
    assert_eq!(event.process.knowledge, Knowledge::Gone);
    assert_eq!(bench.0.table_stats().bytes, 0);
    let event = bench.event(&records::exec(Who::new(1), "/bin/a", b"a\0"));
    assert_eq!(event.process.key.pid, 1);
}

#[test]
fn a_container_is_known_before_its_first_program() {
    let mut bench = Bench::new();
    let asked = bench.cgroup(50, &format!("/docker/{ID}"));
    assert_eq!(asked.len(), 1);
    assert_eq!((&*asked[0].id, &*asked[0].cgroup_path), (ID, &*format!("/docker/{ID}")));
    let event = bench.event(&records::exec(Who::new(9).in_cgroup(50), "/bin/x", b"x\0"));
    assert_eq!(&*event.container.id, ID);
    assert_eq!(event.container.runtime.known().map(|name| &**name), Some("docker"));
    assert_eq!(event.container.image, Fact::Unknown(Reason::Pending));
    assert_eq!(bench.place(Who::new(8)), Container::HOST);
    assert_eq!(bench.0.container_id(CgroupKey { hierarchy: 0, id: 50 }), ID);
}

#[test]
fn identity_is_that_of_the_first_container() {
    let mut bench = Bench::new();
    bench.cgroup(50, &format!("/docker/{ID}"));
    bench.cgroup(60, &format!("/docker/{OTHER}"));
    bench.cgroup(70, "/system.slice");
    let who = Who::new(9);
    assert_eq!(bench.place(who), Container::HOST);
    // Into a container: that is how a runtime starts one.
    assert_eq!(bench.place(who.in_cgroup(50)), ID);
    // Out of it, or into a neighbour's: nobody changes who he is.
    assert_eq!(bench.place(who.in_cgroup(70)), ID);
    assert_eq!(bench.place(who.in_cgroup(60)), ID);
    assert_eq!(bench.place(who), ID);
    // A container inside its own is another.
    bench.cgroup(51, &format!("/docker/{ID}/docker/{OTHER}"));
    assert_eq!(bench.place(who.in_cgroup(51)), OTHER);
    assert_eq!(bench.place(who.in_cgroup(50)), OTHER);
}

#[test]
fn children_are_where_their_parent_is() {
    let mut bench = Bench::new();
    bench.cgroup(50, &format!("/docker/{ID}"));
    let who = Who::new(9).in_cgroup(50);
    bench.place(who);
    // Forked while the parent is in a cgroup of the host.
    let out = who.in_cgroup(1);
    let child = out.child(10);
    bench.event(&records::fork(out, child));
    assert_eq!(bench.place(child), ID);
}

#[test]
fn cgroups_below_a_container_are_its_own() {
    let mut bench = Bench::new();
    bench.cgroup(50, &format!("/docker/{ID}"));
    assert_eq!(bench.cgroup(51, &format!("/docker/{ID}/init.scope/x")), []);
    assert_eq!(bench.place(Who::new(9).in_cgroup(51)), ID);
    // Told of twice: once by the walk at start, once by the kernel.
    assert_eq!(bench.cgroup(50, &format!("/docker/{ID}")), []);
}

#[test]
fn the_bundle_decides_about_a_path_that_only_may_be_a_containers() {
    let mut bench = Bench::new();
    assert_eq!(bench.cgroup(50, "/default/n1").len(), 1);
    assert_eq!(bench.cgroup(60, "/jobs/batch").len(), 1);
    let (who, job) = (Who::new(9).in_cgroup(50), Who::new(10).in_cgroup(60));
    // Until then it is taken for one, with all facts pending.
    assert_eq!(bench.place(who), "n1");
    assert_eq!(bench.place(job), "batch");
    assert_eq!(bench.0.registry_stats().containers, 0);
    assert!(bench.learn("/default/n1", Some(container("n1", "/default/n1"))));
    assert!(bench.learn("/jobs/batch", None));
    assert!(!bench.learn("/not/asked", None));
    let mut event = bench.event(&records::write_to(who, b"/x"));
    assert_eq!(event.container.name.known().map(|name| &**name), Some("shop"));
    bench.0.refresh(&mut event);
    assert_eq!(&*event.container.id, "n1");
    assert_eq!(bench.place(job), Container::HOST);
    assert_eq!(bench.0.registry_stats().containers, 1);
    // One that turned out to be on the host can still enter a container.
    assert_eq!(bench.place(job.in_cgroup(50)), "n1");
}

#[test]
fn a_certain_path_stays_a_container_without_facts() {
    let mut bench = Bench::new();
    let path = format!("/docker/{ID}");
    bench.cgroup(50, &path);
    assert!(bench.learn(&path, None));
    assert_eq!(bench.place(Who::new(9).in_cgroup(50)), ID);
}

#[test]
fn a_removed_container_is_known_for_its_last_events() {
    let mut bench = Bench::new();
    bench.cgroup(50, &format!("/docker/{ID}"));
    let who = Who::new(9).in_cgroup(50);
    bench.place(who);
    bench.state(&records::cgroup_rmdir((0, 50), &format!("/docker/{ID}")));
    assert_eq!(&*bench.event(&records::write_to(who, b"/x")).container.id, ID);
    // As many containers as are kept come and go; then it is forgotten.
    for number in 0..GONE_CONTAINERS as u64 {
        assert_eq!(&*bench.event(&records::write_to(who, b"/x")).container.id, ID, "{number}");
        let path = format!("/docker/{number:064x}");
        bench.cgroup(1000 + number, &path);
        bench.state(&records::cgroup_rmdir((0, 1000 + number), &path));
    }
    assert_eq!(bench.0.registry_stats().containers, GONE_CONTAINERS);
    assert_eq!(&*bench.event(&records::write_to(who, b"/x")).container.id, Container::HOST);
}

/// What a container makes and removes inside its own cgroup does not make it forgotten.
#[test]
fn cgroups_that_come_and_go_in_a_container_leave_it_known() {
    let mut bench = Bench::new();
    bench.cgroup(50, "/default/n1");
    bench.learn("/default/n1", Some(container("n1", "/default/n1")));
    let who = Who::new(9).in_cgroup(50);
    bench.place(who);
    for number in 0..=GONE_CONTAINERS as u64 {
        for name in ["x.service", "plain"] {
            let path = format!("/default/n1/{name}");
            bench.cgroup(1000 + number, &path);
            assert_eq!(bench.place(Who::new(10).in_cgroup(1000 + number)), "n1");
            bench.state(&records::cgroup_rmdir((0, 1000 + number), &path));
        }
    }
    assert_eq!(bench.place(who), "n1");
}

/// A container makes a cgroup in its own before its facts arrive: that one is no container, and
/// not the host either.
#[test]
fn a_cgroup_in_a_container_that_is_not_yet_known_is_not_the_hosts() {
    let mut bench = Bench::new();
    bench.cgroup(50, "/default/n1");
    assert_eq!(bench.cgroup(51, "/default/n1/sub").len(), 1);
    let who = Who::new(9).in_cgroup(50);
    bench.place(who);
    bench.place(who.in_cgroup(51));
    bench.learn("/default/n1", Some(container("n1", "/default/n1")));
    bench.learn("/default/n1/sub", None);
    assert_eq!(bench.place(who.in_cgroup(51)), "n1");
    assert_eq!(bench.place(Who::new(10).in_cgroup(51)), "n1");
    assert_eq!(bench.place(who.in_cgroup(1)), "n1");
    assert_eq!(bench.0.registry_stats().containers, 1);
}

/// Facts reach an event also when its process is long gone from the table.
#[test]
fn facts_do_not_hang_on_the_process() {
    let mut bench = Bench::with_budget(2 * PROCESS_OVERHEAD_BYTES);
    bench.cgroup(50, "/default/n1");
    let who = Who::new(9).in_cgroup(50);
    let mut event = bench.event(&records::exec(who, "/bin/x", b"x\0"));
    bench.event(&records::exit(who, 0));
    bench.event(&records::exec(Who::new(10), "/bin/y", b"y\0"));
    bench.learn("/default/n1", Some(container("n1", "/default/n1")));
    bench.0.refresh(&mut event);
    assert_eq!(event.container.name.known().map(|name| &**name), Some("shop"));
    let mut on_host = bench.event(&records::write_to(Who::new(10), b"/x"));
    bench.0.refresh(&mut on_host);
    assert!(on_host.container.is_host());
}

/// A container that is started again has the same path and another cgroup: it is asked about anew.
#[test]
fn a_path_that_is_used_again_is_another_container() {
    let mut bench = Bench::new();
    assert_eq!(bench.cgroup(50, "/default/n1").len(), 1);
    bench.learn("/default/n1", Some(container("n1", "/default/n1")));
    bench.state(&records::cgroup_rmdir((0, 50), "/default/n1"));
    assert_eq!(bench.cgroup(51, "/default/n1").len(), 1);
    let event = bench.event(&records::exec(Who::new(9).in_cgroup(51), "/bin/x", b"x\0"));
    assert_eq!(event.container.name, Fact::Unknown(Reason::Pending));
}

#[test]
fn ids_of_two_hierarchies_are_two_cgroups() {
    let mut bench = Bench::new();
    bench.cgroup(50, &format!("/docker/{ID}"));
    bench.state(&records::cgroup_mkdir((4, 50), &format!("/docker/{OTHER}")));
    let who = Who::new(9);
    assert_eq!(bench.place(Who { cgroup: (0, 50), ..who }), ID);
    assert_eq!(bench.place(Who { cgroup: (4, 50), ..Who::new(10) }), OTHER);
    assert_eq!(bench.place(Who { cgroup: (5, 50), ..Who::new(11) }), Container::UNKNOWN);
}

#[test]
fn the_registry_is_bounded_and_counts_what_finds_no_room() {
    let mut registry = Registry::default();
    let key = |id| CgroupKey { hierarchy: 0, id };
    // 1 is a root.
    for id in 2..CONTAINERS as u64 + 2 {
        assert!(registry.add_cgroup(key(id), &format!("/docker/{id:064x}")).lookup.is_some());
    }
    assert_eq!(registry.stats().refused, 0);
    let more = CONTAINERS as u64 + 2;
    assert_eq!(registry.add_cgroup(key(more), &format!("/docker/{ID}")).lookup, None);
    // Not the host's: nobody knows whose.
    let (unknown, lookup) = registry.of_cgroup(key(more));
    assert_eq!((&*registry.get(unknown).id, lookup), (Container::UNKNOWN, None));
    assert!(registry.get(unknown).is_certain() && !registry.is_host(unknown.unwrap()));
    assert_eq!((registry.stats().refused, registry.stats().containers), (1, CONTAINERS));
    for id in more + 1..CGROUPS as u64 + 2 {
        registry.add_cgroup(key(id), "/");
    }
    assert_eq!((registry.stats().cgroups, registry.stats().refused), (CGROUPS, 1));
    registry.add_cgroup(key(u64::MAX), "/");
    assert_eq!((registry.stats().cgroups, registry.stats().refused), (CGROUPS, 2));
    let (unknown, lookup) = registry.of_cgroup(key(u64::MAX));
    assert_eq!((&*registry.get(unknown).id, lookup), (Container::UNKNOWN, None));
    assert_eq!(registry.stats().refused, 3);
    // Room again.
    registry.remove_cgroup(key(u64::MAX - 1));
    registry.remove_cgroup(key(3));
    registry.add_cgroup(key(u64::MAX), "/");
    assert_eq!(registry.stats().refused, 3);
    assert_eq!(registry.of_cgroup(key(u64::MAX)), (None, None));
}

/// A record about a cgroup can be lost: then nobody may take what runs there for the host's.
#[test]
fn a_cgroup_that_was_never_told_of_is_looked_for() {
    let mut bench = Bench::new();
    let who = Who::new(9).in_cgroup(77);
    let event = bench.event(&records::exec(who, "/bin/x", b"x\0"));
    assert_eq!((&*event.container.id, event.container.is_certain()), (Container::UNKNOWN, false));
    assert_eq!(
        bench.0.take_lookups().iter().map(|it| it.unseen).collect::<Vec<_>>(),
        [Some(CgroupKey { hierarchy: 0, id: 77 })]
    );
    // Asked once.
    bench.event(&records::exec(who, "/bin/y", b"y\0"));
    assert_eq!(bench.0.take_lookups(), []);
    let path = format!("/docker/{ID}");
    assert_eq!(bench.cgroup(77, &path).len(), 1);
    let mut waited = Event::clone(&event);
    bench.0.refresh(&mut waited);
    assert_eq!(&*waited.container.id, ID);
    assert_eq!(bench.place(who), ID);
    // Another one turns out to be the host's, a third is gone before it was found.
    let (host, gone) = (Who::new(10).in_cgroup(78), Who::new(11).in_cgroup(79));
    assert_eq!(
        (bench.place(host), bench.place(gone)),
        (Container::UNKNOWN.into(), Container::UNKNOWN.into())
    );
    bench.cgroup(78, "/system.slice/ssh.service");
    let facts = Container::unknown("?0:79", Reason::Gone);
    bench.learn("?0:79", Some(facts));
    assert_eq!(
        (bench.place(host), bench.place(gone)),
        (Container::HOST.into(), Container::UNKNOWN.into())
    );
    let event = bench.event(&records::exec(gone, "/bin/x", b"x\0"));
    assert!(event.container.is_certain());
    assert_eq!(bench.0.registry_stats().unseen, 3);
    // Losses keep the name of the container after its cgroup is gone.
    bench.state(&records::cgroup_rmdir((0, 77), &path));
    assert_eq!(bench.0.container_id(CgroupKey { hierarchy: 0, id: 77 }), ID);
}

#[test]
fn names_become_paths() {
    #[track_caller]
    fn check(name: &[u8], cwd: &[u8], expected: &[u8]) {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(
            shown(&absolute(name, cwd)),
            shown(expected),
            "{} in {}",
            shown(name),
            shown(cwd)
        );
    }
    check(b"/etc/passwd", b"/tmp", b"/etc/passwd");
    check(b"passwd", b"/etc", b"/etc/passwd");
    check(b"./passwd", b"/etc", b"/etc/passwd");
    check(b"../passwd", b"/etc/ssh", b"/etc/passwd");
    check(b"../../../../passwd", b"/etc", b"/passwd");
    check(b"/../etc/./passwd", b"/tmp", b"/etc/passwd");
    check(b"/etc//passwd", b"/tmp", b"/etc/passwd");
    check(b"//etc/passwd", b"/tmp", b"/etc/passwd");
    check(b"/etc/.hidden", b"/tmp", b"/etc/.hidden");
    check(b"/etc/..hidden/x", b"/tmp", b"/etc/..hidden/x");
    check(b"a/..", b"/", b"/");
    check(b"", b"/srv", b"/srv");
    check(b"", b"", b"/");
    check(b"..", b"", b"/");
    check(b".", b"/", b"/");
    check(b"/", b"/x", b"/");
    check(b"/..", b"/x", b"/");
    check(b"x", b"", b"/x");
    check(b"x", b"//a/./b/../", b"/a/x");
    check(b"\xff\xfe/..\xff", b"/\xc3", b"/\xc3/\xff\xfe/..\xff");
    // A final slash says only that it is a directory.
    check(b"dir/", b"/a", b"/a/dir");
}

#[test]
fn a_refused_open_keeps_the_name_as_it_was_passed() {
    let mut bench = Bench::new();
    let refused =
        records::open(Who::new(1), Default::default(), b"../shadow", b"/etc/ssh").outcome(-13);
    let event = bench.event(&refused);
    assert_eq!(event.outcome, Outcome::Failure(13));
    let Action::FileOpen(act) = event.action else { panic!("another kind") };
    assert_eq!(&*act.path, b"/etc/shadow");
    assert_eq!(act.name.as_deref(), Some(&b"../shadow"[..]));
    assert_eq!(act.file, None);
    let Action::FileOpen(act) = bench.event(&records::write_to(Who::new(1), b"/a/../b")).action
    else {
        panic!("another kind")
    };
    // The kernel's own walk is taken as it is.
    assert_eq!((&*act.path, act.name.is_none(), act.file.is_some()), (&b"/a/../b"[..], true, true));
}

#[test]
fn unix_names_end_at_a_zero_byte_unless_they_start_with_one() {
    let name = |unix: &[u8]| {
        let socket = monitor_common::Socket { family: 1, ..Default::default() };
        let event = Bench::new().event(&records::connect(Who::new(1), socket, unix));
        match event.action {
            Action::Connect(SocketAct { destination: Address::Unix(path), .. }) => path.to_vec(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(name(b"/run/x.sock\0junk"), b"/run/x.sock");
    assert_eq!(name(b"\0abstract\0more"), b"\0abstract\0more");
    assert_eq!(name(b""), b"");
}

/// An act of one of a few processes in one of a few cgroups.
fn operation() -> impl Strategy<Value = (u8, u32, u64, usize)> {
    (0..6_u8, 1..12_u32, 0..4_u64, 0..3000_usize)
}

proptest! {
    /// Whatever happens, the table stays within its budget and its bytes are those of its entries.
    #[test]
    fn the_table_keeps_its_budget(
        budget in 0..12 * PROCESS_OVERHEAD_BYTES,
        operations in prop::collection::vec(operation(), 0..120),
    ) {
        let mut bench = Bench::with_budget(budget);
        bench.cgroup(1, "/system.slice");
        bench.cgroup(2, &format!("/docker/{ID}"));
        bench.cgroup(3, "/default/n1");
        for (at, (what, pid, cgroup, length)) in operations.into_iter().enumerate() {
            let who = Who::new(pid).in_cgroup(cgroup);
            let args = [vec![b'a'; length], vec![0]].concat();
            let record = match what {
                0 => records::exec(who, "/bin/x", &args),
                1 => records::fork(who, who.child(pid % 12 + 1)),
                2 => records::exit(who, 0),
                3 => records::write_to(who, b"/x"),
                _ => records::task(who, "/bin/seed", &args),
            };
            let record = record.after_ns(at as u64 * 700_000_000);
            let bytes = record.bytes();
            drop(bench.0.enrich(decode(&bytes).unwrap()));
            let stats = bench.0.table_stats();
            prop_assert!(stats.bytes <= budget, "{stats:?} over {budget}");
            prop_assert!(stats.bytes >= stats.entries * PROCESS_OVERHEAD_BYTES);
            prop_assert!(stats.entries > 0 || stats.bytes == 0, "{stats:?} of nothing");
        }
    }

    /// The path of a name is absolute and has nothing to work out any more.
    #[test]
    fn absolute_paths_are_plain(name in "[./a\u{e9}]{0,12}", cwd in "(/[./a]{0,8})?") {
        let path = absolute(name.as_bytes(), cwd.as_bytes());
        prop_assert!(path.starts_with(b"/"));
        let parts = path.split(|byte| *byte == b'/').skip(1);
        let plain = |part: &[u8]| !matches!(part, b"." | b"..") && (!part.is_empty() || path.len() == 1);
        let ends = path.ends_with(b"/") && path.len() > 1;
        prop_assert!(ends || parts.clone().all(plain), "{:?}", String::from_utf8_lossy(&path));
    }
}
