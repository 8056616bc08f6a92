use std::net::{IpAddr, SocketAddr};

use monitor_common::{Header, Socket, header::OUTCOME_UNKNOWN};
use proptest::prelude::*;

use super::{rewrite, *};
use crate::act::ActKind;
use crate::env::EnvKeys;
use crate::records::{self, ProgramStart, Record, Who, every_kind};

const HEADER: usize = size_of::<Header>();

#[track_caller]
fn check(record: &Record, expected: Result<RawBody<'_>, DecodeError>) {
    let bytes = record.bytes();
    assert_eq!(decode(&bytes).map(|event| event.body), expected);
}

#[track_caller]
fn refused(bytes: &[u8]) -> DecodeError {
    decode(bytes).expect_err("was decoded")
}

/// Reads a socket record's body.
#[track_caller]
fn socket_of(socket: Socket, unix: &[u8]) -> (String, Option<SocketAddr>) {
    let bytes = records::connect(Who::new(9), socket, unix).bytes();
    let RawBody::Connect(socket) = decode(&bytes).unwrap().body else { panic!("another kind") };
    (format!("{:?}", socket.destination), socket.source)
}

fn keys(names: &[&str]) -> EnvKeys {
    EnvKeys::new(names)
}

#[test]
fn every_kind_becomes_its_body() {
    let sample = every_kind();
    assert_eq!(sample.len(), RecordKind::COUNT);
    for (kind, record) in &sample {
        let bytes = record.bytes();
        let event = decode(&bytes).unwrap();
        let name = match event.body {
            RawBody::Task(_) => RecordKind::Task,
            RawBody::Exec(_) => RecordKind::Exec,
            RawBody::Fork { .. } => RecordKind::Fork,
            RawBody::Exit { .. } => RecordKind::Exit,
            RawBody::Connect(_) => RecordKind::Connect,
            RawBody::Send(_) => RecordKind::Send,
            RawBody::FileOpen(_) => RecordKind::FileOpen,
            RawBody::CgroupMkdir(_) => RecordKind::CgroupMkdir,
            RawBody::CgroupRmdir(_) => RecordKind::CgroupRmdir,
            RawBody::FileRead(_) => RecordKind::FileRead,
            RawBody::Accept(_) => RecordKind::Accept,
            RawBody::Listen(_) => RecordKind::Listen,
            RawBody::Bind(_) => RecordKind::Bind,
            RawBody::Dup { .. } => RecordKind::Dup,
            RawBody::DnsQuery(_) => RecordKind::DnsQuery,
            RawBody::DnsAnswer(_) => RecordKind::DnsAnswer,
            RawBody::Act(act) => {
                // An act has the name of its record.
                assert_eq!(ActKind::NAMES[usize::from(act.kind.number())], kind.name());
                *kind
            }
        };
        assert_eq!(name, *kind);
    }
}

/// The wire, byte for byte: a change here is a new version of it. Also seeds for fuzzing.
#[test]
#[cfg(target_endian = "little")]
fn records_keep_their_form() {
    for (kind, record) in every_kind() {
        let file = format!("testdata/records/{}.bin", kind.name());
        records::golden::compare(&file, &record.bytes());
    }
}

