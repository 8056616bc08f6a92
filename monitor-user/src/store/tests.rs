use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use proptest::prelude::*;

use super::{
    log::{Draft, Log, Losses, StoreOptions},
    reader::Sink,
    record::{Form, Kind, Line, Record},
};
use crate::{records::folder::Folder, sink::SinkStats};

/// A record for nobody.
pub(super) fn record(sequence: u64) -> Record {
    Record {
        sequence,
        timestamp_ns: 1,
        priority: 4,
        kind: Kind::Alert,
        id: format!("{sequence:08}"),
        to: Vec::new(),
        forms: vec![form(100)],
    }
}

fn form(length: usize) -> Form {
    Form { schema: "ecs".into(), lines: vec![Line(vec![b'x'; length])] }
}

fn options(path: &Path) -> StoreOptions {
    StoreOptions {
        path: path.to_owned(),
        owner: None,
        bytes_max: 1 << 20,
        segment_bytes: 16 << 10,
        boot_id: "boot-1".to_owned(),
        new_id: "store-1".to_owned(),
        history: false,
    }
}

/// A store with these sinks, and what they count.
struct Store {
    log: Log,
    stats: Vec<Arc<SinkStats>>,
}

impl Store {
    fn open(options: StoreOptions, sinks: &[&str]) -> Self {
        let stats: Vec<Arc<SinkStats>> = sinks.iter().map(|_| Arc::default()).collect();
        let sinks = sinks.iter().zip(&stats);
        let sinks = sinks.map(|(name, stats)| Sink::new(name, Arc::clone(stats))).collect();
        let mut log = Log::open(options, sinks).unwrap();
        log.begin().unwrap();
        Self { log, stats }
    }

    fn put(&mut self, id: u64, priority: u8, to: &[&str]) {
        self.log.append(Draft {
            timestamp_ns: 1,
            priority,
            kind: Kind::Alert,
            id: id.to_string(),
            to: to.iter().map(|name| (*name).into()).collect(),
            forms: vec![form(1000)],
        });
        self.log.flush().unwrap();
    }

    /// Numbers and ids of what comes next for a sink, which has done with it at once.
    fn take(&mut self, sink: usize, most: usize) -> Vec<(u64, u64)> {
        let handed = self.log.next_for(sink, most, usize::MAX).unwrap_or_default();
        if let Some(last) = handed.last() {
            self.log.sinks[sink].finish(last.record.sequence, last.number);
        }
        handed.iter().map(|it| (it.number, it.record.id.parse().unwrap())).collect()
    }

    fn dropped(&self, sink: usize) -> u64 {
        self.stats[sink].dropped.load(Relaxed)
    }
}

fn same(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    numbers.into_iter().map(|number| (number, number)).collect()
}

#[test]
fn each_sink_gets_its_own_in_order() {
    let dir = Folder::new("store-each-sink-gets-its-own-in-order");
    let mut store = Store::open(options(dir.path()), &["a", "b"]);
    for id in 1..=100_u64 {
        let to: &[&str] = if id.is_multiple_of(2) { &["a", "b"] } else { &["a"] };
        store.put(id, 4, to);
    }
    assert_eq!(store.take(0, 30), same(1..=30));
    let of_b: Vec<_> = (1..=50).map(|number| (number, 2 * number)).collect();
    assert_eq!(store.take(1, 1000), of_b);
    assert_eq!(store.take(0, 1000), same(31..=100));
    assert_eq!((store.take(0, 10), store.take(1, 10)), (vec![], vec![]));
    assert_eq!((store.dropped(0), store.dropped(1)), (0, 0));
}

#[test]
fn what_was_not_done_with_comes_again() {
    let dir = Folder::new("store-what-was-not-done-with-comes-again");
    let mut store = Store::open(options(dir.path()), &["a"]);
    (1..=50).for_each(|id| store.put(id, 4, &["a"]));
    assert_eq!(store.take(0, 20), same(1..=20));
    store.log.mark(false).unwrap();
    // Given, and not done with.
    assert_eq!(store.log.next_for(0, 10, usize::MAX).unwrap().len(), 10);
    drop(store);
    let mut store = Store::open(options(dir.path()), &["a"]);
    assert_eq!(store.stats[0].offered.load(Relaxed), 30);
    (51..=60).for_each(|id| store.put(id, 4, &["a"]));
    assert_eq!(store.take(0, 100), same(21..=60));
    store.log.mark(true).unwrap();
    drop(store);
    let mut store = Store::open(options(dir.path()), &["a"]);
    assert_eq!(store.take(0, 100), []);
    assert_eq!(store.log.stream(), "store-1-1");
    store.put(61, 4, &["a"]);
    assert_eq!(store.take(0, 100), same([61]));
}

