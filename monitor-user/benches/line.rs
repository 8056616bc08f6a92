//! What each stage of the line takes for one record: `cargo bench -p monitor-user`.
//!
//! The records are made here, in the form that the kernel programs write: a mix of program starts,
//! connections and file writes by a hundred processes.
#![expect(clippy::print_stdout, reason = "a benchmark tells its result")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use std::{hint::black_box, sync::Arc, time::Instant};

use monitor_common::{FileOpen, Fork, Header, Image, RecordKind, Socket};
use runmon::{
    decode::decode,
    document::Document,
    enrich::{Enriched, Enricher, container::ContainerFacts},
    env::EnvKeys,
    event::{Container, Event, Fact, FactSource, Reason},
    judge::Judge,
    line::{Input, Line, Outlet},
    profile::{Approval, Learner, Profile, Subject, Thing, drift::Profiles, paths::Route},
    raw_event::CgroupKey,
    rules,
};
use zerocopy::{FromZeros as _, Immutable, IntoBytes};

/// The cgroup of the container.
const CGROUP: u64 = 50;
const PROCESSES: u32 = 100;
const ROUNDS: usize = 2000;

fn record(
    kind: RecordKind,
    pid: u32,
    body: &(impl IntoBytes + Immutable),
    sections: &[&[u8]],
) -> Vec<u8> {
    let mut header = Header::new_zeroed();
    let length = size_of::<Header>()
        + body.as_bytes().len()
        + sections.iter().map(|section| section.len()).sum::<usize>();
    header.len = u32::try_from(length).unwrap();
    header.kind = kind as u16;
    header.sequence = 1;
    header.boottime_ns = 1_000_000_000;
    (header.pid, header.tid) = (pid, pid);
    header.start_ns = u64::from(pid) * 1000;
    (header.parent_pid, header.parent_start_ns) = (1, 1);
    header.cgroup_id = CGROUP;
    header.comm = *b"program\0\0\0\0\0\0\0\0\0";
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(body.as_bytes());
    for section in sections {
        bytes.extend_from_slice(section);
    }
    bytes
}

fn exec(pid: u32) -> Vec<u8> {
    let (path, cwd, args): (&[u8], &[u8], &[u8]) =
        (b"/usr/bin/program", b"/srv/app", b"program\0--flag\0value\0/srv/app/file\0");
    let mut image = Image::new_zeroed();
    image.path_len = u32::try_from(path.len()).unwrap();
    image.filename_len = image.path_len;
    image.cwd_len = u32::try_from(cwd.len()).unwrap();
    image.args_len = u32::try_from(args.len()).unwrap();
    image.args_total = image.args_len;
    record(RecordKind::Exec, pid, &image, &[path, path, cwd, args])
}

fn open(pid: u32) -> Vec<u8> {
    let path = b"/srv/app/data/some/file/that/is/written.txt";
    let mut body = FileOpen::new_zeroed();
    body.open_flags = 0x241;
    (body.file.inode, body.file.mode, body.file.magic) = (77, 0o100_644, 0xef53);
    body.path_len = u32::try_from(path.len()).unwrap();
    record(RecordKind::FileOpen, pid, &body, &[path])
}

fn connect(pid: u32) -> Vec<u8> {
    let mut body = Socket::new_zeroed();
    (body.family, body.protocol, body.socket_type, body.destination_port) = (2, 6, 1, 443);
    if let Some(address) = body.destination.first_chunk_mut::<4>() {
        *address = [192, 0, 2, 7];
    }
    record(RecordKind::Connect, pid, &body, &[])
}

/// Half of them file writes, as on a real host; a fork before each exec.
fn mix() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for pid in 100..100 + PROCESSES {
        let mut child = Fork::new_zeroed();
        (child.child_pid, child.child_start_ns) = (pid, u64::from(pid) * 1000);
        records.push(record(RecordKind::Fork, 1, &child, &[]));
        records.push(exec(pid));
        records.push(connect(pid));
        records.extend([open(pid), open(pid), open(pid)]);
    }
    records
}

/// Runs `round` over all records again and again; prints nanoseconds a record.
fn time(name: &str, records: &[Vec<u8>], mut round: impl FnMut(&[u8])) {
    for record in records {
        round(record);
    }
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        for record in records {
            round(black_box(record));
        }
    }
    let each = begun.elapsed().as_secs_f64() / (ROUNDS * records.len()) as f64;
    println!("{name:<28}{:>8.0} ns a record{:>12.0} records/s", each * 1e9, 1.0 / each);
}

