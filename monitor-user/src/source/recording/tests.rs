use proptest::prelude::*;

use super::*;
use crate::{
    document::Sender,
    enrich::container::ContainerFacts,
    enrich::hashes::{FileKey, HashAnswer},
    enrich::holders::{Holder, HolderKind},
    event::{Container, Fact, FactSource, Reason},
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
    put(Input::Facts(facts()));
    put(Input::Facts(ContainerFacts { cgroup_path: "/a/b".into(), container: None }));
    for hash in
        [Fact::Known("ab".repeat(32).into(), FactSource::File), Fact::Unknown(Reason::TooLarge)]
    {
        let key = FileKey { major: 8, minor: 1, inode: u64::MAX, ctime_ns: -1, size: 1 << 40 };
        put(Input::Hash(HashAnswer { key, hash }));
    }
    for kind in [HolderKind::Pod, HolderKind::Service] {
        let [uid, name, namespace] = ["u1", "db", "shop"].map(Box::from);
        let addresses = ["10.0.0.5", "fd00::5"].map(|text| text.parse().unwrap()).into();
        put(Input::Holder(Holder { kind, uid, name, namespace, addresses, told_ns: u64::MAX }));
    }
    put(Input::Record(b""));
    put(Input::Record(b"not a record"));
    for who in 1..4 {
        put(Input::Record(&records::exit(Who::new(who), 0).bytes()));
    }
    writer.flush().unwrap();
    (shown, writer)
}

/// What can be read of the bytes, and how it ended.
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
    let bytes = place.bytes();
    let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("PATH=/bin") && !has("TOKEN") && !has("hunter2"));
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
    let (written, writer) = write(&place, head + 60);
    assert!(place.bytes().len() as u64 <= head + 60);
    let (found, end) = read(&place.bytes());
    assert!(!end.unwrap() && !found.is_empty());
    assert_eq!(found.len() as u64 + writer.skipped(), written.len() as u64);
}

/// Wherever it is cut: what is before the cut can be read, and the reader says so.
#[test]
fn a_recording_cut_anywhere_is_read_up_to_there() {
    let place = Place::new("cut");
    let (written, _) = write(&place, u64::MAX);
    let bytes = place.bytes();
    let head = rmp_serde::to_vec_named(&preamble()).unwrap().len();
    let mut whole = 0;
    for length in 0..=bytes.len() {
        let (found, end) = read(&bytes[..length]);
        if length < head {
            assert!(matches!(end, Err(RecordingError::Foreign { .. })), "at {length}");
            continue;
        }
        let cut = end.unwrap_or_else(|error| panic!("at {length}: {error}"));
        assert_eq!(found, written[..found.len()], "at {length}");
        assert!(found.len() >= whole, "at {length}");
        if found.len() > whole || length == head {
            // It ends with an entry.
            assert!(!cut, "at {length}");
            whole = found.len();
        } else {
            assert!(cut, "at {length}");
        }
    }
    assert_eq!(whole, written.len());
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
        "the recording x.rec has format version 3, and this runmon reads 2",
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
fn damage_is_placed() {
    let head = with(|_| ());
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
    refused(&checked(9, b""), &damaged("entries of kind 9 are not known"));
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

proptest! {
    /// Flipped bytes: entries or a clear error, and nothing before the flip is lost.
    #[test]
    fn flipped_bytes_are_no_surprise(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let place = Place::new(&format!("flip-{:?}", std::thread::current().id()));
        write(&place, u64::MAX);
        let mut bytes = place.bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let head = with(|_| ()).len();
        match read(&bytes).1 {
            // The length of the last entry may have grown beyond the end.
            Ok(cut) => prop_assert!(cut || at < head, "byte {at} was not missed"),
            Err(RecordingError::Open { .. } | RecordingError::Io { .. }) => {
                prop_assert!(false, "an error of the file, of bytes in memory");
            }
            Err(error) => prop_assert!(error.to_string().contains("x.rec")),
        }
    }

    /// Any bytes behind a preamble.
    #[test]
    fn any_entries_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let whole = [with(|_| ()), bytes].concat();
        drop(read(&whole));
    }
}