#[test]
fn a_new_sink_gets_what_comes_from_now_on() {
    let dir = Folder::new("store-a-new-sink-gets-what-comes-from-now-on");
    let mut store = Store::open(options(dir.path()), &["a"]);
    (1..=10).for_each(|id| store.put(id, 4, &["a"]));
    store.log.mark(true).unwrap();
    drop(store);
    let mut store = Store::open(options(dir.path()), &["a", "b"]);
    store.put(11, 4, &["a", "b"]);
    assert_eq!(store.take(1, 100), [(1, 11)]);
    assert_eq!(store.take(0, 100), same(1..=11));
}

/// Whoever has the name of one that was goes on where that was; who comes back does so, too.
#[test]
fn sinks_are_changed_while_it_is_open() {
    let folder = Folder::new("store-changed");
    let mut store = Store::open(options(folder.path()), &["stays", "goes"]);
    (1..=4).for_each(|id| store.put(id, 3, &["stays", "goes"]));
    assert_eq!(store.take(0, 2), same(1..=2));
    let sinks = |names: &[&str]| -> Vec<Sink> {
        names.iter().map(|name| Sink::new(name, Arc::default())).collect()
    };
    store.log.change_sinks(sinks(&["comes", "stays"]));
    store.put(5, 3, &["comes", "stays"]);
    assert_eq!(store.take(0, 9), [(1, 5)], "what comes from now on");
    assert_eq!(store.take(1, 9), same(3..=5), "what it had not done with, and the new");
    store.log.change_sinks(sinks(&["goes"]));
    store.put(6, 3, &["goes"]);
    assert_eq!(store.take(0, 9), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 6)]);
}

#[test]
fn numbers_are_another_stream_after_a_power_cut_only() {
    let dir = Folder::new("store-numbers-are-another-stream-after-a-power-cut-only");
    let next = |boot: &str| StoreOptions {
        boot_id: boot.to_owned(),
        new_id: "other".to_owned(),
        ..options(dir.path())
    };
    let mut store = Store::open(next("boot-1"), &["a"]);
    assert_eq!(store.log.stream(), "other-1");
    store.put(1, 4, &["a"]);
    drop(store);
    // Killed; what was written is there.
    let mut store = Store::open(next("boot-1"), &["a"]);
    assert_eq!(store.log.stream(), "other-1");
    store.put(2, 4, &["a"]);
    drop(store);
    // The machine lost what was not on the disk.
    let mut store = Store::open(next("boot-2"), &["a"]);
    assert_eq!(store.log.stream(), "other-2");
    assert_eq!(store.take(0, 10), same(1..=2));
    store.log.mark(true).unwrap();
    drop(store);
    assert_eq!(Store::open(next("boot-3"), &["a"]).log.stream(), "other-2");
}

#[test]
fn two_cannot_have_it() {
    let dir = Folder::new("store-two-cannot-have-it");
    let _store = Store::open(options(dir.path()), &["a"]);
    let second = Log::open(options(dir.path()), Vec::new());
    assert!(second.unwrap_err().to_string().ends_with("is in use by another runmon"));
}

#[test]
fn what_all_have_goes_first_and_then_the_least() {
    let dir = Folder::new("store-what-all-have-goes-first-and-then-the-least");
    let small = StoreOptions { bytes_max: 100 << 10, ..options(dir.path()) };
    let mut store = Store::open(small, &["a"]);
    // Twice what finds room, all of it done with.
    for id in 1..=200 {
        store.put(id, 4, &["a"]);
        assert_eq!(store.take(0, 10), same([id]));
    }
    assert_eq!((store.dropped(0), store.log.losses.evicted), (0, 0));
    assert!(store.log.bytes() <= 100 << 10, "{}", store.log.bytes());
    // Every fourth is grave: those find room.
    let priority = |id: u64| if id.is_multiple_of(4) { 2 } else { 5 };
    (201..=400).for_each(|id| store.put(id, priority(id), &["a"]));
    assert!(store.log.bytes() <= 100 << 10, "{}", store.log.bytes());
    let taken = store.take(0, 1000);
    assert!(taken.is_sorted() && taken.iter().all(|(number, id)| number == id));
    let grave = taken.iter().filter(|(_, id)| id.is_multiple_of(4)).count();
    assert_eq!(grave, 50, "{taken:?}");
    let gone = 200 - taken.len() as u64;
    assert!((100..=150).contains(&gone), "{gone}");
    assert_eq!((store.dropped(0), store.log.losses.evicted), (gone, gone));
    // Of what is left of the others, the newest.
    let least: Vec<u64> =
        taken.iter().map(|(_, id)| *id).filter(|id| !id.is_multiple_of(4)).collect();
    assert!(least.iter().all(|id| *id > 300), "{least:?}");
}

