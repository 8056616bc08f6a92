use std::path::Path;

use proptest::prelude::*;

use super::{
    block::{ENOUGH, HEAD, MARK, Packer, RAW_MAX},
    reader::checksum,
    *,
};
use crate::{
    decode::rewrite,
    document::Sender,
    enrich::container::ContainerFacts,
    enrich::hashes::{FileKey, HashAnswer},
    enrich::holders::{Holder, HolderKind},
    event::{Container, Fact, FactSource, Reason},
    line::Input,
    raw_event::CgroupKey,
    records::{self, ProgramStart, Who, every_kind, folder::Folder},
};

/// A place for a recording.
struct Place(PathBuf, #[expect(dead_code, reason = "removes the file")] Folder);

impl Place {
    fn new(name: &str) -> Self {
        let folder = Folder::new(&format!("recording-{name}"));
        Self(folder.path().join("x.rec"), folder)
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }
}

fn preamble() -> Preamble {
    let sender = Sender {
        node: crate::node::Node::named("builder").into(),
        boot_id: "boot".to_owned(),
        run_id: String::new(),
        instance: String::new(),
        history: false,
    };
    let (hooks, keys) = (vec!["exec=tracepoint".to_owned()], vec!["PATH".to_owned()]);
    Preamble::new(&sender, "6.1.0".to_owned(), 42, hooks, keys)
}

fn facts() -> ContainerFacts {
    let container = Container {
        id: "n1".into(),
        cgroup_path: "/default/n1".into(),
        runtime: Fact::Known("containerd".into(), FactSource::Bundle),
        name: Fact::Known("n1".into(), FactSource::CgroupPath),
        image: Fact::Known("shop".into(), FactSource::Containerd),
        image_digest: Fact::Unknown(Reason::Pending),
        pod_name: Fact::Unknown(Reason::NoAnswer),
        ..Container::host()
    };
    ContainerFacts { cgroup_path: "/default/n1".into(), container: Some(container.into()) }
}

/// Inputs of all sorts, as text.
fn write(place: &Place, limit: u64) -> (Vec<String>, Writer) {
    let mut writer = Writer::create(&place.0, &preamble(), limit).unwrap();
    let mut shown = Vec::new();
    let mut put = |input: Input<'_>| {
        shown.push(format!("{input:?}"));
        writer.append(&input).unwrap();
    };
    put(Input::Cgroup(CgroupKey { hierarchy: 4, id: u64::MAX }, "/default/n1"));
    put(Input::Syscalls(CgroupKey { hierarchy: 4, id: u64::MAX }, "openat read 32-bit"));
    put(Input::Facts(facts()));
    put(Input::Facts(ContainerFacts { cgroup_path: "/a/b".into(), container: None }));
    for hash in
        [Fact::Known("ab".repeat(32).into(), FactSource::File), Fact::Unknown(Reason::TooLarge)]
    {
        let key = FileKey { major: 8, minor: 1, inode: u64::MAX, ctime_ns: -1, size: 1 << 40 };
        put(Input::Hash(HashAnswer { key, hash, copy: None }));
    }
    let belonging = |name: Option<&str>| {
        let name = name.map(Into::into);
        let belonging = crate::packages::Belonging { name, is_database_changed: true };
        Fact::Known(std::sync::Arc::new(belonging), FactSource::File)
    };
    for package in [belonging(Some("coreutils")), belonging(None), Fact::Unknown(Reason::NotRead)] {
        let key = FileKey { major: 8, minor: 1, inode: u64::MAX, ctime_ns: -1, size: 1 << 40 };
        put(Input::Package(crate::packages::PackageAnswer { key, package }));
    }
    for kind in [HolderKind::Pod, HolderKind::Service] {
        let [uid, name, namespace] = ["u1", "db", "shop"].map(Box::from);
        let addresses = ["10.0.0.5", "fd00::5"].map(|text| text.parse().unwrap()).into();
        put(Input::Holder(Holder { kind, uid, name, namespace, addresses, told_ns: u64::MAX }));
    }
    put(Input::Record(b""));
    put(Input::Record(b"not a record"));
    put(Input::Context(&records::exit(Who::new(9), 0).bytes()));
    for who in 1..4 {
        put(Input::Record(&records::exit(Who::new(who), 0).bytes()));
    }
    writer.flush().unwrap();
    (shown, writer)
}

