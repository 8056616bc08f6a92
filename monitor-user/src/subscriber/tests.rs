use std::{io, time::Duration};

use super::*;
use crate::{
    container::Container,
    document::tests::sender,
    enrich::{Enricher, container::ContainerFacts},
    env::EnvKeys,
    event::{Action, Fact, FactSource},
    limits::{PROCESS_TABLE_BYTES, SUBSCRIBER_QUEUE},
    line::{Input, Line, Outlet},
    raw_event::CgroupKey,
    records::{self, Record, Who},
    rules,
};

const PATH: &str = "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Fires on every shell.
const SHELL: &str = "
- rule: Shell
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: shell
  priority: notice
";

/// Takes what there is, for a time.
#[derive(Default)]
struct Page {
    text: String,
    lost: u64,
}

impl Output for Page {
    fn lines(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        for line in lines {
            self.text += std::str::from_utf8(line).unwrap();
            self.text.push('\n');
        }
        Ok(())
    }

    fn rest(&mut self, lost: u64) -> io::Result<()> {
        self.lost = lost;
        Ok(())
    }
}

/// No sinks: who looks on is alone.
struct Nobody(Vec<Document>);

impl Outlet for Nobody {
    fn offer(&mut self, document: Document) {
        self.0.push(document);
    }

    fn wants_events(&self) -> bool {
        false
    }
}

struct Bench {
    line: Line<Subscribed<Nobody>>,
    feed: Feed,
    writer: Writer,
    sequence: u64,
}

impl Bench {
    fn new(wish: &Wish, text: &str) -> Self {
        let loaded =
            rules::load(&[monitor_rules::RuleFile { name: "r.yaml", bytes: text.as_bytes() }]);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        let mut outlet = Subscribed::new(Nobody(Vec::new()));
        let (subscriber, feed) = Subscriber::new(wish.view().unwrap());
        assert!(outlet.add(subscriber));
        let enricher = Enricher::new(PROCESS_TABLE_BYTES, 0, EnvKeys::default());
        let mut line = Line::new(enricher, Arc::new(loaded.rules), Vec::new(), outlet);
        line.take(Input::Cgroup(CgroupKey { hierarchy: 0, id: 50 }, PATH));
        Self { line, feed, writer: wish.form.writer(wish.root).unwrap(), sequence: 0 }
    }

    fn take(&mut self, record: Record) {
        self.sequence += 1;
        self.line.take(Input::Record(&record.numbered(self.sequence).bytes()));
    }

    fn name_container(&mut self, name: &str) {
        let container = Container {
            id: "n1".into(),
            cgroup_path: PATH.into(),
            name: Fact::Known(name.into(), FactSource::Bundle),
            ..Container::host()
        };
        self.line.take(Input::Facts(ContainerFacts {
            cgroup_path: PATH.into(),
            container: Some(Arc::new(container)),
        }));
    }

    /// All that it shows.
    fn finish(mut self) -> String {
        self.line.finish();
        drop(self.line);
        let mut page = Page::default();
        write(&self.feed, &self.writer, &sender(), &mut page, None);
        page.text
    }
}

fn fields(names: &[&str]) -> Form {
    Form::Fields { fields: names.iter().map(|name| (*name).to_owned()).collect(), json: false }
}

fn filter(text: &str) -> Wish {
    Wish { filter: text.to_owned(), form: fields(&["proc.pid"]), ..Wish::default() }
}

fn of_tree(pid: u32, children: bool) -> Wish {
    Wish { root: Some(Root { pid, children, since_ns: 0 }), ..filter("evt.type = execve") }
}

fn starts(who: Who) -> Record {
    records::exec(who, "/bin/sh", b"sh\0")
}

#[test]
fn who_looks_on_gets_what_its_filter_holds_for_and_sinks_get_no_events() {
    let mut bench = Bench::new(&filter("evt.type = execve and proc.pid != 9"), SHELL);
    bench.take(starts(Who::new(9)));
    bench.take(starts(Who::new(10)));
    bench.take(records::write_to(Who::new(11), b"/x"));
    let offered = &bench.line.outlet().inner().0;
    assert!(offered.iter().all(|document| matches!(document, Document::Alert(_))));
    assert_eq!(offered.len(), 2);
    assert_eq!(bench.finish(), "10\n");
}

#[test]
fn an_event_waits_for_the_fact_that_the_filter_hangs_on_also_if_a_rule_matches_at_once() {
    for rules in ["", SHELL] {
        for (name, shown) in [("web", "9\n"), ("db", "")] {
            let mut bench = Bench::new(&filter("container.name = web"), rules);
            bench.take(starts(Who::new(9).in_cgroup(50)));
            bench.name_container(name);
            assert_eq!(bench.finish(), shown, "{name} with rules {rules:?}");
        }
    }
}