#[test]
fn what_has_no_room_on_its_way_is_a_gap() {
    let dir = Folder::new("store-what-has-no-room-on-its-way-is-a-gap");
    let mut store = Store::open(options(dir.path()), &["a"]);
    store.put(1, 4, &["a"]);
    store.log.skip(0, 3);
    store.put(5, 4, &["a"]);
    assert_eq!(store.take(0, 10), same([1, 5]));
    // It was counted where there was no room.
    assert_eq!(store.dropped(0), 0);
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|it| it == "seg"));
    found.sort();
    found
}

#[test]
fn a_segment_of_which_nothing_is_left_is_set_aside() {
    let dir = Folder::new("store-a-segment-of-which-nothing-is-left-is-set-aside");
    let mut store = Store::open(options(dir.path()), &["a"]);
    (1..=50).for_each(|id| store.put(id, 4, &["a"]));
    drop(store);
    let second = segments(dir.path()).remove(1);
    fs::write(&second, vec![0; 5000]).unwrap();
    let mut store = Store::open(options(dir.path()), &["a"]);
    let taken = store.take(0, 100);
    assert_eq!(store.dropped(0), 50 - taken.len() as u64);
    assert!(taken.len() > 20 && taken.len() < 50);
    assert_eq!(store.log.losses.broken_bytes, 5000);
    store.put(51, 4, &["a"]);
    assert!(second.with_extension("seg.unread").exists());
}

#[test]
fn a_disk_that_is_full_loses_nothing_that_memory_holds() {
    let dir = Folder::new("store-a-disk-that-is-full-loses-nothing-that-memory-holds");
    let mut store = Store::open(options(dir.path()), &["a"]);
    store.put(1, 4, &["a"]);
    // The place of every further segment is taken by something that is no file.
    store.log.options.segment_bytes = 1;
    (2..=60)
        .for_each(|first| fs::create_dir(dir.path().join(format!("{first:016x}.seg"))).unwrap());
    for id in 2..=5 {
        let to = vec!["a".into()];
        let forms = vec![form(1000)];
        let (priority, kind) = (4, Kind::Alert);
        store.log.append(Draft { timestamp_ns: 1, priority, kind, id: id.to_string(), to, forms });
        assert!(store.log.flush().is_err());
    }
    // Given, and not done with.
    assert_eq!(store.log.next_for(0, 10, usize::MAX).unwrap().len(), 5);
    (2..=60)
        .for_each(|first| fs::remove_dir(dir.path().join(format!("{first:016x}.seg"))).unwrap());
    store.log.flush().unwrap();
    drop(store);
    let mut store = Store::open(options(dir.path()), &["a"]);
    assert_eq!(store.take(0, 10), same(1..=5));
}

#[test]
fn a_segment_that_cannot_be_read_costs_only_itself() {
    let dir = Folder::new("store-unreadable");
    for in_memory in [false, true] {
        let mut store = Store::open(options(dir.path()), &["a"]);
        let begin = store.log.sinks[0].mark().last;
        (1..=200).for_each(|id| store.put(begin + id, 4, &["a"]));
        drop(store);
        let mut store = Store::open(options(dir.path()), &["a"]);
        if in_memory {
            store.put(begin + 201, 4, &["a"]);
        }
        // Behind its back.
        let all = segments(dir.path());
        fs::remove_file(&all[all.len() / 2]).unwrap();
        let offered = 200 + u64::from(in_memory);
        let taken = store.take(0, 1000).len() as u64;
        assert!(taken > 150, "{taken}");
        assert_eq!(taken + store.dropped(0), offered);
        store.log.mark(true).unwrap();
    }
}