/// Everything that happens does so in one container.
fn enricher() -> Enricher {
    let mut enricher = Enricher::new(64 << 20, 0, EnvKeys::new(["PATH"]));
    let path = format!("/docker/{}", "ab".repeat(32));
    enricher.add_cgroup(CgroupKey { hierarchy: 0, id: CGROUP }, &path);
    let known = |text: &str| Fact::Known(text.into(), FactSource::Docker);
    let container = Container {
        id: "ab".repeat(32).into(),
        cgroup_path: path.as_str().into(),
        image: known("registry.example/shop/web:1"),
        image_digest: known(&format!("sha256:{}", "cd".repeat(32))),
        ..Container::unknown(&path, Reason::NotInBundle)
    };
    let cgroup_path = path.as_str().into();
    enricher.learn(ContainerFacts { cgroup_path, container: Some(Arc::new(container)) });
    enricher
}

/// A hundred profiles, one of them of the image, which expects all that is done.
fn profiles(events: &[Box<Event>]) -> Profiles {
    let mut learner = Learner::default();
    events.iter().for_each(|event| learner.take(event, false));
    let learned = learner.profiles(&[], &|_| 0, true);
    let approved = Some(Approval { by: "a bench".into(), on: "2026-11-29".into() });
    let many = (0..100_u8).flat_map(|number| {
        learned.iter().cloned().map(move |profile| {
            let digest = match number {
                0 => profile.subject.digest.clone(),
                _ => Some(format!("sha256:{number:064x}").into()),
            };
            Profile { subject: Subject { digest, ..profile.subject.clone() }, ..profile }
        })
    });
    Profiles::new(many.map(|profile| Profile { approved: approved.clone(), ..profile }))
}

/// Bytes of memory that this process has.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// What a hundred profiles of services take: of each three hundred files, sixty names and
/// as many secrets.
fn memory_of_profiles() {
    let before = resident();
    let path = |text: String| Route::of_path(text.as_bytes(), &[]);
    let one = |image: u32| {
        let mut profile = Profile { name: format!("service-{image}").into(), ..Profile::default() };
        profile.subject.image = format!("registry.example/team/service-{image}:1").into();
        profile.subject.digest = Some(format!("sha256:{image:064x}").into());
        profile.approved = Some(Approval { by: "a bench".into(), on: "2026-11-29".into() });
        // Letters, since what differs in numbers alone becomes one.
        let word = |number: u32| -> String {
            let letter =
                |at: u32| char::from(b'a' + u8::try_from((number >> (4 * at)) & 15).unwrap());
            (0..3).map(letter).collect()
        };
        for number in 0..300 {
            let directory = word(number / 10);
            let file = path(format!("/var/lib/service/{directory}/data/{}.db", word(number)));
            profile.behaviour.put(&Thing::File(file));
        }
        for number in 0..60 {
            let name =
                Route::of_domain(format!("{}.shop.svc.cluster.local", word(number)).as_bytes());
            profile.behaviour.put(&Thing::Name(name));
            let secret = path(format!("/run/secrets/{}/{image}", word(number)));
            profile.behaviour.put(&Thing::Secret(secret));
        }
        profile
    };
    let profiles = Profiles::new((0..100).map(one));
    let mebibytes = (resident() - before) as f64 / f64::from(1 << 20);
    println!("{:<28}{mebibytes:>8.1} MiB", "100 profiles of services");
    drop(profiles);
}

struct Nowhere;

impl Outlet for Nowhere {
    fn offer(&mut self, document: Document) {
        black_box(document);
    }

    fn wants_events(&self) -> bool {
        false
    }
}

fn main() {
    memory_of_profiles();
    let records = mix();
    time("decode", &records, |record| {
        black_box(decode(record).unwrap());
    });
    let mut state = enricher();
    time("decode, enrich", &records, |record| {
        black_box(state.enrich(decode(record).unwrap()));
    });
    let rules = Arc::new(rules::load(&rules::embedded()).rules);
    let mut state = enricher();
    let events: Vec<_> = records
        .iter()
        .filter_map(|record| match state.enrich(decode(record).unwrap()) {
            Enriched::Event(event) => Some(event),
            Enriched::State | Enriched::Repeat => None,
        })
        .collect();
    let mut at = 0;
    let mut judge = Judge::new(Arc::clone(&rules));
    time("match, shipped rules", &records, |_record| {
        at = (at + 1) % events.len();
        if let Some(event) = events.get(at) {
            black_box(judge.judge(event));
        }
    });
    let expected = profiles(&events);
    time("match with 100 profiles", &records, |_record| {
        at = (at + 1) % events.len();
        if let Some(event) = events.get(at) {
            let _compared = black_box(expected.verdict(event));
            black_box(judge.judge(event));
        }
    });
    let mut line = Line::new(enricher(), rules, Vec::new(), Nowhere);
    time("the whole line", &records, |record| line.take(Input::Record(record)));
}
