//! What a look at processes tells of the files that they use, and of who can reach them.

use std::collections::BTreeMap;

use super::{Observed, listeners::Listener};
use crate::usage::{Exposed, How, Used};

/// What is used at one moment.
#[derive(Debug, Default)]
pub struct Live {
    /// The files that are mapped and executed.
    pub files: BTreeMap<Vec<u8>, Used>,
    /// Where somebody listens for others, as `443/tcp`.
    pub ports: Vec<String>,
    /// Files of the host that processes have which listen for others.
    pub exposed: Exposed,
}

/// The files that are in use at this moment, and where somebody listens for others.
#[must_use]
pub fn in_use(observed: Observed, now_ns: i64) -> Live {
    let used = |how| Used { how, first_ns: now_ns, last_ns: now_ns, by_root: false };
    let mut files = BTreeMap::new();
    let mut exposed = Exposed::new();
    let ports = ports(&observed);
    for it in observed.mapped {
        let how = if it.is_code { How::Mapped } else { How::Opened };
        if !it.exposed.is_empty() {
            exposed.insert(it.path.clone(), it.exposed);
        }
        files.insert(it.path, used(how));
    }
    // A program that runs was executed.
    for process in observed.processes.into_iter().filter(|it| it.program.starts_with(b"/")) {
        let one = used(How::Executed);
        files.entry(process.program).and_modify(|it: &mut Used| *it = it.and(one)).or_insert(one);
    }
    Live { files, ports, exposed }
}

/// Where somebody listens for others.
#[must_use]
pub fn ports(observed: &Observed) -> Vec<String> {
    let listeners = observed.listeners.iter().flatten();
    let mut ports: Vec<String> = listeners.map(Listener::place).collect();
    ports.sort();
    ports.dedup();
    ports
}