#[test]
fn numbers_are_never_used_twice() {
    let dir = Folder::new("store-twice");
    let mut store = Store::open(options(dir.path()), &["a", "b"]);
    (1..=5).for_each(|id| store.put(id, 4, &["a", "b"]));
    assert_eq!(store.take(0, 10), same(1..=5));
    assert_eq!(store.take(1, 3), same(1..=3));
    store.log.skip(1, 3);
    store.log.mark(true).unwrap();
    drop(store);
    // A sink that is left out for a while, with what waits for it.
    let mut store = Store::open(options(dir.path()), &["a"]);
    store.put(6, 4, &["a"]);
    store.log.mark(true).unwrap();
    drop(store);
    let mut store = Store::open(options(dir.path()), &["a", "b"]);
    store.put(7, 4, &["a", "b"]);
    assert_eq!(store.take(1, 10), [(4, 4), (5, 5), (9, 7)]);
    // What was counted before is not counted once more.
    assert_eq!(store.dropped(1), 0);
    drop(store);
    // Records were given of which the disk took none.
    let store = Store::open(options(dir.path()), &["a", "b"]);
    assert_eq!(store.log.stream(), "store-1-1");
    store.log.directory.release();
    drop(store);
    assert_eq!(Store::open(options(dir.path()), &["a"]).log.stream(), "store-1-2");
}

#[test]
fn what_is_no_segment_keeps_nobody_from_opening() {
    let dir = Folder::new("store-odd");
    let mut store = Store::open(options(dir.path()), &["a"]);
    store.put(1, 4, &["a"]);
    drop(store);
    let path = |first: u64| dir.path().join(format!("{first:016x}.seg"));
    fs::write(path(3), "").unwrap();
    fs::create_dir(path(4)).unwrap();
    nix::unistd::mkfifo(&path(5), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut store = Store::open(options(dir.path()), &["a"]);
    store.put(2, 4, &["a"]);
    assert_eq!(store.take(0, 10), same(1..=2));
    assert!(!path(3).exists() && !path(5).exists());
}

#[test]
fn memory_that_evicted_records_took_is_given_back() {
    let dir = Folder::new("store-memory");
    let small = StoreOptions { bytes_max: 100 << 10, ..options(dir.path()) };
    let mut store = Store::open(small, &["a"]);
    (1..=400).for_each(|id| store.put(id, 4, &["a"]));
    let held: usize = store.log.tail.iter().map(|latest| latest.record.bytes()).sum();
    assert_eq!(store.log.tail_bytes(), held);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is cut off, torn or flipped: what is given is in order, each only once, and what is
    /// missing is counted.
    #[test]
    fn damage_is_counted(
        cut in 0_usize..4000,
        flips in prop::collection::vec((0_usize..60_000, 0_u8..8), 0..6),
        garbage in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let dir = Folder::new("store-damage-is-counted");
        let mut store = Store::open(options(dir.path()), &["a"]);
        (1..=60).for_each(|id| store.put(id, 4, &["a"]));
        drop(store);
        let files = segments(dir.path());
        let last = files.last().unwrap();
        let length = fs::metadata(last).unwrap().len();
        let mut file = OpenOptions::new().write(true).open(last).unwrap();
        file.set_len(length.saturating_sub(cut as u64)).unwrap();
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
        file.write_all(&garbage).unwrap();
        let mut all: Vec<(std::path::PathBuf, u64)> = Vec::new();
        for path in &files {
            all.extend((0..fs::metadata(path).unwrap().len()).map(|at| (path.clone(), at)));
        }
        for (place, bit) in &flips {
            let (path, at) = &all[place % all.len()];
            let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, *at).unwrap();
            file.write_all_at(&[byte[0] ^ (1 << bit)], *at).unwrap();
        }
        let mut store = Store::open(options(dir.path()), &["a"]);
        let carried = store.stats[0].offered.load(Relaxed);
        store.put(1000, 4, &["a"]);
        let taken = store.take(0, 1000);
        prop_assert!(taken.is_sorted_by(|one, two| one.0 < two.0), "{taken:?}");
        let (last, old) = taken.split_last().unwrap();
        prop_assert_eq!(last.1, 1000);
        prop_assert!(old.iter().all(|(number, id)| number == id), "{:?}", old);
        prop_assert_eq!(old.len() as u64 + store.dropped(0), carried);
    }
}

