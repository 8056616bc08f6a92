//! Cuts a recording down to what some processes did, so that it can be kept as a test:
//!
//! ```text
//! cargo run --package monitor-user --example cut_recording -- \
//!     IN OUT NAMESPACE|CGROUP [WITHOUT]
//! ```
//!
//! Kept are the processes of the mount namespace with that number, or of cgroups whose path holds
//! that text, and their descendants; without those of the program at the path WITHOUT. Of processes
//! that did the same, the first is kept, and of a program's files in one folder the first few; ends
//! of processes and looks at the clock are not. What the preamble says of the host is made
//! anonymous.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use anyhow::{Context as _, Result};
use runmon::{
    decode::decode,
    line::Input,
    raw_event::{CgroupKey, ProcessKey, RawBody, RawEvent, Task},
    source::recording::{Preamble, Reader, Writer},
};

/// What is kept has to be small.
const LIMIT_BYTES: u64 = 1 << 20;

/// How many files are kept that programs of one name opened in one folder.
const FILES: usize = 3;

/// How many sorts are kept of what a program did for another.
const SORTS: usize = 12;

/// What became known of a process.
#[derive(Default)]
struct Process {
    parent: Option<ProcessKey>,
    /// The program that it ran last.
    program: Vec<u8>,
    /// Its programs with their arguments, its files and destinations.
    acts: Vec<Vec<u8>>,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let (from, to, which, without) = match args.as_slice() {
        [_, from, to, which] => (Path::new(from), Path::new(to), which, None),
        [_, from, to, which, without] => (Path::new(from), Path::new(to), which, Some(without)),
        _ => anyhow::bail!("IN OUT NAMESPACE|CGROUP [WITHOUT]"),
    };
    let without = without.map(|path| path.as_bytes());
    let cgroups = cgroups(from)?;
    let is_meant = |task: &Task| match which.parse::<u32>() {
        Ok(namespace) => task.namespaces.mount == namespace,
        Err(_) => cgroups.get(&task.cgroup).is_some_and(|path| path.contains(which.as_str())),
    };
    let (processes, order) = processes(from, is_meant, without)?;
    let kept = without_repeats(&processes, &order);
    write(from, to, &cgroups, which, &kept)
}

