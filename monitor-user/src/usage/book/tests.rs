//! What a book takes from events and looks, and what it says of it.

use super::*;
use crate::{
    fact::{Fact, FactSource, Reason},
    way::{Way, WayIn},
};

fn container(path: &str, digest: Option<&str>) -> Arc<Container> {
    let unknown = Container::unknown(path, Reason::Pending);
    let digest = digest.map_or(Fact::Unknown(Reason::Pending), |digest| {
        Fact::Known(digest.into(), FactSource::Containerd)
    });
    let id = path.trim_start_matches('/').into();
    Arc::new(Container { id, image_digest: digest, ..unknown })
}

fn used(how: How, at: i64) -> Used {
    Used { how, first_ns: at, last_ns: at, by_root: false }
}

fn uses(book: &mut Book, container: &Arc<Container>, path: &str, how: How, at: i64) {
    book.place(container, at);
    book.use_file(container, path.as_bytes(), used(how, at));
}

#[test]
fn containers_of_one_image_are_one() {
    let mut book = Book::default();
    let (one, other) = (container("/one", Some("sha256:1")), container("/two", Some("sha256:1")));
    uses(&mut book, &one, "/bin/a", How::Mapped, 1_000_000_000);
    uses(&mut book, &other, "/bin/a", How::Executed, 5_000_000_000);
    uses(&mut book, &other, "/bin/b", How::Opened, 6_000_000_000);
    book.settle(|path| path == "/two", 8_000_000_000);
    let all = book.images(9_000_000_000);
    let [image] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&*image.key, image.coverage.containers), ("sha256:1", 1));
    assert_eq!(image.coverage.observed_seconds, 4);
    assert_eq!(image.coverage.since_ns, Some(8_000_000_000), "one ended that was not seen whole");
    let a = image.files[b"/bin/a".as_slice()];
    assert_eq!((a.how, a.first_ns, a.last_ns), (How::Executed, 1_000_000_000, 5_000_000_000));
    assert_eq!(image.files.len(), 2);
    assert_eq!(book.stats().files, 3);
    assert_eq!((book.stats().places, book.stats().images), (1, 1));
}

/// An event of a first program, with this container.
fn event(container: Arc<Container>, kind: &str) -> Event {
    let value = monitor_rules::TestValue::Str(kind.to_owned());
    let kind = monitor_rules::TestField { name: "evt.type".into(), value, line: 1, column: 1 };
    let test = monitor_rules::TestEvent { fields: vec![kind], after_ns: 0, line: 1 };
    let mut event = crate::rules::testing::build(&test).unwrap();
    event.process = Arc::new(Process {
        executable: Some(b"/bin/a".as_slice().into()),
        ..(*event.process).clone()
    });
    event.container = container;
    event.way_in = WayIn::of(Way::Entrypoint);
    event
}

/// What a cgroup is that only may be a container's is looked up while its first program starts.
#[test]
fn a_start_counts_that_comes_before_its_container_is_certain() {
    let mut event = event(container("/one", None), "execve");
    assert_eq!(event.way(), Err(Reason::Pending));
    let mut book = Book::default();
    book.note(&event);
    assert_eq!(book.images(1)[0].coverage.from_start, 1);
    event.container = container("/two", None);
    event.way_in = WayIn::of(Way::Exec);
    book.note(&event);
    assert_eq!(book.images(1)[1].coverage.from_start, 0);
}

#[test]
fn the_last_use_of_an_image_is_told_without_that_of_who_starts_now() {
    let mut book = Book::default();
    let of = |path: &str, digest: &str| container(path, Some(digest));
    uses(&mut book, &of("/gone", "sha256:1"), "/bin/a", How::Mapped, 5);
    uses(&mut book, &of("/gone", "sha256:1"), "/bin/b", How::Mapped, 7);
    book.settle(|_| false, 8);
    uses(&mut book, &of("/new", "sha256:1"), "/bin/a", How::Mapped, 90);
    uses(&mut book, &of("/old", "sha256:2"), "/bin/a", How::Mapped, 8);
    let mut last: Vec<_> = book
        .last_uses(100, |path| path == "/new")
        .into_iter()
        .map(|it| (it.key, it.files.into_values().map(|used| used.last_ns).collect()))
        .collect();
    last.sort();
    let expected: [(String, Vec<i64>); 2] =
        [("sha256:1".into(), vec![7]), ("sha256:2".into(), vec![100])];
    assert_eq!(last, expected);
}

#[test]
fn what_comes_to_be_known_of_a_container_counts() {
    let mut book = Book::default();
    uses(&mut book, &container("/one", None), "/bin/a", How::Mapped, 1);
    assert_eq!(book.images(1)[0].key, "one");
    uses(&mut book, &container("/one", Some("sha256:1")), "/bin/b", How::Mapped, 2);
    let all = book.images(2);
    assert_eq!((all.len(), &*all[0].key, all[0].files.len()), (1, "sha256:1", 2));
}