/// A record of history, which is for no sink.
fn remember(store: &mut Store, id: u64, priority: u8) {
    store.put(id, priority, &[]);
}

/// The ids of all that is in the store.
fn ids(path: &Path) -> Vec<u64> {
    let mut ids = Vec::new();
    super::past::read(path, &mut |record| ids.push(record.id.parse().unwrap())).unwrap();
    ids
}

#[test]
fn history_takes_no_number_and_nothing_of_sinks() {
    let dir = Folder::new("store-history-takes-no-number-and-nothing-of-sinks");
    let mut store = Store::open(options(dir.path()), &["a"]);
    // The sink is down, and a grave history comes that is larger than the store.
    (1..=400).for_each(|id| store.put(id, 6, &["a"]));
    (1001..=2500).for_each(|id| remember(&mut store, id, 0));
    (401..=500).for_each(|id| store.put(id, 6, &["a"]));
    assert!(store.log.bytes() <= 1 << 20);
    assert_eq!(store.log.losses, Losses::default(), "nothing of a sink was lost");
    assert_eq!(store.take(0, 2000), same(1..=500));
    assert_eq!(store.dropped(0), 0);
    assert_eq!(store.log.stream(), "store-1-1");
    let kept = ids(dir.path());
    assert!(kept.contains(&2500), "the newest history is there");
    assert!(!kept.contains(&1001), "the oldest gave way");
}

#[test]
fn of_history_the_least_goes_first() {
    let dir = Folder::new("store-of-history-the-least-goes-first");
    // Somebody has not got the first: nothing counts as done.
    let mut store = Store::open(options(dir.path()), &["a"]);
    store.put(1, 6, &["a"]);
    (1000..1300).for_each(|id| remember(&mut store, id, 2));
    (2000..3500).for_each(|id| remember(&mut store, id, 7));
    let kept = ids(dir.path());
    assert!((1000..1300).all(|id| kept.contains(&id)), "graver and older ones stay");
    assert!(!kept.contains(&2000) && kept.contains(&3499));
}

#[test]
fn a_store_is_read_whatever_happens_to_it() {
    let dir = Folder::new("store-is-read-whatever-happens-to-it");
    let mut store = Store::open(options(dir.path()), &[]);
    (1..=100).for_each(|id| remember(&mut store, id, 3));
    assert_eq!(ids(dir.path()), (1..=100).collect::<Vec<_>>(), "while it is written");
    let mut segments: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|end| end == "seg"));
    segments.sort();
    // The newest ends in the middle of an entry, another one is damaged, a third one is gone.
    let newest = segments.last().unwrap();
    let file = OpenOptions::new().write(true).open(newest).unwrap();
    file.set_len(file.metadata().unwrap().len() - 10).unwrap();
    let damaged = OpenOptions::new().write(true).open(&segments[1]).unwrap();
    damaged.write_all_at(b"?", 3000).unwrap();
    fs::remove_file(&segments[2]).unwrap();
    let mut kept = Vec::new();
    let reading = super::past::read(dir.path(), &mut |record| kept.push(record.sequence)).unwrap();
    assert!(reading.broken_bytes > 500 && reading.broken_bytes < 2000, "{reading:?}");
    assert_eq!((reading.unread, reading.gone), (0, 0));
    assert_eq!(kept.first(), Some(&1));
    assert!(!kept.contains(&100) && kept.contains(&99), "{kept:?}");
    let missing = dir.path().join("nowhere");
    let error = super::past::read(&missing, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn without_room_in_memory_history_goes_before_what_is_for_sinks() {
    let dir = Folder::new("store-without-room-in-memory-history-goes");
    let mut store = Store::open(options(dir.path()), &["a"]);
    let draft = |to: &[&str], length| Draft {
        timestamp_ns: 1,
        priority: 0,
        kind: Kind::Alert,
        id: "1".to_owned(),
        to: to.iter().map(|name| (*name).into()).collect(),
        forms: vec![form(length)],
    };
    // Nothing is written: the disk takes none.
    store.log.append(draft(&["a"], 20 << 20));
    store.log.append(draft(&[], 10 << 20));
    store.log.append(draft(&["a"], 10 << 20));
    assert_eq!(store.log.losses, Losses { history: 1, ..Losses::default() });
}