#[test]
fn an_alert_is_shown_when_the_fact_comes_that_the_filter_hangs_on() {
    let wish = Wish { alerts: true, ..filter("container.name = web") };
    for (name, shown) in [("web", "9\n"), ("db", "")] {
        let mut bench = Bench::new(&wish, SHELL);
        bench.take(starts(Who::new(9).in_cgroup(50)));
        bench.name_container(name);
        // One that is shown at once is not shown again.
        assert_eq!(bench.finish(), shown, "{name}");
    }
    let mut bench = Bench::new(&Wish { alerts: true, ..filter("") }, SHELL);
    bench.take(starts(Who::new(9).in_cgroup(50)));
    bench.name_container("web");
    assert_eq!(bench.finish(), "9\n");
}

#[test]
fn without_a_filter_a_scope_does_not_show_every_kind() {
    let wish = Wish { scope: "proc.pid = 9".to_owned(), ..filter("") };
    let mut bench = Bench::new(&wish, "");
    bench.take(starts(Who::new(9)));
    bench.take(records::read_from(Who::new(9), b"/etc/passwd"));
    bench.take(starts(Who::new(10)));
    assert_eq!(bench.finish(), "9\n");
    let view = wish.view().unwrap();
    let reads = view.kinds().iter().any(|kind| Action::KINDS[usize::from(kind)] == "file_read");
    assert!(!reads, "nor is every kind asked of the kernel");
}

#[test]
fn descendants_are_followed_however_deep() {
    let mut bench = Bench::new(&of_tree(100, true), "");
    bench.take(records::task(Who::new(100), "/bin/make", b"make\0"));
    let mut parent = Who::new(100);
    // More than an event has ancestors.
    for pid in 101..140 {
        bench.take(records::fork(parent, parent.child(pid)));
        parent = parent.child(pid);
    }
    bench.take(starts(parent));
    bench.take(starts(Who::new(77)));
    assert_eq!(bench.finish(), "139\n");
}

#[test]
fn without_children_there_is_one_process() {
    let mut bench = Bench::new(&of_tree(100, false), "");
    bench.take(records::fork(Who::new(100), Who::new(100).child(101)));
    bench.take(starts(Who::new(100).child(101)));
    bench.take(starts(Who::new(100)));
    assert_eq!(bench.finish(), "100\n");
}

#[test]
fn who_has_the_id_later_is_someone_else() {
    let mut bench = Bench::new(&of_tree(100, true), "");
    bench.take(starts(Who::new(100)));
    let later = Who { start_ns: Who::new(100).start_ns + 5, ..Who::new(100) };
    bench.take(starts(later));
    assert_eq!(bench.finish(), "100\n");
}

#[test]
fn what_finds_no_room_is_lost_to_that_subscriber_and_counted() {
    let mut bench = Bench::new(&filter("evt.type = execve"), "");
    let all = SUBSCRIBER_QUEUE as u64 + 3;
    for _ in 0..all {
        bench.take(starts(Who::new(9)));
    }
    bench.line.finish();
    let lost = bench.feed.stats.lost.load(Relaxed);
    assert!(lost >= 3, "{lost}");
    let Bench { line, feed, writer, .. } = bench;
    drop(line);
    let mut page = Page::default();
    let told = write(&feed, &writer, &sender(), &mut page, None);
    assert_eq!(told, Told { shown: all - lost, lost, failed: None });
    assert_eq!(page.lost, lost, "who reads is told");
}

#[test]
fn who_reads_no_more_is_noticed_without_an_event() {
    let mut outlet = Subscribed::new(Nobody(Vec::new()));
    let (subscriber, feed) = Subscriber::new(filter("").view().unwrap());
    outlet.add(subscriber);
    assert!(!outlet.forget_gone());
    assert!(!outlet.kinds().is_empty());
    drop(feed);
    assert!(outlet.forget_gone());
    assert!(outlet.kinds().is_empty(), "nothing is watched for nobody");
}

#[test]
fn there_are_only_so_many() {
    let mut outlet = Subscribed::new(Nobody(Vec::new()));
    let made: Vec<_> = (0..=crate::limits::SUBSCRIBERS)
        .map(|_| Subscriber::new(filter("").view().unwrap()))
        .collect();
    let (subscribers, _feeds): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    let added: Vec<bool> = subscribers.into_iter().map(|one| outlet.add(one)).collect();
    assert_eq!(added.iter().filter(|added| !**added).count(), 1);
    assert_eq!(added.last(), Some(&false));
}

