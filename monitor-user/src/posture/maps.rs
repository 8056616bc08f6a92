//! What the processes of a container have mapped as code, as `/proc/PID/maps` has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    listeners::Listener,
    process::{self, Process},
};
use crate::{
    input,
    limits::{EXPOSED_PORTS, MAPPED_FILES, PROC_FILE_BYTES},
};

/// A file that is mapped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Mapping {
    /// Its path in the container.
    pub path: Vec<u8>,
    /// A process that has it.
    pub pid: u32,
    /// It is mapped as code; else it is an archive of Java.
    pub is_code: bool,
    /// The file was removed or replaced since.
    pub is_deleted: bool,
    /// Where processes of the host that have it listen for others, as `443/tcp`. In a container
    /// all that it has counts as reached by who reaches it.
    pub exposed: Vec<String>,
}

/// Where processes of the host listen for others.
pub(super) type Ports = HashMap<u32, BTreeSet<String>>;

/// Each process with the places at which it waits for others. The first one holds sockets for those
/// that it starts, and takes nothing of what comes.
pub(super) fn ports(listeners: &[Listener]) -> Ports {
    let mut all = Ports::new();
    for listener in listeners {
        for pid in listener.holders.iter().filter(|pid| **pid != 1) {
            all.entry(*pid).or_default().insert(listener.place());
        }
    }
    all
}

/// What the kernel writes behind the path of a file that has no name any more.
const DELETED: &[u8] = b" (deleted)";

/// Where packages have code. What a program removes elsewhere is its own affair.
const OF_PACKAGES: [&[u8]; 6] = [b"/usr/", b"/lib", b"/bin/", b"/sbin/", b"/opt/", b"/nix/store/"];

/// Whether a file is where packages put theirs: what was removed elsewhere is often made to be so.
pub(super) fn is_of_package(path: &[u8]) -> bool {
    OF_PACKAGES.iter().any(|place| path.starts_with(place))
}

/// What is seen of a file.
struct Seen<'p> {
    pid: u32,
    is_code: bool,
    ports: BTreeSet<&'p str>,
}

/// What these processes have mapped, each file once, as many as are kept, and where they listen.
pub(super) fn of(processes: &[Process], ports: &Ports) -> Vec<Mapping> {
    let mut found: BTreeMap<(Vec<u8>, bool), Seen<'_>> = BTreeMap::new();
    for one in processes {
        let Ok(text) = input::read(&process::path(one.pid, "maps"), PROC_FILE_BYTES) else {
            continue;
        };
        let listens = ports.get(&one.pid);
        for line in text.split(|byte| *byte == b'\n') {
            let Some((path, is_code, is_deleted)) = mapped(line) else { continue };
            let key = (path, is_deleted);
            if found.len() < MAPPED_FILES || found.contains_key(&key) {
                let new = || Seen { pid: one.pid, is_code, ports: BTreeSet::new() };
                let known = found.entry(key).or_insert_with(new);
                known.is_code |= is_code;
                known.ports.extend(listens.into_iter().flatten().map(String::as_str));
            }
        }
    }
    let one = |((path, is_deleted), Seen { pid, is_code, ports }): (_, Seen<'_>)| {
        let exposed = ports.into_iter().take(EXPOSED_PORTS).map(str::to_owned).collect();
        Mapping { path, pid, is_code, is_deleted, exposed }
    };
    found.into_iter().map(one).collect()
}

/// The file of a line, if it is code, or an archive of Java.
pub(super) fn mapped(line: &[u8]) -> Option<(Vec<u8>, bool, bool)> {
    let mut rest = line;
    let mut words = [&b""[..]; 5];
    for word in &mut words {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        (*word, rest) = (rest.get(..end)?, rest.get(end..)?.trim_ascii_start());
    }
    let [_, rights, ..] = words;
    let (path, is_deleted) = match rest.strip_suffix(DELETED) {
        Some(path) => (path, true),
        None => (rest, false),
    };
    let is_code = rights.get(2) == Some(&b'x');
    let is_wanted = path.starts_with(b"/") && (is_code || path.ends_with(b".jar"));
    is_wanted.then(|| (unescaped(path), is_code, is_deleted))
}

/// A line's end in a path is written as a number.
fn unescaped(path: &[u8]) -> Vec<u8> {
    const LINE_END: &[u8] = b"\\012";
    let mut whole = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = memchr::memmem::find(rest, LINE_END) {
        whole.extend_from_slice(rest.get(..at).unwrap_or_default());
        whole.push(b'\n');
        rest = rest.get(at + LINE_END.len()..).unwrap_or_default();
    }
    whole.extend_from_slice(rest);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_data() {
        for (line, expected) in [
            (
                "7f00-7f01 r-xp 00001000 fe:00 1234                       /usr/lib/libc.so.6",
                Some(("/usr/lib/libc.so.6", true, false)),
            ),
            (
                "7f00-7f01 r-xp 00000000 00:2a 99 /usr/lib/libssl.so.3 (deleted)",
                Some(("/usr/lib/libssl.so.3", true, true)),
            ),
            ("7f00-7f01 r--s 00000000 00:2a 99 /app/a b.jar", Some(("/app/a b.jar", false, false))),
            ("7f00-7f01 r-xp 00000000 00:2a 99 /a\\012b", Some(("/a\nb", true, false))),
            ("7f00-7f01 r--p 00000000 fe:00 1234 /usr/lib/libc.so.6", None),
            ("7f00-7f01 r-xp 00000000 00:00 0 [vdso]", None),
            ("7f00-7f01 rwxp 00000000 00:00 0 ", None),
            ("7f00-7f01 r-xp 00000000 00:01 5 memfd:x (deleted)", None),
            ("", None),
        ] {
            let found = mapped(line.as_bytes());
            let expected = expected.map(|(path, code, deleted): (&str, bool, bool)| {
                (path.as_bytes().to_vec(), code, deleted)
            });
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn this_process_runs_code_of_its_own() {
        let own = Process { pid: std::process::id(), ..Process::default() };
        let listener =
            |pid, port| Listener { holders: vec![1, pid], ..Listener::at("tcp", "0.0.0.0", port) };
        let exe = std::env::current_exe().unwrap().into_os_string().into_encoded_bytes();
        let of_exe = |listeners: &[Listener]| {
            let found = of(std::slice::from_ref(&own), &ports(listeners));
            found.into_iter().find(|it| it.path == exe).unwrap()
        };
        let it = of_exe(&[listener(own.pid, 22), listener(own.pid, 22), listener(2, 80)]);
        assert!(it.is_code && !it.is_deleted && it.pid == own.pid);
        assert_eq!(it.exposed, ["22/tcp"]);
        assert_eq!(of_exe(&[listener(1, 22)]).exposed, [""; 0], "it holds them for others");
    }
}