#[test]
fn the_header_is_read_whole() {
    let who = Who { uid: 7, cgroup: (3, 55), ..Who::new(100) };
    let record = records::exit(who, 9).after_ns(5).numbered(3).with(|header| {
        (header.tid, header.loginuid, header.egid) = (103, 1000, 8);
        header.flags = flags::PATH_TRUNCATED | flags::IO_URING;
    });
    let bytes = record.bytes();
    let event = decode(&bytes).unwrap();
    assert_eq!(event.id, EventId { stream: 4, sequence: 3 });
    assert_eq!(event.boottime_ns, records::START_NS + 5);
    assert_eq!(event.hook, "rm_exit");
    assert_eq!((event.path_truncated, event.read_fault, event.io_uring), (true, false, true));
    let task = event.task;
    assert_eq!(task.key, ProcessKey { pid: 100, start_ns: 100_000 });
    assert_eq!(task.parent, ProcessKey { pid: 1, start_ns: 1_000 });
    assert_eq!((task.tid, task.session_id, task.namespace_pid), (103, 100, 100));
    assert_eq!(task.cgroup, CgroupKey { hierarchy: 3, id: 55 });
    let credentials = task.credentials;
    assert_eq!((credentials.uid, credentials.gid), (7, 7));
    assert_eq!((credentials.euid, credentials.egid), (7, 8));
    assert_eq!(credentials.loginuid, Some(1000));
    assert_eq!(task.namespaces.mount, 4_026_531_841);
    assert_eq!(&task.comm, b"comm\0\0\0\0\0\0\0\0\0\0\0\0");
    check(&record, Ok(RawBody::Exit { status: 9 }));
}

#[test]
fn outcomes_and_origins() {
    let outcome = |value| {
        let bytes = records::exit(Who::new(1), 0).outcome(value).bytes();
        decode(&bytes).unwrap().outcome
    };
    assert_eq!(outcome(0), Outcome::Success);
    assert_eq!(outcome(7), Outcome::Success);
    assert_eq!(outcome(-13), Outcome::Failure(13));
    assert_eq!(outcome(OUTCOME_UNKNOWN), Outcome::Unknown);
    assert_eq!(outcome(OUTCOME_UNKNOWN + 1), Outcome::Failure(i32::MAX));
    let origin = |value| {
        let record = records::exit(Who::new(1), 0).with(|header| header.origin = value);
        decode(&record.bytes()).map(|event| event.origin)
    };
    assert_eq!(origin(0), Ok(Origin::KernelObject));
    assert_eq!(origin(1), Ok(Origin::KernelCopy));
    assert_eq!(origin(2), Ok(Origin::UserMemory));
    assert_eq!(origin(3), Ok(Origin::Procfs));
    for value in 4..=u8::MAX {
        let expected = DecodeError::Value { field: "origin", value: value.into() };
        assert_eq!(origin(value), Err(expected));
    }
}

#[test]
fn an_image_has_its_sections_in_order() {
    let mut start = ProgramStart::new("/usr/bin/dash", b"sh\0run.sh\0");
    start.filename = b"./run.sh";
    start.cwd = b"/srv";
    start.env = b"PATH=/bin\0";
    start.image.image_flags = image_flags::SCRIPT | image_flags::NO_NEW_PRIVS;
    start.image.tty = 136 << 20 | 3;
    start.image.stdio = [0, 3, 4];
    start.image.file.flags = file_flags::UPPER;
    let bytes = start.exec(Who::new(5)).bytes();
    let RawBody::Exec(image) = decode(&bytes).unwrap().body else { panic!("another kind") };
    assert_eq!(image.path, b"/usr/bin/dash");
    assert_eq!(image.filename, b"./run.sh");
    assert_eq!(image.cwd, b"/srv");
    assert_eq!(image.env, b"PATH=/bin\0");
    assert_eq!(image.args, b"sh\0run.sh\0");
    assert!(image.script && image.no_new_privs && !image.env_truncated);
    assert_eq!(image.tty, Some((136, 3)));
    assert_eq!(image.stdio, [Stdio::None, Stdio::Tty, Stdio::Socket]);
    assert_eq!((image.file.major, image.file.minor), (254, 1));
    assert!(image.file.upper_layer && !image.file.internal_mount && !image.file.of_monitor);
    start.image.tty = 0;
    let bytes = start.exec(Who::new(5)).bytes();
    let RawBody::Exec(image) = decode(&bytes).unwrap().body else { panic!("another kind") };
    assert_eq!(image.tty, None);
}