#[test]
fn the_kernel_tells_of_what_a_subscriber_asks_for_and_no_rule_does() {
    use crate::rules::filter::KernelFilter;
    let rules = rules::load(&[]).rules;
    let open = Action::KINDS.iter().position(|name| *name == "file_open").unwrap() as u8;
    let of = |text: &str| {
        let mut outlet = Subscribed::new(Nobody(Vec::new()));
        let (subscriber, feed) = Subscriber::new(filter(text).view().unwrap());
        outlet.add(subscriber);
        let asks: Vec<_> = outlet.asks().collect();
        let found = KernelFilter::of_all(&rules, &asks);
        drop(feed);
        found
    };
    assert!(!KernelFilter::of(&rules).passes(open, b"/srv/a", 0));
    let named = of("evt.type = openat and evt.is_open_write = true and fd.name startswith /srv/");
    assert!(named.passes(open, b"/srv/a", 0));
    assert!(!named.passes(open, b"/tmp/a", 0));
    assert!(of("").passes(open, b"/tmp/a", 0));
}

#[test]
fn names_of_kinds_are_names_of_kinds() {
    for names in [&wish::SHOWN[..], &wish::HIDDEN_OF_TREE] {
        assert!(names.iter().all(|name| Action::KINDS.contains(name)), "{names:?}");
    }
}

#[test]
fn what_is_asked_for_is_read_as_it_was_written() {
    let forms = [
        Form::Text { colour: true },
        Form::Tree { colour: false },
        Form::Ecs {},
        Form::Fields { fields: vec!["proc.name".to_owned()], json: true },
    ];
    for form in forms {
        let root = Some(Root { pid: 7, children: true, since_ns: u64::MAX });
        let wish = Wish { form, root, alerts: true, scope: "a".to_owned(), ..filter("b") };
        let read: Wish = serde_json::from_value(wish.value()).unwrap();
        assert_eq!(read, wish);
    }
}

#[test]
fn only_fields_are_fields() {
    for (names, is_right) in [
        (&["proc.name", "proc.aname[2]"][..], true),
        (&[], false),
        (&["proc.nam"], false),
        (&["proc"], false),
        (&["proc.name x"], false),
        (&["%proc.name"], false),
    ] {
        assert_eq!(fields(names).writer(None).is_ok(), is_right, "{names:?}");
    }
}

#[test]
fn what_reads_like_nothing_is_something() {
    let form =
        Form::Fields { fields: vec!["proc.name".to_owned(), "fd.rip".to_owned()], json: true };
    let mut bench = Bench::new(&Wish { form, ..filter("evt.type = execve") }, "");
    bench.take(records::exec(Who::new(9), "/bin/<NA>", b"x\0"));
    let value: serde_json::Value = serde_json::from_str(&bench.finish()).unwrap();
    assert_eq!(value, serde_json::json!({ "proc.name": "<NA>", "fd.rip": null }));
}

#[test]
fn what_only_the_shown_fields_need_is_asked_for() {
    let wish = |name: &str| Wish { form: fields(&[name]), ..filter("evt.type = connect") };
    let view = |name: &str| wish(name).view().unwrap();
    let kinds = |name: &str| view(name).kinds();
    assert!(kinds("fd.rip.name").contains(11), "what name servers are asked");
    assert!(!kinds("fd.rip").contains(11));
    assert!(view("proc.env[FOO]").env_keys().keeps("FOO"));
    assert!(view("proc.exe_sha256").asks_hash && !view("proc.name").asks_hash);
}

#[test]
fn a_shown_field_that_is_looked_for_is_waited_for() {
    let wish = Wish { form: fields(&["container.name"]), ..filter("evt.type = execve") };
    let mut bench = Bench::new(&wish, "");
    bench.take(starts(Who::new(9).in_cgroup(50)));
    bench.name_container("web");
    assert_eq!(bench.finish(), "web\n");
}

#[test]
fn names_that_processes_chose_stay_inert() {
    let hostile = "/tmp/\x1b[31m<script>\u{202e}\n\t";
    for form in [fields(&["fd.name"]), Form::default(), Form::Tree { colour: false }] {
        let wish = Wish { form, ..filter("evt.type = openat") };
        let mut bench = Bench::new(&wish, "");
        bench.take(records::write_to(Who::new(9), hostile.as_bytes()));
        let shown = bench.finish();
        assert!(shown.contains(r"\x1b[31m<script>\xe2\x80\xae\x0a\x09"), "{shown:?}");
        assert_eq!(shown.matches('\n').count(), 1);
    }
    let form = Form::Fields { fields: vec!["fd.name".to_owned(), "fd.rip".to_owned()], json: true };
    let mut bench = Bench::new(&Wish { form, ..filter("evt.type = openat") }, "");
    bench.take(records::write_to(Who::new(9), hostile.as_bytes()));
    let value: serde_json::Value = serde_json::from_str(&bench.finish()).unwrap();
    assert_eq!(value, serde_json::json!({ "fd.name": hostile, "fd.rip": null }));
}