#[test]
fn over_the_bounds_it_is_counted() {
    let mut book = Book::default();
    let one = container("/one", Some("sha256:1"));
    for number in 0..=USAGE_FILES {
        uses(&mut book, &one, &format!("/{number}"), How::Mapped, 1);
    }
    uses(&mut book, &one, "memfd:x", How::Executed, 1);
    assert_eq!(book.stats().files, USAGE_FILES);
    let coverage = book.images(1)[0].coverage;
    assert_eq!((coverage.no_room, book.stats().refused), (1, 1));
    book.set_lost("one", 3);
    book.set_lost("two", 4);
    assert_eq!(book.images(1)[0].coverage.lost, 3);
    for number in 0..USAGE_IMAGES + 5 {
        let gone = container(&format!("/c{number}"), Some(&format!("sha256:c{number}")));
        uses(&mut book, &gone, "/a", How::Mapped, i64::try_from(number).unwrap());
        book.settle(|path| path == "/one", 1);
    }
    assert_eq!(book.stats().images, USAGE_IMAGES);
    // Those that made room were used until then.
    assert_eq!(book.whole_since_ns(), 4);
    assert_eq!(book.stats().files, USAGE_FILES + USAGE_IMAGES);
}

#[test]
fn modules_are_told_by_what_each_of_them_opens() {
    for path in [
        "/usr/lib/python3/dist-packages/yaml/__init__.py",
        "/app/site-packages/requests/__pycache__/__init__.cpython-311.pyc",
        "/app/node_modules/express/package.json",
    ] {
        assert!(is_module(path.as_bytes()), "{path}");
    }
    assert!(!is_module(b"/app/main.py") && !is_module(b"/etc/passwd"));
}

/// A library can be mapped to be read, and made code after that.
#[test]
fn what_becomes_code_once_it_is_mapped_is_mapped() {
    let mut book = Book::default();
    let mut note = |path: &str, hook: &'static str| {
        let mut event = event(container("/one", None), "mprotect");
        let Action::Act(act) = &mut event.action else { panic!("{:?}", event.action) };
        act.path = path.as_bytes().into();
        event.hook = hook;
        book.note(&event);
        let image = book.images(1).pop();
        image.map(|it| (it.files.into_keys().collect::<Vec<_>>(), it.coverage.unnamed))
    };
    // Memory of no file: what is compiled while it runs.
    assert_eq!(note("", "rm_mprotect"), None);
    let library = vec![b"/lib/x.so".to_vec()];
    assert_eq!(note("/lib/x.so", "rm_mprotect"), Some((library.clone(), 0)));
    // Who sees calls only does not know what is mapped there.
    assert_eq!(note("", "rs_call"), Some((library, 1)));
}

#[test]
fn how_much_is_seen_is_counted_anew_by_each_daemon() {
    let one = container("/one", Some("sha256:1"));
    let mut first = Book::with(Vec::new(), 1);
    uses(&mut first, &one, "/bin/a", How::Executed, 2);
    first.places.get_mut("/one").unwrap().from_start = true;
    let before = first.images(5_000_000_000);
    assert_eq!((before[0].coverage.containers, before[0].coverage.from_start), (1, 1));
    assert_eq!(before[0].coverage.since_ns, Some(1));
    // It lives on, and may have done anything in between.
    let mut second = Book::with(before, 6_000_000_000);
    let only_known = second.images(6_000_000_000);
    assert_eq!(only_known[0].coverage.containers, 0);
    assert!(only_known[0].files.contains_key(b"/bin/a".as_slice()));
    second.attend(&[Arc::clone(&one)], 6_000_000_000);
    second.attend(&[one], 7_000_000_000);
    let coverage = second.images(9_000_000_000)[0].coverage;
    assert_eq!((coverage.containers, coverage.from_start), (1, 0));
    assert_eq!((coverage.observed_seconds, coverage.since_ns), (3, Some(6_000_000_000)));
    // What it did unseen bears on nothing that is said of the time after its end.
    second.settle(|_| false, 10_000_000_000);
    let coverage = second.images(11_000_000_000)[0].coverage;
    assert_eq!((coverage.containers, coverage.since_ns), (0, Some(10_000_000_000)));
    let next = container("/next", Some("sha256:1"));
    uses(&mut second, &next, "/bin/a", How::Executed, 12_000_000_000);
    second.places.get_mut("/next").unwrap().from_start = true;
    second.settle(|_| false, 20_000_000_000);
    let coverage = second.images(30_000_000_000)[0].coverage;
    assert_eq!((coverage.containers, coverage.from_start), (1, 1));
    assert_eq!(coverage.since_ns, Some(10_000_000_000));
}