/// What can be read of the bytes, and how it ended at first.
fn read(bytes: &[u8]) -> (Vec<String>, Result<bool, RecordingError>) {
    let mut reader = match Reader::new(Path::new("x.rec"), bytes) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut shown = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(input)) => shown.push(format!("{input:?}")),
            Ok(None) => break,
            Err(error) => return (shown, Err(error)),
        }
    }
    (shown, Ok(reader.was_cut()))
}

/// All that can be read, behind damage, too.
struct All {
    shown: Vec<String>,
    damage: Vec<String>,
    missing: u64,
    was_cut: bool,
}

fn read_all(bytes: &[u8]) -> All {
    let mut reader = Reader::new(Path::new("x.rec"), bytes).unwrap();
    let (mut shown, mut damage) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(input)) => shown.push(format!("{input:?}")),
            Ok(None) => break,
            Err(error) => damage.push(error.to_string()),
        }
    }
    All { shown, damage, missing: reader.missing(), was_cut: reader.was_cut() }
}

/// A recording of a few blocks: its bytes, where each block starts, and what each holds.
fn blocks() -> (Vec<u8>, Vec<usize>, Vec<Vec<String>>) {
    let place = Place::new(&format!("blocks-{:?}", std::thread::current().id()));
    let mut writer = Writer::create(&place.0, &preamble(), u64::MAX).unwrap();
    let (mut starts, mut shown) = (Vec::new(), Vec::new());
    for block in 1..=4_u32 {
        starts.push(usize::try_from(writer.bytes()).unwrap());
        let mut held = Vec::new();
        for number in 0..block * 3 {
            let record = records::exit(Who::new(number + 1), 0).bytes();
            let input = Input::Record(&record);
            held.push(format!("{input:?}"));
            writer.append(&input).unwrap();
        }
        writer.flush().unwrap();
        shown.push(held);
    }
    (place.bytes(), starts, shown)
}

/// A recording with another preamble.
fn with(change: impl FnOnce(&mut Preamble)) -> Vec<u8> {
    let mut preamble = preamble();
    change(&mut preamble);
    rmp_serde::to_vec_named(&preamble).unwrap()
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    assert_eq!(read(bytes).1.expect_err("was read").to_string(), expected);
}

#[test]
fn what_is_written_is_read() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new("round");
    let (written, writer) = write(&place, u64::MAX);
    assert_eq!(writer.skipped(), 0);
    let bytes = place.bytes();
    assert_eq!(writer.bytes(), bytes.len() as u64);
    assert_eq!(std::fs::metadata(&place.0).unwrap().mode() & 0o777, 0o600);
    let (found, end) = read(&bytes);
    assert_eq!((found, end.unwrap()), (written, false));
    let reader = Reader::open(&place.0).unwrap();
    assert_eq!(reader.preamble, preamble());
}

#[test]
fn every_kind_of_record_stays_as_it_is() {
    let place = Place::new("kinds");
    let mut writer = Writer::create(&place.0, &preamble(), u64::MAX).unwrap();
    let all = every_kind();
    for (_, record) in &all {
        writer.append(&Input::Record(&record.bytes())).unwrap();
    }
    writer.flush().unwrap();
    let mut reader = Reader::open(&place.0).unwrap();
    for (kind, record) in &all {
        let Some(Input::Record(bytes)) = reader.next().unwrap() else { panic!("no record") };
        let whole = record.bytes();
        let kept = rewrite::with_selected_env(&whole, &crate::env::EnvKeys::new(["PATH"]));
        assert_eq!(bytes, kept.unwrap_or(whole), "{kind:?}");
    }
}