fn each_record(from: &Path, mut each: impl FnMut(&RawEvent<'_>)) -> Result<()> {
    let mut reader = Reader::open(from)?;
    while let Some(input) = reader.next()? {
        if let Input::Record(record) = input {
            each(&decode(record).context("a record that is none")?);
        }
    }
    Ok(())
}

fn cgroups(from: &Path) -> Result<HashMap<CgroupKey, String>> {
    let mut cgroups = HashMap::new();
    let mut reader = Reader::open(from)?;
    while let Some(input) = reader.next()? {
        if let Input::Cgroup(key, path) = input {
            cgroups.insert(key, path.to_owned());
        }
    }
    each_record(from, |event| {
        if let RawBody::CgroupMkdir(cgroup) = event.body {
            cgroups.insert(cgroup.key, String::from_utf8_lossy(cgroup.path).into_owned());
        }
    })?;
    Ok(cgroups)
}

/// The processes that are meant, and the order of their beginnings.
fn processes(
    from: &Path,
    is_meant: impl Fn(&Task) -> bool,
    without: Option<&[u8]>,
) -> Result<(HashMap<ProcessKey, Process>, Vec<ProcessKey>)> {
    let mut processes: HashMap<ProcessKey, Process> = HashMap::new();
    let (mut order, mut left_out) = (Vec::new(), HashSet::new());
    each_record(from, |event| {
        let (key, parent) = (event.task.key, event.task.parent);
        let is_program = matches!(event.body, RawBody::Exec(it) if Some(it.path) == without);
        if is_program || left_out.contains(&key) || left_out.contains(&parent) {
            left_out.insert(key);
            return;
        }
        let known = processes.contains_key(&key) || processes.contains_key(&parent);
        if !known && !is_meant(&event.task) {
            return;
        }
        let process = processes.entry(key).or_insert_with(|| {
            order.push(key);
            Process::default()
        });
        process.parent = Some(parent);
        if let RawBody::Exec(image) = event.body {
            process.program = image.path.to_vec();
        }
        let act = match event.body {
            RawBody::Exec(image) | RawBody::Task(image) => [image.path, image.args].concat(),
            RawBody::FileOpen(file) => file.path.to_vec(),
            RawBody::Connect(to) | RawBody::Send(to) => format!("{to:?}").into_bytes(),
            _ => return,
        };
        process.acts.push(act);
    })?;
    Ok((processes, order))
}

/// The first process of each sort, and its ancestors. A sort is what a process did, and the program
/// of its parent; of one program of such a parent only some sorts are taken.
fn without_repeats(
    processes: &HashMap<ProcessKey, Process>,
    order: &[ProcessKey],
) -> HashSet<ProcessKey> {
    let (mut sorts, mut kept) = (HashSet::new(), HashSet::new());
    let mut counts: HashMap<_, usize> = HashMap::new();
    for key in order {
        let process = &processes[key];
        let parent = process.parent.and_then(|parent| processes.get(&parent));
        let parent = parent.map(|parent| &parent.program);
        // Only names of temporary files differ.
        let acts = process.acts.iter().map(|act| act.iter().filter(|it| !it.is_ascii_digit()));
        let acts: Vec<Vec<u8>> = acts.map(|act| act.copied().collect()).collect();
        if !sorts.insert((acts, parent)) {
            continue;
        }
        let count = counts.entry((&process.program, parent)).or_default();
        *count += 1;
        if *count > SORTS {
            continue;
        }
        let mut next = Some(*key);
        while let Some(key) = next.filter(|key| processes.contains_key(key)) {
            if !kept.insert(key) {
                break;
            }
            next = processes[&key].parent;
        }
    }
    kept
}

/// Says nothing of the host; ids and addresses in events are those of the work.
fn anonymous(mut preamble: Preamble) -> Preamble {
    "Linux".clone_into(&mut preamble.kernel);
    "server.example".clone_into(&mut preamble.hostname);
    "00000000-0000-4000-8000-000000000000".clone_into(&mut preamble.boot_id);
    "0".clone_into(&mut preamble.run_id);
    preamble.canary_pids.clear();
    preamble.own_until_ns = 0;
    preamble.users = vec![(0, "root".to_owned())];
    preamble.groups = vec![(0, "root".to_owned())];
    preamble
}

fn write(
    from: &Path,
    to: &Path,
    cgroups: &HashMap<CgroupKey, String>,
    which: &str,
    kept: &HashSet<ProcessKey>,
) -> Result<()> {
    let mut reader = Reader::open(from)?;
    let preamble = anonymous(reader.preamble.clone());
    let mut writer = Writer::create(to, &preamble, LIMIT_BYTES)?;
    let (mut used, mut files) = (HashSet::new(), HashMap::<_, usize>::new());
    while let Some(input) = reader.next()? {
        let keep = match &input {
            Input::Record(record) | Input::Context(record) => {
                let event = decode(record).context("a record that is none")?;
                let of_kept = kept.contains(&event.task.key);
                match event.body {
                    RawBody::Exit { .. } => false,
                    RawBody::Fork { child, .. } => of_kept && kept.contains(&child),
                    RawBody::CgroupMkdir(cgroup) => {
                        String::from_utf8_lossy(cgroup.path).contains(which)
                    }
                    RawBody::CgroupRmdir(_) => false,
                    RawBody::FileOpen(file) if of_kept => {
                        let folder = file.path.rsplitn(2, |it| *it == b'/').last();
                        let count = files
                            .entry((event.task.comm, folder.unwrap_or_default().to_vec()))
                            .or_default();
                        *count += 1;
                        *count <= FILES
                    }
                    _ if of_kept => {
                        // Before the first process of a cgroup, so that its place is known.
                        if let Some(path) = cgroups.get(&event.task.cgroup)
                            && used.insert(event.task.cgroup)
                        {
                            writer.append(&Input::Cgroup(event.task.cgroup, path))?;
                        }
                        true
                    }
                    _ => false,
                }
            }
            Input::Facts(facts) => format!("{facts:?}").contains(which),
            // Nothing of a host but hashes and packages of its programs, which rules may hang on.
            Input::Hash(_) | Input::Package(_) => true,
            Input::Cgroup(..) | Input::Holder(_) | Input::Syscalls(..) | Input::Time(_) => false,
        };
        if keep {
            writer.append(&input)?;
        }
    }
    writer.flush()?;
    anyhow::ensure!(writer.skipped() == 0, "it would be larger than {LIMIT_BYTES} bytes");
    Ok(())
}