#[test]
fn a_tree_stands_to_the_right_of_its_root() {
    let form = Form::Tree { colour: false };
    let mut bench = Bench::new(&Wish { form, ..of_tree(100, true) }, "");
    let root = Who::new(100);
    bench.take(starts(root));
    bench.take(records::fork(root, root.child(101)));
    bench.take(starts(root.child(101)));
    bench.take(records::fork(root.child(101), root.child(101).child(102)));
    bench.take(starts(root.child(101).child(102)));
    let shown = bench.finish();
    let at: Vec<usize> = shown.lines().map(|line| line.find("sh(").unwrap()).collect();
    assert_eq!(at.len(), 3);
    assert_eq!((at[1] - at[0], at[2] - at[0]), (2, 4));
}

#[test]
fn a_summary_tells_what_is_left() {
    use monitor_common::RecordKind::{Mkdir, Rename, Unlink};
    let who = Who::new(100);
    let act = |kind, path: &str, other: &str| {
        records::act(kind, who, [0; 6], [path.as_bytes(), b"", other.as_bytes(), b""])
    };
    let wish = Wish { filter: String::new(), ..of_tree(100, true) };
    let mut bench = Bench::new(&wish, "");
    for record in [
        starts(who),
        act(Mkdir, "/b/tmp", ""),
        records::write_to(who, b"/b/tmp/a"),
        records::write_to(who, b"/b/tmp/a"),
        records::write_to(who, b"/b/tmpx"),
        records::write_to(who, b"/dev/null"),
        act(Rename, "/b/tmp", "/b/out"),
        records::write_to(who, b"/b/gone"),
        act(Unlink, "/b/gone", ""),
        act(Unlink, "/b/old", ""),
        records::write_to(who, b"/b/t1/x"),
        act(Rename, "/b/t1", "/b/t2"),
        act(Unlink, "/b/t2/x", ""),
        act(Unlink, "/b/never", "").outcome(-2),
        records::connect(who, records::tcp4([10, 0, 0, 1], 443), b""),
        records::connect(who, records::tcp4([10, 0, 0, 1], 443), b"").outcome(-115),
        records::connect(who, records::tcp4([10, 0, 0, 1], 443), b"").outcome(-111),
    ] {
        bench.take(record);
    }
    bench.line.finish();
    let Bench { line, feed, writer, .. } = bench;
    drop(line);
    let mut summary = Summary::default();
    write(&feed, &writer, &sender(), &mut Page::default(), Some(&mut summary));
    let value = summary.value();
    let list = |name: &str| value[name].to_string();
    assert_eq!(list("files_written"), r#"["/b/gone","/b/t1/x","/b/tmp/a","/b/tmpx"]"#);
    assert_eq!(list("files_left"), r#"["/b/out","/b/out/a","/b/t2","/b/tmpx"]"#);
    assert_eq!(list("removed"), r#"["/b/gone","/b/old","/b/t2/x"]"#);
    assert_eq!(list("programs"), r#"[{"count":1,"path":"/bin/sh"}]"#);
    assert_eq!(list("hosts"), r#"[{"address":"tcp 10.0.0.1:443","count":2,"failed":1}]"#);
    assert_eq!(list("failed"), "2");
    let text = summary.text();
    assert!(text.contains("3 more were written, and moved or removed"), "{text}");
    assert!(text.contains("removed that were there before:\n  /b/old\n"), "{text}");
}

#[test]
fn a_task_ends_when_nobody_reads() {
    struct Closed;
    impl Output for Closed {
        fn lines(&mut self, _lines: &[Vec<u8>]) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn rest(&mut self, _lost: u64) -> io::Result<()> {
            Ok(())
        }
    }
    let mut bench = Bench::new(&filter("evt.type = execve"), "");
    bench.take(starts(Who::new(9)));
    bench.line.take(Input::Time(Duration::from_secs(9).as_nanos() as u64));
    let told = write(&bench.feed, &bench.writer, &sender(), &mut Closed, None);
    assert_eq!(told, Told { shown: 0, lost: 0, failed: Some(io::ErrorKind::BrokenPipe) });
}