#[test]
fn variables_that_are_not_kept_are_not_written() {
    let place = Place::new("env");
    let mut writer = Writer::create(&place.0, &preamble(), u64::MAX).unwrap();
    let mut start = ProgramStart::new("/bin/x", b"x\0");
    start.env = b"TOKEN=hunter2\0PATH=/bin\0";
    for record in [start.exec(Who::new(1)), start.task(Who::new(2))] {
        writer.append(&Input::Record(&record.bytes())).unwrap();
    }
    writer.flush().unwrap();
    let mut reader = Reader::open(&place.0).unwrap();
    while let Some(input) = reader.next().unwrap() {
        let Input::Record(bytes) = input else { panic!("no record") };
        let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(has("PATH=/bin") && !has("TOKEN") && !has("hunter2"));
    }
}

#[test]
fn a_recording_is_never_overwritten() {
    let place = Place::new("twice");
    write(&place, u64::MAX);
    let error = Writer::create(&place.0, &preamble(), u64::MAX).err().unwrap();
    assert!(matches!(&error, RecordingError::Open { source, .. }
        if source.kind() == io::ErrorKind::AlreadyExists));
    assert!(matches!(Reader::open(Path::new("/nowhere/x.rec")), Err(RecordingError::Open { .. })));
}

#[test]
fn the_size_is_limited_and_what_finds_no_room_is_counted() {
    let place = Place::new("limit");
    let head = rmp_serde::to_vec_named(&preamble()).unwrap().len() as u64;
    let whole = write(&Place::new("limit-whole"), u64::MAX).1.bytes();
    for limit in head..=whole {
        drop(std::fs::remove_file(&place.0));
        let (written, writer) = write(&place, limit);
        assert_eq!(writer.bytes(), place.bytes().len() as u64);
        assert!(writer.bytes() <= limit, "{limit}");
        let (found, end) = read(&place.bytes());
        assert!(!end.unwrap(), "{limit}");
        assert_eq!(found, written[..found.len()]);
        assert_eq!(found.len() as u64, writer.entries());
        assert_eq!(found.len() as u64 + writer.skipped(), written.len() as u64);
        assert_eq!(found.len() == written.len(), limit == whole);
        assert!(limit < head + 300 || !found.is_empty(), "{limit}");
    }
}

/// Neither the largest entries nor such that cannot be made smaller are too much for a block.
#[test]
fn the_longest_entries_are_kept() {
    let place = Place::new("longest");
    let mut writer = Writer::create(&place.0, &preamble(), u64::MAX).unwrap();
    let mut random = 1_u64;
    let mut noise = |length: usize| {
        let mut byte = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random.to_be_bytes()[0]
        };
        (0..length).map(|_| byte()).collect::<Vec<u8>>()
    };
    let records = [ENOUGH - 8, ENTRY_BYTES as usize, 1, ENTRY_BYTES as usize].map(&mut noise);
    for record in &records {
        writer.append(&Input::Record(record)).unwrap();
    }
    writer.append(&Input::Record(&noise(ENTRY_BYTES as usize + 1))).unwrap();
    writer.flush().unwrap();
    assert_eq!((writer.entries(), writer.skipped()), (4, 1));
    let (found, end) = read(&place.bytes());
    let expected = records.iter().map(|it| format!("{:?}", Input::Record(it)));
    assert_eq!((found, end.unwrap()), (expected.collect::<Vec<_>>(), false));
}

/// Wherever it is cut: the blocks before the cut can be read, and the reader says so.
#[test]
fn a_recording_cut_anywhere_is_read_up_to_there() {
    let (bytes, starts, shown) = blocks();
    for length in 0..=bytes.len() {
        if length < starts[0] {
            let error = read(&bytes[..length]).1;
            assert!(matches!(error, Err(RecordingError::Foreign { .. })), "at {length}");
            continue;
        }
        let ends = starts[1..].iter().copied().chain([bytes.len()]);
        let whole = ends.filter(|end| *end <= length).count();
        let all = read_all(&bytes[..length]);
        assert_eq!(all.shown, shown[..whole].concat(), "at {length}");
        assert!(all.damage.is_empty(), "at {length}: {:?}", all.damage);
        let is_end = length == bytes.len() || starts.contains(&length);
        assert_eq!(all.was_cut, !is_end, "at {length}");
    }
}