#[test]
fn streams_of_unknown_sort_are_refused() {
    for position in 0..3 {
        for value in 0..=u8::MAX {
            let mut start = ProgramStart::new("/bin/x", b"");
            start.image.stdio[position] = value;
            let found = decode(&start.task(Who::new(5)).bytes()).map(|_| ());
            let wrong = DecodeError::Value { field: "stdio", value: value.into() };
            assert_eq!(found, if value <= stdio::OTHER { Ok(()) } else { Err(wrong) });
        }
    }
}

#[test]
fn addresses() {
    let mut v6 = Socket { family: 10, destination_port: 443, ..Socket::default() };
    v6.destination = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets();
    assert_eq!(socket_of(v6, b"").0, "Ip(2001:db8::1, 443)");
    v6.destination = "::ffff:192.0.2.7".parse::<std::net::Ipv6Addr>().unwrap().octets();
    assert_eq!(socket_of(v6, b"").0, "Ip(192.0.2.7, 443)");
    // Only the mapped form is IPv4; the compatible one is an address of its own.
    v6.destination = "::192.0.2.7".parse::<std::net::Ipv6Addr>().unwrap().octets();
    assert_eq!(socket_of(v6, b"").0, "Ip(::c000:207, 443)");
    assert_eq!(socket_of(v6, b"").1, None);
    v6.source = "::ffff:10.0.0.1".parse::<std::net::Ipv6Addr>().unwrap().octets();
    v6.source_port = 4;
    assert_eq!(socket_of(v6, b"").1, Some("10.0.0.1:4".parse().unwrap()));
    let mut v4 = records::tcp4([198, 51, 100, 2], 80);
    assert_eq!(socket_of(v4, b"").0, "Ip(198.51.100.2, 80)");
    v4.source_port = 5;
    let any: IpAddr = [0, 0, 0, 0].into();
    assert_eq!(socket_of(v4, b"").1, Some(SocketAddr::new(any, 5)));
    let unix = Socket { family: 1, ..Socket::default() };
    assert_eq!(socket_of(unix, b"\0name").0, format!("Unix({:?})", b"\0name"));
    assert_eq!(socket_of(unix, b"").0, "Unix([])");
}

/// What stands behind the command is an id of some commands, of one a type, of the others neither.
#[test]
fn commands_of_bpf_say_what_their_word_means() {
    let act = |command: u64, monitor: u64| {
        let numbers = [command, 7, 0, 0, monitor, 0];
        let bytes = records::act(RecordKind::Bpf, Who::new(5), numbers, [b""; 4]).bytes();
        let RawBody::Act(act) = decode(&bytes).unwrap().body else { panic!("another kind") };
        act.kind
    };
    let bpf = |command, [program_type, object]: [u32; 2], monitor| ActKind::Bpf {
        command,
        program_type,
        object,
        monitor,
    };
    assert_eq!(act(5, 0), bpf(5, [7, 0], false));
    for command in [13, 14, 30] {
        assert_eq!(act(command.into(), 0), bpf(command, [0, 7], false));
        assert_eq!(act(command.into(), 1), bpf(command, [0, 7], true));
    }
    for command in [8, 9, 28, 29, 34] {
        assert_eq!(act(command.into(), 0), bpf(command, [0, 0], false));
    }
}

#[test]
fn wrong_numbers_are_named() {
    let record = records::exit(Who::new(1), 0);
    for kind in RecordKind::COUNT as u16..=RecordKind::COUNT as u16 + 9 {
        check(&record.clone().with(|header| header.kind = kind), Err(DecodeError::Kind(kind)));
    }
    check(&record.clone().with(|h| h.kind = u16::MAX), Err(DecodeError::Kind(u16::MAX)));
    for program in [Program::COUNT as u32, 4096, u32::MAX] {
        let wrong = record.clone().with(|header| header.program = program);
        check(&wrong, Err(DecodeError::Program(program)));
    }
}