/// A flipped byte costs its block and nothing else, and how many entries that was is told.
#[test]
fn a_flipped_byte_costs_its_block() {
    let (bytes, starts, shown) = blocks();
    for at in starts[0]..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x55;
        let all = read_all(&flipped);
        let hit = starts.iter().filter(|start| **start <= at).count() - 1;
        let rest: Vec<String> = shown
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != hit)
            .flat_map(|(_, it)| it.clone())
            .collect();
        assert_eq!(all.shown, rest, "at {at}");
        let place = format!("byte {}:", starts[hit]);
        assert!(matches!(&all.damage[..], [one] if one.contains(&place)), "{at}: {:?}", all.damage);
        let is_last = hit == shown.len() - 1;
        assert_eq!(all.missing, if is_last { 0 } else { shown[hit].len() as u64 }, "at {at}");
        assert!(!all.was_cut);
    }
}

/// What a block says of its sizes is not believed.
#[test]
fn blocks_that_lie_are_refused() {
    let head = with(|_| ());
    let block = |raw: u32, packed: &[u8], said: u32| {
        let mut block = MARK.to_vec();
        block.extend([0; 8]);
        block.extend(raw.to_be_bytes());
        block.extend(said.to_be_bytes());
        block.extend(crc32fast::hash(packed).to_be_bytes());
        block.extend(crc32fast::hash(&block).to_be_bytes());
        assert_eq!(block.len(), HEAD);
        block.extend(packed);
        [&head[..], &block[..]].concat()
    };
    let at = head.len();
    let damaged =
        |what: &str| format!("the recording x.rec is damaged at entry 1, byte {at}: {what}");
    let mut packer = Packer::new();
    let bomb = packer.pack(0, &vec![0; RAW_MAX]).unwrap()[HEAD..].to_vec();
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let none = damaged("no block starts here");
    refused(&block(u32::MAX, &bomb, size(&bomb)), &none);
    refused(&block(u32::try_from(RAW_MAX).unwrap() + 1, &bomb, size(&bomb)), &none);
    refused(&block(100, &bomb, u32::MAX), &none);
    for raw in [0, 1, 100, u32::try_from(RAW_MAX).unwrap() - 1] {
        refused(&block(raw, &bomb, size(&bomb)), &damaged("the block does not hold what it says"));
    }
    let whole = block(u32::try_from(RAW_MAX).unwrap(), &bomb, size(&bomb));
    refused(&whole, &damaged("the block holds what is no entry"));
    refused(&block(4, b"\x07no", 3), &damaged("the block does not hold what it says"));
}

#[test]
fn what_is_no_recording_says_so() {
    refused(b"", "x.rec is no runmon recording");
    refused(b"\x7fELF and so on", "x.rec is no runmon recording");
    refused(b"{\"json\": true}", "x.rec is no runmon recording");
    refused(&with(|p| p.format = "other".to_owned()), "x.rec is no runmon recording");
    refused(&[0x91; 70_000], "x.rec is no runmon recording");
}

#[test]
fn other_versions_and_machines_are_named() {
    refused(
        &with(|p| p.version = VERSION + 1),
        "the recording x.rec has format version 4, and this runmon reads 3",
    );
    refused(
        &with(|p| p.wire_version = 77),
        "the recording x.rec has wire version 77, and this runmon reads 1",
    );
    let other = if cfg!(target_endian = "little") { "big" } else { "little" };
    refused(
        &with(|p| p.endianness = other.to_owned()),
        &format!("the recording x.rec was made on a {other}-endian machine"),
    );
}

#[test]
fn damage_of_entries_without_blocks_is_placed() {
    let head = with(|preamble| preamble.version = UNPACKED);
    let at = head.len();
    let entry = |bytes: &[u8]| [&head[..], bytes].concat();
    let damaged =
        |what: &str| format!("the recording x.rec is damaged at entry 1, byte {at}: {what}");
    let checked = |tag: u8, binary: &[u8]| {
        let sum = checksum(tag, binary).to_be_bytes();
        let length = u8::try_from(binary.len()).unwrap();
        entry(&[&[0x93, tag, 0xc6, 0, 0, 0, length], binary, &[0xce], &sum].concat())
    };
    refused(&entry(&[0x92, 0, 0xc6, 0, 0, 0, 0]), &damaged("no entry starts here"));
    refused(&entry(&[0x93, 0, 0xc4, 0, 0, 0, 0]), &damaged("no entry starts here"));
    refused(&checked(10, b""), &damaged("entries of kind 10 are not known"));
    refused(&checked(TIME, b"1234567"), &damaged("short"));
    refused(&entry(&[0x93, 0, 0xc6, 1, 0, 0, 0]), &damaged("an entry is longer than any can be"));
    let mut flipped = checked(0, b"record");
    *flipped.last_mut().unwrap() ^= 1;
    refused(&flipped, &damaged("its checksum is another"));
    let (_, end) = read(&checked(1, &[0xc1]));
    assert!(end.expect_err("was read").to_string().starts_with(&damaged("")));
    let (_, end) = read(&checked(2, b""));
    assert!(matches!(end, Err(RecordingError::Damaged { entry: 1, .. })));
    assert_eq!(read(&checked(TIME, &7_u64.to_be_bytes())).0, ["Time(7)"]);
}

/// Entries that are none, or none that is known, within a block that is whole.
#[test]
fn damage_within_blocks_is_placed() {
    let head = with(|_| ());
    let at = head.len();
    let block = |entries: &[u8]| {
        let mut packer = Packer::new();
        let last = packer.pack(9, &[0x92, TIME, 0xc6, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7]);
        let last = last.unwrap().to_vec();
        [&head[..], packer.pack(0, entries).unwrap(), &last].concat()
    };
    for (entries, what) in [
        (&[0x93, 0, 0xc6, 0, 0, 0, 0][..], "the block holds what is no entry"),
        (&[0x92, 0, 0xc4, 0, 0, 0, 0], "the block holds what is no entry"),
        (&[0x92, 0, 0xc6, 0, 0, 0, 1], "the block holds what is no entry"),
        (&[0x92, 0, 0xc6, 0, 0], "the block holds what is no entry"),
        (&[0x92, 10, 0xc6, 0, 0, 0, 0], "entries of kind 10 are not known"),
        (&[0x92, TIME, 0xc6, 0, 0, 0, 0], "short"),
        (&[0x92, LOST, 0xc6, 0, 0, 0, 0], "short"),
    ] {
        let all = read_all(&block(entries));
        let told = format!("the recording x.rec is damaged at entry 1, byte {at}: {what}");
        assert_eq!(all.damage, [told]);
        assert_eq!(all.shown, ["Time(7)"]);
    }
}

proptest! {
    /// Bytes that are gone, doubled or foreign in the middle cost the blocks that they hit.
    #[test]
    fn other_damage_costs_the_blocks_that_it_hits(
        from in any::<prop::sample::Index>(),
        length in 0..200_usize,
        foreign in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (bytes, starts, shown) = blocks();
        let from = starts[0] + from.index(bytes.len() - starts[0]);
        let to = bytes.len().min(from + length);
        let damaged = [&bytes[..from], &foreign, &bytes[to..]].concat();
        let all = read_all(&damaged);
        let ends: Vec<usize> = starts[1..].iter().copied().chain([bytes.len()]).collect();
        let is_whole = |n: usize| ends[n] <= from || starts[n] >= to;
        let whole: Vec<String> =
            (0..shown.len()).filter(|n| is_whole(*n)).flat_map(|n| shown[n].clone()).collect();
        // What is put back as it was is no damage.
        if damaged != bytes {
            prop_assert_eq!(all.shown, whole);
        }
    }

    /// Any bytes behind a preamble, of any version.
    #[test]
    fn any_entries_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        version in UNCHECKED..=VERSION,
    ) {
        let head = with(|preamble| preamble.version = version);
        drop(read_all(&[&head[..], &bytes].concat()));
        drop(read_all(&[&head[..], &MARK, &bytes].concat()));
    }
}