#[test]
fn what_the_header_says_of_the_length_must_be_true() {
    let mut bytes = records::exit(Who::new(1), 0).bytes();
    bytes.push(0);
    let have = bytes.len();
    assert_eq!(refused(&bytes), DecodeError::Length { said: have - 1, have });
    assert_eq!(refused(&bytes[..have - 2]), DecodeError::Length { said: have - 1, have: have - 2 });
    assert_eq!(
        refused(&bytes[..HEADER - 1]),
        DecodeError::Short { want: HEADER, have: HEADER - 1 }
    );
    assert_eq!(refused(&[]), DecodeError::Short { want: HEADER, have: 0 });
}

/// Cut anywhere, with a header that tells of the cut: a body or a section is then too short.
#[test]
fn a_record_cut_anywhere_is_an_error() {
    for (kind, record) in every_kind() {
        let whole = record.bytes();
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            assert!(decode(&cut).is_err(), "{kind:?} at {length}");
            if length >= HEADER {
                cut[..4].copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
                let found = refused(&cut);
                assert!(
                    matches!(found, DecodeError::Short { .. }),
                    "{kind:?} at {length}: {found}"
                );
            }
        }
    }
}

/// Later versions may append to a record; what is behind the last section is left out.
#[test]
fn bytes_behind_the_sections_are_left_out() {
    for (kind, record) in every_kind() {
        let longer = record.clone().trailing(b"more").bytes();
        let (plain, longer) = (record.bytes(), longer);
        let (plain, longer) = (decode(&plain).unwrap(), decode(&longer).unwrap());
        assert_eq!(plain.body, longer.body, "{kind:?}");
    }
}

#[test]
fn sections_that_exceed_the_record_are_refused() {
    let record = records::write_to(Who::new(1), b"/etc/passwd");
    let at = HEADER + size_of::<FileOpen>() - 8;
    for said in [12_u32, 4096, u32::MAX] {
        let mut bytes = record.bytes();
        bytes[at..at + 4].copy_from_slice(&said.to_ne_bytes());
        assert_eq!(refused(&bytes), DecodeError::Short { want: said as usize, have: 11 });
    }
}

#[test]
fn records_back_to_back_are_split() {
    let all: Vec<Vec<u8>> = every_kind().iter().map(|(_, record)| record.bytes()).collect();
    let joined = all.concat();
    assert!(rewrite::split(&joined).eq(all.iter().map(Vec::as_slice)));
    let cut = &joined[..joined.len() - 1];
    assert_eq!(rewrite::split(cut).count(), all.len() - 1);
    // A length that is too small cannot keep the reader in one place.
    let mut stuck = joined.clone();
    stuck[..4].fill(0);
    assert!(rewrite::split(&stuck).count() < 1000);
    assert_eq!(rewrite::pid(&all[0]), Some(100));
    assert_eq!(rewrite::pid(b"short"), None);
}

#[test]
fn arguments_of_procfs_replace_the_ones_of_the_record() {
    let mut start = ProgramStart::new("/bin/old", b"");
    (start.env, start.cwd) = (b"PATH=/bin\0", b"/w");
    let record = start.task(Who::new(5)).bytes();
    let rewritten = rewrite::with_arguments(&record, b"old\0-x\0").unwrap();
    let event = decode(&rewritten).unwrap();
    assert_eq!(event.origin, Origin::Procfs);
    let RawBody::Task(image) = event.body else { panic!("another kind") };
    assert_eq!((image.args, image.args_total), (&b"old\0-x\0"[..], 7));
    assert_eq!(
        (image.path, image.env, image.cwd),
        (&b"/bin/old"[..], &b"PATH=/bin\0"[..], &b"/w"[..])
    );
    for (kind, other) in every_kind() {
        let is_image = matches!(kind, RecordKind::Task | RecordKind::Exec);
        assert_eq!(rewrite::with_arguments(&other.bytes(), b"x\0").is_some(), is_image);
    }
    assert_eq!(rewrite::with_arguments(&record[..record.len() - 1], b""), None);
}

#[test]
fn only_named_variables_stay() {
    let mut start = ProgramStart::new("/bin/x", b"x\0");
    start.env = b"SECRET=1\0PATH=/bin\0LD_PRELOAD=/x\0TOKEN=a=b\0";
    let record = start.exec(Who::new(5)).bytes();
    let scrubbed = rewrite::with_selected_env(&record, &keys(&["PATH", "LD_*"])).unwrap();
    let RawBody::Exec(image) = decode(&scrubbed).unwrap().body else { panic!("another kind") };
    assert_eq!(image.env, b"PATH=/bin\0LD_PRELOAD=/x\0");
    assert_eq!((image.path, image.args), (&b"/bin/x"[..], &b"x\0"[..]));
    start.env = b"";
    assert_eq!(rewrite::with_selected_env(&start.exec(Who::new(5)).bytes(), &keys(&[])), None);
    let other = records::exit(Who::new(5), 0).bytes();
    assert_eq!(rewrite::with_selected_env(&other, &keys(&[])), None);
}

fn variables() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("(PATH|LD_[A-Z]{1,3}|[A-Z]{1,4})", "[a-z=/]{0,9}"), 0..8)
}

proptest! {
    /// Whatever the bytes: an event or an error.
    #[test]
    fn decode_is_total(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _either = decode(&bytes);
        rewrite::split(&bytes).for_each(drop);
        prop_assert!(rewrite::with_arguments(&bytes, b"x\0").is_none_or(|b| !b.is_empty()));
        drop(rewrite::with_selected_env(&bytes, &keys(&[])));
    }

    /// The same for what looks like a record: any body of any kind, of the right length.
    #[test]
    fn decode_is_total_behind_the_header(
        kind in 0..RecordKind::COUNT as u16,
        body in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..400),
    ) {
        let mut bytes = records::exit(Who::new(1), 0).with(|header| header.kind = kind).bytes();
        bytes.truncate(HEADER);
        bytes.extend(&body);
        let length = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        let decoded = decode(&bytes).is_ok();
        if let Some(rewritten) = rewrite::with_selected_env(&bytes, &keys(&[])) {
            prop_assert_eq!(decode(&rewritten).is_ok(), decoded);
        }
    }

    /// No value of a variable that is not named is left in the bytes.
    #[test]
    fn unnamed_variables_never_survive(variables in variables()) {
        let mut start = ProgramStart::new("/b", b"A\0");
        let env: Vec<u8> = variables
            .iter()
            .enumerate()
            .flat_map(|(at, (key, value))| format!("{key}=<{at}>{value}\0").into_bytes())
            .collect();
        start.env = &env;
        let record = start.exec(Who::new(5)).bytes();
        let scrubbed = rewrite::with_selected_env(&record, &keys(&["PATH", "LD_*"]));
        prop_assert_eq!(scrubbed.is_none(), env.is_empty());
        let bytes = scrubbed.unwrap_or(record);
        prop_assert!(decode(&bytes).is_ok());
        for (at, (key, _)) in variables.iter().enumerate() {
            let mark = format!("<{at}>");
            let there = bytes.windows(mark.len()).any(|part| part == mark.as_bytes());
            prop_assert_eq!(there, key == "PATH" || key.starts_with("LD_"), "{}", key);
        }
    }
}

#[test]
fn of_both_ways_the_name_server_is_the_server() {
    let question = records::dns::question(7, "example.com", records::dns::A);
    let server = SocketAddr::new(IpAddr::from([192, 0, 2, 53]), 53);
    let client = SocketAddr::new(IpAddr::from([10, 0, 0, 2]), 40_000);
    let query = records::dns::query(Who::new(9), 5, &question);
    let answer = records::dns::answer(Who::new(9), 5, &question);
    for record in [query, answer] {
        let bytes = record.bytes();
        let (RawBody::DnsQuery(dns) | RawBody::DnsAnswer(dns)) = decode(&bytes).unwrap().body
        else {
            panic!("another kind")
        };
        assert_eq!((dns.socket_id, dns.client, dns.server), (5, client, server));
        assert_eq!((dns.protocol, dns.total, dns.message), (17, 29, &*question.0));
        assert!(decode(&bytes[..bytes.len() - 1]).is_err());
    }
}
